#!/usr/bin/env bash
# npm start: checks, sets up, builds, then runs daemon and exporter until Ctrl-C.
# Arguments go to peregrined: npm start -- -r my-rules.yaml
# The exporter's settings come from its environment (PEREGRINE_…) or their defaults.
set -euo pipefail
HERE=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=scripts/common.sh
source "$HERE/common.sh"

# More than both programs need to finish what they have at hand.
STOP_SECONDS=15

preparing=
daemon=
exporter=
stopping=
work=$(mktemp -d)

# In a session of its own, so that the terminal's Ctrl-C comes through us once and in order;
# ended by the kernel if this script is killed.
run() { exec setsid setpriv --pdeathsig TERM "$@"; }

is_running() { [[ -n $1 ]] && kill -0 "$1" 2>/dev/null; }

stop_one() {
  local name=$1 pid=$2 tick
  is_running "$pid" || return 0
  kill -TERM "$pid" 2>/dev/null || true
  for ((tick = 0; tick < STOP_SECONDS * 20; tick++)); do
    is_running "$pid" || return 0
    sleep 0.05
  done
  say "$name did not stop within $STOP_SECONDS s and was killed"
  kill -KILL "$pid" 2>/dev/null || true
  return 1
}

# The daemon first: what it still says reaches the exporter.
stop_all() {
  local failed=0
  stop_one peregrined "$daemon" || failed=1
  stop_one peregrine "$exporter" || failed=1
  wait
  return $failed
}

on_signal() {
  [[ -z $stopping ]] || return 0
  stopping=yes
  trap '' INT TERM HUP
  say 'stopping'
  if [[ -n $preparing ]]; then
    kill -TERM -- "-$preparing" 2>/dev/null || true
    exit 130
  fi
  if stop_all; then
    say 'stopped; nothing is left attached'
    exit 0
  fi
  exit 1
}
trap on_signal INT TERM HUP
trap 'rm -rf "$work"' EXIT

# In a session of its own, too: whatever it started is stopped with it.
prepare() {
  setsid "$@" &
  preparing=$!
  wait "$preparing"
  preparing=
}

# Gives up after one of the two ended by itself, with its exit code.
give_up() {
  local name=$1 pid=$2 code=0
  [[ -z $stopping ]] || return 0
  wait "$pid" || code=$?
  trap '' INT TERM HUP
  say "$name ended by itself (exit code $code); stopping"
  stop_all || true
  exit $((code == 0 ? 1 : code))
}

# The address that the daemon was told, for the exporter.
grpc_socket() {
  local last=${PEREGRINED_GRPC_SOCKET:-/run/peregrine/peregrine.sock}
  while (($# > 0)); do
    case $1 in
    --grpc-socket) last=${2:-} ;;
    --grpc-socket=*) last=${1#*=} ;;
    esac
    shift
  done
  printf 'unix://%s\n' "${last#unix://}"
}

# read_until FD PATTERN SHOW: shows lines until one matches; false if they end before.
read_until() {
  local fd=$1 pattern=$2 show=$3 line
  while IFS= read -r line <&"$fd"; do
    if [[ $line == *"$pattern"* ]]; then
      found=$line
      [[ $show == quietly ]] || printf '%s\n' "$line" >&2
      return 0
    fi
    printf '%s\n' "$line" >&2
  done
  return 1
}

start_daemon() {
  mkfifo "$work/daemon"
  run "$DAEMON" "$@" 2>"$work/daemon" &
  daemon=$!
  exec {daemon_log}<"$work/daemon"
  read_until "$daemon_log" 'ready:' shown || give_up peregrined "$daemon"
  cat <&"$daemon_log" >&2 &
}

start_exporter() {
  mkfifo "$work/exporter"
  PEREGRINE_FALCO="${PEREGRINE_FALCO:-$(grpc_socket "$@")}" \
    run env MALLOC_ARENA_MAX=1 MALLOC_MMAP_THRESHOLD_=131072 MALLOC_TRIM_THRESHOLD_=262144 \
      node --max-semi-space-size=8 --max-old-space-size=256 "$ROOT/dist/src/main.js" 2>"$work/exporter" &
  exporter=$!
  exec {exporter_log}<"$work/exporter"
  read_until "$exporter_log" '"address":' quietly || give_up peregrine "$exporter"
  address=$(sed -n 's/.*"address":"\([^"]*\)".*/\1/p' <<<"$found")
  # Changes of state are told by the page; here only what somebody must act on.
  grep --line-buffered -v '"level":30' <&"$exporter_log" >&2 &
}

prepare "$HERE/preflight.sh"
prepare "$HERE/setup.sh"
prepare "$HERE/build.sh"
# Relative paths are meant from where the user typed.
[[ ! -d ${INIT_CWD:-} ]] || cd "$INIT_CWD"
start_daemon "$@"
start_exporter "$@"
say "the page:  $address/"
say "metrics:   $address/metrics"
say 'alerts appear below as they come; Ctrl-C stops both'

ended=
wait -n -p ended "$daemon" "$exporter" || true
case $ended in
"$daemon") give_up peregrined "$daemon" ;;
*) give_up peregrine "$exporter" ;;
esac
