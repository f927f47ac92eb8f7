#!/bin/sh
# Thousands of random chips through both engines, tight memories, physics, and how much faster the fast engine is.
# usage: tests/bench/engines.sh [CASES]     (built in build/sim; SPIKELOOP_BUILD says another folder)
set -eu
cd "$(dirname "$0")/../.."
bin=$(cd "${SPIKELOOP_BUILD:-build/sim}/bin" && pwd)
cases=${1:-5000}
export SYSTEMC_DISABLE_COPYRIGHT_MESSAGE=1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$bin/example_networks" "$work" >/dev/null
"$bin/example_trace" "$work/small_cnn.nir" "$work/small_cnn.h5" 1 0.1
tests/bench/engines_by_networks.py "$bin/spikeloop-sim" hwconfigs/rram-32nm.json \
  small_cnn="$work/small_cnn.nir,$work/small_cnn.h5"
SPIKELOOP_ENGINE_SEED=100000 SPIKELOOP_ENGINE_CASES="$cases" "$bin/test_sim" --gtest_filter='Engines.HaveTheSame*'
SPIKELOOP_STALL_CASES="$cases" "$bin/test_sim" --gtest_filter='Stall.NoAcceptedChipStops'
SPIKELOOP_PHYSICS_CASES=$((cases / 10)) "$bin/test_sim" --gtest_filter='Physics.Slower*'
