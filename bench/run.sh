#!/usr/bin/env bash
# npm run bench: answers every question and writes bench/RESULTS.md; as root, on a quiet machine.
#   npm run bench -- latency    one question, printed only: syscalls, matcher, reload, flood, latency,
#                               start, stack, notification, idle, exporter, delay, fleet, identity,
#                               noise
set -euo pipefail
HERE=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=scripts/common.sh
source "$HERE/../scripts/common.sh"
cd "$ROOT"

QUESTIONS=(syscalls matcher reload flood latency start stack notification idle exporter delay fleet identity noise)
RESULTS=bench/RESULTS.md

"$ROOT/scripts/preflight.sh"
"$ROOT/scripts/setup.sh" --tests
"$ROOT/scripts/build.sh"
mkdir -p dist/bench/deeds
for source in bench/deeds/*.c; do
  cc -O2 -Wall -Wextra -Werror -o "dist/bench/deeds/$(basename "$source" .c)" "$source"
done
"$ROOT/scripts/deeds.sh"

ask() { node "dist/bench/$1.js"; }

if (($# > 0)); then
  for question in "$@"; do ask "$question"; done
  exit
fi

head_of_results() {
  local cpu
  cpu=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)
  cat <<HEAD
# Results

Written by \`npm run bench\`; do not edit.

- Machine: ${cpu:-unknown CPU}, $(nproc) CPUs, $(awk '/^MemTotal:/ { print int($2 / 1024) }' /proc/meminfo) MiB, virtualisation: $(systemd-detect-virt 2>/dev/null || true)
- Kernel: $(uname -r)
- Date: $(date -u +%F), commit $(git rev-parse --short HEAD), load before the start: $(cut -d' ' -f1 /proc/loadavg)
- Daemon: $("$DAEMON" --version), release build; Node $(node --version)

HEAD
}

# What was measured stands there even if a later question fails.
new=$(mktemp)
trap 'rm -f "$new"' EXIT
head_of_results >"$new"
for question in "${QUESTIONS[@]}"; do
  say "measuring: $question"
  {
    [[ $question != exporter ]] || printf '## How many alerts does the exporter take?\n\n'
    ask "$question"
  } >>"$new"
  cp "$new" "$RESULTS"
done
say "written: $RESULTS"
