#!/bin/bash
# Lints the recipes for Alpine, Homebrew and Nix, whose own tools cannot be had here, and runs them with stand-ins for
# these tools: a recipe that names a missing file or installs a broken program is noticed.
#
#   packaging/checks/recipes.sh BINARY
set -euo pipefail

# shellcheck source=packaging/roots.sh
. "$(dirname "$0")/../roots.sh"
takes "$@"
binary=$(realpath "$1")
repository=$(cd "$PACKAGING/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
url=$("$PACKAGING/url.sh")
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' "$repository/Cargo.toml" | head -n 1)
tree=$work/tree
mkdir "$tree"
git -c safe.directory='*' -C "$repository" archive HEAD | tar x -C "$tree"
install -D -m 755 "$binary" "$tree/target/release/secretcat"

# Every file that names the project's address names the same one, and every recipe names it.
host=${url#*://}
others=$(git -c safe.directory='*' -C "$repository" grep -nF "${host%%/*}" |
    { grep -vE "${url//./\\.}([^A-Za-z0-9.-]|\$)" || true; })
[ -z "$others" ] || die "another address of the project than $url: $others"
for recipe in Cargo.toml packaging/alpine/APKBUILD packaging/homebrew/secretcat.rb packaging/docker/Dockerfile; do
    grep -qF "$url" "$repository/$recipe" || die "$recipe does not name $url"
done

# The files of a tree of packages: programs, manual, completions.
has() {
    local file
    for file in "${@:2}"; do
        [ -s "$1/$file" ] || die "not installed in $1: $file"
    done
}
links_lead_to_files() { "$PACKAGING/checks/links.py" "$1/share/doc/secretcat" || die "documents in $1 have links to nothing"; }
pages=()
for page in "$tree"/man/*.[157]; do
    pages+=("share/man/man${page##*.}/${page##*/}")
done

shellcheck "$tree/packaging/alpine/APKBUILD"
# shellcheck disable=SC2016 # the inner shell's
(cd "$tree" && offline env CTARGET=x86_64-alpine-linux-musl pkgdir="$work/alpine" sh -euc '
    default_prepare() { :; }
    cargo() { [ "$1" = fetch ]; }
    . packaging/alpine/APKBUILD
    [ "$pkgver" = "$1" ]
    prepare && check && package' - "$version") >"$work/log" 2>&1 || die_of "the functions of the APKBUILD fail" "$work/log"
has "$work/alpine/usr" bin/secretcat "${pages[@]}" share/bash-completion/completions/secretcat \
    share/zsh/site-functions/_secretcat share/fish/vendor_completions.d/secretcat.fish share/doc/secretcat/README.md share/doc/secretcat/docs/install.md
links_lead_to_files "$work/alpine/usr"

ruby -wc "$tree/packaging/homebrew/secretcat.rb" >"$work/log" 2>&1 || die_of "the formula is no Ruby" "$work/log"
rubocop --only Lint,Security --cache false --format emacs "$tree/packaging/homebrew/secretcat.rb" \
    "$PACKAGING/checks/formula.rb" >"$work/log" 2>&1 || die_of "rubocop has words on the formula" "$work/log"
(cd "$tree" && offline ruby "$PACKAGING/checks/formula.rb" packaging/homebrew/secretcat.rb "$binary" "$work/brew") \
    >"$work/log" 2>&1 || die_of "the formula fails" "$work/log"
grep -qF "url: [\"$url/releases/v$version/secretcat-$version.tar.gz\"]" "$work/log" || die_of "the formula is of another version" "$work/log"
has "$work/brew" bin/secretcat "${pages[@]}" etc/bash_completion.d/secretcat \
    share/zsh/site-functions/_secretcat share/fish/vendor_completions.d/secretcat.fish share/doc/secretcat/SECURITY.md
links_lead_to_files "$work/brew"

nix-instantiate --store dummy:// --eval --strict --json "$tree/packaging/checks/package.nix" >"$work/nix.json" 2>"$work/log" ||
    die_of "the flake is not evaluated" "$work/log"
nix_fact() { python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])' "$work/nix.json" "$1"; }
[ "$(nix_fact version)" = "$version" ] || die "the flake is of another version"
[ "$(nix_fact homepage)" = "$url" ] || die "the flake names another address"
[ "$(nix_fact lock)" = "$tree/Cargo.lock" ] || die "the flake takes another Cargo.lock"
[ "$(nix_fact program)" = /out/bin/secretcat ] || die "the flake runs another program"
cat >"$work/phases.sh" <<PHASES
set -eu
runHook() { :; }
installManPage() {
    local page
    for page in "\$@"; do
        install -D -m 644 -t "\$out/share/man/man\${page##*.}" "\$page"
    done
}
# As in nixpkgs: --cmd gives the name, and each option is followed by a file.
installShellCompletion() {
    [ "\$1 \$2" = '--cmd secretcat' ]
    shift 2
    while [ \$# -gt 0 ]; do
        install -D -m 644 "\$2" "\$out/completions\${1#-}"
        shift 2
    done
}
$(nix_fact postInstall)
$(nix_fact installCheckPhase)
PHASES
install -D -m 755 "$binary" "$work/nix/bin/secretcat"
(cd "$tree" && offline env out="$work/nix" bash "$work/phases.sh") >"$work/log" 2>&1 ||
    die_of "the phases of the flake fail" "$work/log"
has "$work/nix" "${pages[@]}" completions-bash completions-zsh completions-fish share/doc/secretcat/SECURITY.md
links_lead_to_files "$work/nix"
say "recipes for Alpine, Homebrew and Nix: linted, and run with stand-ins"
