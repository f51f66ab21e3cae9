#!/usr/bin/env bash
# Checks that `--features cuda` compiles and links, also on a machine without a GPU, and where there is one that it
# computes what the CPU does: the toolkit comes from PyPI, libcuda.so is a stub made here (the real one belongs to the
# driver).
#   tests/cuda.sh [FOLDER]     FOLDER keeps toolkit and build (default target/cuda); about 20 minutes on 2 cores
# CUDA_COMPUTE_CAP chooses the GPU's generation (default 90), CARGO_BUILD_JOBS the jobs. Where a toolkit is
# installed, plain `cargo build -p host --features cuda` does the same.
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p "${1:-target/cuda}"
folder=$(realpath "${1:-target/cuda}")

[ -x "$folder/venv/bin/pip" ] || python3 -m venv "$folder/venv"
# The oldest toolkit of its generation: kernels are compiled by the driver, which reads no code of a newer one.
"$folder/venv/bin/pip" install --quiet 'nvidia-cuda-nvcc==13.0.*' 'nvidia-nvvm==13.0.*' 'nvidia-cuda-crt==13.0.*' \
  'nvidia-cuda-runtime==13.0.*' 'nvidia-cuda-cccl==13.0.*' 'nvidia-cuda-nvrtc==13.0.*' 'nvidia-cublas==13.0.*' \
  'nvidia-curand==10.4.0.*'
toolkit=$(echo "$folder"/venv/lib/python3*/site-packages/nvidia/cu13)
[ -x "$toolkit/bin/nvcc" ] || { echo "no nvcc in $toolkit" >&2; exit 1; }

# The wheels have libraries under their versioned names only.
for library in "$toolkit"/lib/lib*.so.*; do
  ln -sf "$(basename "$library")" "${library%%.so.*}.so"
done
# Rust's build scripts look in lib64, too.
ln -sfn lib "$toolkit/lib64"

# A libcuda whose functions exist and say no (999 is CUDA_ERROR_UNKNOWN).
mkdir -p "$folder/stub"
grep -ohE '\bcu[A-Z][A-Za-z0-9_]+' "$toolkit/include/cuda.h" | sort -u |
  sed 's/.*/int &(void) { return 999; }/' > "$folder/stub/cuda.c"
"${CC:-cc}" -shared -fPIC -w -Wl,-soname,libcuda.so.1 -o "$folder/stub/libcuda.so" "$folder/stub/cuda.c"

export CUDA_HOME=$toolkit CUDA_PATH=$toolkit CUDA_ROOT=$toolkit CUDA_TOOLKIT_ROOT_DIR=$toolkit
export PATH=$toolkit/bin:$PATH CUDA_COMPUTE_CAP=${CUDA_COMPUTE_CAP:-90}
export LIBRARY_PATH=$toolkit/lib:$folder/stub${LIBRARY_PATH:+:$LIBRARY_PATH}
export RUSTFLAGS="${RUSTFLAGS:-} -L native=$toolkit/lib -L native=$folder/stub"
cargo build -p host --features cuda --target-dir "$folder/build"
cargo test -p host --lib --features cuda --target-dir "$folder/build" --no-run
echo "host with --features cuda compiles and links"
if command -v nvidia-smi >/dev/null && nvidia-smi --list-gpus; then
  export LD_LIBRARY_PATH=$toolkit/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
  cargo test -p host --lib --features cuda --target-dir "$folder/build" model::
else
  echo "there is no GPU here: nothing was run on one"
fi
