#!/usr/bin/env bash
# What waves cost: the same run without them (in this build and, to compare, in another one), and with them.
# usage: tests/bench/waves_cost.sh [OTHER-SPIKELOOP-SIM]     (built in build/sim; SPIKELOOP_BUILD says another folder)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
bin=$(realpath "${SPIKELOOP_BUILD:-build/sim}/bin")
other=${1:+$(realpath "$1")}
chip=$(realpath hwconfigs/rram-32nm.json)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"$bin/example_networks" . >/dev/null
"$bin/example_trace" small_cnn.nir trace.h5 4 0.1
run=(--network small_cnn.nir --trace trace.h5 --hw "$chip" --quiet)

# best NAME PROGRAM ARGUMENTS...: CPU time, the least of nine runs, as what else happens on a machine only adds.
best() {
  local name=$1 TIMEFORMAT='%U %S'
  shift
  for _ in 1 2 3 4 5 6 7 8 9; do
    { time "$@" --out "$work/out.json" >/dev/null 2>&1; } 2>&1
  done | awk -v name="$name" '{ t = $1 + $2; if (NR == 1 || t < least) least = t } END { printf "%-34s %7.3f s\n", name, least }'
}

if [[ -n $other ]]; then best "without, other build" "$other" "${run[@]}"; fi
best "without" "$bin/spikeloop-sim" "${run[@]}"
if [[ -n $other ]]; then best "without, other build, again" "$other" "${run[@]}"; fi
best "without, again" "$bin/spikeloop-sim" "${run[@]}"
best "--waves .vcd, one tile" "$bin/spikeloop-sim" "${run[@]}" --waves w.vcd --wave-signals 'chip.tile_0_0.*'
best "--waves .vcd, 10,000 cycles" "$bin/spikeloop-sim" "${run[@]}" --waves w.vcd --wave-window 10000:20000
best "--waves .vcd, all" "$bin/spikeloop-sim" "${run[@]}" --waves all.vcd
if command -v vcd2fst >/dev/null; then best "--waves .fst, all" "$bin/spikeloop-sim" "${run[@]}" --waves all.fst; fi
ls -l all.* | awk '{ print $NF ": " $5 " bytes" }'
