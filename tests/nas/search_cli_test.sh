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
  local asked=("$programs/spikeloop" search --out refused)
  expect_refusal "unknown option" "--candidates" "${asked[@]}" --hw "$hw" --dataset shapes --cnadidates 3
  expect_refusal "no chip" "--hw" "${asked[@]}" --dataset shapes
  expect_refusal "absent chip" "absent.json" "${asked[@]}" --dataset shapes --hw absent.json
  expect_refusal "misspelt field" "expected tiles" "${asked[@]}" --dataset shapes --hw "$hw" --limit "tile<=5"
  expect_refusal "limit twice" "one limit of a kind" "${asked[@]}" --dataset shapes --hw "$hw" --max-energy 5uJ \
    --limit "energy_pj<=5e6"
  expect_refusal "limit without unit" "ns, us, ms, s" "${asked[@]}" --dataset shapes --hw "$hw" --max-latency 5
  expect_refusal "absent data" "nowhere" "${asked[@]}" --hw "$hw" --dataset cifar10 --data nowhere
  expect_refusal "unknown dataset" "shapes" "${asked[@]}" --hw "$hw" --dataset shape
  expect_refusal "number that is none" "--channels" "${asked[@]}" --dataset shapes --hw "$hw" --channels 4.5
  expect_refusal "range" "--train" "${asked[@]}" --dataset shapes --hw "$hw" --candidates 2 --train 3
  expect_refusal "override" "--set" "${asked[@]}" --dataset shapes --hw "$hw" --set crossbar.rows
  expect_refusal "override of nothing" "crossbar.rows" "${asked[@]}" --dataset shapes --hw "$hw" --set crossbar.row=64
  expect_refusal "executor" "local:N" "${asked[@]}" --dataset shapes --hw "$hw" --executor slurm
  expect_refusal "command" "search" "$programs/spikeloop" serach
  expect_refusal "strategy" "did you mean spikenas" "${asked[@]}" --dataset shapes --hw "$hw" --strategy spikeness
  expect_refusal "operation" "conv3x3" "${asked[@]}" --dataset shapes --hw "$hw" --ops skip,conv5x5
  expect_refusal "threshold" "threshold" "${asked[@]}" --dataset shapes --hw "$hw" --ops "conv3x3(-1)"
  expect_refusal "score" "hamming" "${asked[@]}" --dataset shapes --hw "$hw" --score hammin
  expect_refusal "axis" "positive integers" "${asked[@]}" --dataset shapes --hw "$hw" --vary channels=8,0
  expect_refusal "axis of nothing" "crossbar.row" "${asked[@]}" --dataset shapes --hw "$hw" --vary crossbar.row=64
  expect_refusal "axis that is fixed" "--set" "${asked[@]}" --dataset shapes --hw "$hw" --vary adc.bits=5,6 --set adc.bits=5
  expect_refusal "cells" "--cell" "$programs/spikeloop" train --dataset shapes --cell 0303 --out refused
  expect_refusal "cells without an edge" "first cell" \
    "$programs/spikeloop" train --dataset shapes --cell 0000/0000/0000/0000 --out refused
  expect_refusal "cell that is not cleaned" "first cell" \
    "$programs/spikeloop" train --dataset shapes --cell 0300/0000/0000/0000 --out refused
  expect_refusal "one bad cell" "second cell" \
    "$programs/spikeloop" train --dataset shapes --cell '0303/0030/2002/0200|0300/0000/0000/0000' --out refused
  expect_refusal "no jobs" "--jobs: found 0, expected 1 to" "${asked[@]}" --dataset shapes --hw "$hw" --jobs 0
  expect_refusal "no data" "--data: found nothing" "${asked[@]}" --dataset cifar10 --hw "$hw"
  local size
  for size in "--train-images 10001" "--final-train-images 10001" "--test-images 2001" "--samples 2001" \
    "--score-batch 10001"; do
    # shellcheck disable=SC2086
    expect_refusal "more than the dataset has" "${size% *}" "${asked[@]}" --dataset shapes --hw "$hw" $size
  done
  expect_refusal "no network" "--network" "$programs/spikeloop" trace --out refused
  expect_refusal "absent network" "absent.nir" "$programs/spikeloop" trace --network absent.nir --out refused
  expect_refusal "no study" "study.db" "$programs/spikeloop" study status .
  expect_refusal "folder of images for none" "--data: found it beside dataset shapes" \
    "${asked[@]}" --hw "$hw" --dataset shapes --data .
  expect_refusal "images of no final training" "--final-train-images: found it beside --final-epochs 0" \
    "${asked[@]}" --hw "$hw" --dataset shapes --final-epochs 0 --final-train-images 5
  expect_refusal "two schedules" "--schedule: found --set schedule as well" \
    "${asked[@]}" --hw "$hw" --dataset shapes --schedule pipelined --set schedule=pipelined
  expect_refusal "words behind version" "version: found" "$programs/spikeloop" version now
  expect_refusal "no references" "absent.json" "$programs/spikeloop" verify snasnet absent.json
  expect_refusal "no file" "FILE" "$programs/spikeloop" verify snasnet
}

