//! Certificates, keys and pins: which are accepted, and how a refusal is explained.

use std::fmt::Write as _;

use rcgen::date_time_ymd;
use rustix::process::Signal;

use crate::support::tls::{Certs, args};
use crate::support::{NOT_FOUND, Outcome, Proc, Server, digits, run, run_command, secretcat};

/// `connect` to this server with one message, and these arguments besides.
fn ask(server: &Server, more: &[&str]) -> Outcome {
    let address = server.address();
    run(["connect", &address, "-m", "SECRET 5"].iter().chain(more), "")
}

/// A listener with these files.
fn listen(certs: &Certs, name: &str, more: &[&str]) -> Server {
    let identity = certs.identity(name);
    Server::start(&[&identity.each_ref().map(String::as_str)[..], more].concat())
}

/// The pin that the ready listener has printed.
fn printed_pin(server: &Server) -> String {
    let text = server.proc.wait_for_stderr("--tls-pin sha256//");
    let pin = text.split("--tls-pin ").nth(1).and_then(|rest| rest.split_whitespace().next());
    pin.unwrap().to_owned()
}

fn refused(server: &Server, why: &str) -> String {
    format!("secretcat: connect {}: {why}\n", server.address())
}

#[test]
fn wrong_certificate_is_explained_with_a_hint() {
    let certs = Certs::new("wrong-certificate");
    certs.sign_expired("old");
    certs.sign("early", &["localhost"], |params| params.not_before = date_time_ymd(2090, 1, 1));
    certs.sign("other", &["other.test"], |_| {});
    let ca = certs.text("ca.pem");
    let server = listen(&certs, "server", &[]);
    let hint = "its issuer is unknown (--tls-ca FILE trusts its issuer, --tls-pin PIN its key)";
    let text = format!("the server's certificate is not accepted: {hint}");
    ask(&server, &["--tls"]).is(1, "", refused(&server, &text));
    let text = "the server's certificate is not for wrong.test, but for localhost, 127.0.0.1 (--tls-name NAME)";
    ask(&server, &["--tls-ca", &ca, "--tls-name", "wrong.test"]).is(1, "", refused(&server, text));
    ask(&server, &["--tls-ca", &ca, "--tls-name", "localhost"]).is(0, digits("5"), "");
    let old = listen(&certs, "old", &[]);
    let text = "the server's certificate is not accepted: it has expired (--tls-pin PIN trusts its key, --tls-insecure any certificate)";
    ask(&old, &["--tls-ca", &ca]).is(1, "", refused(&old, text));
    let early = listen(&certs, "early", &[]);
    let text = "the server's certificate is not accepted: it is not valid yet (--tls-pin PIN trusts its key, --tls-insecure any certificate)";
    ask(&early, &["--tls-ca", &ca]).is(1, "", refused(&early, text));
    let other = listen(&certs, "other", &[]);
    let text = "the server's certificate is not for 127.0.0.1, but for other.test (--tls-name NAME)";
    ask(&other, &["--tls-ca", &ca]).is(1, "", refused(&other, text));
    ask(&other, &["--tls-ca", &ca, "--tls-name", "other.test"]).is(0, digits("5"), "");
    // The file of $SSL_CERT_FILE stands for the roots of the system.
    let mut command = secretcat(["connect", &server.address(), "--tls", "-m", "SECRET 5"]);
    run_command(command.env("SSL_CERT_FILE", &ca), "").is(0, digits("5"), "");
}

#[test]
fn insecure_accepts_any_certificate_and_always_warns() {
    let certs = Certs::new("insecure");
    certs.sign_expired("old");
    let server = listen(&certs, "old", &[]);
    let warning = "secretcat: --tls-insecure: the certificate of the server is not verified\n";
    ask(&server, &["--tls-insecure"]).is(0, digits("5"), warning);
    let address = server.address();
    for (command, args) in [
        ("connect", &["--tls-insecure", "-m", "SECRET 5"][..]),
        ("connect", &["--tls-insecure", "--raw", "--send-only"]),
        ("connect", &["--tls-insecure", "-z"]),
        ("sweep", &["--tls-insecure", "--max-plans", "2", "-m", "SECRET 5"]),
        ("sweep", &["--protocol", "tls", "--max-plans", "2"]),
    ] {
        let out = run([command, &address, "--quiet"].iter().chain(args), "");
        assert!(matches!(out.status, Some(0 | 4)) && out.stderr == warning, "{command} {args:?}: {out:?}");
    }
    let to = format!("tls:{address}");
    let args = ["listen", "127.0.0.1:0", "--relay", &to, "--relay-tls-insecure", "--quiet"];
    let relay = Proc::start(&mut secretcat(args));
    relay.wait_for_stderr("secretcat: --relay-tls-insecure: the certificate of the server is not verified\n");
    relay.signal(Signal::TERM);
    assert_eq!(relay.end().status, Some(0));
}

