#!/bin/bash
# Installs the Debian package and what the lab needs in a clean root, and builds, checks and removes the lab there, from
# the files of the package.
#
#   packaging/checks/lab.sh SUITE PACKAGE.deb
set -euo pipefail

# shellcheck source=packaging/roots.sh
. "$(dirname "$0")/../roots.sh"
begin "$@"
scratch_root "$1-lab"

cp "$2" "$ROOT/tmp/secretcat.deb"
in_root_offline "$ROOT" apt-get -q -y --no-install-recommends -o Dpkg::Use-Pty=0 install /tmp/secretcat.deb >"$SCRATCH/log" 2>&1 ||
    die_of "the package does not install in $1" "$SCRATCH/log"
for part in test exercises; do
    in_root_offline "$ROOT" /usr/share/doc/secretcat/examples/lab/lab "$part" || die "lab $part fails in $1"
done
say "the lab was built, checked and removed in $1"