# zero_cifar DIR: all images black, all labels 0; the files take no room.
zero_cifar() {
  mkdir -p "$1"
  truncate -s 30730000 "$1"/test_batch.bin "$1"/data_batch_{1,2,3,4,5}.bin
}

# label FILE RECORD LABEL (two hex digits)
label() {
  printf '%b' "\\x$3" | dd of="$1" bs=1 seek=$(($2 * 3073)) conv=notrunc status=none
}

wrong_data() {
  local asked=("$programs/spikeloop" search --out refused --dataset cifar10 --hw "$hw" --data bad)
  zero_cifar bad
  rm bad/data_batch_3.bin
  expect_refusal "absent batch" "bad/data_batch_3.bin" "${asked[@]}"
  truncate -s 30729999 bad/data_batch_3.bin
  expect_refusal "truncated batch" "bad/data_batch_3.bin: size: found 30729999 bytes" "${asked[@]}"
  truncate -s 30730000 bad/data_batch_3.bin
  label bad/data_batch_3.bin 9999 0a
  expect_refusal "label" "bad/data_batch_3.bin: record 9999: found label 10" "${asked[@]}"
  label bad/test_batch.bin 7 ff
  expect_refusal "label" "bad/test_batch.bin: record 7: found label 255" "${asked[@]}"
  rm -r bad
}

# unsuited_network: a network for other images, made by write_cli_files.
unsuited_network() {
  [[ -x $programs/write_cli_files ]] || return 0
  "$programs/write_cli_files" .
  expect_refusal "network for other images" 'network.nir: node "input": found shape [3, 8, 8]' \
    "$programs/spikeloop" trace --network network.nir --dataset shapes --out refused
  expect_refusal "record beyond the dataset" "at most 1999" \
    "$programs/spikeloop" trace --network network.nir --dataset shapes --samples 2000 --out refused
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
  local file_one
  for file_one in one/candidates/*/measurement.json one/candidates/*/*/measurement.json; do
    cmp "$file_one" "two/${file_one#one/}" || fail "another number of jobs, another $file_one"
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
  "$programs/spikeloop" study status one | grep -q '^  PRUNED     score ' || fail "study status: stage of the pruned"
  diff <("$programs/spikeloop" study best one --csv | sort) \
    <("$programs/spikeloop" study export one --csv | grep -E '^number|,COMPLETE,' | sort) || fail "study best --csv"
  local what
  for what in status show; do
    expect_refusal "CSV of $what" "--csv: found it beside $what" "$programs/spikeloop" study "$what" one --csv
  done
  expect_refusal "number behind best" "NUMBER: found" "$programs/spikeloop" study best one 0
  "$programs/spikeloop" study best one/study.db | grep -q 'latency' || fail "study best"
  "$programs/spikeloop" study show one 0 | grep -q '^genotype ' || fail "study show"
  local rows
  rows=$("$programs/spikeloop" study export one --csv | wc -l)
  [[ $rows == $(($(grep -c '"round":' one/result.json) + 1)) ]] || fail "study export: $rows lines"
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
  kill -9 "$search" 2>/dev/null || fail "the search had ended before it could be killed"
  wait "$search" 2>/dev/null
  [[ ! -e killed/result.json ]] || fail "the search had its result before it was killed"
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
  for target in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 15 16 16 17 17; do
    fake/coordinator search "${options[@]}" --jobs 2 --out often >/dev/null 2>&1 &
    local search=$!
    while kill -0 "$search" 2>/dev/null && (($(evaluations often) < target)); do sleep 0.01; done
    kill -9 "$search" 2>/dev/null && kills=$((kills + 1))
    wait "$search" 2>/dev/null
  done
  [[ $kills -ge 15 ]] || fail "killed only $kills times"
  fake/coordinator search "${options[@]}" --jobs 2 --out often >/dev/null || fail "search after $kills kills"
  cmp whole/result.json often/result.json || fail "another result after $kills kills"
  printf 'killed %d times\n' "$kills"
}

