#!/usr/bin/env bash
# spikeloop-sim sweep: the same tables for any number of jobs and after every kind of death; rows of what does
# not work; one line and exit code 2 for a wrong command.
# usage: sweep_test.sh SPIKELOOP-SIM WRITE-CLI-FILES
set -euo pipefail
program=$(realpath "$1")
write_files=$(realpath "$2")
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
failed=0

complain() {
  echo "sweep_test: $*" >&2
  failed=1
}
contains() {
  if ! grep -qF -- "$2" "$1"; then complain "$1 has no '$2': $(head -c 2000 "$1")"; fi
}
# same FOLDER FOLDER: their tables are the same bytes
same() {
  local table
  for table in table.csv table.json; do
    cmp "$1/$table" "$2/$table" || complain "$1 and $2 differ in $table"
  done
}
# bad EXPECTED ARGUMENTS...: exit code 2 and one line with the EXPECTED text
bad() {
  local expected=$1 code=0
  shift
  "$program" sweep "$@" >bad.txt 2>bad.err || code=$?
  if [[ $code != 2 ]]; then complain "'$*' ended with $code, not 2: $(cat bad.err)"; fi
  if [[ $(wc -l <bad.err) != 1 ]]; then complain "'$*' printed not one line: $(cat bad.err)"; fi
  if [[ $(cat bad.err) != "spikeloop-sim: $expected"* ]]; then
    complain "'$*' should say 'spikeloop-sim: $expected...', said '$(cat bad.err)'"
  fi
}

"$write_files" "$work"
chip=$root/hwconfigs/rram-32nm.json
files=(--network network.nir --trace trace.h5 --hw "$chip")
# 24 combinations: max_active_rows (32) above crossbar.rows is wrong, one tile of one crossbar is too small.
axes=(--set crossbar.rows=16,64,128 --set mesh.columns=1,8 --set pe.crossbars=1,8 --set tile.pes=1,4 --set mesh.rows=1)
sweep=("$program" sweep "${files[@]}" "${axes[@]}")

# The table.
"${sweep[@]}" --out one --jobs 1 >one.txt 2>one.err || complain "a sweep ended with $?: $(cat one.err)"
contains one.txt "24 combinations, "
contains one.txt "refused: /crossbar/max_active_rows (line "
contains one.txt "refused: mapping: found a network that needs"
contains one/table.csv "network.nir: mapping: found a network that needs"
contains one.txt " *"
if [[ $(wc -l <one/table.csv) != 25 ]]; then complain "not 25 lines: $(cat one/table.csv)"; fi
head -1 one/table.csv >header
for column in number,crossbar.rows,mesh.columns,pe.crossbars,tile.pes,mesh.rows,status,pareto, ,cycles, ,latency_ns, \
  ,energy_pj, ,dynamic_pj, ,leakage_pj, ,area_um2, ,edp_pj_ns, ,utilisation, ,energy_adc_pj,; do
  contains header "$column"
done
# An array's area and energy follow its size.
"$program" sweep "${files[@]}" --set crossbar.rows=64,128 --set crossbar.columns=64,128 --out sizes >sizes.txt 2>sizes.err
area() { awk -F, -v n="$1" 'NR == 1 { for (i = 1; i <= NF; ++i) if ($i == "area_um2") c = i } $1 == n { print $c }' sizes/table.csv; }
for pair in "0 1" "0 2" "1 3" "2 3"; do
  read -r small large <<<"$pair"
  awk -v a="$(area "$small")" -v b="$(area "$large")" 'BEGIN { exit !(0 < a && a < b) }' ||
    complain "sizes $small and $large: areas $(area "$small") and $(area "$large")"
done
if grep -q wall header; then complain "the table has times"; fi

# Accuracy alone, and with latency and energy.
computed=("$program" sweep "${files[@]}" --set adc.bits=3,10 --set device.variation=0,0.2)
"${computed[@]}" --functional-only --out accuracy >accuracy.txt 2>accuracy.err ||
  complain "a sweep of accuracies ended with $?: $(cat accuracy.err)"
