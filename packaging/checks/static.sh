#!/bin/bash
# Builds the static binary and runs it in a root with nothing else in it.
#
#   packaging/checks/static.sh DIRECTORY
set -euo pipefail

here=$(cd "$(dirname "$0")/.." && pwd)
# shellcheck source=packaging/roots.sh
. "$here/roots.sh"
[ $# -eq 1 ] || die "usage: $0 DIRECTORY"

binary=$("$here/static.sh" "$1")
! readelf -d "$binary" | grep NEEDED >&2 || die "the static binary needs libraries"
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
cp "$binary" "$root/secretcat"

answer=$(offline chroot "$root" /secretcat connect --loopback -m 'My SECRET code is 12345')
[ "$answer" = 'Digits: 12345   Count: 5' ] || die "the static binary answers $answer"
# What README says of names: without libraries and files to ask there are none, and that is one clear line.
status=0
said=$(offline chroot "$root" /secretcat connect a-name.example -m lost 2>&1) || status=$?
[[ $status == 1 && $(wc -l <<<"$said") == 1 ]] || die "the static binary on a name: status $status: $said"
say "static: $(stat -c %s "$binary") bytes, alone in a root; of a name it says: $said"
