#!/bin/bash
# Builds the static binary and runs it in an otherwise empty root.
#
#   packaging/checks/static.sh DIRECTORY
set -euo pipefail

# shellcheck source=packaging/roots.sh
. "$(dirname "$0")/../roots.sh"
takes "$@"

binary=$("$PACKAGING/static.sh" "$1")
! readelf -d "$binary" | grep NEEDED >&2 || die "the static binary needs libraries"
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
cp "$binary" "$root/secretcat"

answer=$(offline chroot "$root" /secretcat connect --loopback -m 'My SECRET code is 12345')
[ "$answer" = 'Digits: 12345   Count: 5' ] || die "the static binary answers $answer"
# As README states: names are resolved with /etc/hosts, and an unknown name is one clear line.
mkdir "$root/etc"
echo '127.0.0.1 lab.example' >"$root/etc/hosts"
fails_with() {
    local status=0 said expected=$1
    shift
    said=$(offline chroot "$root" /secretcat "$@" 2>&1) || status=$?
    [[ $status == 1 && $said == "$expected"* && $(wc -l <<<"$said") == 1 ]] ||
        die "the static binary ends with $status and says: $said"
}
fails_with 'secretcat: connect 127.0.0.1:9: connection refused' connect lab.example:9 -m lost
fails_with 'secretcat: resolve no.example:9: ' connect no.example:9 -m lost
say "static: $(stat -c %s "$binary") bytes, alone in a root"
