#!/bin/bash
# Builds, lints, installs, uses and removes every package of packaging/ in roots under target/.
#
#   packaging/ci.sh [quick|whole]
#   packaging/ci.sh build           only builds the package of the quick part, which the next run then finds
#
# Without an argument, it runs the whole if SECRETCAT_PACKAGING=1, or if a packaged file has changed since the last tag
# (or else since the previous commit); otherwise the quick part. It packs HEAD, without uncommitted changes. The roots
# are made once and reused.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=.ci/install.sh
. .ci/install.sh
# shellcheck source=.ci/beside.sh
. .ci/beside.sh

QUICK=(shellcheck dpkg-dev debhelper bash-completion lintian debootstrap iproute2 util-linux python3 git)
WHOLE=(autopkgtest piuparts rpm rpmlint debugedit elfutils cpio makepkg pacman-package-manager libarchive-tools zstd fakeroot
    systemd-container lsof binutils openssl musl-tools gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user docker.io
    make ruby rubocop nix-bin)
PACKED=(packaging man completions Makefile flake.nix Cargo.toml Cargo.lock src/cli .ci/install.sh .ci/beside.sh)

OUT=target/packaging/out
NOT_CHECKED=target/packaging/not-checked
started=$SECONDS

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
    grep -q "^pkgver=$version\$" packaging/alpine/APKBUILD || die "APKBUILD is not of version $version"
    grep -q "/v$version/secretcat-$version.tar.gz" packaging/homebrew/secretcat.rb || die "secretcat.rb is not of version $version"
    grep -q "rustc:native (>= $minimum)" packaging/debian/control || die "debian/control wants another rustc than $minimum"
    grep -q "^BuildRequires: *rust >= $minimum\$" packaging/rpm/secretcat.spec ||
        die "secretcat.spec wants another rustc than $minimum"
    sed -n '/vendor\.py --rpm/,/^# End/p' packaging/rpm/secretcat.spec | sed '1d;$d' | diff - <(packaging/vendor.py --rpm .) >&2 ||
        die "secretcat.spec does not name what is linked: packaging/vendor.py --rpm ."
    grep -qxF "license=('$(sed -n 's/^License: *//p' packaging/rpm/secretcat.spec)')" packaging/arch/PKGBUILD ||
        die "PKGBUILD has another licence than secretcat.spec"
}

deb_of() { ls "$1"/secretcat_*.deb; }

# The program in a package has 10 MB at most. Rust 1.85 makes it 7 % larger than the stable one does.
fits() {
    local bytes
    bytes=$(dpkg-deb --fsys-tarfile "$1" | tar xO ./usr/bin/secretcat | wc -c)
    [ "$bytes" -le 10000000 ] || die "the program in $1 has $bytes bytes: 10 MB is the most"
}

# Notes that this was not checked, which is printed at the end.
not_checked() { printf '%s\n' "$1" >>"$NOT_CHECKED"; }

# Runs a check that some machines cannot do (status 77), which is no fault of the package, but it is reported.
if_possible() {
    local status=0
    "${@:2}" || status=$?
    case $status in
        0) ;;
        77) not_checked "$1" ;;
        *) exit "$status" ;;
    esac
}

# Whether the package of the quick part is there, of this commit.
is_built() { [ "$(cat "$OUT/deb/commit" 2>/dev/null)" = "$(git rev-parse HEAD)" ]; }

build() {
    packaging/build-deb.sh --draft "$OUT/deb"
    git rev-parse HEAD >"$OUT/deb/commit"
}

