# shellcheck shell=bash
# Sourced by lab: OSPF on the routers, DHCP and DNS on r1, the relay on r3, and the listener on server.

FRR=/usr/lib/frr

# Checks what the lab needs, and finds secretcat.
prepare() {
    local program
    local -a missing=()
    [ "$(id -u)" = 0 ] || die "needs root, for network namespaces: sudo lab up"
    [ -x "$FRR/ospfd" ] || missing+=(frr)
    for program in dnsmasq:dnsmasq-base udhcpc:udhcpc ip:iproute2 sysctl:procps; do
        command -v "${program%:*}" >/dev/null || missing+=("${program#*:}")
    done
    [ "${#missing[@]}" -eq 0 ] || die "not installed: apt-get install --no-install-recommends ${missing[*]}"
    [ -e /etc/resolv.conf ] || die "this machine has no /etc/resolv.conf, which the lab covers: create an empty one"
    find_secretcat
    mkdir -p "$STATE/bin"
    ln -sf "$SECRETCAT" "$STATE/bin/secretcat"
}

find_secretcat() {
    local candidate
    for candidate in "${SECRETCAT:-}" "$(command -v secretcat || true)" "$LAB"/../../target/{release,debug}/secretcat; do
        if [ -n "$candidate" ] && [ -x "$candidate" ]; then
            SECRETCAT=$(readlink -f "$candidate")
            return
        fi
    done
    die "no secretcat: install it, or set SECRETCAT to its path"
}

start_services() {
    local router
    for router in r1 r2 r3; do start_router "$router"; done
    step ospf "r1, r2 and r3 exchange routes: area 0 is r1-r2, area 1 is r2-r3, and r2 is in both"
    start_names
    wait_for 30 "a route from r1 to the network of the server" has_route r1 10.10.11.0/24
    wait_for 30 "a route from r3 to the network of kali" has_route r3 10.10.1.0/24
    step ospf "every router has a route to every network"
    start_dhcp kali
    start_dhcp server
    wait_for 10 "a lease for kali" has_address kali
    wait_for 10 "a lease for server" has_address server
    step dhcp "kali has $(address_of kali), server has $(address_of server) through the relay of r3"
    start_listener
    step listen "secretcat listens on server, at $SERVER_IP:$PORT, which is secret.lab"
}

# zebra(8) writes the routes of ospfd(8) into the kernel. -N gives each router files and sockets of its own.
start_router() {
    local router=$1 name
    name=$(namespace "$router")
    install -d -o frr -g frr -m 750 "/run/frr/$name"
    install -o frr -g frr -m 640 /dev/null "$STATE/log/$router"
    printf 'hostname %s\n' "$router" >"$STATE/$router-zebra.conf"
    ospf_config "$router" >"$STATE/$router-ospfd.conf"
    chown frr:frr "$STATE/$router"-*.conf
    for daemon in zebra ospfd; do
        on "$router" "$FRR/$daemon" --daemon -N "$name" -u frr -g frr -f "$STATE/$router-$daemon.conf" -A 127.0.0.1 -P 0 \
            --log "file:$STATE/log/$router" >>"$STATE/log/$router" 2>&1
    done
}

# Hellos each second and no election: the defaults take 40 s to see a broken link.
ospf_config() {
    local router=$1 link neighbour number=${1#r}
    printf 'hostname %s\n' "$router"
    for link in "${LINKS[@]}"; do
        case $link in
            "$router"-*) neighbour=${link#*-} ;;
            *-"$router") neighbour=${link%-*} ;;
            *) continue ;;
        esac
        printf 'interface %s\n ip ospf area %s\n' "$(interface "$router" "$neighbour")" "${AREA[$link]}"
        case $neighbour in
            kali | server) printf ' ip ospf passive\n' ;;
            *) printf ' ip ospf network point-to-point\n ip ospf hello-interval 1\n ip ospf dead-interval 3\n' ;;
        esac
        printf 'exit\n'
    done
    printf 'router ospf\n ospf router-id 10.10.0.%s\n timers throttle spf 10 50 500\n timers throttle lsa all 100\n' "$number"
    printf ' timers lsa min-arrival 50\nexit\n'
}

has_route() { [ -n "$(ip -n "$(namespace "$1")" route show "$2" proto ospf)" ]; }
address_of() { ip -n "$(namespace "$1")" -o -4 address show dev eth0 | awk '{ split($4, a, "/"); print a[1] }'; }
has_address() { [ -n "$(address_of "$1")" ]; }

# r1 gives addresses to both LANs and answers for secret.lab; r3 forwards the requests of its LAN to r1.
start_names() {
    : >"$STATE/leases"
    chmod 666 "$STATE/leases"
    on r1 dnsmasq --conf-file=/dev/null --no-hosts --no-resolv --no-daemon --log-facility="$STATE/log/names" \
        --pid-file= --dhcp-leasefile="$STATE/leases" --dhcp-authoritative --no-ping \
        --dhcp-range=10.10.1.50,10.10.1.99,255.255.255.0,1h \
        --dhcp-range=10.10.11.0,static,255.255.255.0,1h --dhcp-host="$SERVER_MAC,$SERVER_IP" \
        --dhcp-option=tag:!none,option:dns-server,10.10.1.1 --address="/secret.lab/$SERVER_IP" \
        </dev/null >>"$STATE/log/names" 2>&1 &
    on r3 dnsmasq --conf-file=/dev/null --port=0 --no-daemon --log-facility="$STATE/log/relay" --pid-file= \
        --dhcp-relay=10.10.11.1,10.10.1.1 </dev/null >>"$STATE/log/relay" 2>&1 &
    disown -a
}

start_dhcp() {
    local host=$1
    LAB_RESOLV=/etc/netns/$(namespace "$host")/resolv.conf on "$host" udhcpc -i eth0 -b -t 30 -T 1 \
        -p "$STATE/dhcp-$host.pid" -s "$LAB/lib/dhcp-client.sh" </dev/null >>"$STATE/log/dhcp-$host" 2>&1 &
    disown -a
}

start_listener() {
    on server "$SECRETCAT" listen "$SERVER_IP:$PORT" </dev/null >>"$STATE/log/listener" 2>&1 &
    disown -a
    wait_for 10 "the start of the listener" on server "$SECRETCAT" connect -z "$SERVER_IP:$PORT"
}

show_status() {
    local host link left right state
    for link in "${LINKS[@]}"; do
        left=${link%-*} right=${link#*-}
        state=$(ip -n "$(namespace "$left")" -o link show "$(interface "$left" "$right")" | grep -q 'LOWER_UP' && echo up || echo down)
        step "$link" "$state, area ${AREA[$link]}"
    done
    for host in kali server; do step "$host" "$(address_of "$host")"; done
    for host in r1 r2 r3; do
        say "routes of $host:"
        ip -n "$(namespace "$host")" route show proto ospf | sed 's/^/  /'
    done
}
