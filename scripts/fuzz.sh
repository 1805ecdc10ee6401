#!/usr/bin/env bash
# Runs each fuzz target for a while (30 s unless told): fuzz.sh [SECONDS] [TARGET...]
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "$0")/common.sh"

seconds=${1:-30}
shift || true
[[ -d $ROOT/native/fuzz ]] || fail 'there is no native/fuzz'
cd "$ROOT/native"

if ! rustup toolchain list 2>/dev/null | grep -q ^nightly; then
  is_ci || fail 'fuzzing needs a nightly Rust; run: rustup toolchain install nightly --profile minimal'
  say 'installing a nightly Rust for fuzzing'
  rustup toolchain install nightly --profile minimal
fi
if ! cargo fuzz --version >/dev/null 2>&1; then
  say 'installing cargo-fuzz'
  cargo install cargo-fuzz --locked --quiet
fi

targets=("$@")
((${#targets[@]} > 0)) || mapfile -t targets < <(cargo +nightly fuzz list)
log=$(mktemp)
trap 'rm -f "$log"' EXIT
ran=0
for target in "${targets[@]}"; do
  say "fuzzing $target for $seconds s"
  # What is found goes into the first folder; the seeds are only read.
  folders=()
  [[ -d fuzz/seeds/$target ]] && folders=("fuzz/corpus/$target" "fuzz/seeds/$target")
  [[ ${#folders[@]} -eq 0 ]] || mkdir -p "${folders[0]}"
  if ! cargo +nightly fuzz run "$target" "${folders[@]}" -- -max_total_time="$seconds" -rss_limit_mb=2048 \
    -print_final_stats=1 >"$log" 2>&1; then
    tail -n 40 "$log" >&2
    fail "fuzz target $target failed; its input is under native/fuzz/artifacts"
  fi
  say "$target: $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") inputs"
  ran=$((ran + 1))
done
say "fuzz: $ran targets, $seconds s each, no failure"
