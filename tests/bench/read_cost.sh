#!/bin/sh
# What the trial read in a child process (traces/support/trial_read.h) adds to reading networks and traces, in processor time.
# usage: tests/bench/read_cost.sh [FILE...]     (built in build/sim; SPIKELOOP_BUILD says another folder)
set -eu
cd "$(dirname "$0")/../.."
bin=$(cd "${SPIKELOOP_BUILD:-build/sim}/bin" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if [ $# = 0 ]; then
  "$bin/example_networks" "$work" >/dev/null
  set -- "$work"/*.nir
fi
"$bin/read_cost" 5 "$@" >"$work/with"
"$bin/read_cost_without_trial" 5 "$@" >"$work/without"
printf '%-28s %10s %10s %8s %8s\n' file 'with' without adds ratio
paste -d ' ' "$work/with" "$work/without" |
  awk '{ printf "%-28s %7.2f ms %7.2f ms %5.2f ms %8.2f\n", $1, $2, $4, $2 - $4, $2 / $4 }'
