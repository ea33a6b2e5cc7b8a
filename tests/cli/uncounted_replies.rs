//! `--replies 0` and `--replies any`: messages are delivered when they are acknowledged.

use std::io::{Read, Write};
use std::net::Shutdown;

use crate::support::{Proc, accept, local_listener, read_line, reset, run, secretcat};

fn lines(bytes: usize) -> Vec<u8> {
    b"a line of text\n".repeat(bytes / 15)
}

#[test]
fn replies_0_ends_when_all_is_acknowledged() {
    let (listener, address) = local_listener();
    let mut proc = Proc::start(&mut secretcat(["connect", &address, "--replies", "0"]));
    let mut server = accept(&listener);
    proc.feed(lines(3_000_000));
    server.read_exact(&mut vec![0; 3_000_000]).unwrap();
    proc.end().is(0, "", ""); // the server has neither replied nor closed
}

#[test]
fn replies_0_with_a_stuck_server_ends_after_ack_timeout() {
    let (listener, address) = local_listener();
    socket2::SockRef::from(&listener).set_recv_buffer_size(4096).unwrap();
    let mut proc = Proc::start(&mut secretcat(["connect", &address, "--replies", "0", "--ack-timeout", "100ms"]));
    let _server = accept(&listener);
    proc.feed(lines(150_000));
    let out = proc.end();
    assert_eq!((out.status, &out.stdout[..]), (Some(1), &b""[..]));
    assert!(out.stderr.ends_with("sent but not acknowledged: nothing more was acknowledged within --ack-timeout\n"));
}

#[test]
fn replies_0_keeps_sending_after_the_server_half_closes() {
    let (listener, address) = local_listener();
    let mut proc = Proc::start(&mut secretcat(["connect", &address, "--replies", "0"]));
    let mut server = accept(&listener);
    server.shutdown(Shutdown::Write).unwrap();
    proc.write("one\n");
    assert_eq!(read_line(&mut server), "one\n");
    let waits = "secretcat: peer closed its side; still waiting for stdin\n";
    proc.wait_for_stderr(waits);
    proc.feed(b"two\n".to_vec());
    let mut rest = String::new();
    server.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "two\n");
    drop(server);
    proc.end().is(0, "", waits);
}

#[test]
fn reset_before_all_is_acknowledged_is_status_1() {
    let (listener, address) = local_listener();
    for replies in ["0", "any"] {
        let mut proc = Proc::start(&mut secretcat(["connect", &address, "--replies", replies]));
        let mut server = accept(&listener);
        proc.feed(lines(12_000_000));
        server.read_exact(&mut [0; 5000]).unwrap();
        reset(server);
        let out = proc.end();
        assert_eq!(out.status, Some(1), "{replies}");
        assert!(out.stderr.contains("sent but not acknowledged: connection reset by peer"), "{}", out.stderr);
    }
}

#[test]
fn idle_timeout_after_all_is_acknowledged_is_status_0() {
    let (listener, address) = local_listener();
    let proc = Proc::start(&mut secretcat(["connect", &address, "--replies", "any", "-w", "3s", "-m", "a"]));
    let mut server = accept(&listener);
    assert_eq!(read_line(&mut server), "a\n");
    server.write_all(b"1\n2\n3\n").unwrap();
    proc.end().is(0, "1\n2\n3\n", "");
    run(["connect", &address, "-w", "200ms", "-m", "a"], "").is(
        1,
        "",
        format!("secretcat: connection to {address}: no byte received or sent within 200ms (--idle-timeout sets the limit)\n"),
    );
}
