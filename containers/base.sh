#!/usr/bin/env bash
# Makes a Debian bookworm base image with mmdebstrap, for where no container registry can be reached, and prints
# it by its digest. One that is there already is used again; `buildah rmi localhost/sartext-base:bookworm` asks for a new one.
set -euo pipefail

name=localhost/sartext-base
tag=$name:bookworm

fail() { echo "containers/base.sh: $1" >&2; exit 2; }

if ! buildah inspect --type image "$tag" > /dev/null 2>&1; then
  command -v mmdebstrap > /dev/null || fail "no mmdebstrap found; install it (Debian: mmdebstrap), or name a published base: make image BASE=NAME@sha256:DIGEST"
  work=$(mktemp -d)
  # no mirror named: mmdebstrap takes Debian's own, with updates and security
  trap 'rm -rf "$work"' EXIT
  echo "making a Debian bookworm base with mmdebstrap" >&2
  mmdebstrap --quiet --variant=minbase --format=tar \
    --customize-hook='rm -f "$1"/etc/resolv.conf "$1"/etc/hostname' \
    bookworm "$work/base.tar" >&2
  base=$(buildah from scratch)
  trap 'buildah rm "$base" > /dev/null; rm -rf "$work"' EXIT
  buildah add --quiet "$base" "$work/base.tar" / > /dev/null
  buildah config --cmd /bin/bash "$base"
  buildah commit --quiet --timestamp "${SOURCE_DATE_EPOCH:-0}" "$base" "$tag" > /dev/null
fi
echo "$name@$(buildah inspect --type image --format '{{.FromImageDigest}}' "$tag")"
