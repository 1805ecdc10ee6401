#!/usr/bin/env bash
# Makes .tools/debian.tar with debootstrap: a minimal Debian for the tests' pods, which reaches its
# mirror the way that this machine does.
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "$0")/common.sh"
cd "$ROOT"

TOOLS=$ROOT/.tools
TARBALL=$TOOLS/debian.tar
# After this many days apt would fetch most of it anew.
KEPT_DAYS=30

[[ $0 -nt $TARBALL || -n $(find "$TARBALL" -mtime "+$KEPT_DAYS") ]] || exit 0

# The mirror and release of this machine, if it is a Debian.
# shellcheck disable=SC2016 # apt fills these in.
targets=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE)' \
  'Created-By: Packages' 'Origin: Debian' 'Component: main' 2>/dev/null || true)
release=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
mirror=$(awk -v release="$release" '$2 == release { print $1; exit }' <<<"$targets")
# On another system: debootstrap's own mirror.
[[ -n $mirror ]] || release=bookworm

mkdir -p "$TOOLS"
work=$(mktemp -d "$TOOLS/debian.XXXXXX")
trap 'rm -rf "$work"' EXIT
say "making a minimal Debian ($release) from ${mirror:-its usual mirror}"
# Twice more, since a mirror that hiccups once must not end a build of twenty minutes.
for attempt in 1 2 3; do
  rm -rf "$work/root"
  debootstrap --variant=minbase "$release" "$work/root" ${mirror:+"$mirror"} >"$work/log" 2>&1 && break
  ((attempt < 3)) || {
    tail -n 20 "$work/log" >&2
    fail "debootstrap cannot make a Debian: see above; does this machine reach the mirror?"
  }
done
# A proxy that is set for apt or for all, and the retries that a test needs.
{
  apt-config dump | grep -iE '^Acquire::(https?|ftp)::Proxy ' || true
  [[ -z ${http_proxy:-} ]] || printf 'Acquire::http::Proxy "%s";\n' "$http_proxy"
  [[ -z ${https_proxy:-} ]] || printf 'Acquire::https::Proxy "%s";\n' "$https_proxy"
  printf 'Acquire::Retries "3";\n'
} >"$work/root/etc/apt/apt.conf.d/90host"
# Nothing of the packages' files and lists: the test fetches them.
tar -C "$work/root" -cf "$work/debian.tar" --exclude='./var/cache/apt/*' \
  --exclude='./var/lib/apt/lists/*' --exclude='./usr/share/doc/*' --exclude='./usr/share/man/*' \
  --exclude='./usr/share/locale/*' .
mv "$work/debian.tar" "$TARBALL"
