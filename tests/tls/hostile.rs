//! Peers that do not keep to TLS, or stop within the handshake: one line each, no growth, and others are answered.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::support::tls::Certs;
use crate::support::{Proc, Server, accept, digits, local_listener, noise_of, read_to_end, secretcat, tcp};

type Client = StreamOwned<ClientConnection, TcpStream>;

/// A client that trusts the authority of these certificates.
fn config(certs: &Certs) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(certs.path("ca.pem")).unwrap()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().unwrap();
    Arc::new(builder.with_root_certificates(roots).with_no_client_auth())
}

fn client(config: &Arc<ClientConfig>) -> ClientConnection {
    ClientConnection::new(config.clone(), ServerName::try_from("localhost").unwrap()).unwrap()
}

/// The first bytes that a client sends.
fn hello(config: &Arc<ClientConfig>) -> Vec<u8> {
    let mut bytes = Vec::new();
    client(config).write_tls(&mut bytes).unwrap();
    bytes
}

/// Sends a message, and returns the connection after its reply.
fn ask(config: &Arc<ClientConfig>, stream: TcpStream) -> Client {
    let mut tls: Client = StreamOwned::new(client(config), stream);
    tls.write_all(b"SECRET 4\n").unwrap();
    let mut reply = vec![0; digits("4").len()];
    tls.read_exact(&mut reply).unwrap();
    assert_eq!(String::from_utf8_lossy(&reply), digits("4"));
    tls
}

/// A listener with a certificate of the test.
fn listen(certs: &Certs, more: &[&str]) -> Server {
    Server::start(&[&certs.identity("server").each_ref().map(String::as_str)[..], more].concat())
}

/// A limit of this process for as many connections as a test opens.
fn raise_descriptor_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum }).unwrap();
}

#[test]
fn idle_clients_take_at_most_12_kib_each() {
    const CROWD: u64 = 500;
    raise_descriptor_limit();
    let certs = Certs::new("idle");
    let server = listen(&certs, &[]);
    let config = config(&certs);
    let mut crowd: Vec<Client> = (0..50).map(|_| ask(&config, server.open())).collect();
    let before = server.proc.memory("VmRSS");
    crowd.extend((0..CROWD).map(|_| ask(&config, server.open())));
    let grown = server.proc.memory("VmRSS").saturating_sub(before);
    assert!(grown < CROWD * 12 * 1024, "{} bytes for each client", grown / CROWD);
}

#[test]
fn thousand_stalled_handshakes_do_not_block_others() {
    const CROWD: u64 = 1000;
    raise_descriptor_limit();
    let certs = Certs::new("stalled");
    let server = listen(&certs, &[]);
    let config = config(&certs);
    ask(&config, server.open());
    let before = server.proc.memory("VmRSS");
    // A third of them sends nothing, one the start of a hello, one a whole hello whose answer it does not read.
    let crowd: Vec<TcpStream> = (0..CROWD)
        .map(|number| {
            let mut stream = server.open();
            let hello = hello(&config);
            let sent = [0, 100, hello.len()][usize::try_from(number).unwrap() % 3];
            stream.write_all(&hello[..sent]).unwrap();
            stream
        })
        .collect();
    for _ in 0..10 {
        ask(&config, server.open());
    }
    let grown = server.proc.memory("VmRSS").saturating_sub(before);
    assert!(grown < CROWD * 32 * 1024, "{} KiB for {CROWD} handshakes", grown / 1024);
    drop(crowd);
    ask(&config, server.open());
    server.stops_with("");
}

#[test]
fn handshake_that_stalls_is_ended_by_the_deadline() {
    let certs = Certs::new("deadline");
    let server = listen(&certs, &["-v"]);
    let config = config(&certs);
    let mut stalled = [server.open(), server.open(), server.open()];
    let hello = hello(&config);
    for (stream, sent) in stalled.iter_mut().zip([0, 100, hello.len()]) {
        stream.write_all(&hello[..sent]).unwrap();
    }
    for stream in &stalled {
        drop(read_to_end(stream));
    }
    for number in 1..=3 {
        let log = server.proc.wait_for_stderr(&format!("#{number} ended: no handshake within 10s\n"));
        assert!(log.contains("no handshake within 10s"));
    }
}

#[test]
fn stalled_handshake_of_a_server_is_ended_by_the_deadline() {
    let (listener, address) = local_listener();
    let client = Proc::start(&mut secretcat([
        "connect",
        &address,
        "--tls-insecure",
        "-m",
        "x",
        "--connect-timeout",
        "200ms",
        "--quiet",
    ]));
    let server = accept(&listener);
    let out = client.end();
    assert_eq!(out.status, Some(1));
    let warning = "secretcat: --tls-insecure: the certificate of the server is not verified";
    let limit = "no handshake within 200ms (--connect-timeout sets the limit)";
    assert_eq!(out.stderr, format!("{warning}\nsecretcat: connect {address}: {limit}\n"));
    drop(server);
}

#[test]
fn peer_that_ends_at_any_byte_of_the_handshake_is_no_problem() {
    let certs = Certs::new("any-byte");
    let server = listen(&certs, &[]);
    let config = config(&certs);
    let hello = hello(&config);
    for end in (0..hello.len()).step_by(7) {
        let mut stream = server.open();
        stream.write_all(&hello[..end]).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        drop(read_to_end(&stream));
    }
    ask(&config, server.open());
    server.stops_with("");
}

