#!/usr/bin/env bash
# `spikeloop import` from outside: what it tells and writes, and that wrong input ends with one line, exit code 2 and
# nothing written.
# usage: import_test.sh PATH/spikeloop WRITE_CLI_FILES
set -uo pipefail

spikeloop=$1
write_files=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
failures=0

fail() {
  printf 'FAIL: %s\n' "$*"
  failures=$((failures + 1))
}

expect() { grep -qE -- "$1" "$2" || fail "'$1' is not in: $(cat "$2")"; }

# expect_refusal WHAT EXPECTED_TEXT OPTIONS...: exit code 2, one line on stderr that holds the text, nothing written
expect_refusal() {
  local what=$1 text=$2 code before
  shift 2
  before=$(find . | sort)
  "$spikeloop" import "$@" >/dev/null 2>"$work.err"
  code=$?
  [[ $code == 2 ]] || fail "$what: exit code $code, expected 2: $(cat "$work.err")"
  [[ $(wc -l <"$work.err") == 1 ]] || fail "$what: $(wc -l <"$work.err") lines on stderr, expected 1"
  grep -qF -- "$text" "$work.err" || fail "$what: '$(cat "$work.err")' does not hold '$text'"
  [[ $(find . | sort) == "$before" ]] || fail "$what: wrote something"
  rm -f "$work.err"
}

mkdir files
"$write_files" files || exit 1
network=files/network.nir

"$spikeloop" import $network >told.txt || fail "refused"
expect '^decided$' told.txt
expect '^crossbar layers$' told.txt
[[ ! -e imported.nir ]] || fail "wrote without --out"
"$spikeloop" import $network --timesteps 7 --dataset nmnist --out imported.nir >told.txt || fail "refused"
expect '^  timesteps: 7$' told.txt
expect '^network: imported.nir$' told.txt
"$spikeloop" import $network --timesteps 7 --dataset nmnist --out again.nir >/dev/null
cmp -s imported.nir again.nir || fail "the same command wrote other bytes"
"$spikeloop" import imported.nir >told.txt || fail "what import wrote is refused"
expect '^  timesteps: 7$' told.txt

head -c 1000 $network >part.nir
echo 'not HDF5' >text.nir
expect_refusal "no file" "MODEL" --out refused.nir
expect_refusal "absent" "absent.nir" absent.nir --out refused.nir
expect_refusal "text" "text.nir" text.nir --out refused.nir
expect_refusal "half a file" "part.nir" part.nir --out refused.nir
expect_refusal "dt of 0" "--nir-dt" $network --nir-dt 0 --out refused.nir
expect_refusal "no timesteps" "--timesteps" $network --timesteps 0 --out refused.nir
expect_refusal "one bit" "2 to 8" $network --input-bits 1 --out refused.nir
expect_refusal "a word" "hard or soft" $network --reset sofft --out refused.nir
expect_refusal "unknown dataset" "nmnist" $network --dataset nmnits --out refused.nir
expect_refusal "no such folder" "--out" $network --out absent/refused.nir

[[ $failures == 0 ]] && echo "import: all as expected"
exit $((failures > 0))
