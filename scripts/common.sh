# shellcheck shell=bash
# Shared by the scripts next to it: where things are, how to speak, what is fresh.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export ROOT
export DAEMON="$ROOT/native/target/release/peregrined"
# Two rustc processes stay within 4 GiB.
export CARGO_BUILD_JOBS="${CARGO_BUILD_JOBS:-2}"

# rustup puts cargo where neither sudo nor a bare shell looks.
# A user's toolchain serves root too; what cargo downloads then stays in root's home.
add_rust_to_path() {
  local user_home
  command -v cargo >/dev/null && return
  if [[ -x $HOME/.cargo/bin/cargo ]]; then
    PATH="$HOME/.cargo/bin:$PATH"
  elif [[ -n ${SUDO_USER:-} ]]; then
    user_home=$(getent passwd "$SUDO_USER" | cut -d: -f6)
    if [[ -x $user_home/.cargo/bin/cargo ]]; then
      export RUSTUP_HOME="${RUSTUP_HOME:-$user_home/.rustup}"
      PATH="$user_home/.cargo/bin:$PATH"
    fi
  fi
}
add_rust_to_path
# The pinned Node comes before any other.
PATH="$ROOT/node_modules/.bin:$PATH:/usr/sbin:/sbin"
export PATH

say() { printf 'peregrine: %s\n' "$*" >&2; }

fail() {
  say "$@"
  exit 1
}

is_ci() { [[ ${CI:-} == true ]]; }

# True if nothing under the paths changed since the stamp was made; folders count, so that a
# removed file is seen too.
is_fresh() {
  local stamp=$1
  shift
  [[ -e $stamp ]] || return 1
  [[ -z $(find "$@" -name target -prune -o -newer "$stamp" -print -quit) ]]
}

# version_at_least HAVE LEAST: compares dotted numbers.
version_at_least() {
  [[ $(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1) == "$2" ]]
}

least_rustc() { sed -n 's/^rust-version = "\(.*\)"/\1/p' "$ROOT/native/Cargo.toml"; }
