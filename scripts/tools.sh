#!/usr/bin/env bash
# Builds Helm and Docker Compose into .tools from the Go proxy, where Debian has none that is new
# enough, and installs Grafana's library and schemas from npm. test/stack/tools pins their versions and
# the checksums of all that goes into them.
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "$0")/common.sh"
cd "$ROOT"

TOOLS=$ROOT/.tools
# The Go that builds them, where the machine has none or one from before toolchains.
GO_VERSION=1.26.8
LEAST_GO=1.24.9

has_go() {
  local have
  command -v go >/dev/null || return 1
  have=$(go env GOVERSION) && version_at_least "${have#go}" "$LEAST_GO"
}

# A Go module proxy hands out Go itself as a module.
fetch_go() {
  local machine name proxy=${GOPROXY:-}
  proxy=${proxy%%[,|]*}
  [[ $proxy == http* ]] ||
    fail "no Go $LEAST_GO or later: install it, or set GOPROXY to a proxy, which has it too"
  case $(uname -m) in
  x86_64) machine=amd64 ;;
  aarch64) machine=arm64 ;;
  *) fail "there is no Go for $(uname -m): install Go $LEAST_GO or later" ;;
  esac
  name=toolchain@v0.0.1-go$GO_VERSION.linux-$machine
  PATH="$TOOLS/golang.org/$name/bin:$PATH"
  ! has_go || return 0
  say "fetching Go $GO_VERSION for the tests' tools"
  curl -fsSL --retry 3 -o "$TOOLS/go.zip" \
    "$proxy/golang.org/toolchain/@v/${name#toolchain@}.zip"
  unzip -q -o "$TOOLS/go.zip" -d "$TOOLS"
  rm "$TOOLS/go.zip"
  chmod -R u+x "$TOOLS/golang.org/$name/bin" "$TOOLS/golang.org/$name/pkg/tool"
}

# build NAME PACKAGE [LINKER FLAGS]
build() {
  local name=$1 package=$2 flags=${3:-} module=$ROOT/test/stack/tools/$1
  [[ ! $TOOLS/$name -nt $module/go.sum ]] || return 0
  has_go || fetch_go
  say "building $name from the Go proxy"
  # Twice more, since a proxy that hiccups once must not end a build of twenty minutes.
  for _ in 1 2 3; do
    (cd "$module" && GOFLAGS=-buildvcs=false GOWORK=off \
      go build -trimpath -ldflags "-s -w $flags" -o "$TOOLS/$name.new" "$package") && break
  done
  mv "$TOOLS/$name.new" "$TOOLS/$name"
}

# Grafana's library of data frames, which the tests ask what it makes of the dashboards' tables, and
# its schemas of dashboards.
install_grafana() {
  local module=$ROOT/test/stack/tools/grafana target=$TOOLS/grafana
  [[ ! $target/.installed -nt $module/package-lock.json ]] || return 0
  say "installing Grafana's library for the tests"
  mkdir -p "$target"
  cp "$module"/package*.json "$target/"
  npm ci --prefix "$target" --ignore-scripts --no-audit --no-fund --loglevel=error >&2
  touch "$target/.installed"
}

mkdir -p "$TOOLS"
# Helm's own build sets the Kubernetes that it renders for; without, it is one of 2020.
KUBE=helm.sh/helm/v3/pkg/chartutil
build helm helm.sh/helm/v3/cmd/helm "-X $KUBE.k8sVersionMajor=1 -X $KUBE.k8sVersionMinor=34"
build compose github.com/docker/compose/v2/cmd
install_grafana
