#!/bin/bash
# Makes the files of a release from a commit: the same bytes for the same commit, wherever it runs.
#
#   packaging/release.sh DIRECTORY [COMMIT [TARGET...]]
#
# DIRECTORY gets
#   secretcat-VERSION.tar.gz, secretcat-VERSION-vendor.tar.gz   the sources, and the crates that they use
#   secretcat-VERSION-TARGET.tar.gz                             a static binary with its documents, for each target
#   secretcat-VERSION.cdx.json                                  the list of these crates (SBOM, CycloneDX 1.5)
#   secretcat.rb, APKBUILD, PKGBUILD                            recipes with the sum of the sources
#   NOTES.md                                                    what CHANGELOG.md says of the version
#   SHA256SUMS                                                  the sums of these files
# It must not exist yet. Without targets, musl for x86_64 and aarch64 are built, without a network.
set -euo pipefail

# shellcheck source=packaging/roots.sh
. "$(dirname "$0")/roots.sh"
CYCLONEDX=0.5.9

[ $# -ge 1 ] || die "usage: $0 DIRECTORY [COMMIT [TARGET...]]"
mkdir -p "$(dirname "$1")"
mkdir "$1" || die "$1 exists: a release starts in a new directory"
out=$(cd "$1" && pwd)
commit=${2:-HEAD}
targets=("${@:3}")
[ "${#targets[@]}" -gt 0 ] || targets=(x86_64-unknown-linux-musl aarch64-unknown-linux-musl)
umask 022
export LC_ALL=C.UTF-8 TZ=UTC
SOURCE_DATE_EPOCH=$(git -c safe.directory='*' -C "$PACKAGING" log -1 --format=%ct "$commit")
export SOURCE_DATE_EPOCH

tools=$CACHE/tools
cargo install --quiet --debug --locked --root "$tools" "cargo-cyclonedx@$CYCLONEDX" ||
    die "cargo-cyclonedx $CYCLONEDX does not install"

work=$(mktemp -d "${TMPDIR:-/tmp}/secretcat-release.XXXXXX")
trap 'rm -rf "$work"' EXIT
version=$("$PACKAGING/source.sh" "$out" "$commit")
name=secretcat-$version
tree=$work/$name
mv "$out/$name" "$tree"
mkdir -p "$tree/.cargo"
printf '[source.crates-io]\nreplace-with = "vendor"\n[source.vendor]\ndirectory = "vendor"\n' >"$tree/.cargo/config.toml"
export CARGO_NET_OFFLINE=true

# Prints the section of a version in a changelog, without its heading.
notes_of() {
    awk -v version="$1" '
        /^## \[/ { inside = index($0, "## [" version "]") == 1; next }
        inside && (text || NF) { text = 1; print }' "$2"
}
notes_of "$version" "$tree/CHANGELOG.md" >"$out/NOTES.md"
[ -s "$out/NOTES.md" ] || die "CHANGELOG.md says nothing of $version"
! grep -qF "## [$version] - unreleased" "$tree/CHANGELOG.md" || say "CHANGELOG.md has no date for $version yet"

for target in "${targets[@]}"; do
    say "build $target"
    "$tree/packaging/static.sh" "$work/build" "$target" >/dev/null
    mv "$work/build/$name-$target.tar.gz" "$out"
done

say "list the crates"
(cd "$tree" && "$tools/bin/cargo-cyclonedx" cyclonedx -qq --format json --spec-version 1.5 --no-build-deps \
    --target "${targets[0]}" --override-filename "$name.cdx")
"$PACKAGING/sbom.py" "$tree" "${targets[0]}" <"$tree/$name.cdx.json" >"$out/$name.cdx.json"

# A recipe in a source cannot know the sum of this source.
sum_of() { "$1" "$out/$name.tar.gz" | cut -d ' ' -f 1; }
sed "s/sha256 \"0*\"/sha256 \"$(sum_of sha256sum)\"/" "$tree/packaging/homebrew/secretcat.rb" >"$out/secretcat.rb"
sed "s/^SUM  /$(sum_of sha512sum)  /" "$tree/packaging/alpine/APKBUILD" >"$out/APKBUILD"

(cd "$out" && sha256sum -- * >"$work/SHA256SUMS" && mv "$work/SHA256SUMS" .)
say "release $version: $(wc -l <"$out/SHA256SUMS") files in $out"
