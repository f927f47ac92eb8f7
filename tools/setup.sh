#!/usr/bin/env bash
# Installs what building and testing spikeloop needs and Debian 12 does not have yet.
# usage: tools/setup.sh [--check] [--dev]
set -euo pipefail

usage() {
  cat <<'USAGE'
usage: tools/setup.sh [--check] [--dev]

Installs the missing packages of Debian 12 with apt, as root or through sudo. Running it again does nothing.

  --check   only list what is missing; exit status 1 when something is
  --dev     also clang-format 14 and clang with libFuzzer, which tools/check.sh uses, and clang-tidy 14
  --help    this text

SPIKELOOP_SETUP=no skips the whole step (another distribution, packages installed by hand).
USAGE
}

# To build every program and test. libtorch-dev brings glog, gflags and protobuf, which its CMake package asks for.
build_packages=(
  g++ cmake ninja-build ccache pkg-config
  libsystemc-dev libtorch-dev nlohmann-json3-dev libboost-program-options-dev
  libhdf5-dev libsqlitecpp-dev libsqlite3-dev libgtest-dev
  libjpeg62-turbo-dev zlib1g-dev libzip-dev # data sets: JPEG, gzip, .npz
  libjemalloc-dev # a training's heap
  libopenblas0-pthread # else LibTorch takes the reference BLAS (scores 4 times slower); the serial build is not thread-safe
)
# To build and run every test: h5py reads and writes our files in the interoperability tests, jsonschema checks the
# chips against the published schema, Eigen solves the circuits that the simulator approximates.
test_packages=(python3-h5py python3-jsonschema libeigen3-dev)
# clang: the fuzzers; gtkwave: vcd2fst and fst2vcd, without which tests of FST files are skipped.
dev_packages=(clang-format-14 clang-tidy-14 clang libclang-rt-14-dev gtkwave)

say() { printf 'setup: %s\n' "$*"; }
fail() {
  printf 'setup: error: %s\n' "$*" >&2
  exit 2
}

check_only=no
wanted=("${build_packages[@]}" "${test_packages[@]}")
for argument in "$@"; do
  case "$argument" in
    --check) check_only=yes ;;
    --dev) wanted+=("${dev_packages[@]}") ;;
    --help | -h) usage && exit 0 ;;
    *) fail "unknown argument '$argument' (known: --check, --dev, --help)" ;;
  esac
done

if [[ "${SPIKELOOP_SETUP:-}" == no ]]; then
  say "skipped (SPIKELOOP_SETUP=no)"
  exit 0
fi

release_file=/etc/os-release
system="unknown system"
if [[ -r $release_file ]]; then
  # shellcheck disable=SC1090
  system=$(. "$release_file" && printf '%s' "${ID:-unknown} ${VERSION_ID:-}")
fi
if [[ "$system" != "debian 12" ]] || ! command -v apt-get >/dev/null; then
  fail "this installs packages on Debian 12 only and this is '$system'; install the likes of: ${wanted[*]};" \
    "then run again with SPIKELOOP_SETUP=no"
fi

missing=()
for package in "${wanted[@]}"; do
  state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
  [[ "$state" == installed ]] || missing+=("$package")
done

if ((${#missing[@]} == 0)); then
  say "all ${#wanted[@]} packages are installed"
  exit 0
fi
if [[ $check_only == yes ]]; then
  say "missing: ${missing[*]}"
  exit 1
fi

as_root=()
if ((EUID != 0)); then
  command -v sudo >/dev/null ||
    fail "missing packages need root: neither root nor sudo here; as root run: apt-get install ${missing[*]}"
  as_root=(sudo)
  # Without a terminal sudo cannot ask for a password: it must work without one.
  [[ -t 0 ]] || as_root+=(-n)
  refusal=$("${as_root[@]}" true 2>&1) ||
    fail "sudo refused (${refusal%%$'\n'*}); as root run: apt-get install ${missing[*]}"
fi

log=$(mktemp --suffix=.spikeloop-setup)
apt_get() {
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 \
    apt-get -y -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 "$@" </dev/null >"$log" 2>&1
}
# The line of apt's output that says why; without one, its last line.
reason() {
  local line
  line=$(grep -E '^(E:|dpkg: error)' "$log" | head -n 1 || true)
  printf '%s' "${line:-$(tail -n 1 "$log")}"
}

say "installing with apt-get: ${missing[*]}"
# One broken foreign source makes the update fail and need not matter: the install decides.
apt_get update --error-on=any || say "warning: apt-get update failed: $(reason)"
apt_get install --no-install-recommends "${missing[@]}" ||
  fail "apt-get install failed: $(reason) (all it said: $log)"
rm -f "$log"
say "installed ${#missing[@]} packages and what they depend on"
