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
[[ $(wc -L <small.txt) -le 110 ]] || complain "--check prints lines of $(wc -L <small.txt) characters"
good changed --check "$root/hwconfigs/neurosim-22nm.json" --set crossbar.rows=64
contains changed.txt "command line" # at the end of a long source
library=$root/hwconfigs/components/adc-sar-22nm.json
bad "$library: /extends (line 5): found a library (it extends []) of column_mux, adc, shift_add" --check "$library"
bad "$library: /extends (line 5): found a library" "${sim[@]:0:4}" --hw "$library"
good placed --check "$chip" --network network.nir
contains placed.txt "the network on it"
contains placed.txt "input the same at every timestep"
bad "network.nir: mapping: found a network that needs " --check "$chip" --network network.nir \
  --set mesh.columns=1 --set mesh.rows=1

# Runs: the same bytes each time, with --out beside the table and alone.
good table "${sim[@]}"
contains table.txt "chip rram-32nm, network "
contains table.txt "4 samples of 3 timesteps, pipelined"
contains table.txt "conv2"
contains table.txt "energy by component"
contains table.txt "blocked: cycles that results waited for room downstream"
good both "${sim[@]}" --out first.json
cmp -s table.txt both.txt || complain "--out changes the table"
good compared "${sim[@]}" --compare-analytic --out compared.json
contains compared.txt "every event count of the closed form is the measured one"
contains compared.json '"analytic"'

# SpikeSim's formulas: a case passes, with another figure it differs (1), what is no case is refused (2).
cat >case.json <<'CASE'
{"name": "one layer", "inputs": {"in_ch_list": [64], "out_ch_list": [64], "in_dim_list": [8], "out_dim_list": [8],
 "xbar_size": 64, "kernel_size": 3, "pe_per_tile": 8, "time_steps": 5, "clk_freq_MHz": 250, "device": "rram"},
 "outputs": {"n_tiles": 1.0, "pe_per_layer": [1.0], "n_pe": 1.0, "energy_layerwise_pJ": [265115.567104],
 "energy_total_pJ": 265115.567104, "latency_ns": 2129920.0, "area_um2": {"neuron_mem": 66601.7792,
 "pe_array_plus_sub": 156508.86864, "digital": 122358.679199, "total": 729911.778239}}}
CASE
sed 's/2129920.0/2129920.1/' case.json >wrong.json
good verify verify spikesim case.json
contains verify.txt "pass  one layer: 10 figures"
code=0
"$program" verify spikesim case.json wrong.json >verify.txt 2>verify.err || code=$?
[[ $code == 1 ]] || complain "verify of a wrong case ended with $code, not 1"
contains verify.txt "FAIL  one layer"
contains verify.txt "1 of 2 files agree"
echo '{"name": ' >malformed.json
code=0
"$program" verify spikesim case.json malformed.json wrong.json case.json >verify.txt 2>verify.err || code=$?
[[ $code == 2 ]] || complain "verify of a malformed case ended with $code, not 2"
contains verify.err "spikeloop-sim: malformed.json: "
contains verify.txt "FAIL  one layer"
contains verify.txt "2 of 4 files agree, 1 could not be compared"
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
# Waves: a file and its layout, of the run that is measured; the same bytes each time; spikes without a run.
good waves "${sim[@]}" --samples 1 --waves run.vcd
good no_waves "${sim[@]}" --samples 1
cmp -s no_waves.txt waves.txt || complain "--waves changes the table"
contains run.vcd '$scope module tile_0_0 $end'
contains run.gtkw "SystemC.chip.tile_0_0.core.crossbars.busy"
cp run.vcd first.vcd
good again "${sim[@]}" --waves run.vcd --wave-sample 1
cmp -s first.vcd run.vcd || complain "two runs wrote different waves"
good window "${sim[@]}" --waves window.vcd --wave-window 100:200 --wave-signals '*.crossbars.busy'
if [[ $(tail -n 1 window.vcd) != "#200000" ]]; then complain "the window ends at $(tail -n 1 window.vcd)"; fi
good spikes wave trace.h5 --out spikes.vcd --nodes 'lif*' --neurons 0-3 --samples 0,2
contains spikes.vcd '$scope module lif2 $end'
if [[ -s spikes.err ]]; then complain "wave says '$(cat spikes.err)' though all fits"; fi
if command -v vcd2fst >/dev/null; then
  good fst "${sim[@]}" --samples 1 --waves run.fst
  cp run.fst first.fst
  good fst "${sim[@]}" --samples 1 --waves run.fst
  cmp -s first.fst run.fst || complain "two runs wrote different FST files"
else
  echo "cli_sim_test: no vcd2fst (package gtkwave): FST files not checked" >&2
fi

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

# Functional mode: the same bytes for a seed, and the replay does not change what was computed.
good functional "${sim[@]}" --functional --out functional.json
contains functional.txt "computed on the crossbars of chip rram-32nm"
contains functional.txt "energy by component"
contains functional.txt "rms LSB: error of"
contains functional.txt "flips: spikes here and none in the trace"
contains functional.json '"mismatch_rate"'
good accuracy "${sim[@]}" --functional-only --out accuracy.json
if grep -q energy accuracy.txt accuracy.json; then complain "--functional-only measured energy"; fi
good accuracy_again "${sim[@]}" --functional-only --seed 0 --out again.json
cmp -s accuracy.json again.json || complain "two functional runs differ"
diff <(sed -n '/"functional"/,/"mismatch_rate"/p' functional.json) \
  <(sed -n '/"functional"/,/"mismatch_rate"/p' accuracy.json) >&2 || complain "the replay changed what was computed"