contains accuracy/table.csv "number,adc.bits,device.variation,status,pareto,samples,correct,accuracy"
contains accuracy.txt "4 combinations, 4 measured"
"${computed[@]}" --functional --out both >both.txt 2>both.err || complain "a functional sweep ended with $?: $(cat both.err)"
contains both/table.csv ",accuracy"
contains accuracy/table.json '"--functional-only"'
"${computed[@]}" --functional-only --seed 0 --out seed0 --quiet || complain "a sweep with a seed ended with $?"
cmp accuracy/table.csv seed0/table.csv || complain "--seed 0 is not the default"
"${computed[@]}" --functional-only --seed 5 --out seed5 --quiet || complain "a sweep with another seed ended with $?"
cmp -s accuracy/runs/0001/measurement.json seed5/runs/0001/measurement.json && complain "--seed changes nothing"
contains both/table.csv ",latency_ns"
if [[ $(wc -l <one/times.csv) != 25 ]]; then complain "no times: $(cat one/times.csv)"; fi
# A row holds what spikeloop-sim measures: the last one, all of 128, 8, 8, 4, 1.
"$program" "${files[@]}" --set mesh.rows=1 --quiet --out alone.json
cmp alone.json one/runs/0023/measurement.json || complain "a row is not what spikeloop-sim measures"

# Whatever the number of jobs.
"${sweep[@]}" --out two --jobs 2 --quiet >two.txt 2>&1 || complain "two jobs ended with $?: $(cat two.txt)"
if [[ -s two.txt ]]; then complain "--quiet prints: $(cat two.txt)"; fi
same one two
# Once more: nothing is left to do.
touch -d '2001-01-01' two/runs/0023/measurement.json
"${sweep[@]}" --out two --jobs 2 --quiet || complain "a finished sweep ended with $?"
same one two
if [[ two/runs/0023/measurement.json -nt one/sweep.json ]]; then complain "measured again what was measured"; fi

# rows FOLDER: how many are measured
rows() { compgen -G "$1/runs/*/row.json" | wc -l; }
# start FOLDER JOBS: in the background, until one row is measured
start() {
  "${sweep[@]}" --out "$1" --jobs "$2" --quiet 2>start.err &
  pid=$!
  until [[ $(rows "$1") -ge 1 ]] || ! kill -0 $pid 2>/dev/null; do sleep 0.005; done
}

# Killed itself: its children end with it, and the same command goes on.
start killed 2
children=$(cat /proc/$pid/task/$pid/children 2>/dev/null || true)
kill -9 $pid 2>/dev/null || echo "sweep_test: note: all was done before the kill"
wait $pid 2>/dev/null || true
sleep 0.1
for child in $children; do
  if [[ -e /proc/$child && $(awk '{print $3}' "/proc/$child/stat") != Z ]]; then complain "a child lives on"; fi
done
"${sweep[@]}" --out killed --jobs 2 --quiet || complain "after kill -9: $?"
same one killed

# A row cut short (as after a power failure) is measured again.
first=$(compgen -G 'killed/runs/*/row.json' | head -1)
head -c 20 "$first" >cut && mv cut "$first"
"${sweep[@]}" --out killed --jobs 2 --quiet || complain "with a broken row: $?"
same one killed

# Its children killed: they are started again.
start children 1
for _ in 1 2; do
  for child in $(cat /proc/$pid/task/$pid/children 2>/dev/null || true); do kill -9 "$child" 2>/dev/null || true; done
  sleep 0.02
done
wait $pid || complain "with killed children: $? $(cat start.err)"
same one children

# Ctrl-C: says so, leaves nothing running, and the same command goes on.
start stopped 1
kill -TERM $pid 2>/dev/null || true
code=0
wait $pid || code=$?
if [[ $code == 0 ]]; then
  echo "sweep_test: note: all was done before SIGTERM"
