#!/bin/bash
# Installs, removes and purges the Debian package with piuparts, which reports remaining files.
#
#   packaging/checks/piuparts.sh SUITE PACKAGE.deb
set -euo pipefail

# shellcheck source=packaging/roots.sh
. "$(dirname "$0")/../roots.sh"
begin "$@"
scratch_root "$1"

umount -R "$ROOT/dev" "$ROOT/proc"
tar -C "$ROOT" --one-file-system -c . | gzip -1 >"$SCRATCH/base.tar.gz"
# The archive has no version of it, so there is no upgrade to test. The directory is that of debconf, made with the
# first package that apt installs.
TMPDIR=$SCRATCH piuparts --basetgz="$SCRATCH/base.tar.gz" --distribution="$1" --mirror="$(mirror) main" \
    --no-upgrade-test --no-eatmydata --ignore-regex='^/var/cache/debconf/tmp.ci/?$' --log-file="$SCRATCH/log" "$2" >/dev/null 2>&1 ||
    die_of "piuparts failed in $1" "$SCRATCH/log"
grep -q 'PASS: All tests.' "$SCRATCH/log" || die_of "piuparts did not pass in $1" "$SCRATCH/log"
say "piuparts passed in $1"
