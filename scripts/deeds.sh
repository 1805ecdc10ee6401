#!/usr/bin/env bash
# Compiles the small programs whose deeds tests and benches watch, into dist/deeds.
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "$0")/common.sh"
cd "$ROOT"

mkdir -p dist/deeds
for source in test/e2e/deeds/*.c; do
  name=$(basename "$source" .c)
  [[ $source -nt dist/deeds/$name ]] || continue
  flags=()
  [[ $name != nothing ]] || flags=(-nostdlib -static)
  # It runs in containers, too.
  [[ $name != calls && $name != pause ]] || flags=(-static)
  cc -O1 -Wall -Wextra -Werror "${flags[@]}" -o "dist/deeds/$name" "$source"
done
# Those of the matrix are one program of several files.
for source in test/e2e/deeds/matrix/*; do
  [[ $source -nt dist/deeds/matrix ]] || continue
  cc -O1 -Wall -Wextra -Werror -o dist/deeds/matrix test/e2e/deeds/matrix/*.c
done