else
  if [[ $code != 143 ]]; then complain "after SIGTERM it ended with $code: $(cat start.err)"; fi
  contains start.err "the same command goes on from here"
  if [[ -e stopped/table.csv ]]; then complain "a stopped sweep has a table"; fi
fi
"${sweep[@]}" --out stopped --jobs 2 --quiet || complain "after SIGTERM: $?"
same one stopped

# Nothing measured: exit code 1 and the rows.
code=0
"$program" sweep "${files[@]}" --set mesh.columns=1,2 --set mesh.rows=1 --set tile.pes=1 --set pe.crossbars=1 --out none \
  --quiet || code=$?
if [[ $code != 1 ]]; then complain "nothing measured ended with $code"; fi
contains none/table.csv "refused"

# Another sweep in the same folder.
bad 'one/sweep.json: settings: found set "crossbar.rows=16' "${files[@]}" --set crossbar.rows=64 --out one
bad 'one/sweep.json: settings: found samples "" where this command has "0-1", expected the same command' \
  "${files[@]}" "${axes[@]}" --samples 0-1 --out one
sed 's/"frequency_mhz": 1000/"frequency_mhz": 500/' "$chip" >slow.json
bad 'one/sweep.json: settings: found chips_sha256 ' --network network.nir --trace trace.h5 --hw slow.json \
  "${axes[@]}" --out one
mkdir rebuilt && cp "$program" "$(dirname "$program")/spikeloop-job" rebuilt
echo >>rebuilt/spikeloop-sim
this_program=$program
program=$work/rebuilt/spikeloop-sim
bad 'one/sweep.json: settings: found simulator_sha256 ' "${files[@]}" "${axes[@]}" --out one
program=$this_program
mkdir other && touch other/file
bad 'other: open: found a folder with files but no sweep.json' "${files[@]}" "${axes[@]}" --out other

# Wrong commands leave no folder.
bad "command line: --set crossbar.rowz: found an unknown path" "${files[@]}" --set crossbar.rowz=1,2 --out no
bad "command line: --set crossbar.rows: found \"x\", expected an integer" "${files[@]}" --set crossbar.rows=64,x --out no
bad "command line: --set: found 4,096 combinations, expected at most 1,000" "${files[@]}" --out no \
  --set mesh.columns=1..16 --set mesh.rows=1..16 --set tile.pes=1..16
bad "command line: --set: found nothing" "${files[@]}" --out no
bad "command line: --out: found nothing" "${files[@]}" --set mesh.rows=1
bad "command line: --jobs: found 0" "${files[@]}" --set mesh.rows=1 --out no --jobs 0
bad "command line: --engine: found \"quick\"" "${files[@]}" --set mesh.rows=1 --out no --engine quick
bad "command line: --set schedule: found \"fast\", expected" "${files[@]}" --schedule pipelined,fast --out no
bad "trace.h5: /samples: found no sample at position 4" "${files[@]}" --set mesh.rows=1 --samples 4 --out no
bad "none.nir: open: " --network none.nir --trace trace.h5 --hw "$chip" --set mesh.rows=1 --out no
bad "none.h5: open: " --network network.nir --trace none.h5 --hw "$chip" --set mesh.rows=1 --out no
bad "none.json: open: " --network network.nir --trace trace.h5 --hw none.json --set mesh.rows=1,2 --out no
bad "command line: --seed: found it without --functional" "${files[@]}" --set mesh.rows=1 --seed 1 --out no
bad "command line: --engine: found it beside --functional-only" "${files[@]}" --set mesh.rows=1 --functional-only \
  --engine fast --out no
if [[ -e no ]]; then complain "a wrong command left a folder"; fi

if [[ $failed == 0 ]]; then echo "sweep_test: passed"; fi
exit "$failed"
