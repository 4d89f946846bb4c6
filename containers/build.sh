#!/usr/bin/env bash
# Builds the image of HEAD with buildah: `make image`. Changes that are not committed are not in it.
#
# BASE      the base image as NAME@sha256:DIGEST; if none is given, base.sh makes one
# IMAGE     the name of the image, sartext-bench if none is given
# SOURCE    the repository's address, for the label of that name
# Package indexes and certificates are those of the environment (PIP_*, UV_*, SSL_CERT_FILE, *_proxy); none stays in the image.
set -euo pipefail
cd "$(dirname "$0")/.."

fail() { echo "make image: $1" >&2; exit 2; }

export BUILDAH_ISOLATION=${BUILDAH_ISOLATION:-chroot}  # needs no engine, and runs inside another container
image=${IMAGE:-sartext-bench}
base=${BASE:-}
if [ -n "$base" ] && ! [[ $base =~ ^([^/@[:space:]]+/)*[^/:@[:space:]]+@sha256:[0-9a-f]{64}$ ]]; then
  fail "BASE=$base: expected an image by its digest and without a tag, such as docker.io/library/debian@sha256:..., 64 hexadecimal digits"
fi
command -v buildah > /dev/null || fail "no buildah found; install it (Debian: buildah)"
git rev-parse --verify -q HEAD > /dev/null || fail "$PWD: no commit found; expected a git checkout, since the image holds a commit"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
git clone -q --depth 1 "file://$PWD" "$work/source"
git -C "$work/source" remote remove origin
revision=$(git -C "$work/source" rev-parse HEAD)
[ -z "$(git status --porcelain)" ] || echo "make image: changes that are not committed are not in the image of ${revision:0:12}" >&2
# all times in the image are the commit's
SOURCE_DATE_EPOCH=$(git -C "$work/source" log -1 --format=%ct)
export SOURCE_DATE_EPOCH
[ -n "$base" ] || base=$(containers/base.sh)

secrets=(--secret "id=environment,src=$work/environment")
export -p | grep -E '^declare -x (PIP|UV)_([A-Z_]*INDEX[A-Z_]*|[A-Z_]*TIMEOUT|[A-Z_]*HOST|RETRIES)=' | sed 's/^declare -x/export/' > "$work/environment" || true
certificates=${SSL_CERT_FILE:-${PIP_CERT:-}}
[ -z "$certificates" ] || secrets+=(--secret "id=ca,src=$certificates")

SECONDS=0
buildah build --layers --network host --timestamp "$SOURCE_DATE_EPOCH" "${secrets[@]}" \
  --build-arg BASE="$base" \
  --build-arg REVISION="$revision" \
  --build-arg VERSION="$(sed -n 's/^version = "\(.*\)"$/\1/p' pyproject.toml)" \
  --build-arg CREATED="$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y-%m-%dT%H:%M:%SZ)" \
  ${SOURCE:+--label "org.opencontainers.image.source=$SOURCE"} \
  --tag "$image" --file containers/Containerfile "$work/source"
echo "make image: $image of commit ${revision:0:12}, $(buildah images --format '{{.Size}}' "$image"), in ${SECONDS} s"
