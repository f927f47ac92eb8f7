#!/usr/bin/env bash
# The program `spikeloop` from outside: whole searches on tiny networks, the same result whatever the number of
# processes and however often it is killed, and what it says to wrong input.
# usage: search_cli_test.sh PROGRAMS_DIR SOURCE_DIR
set -uo pipefail

programs=$1
source_dir=$2
hw=$source_dir/hwconfigs/rram-32nm.json
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
failures=0

fail() {
  printf 'FAIL: %s\n' "$*"
  failures=$((failures + 1))
}

# Small enough for seconds: 4 channels, 2 timesteps, 64 images.
small=(--dataset shapes --hw "$hw" --channels 4 --timesteps 2 --stem-stride 2 --second-pool 4 --hidden 0 --votes 1
  --score-batch 16 --epochs 1 --train-images 64 --test-images 20 --samples 2 --seed 3)
tiny=("${small[@]}" --candidates 3 --train 2)

# expect_refusal WHAT EXPECTED_TEXT COMMAND...: exit code 2, one line on stderr that holds the text, no output folder
expect_refusal() {
  local what=$1 text=$2 code
  shift 2
  "$@" >refusal.out 2>refusal.err
  code=$?
  [[ $code == 2 ]] || fail "$what: exit code $code, expected 2: $(cat refusal.err)"
  [[ $(wc -l <refusal.err) == 1 ]] || fail "$what: $(wc -l <refusal.err) lines on stderr, expected 1"
  grep -qF -- "$text" refusal.err || fail "$what: '$(cat refusal.err)' does not hold '$text'"
  [[ ! -e refused ]] || fail "$what: wrote something"
}

wrong_input() {
  local search=("$programs/spikeloop" search --out refused)
  expect_refusal "unknown option" "--candidates" "${search[@]}" --hw "$hw" --dataset shapes --cnadidates 3
  expect_refusal "no chip" "--hw" "${search[@]}" --dataset shapes
  expect_refusal "absent chip" "absent.json" "${search[@]}" --dataset shapes --hw absent.json
  expect_refusal "limit without unit" "ns, us, ms, s" "${search[@]}" --dataset shapes --hw "$hw" --max-latency 5
  expect_refusal "absent data" "nowhere" "${search[@]}" --hw "$hw" --dataset cifar10 --data nowhere
  expect_refusal "unknown dataset" "shapes" "${search[@]}" --hw "$hw" --dataset shape
  expect_refusal "number that is none" "--channels" "${search[@]}" --dataset shapes --hw "$hw" --channels 4.5
  expect_refusal "range" "--train" "${search[@]}" --dataset shapes --hw "$hw" --candidates 2 --train 3
  expect_refusal "override" "--set" "${search[@]}" --dataset shapes --hw "$hw" --set crossbar.rows
  expect_refusal "override of nothing" "crossbar.rows" "${search[@]}" --dataset shapes --hw "$hw" --set crossbar.row=64
  expect_refusal "executor" "local:N" "${search[@]}" --dataset shapes --hw "$hw" --executor slurm
  expect_refusal "command" "search" "$programs/spikeloop" serach
  expect_refusal "cells" "--cell" "$programs/spikeloop" train --dataset shapes --cell 0303 --out refused
  expect_refusal "no network" "--network" "$programs/spikeloop" trace --out refused
  expect_refusal "absent network" "absent.nir" "$programs/spikeloop" trace --network absent.nir --out refused
  expect_refusal "no study" "study.db" "$programs/spikeloop" study status .
  expect_refusal "no references" "absent.json" "$programs/spikeloop" verify snasnet absent.json
}

