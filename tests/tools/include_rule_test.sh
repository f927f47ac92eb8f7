#!/usr/bin/env bash
# Who may include whom (DESIGN: tools -> nas -> models, sim -> traces; torch never meets SystemC). Debian has both
# libraries in /usr/include, so the compiler would not notice.
# usage: include_rule_test.sh        first plants violations and checks that each is found, then checks the tree
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

# Prints "FILE:LINE: what is wrong" for each violation in a tree.
violations() {
  local folder folders=()
  for folder in traces sim models nas tools tests; do
    if [[ -d $1/$folder ]]; then folders+=("$folder"); fi
  done
  (cd "$1" && find "${folders[@]}" -type f \( -name '*.h' -o -name '*.cpp' \) -print | sort | while read -r file; do
    awk -v file="$file" '
      BEGIN {
        folder = file; sub(/\/.*/, "", folder)
        sub_folder = file; sub(/\/[^\/]*$/, "", sub_folder)
        allowed["traces"] = " traces "
        allowed["sim"] = " sim traces "
        allowed["models"] = " models traces "
        allowed["nas"] = " nas models sim traces "
        allowed["tools"] = " tools nas models sim traces "
        allowed["tests"] = " tests tools nas models sim traces "
        uses_systemc = folder == "sim" || sub_folder == "tests/sim" || sub_folder == "tests/support"
        # What builds, trains or scores networks; the rest of the search works on numbers and files.
        uses_torch = folder == "models" || file ~ /^nas\/(candidate|evaluate|explore|sahd|score|verify_snasnet)\.(h|cpp)$/ || \
                     sub_folder == "tests/models" || sub_folder == "tests/nas"
      }
      function wrong(what) { printf "%s:%d: %s\n", file, FNR, what }
      /^[ \t]*#[ \t]*include[ \t]*[<"]/ {
        path = $0
        sub(/^[^<"]*[<"]/, "", path); sub(/[>"].*/, "", path)
        top = path; if (!sub(/\/.*/, "", top)) top = ""
        if (path ~ /^(systemc|tlm|sysc\/|tlm_|scv)/ && !uses_systemc) wrong("includes " path ": SystemC is for sim only")
        if (path ~ /^(torch|ATen|c10|caffe2)\//  && !uses_torch) wrong("includes " path ": no LibTorch here")
        if (path ~ /^sim\/engine\// && !uses_systemc) wrong("includes " path ": the engine is for sim only")
        # Tests may have helpers beside them.
        if (folder != "tests" && $0 ~ /include[ \t]*"/ && top == "") wrong("includes " path ": not a path from the root")
        if (top ~ /^(traces|sim|models|nas|tools|tests)$/ && !index(allowed[folder], " " top " "))
          wrong("includes " path ": " folder " may include" allowed[folder] "only")
      }' "$file"
  done)
}

failed=0
planted=$(mktemp -d)
trap 'rm -rf "$planted"' EXIT

# One violation at a time: file, include, and whether it must be found.
plant() {
  rm -rf "${planted:?}"/*
  mkdir -p "$planted/$(dirname "$1")"
  printf '#pragma once\n  %s\n' "$2" >"$planted/$1"
  local found
  found=$(violations "$planted")
  if [[ $3 == found && $found != "$1:2: "* ]] || [[ $3 == fine && -n $found ]]; then
    echo "include rules: planted '$2' in $1 should be $3, but: '$found'" >&2
    failed=1
  fi
}
plant sim/a.cpp '#include <torch/torch.h>' found
plant sim/a/b.h '#include <ATen/core/Tensor.h>' found
plant sim/a.cpp '#include "models/snasnet.h"' found
plant sim/a.cpp '# include "nas/sahd.h"' found
plant sim/a.cpp '#include <systemc>' fine
plant sim/a.cpp '#include "traces/network.h"' fine
plant models/a.cpp '#include "sim/simulate.h"' found
plant models/a.cpp '#include "nas/sahd.h"' found
plant models/a.cpp '#include <systemc>' found
plant models/a.cpp '#include <torch/torch.h>' fine
plant traces/a.cpp '#include "sim/bits.h"' found
plant traces/support/a.cpp '#include <sim/bits.h>' found
plant traces/a.cpp '#include <c10/core/Device.h>' found
plant traces/a.cpp '#include <tlm.h>' found
plant traces/a.cpp '#include "network.h"' found
plant traces/a.cpp '// #include <systemc>' fine
plant nas/a.cpp '#include <systemc.h>' found
plant nas/a.cpp '#include <torch/torch.h>' found
plant nas/search.cpp '#include <ATen/ATen.h>' found
plant nas/evaluate.cpp '#include <ATen/Parallel.h>' fine
plant nas/sahd.h '#include <ATen/core/Tensor.h>' fine
plant nas/sahd_report.cpp '#include <ATen/ATen.h>' found
plant tools/a.cpp '#include <torch/torch.h>' found
plant tools/spikeloop/train.cpp '#include <ATen/ATen.h>' found
plant nas/a.cpp '#include "sim/engine/chip_module.h"' found
plant nas/a.cpp '#include "sim/simulate.h"' fine
plant nas/a.cpp '#include "tools/spikeloop/options.h"' found
plant tools/a.cpp '#include <sysc/kernel/sc_time.h>' found
plant tools/a.cpp '#include "nas/sahd.h"' fine
plant tests/models/a.cpp '#include <systemc>' found
plant tests/sim/a.cpp '#include <torch/torch.h>' found
plant tests/sim/a.cpp '#include <systemc>' fine

found=$(violations "$root")
if [[ -n $found ]]; then
  echo "include rules: violations:" >&2
  echo "$found" >&2
  failed=1
fi
if [[ $failed == 0 ]]; then echo "include rules: kept"; fi
exit "$failed"
