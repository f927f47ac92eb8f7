#!/usr/bin/env bash
# `spikeloop train` and `spikeloop test` from outside: a training that is killed again and again comes to the bytes of
# an undisturbed one, changed options are refused, and wrong input leaves nothing behind.
# usage: train_test.sh PROGRAMS_DIR
set -uo pipefail

spikeloop=$1/spikeloop
work=$(mktemp -d)
child=
trap '[[ -z $child ]] || kill -9 "$child" 2>/dev/null; rm -rf "$work"' EXIT
cd "$work" || exit 1
failures=0

fail() {
  printf 'FAIL: %s\n' "$*"
  failures=$((failures + 1))
}

small=(--dataset shapes --channels 4 --timesteps 2 --stem-stride 2 --second-pool 4 --cell 0003/0000/1000/0020
  --batch 16 --test-images 40 --seed 3 --quiet)
eventful=("${small[@]}" --train-images 320 --epochs 8 --validation-images 40 --patience 20 --cutmix 1 --cutout 8 --dropout 0.2
  --label-smoothing 0.1 --warmup-epochs 1 --accumulate 2 --nesterov --clip 5 --neuron plif)

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
  local asked=("$spikeloop" train "${small[@]}" --epochs 1 --out refused)
  expect_refusal "architecture" "snasnet, lightsnn or vgg9" "${asked[@]}" --arch vgg16
  expect_refusal "option of another network" "--width" "${asked[@]}" --width 2
  expect_refusal "optimiser" "did you mean adamw?" "${asked[@]}" --optimiser adam
  expect_refusal "patience alone" "--validation-images" "${asked[@]}" --patience 3
  expect_refusal "mixed precision on the CPU" "device cpu" "${asked[@]}" --mixed-precision
  expect_refusal "device" "cpu, cuda or cuda:N" "${asked[@]}" --device gpu
  expect_refusal "neuron" "lif" "${asked[@]}" --neuron lfi
  expect_refusal "bits" "--qat" "${asked[@]}" --qat 9
  expect_refusal "bits of no layer" "layer nowhere" "${asked[@]}" --qat 4,nowhere=2
  expect_refusal "last rate" "at most lr" "${asked[@]}" --lr 0.01 --min-lr 0.02
  expect_refusal "pooled values" "MaxPool of real values" "${asked[@]}" --arch lightsnn
  expect_refusal "offsets for IF" "reduce.bn" "${asked[@]}" --neuron if
  expect_refusal "bits of spikes" "whole numbers already" "${asked[@]}" --input-code rate --weight-bits 8,input=4
  expect_refusal "resume and restart" "--restart as well" "${asked[@]}" --resume --restart
  expect_refusal "no time between checkpoints" "--checkpoint-minutes" "${asked[@]}" --checkpoint-minutes 0
  expect_refusal "two results in one file" "the file of --checkpoint" "$spikeloop" train "${small[@]}" --epochs 1 \
    --checkpoint refused --network ./refused
  expect_refusal "no place" "--out" "$spikeloop" train "${small[@]}"
  expect_refusal "more validation than training" "at most 9999" "${asked[@]}" --validation-images 10000
  expect_refusal "test of nothing" "either --network or --checkpoint" "$spikeloop" test --dataset shapes
  expect_refusal "test of no file" "nowhere.nir" "$spikeloop" test --dataset shapes --network nowhere.nir
  rm -rf refused
}

state_of() { stat -c '%i %y' "$1" 2>/dev/null; }

# At random moments, at least ten times; checkpoints after every step.
killed_again_and_again() {
  local options=("$spikeloop" train "${eventful[@]}") kills=0 before moment
  "${options[@]}" --out whole >whole.txt 2>whole.err || fail "undisturbed: $(cat whole.err)"
  while ((kills < 12)); do
    before=$(state_of killed/checkpoint.pt)
    "${options[@]}" --checkpoint-minutes 0.00001 --threads $((1 + kills % 2)) --out killed >killed.txt 2>killed.err &
    child=$!
    # Some before the first step, the others after one: else a slow machine would never get on.
    if ((kills % 4 != 3)); then
      while kill -0 $child 2>/dev/null && [[ $(state_of killed/checkpoint.pt) == "$before" ]]; do sleep 0.02; done
    fi
    moment=0.$((RANDOM % 2))$((RANDOM % 10))
    sleep $moment
    if ! kill -9 $child 2>/dev/null; then
      wait $child || fail "killed run ended by itself: $(cat killed.err)"
      break
    fi
    wait $child 2>/dev/null
    kills=$((kills + 1))
  done
  child=
  ((kills >= 10)) || fail "only $kills kills before it was done"
  "${options[@]}" --resume --out killed >killed.txt 2>killed.err || fail "resumed: $(cat killed.err)"
  local file
  for file in checkpoint.pt network.nir metrics.jsonl metrics.csv training.html; do
    cmp -s whole/$file killed/$file || fail "$file differs after $kills kills"
  done
  [[ $(wc -l <killed/times.jsonl) == $(wc -l <killed/metrics.jsonl) ]] || fail "times: $(cat killed/times.jsonl)"
  "${options[@]}" --out killed >again.txt 2>&1 || fail "again: $(cat again.txt)"
  grep -q 'nothing left to train' again.txt || fail "again: $(cat again.txt)"
  tail -n 1 whole.txt >a; tail -n 1 again.txt >b
  cmp -s a b || fail "another accuracy: $(cat a b)"
  expect_refusal "changed options" "momentum: 0.9 before, 0.8 now" "${options[@]}" --momentum 0.8 --out killed
  expect_refusal "nothing to resume" "nowhere.pt" "${options[@]}" --resume --checkpoint nowhere.pt
  printf '%s kills\n' $kills
}

