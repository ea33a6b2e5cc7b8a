#!/bin/bash
# Writes the sources of every recipe: the tree of a commit, and the crates that it uses.
#
#   packaging/source.sh DIRECTORY [COMMIT]
#
# DIRECTORY/secretcat-VERSION.tar.gz and DIRECTORY/secretcat-VERSION-vendor.tar.gz are the same
# bytes for the same commit. The second one is made in DIRECTORY/secretcat-VERSION, which stays. DIRECTORY/PKGBUILD is the
# recipe for Arch, with their sums.
set -euo pipefail

[ $# -ge 1 ] || { echo "usage: $0 DIRECTORY [COMMIT]" >&2; exit 2; }
# Packed files have the same permissions for every packager.
umask 022
out=$(mkdir -p "$1" && cd "$1" && pwd)
commit=${2:-HEAD}
repository=$(cd "$(dirname "$0")/.." && pwd)

# Accept any owner: the build user of a packager may not own the clone.
git() { command git -c safe.directory="$repository" -C "$repository" "$@"; }

version=$(git show "$commit:Cargo.toml" | sed -n 's/^version = "\(.*\)"$/\1/p' | head -n 1)
name=secretcat-$version
epoch=$(git log -1 --format=%ct "$commit")

rm -rf "${out:?}/$name"
git archive --format=tar --prefix="$name/" "$commit" | tee >(tar x -C "$out") | gzip -9n >"$out/$name.tar.gz"
python3 "$repository/packaging/vendor.py" "$out/$name"
tar c -C "$out/$name" --format=gnu --sort=name --mtime="@$epoch" --owner=0 --group=0 --numeric-owner --mode=go=rX,u+rw \
    vendor | gzip -6n >"$out/$name-vendor.tar.gz"
sums=$(cd "$out" && sha256sum "$name.tar.gz" "$name-vendor.tar.gz" | cut -d ' ' -f 1 | tr '\n' ' ')
sed "s/^sha256sums=.*/sha256sums=(${sums% })/" "$out/$name/packaging/arch/PKGBUILD" >"$out/PKGBUILD"
echo "$version"
