#!/bin/bash
# Builds a binary that needs no library of the machine that runs it, and an archive of it with what the Debian package
# has: DIRECTORY/secretcat and DIRECTORY/secretcat-VERSION-TARGET.tar.gz. Prints the path of the binary.
#
#   packaging/static.sh DIRECTORY
#
# Names are looked up in /etc/hosts and DNS only: other sources (mDNS, systemd-resolved, LDAP) are
# libraries of the machine, which a static glibc loads only where they are of its own version.
set -euo pipefail

[ $# -eq 1 ] || { echo "usage: $0 DIRECTORY" >&2; exit 2; }
out=$(mkdir -p "$1" && cd "$1" && pwd)
cd "$(dirname "$0")/.."
target=$(rustc -vV | sed -n 's/^host: //p')

# With --target the flags apply to the program only: procedural macros cannot be linked statically.
RUSTFLAGS='-C target-feature=+crt-static' CARGO_TARGET_DIR="$out/target" \
    cargo build --quiet --release --locked --bin secretcat --target "$target"
install -m 755 "$out/target/$target/release/secretcat" "$out/secretcat"
packaging/archive.sh "$out/secretcat" "$target" "$out"
echo "$out/secretcat"
