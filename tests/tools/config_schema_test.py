#!/usr/bin/env python3
"""Every chip and library of hwconfigs against the published JSON Schema, by a validator that is not ours.

usage: config_schema_test.py HWCONFIGS; exit code 77 (skipped) without the Python package jsonschema
"""
import copy
import json
import pathlib
import sys

try:
    import jsonschema
except ImportError:
    print("skipped: no Python package jsonschema")
    sys.exit(77)

folder = pathlib.Path(sys.argv[1])
schema = json.loads((folder / "chip.schema.json").read_text())
jsonschema.Draft7Validator.check_schema(schema)
validator = jsonschema.Draft7Validator(schema)
failed = False

files = [f for f in sorted(folder.rglob("*.json")) if f.name != "chip.schema.json"]
for file in files:
    for error in validator.iter_errors(json.loads(file.read_text())):
        print(f"{file}: /{'/'.join(map(str, error.path))}: {error.message}")
        failed = True

# The schema refuses what the reader refuses.
good = json.loads((folder / "rram-32nm.json").read_text())
for path, value in [
    (("crossbar", "rows"), 64.5),
    (("crossbar", "rosw"), 64),
    (("adc", "kind"), "sarr"),
    (("extends",), 7),
    (("extends",), ["a.json", "a.json"]),
    (("extends",), [""]),
]:
    bad = copy.deepcopy(good)
    at = bad
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    if validator.is_valid(bad):
        print(f"the schema takes {'.'.join(path)} = {value!r}")
        failed = True
for key in ("clock", "name"):
    bad = copy.deepcopy(good)
    del bad[key]
    if validator.is_valid(bad):
        print(f"the schema takes a chip without {key}")
        failed = True

print(f"{len(files)} files")
sys.exit(1 if failed or not files else 0)
