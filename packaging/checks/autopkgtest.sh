#!/bin/bash
# Runs the tests of the Debian source package against the binary package, as Debian does.
#
#   packaging/checks/autopkgtest.sh SUITE PACKAGE.dsc PACKAGE.deb
set -euo pipefail

# shellcheck source=packaging/roots.sh
. "$(dirname "$0")/../roots.sh"
begin "$@"
scratch_root "$1-test"

dpkg-source -q -x "$2" "$SCRATCH/tree"
autopkgtest --no-built-binaries "$3" "$SCRATCH/tree" -- chroot "$ROOT" >"$SCRATCH/log" 2>&1 ||
    die_of "autopkgtest failed in $1" "$SCRATCH/log"
grep -q '^smoke  *PASS' "$SCRATCH/log" || die_of "autopkgtest ran no smoke test in $1" "$SCRATCH/log"
say "autopkgtest passed in $1"
