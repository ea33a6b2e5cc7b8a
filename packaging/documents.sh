#!/bin/sh
# Copies the documents for users into DIRECTORY, with links that work there.
#
#   packaging/documents.sh DIRECTORY [FILE=TARGET...]
#
# DIRECTORY gets the documents of the top directory, docs/, schemas/ and examples/. A package has FILE at TARGET instead
# (a path relative to DIRECTORY, or an absolute one): FILE is not copied, and links to it lead there. A link to the source
# code becomes its text. packaging/checks/links.py checks the result.
set -eu

[ $# -ge 1 ] || { echo "usage: $0 DIRECTORY [FILE=TARGET...]" >&2; exit 2; }
umask 022
mkdir -p "$1"
out=$(cd "$1" && pwd)
shift
cd "$(dirname "$0")/.."

mkdir -p "$out/docs" "$out/schemas" "$out/examples/ci"
cp README.md CHANGELOG.md CONTRIBUTING.md SECURITY.md LICENSE-MIT LICENSE-APACHE "$out"
cp docs/* tests/cases/timeline.svg "$out/docs"
cp tests/cases/*.schema.json "$out/schemas"
cp completions/*.nu completions/*.ps1 packaging/logrotate/* "$out/examples"
cp -R packaging/ci/* "$out/examples/ci"

# Replaces an expression of sed in the documents of a directory.
edit() {
    for document in "$1"/*.md; do
        sed "$2" "$document" >"$document.new"
        mv "$document.new" "$document"
    done
}
edit "$out" 's|](tests/cases/timeline\.svg|](docs/timeline.svg|g; s|](tests/cases/|](schemas/|g; s|](packaging/|](examples/|g'
edit "$out/docs" 's|](\.\./tests/cases/timeline\.svg|](timeline.svg|g; s|](\.\./tests/cases/|](../schemas/|g
    s|](\.\./packaging/|](../examples/|g; s|\[\([^]]*\)](\.\./src/[^)]*)|\1|g'
for moved in "$@"; do
    file=${moved%%=*} target=${moved#*=}
    [ -f "$out/$file" ] || { echo "$0: no document $file" >&2; exit 2; }
    rm "$out/$file"
    edit "$out" "s|]($file\([)#]\)|]($target\1|g"
    case $target in
        /*) ;;
        *) target=../$target ;;
    esac
    edit "$out/docs" "s|](\.\./$file\([)#]\)|]($target\1|g"
done
chmod -R u=rwX,go=rX "$out"
