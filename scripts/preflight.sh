#!/usr/bin/env bash
# Checks what setup cannot install; names everything missing at once, each with its remedy.
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "$0")/common.sh"

LEAST_KERNEL=5.8
LEAST_NODE=20
# Numbers of <linux/capability.h>.
CAP_SYS_ADMIN=21
CAP_PERFMON=38
CAP_BPF=39
# PEREGRINE_PROC and PEREGRINE_BTF let a test show another machine.
PROC=${PEREGRINE_PROC:-/proc}
BTF=${PEREGRINE_BTF:-/sys/kernel/btf/vmlinux}

missing=0
lack() {
  missing=$((missing + 1))
  printf 'peregrine: missing: %s\n           fix:     %s\n' "$1" "$2" >&2
}

has_capability() {
  local effective
  effective=$(sed -n 's/^CapEff:[[:space:]]*//p' "$PROC/self/status")
  (((16#${effective:-0} >> $1) & 1))
}

check_system() {
  local kernel
  if [[ $(uname -s) != Linux ]]; then
    lack "Linux; this is $(uname -s)" 'run it on a Linux machine or in a virtual machine'
    return
  fi
  kernel=$(cut -d- -f1 <"$PROC/sys/kernel/osrelease")
  version_at_least "$kernel" "$LEAST_KERNEL" ||
    lack "Linux $LEAST_KERNEL or later; this is $kernel" \
      'apt-get install linux-image-amd64 && reboot'
  [[ -r $BTF ]] ||
    lack "kernel type information ($BTF)" \
      'boot a kernel built with CONFIG_DEBUG_INFO_BTF=y, as all of Debian 12 are'
}

check_privileges() {
  if ((EUID != 0)); then
    # shellcheck disable=SC2016 # The user's shell expands it.
    lack 'root: eBPF programs are loaded by root' 'sudo env "PATH=$PATH" npm start'
  elif ! has_capability $CAP_SYS_ADMIN &&
    ! { has_capability $CAP_BPF && has_capability $CAP_PERFMON; }; then
    lack 'the capabilities CAP_BPF and CAP_PERFMON, though this is root' \
      'in a container: docker run --privileged --pid=host …'
  fi
}

check_rust() {
  local have least
  least=$(least_rustc)
  if ! command -v cargo >/dev/null || ! have=$(rustc --version 2>/dev/null | cut -d' ' -f2); then
    lack "a Rust toolchain (rustc $least or later)" \
      "curl --proto '=https' -sSf https://sh.rustup.rs | sh -s -- -y --profile minimal"
  elif ! version_at_least "${have%%-*}" "$least"; then
    lack "rustc $least or later; this is $have" 'rustup update stable && rustup default stable'
  fi
}

check_node() {
  local have
  if ! command -v npm >/dev/null || ! have=$(node --version 2>/dev/null); then
    lack "Node $LEAST_NODE or later with npm" \
      'install it from https://nodejs.org/en/download, then open a new shell'
  elif ! version_at_least "${have#v}" "$LEAST_NODE"; then
    lack "Node $LEAST_NODE or later; this is $have" \
      'install it from https://nodejs.org/en/download, then open a new shell'
  fi
}

check_system
check_privileges
check_rust
check_node
((missing == 0)) || fail "nothing was started: $missing thing(s) missing, see above"
