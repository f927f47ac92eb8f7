#!/usr/bin/env bash
# sinabs' convolutional network on the 100 N-MNIST test samples of the shared data: imported, quantised, traced and
# computed on a chip with ideal devices, in frames of 1 ms. Prints a table in Markdown. Exit code 1 when fewer than 95
# of 100 are right with soft reset, or when the crossbars predict otherwise than the trace.
# usage: nmnist.sh [--samples LIST] [--frames T] [--chip CHIP.json] [--replay LIST]
#        --replay: samples that are also simulated cycle by cycle (default: all; "none": no replay)
#        SPIKELOOP_BIN: folder of the programs, default build/release/bin; SPIKELOOP_SHARED: default ../shared
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
bin=${SPIKELOOP_BIN:-$root/build/release/bin}
shared=${SPIKELOOP_SHARED:-$root/../shared}
samples=0-99 frames=300 chip=$root/hwconfigs/neurosim-22nm.json replay=all
while (($# > 1)); do
  case $1 in
    --samples) samples=$2 ;;
    --frames) frames=$2 ;;
    --chip) chip=$2 ;;
    --replay) replay=$2 ;;
    *) break ;;
  esac
  shift 2
done
if (($# > 0)); then
  sed -n '5,7s/^# //p' "${BASH_SOURCE[0]}" >&2
  exit 2
fi
for needed in "$shared/refs/nir/cnn_sinabs.nir" "$shared/data/N-MNIST/Test"; do
  if [[ ! -e $needed ]]; then
    echo "nmnist: skipped, absent: $needed"
    exit 0
  fi
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
data=(--dataset nmnist --data "$shared/data/N-MNIST" --frame-us 1000)

# traced NETWORK: "RIGHT of SAMPLES", and the trace beside the network
traced() {
  "$bin/spikeloop" trace --network "$1" "${data[@]}" --samples "$samples" --out "${1%.nir}.h5" |
    sed -E 's/^([0-9]+) samples?, ([0-9]+) classified.*/\2 of \1/'
}

failures=0
fail() {
  printf 'nmnist: %s\n' "$*" >&2
  failures=1
}
# enough "RIGHT of SAMPLES": at least 95 of 100
enough() { awk -v share="$1" 'BEGIN { split(share, n, " of "); exit !(n[2] > 0 && 100 * n[1] >= 95 * n[2]) }'; }

printf '| reset | float weights | 8-bit weights | on crossbars | as in the trace |\n|---|---|---|---|---|\n'
for reset in soft hard; do
  "$bin/spikeloop" import "$shared/refs/nir/cnn_sinabs.nir" --reset "$reset" --timesteps "$frames" --dataset nmnist \
    --out "$work/$reset-float.nir" >"$work/import.txt"
  "$bin/spikeloop" quantise "$work/$reset-float.nir" "${data[@]}" --weight-bits 8 --out "$work/$reset.nir" \
    >"$work/quantise.txt"
  float=$(traced "$work/$reset-float.nir")
  integer=$(traced "$work/$reset.nir")
  "$bin/spikeloop-sim" --network "$work/$reset.nir" --trace "$work/$reset.h5" --hw "$chip" --functional-only \
    --out "$work/$reset.json" 2>/dev/null >"$work/$reset.txt"
  correct=$(awk '/^  correct/ { print $2 " of " $4; exit }' "$work/$reset.txt")
  agreeing=$(awk '/^  as in the trace/ { print $5 " of " $7; exit }' "$work/$reset.txt")
  printf '| %s | %s | %s | %s | %s |\n' "$reset" "$float" "$integer" "$correct" "$agreeing"
  [[ -n $agreeing && ${agreeing% of *} == "${agreeing#* of }" ]] ||
    fail "$reset reset: the crossbars agree with the trace on $agreeing predictions only"
  [[ $reset == hard ]] && continue
  for share in "$float" "$integer" "$correct"; do
    enough "$share" || fail "soft reset: $share right, expected 95 of 100"
  done
done
[[ $replay != none ]] || exit "$failures"
chosen=()
if [[ $replay != all ]]; then chosen=(--samples "$replay"); fi
printf '\nsoft reset, cycle by cycle\n'
"$bin/spikeloop-sim" --network "$work/soft.nir" --trace "$work/soft.h5" --hw "$chip" --functional "${chosen[@]}" \
  2>/dev/null | sed -n '1p;/^  correct/p;/^  as in the trace/p;/^per sample/,/^  energy/p'
exit "$failures"
