#!/bin/sh
# Run by udhcpc(8) when a lease begins or ends: sets the address, the route and the name server of a host of the lab.
# shellcheck disable=SC2154 # udhcpc sets them
case $1 in
    deconfig)
        ip link set "$interface" up
        ;;
    bound | renew)
        ip address replace "$ip/$mask" dev "$interface"
        ip route replace default via "${router%% *}" dev "$interface"
        printf 'nameserver %s\n' "${dns%% *}" >"$LAB_RESOLV"
        ;;
esac