# Real evaluations: training, simulation and all.
whole_search() {
  "$programs/spikeloop" search "${tiny[@]}" --final-epochs 1 --final-train-images 64 --jobs 1 --out one \
    >one.txt 2>one.err || fail "search: exit code $?: $(tail -n 3 one.err)"
  grep -q 'Winner: candidate' one.txt || fail "no winner in: $(cat one.txt)"
  "$programs/spikeloop" search "${tiny[@]}" --final-epochs 1 --final-train-images 64 --executor local:2 --out two \
    >two.txt 2>two.err || fail "search with two jobs: exit code $?: $(tail -n 3 two.err)"
  cmp one/result.json two/result.json || fail "another number of jobs, another result"
  for file in network.nir trace.h5 measurement.json checkpoint.pt; do
    [[ -s one/winner/$file ]] || fail "no one/winner/$file"
  done
  for file in network.nir trace.h5 measurement.json; do
    cmp "one/winner/$file" "two/winner/$file" || fail "another number of jobs, another $file"
  done
  grep -qF "$work" one/result.json && fail "result.json holds a path of this machine"

  # What the search handed over can be used alone, and says the same again.
  "$programs/spikeloop-sim" --network one/winner/network.nir --trace one/winner/trace.h5 --hw "$hw" \
    --out again.json --quiet >/dev/null 2>again.err || fail "spikeloop-sim: $(cat again.err)"
  cmp again.json one/winner/measurement.json || fail "another measurement of the same files"
  "$programs/spikeloop" trace --network one/winner/network.nir --dataset shapes --samples 0,1 --out again.h5 \
    >/dev/null 2>again.err || fail "trace: $(cat again.err)"
  cmp again.h5 one/winner/trace.h5 || fail "another trace of the same network"

  "$programs/spikeloop" study status one | grep -q 'candidates' || fail "study status"
  "$programs/spikeloop" study best one/study.db | grep -q 'latency' || fail "study best"
  "$programs/spikeloop" study show one 0 | grep -q '^genotype ' || fail "study show"
  local rows
  rows=$("$programs/spikeloop" study export one --csv | wc -l)
  [[ $rows == $(($(grep -c '"draw":' one/result.json) + 1)) ]] || fail "study export: $rows lines"
  cp one/result.json before.json
  expect_refusal "other settings" "training/final_epochs: 1 in the study, 2 now" \
    "$programs/spikeloop" search "${tiny[@]}" --final-epochs 2 --final-train-images 64 --out one
  cmp before.json one/result.json || fail "a refused search changed result.json"
}

# Killed once while it really trains.
killed_search() {
  local options=("${tiny[@]}" --final-epochs 1 --final-train-images 64 --jobs 2 --out killed)
  setsid "$programs/spikeloop" search "${options[@]}" >/dev/null 2>&1 &
  local search=$!
  for _ in $(seq 600); do
    [[ -e killed/candidates/0/job.json || -e killed/candidates/1/job.json || -e killed/candidates/2/job.json ]] && break
    sleep 0.1
  done
  kill -9 "$search" 2>/dev/null
  wait "$search" 2>/dev/null
  "$programs/spikeloop" search "${options[@]}" >/dev/null 2>killed.err || fail "resumed search: $(tail -n 3 killed.err)"
  cmp one/result.json killed/result.json || fail "another result after a kill"
}

# Lines that the fake evaluator left in a study's job folders.
evaluations() {
  find "$1/candidates" -name evaluated -exec cat {} + 2>/dev/null | wc -l
}

# Killed at many moments, with an evaluator that makes its results up.
killed_often() {
  mkdir fake
  cp "$programs/spikeloop" fake/coordinator
  cp "$source_dir/tests/nas/fake_evaluator.sh" fake/spikeloop
  cp "$programs/spikeloop-job" "$programs/spikeloop-sim" fake/
  local options=("${small[@]}" --candidates 10 --train 3 --final-epochs 1 --quiet --max-energy 900000mJ)
  fake/coordinator search "${options[@]}" --jobs 1 --out whole >/dev/null || fail "search with the fake: exit code $?"
  local target kills=0
  for target in 1 3 6 9 11 13 15; do
    fake/coordinator search "${options[@]}" --jobs 2 --out often >/dev/null 2>&1 &
    local search=$!
    while kill -0 "$search" 2>/dev/null && (($(evaluations often) < target)); do sleep 0.01; done
    kill -9 "$search" 2>/dev/null && kills=$((kills + 1))
    wait "$search" 2>/dev/null
  done
  [[ $kills -ge 5 ]] || fail "killed only $kills times"
  fake/coordinator search "${options[@]}" --jobs 2 --out often >/dev/null || fail "search after $kills kills"
  cmp whole/result.json often/result.json || fail "another result after $kills kills"
  printf 'killed %d times\n' "$kills"
}

# Nothing can meet a latency of a nanosecond: exit code 1, and what came closest.
impossible_search() {
  "$programs/spikeloop" search "${tiny[@]}" --max-latency 1ns --jobs 2 --out impossible >impossible.txt 2>&1
  local code=$?
  [[ $code == 1 ]] || fail "impossible limits: exit code $code, expected 1"
  grep -q 'No candidate meets the limits' impossible.txt || fail "impossible limits: $(cat impossible.txt)"
}

wrong_input
whole_search
killed_search
killed_often
impossible_search
[[ $failures == 0 ]] && echo "all passed"
exit "$((failures > 0))"
