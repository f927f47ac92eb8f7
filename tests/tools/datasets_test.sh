#!/usr/bin/env bash
# spikeloop datasets: the list, a whole check, and damage found with its file, place, found and expected.
# usage: datasets_test.sh PATH/spikeloop CHIP
set -euo pipefail
spikeloop=$1
chip=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

fail() {
  echo "datasets: $*" >&2
  exit 1
}

# refuses WHAT TEXT ARGUMENTS...
refuses() {
  local what=$1 text=$2 status=0
  shift 2
  "$spikeloop" datasets "$@" >out.txt 2>err.txt || status=$?
  [[ $status == 2 ]] || fail "$what: exit code $status instead of 2: $(cat err.txt)"
  [[ $(wc -l <err.txt) == 1 ]] || fail "$what: not one line: $(cat err.txt)"
  grep -qF -- "$text" err.txt || fail "$what: no '$text' in: $(cat err.txt)"
}

# event X Y POLARITY-AND-TIME (hex digits: 2, 2, 6)
event() { printf '%b' "\\x$1\\x$2\\x${3:0:2}\\x${3:2:2}\\x${3:4:2}"; }

"$spikeloop" datasets >list.txt
for name in cifar10 cifar100 tiny-imagenet mnist fashion-mnist nmnist dvs128-gesture nirdata npz-frames shapes; do
  grep -q "^$name " list.txt || fail "no $name in the list"
done

for digit in 0 1 2 3 4 5 6 7 8 9; do
  mkdir -p "events/Train/$digit" "events/Test/$digit"
  { event 01 02 800010; event 0$digit 04 000020; event 0$digit 1$digit 800021; } >"events/Train/$digit/00001.bin"
  event 21 21 800001 >"events/Test/$digit/00002.bin"
done
"$spikeloop" datasets nmnist --data events --frames 2 --quiet >out.txt || fail "nmnist refused"
grep -q '^nmnist: 10 classes, samples of 2 x 34 x 34 in 2 frames$' out.txt || fail "sizes: $(cat out.txt)"
grep -q '^note: train has 10 samples, the published nmnist 60000$' out.txt || fail "note: $(cat out.txt)"
grep -q '^train: 10 samples, 1 of each class$' out.txt || fail "classes: $(cat out.txt)"
grep -q '^  events in a sample 3.0 (3 to 3)$' out.txt || fail "events: $(cat out.txt)"

# Events through everything: training, test of both, trace, simulation, search.
tiny=(--dataset nmnist --data "$work/events" --channels 8 --timesteps 2 --second-pool 8 --quiet)
programs=$(dirname "$spikeloop")
"$spikeloop" train "${tiny[@]}" --cell 0003/0000/0000/0000 --epochs 1 --batch 5 --no-mirror --out net >out.txt ||
  fail "train: $(cat out.txt)"
[[ $("$spikeloop" test --checkpoint net/checkpoint.pt --data events --quiet | sed -n 1p) == *" of 10 right"* ]] ||
  fail "test of a checkpoint on events"
right=$("$spikeloop" test --network net/network.nir --data events --quiet | sed -n '1s/ of 10 right.*//p')
"$spikeloop" trace --network net/network.nir --data events --samples 0-9 --out net.h5 >out.txt
grep -q "^10 samples, $right classified right, .* 2 timesteps" out.txt || fail "trace: $(cat out.txt), test: $right right"
"$programs/spikeloop-sim" --network net/network.nir --trace net.h5 --hw "$chip" --functional >out.txt 2>&1 ||
  fail "simulation: $(cat out.txt)"
grep -q '10 of 10 predictions' out.txt || fail "simulation: $(cat out.txt)"
"$spikeloop" search "${tiny[@]}" --hw "$chip" --candidates 2 --train 1 --epochs 1 --batch 5 --score-batch 10 --samples 1 \
  --out found >out.txt || fail "search: $(cat out.txt)"
[[ -s found/winner/network.nir ]] || fail "search: no winner"

refuses "unknown" "did you mean nmnist?" nmnits --data events
refuses "no folder" "--data: found nothing" nmnist
refuses "frames of both kinds" "--frame-us: found 5" nmnist --data events --frames-by count --frame-us 5
refuses "frames" "--frames: found -1" nmnist --data events --frames -1
event 22 00 000001 >>events/Test/7/00002.bin
refuses "a pixel outside" "events/Test/7/00002.bin: event 1: found x 34, y 0, expected 0 to 33 each" \
  nmnist --data events --quiet
truncate -s -1 events/Test/7/00002.bin
refuses "half an event" "events/Test/7/00002.bin: size: found 9 bytes" nmnist --data events --quiet
rm -r events/Train/3
refuses "a class" "events/Train/3" nmnist --data events --quiet

"$spikeloop" datasets shapes --quiet >out.txt || fail "shapes refused"
grep -q '^train: 10000 samples, 1000 of each class$' out.txt || fail "shapes: $(cat out.txt)"
echo "datasets: passed"
