#!/bin/bash
# Builds the Debian package from a commit, without a network, and prints its path.
#
#   packaging/build-deb.sh DIRECTORY [COMMIT]               with the cargo of this machine
#   packaging/build-deb.sh --root trixie DIRECTORY [COMMIT]  with the suite's own, in a clean root
#   packaging/build-deb.sh --draft DIRECTORY [COMMIT]        for a look at the package: with a program that is barely
#                                                            optimised, and the crates that the last such build compiled
#
# DIRECTORY gets the source package, the binary packages, .buildinfo and .changes.
set -euo pipefail

# shellcheck source=packaging/roots.sh
. "$(dirname "$0")/roots.sh"

suite=
draft=
case ${1:-} in
    --root)
        in_own_mounts "$@"
        suite=$2
        shift 2
        ;;
    --draft)
        draft=1
        shift
        ;;
esac
[ $# -ge 1 ] || die "usage: $0 [--root SUITE] DIRECTORY [COMMIT]"
umask 022
out=$(mkdir -p "$1" && cd "$1" && pwd)

version=$("$PACKAGING/source.sh" "$out" "${@:2}")
tree=$out/secretcat-$version
[ "$(dpkg-parsechangelog -l "$tree/packaging/debian/changelog" -S Version)" = "$version-1" ] ||
    die "packaging/debian/changelog and Cargo.toml name different versions"

ln -f "$out/secretcat-$version.tar.gz" "$out/secretcat_$version.orig.tar.gz"
ln -f "$out/secretcat-$version-vendor.tar.gz" "$out/secretcat_$version.orig-vendor.tar.gz"
cp -R "$tree/packaging/debian" "$tree/debian"
python3 "$PACKAGING/vendor.py" --copyright "$tree" >>"$tree/debian/copyright"
licences=$(sed -n 's/^License: //p' "$tree/debian/copyright" | sed 's/,\? \(or\|and\) /\n/g' | sort -u)
for licence in $licences; do
    grep -q "^License: $licence\$" "$tree/packaging/debian/copyright" ||
        die "packaging/debian/copyright has no paragraph for the licence $licence"
done

if [ -n "$suite" ]; then
    scratch_root "$suite-build"
    mkdir "$ROOT/build"
    mount --bind "$out" "$ROOT/build"
    in_root_offline "$ROOT" sh -c "cd /build/secretcat-$version && exec dpkg-buildpackage -us -uc" \
        >"$out/build.log" 2>&1 || die_of "the build failed" "$out/build.log"
else
    settings=()
    if [ -n "$draft" ]; then
        # A cargo before 1.91 knows no directory for what is built on the way, and compiles all crates. The files of a
        # commit are as old as the commit, which may be older than the last build of another one.
        find "$tree" -path "$tree/vendor" -prune -o -type f -exec touch {} +
        mkdir -p "$PACKAGING/../target/packaging/cargo"
        settings=(
            "CARGO_BUILD_BUILD_DIR=$(cd "$PACKAGING/../target/packaging/cargo" && pwd)"
            CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_OPT_LEVEL=1 CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16
        )
    fi
    # The rustc of Debian 12 is too old, so the one in PATH is used: -d.
    cd "$tree"
    env -i PATH="$PATH" HOME="$HOME" TZ="${TZ:-}" LC_ALL=C.UTF-8 "${settings[@]}" \
        ${RUSTUP_HOME:+"RUSTUP_HOME=$RUSTUP_HOME"} ${RUSTUP_TOOLCHAIN:+"RUSTUP_TOOLCHAIN=$RUSTUP_TOOLCHAIN"} \
        unshare --map-root-user --net sh -c 'ip link set lo up && exec dpkg-buildpackage -us -uc -d' \
        >"$out/build.log" 2>&1 || die_of "the build failed" "$out/build.log"
fi
rm -rf "$tree"
ls "$out"/*.changes