#[test]
fn pin_accepts_one_key_and_no_other() {
    let server = Server::start(&["--tls"]);
    let pin = printed_pin(&server);
    let wrong = "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    ask(&server, &["--tls-pin", &pin]).is(0, digits("5"), "");
    ask(&server, &["--tls-pin", wrong, "--tls-pin", &pin]).is(0, digits("5"), "");
    let text = "the server's key has none of the pins of --tls-pin";
    ask(&server, &["--tls-pin", wrong]).is(1, "", refused(&server, text));
    // Each run has its own key.
    let other = Server::start(&["--tls"]);
    ask(&other, &["--tls-pin", &pin]).is(1, "", refused(&other, text));
    run(["connect", "--loopback", "--tls", "-m", "SECRET 5"], "").is(0, digits("5"), "");
}

#[test]
fn pin_is_the_one_that_curl_and_openssl_compute() {
    let certs = Certs::new("pin-of-openssl");
    certs.openssl(&["pkey", "-in", "server.key", "-pubout", "-outform", "DER", "-out", "public"]);
    certs.openssl(&["dgst", "-sha256", "-binary", "-out", "hash", "public"]);
    let hash = std::fs::read(certs.path("hash")).unwrap();
    let pin = format!("sha256//{}", data_encoding::BASE64.encode(&hash));
    let server = listen(&certs, "server", &[]);
    ask(&server, &["--tls-pin", &pin]).is(0, digits("5"), "");
}

#[test]
fn client_needs_a_certificate_where_it_is_required() {
    let certs = Certs::new("mutual");
    let strangers = Certs::new("strangers");
    let (ca, client) = (certs.text("ca.pem"), certs.identity("client"));
    let base = ["--tls-ca", &ca];
    let ask_with = |server: &Server, identity: &[String; 4]| {
        ask(server, &[&base[..], &identity.each_ref().map(String::as_str)].concat())
    };
    for (need, answers_all) in
        [(&[][..], false), (&["--tls-client", "required"], false), (&["--tls-client", "optional"], true)]
    {
        let server = listen(&certs, "server", &[&["-v", "--tls-client-ca", &ca], need].concat());
        ask_with(&server, &client).is(0, digits("5"), "");
        let without = ask(&server, &base);
        if answers_all {
            without.is(0, digits("5"), "");
        } else {
            let text = "the server ended TLS: certificate required (it wants a certificate of this client: --tls-cert and --tls-key)";
            assert_eq!((without.status, without.stdout.as_slice()), (Some(1), &b""[..]));
            assert!(without.stderr.contains(text), "{}", without.stderr);
            server.proc.wait_for_stderr("the client has sent no certificate, and --tls-client-ca requires one\n");
        }
        // A stream that has ended already is refused for the same reason.
        for _ in 0..if answers_all { 0 } else { 5 } {
            let stream = run(["connect", &server.address(), "--raw", "--tls-ca", &ca], "x\n");
            assert_eq!(stream.status, Some(1));
            assert!(stream.stderr.contains("the server ended TLS: certificate required ("), "{}", stream.stderr);
        }
        let stranger = ask_with(&server, &strangers.identity("client"));
        assert_eq!((stranger.status, stranger.stdout.as_slice()), (Some(1), &b""[..]), "{}", stranger.stderr);
        server.proc.wait_for_stderr("the client's certificate is not accepted: its issuer is unknown\n");
    }
}

