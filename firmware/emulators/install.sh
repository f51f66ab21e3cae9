#!/usr/bin/env bash
# Installs the emulators that are no packages of the system, with their pinned versions, in target/emulators.
set -euo pipefail
cd "$(dirname "$0")"
folder=../../target/emulators
mkdir -p "$folder"
# Whether what was installed last is what is asked for now.
current() { cmp --quiet "$1" "$folder/installed/$1"; }
done_with() { mkdir -p "$folder/installed" && cp "$1" "$folder/installed/$1"; }
if ! current package-lock.json; then
    cp package.json package-lock.json "$folder"
    npm ci --prefix "$folder" --no-audit --no-fund
    done_with package-lock.json
fi
if ! current requirements.txt; then
    python3 -m venv "$folder/venv"
    "$folder/venv/bin/pip" install --quiet --disable-pip-version-check --requirement requirements.txt
    done_with requirements.txt
fi
