#!/usr/bin/env bash
# Writes the golden models and what a session says of texts.txt with them. To be run, and its output committed, only
# when the number of the format's version rises (shared/src/format/mod.rs): otherwise a difference is a fault.
set -euo pipefail
cd "$(dirname "$0")"
host() { cargo run --quiet -p host -- "$@"; }
make() {
    local name=$1
    shift
    host train --epochs 2 --vocab 40 --embed 4 --hidden 4 "$@" --export "$name.bin" >/dev/null
    host run --trace --model "$name.bin" <texts.txt >"$name.txt"
}
make rnn --ngrams 0 --cell rnn --pooling last
make gru --ngrams 0 --cell gru --pooling mean
make lstm --ngrams 0 --cell lstm --pooling max --layers 2 --embed-bits 4
make fastgrnn --ngrams 0 --cell fastgrnn --pooling mean --head-hidden 5
make folded --ngrams 0 --cell gru --pooling mean --fold
make ngrams --cell gru --pooling mean --ngrams 60 --ngram-words 2 --ngram-characters 4