# A job that something kills is no verdict about its candidate.
killed_jobs() {
  local options=("${small[@]}" --candidates 10 --train 3 --final-epochs 1 --quiet --max-energy 900000mJ --jobs 2)
  FAKE_KILL=once fake/coordinator search "${options[@]}" --out lost >/dev/null || fail "jobs killed once"
  cmp whole/result.json lost/result.json || fail "jobs that were killed once changed the result"
  local stage code
  for stage in score measured final; do
    FAKE_KILL=$stage fake/coordinator search "${options[@]}" --out stopped >/dev/null 2>stopped.err
    code=$?
    [[ $code == 1 ]] || fail "jobs of stage $stage always killed: exit code $code, expected 1"
    [[ $(wc -l <stopped.err) == 1 ]] || fail "jobs always killed: $(cat stopped.err)"
    grep -q "stage $stage: stopped twice, last by signal 9" stopped.err || fail "jobs always killed: $(cat stopped.err)"
  done
  touch "$(echo stopped/candidates/*/final)/.result.json.1.1.tmp" # as kill -9 leaves it
  fake/coordinator search "${options[@]}" --out stopped >/dev/null || fail "search after jobs were killed"
  [[ -z $(find stopped -name '*.tmp') ]] || fail "left behind: $(find stopped -name '*.tmp')"
  cmp whole/result.json stopped/result.json || fail "killed jobs changed the result"

  # The same with real evaluations, of which the simulator is killed.
  mkdir real
  cp "$programs/spikeloop" "$programs/spikeloop-job" real/
  printf '#!/bin/sh\nkill -KILL $$\n' >real/spikeloop-sim
  chmod +x real/spikeloop-sim
  local real=(real/spikeloop search "${tiny[@]}" --final-epochs 1 --final-train-images 64 --jobs 2 --quiet --out oom)
  "${real[@]}" >/dev/null 2>oom.err
  code=$?
  [[ $code == 1 ]] || fail "killed simulators: exit code $code, expected 1"
  grep -q 'stopped twice' oom.err || fail "killed simulators: $(cat oom.err)"
  cp "$programs/spikeloop-sim" real/
  "${real[@]}" >/dev/null 2>oom.err || fail "search after killed simulators: $(cat oom.err)"
  cmp one/result.json oom/result.json || fail "killed simulators changed the result"
}

# A final training that fails or breaks a limit leaves the winner of the short training.
failed_finals() {
  local options=("${small[@]}" --candidates 10 --train 3 --final-epochs 6 --quiet --max-energy 900000mJ --jobs 2)
  local how
  for how in crash big; do
    FAKE_FINAL=$how fake/coordinator search "${options[@]}" --out "final_$how" >final.txt || fail "final $how: exit code $?"
    grep -q 'No final training gave a network within the limits' final.txt || fail "final $how: $(cat final.txt)"
    grep -q 'Winner: candidate .* after 1 epoch ' final.txt || fail "final $how: $(cat final.txt)"
    grep -q '"final_accuracy": null' "final_$how/result.json" || fail "final $how: $(cat final.txt)"
    [[ -s final_$how/winner/network.nir ]] || fail "final $how: no winner"
  done
  fake/coordinator search "${options[@]}" --out final_good >final.txt || fail "final: exit code $?"
  grep -q 'Winner: candidate .* after 6 epochs ' final.txt || fail "final: $(cat final.txt)"
}