quick() {
    step "scripts and recipes"
    shellcheck -x .ci/run .ci/*.sh packaging/*.sh packaging/checks/*.sh packaging/lab/lab \
        packaging/lab/lib/dhcp-client.sh packaging/debian/tests/smoke packaging/arch/PKGBUILD packaging/alpine/APKBUILD \
        tests/examples/*.sh
    one_version

    step "Debian package, with the cargo of this machine"
    # The whole part builds it once more, and compares: both are built from nothing.
    if [ "$part" = whole ]; then
        packaging/build-deb.sh "$OUT/deb"
    elif ! is_built; then
        build
    fi
    # The lintian of Debian 12 knows no Standards-Version after 4.6.2, and wants an init script for each service: a socket
    # starts this one, which an init script cannot hand over.
    lintian --allow-root -I --pedantic --fail-on error,warning,info,pedantic \
        --suppress-tags newer-standards-version,package-supports-alternative-init-but-no-init.d-script "$OUT"/deb/*.changes
    packaging/checks/install.sh bookworm "$(deb_of "$OUT/deb")"
    [ "$part" = quick ] || fits "$(deb_of "$OUT/deb")"
}

# Half of it beside the other half: the compilations use one processor each. The roots of the two are different ones.
whole() {
    beside others others
    debian
    join others
}

debian() {
    step "Debian package, with trixie's own rustc"
    packaging/build-deb.sh --root trixie "$OUT/deb-trixie"
    packaging/checks/lint.sh trixie "$OUT/deb-trixie"
    fits "$(deb_of "$OUT/deb-trixie")"
    packaging/checks/install.sh trixie "$(deb_of "$OUT/deb-trixie")"

    local suite deb
    for suite in bookworm trixie; do
        deb=$(deb_of "$OUT/deb")
        [ "$suite" = bookworm ] || deb=$(deb_of "$OUT/deb-$suite")
        step "autopkgtest and piuparts in $suite"
        packaging/checks/autopkgtest.sh "$suite" "$OUT"/deb/*.dsc "$deb"
        packaging/checks/piuparts.sh "$suite" "$deb"
        step "lab of the package in $suite"
        flock "$LAB_LOCK" packaging/checks/lab.sh "$suite" "$deb"
        step "boot of $suite"
        if_possible "the package in a booted $suite: systemd-nspawn boots no root on this machine" \
            packaging/checks/boot.sh "$suite" "$deb"
    done
}

# The other packages, and all that is compiled.
others() {
    step "reproducible"
    packaging/checks/reproducible.sh "$OUT/deb" "$OUT/deb-again"
    step "RPM package"
    packaging/checks/rpm.sh "$OUT/rpm"
    step "Arch package"
    packaging/checks/arch.sh "$OUT/arch"
    step "crate"
    packaging/checks/crate.sh "$OUT/crate"
    released
}

# The archives of a release, and what is made from them.
released() {
    local archive binary
    if ! command -v rustup >/dev/null; then
        not_checked "the release: there is no rustup with the targets of musl"
        return
    fi
    step "release"
    packaging/release.sh "$OUT/release"
    archive=$(ls "$OUT"/release/secretcat-*-x86_64-unknown-linux-musl.tar.gz)
    packaging/checks/static.sh "$archive"
    packaging/checks/aarch64.sh "$(ls "$OUT"/release/secretcat-*-aarch64-*.tar.gz)"
    step "image"
    if_possible "the image of packaging/docker: no dockerd runs on this machine" packaging/checks/docker.sh "$archive"
    step "make install, Alpine, Homebrew, Nix"
    binary=$OUT/secretcat
    tar xzOf "$archive" --wildcards '*/secretcat' >"$binary"
    chmod 755 "$binary"
    packaging/checks/make.sh bookworm "$binary"
    packaging/checks/recipes.sh "$binary"
    step "release, again elsewhere"
    packaging/checks/release.sh "$OUT/release" "$OUT/release-again"
}

only_build=
if [ "${1:-}" = build ]; then
    only_build=1
    shift
fi
part=${1:-$(part)}
case $part in
    quick | whole) ;;
    *) die "usage: $0 [build] [quick|whole]" ;;
esac
step "the $part part"
mkdir -p target/packaging
: >"$NOT_CHECKED"
[ "$(id -u)" = 0 ] || die "needs root, for mounts and chroots"
install_packages "${QUICK[@]}"
[ "$part" = quick ] || install_packages "${WHOLE[@]}"
if [ "$part" = whole ] || ! is_built; then
    rm -rf "$OUT"
fi
if [ -n "$only_build" ]; then
    if [ "$part" = quick ] && ! is_built && roots_work; then
        build
    fi
    exit
fi

if roots_work; then
    quick
    [ "$part" = quick ] || whole
else
    not_checked "everything that needs mounts and networks of its own: this machine allows none"
    step "scripts and recipes"
    shellcheck -x packaging/*.sh packaging/checks/*.sh
    one_version
fi
while read -r what; do
    printf '**** packaging: NOT CHECKED: %s\n' "$what" >&2
done <"$NOT_CHECKED"
step "done"
