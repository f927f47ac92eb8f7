#!/usr/bin/python3
"""Runs spikeloop-sim with both engines over several networks and prints one table: cycles, energy and its
split, area, wall time, peak memory. Networks and traces as example_networks and `spikeloop trace` make them.

usage: engines_by_networks.py SIM CHIP NAME=NETWORK,TRACE[,SAMPLE] ... [--limit SECONDS] [-- SIM OPTIONS]
A run that takes longer than the limit (default 600 s) is shown as such. Both engines must report the same
measurement, or the exit code is 1.
"""
import json
import os
import subprocess
import sys
import tempfile
import time

SPLIT = {
    "arrays": ["crossbar", "wordline_driver", "column_mux", "adc"],
    "sums": ["shift_add", "adder_tree", "node_adder"],
    "memories": ["input_buffer", "output_buffer", "node_memory", "membrane_memory", "pooling_memory"],
    "neurons": ["neuron_unit", "pooling_unit"],
    "network": ["router", "link", "host_port"],
}


def run(command, limit):
    """Wall seconds, peak memory in MB and exit code; None for a run that took too long."""
    begin = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    while True:
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            process.returncode = os.waitstatus_to_exitcode(status)
            return time.monotonic() - begin, usage.ru_maxrss / 1024, process.returncode
        if time.monotonic() - begin > limit:
            process.kill()
            process.wait()
            return None
        time.sleep(0.005)


def main():
    words = sys.argv[1:]
    extra = words[words.index("--") + 1:] if "--" in words else []
    words = words[: words.index("--")] if "--" in words else words
    limit = 600.0
    if "--limit" in words:
        at = words.index("--limit")
        limit = float(words[at + 1])
        del words[at : at + 2]
    if len(words) < 3 or any("=" not in word for word in words[2:]):
        sys.exit(__doc__)
    sim, chip = words[:2]
    print(f"{'network':<18}{'engine':<11}{'cycles':>11}{'energy uJ':>11}" + "".join(f"{k + ' %':>11}" for k in SPLIT)
          + f"{'leakage %':>11}{'area mm2':>10}{'wall s':>9}{'peak MB':>9}")
    same = True
    for word in words[2:]:
        name, files = word.split("=", 1)
        network, trace, *sample = files.split(",")
        seen = {}
        for engine in ("fast", "reference"):
            with tempfile.TemporaryDirectory() as folder:
                out = os.path.join(folder, "m.json")
                ran = run([sim, "--network", network, "--trace", trace, "--samples", *(sample or ["0"]), "--hw", chip,
                           "--engine", engine, "--out", out, "--quiet", *extra], limit)
                if ran is None:
                    print(f"{name:<18}{engine:<11}{'more than ' + str(int(limit)) + ' s':>20}")
                    continue
                wall, memory, code = ran
                if code != 0:
                    sys.exit(f"{name}, {engine}: exit code {code}")
                with open(out, encoding="utf-8") as file:
                    seen[engine] = json.load(file)
            m = seen[engine]
            energy = m["energy"]
            total = sum(float(e["dynamic_pj"]) + float(e["leakage_pj"]) for e in energy.values())
            leakage = sum(float(e["leakage_pj"]) for e in energy.values())
            shares = [100 * sum(float(energy[c]["dynamic_pj"]) for c in parts if c in energy) / total
                      for parts in SPLIT.values()]
            print(f"{name:<18}{engine:<11}{m['samples'][0]['cycles']:>11}{total / 1e6:>11.3f}"
                  + "".join(f"{s:>11.1f}" for s in shares) + f"{100 * leakage / total:>11.1f}"
                  f"{float(m['summary']['area_um2']) / 1e6:>10.2f}{wall:>9.2f}{memory:>9.0f}", flush=True)
        if len(seen) == 2:
            for m in seen.values():
                m.pop("engine")
            if seen["fast"] != seen["reference"]:
                same = False
                print(f"{name}: the engines differ")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
