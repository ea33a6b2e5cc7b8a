#!/bin/bash
# The checks that packaging/checks/boot.sh runs in the booted root, as a service.
set -euo pipefail

fail() {
    systemctl --no-pager status 'secretcat*' || true
    journalctl --no-pager -n 30 -u 'secretcat*' || true
    echo "fault: $*"
    exit 1
}

ok() { echo "ok: $*"; }

# Waits until the command succeeds, for at most 30 s.
until_true() {
    local tries
    for ((tries = 0; tries < 300; tries++)); do
        ! "$@" || return 0
        sleep 0.1
    done
    fail "waited in vain for: $*"
}

show() { systemctl show -P "$2" "$1"; }
unread() { grep -q '^ *[0-9]*: 0100007F:1194 [0-9A-F]*:[0-9A-F]* 01 [0-9A-F]*:0*[1-9A-F]' /proc/net/tcp; }
logged() { journalctl --no-pager --quiet -o cat -p info -u secretcat.service | grep -q "$1"; }
lines() { [ "$(wc -l <"$1")" -ge "$2" ]; }

cd "$(mktemp -d)"

[ "$(systemctl is-enabled secretcat.socket || true)" = disabled ] || fail 'the socket is enabled by installing'
[ "$(show secretcat.socket ActiveState)" = inactive ] || fail 'the socket listens by installing'
status=0
secretcat connect -m lost 2>refused || status=$?
[ "$status" = 1 ] || fail "status $status where nobody listens"
ok 'nothing listens before it is asked for'

systemctl start secretcat.socket
[ "$(show secretcat.service ActiveState)" = inactive ] || fail 'the service runs before a client came'
answer=$(secretcat connect -m 'My SECRET code is 12345')
[ "$answer" = 'Digits: 12345   Count: 5' ] || fail "the answer is $answer"
[ "$(show secretcat.service ActiveState)" = active ] || fail 'the service does not run'
ok 'the first client starts the service, and is answered'

until_true logged '^#1 127\.0\.0\.1:[0-9]*: .*, 1 message in: closed by peer$'
ok 'the journal has a line of the client, and has taken its level away'

[[ $(show secretcat.service StatusText) == 'listening on '* ]] || fail 'it has not said that it is ready'
ok 'readiness is notified'

main=$(show secretcat.service MainPID)
user=$(stat -c %u "/proc/$main")
# The range that systemd gives to dynamic users.
[[ $user -ge 61184 && $user -le 65519 ]] || fail "it runs as user $user"
grep -q '^CapEff:[[:space:]]*0*$' "/proc/$main/status" || fail 'it has capabilities'
grep -q '^Seccomp:[[:space:]]*2$' "/proc/$main/status" || fail 'its system calls are not filtered'
ok 'it is a user of its own, without capabilities, with a filter'

# Messages that arrive while it is suspended are answered, even after the request to stop.
mkfifo messages
secretcat connect <messages >answers 2>told &
client=$!
exec 7>messages
echo 'SECRET 1' >&7
until_true lines answers 1
kill -STOP "$main"
printf 'SECRET 2\nnothing\nSECRET 44\n' >&7
until_true unread
systemctl stop secretcat.socket secretcat.service
until_true lines answers 4
wait "$client" || true
exec 7>&-
printf '%s\n' 'Digits: 1   Count: 1' 'Digits: 2   Count: 1' 'Secret code not found.' 'Digits: 44   Count: 2' |
    diff - answers || fail 'not all that had arrived was answered'
ok 'stopping drains'

[ "$(show secretcat.service Result)" = success ] || fail "it ended with $(show secretcat.service Result)"
[ "$(show secretcat.service ExecMainStatus)" = 0 ] || fail "it ended with $(show secretcat.service ExecMainStatus)"
status=0
secretcat connect -m lost 2>refused || status=$?
[ "$status" = 1 ] || fail "status $status after it was stopped"
ok 'stopped, it is gone, with success'

echo 'SECRETCAT_OPTIONS="--max-message 10 --idle-timeout 1h"' >/etc/default/secretcat
systemctl --quiet enable --now secretcat.socket
[ "$(secretcat connect -m 'SECRET 7')" = 'Digits: 7   Count: 1' ] || fail 'enabled, it does not answer'
[ "$(secretcat connect -m 'eleven bytes' || true)" = 'Message too long.' ] || fail 'its options are not read'
rm /etc/default/secretcat
ok 'options are read from /etc/default/secretcat'

