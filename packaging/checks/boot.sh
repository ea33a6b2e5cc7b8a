#!/bin/bash
# Boots a Debian root with the package: checks that its socket answers, is passed on, drains and stops.
#
#   packaging/checks/boot.sh SUITE PACKAGE.deb
#
# Status 77: this machine cannot boot a root, so the package was not checked.
set -euo pipefail

# shellcheck source=packaging/roots.sh
. "$(dirname "$0")/../roots.sh"
begin "$@"
scratch_root "$1-boot"

cp "$2" "$ROOT/tmp/secretcat.deb"
in_root_offline "$ROOT" apt-get -q -y --no-install-recommends -o Dpkg::Use-Pty=0 install /tmp/secretcat.deb >"$SCRATCH/log" 2>&1 ||
    die_of "the package does not install in $1" "$SCRATCH/log"

# Both need the binary and the manual pages that the units name.
in_root "$ROOT" systemd-analyze verify secretcat.service secretcat.socket secretcat@lab.service >"$SCRATCH/log" 2>&1 ||
    die_of "the units are not well-formed in $1" "$SCRATCH/log"
[ ! -s "$SCRATCH/log" ] || die_of "systemd-analyze verify has words on the units in $1" "$SCRATCH/log"
for unit in secretcat.service secretcat@lab.service; do
    in_root "$ROOT" systemd-analyze security --offline=true --threshold=15 "$unit" >"$SCRATCH/log" 2>&1 ||
        die_of "$unit is exposed more than 1.5 in $1" "$SCRATCH/log"
done

install -m 755 "$PACKAGING/checks/booted.sh" "$ROOT/booted.sh"
# The upgrade in the booted root is one to the same version.
mv "$ROOT/tmp/secretcat.deb" "$ROOT/secretcat.deb"
cat >"$ROOT/etc/systemd/system/check.service" <<'UNIT'
[Unit]
Description=Check of the installed package
[Service]
Type=oneshot
ExecStart=/booted.sh
StandardOutput=append:/result
StandardError=append:/result
ExecStopPost=systemctl --no-block poweroff
TimeoutStartSec=120
UNIT
mkdir -p "$ROOT/etc/systemd/system/multi-user.target.wants"
ln -s ../check.service "$ROOT/etc/systemd/system/multi-user.target.wants/"
: >"$ROOT/etc/machine-id"

# The manager in the root needs control groups of version 2; these are visible here only.
[ "$(stat -f -c %T /sys/fs/cgroup)" = cgroup2fs ] || mount -t cgroup2 cgroup2 /sys/fs/cgroup || exit 77
umount -R "$ROOT/dev" "$ROOT/proc"
status=0
timeout -k 10 180 systemd-nspawn --quiet --register=no --keep-unit --private-network --console=pipe --directory="$ROOT" \
    --boot </dev/null >"$SCRATCH/console" 2>&1 || status=$?
if [ ! -e "$ROOT/result" ]; then
    cat "$SCRATCH/console" >&2
    say "$1 does not boot here: systemd-nspawn ended with $status"
    exit 77
fi
grep -qx 'all of it' "$ROOT/result" || die_of "the booted $1 found a fault" "$ROOT/result"
[ "$status" = 0 ] || die "the booted $1 did not power off: systemd-nspawn ended with $status"
say "booted $1: $(grep -c '^ok: ' "$ROOT/result") things hold there"
