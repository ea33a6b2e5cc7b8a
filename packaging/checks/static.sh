#!/bin/bash
# Runs the static binary of an archive in an otherwise empty root.
#
#   packaging/checks/static.sh ARCHIVE
set -euo pipefail

# shellcheck source=packaging/roots.sh
. "$(dirname "$0")/../roots.sh"
takes "$@"

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
tar xzf "$1" -C "$root"
tree=("$root"/*)
[ "${tree[0]##*/}.tar.gz" = "${1##*/}" ] || die "${1##*/} holds ${tree[*]##*/}"
binary=${tree[0]}/secretcat
case $1 in
    *-linux-musl.tar.gz | *-linux-gnu.tar.gz) ;;
    *) die "the name of ${1##*/} does not tell the C library" ;;
esac
! readelf -Wdl "$binary" | grep -E 'NEEDED|INTERP' >&2 || die "the static binary needs libraries"
"$PACKAGING/checks/links.py" "${tree[0]}/doc" || die "documents of the archive have links to nothing"
for page in "$PACKAGING"/../man/*.[157]; do
    cmp "$page" "${tree[0]}/man/${page##*/}" || die "the archive has no manual page ${page##*/}"
done
mv "$binary" "$root/secretcat"

answer=$(offline chroot "$root" /secretcat connect --loopback -m 'My SECRET code is 12345')
[ "$answer" = 'Digits: 12345   Count: 5' ] || die "the static binary answers $answer"
# As README states: names are resolved with /etc/hosts, and an unknown name is one clear line.
mkdir "$root/etc"
echo '127.0.0.1 lab.example' >"$root/etc/hosts"
fails_with() {
    local status=0 said expected=$1
    shift
    said=$(offline chroot "$root" /secretcat "$@" 2>&1) || status=$?
    [[ $status == 1 && $said == "$expected"* && $(wc -l <<<"$said") == 1 ]] ||
        die "the static binary ends with $status and says: $said"
}
fails_with 'secretcat: connect 127.0.0.1:9: connection refused' connect lab.example:9 -m lost
fails_with 'secretcat: resolve no.example:9: ' connect no.example:9 -m lost

# TLS verifies with the roots of the system where systems have them, or with $SSL_CERT_FILE.
certificates=$(mktemp -d)
trap 'rm -rf "$root" "$certificates"' EXIT
(
    cd "$certificates"
    new_key=(-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes)
    for name in ca other; do
        openssl req -x509 "${new_key[@]}" -keyout $name.key -out $name.pem -days 2 -subj /CN=$name
    done
    openssl req -new "${new_key[@]}" -keyout lab.key -out lab.request -subj /CN=lab
    openssl x509 -req -in lab.request -CA ca.pem -CAkey ca.key -set_serial 1 -days 2 -out lab.pem \
        -extfile <(printf 'subjectAltName = DNS:lab.example')
) 2>"$root/log" || die_of "openssl failed" "$root/log"
cp "$certificates"/{ca,other,lab}.pem "$certificates/lab.key" "$root"
# Runs one client of a listener with TLS; prints what the client prints, and its status.
over_tls() {
    # shellcheck disable=SC2016 # the inner shell's
    offline env -i PATH="$PATH" "$@" bash -c '
        chroot "$1" /secretcat listen :4500 --tls-cert /lab.pem --tls-key /lab.key --quiet & listener=$!
        chroot "$1" /secretcat connect -z :4500 --retry 100 --retry-delay 0.1
        status=0
        chroot "$1" /secretcat connect lab.example --tls -m "SECRET 1" 2>&1 || status=$?
        echo "status $status"
        kill "$listener"' - "$root"
}
replies='Digits: 1   Count: 1
status 0'
tls_prints() {
    local expected=$1 said
    shift
    said=$(over_tls "$@")
    # shellcheck disable=SC2053 # a pattern
    [[ $said == $expected ]] || die "over TLS, with ${*:-no variable}, the static binary says: $said"
}
tls_prints '*no root certificates on this system*status 2'
tls_prints "$replies" SSL_CERT_FILE=/ca.pem
tls_prints '*its issuer is unknown*status 1' SSL_CERT_FILE=/other.pem
for roots in etc/ssl/certs/ca-certificates.crt etc/pki/tls/certs/ca-bundle.crt etc/ssl/cert.pem; do
    mkdir -p "$root/${roots%/*}"
    mv "$root/ca.pem" "$root/$roots"
    tls_prints "$replies"
    mv "$root/$roots" "$root/ca.pem"
    rm -r "$root/etc/ssl" "$root/etc/pki" 2>/dev/null || true
done
say "static: ${1##*/}: $(stat -c %s "$root/secretcat") bytes, alone in a root"
