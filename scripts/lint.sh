#!/usr/bin/env bash
# Formatters and linters of every language in the tree; all run, then the failed ones are named.
set -euo pipefail
HERE=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=scripts/common.sh
source "$HERE/common.sh"
cd "$ROOT"

failed=()
check() {
  local name=$1
  shift
  say "checking: $name"
  "$@" || failed+=("$name")
}

# A clone may belong to somebody else than the one who checks it.
tracked() { git -c safe.directory='*' ls-files -c -o --exclude-standard "$@"; }
mapfile -t shell < <(tracked '*.sh' .ci/run)
mapfile -t c_files < <(tracked 'native/bpf/*.[ch]' 'bench/deeds/*.c' \
  'test/e2e/deeds/*.[ch]')

in_native() { (cd native && "$@"); }

check 'shell scripts (shellcheck)' shellcheck -x "${shell[@]}"
check 'C format (clang-format)' clang-format --dry-run -Werror --style=file:native/bpf/.clang-format \
  "${c_files[@]}"
check 'Rust format (cargo fmt)' in_native cargo fmt --all --check
check 'TypeScript format (prettier)' npm run --silent format:check
check 'TypeScript (eslint)' npm run --silent lint
check 'Rust (clippy)' in_native cargo clippy --locked --workspace --all-targets --quiet -- -D warnings
((${#failed[@]} == 0)) || fail "failed: ${failed[*]}"
