#!/usr/bin/env bash
# The command line of spikeloop-sim: good runs, and that every bad input gives one line, exit code 2 and no file.
# usage: cli_sim_test.sh SPIKELOOP-SIM WRITE-CLI-FILES
set -euo pipefail
program=$(realpath "$1")
write_files=$(realpath "$2")
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
failed=0

complain() {
  echo "cli_sim_test: $*" >&2
  failed=1
}

# good NAME ARGUMENTS...: exit code 0, nothing on stderr but progress; its output is in NAME.txt
good() {
  local name=$1 code=0
  shift
  "$program" "$@" >"$name.txt" 2>"$name.err" || code=$?
  if [[ $code != 0 ]]; then complain "'$*' ended with $code: $(cat "$name.err")"; fi
}

# bad EXPECTED ARGUMENTS...: exit code 2, one line with the EXPECTED text, and no out.json
bad() {
  local expected=$1 code=0
  shift
  "$program" "$@" >bad.txt 2>bad.err || code=$?
  if [[ $code != 2 ]]; then complain "'$*' ended with $code, not 2: $(cat bad.err)"; fi
  if [[ $(wc -l <bad.err) != 1 ]]; then complain "'$*' printed not one line: $(cat bad.err)"; fi
  if [[ $(cat bad.err) != "spikeloop-sim: $expected"* ]]; then
    complain "'$*' should say 'spikeloop-sim: $expected...', said '$(cat bad.err)'"
  fi
  if [[ -s bad.txt ]]; then complain "'$*' wrote to stdout"; fi
  if compgen -G 'out.json*' >/dev/null; then complain "'$*' left $(compgen -G 'out.json*')"; fi
}

contains() {
  if ! grep -qF -- "$2" "$1"; then complain "$1 has no '$2'"; fi
}

"$write_files" "$work"
mkdir folder
chip=$root/hwconfigs/rram-32nm.json
sim=(--network network.nir --trace trace.h5 --hw "$chip")

# Texts.
good help --help
contains help.txt "usage: spikeloop-sim --network"
good nothing
cmp -s help.txt nothing.txt || complain "no arguments and --help differ"
good version --version
contains version.txt "spikeloop-sim "
good help_config --help-config
contains help_config.txt "crossbar.rows"
good page --config-page
cmp -s page.txt "$root/hwconfigs/README.md" || complain "--config-page is not hwconfigs/README.md"
good schema --config-schema
cmp -s schema.txt "$root/hwconfigs/chip.schema.json" || complain "--config-schema is not hwconfigs/chip.schema.json"
good check --check "$chip" --set mesh.rows=2
contains check.txt "8 x 2 mesh = 16 tiles"
good small --check "$root/hwconfigs/rram-32nm-small.json"
contains small.txt "4 x 4 mesh = 16 tiles"

# Runs: the same bytes each time, with --out beside the table and alone.
good table "${sim[@]}"
contains table.txt "chip rram-32nm, network "
contains table.txt "4 samples of 3 timesteps, pipelined"
contains table.txt "conv2"
contains table.txt "energy by component"
good both "${sim[@]}" --out first.json
cmp -s table.txt both.txt || complain "--out changes the table"
good quiet "${sim[@]}" --out second.json --quiet
if [[ -s quiet.txt || -s quiet.err ]]; then complain "--quiet prints"; fi
cmp -s first.json second.json || complain "two runs wrote different measurements"
contains first.json '"format": "spikeloop.measurement"'
good some "${sim[@]}" --samples 1-2,3
contains some.txt "3 samples of 3 timesteps"
good sequential "${sim[@]}" --schedule timestep_sequential
contains sequential.txt "3 timesteps, timestep_sequential"
good set "${sim[@]}" --set schedule=timestep_sequential
cmp -s sequential.txt set.txt || complain "--schedule and --set schedule differ"

# The mesh alone: the same bytes each time, and what the closed form says of a packet that meets no other.
traffic=(traffic --hw "$chip" --pattern uniform --cycles 2000 --warmup 500)
good traffic_help traffic --help
contains traffic_help.txt "usage: spikeloop-sim traffic"
good traffic_rate "${traffic[@]}" --rate 0.1 --out traffic1.json
good traffic_again "${traffic[@]}" --rate 0.1 --out traffic2.json
cmp -s traffic1.json traffic2.json || complain "two traffic runs wrote different files"
contains traffic1.json '"format": "spikeloop.traffic"'
good traffic_sweep "${traffic[@]}" --sweep-rates 0.05,0.1 --seed 1 --out traffic.csv
[[ $(wc -l <traffic.csv) == 3 ]] || complain "traffic.csv has not a line per rate: $(cat traffic.csv)"
contains traffic_sweep.txt "$(tail -n 1 traffic_rate.txt)"
good traffic_hotspot traffic --hw "$chip" --pattern hotspot --rate 0.01 --hotspot 0,3 --hotspot-share 1 --cycles 2000
contains traffic_hotspot.txt ") "
good traffic_multicast "${traffic[@]}" --rate 0.02 --multicast 5 --set router.virtual_channels=2 \
  --set router.routing=west_first
contains traffic_multicast.txt "to 5 tiles each"

# Bad command lines.
bad "command line: --hw: found nothing" traffic --pattern uniform --rate 0.1
bad "command line: --pattern: found \"random\", expected uniform, transpose" traffic --hw "$chip" --pattern random
bad "command line: --rate: found nothing" "${traffic[@]}"
bad "command line: --rate: found it beside --sweep-rates" "${traffic[@]}" --rate 0.1 --sweep-rates 0.1
for rate in 0 -0.1 1.01 nan inf 0.1x ' '; do
  bad "command line: --rate: found " "${traffic[@]}" --rate="$rate"
  bad "command line: --sweep-rates: found " "${traffic[@]}" --sweep-rates="0.1,$rate"
