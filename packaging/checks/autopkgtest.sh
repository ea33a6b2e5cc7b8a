#!/bin/bash
# Runs the tests of the Debian source package against the binary package, as Debian does.
#
#   packaging/checks/autopkgtest.sh SUITE PACKAGE.dsc PACKAGE.deb
set -euo pipefail

# shellcheck source=packaging/roots.sh
. "$(dirname "$0")/../roots.sh"
begin "$@"
scratch_root "$1-autopkgtest"

dpkg-source -q -x "$2" "$SCRATCH/tree"
autopkgtest --no-built-binaries "$3" "$SCRATCH/tree" -- chroot "$ROOT" >"$SCRATCH/log" 2>&1 ||
    die_of "autopkgtest failed in $1" "$SCRATCH/log"
tests=$(sed -n 's/^Tests: //p' "$PACKAGING/debian/tests/control")
for test in $tests; do
    grep -q "^$test  *PASS" "$SCRATCH/log" || die_of "autopkgtest did not run the test $test in $1" "$SCRATCH/log"
done
say "autopkgtest passed in $1: $(grep -o '^[0-9]* examples, 0 failed' "$SCRATCH/log")"
