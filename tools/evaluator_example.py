#!/usr/bin/env python3
"""An evaluator for `spikeloop search --evaluator`: asks two chips and lets limits name what both say.

usage: evaluator_example.py SPIKELOOP_SIM OTHER_CHIP.json
"""
import json
import subprocess
import sys

request = json.load(sys.stdin)  # one candidate: its network, the spikes of the test images, the chip


def measure(chip, settings=()):
    run = [sys.argv[1], "--network", request["network"], "--trace", request["trace"], "--hw", chip]
    run += [word for setting in settings for word in ("--set", setting)]
    subprocess.run(run + ["--out", "asked.json", "--quiet"], check=True)  # the working directory is the candidate's
    with open("asked.json") as file:
        return json.load(file)["summary"]


own = measure(request["chip"]["file"], [f"{path}={value}" for path, value in request["chip"]["set"].items()])
other = measure(sys.argv[2])
answer = {key: own[key] for key in ("memory_bytes", "area_um2", "latency_ns", "energy_pj")}
answer["other_latency_ns"] = other["latency_ns"]  # --limit "other_latency_ns<=250000"
answer["edp_pj_ns"] = own["energy_pj"] * own["latency_ns"]
print(json.dumps(answer))
