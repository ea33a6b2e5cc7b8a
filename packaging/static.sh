#!/bin/bash
# Builds a binary that needs no library of the machine that runs it, and an archive of it with what the Debian package
# has: DIRECTORY/secretcat-VERSION-TARGET.tar.gz, and the binary at DIRECTORY/TARGET/secretcat. Prints the path of the
# binary.
#
#   packaging/static.sh DIRECTORY [TARGET]
#
# TARGET is musl for the processor of this machine if rustup has its standard library, or else glibc for this machine.
# For aarch64-unknown-linux-musl, the C compiler of another processor is Debian's gcc-aarch64-linux-gnu.
#
# Names are looked up in /etc/hosts and DNS only: other sources (mDNS, systemd-resolved, LDAP) are libraries of the
# machine. musl has none, and a static glibc loads them only where they are of its own version.
set -euo pipefail

[[ $# -ge 1 && $# -le 2 ]] || { echo "usage: $0 DIRECTORY [TARGET]" >&2; exit 2; }
out=$(mkdir -p "$1" && cd "$1" && pwd)
cd "$(dirname "$0")/.."
sysroot=$(rustc --print sysroot)
host=$(rustc -vV | sed -n 's/^host: //p')
cpu=${host%%-*}

# Whether there is a standard library for a target; rustup is asked for one that is missing.
has_target() {
    [ -d "$sysroot/lib/rustlib/$1/lib" ] || rustup target add "$1" >&2
}

target=${2:-$cpu-unknown-linux-musl}
if ! has_target "$target" 2>/dev/null; then
    [ $# -eq 1 ] || { echo "$0: no standard library for $target" >&2; exit 1; }
    target=$host
fi

# ring has C and assembly. Where there is no compiler for musl, that for glibc does: ring takes a few functions of the C
# library, which musl has too, and Rust brings musl itself.
variable=${target//-/_}
if [ "${target%%-*}" != "$cpu" ]; then
    tools=${target%%-*}-linux-gnu
    export "CC_$variable=$tools-gcc" "AR_$variable=$tools-ar" "CARGO_TARGET_${variable^^}_LINKER=$tools-gcc"
elif ! command -v musl-gcc >/dev/null; then
    export "CC_$variable=cc"
fi

# With --target the flags apply to the program only: procedural macros cannot be linked statically. The binary names no
# path of this build.
us=$'\037'
export CARGO_ENCODED_RUSTFLAGS="-Ctarget-feature=+crt-static${us}--remap-path-prefix=$PWD=/usr/src/secretcat${us}--remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/usr/src/cargo${us}--remap-path-prefix=$sysroot=/usr/lib/rust"
CARGO_TARGET_DIR="$out/target" cargo build --quiet --release --locked --bin secretcat --target "$target"
install -D -m 755 "$out/target/$target/release/secretcat" "$out/$target/secretcat"
packaging/archive.sh "$out/$target/secretcat" "$target" "$out"
echo "$out/$target/secretcat"
