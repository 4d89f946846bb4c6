#!/usr/bin/env bash
# Runs the smoke profile inside the image, with no network, and prints its time: `make image-smoke`.
# It needs root, for a network of its own; `buildah unshare containers/smoke.sh` gives a user as much as it needs.
#
# IMAGE     the name of the image, sartext-bench if none is given
set -euo pipefail

fail() { echo "make image-smoke: $1" >&2; exit 2; }

export BUILDAH_ISOLATION=${BUILDAH_ISOLATION:-chroot}
image=${IMAGE:-sartext-bench}
command -v buildah > /dev/null || fail "no buildah found; install it (Debian: buildah)"
buildah inspect --type image "$image" > /dev/null 2>&1 || fail "IMAGE=$image: no such image; build it with make image"
command -v ip > /dev/null || fail "no ip found; install it (Debian: iproute2)"
unshare --net true 2> /dev/null || fail "cannot cut the network off; run as root, or with buildah unshare"

container=$(buildah from --pull-never "$image")
trap 'buildah rm "$container" > /dev/null' EXIT

# shellcheck disable=SC2016  # the variables are the container's
inside='
set -euo pipefail
[ "$(id -u)" -ne 0 ] || { echo "make image-smoke: runs as root inside" >&2; exit 1; }
[ "$(grep -c : /proc/net/dev)" -eq 1 ] || { echo "make image-smoke: has a network inside" >&2; exit 1; }
snakemake --cores all --configfile config/smoke.yaml
took=$SECONDS
snakemake --cores all --configfile config/smoke.yaml -n | grep "Nothing to be done"
scores=$(find results/smoke/scores -name score.json | sort)
echo "make image-smoke: passed as uid $(id -u) without a network in $took s; $(wc -l <<< "$scores") score files of commit $(git rev-parse --short=12 HEAD), digest $(cat $scores | sha256sum | cut -c 1-16)"
'
# the loopback is how DeepSpeed and its processes talk
# shellcheck disable=SC2016
unshare --net -- sh -c 'ip link set lo up && exec "$@"' - buildah run "$container" -- bash -c "$inside"
