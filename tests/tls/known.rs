//! `--known`: keys that are trusted on first use.

use std::fs::{self, Permissions};
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::thread;

use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use rustls::{ServerConfig, ServerConnection, SupportedProtocolVersion};

use crate::support::tls::Certs;
use crate::support::{
    Outcome, Proc, Server, accept, as_nobody, ask, digits, expect_reset, is_root, local_listener, run, run_command,
    secretcat,
};

/// A pin that no key has.
const OTHER: &str = "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

/// A listener with a key of its own, which prints its pin.
fn listen() -> (Server, String) {
    let server = Server::start(&["--tls"]);
    let text = server.proc.wait_for_stderr("--tls-pin sha256//");
    let pin = text.split("--tls-pin ").nth(1).and_then(|rest| rest.split_whitespace().next()).unwrap().to_owned();
    (server, pin)
}

fn connect(address: &str, known: &str, more: &[&str]) -> Outcome {
    run(["connect", address, "--known", known, "-m", "SECRET 5"].iter().chain(more), "")
}

/// What is printed on first use.
fn first_use(server: &str, pin: &str, file: &str) -> String {
    format!("secretcat: {server} is not known: trusting its key {pin} from now on ({file})\n")
}

fn changed(pin: &str, file: &str, line: usize) -> String {
    format!(
        "the server's key has changed: it is {pin}, and {file}:{line} has {OTHER} (somebody may be in between; if the \
         server has a new key, delete line {line})\n"
    )
}

#[test]
fn key_is_noted_on_first_use_and_another_one_is_status_1() {
    let certs = Certs::new("known");
    let (server, pin) = listen();
    let (address, file) = (server.address(), certs.text("known"));
    let content = || fs::read_to_string(&file).unwrap();
    connect(&address, &file, &["--quiet"]).is(0, digits("5"), first_use(&address, &pin, &file));
    assert_eq!(content(), format!("{address} {pin}\n"));
    connect(&address, &file, &[]).is(0, digits("5"), "");
    // Another name is another server, whatever its address.
    fs::write(&file, format!("# ours\n{address} {pin}")).unwrap();
    let name = format!("lab.test:{}", server.port());
    connect(&address, &file, &["--tls-name", "Lab.test"]).is(0, digits("5"), first_use(&name, &pin, &file));
    assert_eq!(content(), format!("# ours\n{address} {pin}\n{name} {pin}\n"));

    let wrong = format!("\n{name} {pin}\n{address} {OTHER}\n");
    fs::write(&file, &wrong).unwrap();
    for args in [&[][..], &["--raw"], &["-z"], &["--retry", "9", "--retry-delay", "1h"]] {
        let out = run(["connect", &address, "--known", &file].iter().chain(args), "x\n");
        out.is(1, "", format!("secretcat: connect {address}: {}", changed(&pin, &file, 3)));
    }
    assert_eq!(content(), wrong);
    // A server may have several keys.
    fs::write(&file, format!("{wrong}{address} {pin}\n")).unwrap();
    connect(&address, &file, &[]).is(0, digits("5"), "");
    server.stop();
}

#[test]
fn sweep_and_relay_trust_on_first_use_too() {
    let certs = Certs::new("known-others");
    let (server, pin) = listen();
    let (address, file) = (server.address(), certs.text("known"));
    let sweep = || run(["sweep", &address, "--known", &file, "--max-plans", "4", "--jobs", "3", "-m", "SECRET 5"], "");
    let out = sweep();
    assert!(
        matches!(out.status, Some(0 | 4)) && out.stderr.starts_with(&first_use(&address, &pin, &file)),
        "{}",
        out.stderr
    );
    assert_eq!(out.stderr.matches("is not known").count(), 1, "{}", out.stderr);
    fs::remove_file(&file).unwrap();
    let relay = Server::start(&["--relay", &format!("tls:{address}"), "--relay-known", &file]);
    for _ in 0..4 {
        assert_eq!(ask(&mut relay.open(), "SECRET 5"), digits("5"));
    }
    relay.stops_with(&first_use(&address, &pin, &file));
    assert_eq!(fs::read_to_string(&file).unwrap(), format!("{address} {pin}\n"));

    fs::write(&file, format!("{address} {OTHER}\n")).unwrap();
    let out = sweep();
    assert!(out.status == Some(1) && out.stderr.ends_with(&changed(&pin, &file, 1)), "{out:?}");
    let relay = Server::start(&["--relay", &format!("tls:{address}"), "--relay-known", &file]);
    expect_reset(&mut relay.open(), "");
    relay.stops_with(&format!("secretcat: connect {address}: {}", changed(&pin, &file, 1)));
}

