//! How connections are closed: each one in bounded time, and none too early.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;

use rustix::process::Signal;

use crate::support::{
    Dir, NOT_FOUND, Proc, Server, ask, digits, exchange, local_listener, noise, poll_until, relayed_pair, reset,
    secretcat, start_pipe_with_file, start_relay,
};

/// Waits until the program has at most this number of descriptors.
#[track_caller]
fn wait_for_descriptors(server: &Server, usual: usize) {
    let pace = Server::start(&[]);
    let mut partner = pace.open();
    let step = || assert_eq!(ask(&mut partner, ""), NOT_FOUND);
    poll_until("all connections are closed", step, || server.proc.descriptors() <= usual);
}

#[test]
fn source_closes_after_its_client_disconnects() {
    let server = Server::start(&["--service", "source", "-v"]);
    let usual = server.proc.descriptors();
    let half_close = |client: TcpStream| client.shutdown(Shutdown::Write).map(|()| drop(client)).unwrap();
    for disconnect in [drop, reset, half_close] {
        let mut client = server.open();
        client.read_exact(&mut [0; 1000]).unwrap();
        disconnect(client);
        wait_for_descriptors(&server, usual);
    }
    // A client that has half-closed before the failure may still read.
    let mut client = server.open();
    client.shutdown(Shutdown::Write).unwrap();
    client.read_exact(&mut vec![0; 20_000_000]).unwrap();
    drop(client);
    wait_for_descriptors(&server, usual);
}

#[test]
fn barrier_does_not_wait_after_a_reset() {
    for barrier in ["acked", "peer-read"] {
        let server = Server::start(&["--chunk", "1", "--barrier", barrier]);
        let usual = server.proc.descriptors();
        for _ in 0..3 {
            let mut client = server.open();
            client.write_all(b"SECRET 1\n").unwrap();
            client.shutdown(Shutdown::Write).unwrap();
            // The first byte has arrived, and the others will not be read.
            client.read_exact(&mut [0]).unwrap();
            drop(client);
        }
        wait_for_descriptors(&server, usual);
        server.stops_with("");
    }
}

#[test]
fn slow_reading_listener_closes_after_message_too_long() {
    let server = Server::start(&["--once", "--read-size", "4", "--read-delay", "50ms", "--max-message", "10"]);
    let mut client = server.open();
    client.write_all(&[b'x'; 40]).unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "Message too long.\n");
    server.proc.end().is(0, "", server.ready_line);
    drop(client);
}

#[test]
fn closing_client_that_reads_nothing_hits_idle_timeout() {
    // A client that does not read receives one byte.
    let careful = ["--chunk", "1", "--barrier", "peer-read", "--max-message", "10"];
    for floods in [false, true] {
        let server = Server::start(&[&careful[..], &["-v", "--idle-timeout", "300ms"]].concat());
        let mut client = server.open();
        client.write_all(b"SECRET 1\n").unwrap();
        let is_closed = || server.proc.output_so_far().1.contains("idle timeout");
        if floods {
            // The message becomes too long, and the bytes after it are read and dropped.
            poll_until("the idle timeout", || drop(client.write(&[b'x'; 4096])), is_closed);
        } else {
            client.shutdown(Shutdown::Write).unwrap();
            server.proc.wait_for_stderr("idle timeout");
        }
    }
}

#[test]
fn own_pauses_do_not_count_as_idle_time() {
    let idle = ["--loopback", "-w", "2s", "-m", "a", "-m", "b"];
    let pauses = ["--read-start-delay", "--delay"];
    let runs = pauses.map(|pause| Proc::start(secretcat(["connect", pause, "3s"]).args(idle)));
    for run in runs {
        run.end().is(0, NOT_FOUND.repeat(2), "");
    }
}

#[test]
fn backpressure_does_not_count_as_idle_time() {
    let (listener, address) = local_listener();
    let bytes = noise(90_000);
    let relay = start_relay(&address, &["--chunk", "1000", "--delay", "60ms", "--idle-timeout", "1500ms"]);
    let (client, mut server) = relayed_pair(&listener, &relay);
    let mut received = Vec::new();
    thread::scope(|scope| {
        scope.spawn(|| exchange(client, &bytes));
        server.read_to_end(&mut received).unwrap();
        drop(server);
    });
    assert!(received == bytes, "{} bytes", received.len());
    relay.stops_with("");
}

/// Reads to the end, which is a reset before this number of bytes.
#[track_caller]
fn expect_reset_before(client: &mut TcpStream, whole: usize) {
    let mut received = Vec::new();
    let end = client.read_to_end(&mut received).map_err(|error| error.kind());
    assert_eq!(end, Err(ErrorKind::ConnectionReset));
    assert!(received.len() < whole);
}

#[test]
fn aborted_stream_ends_with_a_reset() {
    let endless = ["--service", "source", "--count", "50M"];
    let idle = ["-v", "--idle-timeout", "300ms"];
    let source = Server::start(&endless);
    for server in [Server::start(&[&endless[..], &idle].concat()), start_relay(&source.address(), &idle)] {
        let mut client = server.open(); // it does not read
        server.proc.wait_for_stderr("idle timeout");
        expect_reset_before(&mut client, 50 << 20);
    }
    // Also after the time for an orderly close.
    let mut client = source.open();
    client.read_exact(&mut [0]).unwrap();
    source.stops_with("secretcat: shutdown aborted 1 connection\n");
    expect_reset_before(&mut client, 50 << 20);
}

#[test]
fn shutdown_completes_short_streams_of_waiting_clients() {
    let dir = Dir::new("arrived");
    let source = Server::start(&["--service", "source", "--count", "300000"]);
    for server in [source, start_pipe_with_file(&noise(300_000), &dir)] {
        server.proc.signal(Signal::STOP);
        let mut client = server.open();
        server.proc.signal(Signal::TERM);
        server.proc.signal(Signal::CONT);
        let mut received = Vec::new();
        client.read_to_end(&mut received).unwrap();
        assert_eq!(received.len(), 300_000);
        drop(client);
        server.proc.end().is(0, "", server.ready_line);
    }
}

#[test]
fn shutdown_counts_clients_with_unread_messages() {
    let server = Server::start(&["--read-size", "1", "--read-delay", "200ms"]);
    let mut client = server.open();
    client.write_all("SECRET 1\n".repeat(100).as_bytes()).unwrap();
    let mut answer = vec![0; digits("1").len()];
    client.read_exact(&mut answer).unwrap();
    server.stops_with("secretcat: shutdown aborted 1 connection\n");
}