# Every strategy, with an evaluator that makes its results up: the same result for one job or three, nothing twice.
all_strategies() {
  local strategy
  for strategy in loop snasnet spikenas neuronas lightsnn nsga2 exhaustive; do
    local options=("${small[@]}" --strategy "$strategy" --candidates 30 --train 5 --separate-cells --quiet
      --vary channels=3,4 --vary crossbar.rows=64,128 --max-energy 1500000mJ)
    fake/coordinator search "${options[@]}" --jobs 1 --out "one_$strategy" >strategy.txt 2>strategy.err
    [[ $? -le 1 && ! -s strategy.err ]] || fail "$strategy: $(cat strategy.err)"
    grep -q "^strategy $strategy: " strategy.txt || fail "$strategy: $(head -3 strategy.txt)"
    fake/coordinator search "${options[@]}" --jobs 3 --out "three_$strategy" >/dev/null 2>&1
    cmp "one_$strategy/result.json" "three_$strategy/result.json" || fail "$strategy: another number of jobs, another result"
    [[ $(grep -c '"hash":' "one_$strategy/result.json") == $(grep '"hash":' "one_$strategy/result.json" | sort -u | wc -l) ]] ||
      fail "$strategy: a candidate twice"
  done
}

# Hardware in the space, really measured: the chip that a candidate asks for is the one that is simulated.
co_search() {
  "$programs/spikeloop" search "${small[@]}" --strategy snasnet --candidates 6 --train 6 --vary crossbar.rows=64,128 --vary weight_bits=4,8 --quiet \
    --out codesign >codesign.txt 2>&1 || fail "co-search: $(cat codesign.txt)"
  local chips
  chips=$(grep -h '"sha256"' codesign/candidates/*/measurement.json codesign/candidates/*/provisional/measurement.json | sort -u | wc -l)
  [[ $chips == 2 ]] || fail "co-search simulated $chips chips, expected 2"
  grep -q 'Winner: candidate .* crossbar.rows=[0-9]* weight_bits=[48], .*([48]-bit weights)' codesign.txt || fail "co-search: $(cat codesign.txt)"
}

# Somebody else measures.
evaluators() {
  local asked=("$programs/spikeloop" search "${tiny[@]}" --quiet)
  cat >ask.sh <<'END'
grep -q '"format": "spikeloop.request"' || exit 9
[ -s network.nir ] && [ -s trace.h5 ] || exit 8
echo 'not the answer' >&2
echo '{"memory_bytes": 1, "area_um2": 2, "latency_ns": 3, "energy_pj": 4, "accuracy": 0.75, "volts": 0.9}'
END
  "${asked[@]}" --evaluator "sh $PWD/ask.sh" --limit 'volts<=1' --out asked >asked.txt 2>&1 || fail "evaluator: $(cat asked.txt)"
  grep -q 'test accuracy 75.00 %' asked.txt || fail "the evaluator's accuracy: $(cat asked.txt)"
  grep -q 'volts .* 0.9  of at most 1' asked.txt || fail "the evaluator's own field: $(cat asked.txt)"
  "${asked[@]}" --evaluator "sh $PWD/ask.sh" --limit 'volts<=0.5' --out volts >volts.txt 2>&1
  [[ $? == 1 ]] || fail "limit on the evaluator's field: $(cat volts.txt)"
  grep -q 'volts 0.9 over 0.5' volts.txt || fail "limit on the evaluator's field: $(cat volts.txt)"
  local answer
  for answer in 'nonsense' '{"energy_pj": 1}' '{"error": "no probe"}' '{"memory_bytes": -1, "area_um2": 2, "latency_ns": 3, "energy_pj": 4}'; do
    rm -rf bad
    "${asked[@]}" --evaluator "echo '$answer'" --out bad >bad.txt 2>&1
    [[ $? == 1 ]] || fail "evaluator that says $answer: $(cat bad.txt)"
    "$programs/spikeloop" study export bad --csv | grep -q 'FAIL,.*evaluator: ' || fail "evaluator that says $answer: $(cat bad.txt)"
  done
  rm -rf bad
  "${asked[@]}" --evaluator /nowhere/probe --out bad >bad.txt 2>&1
  [[ $? == 1 ]] || fail "absent evaluator: $(cat bad.txt)"
  grep -q 'stopped twice' bad.txt || fail "absent evaluator: $(cat bad.txt)"
  if command -v python3 >/dev/null; then
    "${asked[@]}" --evaluator "python3 $source_dir/tools/evaluator_example.py $programs/spikeloop-sim $source_dir/hwconfigs/neurosim-22nm.json" \
      --limit 'other_latency_ns<=1e9' --out two_chips >two_chips.txt 2>&1 || fail "example: $(cat two_chips.txt)"
    grep -q 'other_latency_ns' two_chips.txt || fail "example: $(cat two_chips.txt)"
  fi
}

