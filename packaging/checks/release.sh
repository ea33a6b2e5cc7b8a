#!/bin/bash
# Checks the files of a release, and makes them again in another place for comparison.
#
#   packaging/checks/release.sh FIRST SECOND [COMMIT]
#
# FIRST has the output of packaging/release.sh. SECOND is a directory for the other one, with the archive of x86_64 only.
set -euo pipefail

# shellcheck source=packaging/roots.sh
. "$(dirname "$0")/../roots.sh"
takes "$@"
first=$(cd "$1" && pwd)
target=x86_64-unknown-linux-musl
version=$(basename "$first"/secretcat-*-"$target.tar.gz" "-$target.tar.gz")
version=${version#secretcat-}
other=$(mktemp -d)
trap 'rm -rf "$other"' EXIT
tar xzf "$first/secretcat-$version.tar.gz" -C "$other"
source=$other/secretcat-$version
manifest=$source/Cargo.toml
grep -qx "version = \"$version\"" "$manifest" || die "the source is of another version than $version"
(cd "$first" && sha256sum --quiet --strict -c SHA256SUMS) || die "SHA256SUMS does not fit the files"
[ "$(cd "$first" && ls)" = "$( (cut -d ' ' -f 3 "$first/SHA256SUMS" && echo SHA256SUMS) | sort)" ] || die "SHA256SUMS lacks files"

# What cargo-binstall would download: the names in Cargo.toml are those of the files.
python3 - "$manifest" "$first" "$target" <<'PYTHON' || die "Cargo.toml names other files for cargo-binstall than the release has"
import sys, tarfile, tomllib
from pathlib import Path

manifest, release, target = sys.argv[1:]
package = tomllib.loads(Path(manifest).read_text())["package"]
binstall = package["metadata"]["binstall"]
words = {
    "repo": package["repository"], "name": package["name"], "version": package["version"],
    "target": target, "bin": "secretcat", "binary-ext": "",
}

def fill(template):
    for word, value in words.items():
        template = template.replace("{ %s }" % word, value)
    assert "{" not in template, template
    return template

url = fill(binstall["pkg-url"])
assert url.startswith(package["repository"] + "/releases/v%s/" % package["version"]), url
assert binstall["pkg-fmt"] == "tgz"
with tarfile.open(Path(release) / url.rsplit("/", 1)[1]) as archive:
    assert archive.getmember(fill(binstall["bin-dir"])).mode == 0o755
PYTHON

# The SBOM has the crates that cargo takes for this target: no more, no less.
listed=$(python3 -c '
import json, sys
for crate in json.load(open(sys.argv[1]))["components"]:
    print(crate["name"], crate["version"])' "$first/secretcat-$version.cdx.json" | sort)
taken=$(cd "$source" && cargo tree --locked --edges normal --target "$target" --prefix none --format '{p}' |
    sed -n 's/^\([^ ]*\) v\([^ ]*\).*/\1 \2/p' | grep -v '^secretcat ' | sort -u)
diff <(echo "$listed") <(echo "$taken") >&2 || die "the SBOM lists other crates than the binary has"

for recipe in secretcat.rb APKBUILD; do
    grep -qE "$(sha256sum <"$first/secretcat-$version.tar.gz" | cut -c1-64)|$(sha512sum <"$first/secretcat-$version.tar.gz" | cut -c1-128)" \
        "$first/$recipe" || die "$recipe has not the sum of the source"
done

# Another directory, time zone and umask, and another CARGO_HOME with the same downloads.
home=${CARGO_HOME:-$HOME/.cargo}
mkdir "$other/home"
for kept in registry config.toml config; do
    [ ! -e "$home/$kept" ] || ln -sfn "$home/$kept" "$other/home/$kept"
done
(umask 027 && CARGO_HOME=$other/home TZ=Pacific/Kiritimati "$PACKAGING/release.sh" "$2" "${3:-HEAD}" "$target")
for file in "$2"/*; do
    [ "${file##*/}" = SHA256SUMS ] || cmp "$file" "$first/${file##*/}" || die "${file##*/} is made differently elsewhere"
done
tar xzOf "$first/secretcat-$version-$target.tar.gz" "secretcat-$version-$target/secretcat" >"$other/secretcat"
for path in "$home" "$(rustc --print sysroot)" "$HOME/" /tmp/; do
    ! grep -qaF -- "$path" "$other/secretcat" || die "the binary names a path of its build: $path"
done
say "release: $(wc -l <"$first/SHA256SUMS") files, the same twice; $(wc -l <<<"$listed") crates in the SBOM"
