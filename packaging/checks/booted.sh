#!/bin/bash
# The checks that packaging/checks/boot.sh runs in the booted root, as a service.
set -euo pipefail

fail() {
    systemctl --no-pager status secretcat.service secretcat.socket || true
    journalctl --no-pager -n 30 -u 'secretcat.*' || true
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

apt-get -q -y purge secretcat >purge.log 2>&1 || fail "it does not purge: $(cat purge.log)"
[ "$(show secretcat.socket LoadState)" = not-found ] || fail 'purged, the socket is still known'
[ -z "$(find /etc/systemd -name 'secretcat*')" ] || fail 'purged, it leaves links'
ok 'it is enabled by hand, and purged while it runs'

echo 'all of it'
