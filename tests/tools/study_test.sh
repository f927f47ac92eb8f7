#!/usr/bin/env bash
# `spikeloop study` from outside: what it prints, exports and changes, and what it says to wrong input.
# usage: study_test.sh PROGRAMS_DIR WRITE_STUDY SOURCE_DIR
set -uo pipefail

programs=$1
write_study=$2
source_dir=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
failures=0

fail() {
  printf 'FAIL: %s\n' "$*"
  failures=$((failures + 1))
}

study() { "$programs/spikeloop" study "$@"; }

# expect WHAT PATTERN FILE
expect() { grep -qE -- "$2" "$3" || fail "$1: '$2' is not in: $(cat "$3")"; }

# expect_refusal WHAT EXPECTED_TEXT OPTIONS...: exit code 2, one line on stderr that holds the text, nothing on stdout
expect_refusal() {
  local what=$1 text=$2 code
  shift 2
  study "$@" >refusal.out 2>refusal.err
  code=$?
  [[ $code == 2 ]] || fail "$what: exit code $code, expected 2: $(cat refusal.err)"
  [[ $(wc -l <refusal.err) == 1 && ! -s refusal.out ]] || fail "$what: $(cat refusal.out refusal.err)"
  grep -qF -- "$text" refusal.err || fail "$what: '$(cat refusal.err)' does not hold '$text'"
}

mkdir run
"$write_study" run || exit 1

study status run >status.txt || fail "status"
expect status '^9 candidates, no search is running$' status.txt
expect status '^  COMPLETE   measured +3$' status.txt
expect status '^  RUNNING    measured +1, oldest lease .+ ago by .+:[0-9]+$' status.txt
expect status '^rounds: 1, with 12 proposals, 3 of them repeats$' status.txt
expect status '^time in jobs: 1 min 05 s$' status.txt

study best run >best.txt || fail "best"
[[ $(awk '{print $1}' best.txt | tr '\n' ' ') == "0 1 2 " ]] || fail "best: $(cat best.txt)"

numbers() { awk -F'[ ,]+' '{print ($1 == "" ? $2 : $1)}' | tr '\n' ' '; }
[[ $(study pareto run | numbers) == "0 1 " ]] || fail "pareto: $(study pareto run)"
[[ $(study pareto run --by energy_pj,latency_ns | numbers) == "0 1 2 " ]] || fail "pareto of two costs"
[[ $(study pareto run --by latency_ns --csv | numbers) == "number 0 2 " ]] || fail "pareto --csv"
study pareto run --by tiles >tiles.txt || fail "pareto of tiles"
expect "pareto of a named field" 'tiles 4  candidates/0$' tiles.txt

study show run 0 >show.txt || fail "show"
expect show '^convolutions +2$' show.txt
expect show '^time of measured +1 min 05 s, 195 MB$' show.txt
expect show '^energy_pj +200 nJ \(-50.0 %\) +500 nJ \(\+25.0 %\) +400 nJ' show.txt
expect show '^tiles +4 \(\+0.0 %\) +4 \(\+0.0 %\) +4' show.txt
study show run/study.db 7 >show.txt || fail "show of a study.db"
expect "show of a running one" '^lease +.+:[0-9]+, .+ ago$' show.txt
expect "show of a running one" '^attempts at measured +1$' show.txt

study export run --csv >all.csv || fail "export --csv"
[[ $(wc -l <all.csv) == 10 ]] || fail "export --csv: $(wc -l <all.csv) lines"
head -1 all.csv | tr ',' '\n' >columns.txt
expect "export --csv" '^measured_tiles$' columns.txt
expect "export --csv" '"score rank 5 of 9, ""low"""' all.csv
[[ $(head -1 all.csv) == $(study best run --csv | head -1) ]] || fail "other columns of best --csv"

study export run --optuna optuna.db >optuna.txt || fail "export --optuna"
expect "export --optuna" '^9 candidates as study "spikeloop-run" in optuna.db$' optuna.txt
python3 "$source_dir/tests/tools/optuna_test.py" optuna.db spikeloop-run
code=$?
[[ $code == 0 || $code == 77 ]] || fail "Optuna cannot use the file"

# Retry: the failure that lies there must not count again; only the stage that failed is repeated.
mkdir -p run/candidates/5/score
echo '{}' >run/candidates/5/score/result.json
study retry run 5 >retry.txt || fail "retry 5"
expect retry '^candidate 5 waits for stage score again \(failed with: signal 11' retry.txt
[[ ! -e run/candidates/5/score/result.json ]] || fail "retry left the failed result"
study status run >status.txt
expect "after retry" '^  FAIL       provisional +1$' status.txt
expect "after retry" '^  WAITING    score +1$' status.txt
study retry run >retry.txt || fail "retry"
[[ $(wc -l <retry.txt) == 1 ]] || fail "retry: $(cat retry.txt)"
study retry run >retry.txt || fail "nothing to retry is no error"
expect "nothing to retry" '^nothing to retry' retry.txt

# While a search runs everything can be looked at, nothing changed.
coproc locker { "$write_study" run lock; }
locker_pid=$!
read -r _ <&"${locker[0]}"
study status run >status.txt || fail "status while a search runs"
expect "while a search runs" 'a search is running$' status.txt
expect_refusal "retry while a search runs" "another search that is running" retry run
exec {locker[1]}>&-
wait "$locker_pid"

cp run/study.db before.db
expect_refusal "no number" "NUMBER: found nothing" show run
expect_refusal "no such candidate" "0 to 8" show run 9
expect_refusal "no number" '"x7"' show run x7
expect_refusal "negative" "0 to 8" show run -- -1
expect_refusal "of nothing that failed" "COMPLETE" retry run 0
expect_refusal "no such candidate" "0 to 8" retry run 12
expect_refusal "neither" "neither --csv nor --optuna" export run
expect_refusal "both" "--csv and --optuna" export run --csv --optuna other.db
expect_refusal "a file that is there" "a file of this name" export run --optuna optuna.db
expect_refusal "no folder" "no folder" export run --optuna absent/optuna.db
expect_refusal "CSV of status" "--csv: found it beside status" status run --csv
expect_refusal "Optuna of best" "--optuna: found it beside best" best run --optuna other.db
expect_refusal "by of best" "--by: found it beside best" best run --by tiles
expect_refusal "unknown field" '"tile"' pareto run --by tile
expect_refusal "field twice" "each once" pareto run --by tiles,tiles
expect_refusal "no field" "each once" pareto run --by energy_pj,
expect_refusal "misspelt" "pareto" pareta run
expect_refusal "no study" "study.db" status .
expect_refusal "no study" "nowhere" retry nowhere
[[ ! -e other.db && ! -e nowhere ]] || fail "a refused command wrote something"
mkdir damaged
head -c 3000 run/study.db >damaged/study.db
for what in status best pareto "show damaged 0" "export --csv" "export --optuna other.db" retry; do
  read -r verb rest <<<"$what"
  expect_refusal "damaged: $what" "damaged/study.db" "$verb" damaged ${rest#damaged}
done
cmp -s run/study.db before.db || fail "looking changed the study"

[[ $failures == 0 ]]
