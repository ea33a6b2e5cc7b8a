#!/bin/bash
# Installs the Debian package in a clean root without a network, uses it, and purges it; no file may remain.
#
#   packaging/checks/install.sh SUITE PACKAGE.deb
set -euo pipefail

# shellcheck source=packaging/roots.sh
. "$(dirname "$0")/../roots.sh"
begin "$@"
scratch_root "$1-test"

before=$(files_of "$ROOT")
cp "$2" "$ROOT/tmp/secretcat.deb"
in_root_offline "$ROOT" apt-get -q -y --no-install-recommends -o Dpkg::Use-Pty=0 install /tmp/secretcat.deb >"$SCRATCH/log" 2>&1 ||
    die_of "the package does not install in $1" "$SCRATCH/log"
use_in_root "$ROOT"
in_root_offline "$ROOT" apt-get -q -y purge secretcat >"$SCRATCH/log" 2>&1 ||
    die_of "the package does not purge in $1" "$SCRATCH/log"
diff <(echo "$before") <(files_of "$ROOT") >&2 || die "purged in $1, the package leaves what stands above"
! in_root "$ROOT" dpkg-query -s secretcat >/dev/null 2>&1 || die "purged in $1, dpkg still knows secretcat"
say "installed, used and purged in $1"
