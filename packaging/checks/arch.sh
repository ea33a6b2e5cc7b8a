#!/bin/bash
# Builds the Arch package as an ordinary user without a network, and installs, uses and removes it in a root.
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
cp "$out/secretcat-$version/packaging/arch/PKGBUILD" "$home/build"
cp "$out/secretcat-$version.tar.gz" "$out/secretcat-$version-vendor.tar.gz" "$home/build"
rm -rf "$out/secretcat-$version"
chown -R nobody "$home/build" && chmod 755 "$home"

cd "$home/build"
offline setpriv --reuid=65534 --regid=65534 --clear-groups env -i HOME="$home/build" \
    PATH="$home/toolchain/bin:/usr/bin:/bin:/usr/sbin:/sbin" LC_ALL=C.UTF-8 \
    makepkg --nodeps --noconfirm >"$out/makepkg.log" 2>&1 || die_of "makepkg failed" "$out/makepkg.log"
cp "secretcat-$version"-*.pkg.tar* "$out"
package=$(ls "$PWD/secretcat-$version"-*.pkg.tar*)
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
pacman_in_root -U -dd "$package"
pacman_in_root -Qkk secretcat
use_in_root "$ROOT"
pacman_in_root -R secretcat
diff <(echo "$before") <(files_of "$ROOT") >&2 || die "removed, the Arch package leaves what stands above"
say "arch: built, installed, used and removed: $out/${package##*/}"
