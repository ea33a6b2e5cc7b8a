//! Logins over TLS: the channel binding, and names of certificates.

use std::fs;

use data_encoding::BASE64;

use crate::auth::{listener, private, users};
use crate::irc::Rooms;
use crate::support::tls::{Certs, args};
use crate::support::{Dir, Server, digits, run};

#[test]
fn login_is_bound_to_its_tls_connection() {
    let dir = Dir::new("auth-tls");
    let (file, password) = (users(&dir, &["ann"]), private(&dir, "password", "pencil\n"));
    let server = listener(&file, &["--tls"]);
    let connect = |address: &str, args: &[&str]| {
        let all = [
            "connect",
            address,
            "--user",
            "ann",
            "--password-file",
            &password,
            "-m",
            "SECRET 1",
            "--tls-insecure",
            "-q",
            "1",
        ];
        run(all.iter().chain(args), "")
    };
    let out = connect(&server.address(), &[]);
    assert_eq!((out.status, out.stdout), (Some(0), digits("1").into_bytes()), "{}", out.stderr);
    // Somebody in between, whose certificate the client accepts too.
    let between = Server::start(&["--tls", "--relay", &format!("tls:{}", server.address()), "--relay-tls-insecure"]);
    let out = connect(&between.address(), &[]);
    assert_eq!((out.status, out.stdout.len()), (Some(1), 0), "{}", out.stderr);
    assert!(out.stderr.contains("login as ann: wrong name or password\n"), "{}", out.stderr);
    between.stop();
    server.stop();
}

#[test]
fn certificate_names_the_user() {
    let certs = Certs::new("auth-cert");
    certs.sign("a b", &["ab.test"], |_| {});
    let transcript = certs.text("transcript");
    let own =
        ["--auth", "cert", "--tls-client-ca", &certs.text("ca.pem"), "--transcript", &transcript].map(str::to_owned);
    let all = args([&own[..], &certs.identity("server")]);
    let server = Server::start(&all.iter().map(String::as_str).collect::<Vec<_>>());
    let address = format!("localhost:{}", server.port());
    let connect = |name: &str| {
        let own = ["connect", &address, "-m", "SECRET 1"].map(str::to_owned);
        run(args([&own[..], &certs.ca(), &certs.identity(name)]), "")
    };
    connect("client").is(0, digits("1"), "");
    let refused = String::from_utf8(connect("a b").stdout).unwrap();
    assert_eq!(refused, "AUTH FAILED the connection proves no user name\n");
    let log = server.stop().stderr;
    assert!(log.contains(": failed login as a b: the connection proves no user name\n"), "{log}");
    let lines = fs::read_to_string(&transcript).unwrap();
    assert!(lines.contains("\"user\":\"client\"") && !lines.contains("\"user\":\"a"), "{lines}");
}

#[test]
fn irc_client_logs_in_over_tls() {
    let dir = Dir::new("irc-tls");
    let rooms = Rooms::start(&["--tls", "--auth", &format!("scram:{}", users(&dir, &["ann"]))]);
    let password = BASE64.encode(b"\0ann\0pencil");
    let input = format!(
        "CAP LS 302\r\nAUTHENTICATE PLAIN\r\nAUTHENTICATE {password}\r\nNICK x\r\nUSER x 0 * :x\r\nCAP END\r\nQUIT\r\n"
    );
    let out = run(["connect", "--raw", "--tls-insecure", &rooms.irc.to_string()], &input);
    let text = String::from_utf8(out.stdout).unwrap();
    assert!(text.contains(" sasl=SCRAM-SHA-256-PLUS,SCRAM-SHA-256,PLAIN "), "{text}");
    assert!(text.contains(" 903 ") && text.contains(" 001 ann :"), "{text}");
    assert!(text.ends_with("ERROR :Closing link: quit\r\n"), "{text}");
    rooms.server.stop();
}
