# Sourced by the scripts beside it: where the repository is, and headings that tell the time.
STRATA_ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
cd "$STRATA_ROOT"
STRATA_STARTED=${STRATA_STARTED:-$(date +%s)}
export STRATA_STARTED
# What ccache keeps serves every checkout on this machine, and what uses the precompiled header too.
export CCACHE_BASEDIR="${CCACHE_BASEDIR:-$STRATA_ROOT}" CCACHE_NOHASHDIR=true
export CCACHE_SLOPPINESS="${CCACHE_SLOPPINESS:-pch_defines,time_macros}"

# step TEXT: a heading with the time since the first script of this run began.
step() {
  local elapsed=$(($(date +%s) - STRATA_STARTED))
  printf '\n[%2d:%02d] %s\n' $((elapsed / 60)) $((elapsed % 60)) "$*"
}

# note TEXT: one indented line under a heading.
note() { printf '        %s\n' "$*"; }

# fail TEXT: says why and stops.
fail() {
  printf '\nerror: %s\n' "$*" >&2
  exit 1
}

# torch_arguments: sets TORCH_ARGUMENTS, the CMake argument that names the user's own LibTorch.
torch_arguments() {
  TORCH_ARGUMENTS=()
  if [ -n "${STRATA_TORCH_ROOT:-}" ]; then
    TORCH_ARGUMENTS=("-DSTRATA_TORCH_ROOT=$STRATA_TORCH_ROOT")
  fi
}
