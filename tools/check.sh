#!/usr/bin/env bash
# All checks of a change: format, include rules, tests, and the tests without LibTorch under the sanitizers.
# usage: tools/check.sh [--quick]      --quick: format and include rules only
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf 'check: %s\n' "$*"; }
fail() {
  printf 'check: error: %s\n' "$*" >&2
  exit 1
}

quick=no
case "${1:-}" in
  '') ;;
  --quick) quick=yes ;;
  *) fail "unknown argument '$1' (known: --quick)" ;;
esac

# Another version formats differently, so only this one decides.
if command -v clang-format-14 >/dev/null; then
  say "format"
  find traces sim models nas tools tests \( -name '*.cpp' -o -name '*.h' \) -print0 |
    xargs -0 -r clang-format-14 --dry-run --Werror ||
    fail "format: run clang-format-14 -i on the files above"
else
  say "format: skipped, clang-format-14 is not installed (tools/setup.sh --dev installs it)"
fi

say "include rules"
tests/tools/include_rule_test.sh || fail "include rules"

[[ $quick == no ]] || exit 0

tools/test

say "sanitizers: the tests without LibTorch"
cmake --preset asan || fail "asan: cmake could not configure (see above)"
cmake --build --preset asan || fail "asan: the build failed (see above)"
ctest --preset asan --parallel "$(nproc)" || fail "asan: tests failed (see above)"

say "fuzzing, 30 s each"
tests/bench/fuzz.sh 30 || fail "fuzzing: a finding (see above)"
say "all checks passed"
