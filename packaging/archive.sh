#!/bin/bash
# Puts a binary for TARGET and what belongs to it into DIRECTORY/secretcat-VERSION-TARGET.tar.gz: the manual, the
# completions, the units of systemd, the licences, and the documents.
#
#   packaging/archive.sh BINARY TARGET DIRECTORY
set -euo pipefail

[ $# -eq 3 ] || { echo "usage: $0 BINARY TARGET DIRECTORY" >&2; exit 2; }
binary=$(realpath "$1") target=$2 out=$(realpath "$3")
cd "$(dirname "$0")/.."
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -1)
name=secretcat-$version-$target
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT

root=$tree/$name
install -D -m 755 "$binary" "$root/secretcat"
install -D -m 644 -t "$root/man" man/*.[157]
install -D -m 644 -t "$root/completions" completions/*
install -D -m 644 -t "$root/systemd" packaging/systemd/secretcat*.{service,socket}
packaging/documents.sh "$root/doc" LICENSE-MIT=../LICENSE-MIT LICENSE-APACHE=../LICENSE-APACHE
install -D -m 644 -t "$root" LICENSE-MIT LICENSE-APACHE
tar c -C "$tree" --format=gnu --sort=name --mtime="@${SOURCE_DATE_EPOCH:-$(git -c safe.directory="$PWD" log -1 --format=%ct)}" \
    --owner=0 --group=0 --numeric-owner "$name" | gzip -9n >"$out/$name.tar.gz"
