# shellcheck shell=sh
# Run before a snippet that uses ssh, in the sandbox of tests/support/sandbox.rs: makes the host 10.10.11.2, with an HTTP
# server at port 8080, a listener at port 4500 and an sshd, behind a cable. Its name is lab, where /etc/hosts can be
# replaced. The snippet sees neither its sockets nor its processes.

# The address is no longer that of the sandbox itself.
ip address delete 10.10.11.2/24 dev lo

# The other end of the cable. sshd is no root: it needs no other users then. Its user is in a list of its own.
mkfifo .up .linked
cat >.host <<'HOST'
ip link set lo up
echo >.up
read -r _ <.linked
ip address add 10.10.11.2/24 dev eth0
ip link set eth0 up
echo "lab:x:1000:1000::$PWD:/bin/sh" >.passwd
mount --bind .passwd /etc/passwd
exec unshare --user --map-user=1000 --map-group=1000 sh -c '
    "$(command -v sshd)" -f .sshd_config -D -e &
    secretcat listen 10.10.11.2:4500 &
    exec python3 -m http.server --bind 10.10.11.2 --protocol HTTP/1.1 8080'
HOST

# Keys for this snippet only.
ssh-keygen -q -t ed25519 -N '' -f .host_key
ssh-keygen -q -t ed25519 -N '' -f .key
cat >.sshd_config <<CONFIG
Port 2222
HostKey $PWD/.host_key
AuthorizedKeysFile $PWD/.key.pub
StrictModes no
UsePAM no
PidFile none
SetEnv PATH=$PATH
CONFIG
cat >.ssh_config <<CONFIG
Port 2222
User lab
IdentityFile $PWD/.key
UserKnownHostsFile $PWD/.known_hosts
StrictHostKeyChecking accept-new
LogLevel ERROR
BatchMode yes
CONFIG
printf '#!/bin/sh\nexec %s -F %s "$@"\n' "$(command -v ssh)" "$PWD/.ssh_config" >.bin/ssh
chmod 755 .bin/ssh

unshare --net --pid --fork --kill-child --mount-proc sh -e .host >.log 2>&1 &
host=$!
read -r _ <.up
ip link add eth0 type veth peer name eth0 netns "$host"
ip address add 10.10.11.1/24 dev eth0
ip link set eth0 up
echo >.linked
for port in 2222 4500 8080; do
    secretcat connect -z "10.10.11.2:$port" --retry 100 --retry-delay 50ms 2>>.log
done
echo '10.10.11.2 lab' >.hosts
cat >.setup <<'SETUP'
[ ! -e /etc/hosts ] || mount --bind .hosts /etc/hosts
exec sh -e .script
SETUP
exec unshare --pid --fork --kill-child --mount-proc sh -e .setup
