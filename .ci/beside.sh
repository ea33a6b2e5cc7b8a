# shellcheck shell=bash
# Commands that run beside the steps of a script: most steps keep one processor busy. Sourced.

declare -A besides=()

# Held by whoever runs the lab: its hosts have fixed names.
mkdir -p target/ci
# shellcheck disable=SC2034 # of the scripts that source this
LAB_LOCK=target/ci/lab.lock

# Starts a command beside the steps that follow. What it prints is kept.
beside() {
    local name=$1
    set -m # a group of processes, to be stopped as one
    ("${@:2}") >"target/ci/$name.log" 2>&1 </dev/null &
    set +m
    besides[$name]=$!
}

# Waits for a command that runs beside, and shows what it printed.
join() {
    local status=0
    wait "${besides[$1]}" || status=$?
    unset "besides[$1]"
    cat "target/ci/$1.log"
    [ "$status" -eq 0 ] || die "$1 has failed (status $status)"
}

stop_besides() {
    local group
    for group in "${besides[@]}"; do
        kill -- "-$group" 2>/dev/null || true
    done
}

trap stop_besides EXIT
