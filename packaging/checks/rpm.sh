#!/bin/bash
# Builds the RPM package without a network, and installs, uses, upgrades and erases it in a root, where a stand-in for
# systemctl records what the scriptlets run.
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
# Debian has no macros of systemd for RPM: these do what systemd documents of its own.
cat >"$SCRATCH/macros" <<'MACROS'
%systemd_post() if [ $1 -eq 1 ]; then systemctl preset %{?*}; fi
%systemd_preun() if [ $1 -eq 0 ]; then systemctl disable --now %{?*}; fi
%systemd_postun_with_restart() if [ $1 -ge 1 ]; then systemctl try-restart %{?*}; fi
MACROS
# Fedora and openSUSE make a debuginfo package of each package; RPM alone does not.
cp "$SCRATCH/macros" "$SCRATCH/macros-debuginfo"
printf '%%install %%{debug_package}\\\n%%%%install\\\n%%{nil}\n' >>"$SCRATCH/macros-debuginfo"
build() {
    local log=$1 macros=$2
    shift 2
    offline rpmbuild --load "$macros" --nodeps --dbpath "$database" --define "_sourcedir $out" "$@" >"$log" 2>&1 ||
        die_of "rpmbuild failed" "$log"
}
build "$out/rpmbuild.log" "$SCRATCH/macros-debuginfo" --define "_topdir $SCRATCH/rpmbuild" -ba "$spec"
cp "$SCRATCH"/rpmbuild/RPMS/*/*.rpm "$SCRATCH"/rpmbuild/SRPMS/*.rpm "$out"
package=$(ls "$out"/secretcat-"$version"-1*."$(uname -m)".rpm)
debuginfo=$(ls "$out"/secretcat-debuginfo-"$version"-*.rpm)
mkdir "$SCRATCH/unpacked"
for file in "$package" "$debuginfo"; do
    rpm2cpio "$file" | (cd "$SCRATCH/unpacked" && cpio -idm --quiet)
done
id_of() { readelf -n "$SCRATCH/unpacked/$1" | sed -n 's/.*Build ID: //p'; }
id=$(id_of usr/bin/secretcat)
[ "$(id_of "usr/lib/debug/.build-id/${id:0:2}/${id:2}.debug")" = "$id" ] || die "the debuginfo package is not of the program"
for crate in rustls ring clap; do
    rpm -qp --provides "$package" | grep -q "^bundled(crate($crate)) = [0-9]" || die "the package does not name the crate $crate"
done

rpmlint --rpmlintrc "$PACKAGING/rpm/secretcat.rpmlintrc" "$spec" "$out"/*.rpm >"$out/rpmlint.log" 2>&1 || die_of "rpmlint finds errors" "$out/rpmlint.log"
grep -q ' 0 errors, 0 warnings' "$out/rpmlint.log" || die_of "rpmlint warns" "$out/rpmlint.log"

# An older package of the same program.
mkdir "$SCRATCH/older"
# shellcheck disable=SC2016 # the inner shell's
printf '#!/bin/sh\n[ "$1" = build ] && install -D "%s" "$CARGO_TARGET_DIR/release/secretcat"\n' \
    "$SCRATCH/unpacked/usr/bin/secretcat" >"$SCRATCH/older/cargo"
chmod 755 "$SCRATCH/older/cargo"
sed 's/^Release: *1/Release: 0/' "$spec" >"$SCRATCH/older/secretcat.spec"
PATH=$SCRATCH/older:$PATH build "$SCRATCH/log" "$SCRATCH/macros" --define "_topdir $SCRATCH/older" -bb "$SCRATCH/older/secretcat.spec"
older=$(ls "$SCRATCH"/older/RPMS/*/secretcat-"$version"-0*.rpm)

rpm_in_root() {
    offline rpm --root "$ROOT" --dbpath /var/lib/rpm "$@" >"$SCRATCH/log" 2>&1 || die_of "rpm $1 failed" "$SCRATCH/log"
}

# The directories of the package filesystem, which every RPM system has.
mkdir -p "$ROOT/usr/share/licenses"
printf '#!/bin/sh\necho "$*" >>/tmp/ran\n' >"$ROOT/usr/bin/systemctl"
chmod 755 "$ROOT/usr/bin/systemctl"
# Checks what the scriptlets of a command run.
scriptlets_run() {
    local expected=$1
    shift
    : >"$ROOT/tmp/ran"
    rpm_in_root "$@"
    [ "$(cat "$ROOT/tmp/ran")" = "$expected" ] || die "rpm $1 runs systemctl $(cat "$ROOT/tmp/ran")"
}
before=$(files_of "$ROOT")
scriptlets_run 'preset secretcat.socket secretcat.service' --install --nodeps "$older"
scriptlets_run 'try-restart secretcat.socket secretcat.service secretcat@*.service' --upgrade --nodeps "$package"
rpm_in_root --verify --nodeps secretcat
use_in_root "$ROOT"
scriptlets_run 'disable --now secretcat.socket secretcat.service secretcat@*.service' --erase secretcat
diff <(echo "$before") <(files_of "$ROOT") >&2 || die "erased, the RPM package leaves what stands above"
say "rpm: built, installed, upgraded, used and erased: $out/${package##*/}"