#[test]
fn files_that_cannot_be_used_are_refused_at_the_start() {
    let certs = Certs::new("bad-files");
    certs.sign("another", &["localhost"], |_| {});
    certs.openssl(&["pkey", "-in", "server.key", "-aes256", "-passout", "pass:x", "-out", "encrypted.key"]);
    certs.openssl(&["ec", "-in", "server.key", "-aes256", "-passout", "pass:x", "-out", "traditional.key"]);
    certs.openssl(&["pkey", "-in", "server.key", "-outform", "DER", "-out", "key.der"]);
    // Of version 1, as openssl x509 -req signs them before OpenSSL 3.2.
    certs.openssl(&["x509", "-in", "server.pem", "-outform", "DER", "-out", "server.der"]);
    let mut old = std::fs::read(certs.path("server.der")).unwrap();
    let version = memchr::memmem::find(&old, b"\xa0\x03\x02\x01\x02").unwrap();
    old[version + 4] = 0;
    std::fs::write(certs.path("old.der"), old).unwrap();
    certs.openssl(&["x509", "-inform", "DER", "-in", "old.der", "-out", "old.pem"]);
    std::fs::write(certs.path("empty"), "").unwrap();
    std::fs::write(certs.path("text"), "hello\n").unwrap();
    std::fs::write(certs.path("torn"), "-----BEGIN CERTIFICATE-----\nMIIB\n").unwrap();
    let cert = certs.text("server.pem");
    let encrypted = "no private key: its key is encrypted (openssl pkey -in FILE -out PLAIN decrypts it)";
    let der = "it is DER, and PEM is expected (openssl x509 or pkey -inform DER converts it)";
    let old = "it is of X.509 version 1, and TLS takes version 3 (openssl x509 -req -extfile FILE makes one)";
    let cases: [(&str, &str, String); 11] = [
        ("old.pem", "server.key", format!("{}: {old}", certs.text("old.pem"))),
        (
            "server.pem",
            "another.key",
            format!("{}: the key does not belong to the certificate {cert}", certs.text("another.key")),
        ),
        ("server.pem", "encrypted.key", format!("{}: {encrypted}", certs.text("encrypted.key"))),
        ("server.pem", "traditional.key", format!("{}: {encrypted}", certs.text("traditional.key"))),
        ("server.pem", "key.der", format!("{}: no private key: {der}", certs.text("key.der"))),
        ("server.der", "server.key", format!("{}: no certificate: {der}", certs.text("server.der"))),
        ("empty", "server.key", format!("{}: no certificate: it is empty", certs.text("empty"))),
        ("text", "server.key", format!("{}: no certificate: it is not PEM (-----BEGIN …-----)", certs.text("text"))),
        (
            "server.key",
            "server.key",
            format!("{}: no certificate: it contains other PEM items", certs.text("server.key")),
        ),
        ("server.pem", "server.pem", format!("{cert}: no private key: it contains other PEM items")),
        ("none", "server.key", format!("read {}: no such file or directory", certs.text("none"))),
    ];
    for (cert, key, why) in cases {
        let options = ["--tls-cert", &certs.text(cert), "--tls-key", &certs.text(key)].map(str::to_owned);
        let line = format!("secretcat: {why}\n");
        let listen = args([&["listen".to_owned(), "127.0.0.1:0".to_owned()][..], &options]);
        run(&listen, "").is(2, "", &line);
        let connect = args([&["connect".to_owned(), "127.0.0.1:9".to_owned()][..], &options]);
        run(&connect, "x\n").is(2, "", &line);
    }
    let out =
        run(["listen", "127.0.0.1:0", "--tls-cert", &certs.text("torn"), "--tls-key", &certs.text("server.key")], "");
    assert_eq!(out.status, Some(2));
    assert!(out.stderr.contains("torn: ") && out.stderr.lines().count() == 1, "{}", out.stderr);
}

#[test]
fn authorities_and_pins_that_cannot_be_used_are_refused() {
    let certs = Certs::new("bad-authorities");
    std::fs::write(certs.path("empty"), "").unwrap();
    let empty = certs.text("empty");
    let line = format!("secretcat: {empty}: no certificate: it is empty\n");
    run(["connect", "127.0.0.1:9", "--tls-ca", &empty, "-m", "x"], "").is(2, "", &line);
    run(["listen", "127.0.0.1:0", "--tls", "--tls-client-ca", &empty], "").is(2, "", &line);
    let mut command = secretcat(["connect", "127.0.0.1:9", "--tls", "-m", "x"]);
    let out = run_command(command.env("SSL_CERT_FILE", &empty).env("SSL_CERT_DIR", &empty), "");
    assert_eq!(out.status, Some(2), "{}", out.stderr);
    assert!(out.stderr.starts_with("secretcat: no root certificates on this system"), "{}", out.stderr);
    for pin in ["sha256//AAAA", "AAAA", "sha256//", "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"] {
        let out = run(["connect", "127.0.0.1:9", "--tls-pin", pin, "-m", "x"], "");
        assert_eq!(out.status, Some(2), "{pin}: {}", out.stderr);
        assert!(out.stderr.starts_with("secretcat: ") && out.stderr.contains("--tls-pin"), "{}", out.stderr);
    }
}

