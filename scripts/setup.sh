#!/usr/bin/env bash
# Installs what is missing and says each thing it does; does nothing when nothing is missing.
#   setup.sh            what building and running take
#   setup.sh --tests    what the tests and linters take, too
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "$0")/common.sh"
cd "$ROOT"

# The C compilers for BPF and libbpf, and the static libraries that go into the daemon.
PACKAGES=(clang gcc libc6-dev libelf-dev make pkg-config zlib1g-dev)
# Real container runtimes, netavark and aardvark-dns, by which containers of Podman find each other,
# Prometheus and Alertmanager, a static shell and a small Debian for container images, the linters,
# bpftool, which sees what is loaded in the kernel, systemd, whose systemd-analyze reads the units, a
# browser for the page, and libfaketime, which sets the clock of one process.
TEST_PACKAGES=(aardvark-dns binutils bpftool busybox-static ca-certificates chromium clang-format
  containerd curl debootstrap docker.io fonts-dejavu-core libfaketime netavark openssl podman
  prometheus prometheus-alertmanager shellcheck systemd unzip)
POLICY=/usr/sbin/policy-rc.d

[[ ${1:-} != --tests ]] || PACKAGES+=("${TEST_PACKAGES[@]}")

missing_packages() {
  local package
  for package in "${PACKAGES[@]}"; do
    dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed ||
      printf '%s\n' "$package"
  done
}

# Debian starts the services that it installs; the tests want their own, and the user none.
hold_services() {
  [[ ! -e $POLICY ]] || return 0
  printf '#!/bin/sh\nexit 101\n' >"$POLICY"
  chmod 755 "$POLICY"
  trap 'rm -f "$POLICY"' EXIT
}

install_packages() {
  local packages
  command -v dpkg-query >/dev/null || {
    say "this is no Debian: install the counterparts of ${PACKAGES[*]} yourself"
    return
  }
  mapfile -t packages < <(missing_packages)
  ((${#packages[@]} > 0)) || return 0
  ((EUID == 0)) || fail "Debian packages are missing; run: sudo apt-get install ${packages[*]}"
  say "installing Debian packages: ${packages[*]}"
  hold_services
  export DEBIAN_FRONTEND=noninteractive
  # Retries, since a mirror that hiccups once must not end a build of twenty minutes.
  apt-get -o Acquire::Retries=3 -qq update
  apt-get -o Acquire::Retries=3 -o Dpkg::Use-Pty=0 -qq install -y --no-install-recommends \
    "${packages[@]}" >/dev/null
}

install_node_packages() {
  [[ ! node_modules/.package-lock.json -nt package-lock.json || ! -x node_modules/.bin/node ]] ||
    return 0
  say 'installing npm packages, with the Node that this repository pins'
  npm ci --no-audit --no-fund --loglevel=error >&2
  touch node_modules/.package-lock.json
}

fetch_crates() {
  local stamp=native/target/.fetched
  mkdir -p native/target
  [[ ! $stamp -nt native/Cargo.lock ]] || return 0
  say 'fetching crates'
  (cd native && cargo fetch --locked --quiet)
  touch "$stamp"
}

install_packages
install_node_packages
fetch_crates
[[ ${1:-} != --tests ]] || scripts/tools.sh
