//! `--rooms-via tls://`: the broker is encrypted and verified.

use std::io::Write;
use std::net::TcpStream;

use crate::auth::private;
use crate::rooms_via::{broker, false_broker, label, member, read_away, read_until};
use crate::support::tls::Certs;
use crate::support::{Proc, Server, read_line, read_some};

/// nats-server with TLS, and with these certificates; and its address.
fn broker_with_tls(certs: &Certs, name: &str, args: &[&str]) -> Option<(Proc, String)> {
    let [cert, key] = ["pem", "key"].map(|end| certs.text(&format!("{name}.{end}")));
    broker(&[&["--tls", "--tlscert", &cert, "--tlskey", &key], args].concat())
}

fn start(scheme: &str, broker: &str, args: &[&str]) -> Server {
    let via = format!("{scheme}://{broker}");
    Server::start(&[&["--service", "rooms", "--rooms-via", &via][..], args].concat())
}

/// The listener cannot use its broker for this reason, and its rooms go on.
#[track_caller]
fn expect_refusal(server: &Server, why: &str) {
    server.proc.wait_for_stderr(&format!("{why}; rooms go on without other servers\n"));
    let mut ann = member(server, "ann");
    let mut bob = member(server, "bob");
    read_until(&mut ann, "bob joined");
    bob.write_all(b"hi\n").unwrap();
    assert_eq!(read_line(&mut ann), "bob> hi\n");
}

#[test]
fn servers_share_rooms_through_a_broker_with_tls() {
    let certs = Certs::new("rooms-via-tls");
    let (ca, password) = (certs.text("ca.pem"), private(&certs.dir, "password", "hush hush\n"));
    let login = ["--user", "ann", "--pass", "hush hush"];
    let Some((_broker, address)) = broker_with_tls(&certs, "server", &login) else { return };
    let args = ["--via-tls-ca", &ca, "--via-password-file", &password];
    let a = start("tls", &format!("ann@{address}"), &args);
    let b = start("nats", &format!("ann@{address}"), &args); // the option implies TLS
    let (of_a, _) = (label(&a), label(&b));
    let mut ann = member(&a, "ann");
    let mut bob = member(&b, "bob");
    read_until(&mut ann, "joined lab");
    ann.write_all(b"hi\n").unwrap();
    assert_eq!(read_until(&mut bob, "> hi"), format!("ann/{of_a}> hi\n"));
    let insecure = start("tls", &format!("ann@{address}"), &["--via-tls-insecure", "--via-password-file", &password]);
    let warning = "secretcat: --via-tls-insecure: the certificate of the server is not verified\n";
    assert!(insecure.proc.wait_for_stderr("connected; ").contains(warning));
}

#[test]
fn broker_must_have_the_right_certificate() {
    let certs = Certs::new("rooms-via-wrong");
    certs.sign("other", &["other.test"], |_| {});
    let Some((_broker, address)) = broker_with_tls(&certs, "other", &[]) else { return };
    let ca = certs.text("ca.pem");
    let connect = format!("secretcat: --rooms-via: connect {address}: the server's certificate is not");
    let hint = "accepted: its issuer is unknown (--via-tls-ca FILE trusts its issuer, --via-tls-pin PIN its key)";
    expect_refusal(&start("tls", &address, &[]), &format!("{connect} {hint}"));
    let wrong_name = start("tls", &address, &["--via-tls-ca", &ca]);
    expect_refusal(&wrong_name, &format!("{connect} for 127.0.0.1, but for other.test (--via-tls-name NAME)"));
    let named = start("tls", &address, &["--via-tls-ca", &ca, "--via-tls-name", "other.test"]);
    named.proc.wait_for_stderr("connected; ");
}

