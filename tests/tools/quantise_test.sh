#!/usr/bin/env bash
# `spikeloop quantise` from outside: what it prints and writes, that the chip takes it, and what it says to wrong input.
# usage: quantise_test.sh PROGRAMS_DIR WRITE_CLI_FILES SOURCE_DIR
set -uo pipefail

programs=$1
write_files=$2
hw=$3/hwconfigs/rram-32nm.json
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
failures=0

fail() {
  printf 'FAIL: %s\n' "$*"
  failures=$((failures + 1))
}

quantise() { "$programs/spikeloop" quantise "$@"; }

expect() { grep -qE -- "$1" "$2" || fail "'$1' is not in: $(cat "$2")"; }

# expect_refusal WHAT EXPECTED_TEXT OPTIONS...: exit code 2, one line on stderr that holds the text, nothing written
expect_refusal() {
  local what=$1 text=$2 code
  shift 2
  quantise "$@" >refusal.out 2>refusal.err
  code=$?
  [[ $code == 2 ]] || fail "$what: exit code $code, expected 2: $(cat refusal.err)"
  [[ $(wc -l <refusal.err) == 1 ]] || fail "$what: $(wc -l <refusal.err) lines on stderr, expected 1"
  grep -qF -- "$text" refusal.err || fail "$what: '$(cat refusal.err)' does not hold '$text'"
  [[ ! -e refused.nir ]] || fail "$what: wrote something"
}

mkdir files
"$write_files" files || exit 1

quantise files/network.nir --weight-bits 3:mse,conv1=4,classes=2 --out mixed.nir >mixed.txt || fail "mixed bits"
expect '^conv1 +216 +5 -> 4 +channel, mse ' mixed.txt
expect '^conv2 +576 +5 -> 3 ' mixed.txt
expect '^classes +1280 +5 -> 2 ' mixed.txt
expect '^all +2072 .*1\.26 -> 0\.63 KiB$' mixed.txt # 2072 x 5 bits; 216 x 4 + 576 x 3 + 1280 x 2
expect 'rounded a second time' mixed.txt
expect '^network: mixed.nir' mixed.txt
quantise files/network.nir --weight-bits 3:mse,conv1=4,classes=2 --out again.nir >/dev/null
cmp -s mixed.nir again.nir || fail "the same command wrote other bytes"

# The chip stores these bits: half the cells for 3 and 2 bits instead of 5.
for network in files/network mixed; do
  "$programs/spikeloop-sim" --check "$hw" --network $network.nir >sim.txt || fail "$network: $(cat sim.txt)"
  awk '$1 == "conv2" || $1 == "classes" { print $1, $6, $7 }' sim.txt >$network.cells
done
[[ $(cat files/network.cells mixed.cells | tr '\n' ' ') == "conv2 14.1 % classes 31.2 % conv2 7.0 % classes 15.6 % " ]] ||
  fail "cells: $(cat files/network.cells mixed.cells)"
"$programs/spikeloop-sim" --network mixed.nir --hw "$hw" --trace files/trace.h5 --out mixed.json >sim.txt 2>&1
[[ $? == 2 ]] || fail "a trace of the network before: $(cat sim.txt)"
expect 'another network|network_sha256|belongs to' sim.txt

quantise files/network.nir --weight-bits 4:per-tensor --out tensor.nir >tensor.txt || fail "per tensor"
expect '^conv2 +576 +5 -> 4 +tensor, max ' tensor.txt

expect_refusal "one bit" "2 to 8" files/network.nir --weight-bits 1 --out refused.nir
expect_refusal "a word" "per-tensor" files/network.nir --weight-bits 4:tensor --out refused.nir
expect_refusal "unknown layer" "expected conv1" files/network.nir --weight-bits 4,cnv1=3 --out refused.nir
expect_refusal "no bits" "--weight-bits" files/network.nir --out refused.nir
expect_refusal "no network" "--network" --weight-bits 4 --out refused.nir
expect_refusal "absent network" "absent.nir" absent.nir --weight-bits 4 --out refused.nir
expect_refusal "no output" "--out" files/network.nir --weight-bits 4
expect_refusal "input bits without data" "--dataset" files/network.nir --weight-bits 4,input=6 --out refused.nir
expect_refusal "data of another shape" "[3, 32, 32]" files/network.nir --weight-bits 4 --dataset shapes --out refused.nir
expect_refusal "unknown dataset" "shapes" files/network.nir --weight-bits 4 --dataset shape --out refused.nir

[[ $failures == 0 ]] && echo "quantise: all as expected"
exit $((failures > 0))