done
bad "command line: --packet-flits: found 0" "${traffic[@]}" --rate 0.1 --packet-flits 0
bad "command line: --packet-flits: " "${traffic[@]}" --rate 0.1 --packet-flits 99999999999
bad "command line: --hotspot: found pattern uniform" "${traffic[@]}" --rate 0.1 --hotspot 0,0
for tile in 1 1,2,3 a,b 99,0; do
  bad "command line: --hotspot: found " traffic --hw "$chip" --pattern hotspot --rate 0.1 --hotspot "$tile"
done
bad "command line: --hotspot-share: found " traffic --hw "$chip" --pattern hotspot --rate 0.1 --hotspot-share nan
bad "command line: --multicast: found pattern transpose" traffic --hw "$chip" --pattern transpose --rate 0.1 --multicast 2
bad "$chip: /router/buffer_flits: found 4" "${traffic[@]}" --rate 0.1 --multicast 2 --packet-flits 5
bad "command line: --out: found \"out.txt\"" "${traffic[@]}" --rate 0.1 --out out.txt
bad "command line: --cycles: found " traffic --hw "$chip" --pattern uniform --rate 0.1 --cycles 999999999
out=(--out out.json)
bad "command line: --netwrk: found an unknown option, expected --network (or see --help)" --netwrk a "${out[@]}"
bad "command line: --xyz: found an unknown option, expected an option of --help" --xyz
bad "command line: --hw: " --hw
bad "command line: --quiet: found no --out" "${sim[@]}" --quiet
bad 'command line: "network.nir": found a word without an option' network.nir
bad "command line: --hw: found nothing" --network network.nir --trace trace.h5 "${out[@]}"
bad "command line: --trace: found nothing" --network network.nir --hw "$chip" "${out[@]}"
bad "command line: --network: found it beside --check" --check "$chip" --network network.nir
bad "command line: --schedule: found \"fast\", expected pipelined, timestep_sequential or layer_sequential" \
  "${sim[@]}" "${out[@]}" --schedule fast
bad 'command line: --set: found "crossbar.rows", expected path=value' "${sim[@]}" "${out[@]}" --set crossbar.rows
bad 'command line: --set crossbar.rowz: found an unknown path, expected "crossbar.rows"' \
  "${sim[@]}" "${out[@]}" --set crossbar.rowz=64
bad "command line: --set crossbar.rows: found 64.5, expected an integer from 1 to 4096" \
  "${sim[@]}" "${out[@]}" --set crossbar.rows=64.5
for list in -1 99999999999999999999 a '1,' 2-1 1-2-3 ' '; do
  bad "command line: --samples: found " "${sim[@]}" "${out[@]}" --samples="$list"
done

for list in 4 0-4; do
  bad "trace.h5: /samples: found no sample at position 4" "${sim[@]}" "${out[@]}" --samples="$list"
done

# Bad files.
bad "none.json: " --check none.json
bad "none.nir: " --network none.nir --trace trace.h5 --hw "$chip" "${out[@]}"
bad "none.h5: " --network network.nir --trace none.h5 --hw "$chip" "${out[@]}"
bad "trace.h5: " --network trace.h5 --trace trace.h5 --hw "$chip" "${out[@]}"
bad "network.nir: " --network network.nir --trace network.nir --hw "$chip" "${out[@]}"
bad "trace.h5: " --network network.nir --trace trace.h5 --hw trace.h5 "${out[@]}"
echo "not HDF5" >text
bad "text: " --network text --trace trace.h5 --hw "$chip" "${out[@]}"
bad "text: " --network network.nir --trace text --hw "$chip" "${out[@]}"
bad "text: / (line 1): found broken JSON" --check text
sed 's/"flit_bits": 64/"flit_bits": "64"/' "$chip" >chip.json
bad "chip.json: /mesh/flit_bits (line " --network network.nir --trace trace.h5 --hw chip.json "${out[@]}"
sed 's/"flit_bits"/"flit_bitz"/' "$chip" >chip.json
bad "chip.json: /mesh" --network network.nir --trace trace.h5 --hw chip.json "${out[@]}"
grep -q 'flit_bits' bad.err || complain "a misspelt key: '$(cat bad.err)' does not name the nearest"
sed 's/\("flit_bits": 64\)/\1, \1/' "$chip" >chip.json
bad "chip.json: /mesh/flit_bits" --network network.nir --trace trace.h5 --hw chip.json "${out[@]}"
sed 's/"flit_bits": 64/"flit_bits": 0/' "$chip" >chip.json
bad "chip.json: /mesh/flit_bits (line " --network network.nir --trace trace.h5 --hw chip.json "${out[@]}"
sed '/"flit_bits"/d' "$chip" >chip.json
bad "chip.json: /mesh" --network network.nir --trace trace.h5 --hw chip.json "${out[@]}"
head -c 1000 trace.h5 >cut.h5
bad "cut.h5: " --network network.nir --trace cut.h5 --hw "$chip" "${out[@]}"
if [[ $(id -u) != 0 ]]; then # root may write anywhere
  mkdir locked
  chmod a-w locked
  bad "command line: --out: found " "${sim[@]}" --out locked/out.json
fi
bad "command line: --out: found \"no/out.json\"" "${sim[@]}" --out no/out.json
bad "command line: --out: found \"folder\", a folder" "${sim[@]}" --out folder
bad "network.nir: " "${sim[@]}" "${out[@]}" --set mesh.columns=1 --set mesh.rows=1 --set tile.pes=1 --set pe.crossbars=1

if [[ $failed == 0 ]]; then echo "cli_sim_test: passed"; fi
exit "$failed"
