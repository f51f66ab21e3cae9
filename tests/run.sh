#!/usr/bin/env bash
# All checks: formatting, lints, tests. From any folder: bash tests/run.sh
set -eu
cd "$(dirname "$0")/.."
cargo fmt --all -- --check
cargo test --quiet -p shared -p host
