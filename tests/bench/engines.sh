#!/bin/sh
# Thousands of random chips through both engines, tight memories, physics, and how much faster the fast engine is.
# usage: tests/bench/engines.sh [CASES]     (built in build/sim; SPIKELOOP_BUILD says another folder)
set -eu
cd "$(dirname "$0")/../.."
test_sim=${SPIKELOOP_BUILD:-build/sim}/bin/test_sim
cases=${1:-5000}
export SYSTEMC_DISABLE_COPYRIGHT_MESSAGE=1
"$test_sim" --gtest_also_run_disabled_tests --gtest_filter='Engines.DISABLED_BenchOfMiddleSize'
SPIKELOOP_ENGINE_SEED=100000 SPIKELOOP_ENGINE_CASES="$cases" "$test_sim" --gtest_filter='Engines.HaveTheSame*'
SPIKELOOP_STALL_CASES="$cases" "$test_sim" --gtest_filter='Stall.NoAcceptedChipStops'
SPIKELOOP_PHYSICS_CASES=$((cases / 10)) "$test_sim" --gtest_filter='Physics.Slower*'
