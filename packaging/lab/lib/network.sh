# shellcheck shell=bash
# Sourced by lab: the namespaces and the links between them.
#
#   kali --- r1 ------- r2 ------- r3 --- server
#        LAN   area 0      area 1      LAN

# All state of the lab, but for what ip(8) and FRR keep in places of their own.
STATE=/run/secretcat-lab
PREFIX=secretcat-

HOSTS=(kali r1 r2 r3 server)
LINKS=(kali-r1 r1-r2 r2-r3 r3-server)

# The addresses of the ends of a link, left and right. Those of kali and server come by DHCP.
declare -A LEFT=([r1-r2]=10.10.12.1/30 [r2-r3]=10.10.23.1/30 [r3-server]=10.10.11.1/24)
declare -A RIGHT=([kali-r1]=10.10.1.1/24 [r1-r2]=10.10.12.2/30 [r2-r3]=10.10.23.2/30)
# The area of OSPF of a link.
declare -A AREA=([kali-r1]=0 [r1-r2]=0 [r2-r3]=1 [r3-server]=1)

SERVER_MAC=02:00:0a:0a:0b:02
SERVER_IP=10.10.11.2
PORT=4500

namespace() { printf '%s%s' "$PREFIX" "$1"; }

# Runs a command on a host. ip-netns(8) gives it the files of /etc/netns, such as resolv.conf.
on() {
    local host=$1
    shift
    ip netns exec "$(namespace "$host")" "$@"
}

# The interface of a host on a link: eth0 on the ends, the name of the neighbour on a router.
interface() {
    local host=$1 neighbour=$2
    case $host in
        kali | server) printf 'eth0' ;;
        *) printf 'to-%s' "$neighbour" ;;
    esac
}

is_up() { [ -e "$STATE/up" ]; }
require_up() {
    [ "$(id -u)" = 0 ] || die "needs root"
    is_up || die "the lab is not up: lab up"
}

require_host() {
    local host
    for host in "${HOSTS[@]}"; do [ "$host" != "$1" ] || return 0; done
    die "no host $1: the hosts are ${HOSTS[*]}"
}

require_link() {
    local link
    for link in "${LINKS[@]}"; do [ "$link" != "$1" ] || return 0; done
    die "no link $1: the links are ${LINKS[*]}"
}

build_network() {
    local host link left right
    mkdir -p "$STATE/log"
    : >"$STATE/up"
    # What FRR shares between all its daemons of a machine is removed with the lab, unless it was there before.
    if mkdir /run/frr 2>/dev/null; then
        chown frr:frr /run/frr
        : >"$STATE/made-frr"
    fi
    [ -e /run/frr/ospfd-gr.json ] || : >"$STATE/made-gr"
    for host in "${HOSTS[@]}"; do
        ip netns add "$(namespace "$host")"
        ip -n "$(namespace "$host")" link set lo up
        mkdir -p "/etc/netns/$(namespace "$host")"
        files_of_host "$(namespace "$host")"
    done
    for host in r1 r2 r3; do
        on "$host" sysctl -q -w net.ipv4.ip_forward=1
    done
    for link in "${LINKS[@]}"; do
        left=${link%-*} right=${link#*-}
        ip -n "$(namespace "$left")" link add "$(interface "$left" "$right")" type veth \
            peer name "$(interface "$right" "$left")" netns "$(namespace "$right")"
        [ "$right" != server ] || ip -n "$(namespace server)" link set eth0 address "$SERVER_MAC"
        attach "$left" "$right" "${LEFT[$link]:-}"
        attach "$right" "$left" "${RIGHT[$link]:-}"
    done
    step network "kali - r1 - r2 - r3 - server, each in a namespace of its own"
}

# Each host has files of its own in the place of these; names come from DNS only, as in a real network. ip-netns(8) can
# only cover files that this machine has.
files_of_host() {
    : >"/etc/netns/$1/resolv.conf"
    [ ! -e /etc/hosts ] || printf '127.0.0.1 localhost\n' >"/etc/netns/$1/hosts"
    [ ! -e /etc/nsswitch.conf ] || printf 'hosts: files dns\n' >"/etc/netns/$1/nsswitch.conf"
}

# Sets the end of a link up, with its address if it has a fixed one.
attach() {
    local host=$1 name
    name=$(interface "$1" "$2")
    [ -z "$3" ] || ip -n "$(namespace "$host")" address add "$3" dev "$name"
    ip -n "$(namespace "$host")" link set "$name" up
}

break_link() {
    local left=${1%-*} right=${1#*-}
    ip -n "$(namespace "$left")" link set "$(interface "$left" "$right")" down
    step break "$1 is down"
}

# The address of a client by DHCP stays while its link is down, but its routes go with the link: its own client of
# DHCP asks again.
heal_link() {
    local left=${1%-*} right=${1#*-} host
    ip -n "$(namespace "$left")" link set "$(interface "$left" "$right")" up
    for host in "$left" "$right"; do
        case $host in kali | server) kill -USR1 "$(cat "$STATE/dhcp-$host.pid")" ;; esac
    done
    step heal "$1 is up"
}

# Ends every process of the lab, and removes what it has made.
take_down() {
    local host pids
    # A second Ctrl-C does not leave half of the lab behind.
    trap '' INT TERM HUP
    for host in "${HOSTS[@]}"; do
        [ -e "/run/netns/$(namespace "$host")" ] || continue
        mapfile -t pids < <(processes_of "$host")
        [ "${#pids[@]}" -eq 0 ] || kill "${pids[@]}" 2>/dev/null || true
    done
    for host in "${HOSTS[@]}"; do
        [ -e "/run/netns/$(namespace "$host")" ] || continue
        end_processes "$host"
        ip netns delete "$(namespace "$host")"
        rm -rf "/etc/netns/$(namespace "$host")" {/run,/var/lib}/frr/"$(namespace "$host")"
    done
    rmdir /etc/netns 2>/dev/null || true
    [ ! -e "$STATE/made-gr" ] || rm -f /run/frr/ospfd-gr.json
    [ ! -e "$STATE/made-frr" ] || rmdir /run/frr 2>/dev/null || true
    rm -rf "$STATE"
}

# The numbers of the processes of a host, but for this one.
processes_of() { ip netns pids "$(namespace "$1")" | grep -vx "$$" || true; }

# Waits for the processes of a host that were asked to end, for 2 seconds, and kills what is left.
end_processes() {
    local pids tries
    for ((tries = 0; tries < 40; tries++)); do
        mapfile -t pids < <(processes_of "$1")
        [ "${#pids[@]}" -gt 0 ] || return 0
        [ "$tries" -lt 20 ] || kill -KILL "${pids[@]}" 2>/dev/null || true
        sleep 0.1
    done
}

open_shell() {
    local host=$1
    shift
    export PATH="$STATE/bin:$PATH"
    if [ $# -gt 0 ]; then
        exec ip netns exec "$(namespace "$host")" "$@"
    fi
    say "A shell on $host; 'exit' ends it."
    PS1="$host# " exec ip netns exec "$(namespace "$host")" bash --norc
}
