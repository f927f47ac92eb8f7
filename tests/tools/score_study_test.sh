#!/usr/bin/env bash
# spikeloop score-study: a whole study on a small table, the same with two threads, and what it refuses.
# usage: score_study_test.sh PATH/spikeloop
set -euo pipefail
spikeloop=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

fail() {
  echo "score-study: $*" >&2
  exit 1
}

# refuses WHAT TEXT ARGUMENTS...
refuses() {
  local what=$1 text=$2 status=0
  shift 2
  "$spikeloop" score-study "$@" >out.txt 2>err.txt || status=$?
  [[ $status == 2 ]] || fail "$what: exit code $status instead of 2: $(cat err.txt)"
  [[ $(wc -l <err.txt) == 1 ]] || fail "$what: not one line: $(cat err.txt)"
  grep -qF -- "$text" err.txt || fail "$what: no '$text' in: $(cat err.txt)"
}

# 0 -> 1 -> 3 beside 0 -> 3, operations 1 to 4 each: 64 connected cells, in percent what is on the edges.
{
  echo "id,e01,e02,e03,e12,e13,e23,params,val_acc_epoch10,val_acc_epoch50,val_acc_last,test_acc,train_hours"
  for a in 1 2 3 4; do for b in 1 2 3 4; do for c in 1 2 3 4; do
    echo "$((a + 25 * b + 625 * c)),$a,0,$b,0,$c,0,1000,$((40 + a + b + c)).5,$((50 + a + b)),$((60 + c)),$((60 + 3 * a + b + 2 * c)),1"
  done; done; done
} >table.csv
common=(--table table.csv --dataset shapes --cells 8 --train-cells 12 --quiet
  --fidelity channels=4,timesteps=1,batch=8,shrink=2)

"$spikeloop" score-study "${common[@]}" --json one.json >one.txt || fail "refused"
grep -q '^8 random connected cells of table.csv' one.txt || fail "no header: $(cat one.txt)"
grep -q '^learned .* 12 other forms of cells of table.csv$' one.txt || fail "no learned score: $(cat one.txt)"
"$spikeloop" score-study "${common[@]}" --jobs 2 --json two.json >/dev/null
diff <(sed '/"times"/,$d' one.json) <(sed '/"times"/,$d' two.json) || fail "threads change the result"

refuses "too many cells" "cells to fit on" --table table.csv --dataset shapes --cells 8 --train-cells 100
refuses "no table" "--table" --dataset shapes
refuses "fidelity" "width" "${common[@]}" --fidelity width=3
refuses "threads" "--jobs" "${common[@]}" --jobs 0
