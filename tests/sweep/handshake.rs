//! Sweeps over TLS: the `ClientHello` is cut, in TCP and as records.

use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::support::pty::Terminal;
use crate::support::servers::{self, Place, port};
use crate::support::sweep::{findings, sweep};
use crate::support::{Dir, Server, run, run_command, secretcat, shell, skip};

const TCP: &str = "client-hello in TCP pieces";
const RECORDS: &str = "client-hello in records";
const JOINED: &str = "client-hello in records in one write";

const WARNING: &str = "secretcat: --tls-insecure: the certificate of the server is not verified\n";

/// A directory with `cert.pem` and `key.pem`; `None` where there is no openssl(1).
#[track_caller]
fn certificate(name: &str) -> Option<Dir> {
    if !skip::has_program("openssl") {
        return None;
    }
    let dir = Dir::new(name);
    let args = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=localhost";
    let mut made = Command::new("openssl");
    made.args(args.split(' ')).arg("-keyout").arg(dir.file("key.pem")).arg("-out").arg(dir.file("cert.pem"));
    assert!(made.stderr(Stdio::null()).status().unwrap().success());
    Some(dir)
}

fn count(found: &Value, kind: &str) -> [u64; 3] {
    ["same", "different", "not_proven"].map(|verdict| found["kinds"][kind][verdict].as_u64().unwrap())
}

#[track_caller]
fn expect_schema(found: &Value) {
    let schema: Value = serde_json::from_str(include_str!("../cases/sweep.schema.json")).unwrap();
    let schema = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<_> = schema.iter_errors(found).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}\n{found:#}");
}

#[test]
fn handshake_is_swept_alone_without_messages() {
    let server = Server::start(&["--tls"]);
    let found = findings(&server, &["--tls-insecure", "--max-plans", "120"], b"");
    expect_schema(&found);
    assert_eq!((&found["plans"], &found["status"]), (&120.into(), &0.into()), "{found:#}");
    assert_eq!([TCP, RECORDS, JOINED].map(|kind| count(&found, kind)), [[40, 0, 0]; 3]);
    let hello = found["client_hello"].as_u64().unwrap();
    let all = hello - 1 + 2 * (hello - 6 + 6);
    assert_eq!(found["skipped"].as_u64().unwrap(), all - 120);
    let expected = format!(
        "expected: TLS handshake\n{}: ClientHello of {hello} bytes, 120 plans: 120 same, 0 different, 0 not proven \
         (proof: read for client-hello in TCP pieces, record read for the others) ({} more beyond --max-plans, seed 0)\n",
        server.address(),
        all - 120
    );
    sweep(&server, &["--tls-insecure", "--max-plans", "120"], b"").is(0, &expected, WARNING);
    // A terminal is not asked for messages.
    let args = ["sweep", &server.address(), "--tls-insecure", "--max-plans", "120", "--max-time", "0", "--quiet"];
    let (out, shown) = Terminal::start(&secretcat(args)).end();
    assert_eq!((out.status, shown.contains("type the messages")), (Some(0), false), "{shown:?}");
}

#[track_caller]
fn expect_no_differences(address: &str) {
    let out = run(["sweep", address, "--tls-insecure", "--max-plans", "150", "--max-time", "0"], "");
    let text = String::from_utf8_lossy(&out.stdout);
    assert_eq!(out.status, Some(0), "{text}{}", out.stderr);
    assert!(text.contains(" bytes, 150 plans: 150 same, 0 different, 0 not proven"), "{text}");
}

#[test]
fn openssl_reads_a_hello_cut_anywhere() {
    let Some(dir) = certificate("hello-openssl") else { return };
    let server = servers::start("openssl", Place::Port, |command, address| {
        command.args(["s_server", "-quiet", "-accept", port(address), "-cert"]).arg(dir.file("cert.pem"));
        command.arg("-key").arg(dir.file("key.pem"));
    });
    let Some((_proc, address)) = server else { return };
    expect_no_differences(&address);
}

#[test]
fn gnutls_reads_a_hello_cut_anywhere() {
    let Some(dir) = certificate("hello-gnutls") else { return };
    let server = servers::start("gnutls-serv", Place::Port, |command, address| {
        command.args(["--echo", "--quiet", "--port", port(address), "--x509certfile"]).arg(dir.file("cert.pem"));
        command.arg("--x509keyfile").arg(dir.file("key.pem"));
    });
    let Some((_proc, address)) = server else { return };
    expect_no_differences(&address);
}

