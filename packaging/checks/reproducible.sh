#!/bin/bash
# Builds the Debian package again in another place, and compares it byte for byte with the existing one.
#
#   packaging/checks/reproducible.sh FIRST SECOND [COMMIT]
#
# FIRST has the output of packaging/build-deb.sh; SECOND is a directory for the other build.
set -euo pipefail

# shellcheck source=packaging/roots.sh
. "$(dirname "$0")/../roots.sh"
takes "$@"
first=$(cd "$1" && pwd)
second=$(mkdir -p "$2" && cd "$2" && pwd)
[ "$first" != "$second" ] || die "the two directories are one"

# Another CARGO_HOME (with the same downloads), another time zone and another umask.
home=${CARGO_HOME:-$HOME/.cargo}
mkdir -p "$second/other-home"
for kept in registry config.toml config; do
    [ ! -e "$home/$kept" ] || ln -sfn "$home/$kept" "$second/other-home/$kept"
done
(umask 027 && CARGO_HOME=$second/other-home TZ=Pacific/Kiritimati "$PACKAGING/build-deb.sh" "$second" "${@:3}" >/dev/null)

for file in "$first"/*.deb "$first"/*.orig*.tar.gz "$first"/*.debian.tar.xz; do
    cmp "$file" "$second/${file##*/}" || die "${file##*/} is built differently elsewhere"
done
binary=$(mktemp)
trap 'rm -f "$binary"' EXIT
dpkg-deb --fsys-tarfile "$first"/secretcat_*.deb | tar -xO ./usr/bin/secretcat >"$binary"
for path in "$first" "$second" "$home" "$(rustc --print sysroot)" "$HOME/"; do
    ! grep -qaF -- "$path" "$binary" || die "the binary names a path of its build: $path"
done
say "reproducible: $(sha256sum <"$binary" | cut -c1-16) twice"