tested() {
  "$spikeloop" test --checkpoint whole/checkpoint.pt --test-images 40 --json net.json --quiet >net.txt 2>&1 ||
    fail "test of the checkpoint: $(cat net.txt)"
  "$spikeloop" test --network whole/network.nir --test-images 40 --json nir.json --quiet >nir.txt 2>&1 ||
    fail "test of the network: $(cat nir.txt)"
  # The training's last line says the same of both.
  local trained quantised
  trained=$(sed -n 's/.*images: \([0-9.]*\) % as trained.*/\1/p' whole.txt)
  quantised=$(sed -n 's/.*trained, \([0-9.]*\) % with.*/\1/p' whole.txt)
  grep -q "accuracy $trained %" net.txt || fail "checkpoint: $trained, but $(head -n 1 net.txt)"
  grep -q "accuracy $quantised %" nir.txt || fail "network: $quantised, but $(head -n 1 nir.txt)"
  if ! grep -q '"confusion"' net.json || ! grep -q '"rate"' nir.json; then fail "JSON: $(cat net.json)"; fi
}

other_networks() {
  "$spikeloop" train --arch vgg9 --width 0.05 --hidden 16 --timesteps 2 --dataset shapes --batch 8 --train-images 16 \
    --epochs 1 --test-images 8 --quiet --out vgg >vgg.txt 2>&1 || fail "vgg9: $(cat vgg.txt)"
  grep -q 'as trained' vgg.txt || fail "vgg9: $(cat vgg.txt)"
  "$spikeloop" train "${small[@]}" --epochs 1 --train-images 32 --qat 4 --optimiser adamw --lr 0.01 --out qat >qat.txt 2>&1 ||
    fail "qat: $(cat qat.txt)"
  grep -q 'with 4-bit weights' qat.txt || fail "qat: $(cat qat.txt)"
}

# What was exported trains further; what cannot be exported still trains.
further() {
  "$spikeloop" train --from qat/network.nir --dataset shapes --batch 16 --train-images 32 --epochs 1 --test-images 8 \
    --quiet --out from >from.txt 2>&1 || fail "from: $(cat from.txt)"
  "$spikeloop" test --checkpoint from/checkpoint.pt --test-images 8 --quiet >from.txt 2>&1 || fail "from: $(cat from.txt)"
  "$spikeloop" train "${small[@]}" --epochs 1 --train-images 16 --neuron if --checkpoint if.pt >if.txt 2>&1 ||
    fail "if: $(cat if.txt)"
  if ! grep -q 'as trained$' if.txt || ! grep -q 'not exported: .*reduce.bn' if.txt; then fail "if: $(cat if.txt)"; fi
}

# The checkpoint, the network and its trace get the same random spikes, whatever the batch.
rate_coded() {
  "$spikeloop" train "${small[@]}" --epochs 1 --train-images 64 --input-code rate --out rate >rate.txt 2>&1 ||
    fail "rate: $(cat rate.txt)"
  local trained quantised
  trained=$(sed -n 's/.*images: \([0-9.]*\) % as trained.*/\1/p' rate.txt)
  quantised=$(sed -n 's/.*trained, \([0-9.]*\) % with.*/\1/p' rate.txt)
  "$spikeloop" test --checkpoint rate/checkpoint.pt --test-images 40 --batch 7 --quiet >net.txt 2>&1
  "$spikeloop" test --network rate/network.nir --test-images 40 --batch 7 --quiet >nir.txt 2>&1
  grep -q "accuracy $trained %" net.txt || fail "rate: $trained, but $(head -n 1 net.txt)"
  grep -q "accuracy $quantised %" nir.txt || fail "rate: $quantised, but $(head -n 1 nir.txt)"
  "$spikeloop" trace --network rate/network.nir --samples 0-39 --out rate.h5 >trace.txt 2>&1 ||
    fail "rate: $(cat trace.txt)"
  local right=$(sed -n 's/^\([0-9]*\) of 40 right.*/\1/p' nir.txt)
  grep -q " $right classified right" trace.txt || fail "rate: $right right, but $(cat trace.txt)"
}

wrong_input
killed_again_and_again
tested
other_networks
further
rate_coded
((failures == 0)) || exit 1
echo "train: all good"
