//! `connect --raw` copies bytes both ways, as nc does.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::Stdio;
use std::thread;

use rustix::process::Signal;
use socket2::SockRef;

use crate::support::{
    DEADLINE, Dir, NOT_FOUND, Proc, Server, accept, digits, local_listener, noise, read_line, read_some, reset, run,
    secretcat, trace,
};

#[test]
fn end_of_input_half_closes_and_all_replies_arrive() {
    let server = Server::start(&[]);
    run(["connect", "--raw", &server.address()], "SECRET 1\nSECRET 2").is(0, digits("1") + &digits("2"), "");
    run(["connect", "--raw", &server.address()], "").is(0, "", "");
    run(["connect", "--raw", "--loopback"], "quit\n").is(0, NOT_FOUND, "");
    server.stops_with("");
}

#[test]
fn megabytes_in_both_directions_arrive_unchanged() {
    let (listener, address) = local_listener();
    let (up, down) = (noise(8_000_000), noise(9_000_001));
    let mut proc = Proc::start(&mut secretcat(["connect", "--raw", &address]));
    proc.feed(up.clone());
    let server = accept(&listener);
    let mut got = vec![0; up.len()];
    thread::scope(|scope| {
        scope.spawn(|| (&server).write_all(&down).unwrap());
        (&server).read_exact(&mut got).unwrap();
    });
    // The half-close of the peer ends the run, so it comes after all bytes.
    server.shutdown(Shutdown::Write).unwrap();
    assert!(got == up);
    let out = proc.end();
    assert_eq!((out.status, out.stderr.as_str()), (Some(0), ""));
    assert!(out.stdout == down);
}

#[test]
fn end_with_peer_ends_after_all_is_written_to_stdout() {
    let (listener, address) = local_listener();
    let (mut reader, stdout) = UnixStream::pair().unwrap();
    reader.set_read_timeout(Some(DEADLINE)).unwrap();
    let mut command = secretcat(["connect", "--raw", "--end-with-peer", &address]);
    let proc = Proc::start_on(&mut command, Stdio::piped(), OwnedFd::from(stdout).into(), Stdio::piped());
    drop(command);
    let mut server = accept(&listener);
    let bytes = noise(3_000_000);
    let mut got = Vec::new();
    thread::scope(|scope| {
        scope.spawn(|| {
            server.write_all(&bytes).unwrap();
            drop(server);
        });
        reader.read_to_end(&mut got).unwrap(); // stdin stays open
    });
    assert_eq!(proc.end().status, Some(0));
    assert!(got == bytes);
}

