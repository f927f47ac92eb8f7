#!/usr/bin/env bash
# `spikeloop bench-search` from outside: what it prints and writes, and what it says to wrong input.
# usage: bench_search_test.sh SPIKELOOP
set -uo pipefail

spikeloop=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
failures=0

fail() {
  printf 'FAIL: %s\n' "$*"
  failures=$((failures + 1))
}

bench() { "$spikeloop" bench-search "$@"; }

expect() { grep -qE -- "$1" "$2" || fail "'$1' is not in: $(cat "$2")"; }

# expect_refusal WHAT EXPECTED_TEXT OPTIONS...: exit code 2, one line on stderr that holds the text, nothing written
expect_refusal() {
  local what=$1 text=$2 code
  shift 2
  bench "$@" >refusal.out 2>refusal.err
  code=$?
  [[ $code == 2 ]] || fail "$what: exit code $code, expected 2: $(cat refusal.err)"
  [[ $(wc -l <refusal.err) == 1 ]] || fail "$what: $(wc -l <refusal.err) lines on stderr, expected 1"
  grep -qF -- "$text" refusal.err || fail "$what: '$(cat refusal.err)' does not hold '$text'"
  [[ ! -s refusal.out && ! -e refused.json ]] || fail "$what: wrote something"
}

# All cells without convolutions, and those with one on an edge; accuracies by a rule, parameters as published.
awk 'BEGIN {
  print "id,e01,e02,e03,e12,e13,e23,params,val_acc_epoch10,val_acc_epoch50,val_acc_last,test_acc,train_hours"
  for (id = 0; id < 15625; ++id) {
    rest = id; convolutions = 0; sum = 0; row = id
    for (e = 0; e < 6; ++e) {
      op = rest % 5; rest = int(rest / 5); row = row "," op
      if (op > 1) ++convolutions
      sum += op * (e + 1)
    }
    if (convolutions > 1) continue
    printf "%s,%d,40,%s,%s,%.3f,1\n", row, 17179620 + 738048 * convolutions, 60 + sum / 2, 60 + sum / 2, 61 + sum / 2
  }
}' >table.csv

bench --table table.csv --strategy loop --evaluations 30 --seeds 3 --max-energy 120uJ --json one.json >one.txt 2>one.err ||
  fail "loop: $(cat one.err)"
expect 'CIFAR-10 by their parameters' one.txt
expect '^rows +published' one.txt
expect '^limits +energy <= 120 uJ: met by ([0-9]+) of \1 cells' one.txt
expect '^loop +[0-9.]+ ' one.txt
expect '^loop: ' one.err # the time
bench --table table.csv --strategy loop --evaluations 30 --seeds 3 --max-energy 120uJ --json two.json >two.txt 2>/dev/null
cmp -s one.txt two.txt || fail "the same command printed something else"
cmp -s one.json two.json || fail "the same command wrote other bytes"
expect '"regret_points"' one.json
bench --table table.csv --strategy snasnet --seeds 2 --rows canonical --max-energy 50uJ >blind.txt 2>/dev/null || fail "snasnet"
expect '^rows +canonical' blind.txt
expect '^snasnet' blind.txt
bench --table table.csv --evaluations 5 --seeds 1 >all.txt 2>/dev/null || fail "all"
expect 'left out:.*lightsnn' all.txt
for strategy in loop snasnet exhaustive; do expect "^$strategy " all.txt; done
sed 's/$/\r/' table.csv >crlf.csv
bench --table crlf.csv --strategy exhaustive --seeds 1 2>/dev/null | grep -q '^exhaustive ' || fail "line ends of the other kind"

expect_refusal "no table" "--table" --strategy loop
expect_refusal "absent table" "absent.csv" --table absent.csv
sed '3s/^[0-9]*/7/' table.csv >wrong.csv
expect_refusal "an id that is not its cell's" "wrong.csv: line 3, column id" --table wrong.csv --json refused.json
expect_refusal "a super-cell" "super-cells" --table table.csv --strategy lightsnn
expect_refusal "unknown strategy" "did you mean loop" --table table.csv --strategy lop
expect_refusal "unknown reading" "published or canonical" --table table.csv --rows raw
expect_refusal "a limit without a unit" "--max-energy" --table table.csv --max-energy 120
expect_refusal "limits that no cell meets" "least energy is 42.42 uJ" --table table.csv --max-energy 1uJ --json refused.json
expect_refusal "no evaluations" "--evaluations" --table table.csv --evaluations 0
expect_refusal "no seeds" "--seeds" --table table.csv --seeds 0
expect_refusal "overwriting the table" "table.csv" --table table.csv --json table.csv

if ((failures > 0)); then exit 1; fi
echo "bench-search: all as expected"
