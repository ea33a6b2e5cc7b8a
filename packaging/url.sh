#!/bin/bash
# Prints the address of the project, or changes it everywhere.
#
#   packaging/url.sh [NEW]
#
# Cargo.toml has it as homepage. Until the project is published, it is a reserved name that no server has (RFC 2606).
set -euo pipefail

cd "$(dirname "$0")/.."
[ $# -le 1 ] || { echo "usage: $0 [NEW]" >&2; exit 2; }
old=$(sed -n 's/^homepage = "\(.*\)"$/\1/p' Cargo.toml)
if [ $# -eq 0 ]; then
    echo "$old"
    exit
fi
[[ $1 =~ ^https://[^[:space:]\"\'|]+[^/[:space:]\"\'|]$ ]] || { echo "$0: expected https://NAME without a slash at the end: $1" >&2; exit 2; }
mapfile -t files < <(git -c safe.directory="$PWD" grep -lF -e "$old")
sed -i "s|${old//./\\.}|$1|g" "${files[@]}"
printf 'changed: %s\n' "${files[@]}"