# Without training the best score wins, and `score` says the same of it.
only_scores() {
  "$programs/spikeloop" search "${small[@]}" --strategy snasnet --candidates 4 --train 0 --quiet --out scored >scored.txt 2>&1 ||
    fail "scores only: $(cat scored.txt)"
  local cell score
  cell=$(sed -n 's/^Winner by score, not trained: candidate [0-9]*, \(.*\), score .*/\1/p' scored.txt)
  score=$(sed -n 's/^Winner by score.* score \(.*\)$/\1/p' scored.txt)
  "$programs/spikeloop" score --cell "$cell" --dataset shapes --channels 4 --timesteps 2 --stem-stride 2 --second-pool 4 \
    --hidden 0 --votes 1 --score-batch 16 --seed 3 >score.txt 2>&1 || fail "score: $(cat score.txt)"
  [[ $(awk 'NR == 2 {printf "%.3f", $2}' score.txt) == "$score" ]] || fail "score: $(cat score.txt), the search said $score"
  [[ -s scored/winner/network.nir && ! -e scored/winner/checkpoint.pt ]] || fail "scores only: $(ls scored/winner)"
}

# A study belongs to its images.
other_data() {
  zero_cifar images
  local options=("${small[@]}" --dataset cifar10 --candidates 2 --train 1 --quiet --data images --out on_images)
  options=("${options[@]:2}") # without the small ones' dataset
  fake/coordinator search "${options[@]}" >/dev/null || fail "search on images: exit code $?"
  cp on_images/result.json before.json
  label images/data_batch_4.bin 77 01
  expect_refusal "other images" "data/sha256" fake/coordinator search "${options[@]}"
  cmp before.json on_images/result.json || fail "a search on other images changed result.json"
  rm -r images
}

# No network fits a chip of one crossbar: says so.
small_chip() {
  "$programs/spikeloop" search "${tiny[@]}" --set mesh.columns=1 --set mesh.rows=1 --set tile.pes=1 \
    --set pe.crossbars=1 --quiet --out small_chip >small_chip.txt 2>&1
  local code=$?
  [[ $code == 1 ]] || fail "a chip too small: exit code $code, expected 1: $(cat small_chip.txt)"
  grep -q 'No candidate fits the chip' small_chip.txt || fail "a chip too small: $(cat small_chip.txt)"
  grep -q 'found .*, expected ' small_chip.txt || fail "a chip too small, without needs and has: $(cat small_chip.txt)"
}

# Nothing can meet a latency of a nanosecond: exit code 1, and what came closest.
impossible_search() {
  "$programs/spikeloop" search "${tiny[@]}" --max-latency 1ns --jobs 2 --out impossible >impossible.txt 2>&1
  local code=$?
  [[ $code == 1 ]] || fail "impossible limits: exit code $code, expected 1"
  grep -q 'No candidate meets the limits' impossible.txt || fail "impossible limits: $(cat impossible.txt)"
}

wrong_input
wrong_data
unsuited_network
whole_search
killed_search
killed_often
killed_jobs
failed_finals
all_strategies
co_search
evaluators
only_scores
other_data
small_chip
impossible_search
[[ $failures == 0 ]] && echo "all passed"
exit "$((failures > 0))"
