# shellcheck shell=sh
# Run before a snippet that needs PostgreSQL, in the sandbox of tests/support/sandbox.rs: starts one at its default addresses,
# where each client has to log in, and then the snippet. It is no root; its user is in a list of its own.

echo "lab:x:1000:1000::$PWD:/bin/sh" >.passwd
echo not-a-secret >.password
cat >.server <<'SERVER'
programs=$(ls -d /usr/lib/postgresql/*/bin | tail -n 1)
"$programs/initdb" -U postgres --auth=scram-sha-256 --pwfile .password --no-sync --locale=C -E UTF8 -D .data
exec "$programs/postgres" -D .data -h 127.0.0.1 -c fsync=off -c max_connections=50
SERVER
cat >.setup <<'SETUP'
mount --bind .passwd /etc/passwd
mount -t tmpfs -o mode=777 sockets /run/postgresql
unshare --user --map-user=1000 --map-group=1000 sh -e .server >.log 2>&1 &
secretcat connect -z :5432 --retry 200 --retry-delay 50ms 2>>.log
exec sh -e .script
SETUP
exec unshare --mount sh -e .setup