good ideal "${sim[@]}" --functional-only --ideal-adc-bits --set adc.bits=1
# Accuracy alone: the chip's own ADCs are not those that computed.
good ideal_alone "${sim[@]}" --quiet --ideal-adc-bits --set adc.bits=1 --out ideal.json
if grep -q energy ideal_alone.txt ideal.json; then complain "--ideal-adc-bits measured energy"; fi
contains ideal.json '"accuracy"'
bad "command line: --functional: found it beside --ideal-adc-bits" "${sim[@]}" "${out[@]}" --functional --ideal-adc-bits
good varied "${sim[@]}" --functional-only --seed 1 --set device.variation=0.2
good varied_otherwise "${sim[@]}" --functional-only --seed 2 --set device.variation=0.2
cmp -s varied.txt varied_otherwise.txt && complain "the seed changes nothing"

# Bad command lines.
bad "command line: --seed: found it without --functional" "${sim[@]}" "${out[@]}" --seed 3
bad "command line: --seed: " "${sim[@]}" "${out[@]}" --functional --seed=-1
bad "command line: --waves: found it beside --functional-only" "${sim[@]}" "${out[@]}" --functional-only --waves a.vcd
bad "command line: --compare-analytic: found it beside --ideal-adc-bits" \
  "${sim[@]}" "${out[@]}" --ideal-adc-bits --compare-analytic
bad "command line: --netwrk: found an unknown option, expected --network (or see --help)" --netwrk a "${out[@]}"
bad "command line: --xyz: found an unknown option, expected an option of --help" --xyz
bad "command line: --hw: " --hw
bad "command line: --quiet: found no --out" "${sim[@]}" --quiet
bad 'command line: "network.nir": found a word without an option' network.nir
bad "command line: --hw: found nothing" --network network.nir --trace trace.h5 "${out[@]}"
bad "command line: --trace: found nothing" --network network.nir --hw "$chip" "${out[@]}"
bad "command line: verify: found nothing" verify
bad "command line: verify: found \"simspike\"" verify simspike case.json
bad "none.json: " verify spikesim none.json
bad "trace.h5: /: found no JSON object" verify spikesim trace.h5
for option in --trace=trace.h5 --hw=x --samples=0 --engine=fast --functional --functional-only --ideal-adc-bits \
  --seed=0 --out=out.json --compare-analytic --waves=w.vcd --wave-signals=x --wave-window=0:1 --wave-sample=0 --quiet; do
  bad "command line: ${option%%=*}: found it beside --check" --check "$chip" "$option"
done
for option in --functional --engine=fast --compare-analytic --waves=w.vcd --wave-signals=x --wave-window=0:1 \
  --wave-sample=0; do
  bad "command line: ${option%%=*}: found it beside --functional-only" "${sim[@]}" "${out[@]}" --functional-only "$option"
done
for option in --network=network.nir --set=mesh.rows=2 --quiet --help-config; do
  bad "command line: ${option%%=*}: found it beside --version" --version "$option"
done
bad "command line: --schedule: found --set schedule as well" "${sim[@]}" "${out[@]}" --schedule pipelined \
  --set schedule=pipelined
bad "command line: --functional: found it beside --compare-analytic" "${sim[@]}" "${out[@]}" --compare-analytic \
  --functional
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

bad "command line: --waves: found \"w.txt\", expected a name in .vcd or .fst" "${sim[@]}" "${out[@]}" --waves w.txt
bad "command line: --wave-signals: found no --waves" "${sim[@]}" "${out[@]}" --wave-signals x
bad "command line: --wave-signals: found no signal" "${sim[@]}" "${out[@]}" --waves w.vcd --wave-signals x
bad "command line: --wave-sample: found 4" "${sim[@]}" "${out[@]}" --waves w.vcd --wave-sample 4
bad "command line: --wave-sample: found 0" "${sim[@]}" "${out[@]}" --waves w.vcd --wave-sample 0 --samples 1
for window in '' : 5 5:5 6:5 -1:5 a:b 1:2:3; do
  if [[ $window == : ]]; then continue; fi # all of it
  bad "command line: --wave-window: found " "${sim[@]}" "${out[@]}" --waves w.vcd --wave-window="$window"
done
bad "command line: --wave-window: found cycle 99999999" "${sim[@]}" "${out[@]}" --quiet --waves w.vcd \
  --wave-window 99999999:
bad "command line: --out: found w.vcd, which --waves writes too" "${sim[@]}" --waves w.vcd --out w.vcd
bad "command line: --out: found ./w.gtkw, which --waves writes too" "${sim[@]}" --waves w.vcd --out ./w.gtkw
bad "command line: --out: found \"w.txt\"" wave trace.h5 --out w.txt
bad "command line: TRACE: found nothing" wave
bad "command line: --nodes: found no neuron" wave trace.h5 --out w.vcd --nodes x
if compgen -G 'w.vcd*' >/dev/null; then complain "a refused run left waves"; fi

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
