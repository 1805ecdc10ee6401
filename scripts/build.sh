#!/usr/bin/env bash
# Builds the release daemon and the exporter where sources changed since they were built.
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "$0")/common.sh"
cd "$ROOT"

build_daemon() {
  local stamp=native/target/release/.peregrined-built
  ! { [[ -x $DAEMON ]] && is_fresh "$stamp" native proto; } || return 0
  mkdir -p native/target/release
  # Taken before the build: what changes while it runs is built the next time.
  touch "$stamp.begun"
  say 'building peregrined (the first time takes some minutes)'
  # From native/, where cargo finds the settings for static libraries.
  (cd native && cargo build --release --locked --quiet -p peregrined)
  mv "$stamp.begun" "$stamp"
}

build_exporter() {
  local stamp=dist/.built
  ! { [[ -e dist/src/main.js ]] && is_fresh "$stamp" src dashboards/src test bench tsconfig.json package.json; } ||
    return 0
  mkdir -p dist
  touch "$stamp.begun"
  say 'building peregrine'
  tsc -p tsconfig.json
  mv "$stamp.begun" "$stamp"
}

build_daemon
build_exporter
