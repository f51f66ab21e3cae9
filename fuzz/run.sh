#!/usr/bin/env bash
# Fuzzes a target for some seconds: fuzz/run.sh model|session|state|corpus|weights|checkpoint [SECONDS].
# libFuzzer with coverage counters and overflow checks; with `cargo fuzz` and a nightly toolchain, `cargo fuzz run
# TARGET` does the same under AddressSanitizer. What is found is kept in fuzz/corpus, crashes in fuzz/artifacts.
set -euo pipefail
cd "$(dirname "$0")"
target=${1:?a target: model, session, state, corpus, weights or checkpoint}
seconds=${2:-60}
features=()
case $target in corpus | weights | checkpoint) features=(--features host) ;; esac
triple=$(rustc -vV | sed -n 's/^host: //p')
llvm=-Cllvm-args=-sanitizer-coverage
# The files that a target writes are small and many.
[ -w /dev/shm ] && export TMPDIR=/dev/shm
export RUSTFLAGS="-Cpasses=sancov-module $llvm-level=4 $llvm-inline-8bit-counters $llvm-pc-table $llvm-trace-compares --cfg fuzzing"
cargo build --quiet --locked --target "$triple" --bin "$target" ${features[@]+"${features[@]}"}
mkdir -p "corpus/$target" artifacts
seeds=()
[ -d "seeds/$target" ] && seeds+=("seeds/$target")
[ "$target" = model ] && seeds+=(../shared/tests/golden)
exec "target/$triple/debug/$target" "corpus/$target" ${seeds[@]+"${seeds[@]}"} \
    -max_total_time="$seconds" -max_len=65536 -timeout=1 -rss_limit_mb=1024 -print_final_stats=1 \
    -artifact_prefix=artifacts/
