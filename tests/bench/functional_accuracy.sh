#!/usr/bin/env bash
# Accuracy of a network on a chip's crossbars over ADC bits 3 to 8 and conductance variation 0 to 20 %, without a
# replay. Prints a table in Markdown; the mean over SEEDS chips where devices vary.
# usage: functional_accuracy.sh NETWORK.nir TRACE.h5 CHIP.json [--samples LIST] [--seeds N] [--set PATH=VALUE ...]
#        SPIKELOOP_SIM: the program, default build/release/bin/spikeloop-sim
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
program=${SPIKELOOP_SIM:-$root/build/release/bin/spikeloop-sim}
if (($# < 3)); then
  sed -n '4,5s/^# //p' "${BASH_SOURCE[0]}" >&2
  exit 2
fi
network=$1 trace=$2 chip=$3
shift 3
seeds=3
options=()
while (($# > 0)); do
  if (($# < 2)); then
    echo "functional_accuracy: $1 needs a value" >&2
    exit 2
  fi
  if [[ $1 == --seeds ]]; then seeds=$2; else options+=("$1" "$2"); fi
  shift 2
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# accuracy SEED OPTIONS...: in percent
accuracy() {
  local seed=$1
  shift
  "$program" --network "$network" --trace "$trace" --hw "$chip" --functional-only --quiet --out "$work/out.json" \
    --seed "$seed" "${options[@]}" "$@"
  if grep -q '"accuracy": null' "$work/out.json"; then
    echo "functional_accuracy: no sample of $trace has a label" >&2
    exit 1
  fi
  awk '/"accuracy":/ { gsub(/[^0-9.e-]/, "", $2); print 100 * $2; exit }' "$work/out.json"
}
mean() {
  local sum=0 seed
  for ((seed = 1; seed <= seeds; ++seed)); do sum=$(awk -v a="$sum" -v b="$(accuracy "$seed" "$@")" 'BEGIN { print a + b }'); done
  awk -v s="$sum" -v n="$seeds" 'BEGIN { printf "%.2f", s / n }'
}

variations=(0 0.05 0.1 0.15 0.2)
printf '| ADC bits |'
for v in "${variations[@]}"; do printf ' %s %% |' "$(awk -v v="$v" 'BEGIN { print 100 * v }')"; done
printf '\n|---|'
for _ in "${variations[@]}"; do printf -- '---|'; done
printf '\n'
for bits in 3 4 5 6 7 8 ideal; do
  printf '| %s |' "$bits"
  adc=(--set "adc.bits=$bits")
  if [[ $bits == ideal ]]; then adc=(--ideal-adc-bits); fi
  for v in "${variations[@]}"; do
    if [[ $v == 0 ]]; then # nothing that a seed decides, unless the chip's file has it
      printf ' %.2f |' "$(accuracy 1 "${adc[@]}" --set device.variation=0)"
    else
      printf ' %s |' "$(mean "${adc[@]}" --set "device.variation=$v")"
    fi
  done
  printf '\n'
done
