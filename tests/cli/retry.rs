//! `--retry` after a connection lost before the first byte, as with a container proxy whose server is not up yet.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use crate::support::{Proc, accept, exchange, local_listener, noise, read_line, reset, secretcat};

const RETRY: [&str; 4] = ["--retry", "2", "--retry-delay", "10ms"];

/// Lets two connections fail, one closed at once and one reset after half of the input; accepts the third.
#[track_caller]
fn accept_third(listener: &TcpListener, half: usize) -> TcpStream {
    drop(accept(listener));
    let mut second = accept(listener);
    second.read_exact(&mut vec![0; half]).unwrap();
    reset(second);
    accept(listener)
}

/// Checks that no further connection was attempted.
#[track_caller]
fn expect_no_connection(listener: &TcpListener) {
    listener.set_nonblocking(true).unwrap();
    assert!(listener.accept().is_err());
}

#[test]
fn messages_are_resent_after_a_loss_before_any_reply() {
    let (listener, address) = local_listener();
    for given in [&["-m", "one", "-m", "two"][..], &[]] {
        let mut proc = Proc::start(secretcat(["connect", &address]).args(RETRY).args(given));
        if given.is_empty() {
            proc.feed(b"one\ntwo\n".to_vec());
        }
        let mut server = accept_third(&listener, 4);
        assert_eq!((read_line(&mut server), read_line(&mut server)), ("one\n".into(), "two\n".into()));
        server.write_all(b"1\n2\n").unwrap();
        drop(server);
        proc.end().is(0, "1\n2\n", "");
    }
}

#[test]
fn raw_input_is_resent_after_a_loss_before_any_byte() {
    let (listener, address) = local_listener();
    let bytes = noise(700_000);
    let mut proc = Proc::start(secretcat(["connect", &address, "--raw"]).args(RETRY));
    proc.feed(bytes.clone());
    let mut server = accept_third(&listener, 350_000);
    let mut received = Vec::new();
    server.read_to_end(&mut received).unwrap();
    assert!(received == bytes, "{} bytes", received.len());
    drop(server);
    proc.end().is(0, "", "");
}

#[test]
fn later_input_follows_the_resent_input() {
    let (listener, address) = local_listener();
    let mut proc = Proc::start(secretcat(["connect", &address, "--raw", "-C"]).args(RETRY));
    proc.write("one\n");
    let mut server = accept_third(&listener, 3);
    assert_eq!(read_line(&mut server), "one\r\n");
    proc.feed(b"two\n".to_vec());
    assert_eq!(exchange(server, b"three"), b"two\r\n");
    proc.end().is(0, "three", "");
}

#[test]
fn only_the_error_of_the_last_try_is_printed() {
    let (listener, address) = local_listener();
    let loss = format!("connect {address}: closed by the server with 1 message unanswered");
    for verbose in [false, true] {
        let command = &mut secretcat(["connect", &address, "-m", "a"]);
        let proc = Proc::start(command.args(RETRY).args(verbose.then_some("-v")));
        for _ in 0..3 {
            let mut server = accept(&listener);
            assert_eq!(read_line(&mut server), "a\n");
        }
        let out = proc.end();
        assert_eq!((out.status, &out.stdout[..]), (Some(1), &b""[..]));
        let lines: Vec<&str> = out.stderr.lines().filter(|line| !line.starts_with('#')).collect();
        let again = format!("{loss}; trying again");
        let last = format!("secretcat: {loss}");
        let expected = if verbose { vec![again.as_str(), &again, &last] } else { vec![last.as_str()] };
        assert_eq!(lines, expected);
    }
}

#[test]
fn nothing_is_resent_after_a_byte_of_a_reply() {
    let (listener, address) = local_listener();
    for (mode, shown) in [(&["-m", "a"][..], false), (&["--raw"], true)] {
        let mut proc = Proc::start(secretcat(["connect", &address]).args(RETRY).args(mode));
        proc.write("b\n");
        let mut server = accept(&listener);
        server.read_exact(&mut [0; 2]).unwrap();
        server.write_all(b"x").unwrap();
        if shown {
            proc.wait_for_stdout("x");
            reset(server);
        } else {
            drop(server); // the end comes after the byte
        }
        let out = proc.end();
        assert_eq!((out.status, &out.stdout[..]), (Some(1), &b"x"[..]), "{mode:?}");
    }
    expect_no_connection(&listener);
}

#[test]
fn input_larger_than_the_retry_buffer_is_not_resent() {
    let (listener, address) = local_listener();
    let mut proc = Proc::start(secretcat(["connect", &address, "--raw"]).args(RETRY));
    proc.feed(noise(3 << 20));
    let mut server = accept(&listener);
    server.read_exact(&mut vec![0; 2 << 20]).unwrap();
    reset(server);
    let out = proc.end();
    assert_eq!((out.status, &out.stdout[..]), (Some(1), &b""[..]));
    assert!(out.stderr.contains("sent but not acknowledged"), "{}", out.stderr);
    expect_no_connection(&listener);
}