#[test]
fn nginx_reads_a_hello_cut_anywhere() {
    let Some(dir) = certificate("hello-nginx") else { return };
    let server = servers::start("nginx", Place::Port, |command, address| {
        let root = dir.path().display();
        let temp: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|name| format!("{name}_temp_path {root}/temp;\n"))
            .concat();
        let config = format!(
            "daemon off; master_process off; pid {root}/pid; error_log stderr;\nevents {{}}\n\
             http {{ access_log off; {temp} server {{ listen {address} ssl; ssl_certificate {root}/cert.pem;\n\
             ssl_certificate_key {root}/key.pem; return 200 \"hello\\n\"; }} }}\n"
        );
        std::fs::write(dir.file("conf"), config).unwrap();
        command.args(["-e", "stderr", "-p"]).arg(dir.path()).arg("-c").arg(dir.file("conf"));
    });
    let Some((_proc, address)) = server else { return };
    expect_no_differences(&address);
    // With requests: the ClientHello is cut, and each message as records.
    let args = ["sweep", &address, "--tls-insecure", "--framing", "http", "--mask", "(?m)^Date:.*$"];
    let request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    let out = run(args.iter().chain(&["--max-plans", "100", "--max-time", "0"]), request.repeat(2));
    let text = String::from_utf8_lossy(&out.stdout);
    assert!(text.contains(", 2 messages, 54 bytes, 100 plans: 100 same, 0 different"), "{text}{}", out.stderr);
}

/// The status of the command that repeats a difference, and of the same without the cut.
#[track_caller]
fn repeated(found: &Value) -> [Option<i32>; 2] {
    let command = found["differences"][0]["repeat"].as_str().unwrap();
    assert!(command.contains(" --tls --tls-insecure --raw --cut 1 --cut-layer handshake "), "{command}");
    let status = |command: &str| {
        let command = command.replace("secretcat", env!("CARGO_BIN_EXE_secretcat"));
        run_command(&mut shell(&command, [""]), "").status
    };
    [status(command), status(&command.replace(" --cut 1 --cut-layer handshake", ""))]
}

/// wolfSSL 5.5.4 does not join the four bytes of the header of a handshake message.
#[test]
fn wolfssl_loses_a_split_handshake_header() {
    let Some(dir) = certificate("hello-wolfssl") else { return };
    let Some(server) = Server::compiled("wolfssl", &["-lwolfssl"], &dir, &["cert.pem", "key.pem"]) else { return };
    let found = findings(&server, &["--tls-insecure", "--max-plans", "150"], b"");
    expect_schema(&found);
    assert_eq!(found["status"], 3, "{found:#}");
    let cuts = json!({ "tcp": [], "records": [1, 2, 3], "joined_records": [1, 2, 3] });
    assert_eq!(found["differing_hello_cuts"], cuts, "{found:#}");
    let difference = &found["differences"][0];
    assert_eq!(difference["found_by"], "ClientHello in records, cut at 1");
    assert_eq!(difference["hello_cuts"], json!({ "form": "records", "offsets": [1] }));
    assert_eq!(difference["plan"]["layer"], "handshake");
    assert_eq!(repeated(&found), [Some(1), Some(0)]);
    let text = String::from_utf8(sweep(&server, &["--tls-insecure", "--max-plans", "150"], b"").stdout).unwrap();
    for line in [
        "different: ClientHello in records, cut at 1\n  cut:       ClientHello in records at 1 of ",
        ", in the header of the handshake message\n  also at:   ClientHello in records at 2-3\n  expected:  TLS handshake\n  got:       the ",
        "\ndifferent when cut once: ClientHello in records at 1-3 (of ",
        "\nclient-hello in TCP pieces                  50      50          0           0  read\n",
    ] {
        assert!(text.contains(line), "{line:?} in {text}");
    }
}

