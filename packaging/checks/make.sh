#!/bin/bash
# Installs with `make install` in a clean root, uses the program, and uninstalls it; no file may remain.
#
#   packaging/checks/make.sh SUITE BINARY
set -euo pipefail

# shellcheck source=packaging/roots.sh
. "$(dirname "$0")/../roots.sh"
begin "$@"
scratch_root "$1-test"

make=(make -s -C "$PACKAGING/.." DESTDIR="$ROOT" PREFIX=/usr BINARY="$(realpath "$2")")
without_directories() {
    local file
    files_of "$ROOT" | while read -r file; do
        [ -d "$ROOT/$file" ] || echo "$file"
    done
}
before=$(without_directories)
# Everybody can read the files, whatever the umask is.
(umask 077 && "${make[@]}" install) >"$SCRATCH/log" 2>&1 || die_of "make install fails" "$SCRATCH/log"
while read -r file; do
    in_root "$ROOT" setpriv --reuid=65534 --clear-groups test -r "$file" || die "make install: only root can read $file"
done < <(comm -13 <(echo "$before") <(without_directories))
use_in_root "$ROOT"
"${make[@]}" uninstall >"$SCRATCH/log" 2>&1 || die_of "make uninstall fails" "$SCRATCH/log"
diff <(echo "$before") <(without_directories) >&2 || die "make uninstall leaves what stands above"
say "make: installed, used and uninstalled in $1"
