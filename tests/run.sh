#!/usr/bin/env bash
# All checks of the project: formatting, lints, unit tests, bare-metal builds, emulated boards.
# Installs what is missing with apt-get if it may, otherwise says what to install and fails.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf '\n== %s\n' "$*"; }
stop() { printf 'error: %s\n' "$*" >&2; exit 1; }

command -v cargo >/dev/null || stop "no cargo: install Rust with rustup (https://rustup.rs), then run this again"
cargo fmt --version >/dev/null 2>&1 && cargo clippy --version >/dev/null 2>&1 ||
    stop "no rustfmt or clippy: run 'rustup component add rustfmt clippy'"

packages=()
command -v cc >/dev/null || packages+=(gcc libc6-dev)
command -v g++ >/dev/null || packages+=(g++)
command -v cmake >/dev/null || packages+=(cmake)
command -v python3 >/dev/null || packages+=(python3)
command -v valgrind >/dev/null || packages+=(valgrind)
command -v arm-none-eabi-gcc >/dev/null || packages+=(gcc-arm-none-eabi)
[ -f /usr/include/newlib/stdio.h ] || packages+=(libnewlib-arm-none-eabi)
command -v riscv64-unknown-elf-gcc >/dev/null || packages+=(gcc-riscv64-unknown-elf)
[ -d /usr/lib/picolibc/riscv64-unknown-elf ] || packages+=(picolibc-riscv64-unknown-elf)
command -v qemu-system-arm >/dev/null || packages+=(qemu-system-arm)
command -v qemu-system-riscv32 >/dev/null || packages+=(qemu-system-misc)
command -v node >/dev/null || packages+=(nodejs)
command -v npm >/dev/null || packages+=(npm)
python3 -c 'import ensurepip' 2>/dev/null || packages+=(python3-venv)
command -v wasm-opt >/dev/null || packages+=(binaryen)
command -v chromium >/dev/null || packages+=(chromium)
command -v chromedriver >/dev/null || packages+=(chromium-driver)
sources() { [ -f "$("$1" --print sysroot 2>/dev/null)/lib/rustlib/src/rust/library/core/Cargo.toml" ]; }
cores() {
    local target
    for target in "$@" $(sed -n 's/^target = "\(.*\)"/\1/p' firmware/boards/*/board.toml | sort -u); do
        ls "$(rustc --print target-libdir --target "$target")"/libcore-* >/dev/null 2>&1 || return 1
    done
}
if ! cores wasm32-unknown-unknown && ! sources rustc; then
    sources /usr/bin/rustc || packages+=(rustc-web cargo-web rust-web-src)
    [ -x /usr/bin/cargo-clippy ] || packages+=(rust-web-clippy)
fi
if [ ${#packages[@]} -gt 0 ]; then
    install="apt-get update && apt-get install -y --no-install-recommends ${packages[*]}"
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || stop "missing: ${packages[*]}; run '$install'"
    say "installing ${packages[*]}"
    bash -c "$install"
fi

say "emulators in target/emulators"
bash firmware/emulators/install.sh

say "formatting"
cargo fmt --all -- --check
say "lints"
cargo clippy --workspace --all-targets -- --deny warnings
say "unit and property tests"
cargo test --package telltale --package telltale-build --package host
say "end-to-end suites and emulated boards"
cargo test --package tests
say "fuzz targets of the engine, some seconds each"
for target in model session state; do
    log=$(mktemp)
    bash fuzz/run.sh "$target" 15 >"$log" 2>&1 || { tail -n 40 "$log"; stop "fuzz/run.sh $target"; }
    grep '^Done' "$log"
done