/// Mbed TLS 2.28.3 does not join the records of a handshake message at all.
#[test]
fn mbedtls_loses_a_hello_in_several_records() {
    let Some(dir) = certificate("hello-mbedtls") else { return };
    let Some(server) =
        Server::compiled("mbedtls", &["-lmbedtls", "-lmbedx509", "-lmbedcrypto"], &dir, &["cert.pem", "key.pem"])
    else {
        return;
    };
    let found = findings(&server, &["--tls-insecure", "--max-plans", "90"], b"");
    assert_eq!(found["status"], 3, "{found:#}");
    assert_eq!([TCP, RECORDS, JOINED].map(|kind| count(&found, kind)), [[30, 0, 0], [0, 30, 0], [0, 30, 0]]);
    assert_eq!(repeated(&found), [Some(1), Some(0)]);
}

/// The proxy looks for the server name in the first record only (version 2.6).
#[test]
fn haproxy_routes_no_hello_that_is_cut_before_the_name() {
    let Some(dir) = certificate("hello-haproxy") else { return };
    let (cert, key) = (dir.file("cert.pem").display().to_string(), dir.file("key.pem").display().to_string());
    let behind = Server::start(&["--tls-cert", &cert, "--tls-key", &key]);
    let proxy = servers::start("haproxy", Place::Port, |command, address| {
        let config = format!(
            "defaults\n mode tcp\n timeout client 5s\n timeout server 5s\n timeout connect 5s\n\
             frontend names\n bind {address}\n tcp-request inspect-delay 1s\n\
             tcp-request content accept if {{ req.ssl_hello_type 1 }}\n\
             use_backend named if {{ req.ssl_sni -i example.test }}\n\
             backend named\n server behind {}\n",
            behind.address()
        );
        std::fs::write(dir.file("conf"), config).unwrap();
        command.arg("-db").arg("-f").arg(dir.file("conf"));
    });
    let Some((_proc, address)) = proxy else { return };
    let args = ["sweep", &address, "--tls-insecure", "--tls-name", "example.test", "--max-plans", "150"];
    let found: Value =
        serde_json::from_slice(&run(args.iter().chain(&["--json", "--max-time", "0"]), "").stdout).unwrap();
    assert_eq!(found["status"], 3, "{found:#}");
    let [tcp, records, joined] = [TCP, RECORDS, JOINED].map(|kind| count(&found, kind));
    assert_eq!(tcp, [50, 0, 0], "{found:#}");
    assert!(records[1] > 6 && joined[1] > 6, "{found:#}");
    let cuts = &found["differing_hello_cuts"]["records"];
    assert!([1, 2, 3, 4].iter().all(|cut| cuts.as_array().unwrap().contains(&Value::from(*cut))), "{cuts}");
    assert!(found["differences"][0]["repeat"].as_str().unwrap().contains(" --tls-name example.test "), "{found:#}");
}

/// A server that takes each record for a message has no difference in the handshake, also where it gets two messages
/// in one record.
#[test]
fn mistake_with_messages_is_none_of_the_handshake() {
    let server = Server::start(&["--tls", "--bug", "one-read"]);
    let args = ["--tls-insecure", "--max-plans", "200", "-m", "SECRET 1", "-m", "hello", "--pipelining"];
    let found = findings(&server, &args, b"");
    expect_schema(&found);
    assert_eq!(found["status"], 3, "{found:#}");
    for kind in [TCP, RECORDS, JOINED] {
        let [same, different, unproven] = count(&found, kind);
        assert!(same > 0 && different == 0 && unproven == 0, "{kind}: {found:#}");
    }
    assert!(count(&found, "cut")[1] > 0 && count(&found, "joined")[1] > 0, "{found:#}");
}

#[test]
fn handshake_that_fails_uncut_cannot_be_swept() {
    let server = Server::start(&["--tls"]);
    let out = sweep(&server, &["--tls-pin", "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="], b"");
    let why = "the server's key has none of the pins of --tls-pin";
    let line = |why: &str, address: &str| {
        format!("secretcat: sweep {address}: the TLS handshake fails without a cut: {why}\n")
    };
    out.is(1, "", line(why, &server.address()));
    let plain = Server::start(&["--service", "chat"]);
    let out = sweep(&plain, &["--tls-insecure", "--timeout", "1s"], b"");
    assert_eq!((out.status, out.stdout.is_empty()), (Some(1), true), "{out:?}");
    assert!(out.stderr.contains(": the TLS handshake fails without a cut: "), "{}", out.stderr);
}
