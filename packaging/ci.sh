#!/bin/bash
# Builds, lints, installs, uses and removes every package of packaging/ in roots under target/.
#
#   packaging/ci.sh [quick|whole]
#
# Without an argument, it runs the whole if SECRETCAT_PACKAGING=1, or if a packaged file has changed since the last tag
# (or else since the previous commit); otherwise the quick part. It packs HEAD, without uncommitted changes. The roots
# are made once and reused.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=.ci/install.sh
. .ci/install.sh

QUICK=(shellcheck dpkg-dev debhelper bash-completion lintian debootstrap iproute2 util-linux python3 git)
WHOLE=(autopkgtest piuparts rpm rpmlint makepkg pacman-package-manager libarchive-tools zstd fakeroot
    systemd-container lsof binutils openssl)
PACKED=(packaging man completions Cargo.toml Cargo.lock src/cli .ci/install.sh)

OUT=target/packaging/out
started=$SECONDS
not_checked=()

step() { printf -- '-- packaging: %s (at %d s)\n' "$*" $((SECONDS - started)); }

# The commit to compare with; empty if there is none.
base() {
    git describe --tags --abbrev=0 HEAD^ 2>/dev/null || git rev-parse --quiet --verify HEAD^ || true
}

part() {
    local since
    since=$(base)
    if [ "${SECRETCAT_PACKAGING:-}" = 1 ] || [ -z "$since" ] || ! git diff --quiet "$since" HEAD -- "${PACKED[@]}"; then
        echo whole
    else
        echo quick
    fi
}

# Whether this machine permits mounts and a new network namespace: a container may not.
roots_work() {
    local at
    mkdir -p target/packaging
    at=$(mktemp -d target/packaging/probe.XXXXXX)
    mkdir "$at"/{lower,upper,work,root}
    # shellcheck disable=SC2016 # the inner shell's
    unshare --mount --net --propagation private sh -c '
        cd "$1" && ip link set lo up &&
        mount -t overlay overlay -o lowerdir=lower,upperdir=upper,workdir=work root && chroot / true &&
        mount -t proc proc root' - "$at" && rm -rf "$at"
}

one_version() {
    local version minimum
    version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -n 1)
    minimum=$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' Cargo.toml)
    grep -q "^Version: *$version\$" packaging/rpm/secretcat.spec || die "secretcat.spec is not of version $version"
    grep -q "^pkgver=$version\$" packaging/arch/PKGBUILD || die "PKGBUILD is not of version $version"
    grep -q "rustc:native (>= $minimum)" packaging/debian/control || die "debian/control wants another rustc than $minimum"
    grep -q "^BuildRequires: *rust >= $minimum\$" packaging/rpm/secretcat.spec ||
        die "secretcat.spec wants another rustc than $minimum"
}

deb_of() { ls "$1"/secretcat_*.deb; }

# A machine that cannot boot a root is not a fault of the package, but it is reported.
boot() {
    local status=0
    packaging/checks/boot.sh "$@" || status=$?
    case $status in
        0) ;;
        77) not_checked+=("the package in a booted $1: systemd-nspawn boots no root on this machine") ;;
        *) exit "$status" ;;
    esac
}

quick() {
    step "scripts and recipes"
    shellcheck -x .ci/run .ci/corpus.sh .ci/install.sh packaging/*.sh packaging/checks/*.sh \
        packaging/lab/lab packaging/lab/lib/dhcp-client.sh packaging/debian/tests/smoke packaging/arch/PKGBUILD
    one_version

    step "Debian package, with the cargo of this machine"
    packaging/build-deb.sh "$OUT/deb"
    # The lintian of Debian 12 knows no Standards-Version after 4.6.2, and wants an init script for each service: a socket
    # starts this one, which an init script cannot hand over.
    lintian --allow-root -I --pedantic --fail-on error,warning,info,pedantic \
        --suppress-tags newer-standards-version,package-supports-alternative-init-but-no-init.d-script "$OUT"/deb/*.changes
    packaging/checks/install.sh bookworm "$(deb_of "$OUT/deb")"
}

whole() {
    step "Debian package, with trixie's own rustc"
    packaging/build-deb.sh --root trixie "$OUT/deb-trixie"
    packaging/checks/lint.sh trixie "$OUT/deb-trixie"
    packaging/checks/install.sh trixie "$(deb_of "$OUT/deb-trixie")"

    local suite deb
    for suite in bookworm trixie; do
        deb=$(deb_of "$OUT/deb")
        [ "$suite" = bookworm ] || deb=$(deb_of "$OUT/deb-$suite")
        step "autopkgtest and piuparts in $suite"
        packaging/checks/autopkgtest.sh "$suite" "$OUT"/deb/*.dsc "$deb"
        packaging/checks/piuparts.sh "$suite" "$deb"
        step "boot of $suite"
        boot "$suite" "$deb"
    done

    step "reproducible"
    packaging/checks/reproducible.sh "$OUT/deb" "$OUT/deb-again"
    step "RPM package"
    packaging/checks/rpm.sh "$OUT/rpm"
    step "Arch package"
    packaging/checks/arch.sh "$OUT/arch"
    step "static binary"
    packaging/checks/static.sh "$OUT/static"
}

part=${1:-$(part)}
case $part in
    quick | whole) ;;
    *) die "usage: $0 [quick|whole]" ;;
esac
step "the $part part"
[ "$(id -u)" = 0 ] || die "needs root, for mounts and chroots"
install_packages "${QUICK[@]}"
[ "$part" = quick ] || install_packages "${WHOLE[@]}"
rm -rf "$OUT"

if roots_work; then
    quick
    [ "$part" = quick ] || whole
else
    not_checked+=("everything that needs mounts and networks of its own: this machine allows none")
    step "scripts and recipes"
    shellcheck -x packaging/*.sh packaging/checks/*.sh
    one_version
fi
for what in "${not_checked[@]}"; do
    printf '**** packaging: NOT CHECKED: %s\n' "$what" >&2
done
step "done"
