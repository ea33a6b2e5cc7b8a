//! Our server with the TLS clients of others.

use std::process::Command;

use crate::support::tls::Certs;
use crate::support::{NOT_FOUND, Proc, Server, digits, run_command, skip};

/// A listener with the certificate of the test.
fn listen(certs: &Certs, more: &[&str]) -> Server {
    Server::start(&[&certs.identity("server").each_ref().map(String::as_str)[..], more].concat())
}

/// What a client sends, and what the message service answers.
const INPUT: &str = "SECRET 1\nx\n";

fn answers() -> String {
    digits("1") + NOT_FOUND
}

#[test]
fn clients_of_every_version_are_answered() {
    let certs = Certs::new("clients");
    for threads in ["1", "2"] {
        let server = listen(&certs, &["--threads", threads]);
        let (port, ca) = (server.port(), certs.text("ca.pem"));
        for version in ["1.2", "1.3"] {
            let clients: [(&str, Vec<String>); 3] = [
                // It ends when the reply that it waits for has come: at its end of input it would not wait.
                ("openssl", openssl(&port, &ca, version)),
                ("gnutls-cli", gnutls(&port, &ca, version)),
                ("socat", socat(&port, &ca, version)),
            ];
            for (program, args) in clients {
                if !skip::has_program(program) {
                    continue;
                }
                let mut client = Proc::start(Command::new(program).args(&args));
                client.write(INPUT);
                client.wait_for_stdout(&answers());
                client.close_stdin();
                assert_eq!(client.end().status, Some(0), "{program} TLS {version}");
            }
        }
        server.stops_with("");
    }
}

fn openssl(port: &str, ca: &str, version: &str) -> Vec<String> {
    let version = format!("-tls{}", version.replace('.', "_"));
    let words = ["s_client", "-connect", &format!("127.0.0.1:{port}"), "-CAfile", ca, "-verify_return_error"]
        .map(str::to_owned);
    [&words[..], &["-quiet", "-no_ign_eof", "-verify_hostname", "localhost", &version].map(str::to_owned)].concat()
}

fn gnutls(port: &str, ca: &str, version: &str) -> Vec<String> {
    let priority = format!("NORMAL:-VERS-ALL:+VERS-TLS{version}");
    ["--logfile=/dev/null", "--x509cafile", ca, "--priority", &priority, "-p", port, "localhost"]
        .map(str::to_owned)
        .to_vec()
}

fn socat(port: &str, ca: &str, version: &str) -> Vec<String> {
    let protocol = format!("openssl-min-proto-version=TLS{version},openssl-max-proto-version=TLS{version}");
    vec!["-".to_owned(), format!("OPENSSL:localhost:{port},pf=ip4,cafile={ca},{protocol}")]
}

#[test]
fn curl_gets_an_http_reply() {
    if !skip::has_program("curl") {
        return;
    }
    let certs = Certs::new("curl");
    let server = listen(&certs, &["--framing", "http"]);
    for version in [&["--tls-max", "1.2"][..], &["--tlsv1.3"]] {
        let mut curl = Command::new("curl");
        curl.args(["-sS", "--noproxy", "*", "--cacert", &certs.text("ca.pem"), "--data", "SECRET 12"]).args(version);
        let out = run_command(curl.arg(format!("https://localhost:{}/", server.port())), "");
        let body = String::from_utf8_lossy(&out.stdout).into_owned();
        assert_eq!((out.status, body.trim_end(), out.stderr.as_str()), (Some(0), digits("12").trim_end(), ""));
    }
    server.stops_with("");
}

#[test]
fn stunnel_encrypts_for_a_plain_client() {
    let certs = Certs::new("stunnel");
    let server = listen(&certs, &[]);
    let stunnel =
        crate::support::servers::start("stunnel", crate::support::servers::Place::Port, |command, address| {
            let config = format!(
                "foreground = yes\npid =\n[tls]\nclient = yes\naccept = {address}\nconnect = {}\n\
             CAfile = {}\nverifyChain = yes\ncheckIP = 127.0.0.1\n",
                server.address(),
                certs.text("ca.pem")
            );
            std::fs::write(certs.path("stunnel"), config).unwrap();
            command.arg(certs.path("stunnel"));
        });
    let Some((_stunnel, address)) = stunnel else { return };
    crate::support::run(["connect", &address], INPUT).is(0, answers(), "");
}

