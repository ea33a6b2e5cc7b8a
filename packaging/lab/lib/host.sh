# shellcheck shell=bash
# Sourced by lab: what the lab must not change on this machine.

# The state of this machine that the lab could change: its network, its settings and its files of names.
host_state() {
    ip netns list
    ip -o link show | cut -d' ' -f2,3
    ip -o address show | awk '{ print $2, $3, $4 }'
    ip route show table all
    ip rule show
    sysctl net.ipv4.ip_forward net.ipv4.conf net.ipv6.conf 2>/dev/null
    cat /etc/resolv.conf /etc/hosts /etc/nsswitch.conf 2>/dev/null || true
    ls -d /etc/netns/* /run/frr/* /var/lib/frr/* 2>/dev/null || true
    [ ! -e "$STATE" ] || echo "$STATE"
}
