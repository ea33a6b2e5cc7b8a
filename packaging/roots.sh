#!/bin/bash
# Debian roots to test in: made once by debootstrap, kept under target/packaging, and
# seen through an overlay, so that a test starts from a clean one at once and leaves nothing in it.
# Sourced by the other scripts here; run by itself it makes the layers that are named.
#
#   packaging/roots.sh trixie trixie-test ...
set -euo pipefail

PACKAGING=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
CACHE=${SECRETCAT_PACKAGING_CACHE:-$(dirname "$PACKAGING")/target/packaging}

say() { printf '== %s\n' "$*" >&2; }
die() { printf 'error: %s\n' "$*" >&2; exit 1; }

# Says what failed, with the end of its log.
die_of() {
    tail -n "${LOG_LINES:-30}" "$2" >&2
    die "$1: $2"
}

# For what goes to the network: three times, with a pause.
retry() {
    "$@" || { sleep 5 && "$@"; } || { sleep 20 && "$@"; }
}

# Where this machine takes Debian from, as its apt is configured.
mirror() {
    local found=${DEBIAN_MIRROR:-}
    if [ -z "$found" ]; then
        # shellcheck disable=SC2016 # apt's own variable
        found=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Label: Debian' | head -n 1)
    fi
    [ -n "$found" ] || die "apt knows no Debian mirror here: name one in DEBIAN_MIRROR"
    echo "$found"
}

# Refuses other arguments than the usage at the head of the script has words for; those in brackets may be missing.
takes() {
    local usage words brackets
    usage=$(sed -n 's/^#   //p' "$0" | head -n 1)
    read -ra words <<<"${usage#* }"
    brackets=${usage//[^[]/}
    [[ $# -le ${#words[@]} && $# -ge $((${#words[@]} - ${#brackets})) ]] || die "usage: $usage"
}

# How a script begins that works in roots.
begin() {
    takes "$@"
    in_own_mounts "$@"
}

# Mounts are made in a namespace of our own: the kernel takes them back however this script ends.
in_own_mounts() {
    [ "$(id -u)" = 0 ] || die "needs root, for mounts and chroots"
    [ -n "${SECRETCAT_OWN_MOUNTS:-}" ] || SECRETCAT_OWN_MOUNTS=1 exec unshare --mount --propagation private "$0" "$@"
}

# What stands on a suite's bare root: apt-get installs it, and it is cached as a layer of its own.
packages_of() {
    case $1 in
        # What a user's machine has, as far as the package works with it.
        *-test) echo man-db bash-completion ;;
        # What Build-Depends names, and what checks the result.
        *-build) echo build-essential debhelper bash-completion cargo rustc ;;
        *-boot) echo systemd systemd-sysv dbus man-db ;;
        *) die "no such layer: $1" ;;
    esac
}

# The directories of a root, topmost first, made where they are missing.
layers_of() {
    local suite=${1%%-*} base layer
    base=$CACHE/$suite
    make_base "$suite" "$base"
    if [ "$1" = "$suite" ]; then
        echo "$base"
        return
    fi
    # Another list of packages is another layer.
    layer=$CACHE/$1.$(packages_of "$1" | sha256sum | cut -c1-8)
    make_layer "$1" "$base" "$layer"
    echo "$layer/upper:$base"
}

