//! Piped messages: every line of their replies is printed, and replies that cannot be paired are a failure.

use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;

use rustix::process::Signal;

use crate::support::{Outcome, Proc, accept, local_listener, noise, run, secretcat};

/// Runs `connect` with these messages against a server that the test plays.
#[track_caller]
fn run_against(args: &[&str], messages: &str, server: impl FnOnce(TcpStream) + Send + 'static) -> Outcome {
    let (listener, address) = local_listener();
    let played = thread::spawn(move || server(accept(&listener)));
    let out = run(["connect", &address].iter().chain(args), messages);
    played.join().unwrap();
    out
}

/// Reads lines until this one.
fn read_until(stream: &mut BufReader<TcpStream>, last: &str) {
    let mut line = String::new();
    while line != last {
        line.clear();
        assert_ne!(stream.read_line(&mut line).unwrap(), 0, "no {last:?}");
    }
}

#[track_caller]
fn expect_unpaired(out: &Outcome, stdout: &[u8]) {
    assert!(out.stdout == stdout, "{} bytes of {}", out.stdout.len(), stdout.len());
    assert_eq!((out.status, out.stderr.lines().count()), (Some(1), 1), "{}", out.stderr);
    assert!(out.stderr.contains("more than messages"), "{}", out.stderr);
}

#[test]
fn page_of_1_mb_is_printed_whole() {
    let page = [b"HTTP/1.0 200 OK\r\n\r\n", &noise(1_000_000)[..]].concat();
    let (listener, address) = local_listener();
    let mut proc = Proc::start(&mut secretcat(["connect", &address]));
    proc.feed(b"GET /big HTTP/1.0\r\n\r\n".to_vec());
    let mut server = BufReader::new(accept(&listener));
    read_until(&mut server, "\n"); // the CR is no part of a message
    // The kernel has all of it before any is read: no pause of the server looks like its end.
    proc.suspend();
    server.get_mut().write_all(&page).unwrap();
    proc.signal(Signal::CONT);
    expect_unpaired(&proc.end(), &page);
}

#[test]
fn late_greeting_is_not_counted_as_a_reply() {
    let lines = "220 at your service\r\n250 hello\r\n221 goodbye\r\n";
    let server = move |stream: TcpStream| {
        let mut stream = BufReader::new(stream);
        read_until(&mut stream, "QUIT\n");
        stream.get_mut().write_all(lines.as_bytes()).unwrap();
        stream.get_mut().shutdown(Shutdown::Write).unwrap();
        read_to_end(&mut stream);
    };
    run_against(&["--greeting", "1"], "EHLO me\nQUIT\n", server).is(0, lines, "");
    expect_unpaired(&run_against(&[], "EHLO me\nQUIT\n", server), lines.as_bytes());
}

fn read_to_end(stream: &mut BufReader<TcpStream>) {
    std::io::copy(stream, &mut std::io::sink()).unwrap();
}

#[test]
fn three_line_reply_is_printed_whole() {
    let server = |stream: TcpStream| {
        let mut stream = BufReader::new(stream);
        read_until(&mut stream, "list\n");
        stream.get_mut().write_all(b"one\ntwo\nthree\n").unwrap();
        read_to_end(&mut stream);
    };
    expect_unpaired(&run_against(&[], "list\n", server), b"one\ntwo\nthree\n");
    run_against(&["--replies", "3"], "list\n", server).is(0, "one\ntwo\nthree\n", "");
}

#[test]
fn piped_replies_keep_their_cr() {
    let server = |stream: TcpStream| {
        let mut stream = BufReader::new(stream);
        read_until(&mut stream, "message\n");
        stream.get_mut().write_all(b"reply\r\n").unwrap();
        read_to_end(&mut stream);
    };
    run_against(&[], "message\n", server).is(0, "reply\r\n", "");
}
