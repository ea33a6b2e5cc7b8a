#!/bin/bash
# Runs the tests of the Debian source package against the binary package, as Debian does.
#
#   packaging/checks/autopkgtest.sh SUITE PACKAGE.dsc PACKAGE.deb
set -euo pipefail

here=$(cd "$(dirname "$0")/.." && pwd)
# shellcheck source=packaging/roots.sh
. "$here/roots.sh"
in_own_mounts "$@"
[ $# -eq 3 ] || die "usage: $0 SUITE PACKAGE.dsc PACKAGE.deb"
scratch_root "$1-test"

dpkg-source -q -x "$2" "$SCRATCH/tree"
autopkgtest --no-built-binaries "$3" "$SCRATCH/tree" -- chroot "$ROOT" >"$SCRATCH/log" 2>&1 ||
    die_of "autopkgtest failed in $1" "$SCRATCH/log"
grep -q '^smoke  *PASS' "$SCRATCH/log" || die_of "autopkgtest ran no smoke test in $1" "$SCRATCH/log"
say "autopkgtest passed in $1"