make_base() {
    local suite=$1 base=$2
    [ ! -e "$base.done" ] || return 0
    say "debootstrap $suite"
    mkdir -p "$CACHE/archives/$suite"
    retry bootstrap "$suite" "$base" >"$CACHE/$suite.log" 2>&1 ||
        die_of "debootstrap $suite failed" "$CACHE/$suite.log"
    # How this machine reaches its mirror, and what it asks of it, holds there too.
    apt-config dump Acquire | grep -iE '::(Proxy|Check-[A-Za-z-]*) ' >"$base/etc/apt/apt.conf.d/90machine" || true
    printf 'Acquire::Retries "3";\n' >"$base/etc/apt/apt.conf.d/91retries"
    rm -f "$base"/var/cache/apt/archives/*.deb
    touch "$base.done"
}

# From the start: what a broken download left is no base to go on from.
bootstrap() {
    rm -rf --one-file-system "$2"
    debootstrap --variant=minbase --cache-dir="$CACHE/archives/$1" "$1" "$2" "$(mirror)"
}

make_layer() (
    local name=$1 base=$2 layer=$3 root archives=$CACHE/archives/$1
    [ ! -e "$layer.done" ] || return 0
    say "install into $name: $(packages_of "$name")"
    rm -rf --one-file-system "$layer"
    mkdir -p "$layer/upper" "$layer/work" "$layer/root" "$archives/partial"
    root=$layer/root
    mount -t overlay overlay -o "lowerdir=$base,upperdir=$layer/upper,workdir=$layer/work" "$root"
    trap 'umount -R "$root"' EXIT
    furnish "$root"
    mkdir -p "$root/archives"
    mount --bind "$archives" "$root/archives"
    cp /etc/resolv.conf "$root/etc/resolv.conf"
    # Packages come to a directory of their own: two apt runs would delete each other's.
    # shellcheck disable=SC2046 # a list of words
    retry in_root "$root" apt-get -q -y --no-install-recommends -o Dir::Cache::archives=/archives \
        install $(packages_of "$name") >"$layer.log" 2>&1 || die_of "apt-get failed" "$layer.log"
    umount "$root/archives"
    rmdir "$root/archives"
    touch "$layer.done"
)

# What programs expect of a running system.
furnish() {
    local root=$1
    mount -t proc proc "$root/proc"
    mount -t tmpfs -o mode=755 tmpfs "$root/dev"
    mkdir "$root/dev/pts" "$root/dev/shm"
    mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts "$root/dev/pts"
    ln -s pts/ptmx "$root/dev/ptmx"
    ln -s /proc/self/fd "$root/dev/fd"
    ln -s fd/0 "$root/dev/stdin"
    ln -s fd/1 "$root/dev/stdout"
    ln -s fd/2 "$root/dev/stderr"
    local device
    for device in null zero full random urandom tty; do
        touch "$root/dev/$device"
        mount --bind "/dev/$device" "$root/dev/$device"
    done
}

# Mounts a fresh view of a root at a directory; all that is written goes with the directory.
fresh_root() {
    local name=$1 root=$2 layers
    layers=$(layers_of "$name")
    mkdir -p "$root.upper" "$root.work" "$root"
    mount -t overlay overlay -o "lowerdir=$layers,upperdir=$root.upper,workdir=$root.work" "$root"
}

# A fresh root for the script that calls this, at $ROOT; it and all in $SCRATCH go with the script.
scratch_root() {
    local name=$1
    mkdir -p "$CACHE"
    SCRATCH=$(mktemp -d "$CACHE/scratch.XXXXXX")
    ROOT=$SCRATCH/root
    trap leave_root EXIT
    fresh_root "$name" "$ROOT"
    furnish "$ROOT"
}

leave_root() {
    umount -R "$ROOT" 2>/dev/null || true
    rm -rf --one-file-system "$SCRATCH"
}

# What is in a root, but for what installing anything leaves: lists, logs and caches of its tools.
files_of() {
    (cd "$1" && find . -xdev \( -path ./tmp -o -path ./var/lib/dpkg -o -path ./var/lib/apt -o -path ./var/lib/rpm \
        -o -path ./var/log -o -path ./var/cache -o -path ./etc/ld.so.cache \) -prune -o -print | sort)
}

# The test that Debian runs on the installed package, whoever packed it.
use_in_root() {
    local root=$1
    cp "$PACKAGING/debian/tests/smoke" "$root/tmp/smoke"
    in_root "$root" mandb --quiet
    in_root_offline "$root" /tmp/smoke || die "the installed package does not do what it is for"
}

# Runs a command in a root with a plain environment.
in_root() {
    env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive TERM=dumb \
        chroot "$@"
}

# Runs a command without a network but loopback, which a new namespace has down.
offline() {
    # shellcheck disable=SC2016 # $@ is the inner shell's
    unshare --net sh -c 'ip link set lo up && exec "$@"' - "$@"
}

in_root_offline() {
    offline env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive TERM=dumb \
        chroot "$@"
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
    [ $# -gt 0 ] || die "usage: $0 LAYER..."
    in_own_mounts "$@"
    for name; do
        say "$name is at $(layers_of "$name")"
    done
fi
