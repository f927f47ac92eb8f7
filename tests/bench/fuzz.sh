#!/usr/bin/env bash
# Fuzzes the readers of configurations, data sets, networks, recorded spikes and traces under the address and undefined-behaviour sanitizers.
# usage: tests/bench/fuzz.sh [SECONDS] [TARGET...]     default: 600 s each of config, dataset, network, nirdata and trace
# What it finds stays in build/fuzz/findings; the corpora stay in build/fuzz/corpus and grow from run to run.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

seconds=${1:-600}
shift || true
targets=("$@")
if [[ ${#targets[@]} == 0 ]]; then targets=(config dataset network nirdata trace); fi
if ! command -v clang++ >/dev/null; then
  echo "fuzz: skipped, clang++ is not installed (tools/setup.sh --dev installs it)"
  exit 0
fi

cmake --preset fuzz >/dev/null
cmake --build --preset fuzz
build=$PWD/build/fuzz
mkdir -p "$build/corpus" "$build/findings"
"$build/bin/write_fuzz_seeds" "$build/seeds"
export SYSTEMC_DISABLE_COPYRIGHT_MESSAGE=1
# libhdf5 leaks when it fails; the library's own memory is not ours to watch.
export ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1 UBSAN_OPTIONS=print_stacktrace=1

for target in "${targets[@]}"; do
  mkdir -p "$build/corpus/$target"
  options=(-max_total_time="$seconds" -timeout=20 -rss_limit_mb=3000 -max_len=4096 -print_final_stats=1
    -artifact_prefix="$build/findings/$target-")
  if [[ $target == config ]]; then options+=(-dict="$build/seeds/config.dict" -max_len=20000); fi
  if ! "$build/bin/fuzz_$target" "${options[@]}" "$build/corpus/$target" "$build/seeds/$target" \
    >"$build/$target.log" 2>&1; then
    tail -40 "$build/$target.log"
    echo "fuzz: $target: a finding, see $build/$target.log and $build/findings" >&2
    exit 1
  fi
  runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$build/$target.log")
  coverage=$(sed -n 's/.*cov: \([0-9]*\) .*/\1/p' "$build/$target.log" | tail -1)
  echo "fuzz: $target: $runs executions in $seconds s, $coverage edges, no finding"
done