#[test]
fn alpn_is_chosen_by_the_server() {
    if !skip::has_program("openssl") {
        return;
    }
    let certs = Certs::new("alpn-server");
    let server = listen(&certs, &["-v", "--tls-alpn", "b,a"]);
    let client = |alpn: &str| {
        let words = openssl(&server.port(), &certs.text("ca.pem"), "1.3");
        let words = words.iter().filter(|&word| word != "-quiet");
        run_command(Command::new("openssl").args(words).args(["-alpn", alpn]), "")
    };
    let out = client("a,b,c");
    assert!(String::from_utf8_lossy(&out.stdout).contains("ALPN protocol: b\n"), "{out:?}");
    assert_eq!(client("c").status, Some(1));
    server.proc.wait_for_stderr("the client offers no protocol of --tls-alpn\n");
}

#[test]
fn versions_and_groups_are_limited() {
    if !skip::has_program("openssl") {
        return;
    }
    let certs = Certs::new("limits");
    let server = listen(&certs, &["-v", "--tls-min", "1.3", "--tls-groups", "secp256r1"]);
    let client = |version: &str, more: &[&str]| {
        let words = openssl(&server.port(), &certs.text("ca.pem"), version);
        run_command(Command::new("openssl").args(words).args(more), "").status
    };
    assert_eq!(client("1.3", &[]), Some(0));
    assert_eq!(client("1.2", &[]), Some(1));
    server.proc.wait_for_stderr("the client has no version of TLS in common with us (--tls-min)\n");
    assert_eq!(client("1.3", &["-groups", "X25519"]), Some(1));
    server.proc.wait_for_stderr("the client has no key-exchange group in common with us (--tls-groups)\n");
}

#[test]
fn renegotiation_is_refused() {
    if !skip::has_program("openssl") {
        return;
    }
    let certs = Certs::new("renegotiation");
    let server = listen(&certs, &["-v"]);
    let words = openssl(&server.port(), &certs.text("ca.pem"), "1.2");
    // Without -quiet, a line that begins with R asks for a renegotiation.
    let words = words.iter().filter(|&word| word != "-quiet");
    let mut client = Proc::start(Command::new("openssl").args(words));
    client.write("SECRET 4\n");
    client.wait_for_stdout(&digits("4"));
    client.write("R\n");
    client.wait_for_stderr("no renegotiation");
    drop(client);
    server.stop();
}

#[test]
fn cuts_of_messages_are_records() {
    if !skip::has_program("openssl") {
        return;
    }
    let certs = Certs::new("records");
    let ask = |more: &[&str]| {
        // The server logs each record that it reads. It ends after the connection that waited for it, and this one.
        let started =
            crate::support::servers::start("openssl", crate::support::servers::Place::Port, |command, address| {
                command.args(["s_server", "-rev", "-msg", "-tls1_2", "-naccept", "2", "-accept", address, "-cert"]);
                command.arg(certs.path("both.pem"));
            });
        let (openssl, address) = started.unwrap();
        let ca = certs.text("ca.pem");
        let base = ["connect", &address, "--tls-ca", &ca, "-m", "abcdef"];
        crate::support::run(base.iter().chain(more), "").is(0, "fedcba\n", "");
        data_records(&openssl.end().stdout)
    };
    // Seven bytes, and the nonce and the tag that each record has in TLS 1.2 with AES-GCM.
    let extra = 8 + 16;
    assert_eq!(ask(&[]), [7 + extra]);
    assert_eq!(ask(&["--cut", "3"]), [3 + extra, 4 + extra]);
    assert_eq!(ask(&["--chunk", "1"]), [1 + extra; 7]);
    assert_eq!(ask(&["--cut-layer", "tcp", "--chunk", "1"]), [7 + extra]);
}

/// The lengths of the records with application data that `openssl s_server -msg` has read.
fn data_records(log: &[u8]) -> Vec<usize> {
    let text = String::from_utf8_lossy(log).into_owned();
    let lines: Vec<&str> = text.lines().collect();
    let is_data = |pair: &&[&str]| pair[0].starts_with("<<<") && pair[1].trim_start().starts_with("17 03 03");
    let length = |pair: &[&str]| {
        let bytes: Vec<usize> =
            pair[1].split_whitespace().map_while(|byte| usize::from_str_radix(byte, 16).ok()).collect();
        bytes[3] * 256 + bytes[4]
    };
    lines.windows(2).filter(is_data).map(length).collect()
}