printf '[Socket]\nListenStream=127.0.0.1:4501\nAccept=yes\n' >/etc/systemd/system/each.socket
printf '[Service]\nExecStart=/usr/bin/secretcat listen\n' >/etc/systemd/system/each@.service
systemctl daemon-reload
systemctl start each.socket
for message in 1 2; do
    [ "$(secretcat connect :4501 -m "SECRET $message")" = "Digits: $message   Count: 1" ] || fail 'no answer with Accept=yes'
done
systemctl stop each.socket
ok 'a service with Accept=yes serves the connection that it is handed'

status=0
systemctl start secretcat@none 2>failure || status=$?
[ "$status" != 0 ] || fail 'an instance without a file starts'
echo 'SECRETCAT_OPTIONS="127.0.0.1:4502 --max-message 10"' >/etc/default/secretcat-lab
systemctl --quiet enable --now secretcat@lab
[ "$(secretcat connect :4502 -m 'SECRET 8')" = 'Digits: 8   Count: 1' ] || fail 'an instance does not answer'
[ "$(secretcat connect :4502 -m 'eleven bytes' || true)" = 'Message too long.' ] || fail 'an instance does not read its options'
lab=$(show secretcat@lab MainPID)
user=$(stat -c %u "/proc/$lab")
[[ $user -ge 61184 && $user -le 65519 ]] || fail "an instance runs as user $user"
grep -q '^CapEff:[[:space:]]*0*$' "/proc/$lab/status" || fail 'an instance has capabilities'
grep -q '^Seccomp:[[:space:]]*2$' "/proc/$lab/status" || fail 'the system calls of an instance are not filtered'
ok 'an instance listens on the address in its file, as a user of its own'

echo 'SECRETCAT_OPTIONS="127.0.0.1:4503 --relay 127.0.0.1:4502"' >/etc/default/secretcat-relay
systemctl start secretcat@relay
[ "$(secretcat connect :4503 -m 'SECRET 9')" = 'Digits: 9   Count: 1' ] || fail 'an instance does not relay'
systemctl stop secretcat@relay
ok 'an instance connects to a server'

echo 'SECRETCAT_OPTIONS="127.0.0.1:450"' >/etc/default/secretcat-low
status=0
systemctl start secretcat@low 2>failure || status=$?
[ "$status" != 0 ] || fail 'an instance binds a port below 1024 without the capability'
systemctl stop secretcat@low
# The drop-in of secretcat-listen(1).
mkdir -p /run/systemd/system/secretcat@low.service.d
man -P cat secretcat-listen | sed 's/^ *//' |
    sed -n '/^\[Service\]$/,/^PrivateUsers=no$/p' >/run/systemd/system/secretcat@low.service.d/port.conf
[ "$(wc -l </run/systemd/system/secretcat@low.service.d/port.conf)" = 6 ] || fail 'no drop-in in secretcat-listen(1)'
systemctl daemon-reload
systemctl start secretcat@low
[ "$(secretcat connect :450 -m 'SECRET 6')" = 'Digits: 6   Count: 1' ] || fail 'an instance does not answer below 1024'
systemctl stop secretcat@low
ok 'an instance binds a port below 1024 with the drop-in of the manual'

main=$(show secretcat.service MainPID)
dpkg --install /secretcat.deb >upgrade.log 2>&1 || fail "it is not upgraded: $(cat upgrade.log)"
[ "$(show secretcat.socket ActiveState)" = active ] || fail 'upgraded, the socket does not listen'
[ "$(show secretcat@lab MainPID)" != "$lab" ] || fail 'upgraded, the instance is the old program'
[ "$(secretcat connect -m 'SECRET 7')" = 'Digits: 7   Count: 1' ] || fail 'upgraded, the service does not answer'
[ "$(show secretcat.service MainPID)" != "$main" ] || fail 'upgraded, the service is the old program'
[ "$(secretcat connect :4502 -m 'SECRET 8')" = 'Digits: 8   Count: 1' ] || fail 'upgraded, the instance does not answer'
ok 'an upgrade restarts the socket, the service and an instance'

apt-get -q -y purge secretcat >purge.log 2>&1 || fail "it does not purge: $(cat purge.log)"
for unit in secretcat.socket secretcat.service secretcat@lab.service; do
    [ "$(show "$unit" LoadState)" = not-found ] || fail "purged, $unit is still known"
    [ "$(show "$unit" ActiveState)" = inactive ] || fail "purged, $unit is $(show "$unit" ActiveState)"
done
[ -z "$(find /etc/systemd -name 'secretcat*')" ] || fail 'purged, it leaves links'
ok 'it is enabled by hand, and purged while it runs'

echo 'all of it'
