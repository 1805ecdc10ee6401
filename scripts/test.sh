#!/usr/bin/env bash
# npm test: everything that the tests need, then all tests, on the real kernel.
#   npm test                all
#   npm test -- e2e [FILE]  one part: rust, unit, e2e, stack; what follows goes to cargo test or tap
set -euo pipefail
HERE=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=scripts/common.sh
source "$HERE/common.sh"
cd "$ROOT"

part=${1:-all}
shift || true

"$HERE/preflight.sh"
"$HERE/setup.sh" --tests

# What failed gets one more try, alone, since a machine that other people use hiccups; that it
# needed one is said.
second_try() {
  say "FAILED, trying once more: $*"
  "$@" || return
  say "passed the second time, so it depends on something that it should not: $*"
}

test_rust() {
  say 'tests of the daemon (cargo test)'
  (($# > 0)) || set -- --workspace
  cd native
  local log n_failed failed=()
  log=$(mktemp)
  if cargo test --locked --no-fail-fast "$@" | tee "$log"; then
    rm -f "$log"
    return
  fi
  mapfile -t failed < <(sed -n 's/^test \([A-Za-z0-9_:]*\) \.\.\. FAILED$/\1/p' "$log")
  n_failed=$(grep -c '^test .*FAILED$' "$log" || true)
  rm -f "$log"
  # None: it did not compile, or a test ended the whole program. More than have a name to give: an
  # example in a comment failed.
  ((${#failed[@]} > 0 && ${#failed[@]} == n_failed)) && [[ " $* " != *" -- "* ]] || return 1
  second_try cargo test --locked --no-fail-fast "$@" -- --exact --test-threads=1 "${failed[@]}"
}

# run_tap FILES_AND_OPTIONS...
run_tap() {
  local log failed=()
  log=$(mktemp)
  if tap "$@" | tee "$log"; then
    rm -f "$log"
    return
  fi
  mapfile -t failed < <(sed -n 's/^not ok [0-9]* - \(dist[^ ]*\.js\).*/\1/p' "$log")
  rm -f "$log"
  ((${#failed[@]} > 0)) || return 1
  second_try tap --timeout=600 --jobs=1 "${failed[@]}"
}

test_unit() {
  say 'tests of the exporter (tap)'
  tap build
  run_tap "$@"
}

# Two at a time: each has a daemon of its own with rules of its own. Not beside the matrix and the
# flood, which take what all of the machine does.
test_e2e() {
  local file alone=() others=() code=0
  (($# > 0)) || set -- dist/test/e2e/*.test.js
  for file in "$@"; do
    case $file in
    */matrix.test.js | */flood.test.js) alone+=("$file") ;;
    *) others+=("$file") ;;
    esac
  done
  say 'end-to-end tests (tap)'
  "$HERE/deeds.sh"
  "$HERE/debian-root.sh"
  tap build
  ((${#others[@]} == 0)) || run_tap --timeout=600 --jobs=2 "${others[@]}" || code=1
  ((${#alone[@]} == 0)) || run_tap --timeout=300 --jobs=1 "${alone[@]}" || code=1
  return $code
}

# One after the other: the story has a Docker and a network of its own.
test_stack() {
  local files=("$@")
  ((${#files[@]} > 0)) || files=(dist/test/stack/*.test.js)
  say 'tests of the stack (tap)'
  tap build
  run_tap --timeout=600 --jobs=1 "${files[@]}"
}

case $part in
all)
  "$HERE/build.sh"
  failed=()
  (test_rust) || failed+=(rust)
  test_unit || failed+=(unit)
  test_e2e || failed+=(e2e)
  test_stack || failed+=(stack)
  ((${#failed[@]} == 0)) || fail "tests failed: ${failed[*]}"
  say 'all tests passed'
  ;;
rust) (test_rust "$@") ;;
unit)
  "$HERE/build.sh"
  test_unit "$@"
  ;;
e2e)
  "$HERE/build.sh"
  test_e2e "$@"
  ;;
stack)
  "$HERE/build.sh"
  test_stack "$@"
  ;;
*) fail "unknown part $part: give all, rust, unit, e2e or stack" ;;
esac
