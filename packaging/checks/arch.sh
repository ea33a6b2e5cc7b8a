#!/bin/bash
# Builds the Arch package as an ordinary user without a network, and installs, upgrades, uses and removes it in a root.
#
# There is no scriptlet: hooks of Arch's own systemd reload its units. namcap, the linter, is in no registry but that of
# Arch; what it would check first is checked here: the fields of the package, and the libraries that the program needs.
#
#   packaging/checks/arch.sh DIRECTORY [COMMIT]
set -euo pipefail

# shellcheck source=packaging/roots.sh
. "$(dirname "$0")/../roots.sh"
begin "$@"
scratch_root bookworm-test
out=$(mkdir -p "$1" && cd "$1" && pwd)

version=$("$PACKAGING/source.sh" "$out" "${@:2}")
# makepkg refuses to run as root, and an ordinary user may not be able to read root's home or this directory.
home=$(mktemp -d /tmp/secretcat-makepkg.XXXXXX)
mkdir "$home/toolchain" "$home/build"
mount --bind "$(rustc --print sysroot)" "$home/toolchain"
trap 'umount "$home/toolchain" && rm -rf --one-file-system "$home"; leave_root' EXIT
cp "$out/PKGBUILD" "$out/secretcat-$version.tar.gz" "$out/secretcat-$version-vendor.tar.gz" "$home/build"
rm -rf "$out/secretcat-$version"
chown -R nobody "$home/build" && chmod 755 "$home"

cd "$home/build"
make_package() {
    offline setpriv --reuid=65534 --regid=65534 --clear-groups env -i HOME="$home/build" \
        PATH="$1:/usr/bin:/bin:/usr/sbin:/sbin" LC_ALL=C.UTF-8 \
        makepkg --nodeps --noconfirm >"$2" 2>&1 || die_of "makepkg failed" "$2"
}
make_package "$home/toolchain/bin" "$out/makepkg.log"
! grep -E 'WARNING: [^S]|Skipped' "$out/makepkg.log" >&2 || die "makepkg warns: $out/makepkg.log"
cp "secretcat-$version"-*.pkg.tar* "$out"
package=$(ls "$out/secretcat-$version"-1-*.pkg.tar*)

fields=$(bsdtar -xOf "$package" .PKGINFO)
for field in "url = $("$PACKAGING/url.sh")" "license = $(sed -n 's/^License: *//p' "$PACKAGING/rpm/secretcat.spec")"; do
    grep -qxF "$field" <<<"$fields" || die "the Arch package has no field $field"
done
needed=$(readelf -d pkg/secretcat/usr/bin/secretcat | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p')
# Of glibc and gcc-libs, on which the package depends.
! grep -vxE 'libc\.so\.6|libm\.so\.6|libgcc_s\.so\.1|ld-linux.*' <<<"$needed" >&2 || die "the program needs other libraries"

# An older package of the same program.
mkdir older
# shellcheck disable=SC2016 # the inner shell's
printf '#!/bin/sh\n[ "$1" = build ] && install -D "%s" "$CARGO_TARGET_DIR/release/secretcat"\n' \
    "$PWD/older/program" >older/cargo
cp pkg/secretcat/usr/bin/secretcat older/program
chmod -R a+rX older && chmod 755 older/cargo
sed -i 's/^pkgrel=1$/pkgrel=0.9/' PKGBUILD
rm -rf src pkg
make_package "$home/build/older" "$SCRATCH/log"
older=$(ls "$PWD/secretcat-$version"-0.9-*.pkg.tar*)
cd "$out"

# There is no Arch repository here, so the packages that provide glibc are unknown: -dd.
printf '[options]\nArchitecture = auto\nSigLevel = Never\nLocalFileSigLevel = Never\n' >"$SCRATCH/pacman.conf"
mkdir -p "$SCRATCH/database" "$SCRATCH/hooks" "$SCRATCH/packages"
pacman_in_root() {
    offline pacman --config "$SCRATCH/pacman.conf" --root "$ROOT" --dbpath "$SCRATCH/database" \
        --cachedir "$SCRATCH/packages" --hookdir "$SCRATCH/hooks" --logfile "$SCRATCH/pacman.log" --noconfirm "$@" \
        >"$SCRATCH/log" 2>&1 || die_of "pacman $1 failed" "$SCRATCH/log"
}

before=$(files_of "$ROOT")
pacman_in_root -U -dd "$older"
pacman_in_root -U -dd "$package"
pacman_in_root -Qkk secretcat
use_in_root "$ROOT"
pacman_in_root -R secretcat
diff <(echo "$before") <(files_of "$ROOT") >&2 || die "removed, the Arch package leaves what stands above"
say "arch: built, installed, upgraded, used and removed: $out/${package##*/}"
