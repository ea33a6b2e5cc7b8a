# shellcheck shell=bash
# Sourced by lab: lines for people.

say() { printf '%s\n' "$*"; }

# A step that has succeeded: what was done, in one line.
step() { printf '%-10s %s\n' "$1" "$2"; }

die() {
    printf 'lab: %s\n' "$*" >&2
    exit 1
}

# Waits until a command succeeds, for SECONDS at most; fails with the ends of all logs, which are removed with the lab.
#   wait_for SECONDS WHAT COMMAND...
wait_for() {
    local end=$((SECONDS + $1)) what=$2
    shift 2
    until "$@" >/dev/null 2>&1; do
        if [ "$SECONDS" -ge "$end" ]; then
            tail -n 3 "$STATE"/log/* >&2
            die "$what did not happen in time"
        fi
        sleep 0.1
    done
}