#[test]
fn broker_that_wants_a_certificate_gets_it() {
    let certs = Certs::new("rooms-via-client");
    let ca = certs.text("ca.pem");
    let Some((_broker, address)) = broker_with_tls(&certs, "server", &["--tlsverify", "--tlscacert", &ca]) else {
        return;
    };
    let [cert, key] = ["client.pem", "client.key"].map(|name| certs.text(name));
    let server = start("tls", &address, &["--via-tls-ca", &ca, "--via-tls-cert", &cert, "--via-tls-key", &key]);
    server.proc.wait_for_stderr("connected; ");
    let via = format!("--rooms-via tls://{address}: the server ended TLS: bad certificate");
    let without = start("tls", &address, &["--via-tls-ca", &ca]);
    expect_refusal(
        &without,
        &format!("{via} (it wants a certificate of this client: --via-tls-cert and --via-tls-key)"),
    );
    let strangers = Certs::new("rooms-via-stranger");
    let [cert, key] = ["client.pem", "client.key"].map(|name| strangers.text(name));
    let stranger = start("tls", &address, &["--via-tls-ca", &ca, "--via-tls-cert", &cert, "--via-tls-key", &key]);
    expect_refusal(&stranger, &format!("{via} (the server does not accept the one of --via-tls-cert)"));
}

#[test]
fn wrong_scheme_is_one_line_with_the_right_one() {
    let certs = Certs::new("rooms-via-scheme");
    let Some((_plain, plain)) = broker(&[]) else { return };
    let Some((_encrypted, encrypted)) = broker_with_tls(&certs, "server", &[]) else { return };
    let why = format!("--rooms-via: connect {plain}: the broker has no TLS (nats:// connects without it)");
    expect_refusal(&start("tls", &plain, &[]), &why);
    let why = format!("--rooms-via nats://{encrypted}: it takes TLS only (give tls:// instead of nats://)");
    expect_refusal(&start("nats", &encrypted, &[]), &why);
}

#[test]
fn tls_can_begin_before_info() {
    let certs = Certs::new("rooms-via-first");
    let Some((_plain, plain)) = broker(&[]) else { return };
    let ca = certs.text("ca.pem");
    // A relay that decrypts: INFO comes through TLS, as with handshake_first.
    let [cert, key] = ["server.pem", "server.key"].map(|name| certs.text(name));
    let relay = Server::start(&["--relay", &plain, "--tls-cert", &cert, "--tls-key", &key]);
    let first = start("tls", &relay.address(), &["--via-tls-ca", &ca, "--via-tls-first"]);
    first.proc.wait_for_stderr("connected; ");
    let silent = start("tls", &relay.address(), &["--via-tls-ca", &ca]);
    let why = "no greeting within 5s (--via-tls-first begins TLS at once, for a broker with handshake_first)";
    expect_refusal(&silent, &format!("--rooms-via: connect {}: {why}", relay.address()));
    let Some((_encrypted, encrypted)) = broker_with_tls(&certs, "server", &[]) else { return };
    let too_early = start("tls", &encrypted, &["--via-tls-ca", &ca, "--via-tls-first"]);
    expect_refusal(&too_early, "(without --via-tls-first, its INFO comes before TLS)");
}

#[test]
fn false_broker_gets_neither_password_nor_plain_text() {
    let certs = Certs::new("rooms-via-false");
    let password = private(&certs.dir, "password", "hush hush\n");
    let refused = |why: &str, said: &'static [u8]| {
        let (sender, received) = std::sync::mpsc::channel();
        let address = false_broker(move |mut stream: TcpStream| {
            let _ = stream.write_all(said);
            let mut first = [0; 1];
            let _ = sender
                .send(read_some(&mut stream, &mut first).map(|count| first[..count].to_vec()).unwrap_or_default());
            read_away(&stream);
        });
        let server = start("tls", &format!("ann@{address}"), &["--via-password-file", &password]);
        expect_refusal(&server, &format!("connect {address}: {why}"));
        received.recv().unwrap()
    };
    assert_eq!(refused("the broker sends more than INFO before TLS", b"INFO {\"tls_required\":true}\r\nPING\r\n"), b"");
    assert_eq!(refused("the broker has no TLS (nats:// connects without it)", b"INFO {}\r\n"), b"");
    assert_eq!(refused("it sends no NATS protocol", b"SSH-2.0-x\r\n"), b"");
}
