# shellcheck shell=bash
# Sourced by lab: 'lab test', which builds the lab, checks it, and compares this machine before and after.

run_checks() {
    local before after begun=$SECONDS
    [ "$(id -u)" = 0 ] || die "needs root, for network namespaces: sudo lab test"
    before=$(host_state)
    build
    check_name
    check_conversation
    check_hops
    check_proof
    check_broken_link
    take_down
    trap - EXIT
    after=$(host_state)
    [ "$before" = "$after" ] || {
        diff <(printf '%s\n' "$before") <(printf '%s\n' "$after") >&2 || true
        die "the lab has changed this machine, as printed above"
    }
    step removed "networks, settings and files of this machine are as before"
    say
    say "All checks passed in $((SECONDS - begun)) s. Next: lab up, and exercise 1 of lab-exercises.md."
}

# Runs secretcat connect on kali.
connect() { on kali "$SECRETCAT" connect "$@"; }

# Fails unless a command prints what is expected, with the expected status.
#   expect STATUS TEXT COMMAND...
expect() {
    local status=0 text expected_status=$1 expected=$2
    shift 2
    text=$("$@" 2>&1) || status=$?
    [ "$status" = "$expected_status" ] && [ "$text" = "$expected" ] && return
    die "$* has status $status and prints: $text
lab: expected status $expected_status and: $expected"
}

check_name() {
    local found
    found=$(on kali getent ahostsv4 secret.lab | awk 'NR == 1 { print $1 }')
    [ "$found" = "$SERVER_IP" ] || die "secret.lab is \"$found\" on kali"
    step dns "secret.lab is $SERVER_IP"
}

check_conversation() {
    local place
    for place in secret.lab "$SERVER_IP:$PORT"; do
        expect 0 'Digits: 12345   Count: 5
Secret code not found.' connect "$place" -m 'My SECRET code is 12345' -m hello
        step talk "My SECRET code is 12345 -> Digits: 12345, through $place"
    done
}

check_hops() {
    expect 1 "secretcat: connect $SERVER_IP:$PORT: no route to host (--ttl 3 may be too few hops)" \
        connect secret.lab --ttl 3 -m 'SECRET 1'
    expect 0 'Digits: 1   Count: 1' connect secret.lab --ttl 4 -m 'SECRET 1'
    step ttl "three hops are too few, four reach the server"
}

check_proof() {
    local printed
    printed=$(connect secret.lab --cut 4,8 --barrier peer-read --stats -m 'SECRET 42' \
        --witness "ip netns exec $(namespace server) $SECRETCAT witness" 2>&1) || die "cutting fails: $printed"
    [[ $printed == *'barriers      3 confirmed'*', 0 not'* ]] || die "the cuts are not proven: $printed"
    step cuts "a message cut in three was read in three pieces, proven across three routers"
}

# A message is written while the link is down: it must arrive, once, when the link is up again.
check_broken_link() {
    local begun reply
    coproc TALK { connect secret.lab --timeout 60s 2>"$STATE/log/talk"; }
    printf 'SECRET 1\n' >&"${TALK[1]}"
    read_reply 'Digits: 1   Count: 1'
    break_link r2-r3
    printf 'SECRET 22\n' >&"${TALK[1]}"
    wait_for 10 "the loss of the route on r1" has_no_route r1 10.10.11.0/24
    heal_link r2-r3
    begun=$SECONDS
    read_reply 'Digits: 22   Count: 2'
    step heal "the message that was written meanwhile was answered after $((SECONDS - begun)) s: TCP has sent it again"
    printf 'SECRET 333\n' >&"${TALK[1]}"
    read_reply 'Digits: 333   Count: 3'
    local talk=$TALK_PID status=0 input=${TALK[1]}
    exec {input}>&-
    wait "$talk" || status=$?
    [ "$status" = 0 ] || die "the client of the broken link ends with $status: $(cat "$STATE/log/talk")"
    step lost "no message, and none was answered twice"
}

has_no_route() { ! has_route "$@"; }

read_reply() {
    reply=
    read -r -t 40 reply <&"${TALK[0]}" || true
    [ "$reply" = "$1" ] || die "the reply is \"$reply\", expected \"$1\": $(cat "$STATE/log/talk")"
}