/// A certificate of this name is what a client sees that accepts any.
fn is_served(server: &Server, certs: &Certs, name: &str) -> bool {
    ask(server, &["--tls-ca", &certs.text("ca.pem"), "--tls-name", name]).status == Some(0)
}

#[test]
fn changed_certificate_is_used_without_a_restart() {
    let certs = Certs::new("changed");
    certs.sign("live", &["one.test"], |_| {});
    let server = listen(&certs, "live", &[]);
    assert!(is_served(&server, &certs, "one.test"));
    // Broken: the old one stays, and one line says so.
    let (cert, key) = (certs.path("live.pem"), certs.path("live.key"));
    std::fs::write(&cert, "broken").unwrap();
    let warning = "no certificate: it is not PEM (-----BEGIN …-----); the previous certificate stays in use\n";
    let mut stays = true;
    crate::support::poll_until(
        "a warning",
        || stays &= is_served(&server, &certs, "one.test"),
        || server.proc.output_so_far().1.contains(warning),
    );
    assert!(stays && is_served(&server, &certs, "one.test"));
    // New: it is used.
    certs.sign("new", &["two.test"], |_| {});
    std::fs::rename(certs.path("new.key"), &key).unwrap();
    std::fs::rename(certs.path("new.pem"), &cert).unwrap();
    crate::support::poll_until("the new certificate", || {}, || is_served(&server, &certs, "two.test"));
    assert!(!is_served(&server, &certs, "one.test"));
    let log = server.proc.output_so_far().1;
    assert_eq!(log.matches("not PEM").count(), 1, "{log}");
}

#[test]
fn secrets_are_logged_for_each_connection() {
    let certs = Certs::new("keylog");
    let (ours, theirs) = (certs.path("ours"), certs.path("theirs"));
    let server = listen(&certs, "server", &["--tls-keylog", theirs.to_str().unwrap()]);
    let mut command = secretcat(["connect", &server.address(), "-m", "x", "--tls-ca", &certs.text("ca.pem")]);
    run_command(command.env("SSLKEYLOGFILE", &ours), "").is(0, NOT_FOUND, "");
    ask(&server, &["--tls-ca", &certs.text("ca.pem"), "--tls-keylog", ours.to_str().unwrap()]).is(0, digits("5"), "");
    let read = |path| {
        let mut lines: Vec<String> = std::fs::read_to_string(path).unwrap().lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    let lines = read(&ours);
    assert_eq!(lines, read(&theirs));
    let labels = ["CLIENT_HANDSHAKE", "SERVER_HANDSHAKE", "CLIENT", "SERVER"];
    for label in labels {
        let traffic = if label.ends_with("HANDSHAKE") { "TRAFFIC_SECRET" } else { "TRAFFIC_SECRET_0" };
        let mut start = String::new();
        write!(start, "{label}_{traffic} ").unwrap();
        let found = lines.iter().filter(|line| line.starts_with(&start)).count();
        assert_eq!(found, 2, "{start}: {lines:?}");
    }
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&ours).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn certificate_failure_is_not_retried() {
    let server = Server::start(&["--tls"]);
    let wrong = "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let text = "the server's key has none of the pins of --tls-pin";
    let out = ask(&server, &["--tls-pin", wrong, "--retry", "1000", "--retry-delay", "1h"]);
    out.is(1, "", refused(&server, text));
    let pin = printed_pin(&server);
    let (check, address) = (["-z", "--tls-pin"], server.address());
    run(["connect", &address].iter().chain(&check).chain(&[pin.as_str()]), "").is(0, "", "");
    run(["connect", &address].iter().chain(&check).chain(&[wrong]), "").is(1, "", refused(&server, text));
}
