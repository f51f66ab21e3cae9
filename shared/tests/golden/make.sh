#!/usr/bin/env bash
# Writes the golden models and what a session says of texts.txt with them. To be run, and its output committed, only
# when the number of the format's version rises (shared/src/format/mod.rs): otherwise a difference is a fault.
set -euo pipefail
cd "$(dirname "$0")"
host() { cargo run --quiet -p host -- "$@"; }
make() {
    local name=$1
    shift
    host train --epochs 2 --vocab 40 --embed 4 --hidden 4 --wide 0 "$@" --export "$name.bin" >/dev/null
    host run --trace --model "$name.bin" <texts.txt >"$name.txt"
}
make rnn --cell rnn --pooling last
make gru --cell gru --pooling mean
make lstm --cell lstm --pooling max --layers 2 --embed-bits 4
make fastgrnn --cell fastgrnn --pooling mean --head-hidden 5
make folded --cell gru --pooling mean --fold
