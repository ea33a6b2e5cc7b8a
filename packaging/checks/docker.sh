#!/bin/bash
# Builds the image of packaging/docker from an archive and uses it, with a dockerd of its own and without a network.
#
#   packaging/checks/docker.sh ARCHIVE
#
# Status 77: this machine runs no dockerd, so the image was not checked.
set -euo pipefail

# shellcheck source=packaging/roots.sh
. "$(dirname "$0")/../roots.sh"
takes "$@"
[ "$(id -u)" = 0 ] || die "needs root, for dockerd"
# The kernel ends dockerd and its containers with this script, and removes their mounts and networks.
[ -n "${SECRETCAT_OWN_DOCKER:-}" ] ||
    SECRETCAT_OWN_DOCKER=1 exec unshare --mount --net --pid --fork --kill-child --mount-proc --propagation private "$0" "$@"

mkdir -p "$CACHE"
[ -d /etc/docker ] || die "no dockerd: install docker.io"
SCRATCH=$(mktemp -d "$CACHE/docker.XXXXXX")
# The path of a socket has at most 107 bytes.
run=$(mktemp -d /tmp/secretcat-docker.XXXXXX)
cgroups=secretcat-docker-${run##*.}
daemon=
leave() {
    [ -z "$daemon" ] || { kill "$daemon" && wait "$daemon"; } 2>/dev/null || true
    find /sys/fs/cgroup -depth -type d -path "*/$cgroups*" -exec rmdir {} + 2>/dev/null || true
    umount -R "$SCRATCH" "$run" 2>/dev/null || true
    rm -rf --one-file-system "$SCRATCH" "$run"
}
trap leave EXIT
ip link set lo up
# dockerd writes there, whatever its options are.
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /etc/docker
dockerd --bridge=none --iptables=false --ip6tables=false --cgroup-parent="/$cgroups" --host "unix://$run/socket" \
    --data-root "$SCRATCH/data" --exec-root "$run/exec" --pidfile "$run/pid" >"$SCRATCH/log" 2>&1 &
daemon=$!
# Not the client of another installation.
docker() { env -i PATH=/usr/bin:/bin HOME="$SCRATCH" DOCKER_BUILDKIT=0 docker --host "unix://$run/socket" "$@"; }
for ((tries = 0; tries < 300; tries++)); do
    ! docker version >/dev/null 2>&1 || break
    kill -0 "$daemon" 2>/dev/null || break
    sleep 0.1
done
docker version >/dev/null 2>&1 || {
    tail -n 5 "$SCRATCH/log" >&2
    say "dockerd does not run here"
    exit 77
}

mkdir "$SCRATCH/context"
tar xzf "$1" -C "$SCRATCH/context" --strip-components=1
docker build --network none --quiet -f "$PACKAGING/docker/Dockerfile" -t secretcat "$SCRATCH/context" >"$SCRATCH/build" 2>&1 ||
    die_of "the image is not built" "$SCRATCH/build"
size=$(docker image inspect -f '{{.Size}}' secretcat)
[ "$size" -le 10000000 ] || die "the image has $size bytes: 10 MB is the most"

# What dockerd puts into a container is empty in its export.
docker create --name files secretcat >/dev/null
files=$(docker export files | tar tv | awk '$3 > 0 { print $6 }' | sort)
docker rm files >/dev/null
[ "$files" = "usr/bin/secretcat
usr/share/licenses/secretcat/LICENSE-APACHE
usr/share/licenses/secretcat/LICENSE-MIT" ] || die "the image has other files: $files"
[ "$(docker image inspect -f '{{.Config.User}}' secretcat)" = 65534:65534 ] || die "the image runs as root"

in_container() {
    docker run --rm --network none --read-only --cap-drop ALL --security-opt no-new-privileges secretcat "$@"
}
answer=$(docker run --network none secretcat connect --loopback -m 'My SECRET code is 12345')
[ "$answer" = 'Digits: 12345   Count: 5' ] || die "in a container, it answers $answer"
answer=$(in_container connect --loopback --tls --chunk 1 -m 'SECRET 1')
[ "$answer" = 'Digits: 1   Count: 1' ] || die "in a container without privileges, over TLS, it answers $answer"
[[ $(in_container) == *'Usage: secretcat '* ]] || die "without arguments, the image prints no help"

# A service is process 1 of its container.
docker run --detach --name service --network none secretcat listen '*:4500' >/dev/null
answer=$(docker exec service /usr/bin/secretcat connect --retry 100 --retry-delay 0.1 -m 'SECRET 22')
[ "$answer" = 'Digits: 22   Count: 2' ] || die "a service in a container answers $answer"
docker stop --time 20 service >/dev/null
[ "$(docker inspect -f '{{.State.ExitCode}}' service)" = 0 ] || die "stopped, the service ends with an error: $(docker logs service 2>&1)"
say "docker: an image of $size bytes, built and used"
