#!/bin/bash
# Runs the two commands of the README, as a newcomer does, in a clean root that has a Rust toolchain, a C compiler and
# nothing else: no peers, no Python, no ip(8), no /etc/hosts.
#
#   packaging/checks/readme.sh SUITE
set -euo pipefail

# shellcheck source=packaging/roots.sh
. "$(dirname "$0")/../roots.sh"
begin "$@"
scratch_root "$1-readme"
repository=$(cd "$PACKAGING/.." && pwd)

# The toolchain and the crates of this machine: it has the network, and the root has none.
home=${CARGO_HOME:-$HOME/.cargo}
retry cargo fetch --locked --quiet --manifest-path "$repository/Cargo.toml" ||
    die "cargo fetch failed"
mkdir -p "$ROOT/opt/rust" "$ROOT/root/.cargo/registry" "$ROOT/root/secretcat"
mount --bind -o ro "$(rustc --print sysroot)" "$ROOT/opt/rust"
mount --bind -o ro "$home/registry" "$ROOT/root/.cargo/registry"
git -c safe.directory='*' -C "$repository" archive HEAD | tar x -C "$ROOT/root/secretcat"

mapfile -t commands < <(sed -n '/^## The two commands$/,/^## /p' "$repository/README.md" | grep '^cargo ')
[ "${#commands[@]}" = 2 ] || die "README.md does not have two commands, but ${#commands[@]}"
for number in 0 1; do
    # shellcheck disable=SC2016 # the inner shell's
    in_root_offline "$ROOT" env PATH=/opt/rust/bin:/usr/sbin:/usr/bin:/sbin:/bin CARGO_NET_OFFLINE=true \
        sh -c 'cd /root/secretcat && eval "$1"' - "${commands[number]}" >"$SCRATCH/out.$number" 2>"$SCRATCH/log" ||
        { cat "$SCRATCH/out.$number" >&2; die_of "in $1, this fails: ${commands[number]}" "$SCRATCH/log"; }
done
[ "$(cat "$SCRATCH/out.0")" = 'Digits: 12345   Count: 5' ] || die_of "in $1, the first command prints this" "$SCRATCH/out.0"
say "the two commands of the README pass in $1: $(grep -c '^skipped: ' "$SCRATCH/log") times \"skipped:\""
