#!/usr/bin/env bash
# Pins the images of docker-compose.yml, .env and the Dockerfiles by digest beside their tags, where a
# registry is reached; run it again after a tag was changed.
#   images.sh           writes NAME:TAG@sha256:… in place of NAME:TAG and of older digests
#   images.sh --check   only says which are not pinned, or are another image by now
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "$0")/common.sh"
cd "$ROOT"

FILES=(docker-compose.yml .env deploy/docker/exporter.Dockerfile deploy/docker/peregrined.Dockerfile)
DIGEST='sha256:[0-9a-f]{64}'

check=
[[ ${1:-} != --check ]] || check=yes

# The index of all platforms, so that the pin holds on every machine.
digest_of() {
  docker buildx imagetools inspect "$1" --format '{{ .Manifest.Digest }}' 2>/dev/null ||
    skopeo inspect --raw "docker://$1" 2>/dev/null | sha256sum | sed 's/^/sha256:/; s/ .*//'
}

command -v docker >/dev/null || command -v skopeo >/dev/null ||
  fail 'docker with buildx, or skopeo, is needed to ask a registry'

mapfile -t images < <(grep -ohE "docker\.io/[a-z0-9/-]+:[A-Za-z0-9._-]+(@$DIGEST)?" "${FILES[@]}" | sort -u)
((${#images[@]} > 0)) || fail "no image in ${FILES[*]}"
wrong=0
for image in "${images[@]}"; do
  tag=${image%@*}
  digest=$(digest_of "$tag") || true
  # What an empty answer hashes to is no image.
  [[ $digest =~ ^$DIGEST$ && $digest != sha256:e3b0c442* ]] ||
    fail "no registry answers for $tag; nothing more was changed"
  [[ $image != "$tag@$digest" ]] || continue
  wrong=$((wrong + 1))
  say "$tag is $digest"
  [[ -n $check ]] || sed -i -E "s|${tag//./\\.}(@$DIGEST)?|$tag@$digest|g" "${FILES[@]}"
done
[[ -z $check || $wrong == 0 ]] || fail "not pinned to what the registry has: $wrong of ${#images[@]}"
say "${#images[@]} images are pinned, $wrong of them anew"
