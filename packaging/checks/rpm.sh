#!/bin/bash
# Builds the RPM package without a network, and installs, uses and erases it in a root.
#
#   packaging/checks/rpm.sh DIRECTORY [COMMIT]
set -euo pipefail

# shellcheck source=packaging/roots.sh
. "$(dirname "$0")/../roots.sh"
begin "$@"
scratch_root bookworm-test
out=$(mkdir -p "$1" && cd "$1" && pwd)

version=$("$PACKAGING/source.sh" "$out" "${@:2}")
spec=$out/secretcat.spec
cp "$out/secretcat-$version/packaging/rpm/secretcat.spec" "$spec"
rm -rf "$out/secretcat-$version"

# Debian's rpm searches its own package database for the build requirements, and finds none: --nodeps.
database=$SCRATCH/database
offline rpmbuild -ba --nodeps --dbpath "$database" --define "_topdir $SCRATCH/rpmbuild" --define "_sourcedir $out" \
    "$spec" >"$out/rpmbuild.log" 2>&1 || die_of "rpmbuild failed" "$out/rpmbuild.log"
cp "$SCRATCH"/rpmbuild/RPMS/*/*.rpm "$SCRATCH"/rpmbuild/SRPMS/*.rpm "$out"
package=$(ls "$SCRATCH"/rpmbuild/RPMS/*/secretcat-"$version"-*.rpm)

# Warnings are accepted; errors are not.
rpmlint --rpmlintrc "$PACKAGING/rpm/secretcat.rpmlintrc" "$spec" "$out"/*.rpm >"$out/rpmlint.log" 2>&1 || die_of "rpmlint finds errors" "$out/rpmlint.log"

rpm_in_root() {
    offline rpm --root "$ROOT" --dbpath /var/lib/rpm "$@" >"$SCRATCH/log" 2>&1 || die_of "rpm $1 failed" "$SCRATCH/log"
}

# The directories of the package filesystem, which every RPM system has.
mkdir -p "$ROOT/usr/share/licenses"
before=$(files_of "$ROOT")
rpm_in_root --install --nodeps "$package"
rpm_in_root --verify --nodeps secretcat
use_in_root "$ROOT"
rpm_in_root --erase secretcat
diff <(echo "$before") <(files_of "$ROOT") >&2 || die "erased, the RPM package leaves what stands above"
say "rpm: built, installed, used and erased: $out/${package##*/}"