#[test]
fn runs_at_the_same_time_note_one_key_once() {
    const RUNS: usize = 12;
    let certs = Certs::new("known-runs");
    let (server, pin) = listen();
    let (address, file) = (server.address(), certs.text("known"));
    let runs: Vec<_> = (0..RUNS)
        .map(|_| Proc::start(&mut secretcat(["connect", &address, "--known", &file, "-m", "SECRET 5"])))
        .collect();
    let mut printed = String::new();
    for run in runs {
        let out = run.end();
        assert_eq!((out.status, out.stdout), (Some(0), digits("5").into_bytes()), "{}", out.stderr);
        printed += &out.stderr;
    }
    assert_eq!(printed, first_use(&address, &pin, &file));
    assert_eq!(fs::read_to_string(&file).unwrap(), format!("{address} {pin}\n"));
}

/// Sends the certificate of one key, and signs with another one.
#[derive(Debug)]
struct Impostor(Arc<CertifiedKey>);

impl ResolvesServerCert for Impostor {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.clone())
    }
}

/// Serves one client, with this certificate and this key.
fn serve_one(certs: &Certs, key: &str, version: &'static SupportedProtocolVersion, known: &str) -> (String, Outcome) {
    let chain = vec![CertificateDer::from_pem_file(certs.path("server.pem")).unwrap()];
    let key = PrivateKeyDer::from_pem_file(certs.path(key)).unwrap();
    let key = Arc::new(CertifiedKey::new(chain, ring::sign::any_supported_type(&key).unwrap()));
    let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_protocol_versions(&[version]).unwrap().with_no_client_auth();
    let config = Arc::new(builder.with_cert_resolver(Arc::new(Impostor(key))));
    let (listener, address) = local_listener();
    let server = thread::spawn(move || {
        let mut stream = accept(&listener);
        let mut tls = ServerConnection::new(config).unwrap();
        // It fails, or has nothing more to do; the client reports it.
        let _ = tls.complete_io(&mut stream);
        tls.send_close_notify();
        let _ = tls.write_tls(&mut stream);
        let _ = stream.read_to_end(&mut Vec::new()); // or a reset
    });
    let out = run(["connect", &address, "--known", known, "-z"], "");
    server.join().unwrap();
    (address, out)
}

#[test]
fn key_that_is_not_proven_is_not_noted() {
    let certs = Certs::new("known-impostor");
    let file = certs.text("known");
    for version in [&TLS12, &TLS13] {
        let (address, out) = serve_one(&certs, "client.key", version, &file);
        let why = "the server's certificate is not accepted: its signature is wrong";
        out.is(1, "", format!("secretcat: connect {address}: {why}\n"));
        assert_eq!(fs::read_to_string(&file).unwrap(), "");
        let (address, out) = serve_one(&certs, "server.key", version, &file);
        assert_eq!(out.status, Some(0), "{}", out.stderr);
        let noted = fs::read_to_string(&file).unwrap();
        assert!(noted.starts_with(&format!("{address} sha256//")) && out.stderr.contains("is not known"), "{noted}");
        fs::write(&file, "").unwrap();
    }
}

#[test]
fn file_that_cannot_be_used_is_status_2_before_anything_is_sent() {
    let certs = Certs::new("known-files");
    let (server, pin) = listen();
    let (address, file) = (server.address(), certs.text("known"));
    let refused = |file: &str, why: &str| connect(&address, file, &[]).is(2, "", format!("secretcat: {why}\n"));
    for (content, line) in [("x\n".to_owned(), 1), (format!("\n{address} {pin}\n{address}\n"), 3)] {
        fs::write(&file, content).unwrap();
        refused(&file, &format!("{file}:{line}: expected HOST:PORT sha256//BASE64"));
    }
    let missing = certs.text("none/known");
    refused(&missing, &format!("write {missing}: no such file or directory"));
    let dir = certs.dir.path().display().to_string();
    refused(&dir, &format!("read {dir}: it is not a regular file"));
    refused("/dev/null", "read /dev/null: it is not a regular file");
    fs::write(&file, vec![b'\n'; (1 << 20) + 1]).unwrap();
    refused(&file, &format!("read {file}: it has more than 1048576 bytes"));
    fs::write(&file, format!("{address} {pin}\n")).unwrap();
    let mut permissions = fs::metadata(&file).unwrap().permissions();
    permissions.set_readonly(true);
    fs::set_permissions(&file, permissions).unwrap();
    fs::set_permissions(certs.dir.path(), Permissions::from_mode(0o755)).unwrap();
    let as_reader = |args: &[&str]| {
        let args = [&["connect", &address, "--known", &file, "-m", "SECRET 5"], args].concat();
        let mut command = if is_root() { as_nobody(&certs.dir, args) } else { secretcat(args) };
        run_command(&mut command, "")
    };
    as_reader(&[]).is(0, digits("5"), ""); // there is nothing to note
    as_reader(&["--tls-name", "x"]).is(2, "", format!("secretcat: write {file}: permission denied\n"));
    server.stop();
}
