#!/bin/bash
# Debian roots for tests: made once by debootstrap, kept under target/packaging, and used through an overlay, so that
# each test starts at once with a clean root and changes nothing in it. Sourced by the other scripts; run alone, it
# makes the named layers.
#
#   packaging/roots.sh trixie trixie-test ...
set -euo pipefail

PACKAGING=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
CACHE=${SECRETCAT_PACKAGING_CACHE:-$(dirname "$PACKAGING")/target/packaging}

say() { printf '== %s\n' "$*" >&2; }
die() { printf 'error: %s\n' "$*" >&2; exit 1; }

# Reports what failed, with the end of its log.
die_of() {
    tail -n "${LOG_LINES:-30}" "$2" >&2
    die "$1: $2"
}

# For commands that use the network: three attempts, with a pause.
retry() {
    "$@" || { sleep 5 && "$@"; } || { sleep 20 && "$@"; }
}

# The Debian mirror of this machine, from the configuration of apt.
mirror() {
    local found=${DEBIAN_MIRROR:-}
    if [ -z "$found" ]; then
        # shellcheck disable=SC2016 # apt's own variable
        found=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Label: Debian' | head -n 1)
    fi
    [ -n "$found" ] || die "apt knows no Debian mirror here: name one in DEBIAN_MIRROR"
    echo "$found"
}

# Refuses arguments that do not fit the usage at the head of the script; those in brackets are optional.
takes() {
    local usage words brackets
    usage=$(sed -n 's/^#   //p' "$0" | head -n 1)
    read -ra words <<<"${usage#* }"
    brackets=${usage//[^[]/}
    [[ $# -le ${#words[@]} && $# -ge $((${#words[@]} - ${#brackets})) ]] || die "usage: $usage"
}

# The start of a script that works in roots.
begin() {
    takes "$@"
    in_own_mounts "$@"
}

# Mounts are made in a mount namespace, so that the kernel removes them however this script ends.
in_own_mounts() {
    [ "$(id -u)" = 0 ] || die "needs root, for mounts and chroots"
    [ -n "${SECRETCAT_OWN_MOUNTS:-}" ] || SECRETCAT_OWN_MOUNTS=1 exec unshare --mount --propagation private "$0" "$@"
}

# The packages of a layer on the bare root of a suite: apt-get installs them, and the layer is cached.
packages_of() {
    case $1 in
        # What the package uses of a user's machine.
        *-test) echo man-db bash-completion ;;
        # The packages of Build-Depends, and those that check the result.
        *-build) echo build-essential debhelper bash-completion cargo rustc ;;
        # The packages that the tests of the package depend on.
        *-autopkgtest) sed -n 's/^Depends: @, //p' "$PACKAGING/debian/tests/control" | tr -d , | tr '\n' ' ' ;;
        *-lint) echo lintian ;;
        # What the lab needs; see secretcat-lab(7).
        *-lab) echo frr dnsmasq-base udhcpc iproute2 procps ;;
        # Rust itself is that of this machine.
        *-readme) echo gcc libc6-dev ca-certificates ;;
        *-boot) echo systemd systemd-sysv dbus man-db ;;
        *) die "no such layer: $1" ;;
    esac
}

# The directories of a root, topmost first; missing ones are made.
layers_of() {
    local suite=${1%%-*} base layer
    base=$CACHE/$suite
    make_base "$suite" "$base"
    if [ "$1" = "$suite" ]; then
        echo "$base"
        return
    fi
    # A different list of packages is a different layer.
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
    # The apt configuration of this machine (mirror, proxy) applies there too.
    apt-config dump Acquire | grep -iE '::(Proxy|Check-[A-Za-z-]*) ' >"$base/etc/apt/apt.conf.d/90machine" || true
    printf 'Acquire::Retries "3";\n' >"$base/etc/apt/apt.conf.d/91retries"
    rm -f "$base"/var/cache/apt/archives/*.deb
    touch "$base.done"
}

# Start again after a broken download: its rest is not usable.
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
    # Servers are installed, and not started.
    printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
    chmod 755 "$root/usr/sbin/policy-rc.d"
    mkdir -p "$root/archives"
    mount --bind "$archives" "$root/archives"
    cp /etc/resolv.conf "$root/etc/resolv.conf"
    # Each run has its own package directory: two apt runs would delete each other's files.
    # shellcheck disable=SC2046 # a list of words
    retry in_root "$root" apt-get -q -y --no-install-recommends -o Dir::Cache::archives=/archives \
        install $(packages_of "$name") >"$layer.log" 2>&1 || die_of "apt-get failed" "$layer.log"
    umount "$root/archives"
    rmdir "$root/archives"
    rm "$root/usr/sbin/policy-rc.d"
    touch "$layer.done"
)

# The files and mounts that programs expect of a running system.
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

# Mounts a clean overlay of a root at a directory; everything written is removed with the directory.
fresh_root() {
    local name=$1 root=$2 layers
    layers=$(layers_of "$name")
    mkdir -p "$root.upper" "$root.work" "$root"
    mount -t overlay overlay -o "lowerdir=$layers,upperdir=$root.upper,workdir=$root.work" "$root"
}

# A clean root for the calling script, at $ROOT; it and all of $SCRATCH are removed at the end of the script.
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

# The files of a root, without those of any installation: lists, logs and caches of the tools.
files_of() {
    (cd "$1" && find . -xdev \( -path ./tmp -o -path ./var/lib/dpkg -o -path ./var/lib/apt -o -path ./var/lib/rpm \
        -o -path ./var/log -o -path ./var/cache -o -path ./etc/ld.so.cache \) -prune -o -print | sort)
}

# The test that Debian runs on the installed package, for packages of every format.
use_in_root() {
    local root=$1
    cp "$PACKAGING/debian/tests/smoke" "$root/tmp/smoke"
    "$PACKAGING/checks/links.py" "$root/usr/share/doc/secretcat" "$root" || die "installed documents have links to nothing"
    in_root "$root" mandb --quiet
    in_root_offline "$root" /tmp/smoke || die "the installed package does not do what it is for"
}

# Runs a command in a root with a plain environment.
in_root() {
    env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive TERM=dumb \
        chroot "$@"
}

# Runs a command without a network; the loopback of the new namespace is set up.
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
