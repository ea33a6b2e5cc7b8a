#!/bin/bash
# Packs the crate as cargo does for its registry, checks the files in it, installs the program from it and uses it.
#
#   packaging/checks/crate.sh DIRECTORY [COMMIT]
set -euo pipefail

# shellcheck source=packaging/roots.sh
. "$(dirname "$0")/../roots.sh"
takes "$@"
out=$(mkdir -p "$1" && cd "$1" && pwd)
repository=$(cd "$PACKAGING/.." && pwd)
tree=$out/tree
rm -rf "$tree" "$out/package"
mkdir "$tree"
git -c safe.directory='*' -C "$repository" archive "${2:-HEAD}" | tar x -C "$tree"

# The directory of the gate, where most crates are compiled already. --no-verify: the program is built below.
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$repository/target}
(cd "$tree" && cargo package --locked --no-verify --quiet) 2>"$out/log" || die_of "cargo package fails" "$out/log"
# Without a homepage, or with a file that is missing, it warns.
[ ! -s "$out/log" ] || die_of "cargo package warns" "$out/log"
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' "$tree/Cargo.toml" | head -n 1)
mkdir "$out/package"
tar xzf "$CARGO_TARGET_DIR/package/secretcat-$version.crate" -C "$out/package"
crate=$out/package/secretcat-$version

# Everything that reaches users is in it, and no other files than these.
for file in $(cd "$tree" && ls README.md CHANGELOG.md SECURITY.md LICENSE-* man/* completions/* docs/*.md tests/cases/*.schema.json); do
    cmp "$tree/$file" "$crate/$file" || die "the crate has no $file"
done
"$PACKAGING/checks/links.py" "$crate" || die "documents of the crate have links to nothing"
junk=$(find "$crate" -type f -printf '%P\n' |
    grep -vE '^(src|tests|benches|man|completions|docs|packaging/(ci|logrotate|systemd))/' |
    { grep -vxE '(README|CHANGELOG|CONTRIBUTING|SECURITY)\.md|LICENSE-(MIT|APACHE)|Cargo\.(toml|toml\.orig|lock)|build\.rs|Makefile' || true; })
[ -z "$junk" ] || die "the crate has files for nobody: $junk"

# In the profile of the tests: its crates are compiled already.
cargo install --quiet --debug --locked --offline --path "$crate" --root "$out/root" >"$out/log" 2>&1 ||
    die_of "the crate does not install" "$out/log"
for words in '' '--tls' '--chunk 1'; do
    # shellcheck disable=SC2086 # words
    answer=$(offline "$out/root/bin/secretcat" connect --loopback $words -m 'My SECRET code is 12345')
    [ "$answer" = 'Digits: 12345   Count: 5' ] || die "installed from the crate, it answers $answer"
done
bytes=$(stat -c %s "$CARGO_TARGET_DIR/package/secretcat-$version.crate")
say "crate: $(find "$crate" -type f | wc -l) files in $bytes bytes; installed from it, and used"
rm -rf "$tree" "$out/package" "$out/root"
