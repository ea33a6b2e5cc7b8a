# shellcheck shell=bash
# Sourced by lab: 'lab exercises', which runs the commands of lab-exercises.md and compares what they print.

# The sheet: beside the lab in a package, in docs/ in the repository.
sheet() {
    local candidate
    for candidate in "$LAB/lab-exercises.md" "$LAB/../lab-exercises.md" "$LAB/../../docs/lab-exercises.md"; do
        [ ! -e "$candidate" ] || { readlink -f "$candidate"; return; }
    done
    die "lab-exercises.md is not beside the lab"
}

# Prints the blocks of exercise N: the commands after $, with the lines after > that belong to them, and their output.
blocks_of() {
    awk -v wanted="$1" '
        /^## / { here = ($2 == wanted ".") }
        /^```$/ { inside = 0 }
        inside { print }
        here && /^```lab$/ { inside = 1 }
    ' "$(sheet)"
}

run_exercises() {
    local number numbers=(1 2 3 4 5 6) was_up=yes scratch
    [[ $1 =~ ^[1-6]?$ ]] || die "no exercise $1: there are 1 to 6"
    [ -z "$1" ] || numbers=("$1")
    scratch=$(mktemp -d)
    is_up || { was_up=no && build; }
    # shellcheck disable=SC2064 # the values of now
    trap "rm -rf '$scratch'; [ $was_up = yes ] || take_down" EXIT
    for number in "${numbers[@]}"; do
        (cd "$scratch" && run_exercise "$number") || die "exercise $number does not print what the sheet says"
        step "exercise" "$number: $(sed -n "s/^## $number\\. //p" "$(sheet)")"
    done
}

# Runs the commands one by one, and compares their output.
run_exercise() {
    local line command='' expected='' printed
    lab() { "$LAB/lab" "$@"; }
    export -f lab
    export LAB PATH="$STATE/bin:$PATH"
    while IFS= read -r line; do
        case $line in
            '$ '*)
                finish_command || return 1
                command=${line#??} expected=
                ;;
            '> '*) command+=$'\n'${line#??} ;;
            *) expected+=$line$'\n' ;;
        esac
    done < <(blocks_of "$1")
    finish_command || return 1
    [ -n "$command" ] || die "exercise $1 has no commands"
}

finish_command() {
    [ -n "$command" ] || return 0
    printed=$(bash -c "$command" </dev/null 2>&1; printf x)
    printed=${printed%x}
    [ "$printed" = "$expected" ] && return
    printf '%s\n-- prints --\n%s-- the sheet says --\n%s' "$command" "$printed" "$expected" >&2
    return 1
}
