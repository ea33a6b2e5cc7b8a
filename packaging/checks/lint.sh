#!/bin/bash
# Runs the lintian of a suite on a source package and its binary packages.
#
#   packaging/checks/lint.sh SUITE DIRECTORY
#
# DIRECTORY has the output of packaging/build-deb.sh.
set -euo pipefail

# shellcheck source=packaging/roots.sh
. "$(dirname "$0")/../roots.sh"
begin "$@"
scratch_root "$1-lint"

mkdir "$ROOT/package"
mount --bind "$(cd "$2" && pwd)" "$ROOT/package"
in_root_offline "$ROOT" sh -c 'exec lintian --allow-root --info --display-info --pedantic /package/*.changes' \
    >"$SCRATCH/log" 2>&1 || die_of "the lintian of $1 fails" "$SCRATCH/log"
[ ! -s "$SCRATCH/log" ] || LOG_LINES=200 die_of "the lintian of $1 has words on the package" "$SCRATCH/log"
say "linted in $1"