#[test]
fn end_of_a_server_within_the_handshake_is_an_error() {
    let certs = Certs::new("server-ends");
    let theirs = listen(&certs, &[]);
    // The first bytes that a real server answers with, to be cut off anywhere.
    let answer = {
        let mut stream = theirs.open();
        stream.write_all(&hello(&config(&certs))).unwrap();
        let mut answer = vec![0; 600];
        stream.read_exact(&mut answer).unwrap();
        answer
    };
    let ca = certs.text("ca.pem");
    for end in [0, 1, 3, 5, 6, 100] {
        let (listener, address) = local_listener();
        let client = Proc::start(&mut secretcat(["connect", &address, "--tls-ca", &ca, "-m", "x"]));
        let mut server = accept(&listener);
        server.write_all(&answer[..end]).unwrap();
        server.shutdown(Shutdown::Write).unwrap();
        drop(read_to_end(&server));
        let out = client.end();
        let text = "the peer closed the connection within the TLS handshake (does it speak TLS?)";
        out.is(1, "", format!("secretcat: connect {address}: {text}\n"));
    }
    // The answer to another client's hello.
    let (listener, address) = local_listener();
    let client = Proc::start(&mut secretcat(["connect", &address, "--tls-ca", &ca, "-m", "x"]));
    let mut server = accept(&listener);
    server.write_all(&answer).unwrap();
    let out = client.end();
    assert_eq!((out.status, out.stderr.lines().count()), (Some(1), 1), "{}", out.stderr);
}

#[test]
fn random_bytes_and_records_are_refused_in_one_line() {
    let certs = Certs::new("random");
    let server = listen(&certs, &["-v"]);
    let config = config(&certs);
    ask(&config, server.open());
    let before = server.proc.memory("VmRSS");
    let mut connections = 1;
    for seed in 0..60 {
        let noise = noise_of(seed, 20_000);
        // Bytes of any kind; records of any kind; a record that is too long; one that is cut off.
        let kind = [20, 21, 22, 23][usize::try_from(seed).unwrap() % 4];
        let record = |length: u16| [&[kind, 3, 3][..], &length.to_be_bytes(), &noise].concat();
        for bytes in [noise.clone(), record(5000), record(0), record(0xffff), record(18_000)] {
            let mut stream = server.open();
            // It may be closed before all is written.
            let _ = stream.write_all(&bytes).and_then(|()| stream.shutdown(Shutdown::Write));
            let mut answer = Vec::new();
            let _ = stream.read_to_end(&mut answer);
            assert!(answer.len() < 100, "{} bytes", answer.len());
            connections += 1;
        }
    }
    ask(&config, server.open());
    let grown = server.proc.memory("VmRSS").saturating_sub(before);
    assert!(grown < 4 * 1024 * 1024, "grew by {} KiB", grown / 1024);
    let out = server.stop();
    assert_eq!(out.status, Some(0));
    for number in 2..=connections {
        let is_end = |line: &&str| line.starts_with(&format!("#{number} 127.0.0.1:"));
        assert_eq!(out.stderr.lines().filter(is_end).count(), 1, "#{number}");
    }
    assert!(!out.stderr.contains('\u{1b}'));
}

#[test]
fn changed_record_after_the_handshake_is_refused() {
    let certs = Certs::new("changed-record");
    let server = listen(&certs, &["-v"]);
    let config = config(&certs);
    let mut tls = ask(&config, server.open());
    let mut record = Vec::new();
    tls.conn.writer().write_all(b"SECRET 5\n").unwrap();
    tls.conn.write_tls(&mut record).unwrap();
    let last = record.len() - 1;
    record[last] ^= 1;
    let mut stream = tls.sock;
    stream.write_all(&record).unwrap();
    drop(read_to_end(&stream));
    server.proc.wait_for_stderr(", 1 message in: a record of the client cannot be decrypted\n");
}

#[test]
fn clients_in_the_handshake_do_not_delay_a_shutdown() {
    let certs = Certs::new("shutdown");
    let server = listen(&certs, &[]);
    let config = config(&certs);
    let mut stalled = server.open();
    stalled.write_all(&hello(&config)).unwrap();
    ask(&config, tcp(server.addr)); // so that the stalled one was accepted
    server.stops_with("");
}

#[test]
fn refused_connection_is_retried_with_tls() {
    let certs = Certs::new("retried");
    let port = crate::support::FreePort::new();
    let address = port.address.to_string();
    let mut client = Proc::start(&mut secretcat([
        "connect",
        &address,
        "-v",
        "--tls-ca",
        &certs.text("ca.pem"),
        "-m",
        "SECRET 6",
        "--retry",
        "10000",
        "--retry-delay",
        "5ms",
    ]));
    client.wait_for_stderr("trying again");
    let server = Server::from_command(secretcat(["listen", &address]).args(certs.identity("server")));
    client.wait_for_stdout(&digits("6"));
    client.close_stdin();
    assert_eq!(client.end().status, Some(0));
    drop((server, port));
}
