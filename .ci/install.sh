#!/usr/bin/env bash
# Sourced by .ci/run and packaging/ci.sh: installs Debian packages that are missing.

die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo -n "$@"
    else
        die "not root and no sudo: cannot run $*"
    fi
}

# Prints the packages that are not installed.
missing() {
    local package
    for package in "$@"; do
        case $(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true) in
            installed) ;;
            *) printf '%s\n' "$package" ;;
        esac
    done
}

install_packages() {
    local lacking policy=/usr/sbin/policy-rc.d ours=no
    mapfile -t lacking < <(missing "$@")
    if [ "${#lacking[@]}" -eq 0 ]; then
        return
    fi
    command -v apt-get >/dev/null || die "no apt-get; please install: ${lacking[*]}"
    printf 'installing %s\n' "${lacking[*]}"
    # The tests start the servers on their own ports; nothing else starts them.
    if [ ! -e "$policy" ]; then
        printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
        as_root chmod 755 "$policy"
        ours=yes
    fi
    local apt=(env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o Acquire::Retries=3 -o Dpkg::Use-Pty=0
        -o DPkg::Lock::Timeout=300)
    local status=0
    as_root "${apt[@]}" update || status=$?
    if [ "$status" -eq 0 ]; then
        as_root "${apt[@]}" install --no-install-recommends "${lacking[@]}" || status=$?
    fi
    if [ "$ours" = yes ]; then
        as_root rm -f "$policy"
    fi
    return "$status"
}