#[test]
fn no_shutdown_keeps_the_connection_after_end_of_input() {
    let (listener, address) = local_listener();
    let mut proc = Proc::start(&mut secretcat(["connect", "--raw", "--no-shutdown", &address]));
    proc.feed(b"hello\n".to_vec());
    let mut server = accept(&listener);
    assert_eq!(read_line(&mut server), "hello\n");
    // A reply that needs an open connection for longer than its input is open.
    server.set_nonblocking(true).unwrap();
    assert_eq!(read_some(&mut server, &mut [0]).unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    server.set_nonblocking(false).unwrap();
    server.write_all(b"first\n").unwrap();
    proc.wait_for_stdout("first\n");
    server.set_nonblocking(true).unwrap();
    assert_eq!(read_some(&mut server, &mut [0]).unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    server.set_nonblocking(false).unwrap();
    server.write_all(b"second").unwrap();
    drop(server);
    proc.end().is(0, "first\nsecond", "");
}

#[test]
fn reset_is_status_1_with_byte_counts() {
    let (listener, address) = local_listener();
    let proc = Proc::start(&mut secretcat(["connect", "--raw", &address]));
    let mut server = accept(&listener);
    server.write_all(b"half an ans").unwrap();
    proc.wait_for_stdout("half an ans");
    reset(server);
    let lost = "0 bytes not sent, 0 sent but not acknowledged: connection reset by peer; stdin had not ended";
    proc.end().is(1, "half an ans", format!("secretcat: {address}: {lost}\n"));
}

#[test]
fn idle_timeout_ends_a_raw_connection() {
    let (listener, address) = local_listener();
    let proc = Proc::start(&mut secretcat(["connect", "--raw", "-w", "50ms", &address]));
    let _server = accept(&listener);
    let lost = "0 bytes not sent, 0 sent but not acknowledged: no byte received or sent within --idle-timeout";
    proc.end().is(1, "", format!("secretcat: {address}: {lost}; stdin had not ended\n"));
}

#[test]
fn half_closed_server_receives_the_whole_input() {
    let (listener, address) = local_listener();
    // Sent so slowly that it takes longer than the wait for the server to close.
    let paced = ["--chunk", "100", "--delay", "200ms"];
    let mut proc = Proc::start(secretcat(["connect", "--raw", &address]).args(paced));
    let bytes = noise(1000);
    proc.feed(bytes.clone());
    let mut server = accept(&listener);
    server.shutdown(Shutdown::Write).unwrap();
    let mut got = Vec::new();
    server.read_to_end(&mut got).unwrap();
    assert!(got == bytes, "{} bytes", got.len());
    proc.end().is(0, "", "");
}

#[test]
fn raw_delays_and_barriers_apply_only_at_cuts() {
    let server = Server::start(&["--service", "discard"]);
    let dir = Dir::new("paces");
    let bytes = noise(400_000); // a read returns at most 64 KiB
    for (cutting, cuts) in [(["--cut", "5"], vec![5]), (["--chunk", "150000"], vec![150_000, 300_000])] {
        let args = ["--raw", &server.address(), "--delay", "1ms", "--barrier", "acked"];
        let (out, trace) = trace::connect(&dir, &[&args[..], &cutting].concat(), &bytes);
        assert_eq!(out, "");
        let conn = trace.connections("connect")[0];
        assert_eq!(trace.writes(conn).iter().sum::<u64>(), 400_000);
        assert_eq!(trace.numbers(conn, "pause", "offset"), cuts, "{cutting:?}");
        let proven = trace.numbers(conn, "barrier", "offset");
        assert_eq!(proven[..cuts.len()], cuts, "{cutting:?}");
    }
    server.stops_with("");
}

#[test]
fn held_last_piece_is_cut_when_more_input_arrives() {
    let server = Server::start(&["--service", "discard"]);
    let dir = Dir::new("held");
    let args = ["--raw", &server.address(), "--shutdown-with-last", "--chunk", "64k", "--barrier", "peer-read"];
    let (out, trace) = trace::connect(&dir, &args, noise(300_000));
    assert_eq!(out, "");
    let conn = trace.connections("connect")[0];
    // It is read in parts of 64 KiB: after each part nothing is available at first.
    assert_eq!(trace.numbers(conn, "barrier", "offset"), [65_536, 131_072, 196_608, 262_144]);
    assert_eq!(trace.barriers(conn), ["read"; 4]);
    server.stops_with("");
}

/// Ten bytes, and the rest much later.
const PACED: [&str; 4] = ["--cut", "10", "--delay", "1h"];

#[test]
fn quit_after_counts_bytes_not_sent() {
    let (listener, address) = local_listener();
    let mut proc =
        Proc::start(secretcat(["connect", "--raw", &address, "-q", "0", "--ack-timeout", "50ms"]).args(PACED));
    proc.feed(vec![b'x'; 1000]);
    let mut server = accept(&listener);
    let mut got = Vec::new();
    let _ = server.read_to_end(&mut got); // a reset ends it, too
    assert_eq!(got, [b'x'; 10]);
    let lost = "990 bytes not sent, 0 sent but not acknowledged: nothing more was acknowledged within --ack-timeout";
    proc.end().is(1, "", format!("secretcat: {address}: {lost}\n"));
}

#[test]
fn bytes_after_urgent_data_are_received() {
    let (listener, address) = local_listener();
    let proc = Proc::start(&mut secretcat(["connect", "--raw", "--end-with-peer", &address]));
    let mut server = accept(&listener);
    server.write_all(b"zero").unwrap();
    proc.wait_for_stdout("zero");
    // All bytes have arrived before the first read.
    proc.suspend();
    server.write_all(b"one").unwrap();
    SockRef::from(&server).send_out_of_band(b"!").unwrap();
    server.write_all(b"two").unwrap();
    proc.signal(Signal::CONT);
    proc.wait_for_stdout("zeroonetwo");
    drop(server);
    proc.end().is(0, "zeroonetwo", "");
}

#[test]
fn delay_without_cuts_separates_the_writes() {
    let server = Server::start(&["--service", "discard"]);
    let dir = Dir::new("delay-alone");
    let args = ["--raw", &server.address(), "--delay", "1ms", "--sndbuf", "1M"]; // large enough: no write is partial
    let (_, trace) = trace::connect(&dir, &args, noise(400_000));
    let conn = trace.connections("connect")[0];
    // No write is larger than a read, and there is a pause before each write except the first.
    let begins: Vec<u64> = trace.numbers(conn, "write", "offset");
    assert!(trace.writes(conn).iter().all(|&bytes| bytes <= 65_536) && begins.len() >= 7, "{begins:?}");
    assert_eq!(trace.numbers(conn, "pause", "offset"), begins[1..]);
    server.stops_with("");
}

#[test]
fn raw_with_crlf_ends_lines_with_cr_lf() {
    for (input, expected) in [("HELO me\nQUIT\r\n\n", "HELO me\r\nQUIT\r\n\r\n"), ("no end", "no end")] {
        let (listener, address) = local_listener();
        let mut proc = Proc::start(&mut secretcat(["connect", "--raw", "-C", &address]));
        proc.feed(input.into());
        let mut server = accept(&listener);
        let mut got = String::new();
        server.read_to_string(&mut got).unwrap();
        assert_eq!(got, expected);
        drop(server);
        assert_eq!(proc.end().status, Some(0));
    }
}
