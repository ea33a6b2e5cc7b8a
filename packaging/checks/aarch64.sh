#!/bin/bash
# Runs the binary of an archive for aarch64 with the emulator of Debian's qemu-user.
#
#   packaging/checks/aarch64.sh ARCHIVE
set -euo pipefail

# shellcheck source=packaging/roots.sh
. "$(dirname "$0")/../roots.sh"
takes "$@"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tar xzf "$1" -C "$work" --strip-components=1
readelf -h "$work/secretcat" | grep -q 'Machine: *AArch64$' || die "the binary of ${1##*/} is not for aarch64"

emulated() { offline qemu-aarch64 "$work/secretcat" "$@"; }
expect() {
    local expected=$1 status=0 said
    shift
    said=$(emulated "$@" 2>&1) || status=$?
    [ "$said
status $status" = "$expected" ] || die "emulated, $* prints: $said
and ends with status $status"
}
expect 'Digits: 12345   Count: 5
status 0' connect --loopback -m 'My SECRET code is 12345'
expect 'Digits: 12345   Count: 5
status 0' connect --loopback --chunk 1 -m 'My SECRET code is 12345'
# The assembly of ring for this processor.
expect 'Digits: 12345   Count: 5
status 0' connect --loopback --tls -m 'My SECRET code is 12345'
expect 'secretcat: connect 127.0.0.1:9: connection refused (is a server listening there?)
status 1' connect :9 -m lost
say "aarch64: ${1##*/}: emulated, it answers over TCP and TLS"
