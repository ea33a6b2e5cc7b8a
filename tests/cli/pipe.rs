//! `listen --service pipe` connects stdin and stdout with one client, or with one client after the other.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::Stdio;
use std::thread;

use rustix::fs::{Mode, OFlags};
use rustix::process::Signal;

use crate::support::{
    Dir, Proc, Server, noise, poll_until, read_some, read_to_end, reset, secretcat, start_pipe_with_file,
};

#[test]
fn kept_pipe_serves_the_next_client_after_a_reset() {
    let server = Server::start(&["--service", "pipe", "--keep-open", "--end-with-peer"]);
    let (mut first, mut second) = (server.open(), server.open());
    let name = first.local_addr().unwrap();
    first.write_all(b"first\n").unwrap();
    server.proc.wait_for_stdout("first\n");
    second.write_all(b"second\n").unwrap(); // waits to be accepted
    reset(first);
    server.proc.wait_for_stdout("first\nsecond\n");
    drop(second);
    let mut third = server.open();
    third.write_all(b"third\n").unwrap();
    server.proc.wait_for_stdout("first\nsecond\nthird\n");
    drop(third);
    let lost = "0 bytes not sent, 0 sent but not acknowledged: connection reset by peer; stdin had not ended";
    let stderr = format!("{}secretcat: {name}: {lost}\nsecretcat: 1 connection lost bytes\n", server.ready_line);
    server.stop().is(1, "first\nsecond\nthird\n", stderr);
}

#[test]
fn raw_widens_its_pipes_and_messages_do_not() {
    const USUAL: usize = 64 * 1024; // pipe(7)
    let most = std::fs::read_to_string("/proc/sys/fs/pipe-max-size").unwrap().trim().parse::<usize>().unwrap();
    let server = Server::start(&["--service", "echo"]);
    for (args, size) in [(&["--raw"][..], most.clamp(USUAL, 1 << 20)), (&[], USUAL)] {
        let mut proc = Proc::start(secretcat(["connect", &server.address()]).args(args));
        proc.write("x\n");
        proc.wait_for_stdout("x\n");
        for fd in [0, 1] {
            let pipe = File::open(format!("/proc/{}/fd/{fd}", proc.pid())).unwrap();
            assert_eq!(rustix::pipe::fcntl_getpipe_size(pipe).unwrap(), size, "{args:?} {fd}");
        }
        proc.close_stdin();
        proc.end().is(0, "x\n", "");
    }
}

#[test]
fn kept_pipe_serves_clients_after_the_end_of_stdin() {
    let mut server = Server::start(&["--service", "pipe", "--keep-open"]);
    server.proc.feed(b"from stdin\n".to_vec());
    let mut out = String::new();
    for (name, sent) in [("first", &b"from stdin\n"[..]), ("second", b""), ("third", b"")] {
        let mut client = server.open();
        assert_eq!(read_to_end(&client), sent, "{name} is sent what is left of stdin, and its end");
        for word in ["received\n", "still received\n"] {
            let line = format!("{name} {word}");
            client.write_all(line.as_bytes()).unwrap();
            out += &line;
            server.proc.wait_for_stdout(&out);
        }
    }
    let stderr = server.ready_line.clone();
    server.stop().is(0, out, stderr);
}

#[test]
fn stdin_is_sent_to_a_client_that_has_half_closed() {
    let bytes = noise(300_000);
    for args in [&["--service", "pipe"][..], &["--service", "pipe", "--keep-open"]] {
        let mut server = Server::start(args);
        server.proc.suspend();
        let mut client = server.open(); // the kernel accepts it and receives its bytes
        client.write_all(b"all I have\n").unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        server.proc.write(&bytes[..4096]);
        server.proc.signal(Signal::CONT);
        server.proc.feed(bytes[4096..].to_vec());
        assert!(read_to_end(&client) == bytes, "{args:?}");
        server.proc.wait_for_stdout("all I have\n");
        drop(client);
        let stderr = server.ready_line.clone();
        let ended = if args.len() == 2 { server.proc.end() } else { server.stop() };
        ended.is(0, "all I have\n", stderr);
    }
}

#[test]
fn idle_client_ends_a_pipe_but_not_a_kept_one() {
    let idle = ["--service", "pipe", "--idle-timeout", "50ms"];
    let server = Server::start(&idle);
    let client = server.open();
    // A stream that is aborted is not complete.
    let is_reset =
        |mut client: &TcpStream| read_some(&mut client, &mut [0]).unwrap_err().kind() == ErrorKind::ConnectionReset;
    assert!(is_reset(&client));
    let lost = "0 bytes not sent, 0 sent but not acknowledged: no byte received or sent within --idle-timeout";
    let loss_line =
        |client: &TcpStream| format!("secretcat: {}: {lost}; stdin had not ended\n", client.local_addr().unwrap());
    let stderr = server.ready_line.clone();
    server.proc.end().is(1, "", stderr + &loss_line(&client));

    let server = Server::start(&[&idle[..], &["--keep-open"]].concat());
    let mut stderr = server.ready_line.clone();
    for _ in 0..2 {
        let client = server.open();
        assert!(is_reset(&client));
        stderr += &loss_line(&client);
    }
    server.stop().is(1, "", stderr + "secretcat: 2 connections lost bytes\n");
}

#[test]
fn slow_stdin_is_sent_whole_to_a_half_closed_client() {
    // Sent so slowly that it takes longer than an orderly close may.
    let mut server = Server::start(&["--service", "pipe", "--chunk", "100", "--delay", "500ms"]);
    let bytes = noise(1000);
    server.proc.feed(bytes.clone());
    let mut client = server.open();
    let mut first = [0];
    client.read_exact(&mut first).unwrap(); // stdin has been read
    client.shutdown(Shutdown::Write).unwrap();
    assert!([&first[..], &read_to_end(&client)].concat() == bytes);
    server.proc.end().is(0, "", server.ready_line);
}

#[test]
fn shutdown_counts_unsent_bytes_of_a_pipe() {
    let mut server = Server::start(&["--service", "pipe", "--chunk", "10", "--delay", "1h"]);
    server.proc.feed(vec![b'x'; 1000]);
    let mut client = server.open();
    client.read_exact(&mut [0; 10]).unwrap();
    server.proc.signal(Signal::TERM);
    let name = client.local_addr().unwrap();
    let stderr = format!("{}secretcat: serve {name}: stopped with 990 bytes unsent\n", server.ready_line);
    server.proc.end().is(1, "", stderr);
}

#[test]
fn shutdown_reports_unsent_bytes_of_a_file() {
    let server = start_pipe_with_file(&noise(50_000_000), &Dir::new("unsent"));
    let mut client = server.open();
    client.read_exact(&mut [0]).unwrap();
    server.proc.signal(Signal::TERM);
    let name = client.local_addr().unwrap();
    let stderr = format!("{}secretcat: serve {name}: stopped with bytes unsent\n", server.ready_line);
    server.proc.end().is(1, "", stderr);
    assert_eq!(client.read_to_end(&mut Vec::new()).unwrap_err().kind(), ErrorKind::ConnectionReset);
}

/// A pipe with an unread stdout, ended by SIGTERM: its report of unwritten bytes.
fn stop_unread(stdout: OwnedFd, is_full: impl Fn() -> bool) -> String {
    let mut command = secretcat(["listen", "127.0.0.1:0", "--service", "pipe"]);
    let server = Server::from_proc(Proc::start_on(&mut command, Stdio::piped(), stdout.into(), Stdio::piped()));
    let mut client = server.open();
    client.set_nonblocking(true).unwrap();
    let is_stuck = || match client.write(&[b'x'; 8192]) {
        Err(error) if error.kind() == ErrorKind::WouldBlock => is_full(),
        other => other.unwrap() == 0,
    };
    poll_until("a stdout that is full", thread::yield_now, is_stuck);
    server.proc.signal(Signal::TERM);
    let out = server.proc.end();
    assert_eq!(out.status, Some(2), "{out:?}");
    let failure = out.stderr.strip_prefix(&server.ready_line).unwrap();
    failure.strip_prefix("secretcat: write to stdout: stopped with ").unwrap().to_owned()
}

#[test]
fn full_stdout_socket_does_not_delay_shutdown() {
    let (_reader, stdout) = UnixStream::pair().unwrap();
    let again = stdout.try_clone().unwrap();
    let write = || socket2::SockRef::from(&again).send_with_flags(b"x", libc::MSG_DONTWAIT);
    let stderr = stop_unread(stdout.into(), || write().is_err_and(|error| error.kind() == ErrorKind::WouldBlock));
    let count = stderr.strip_prefix("more than ").and_then(|rest| rest.strip_suffix(" bytes unwritten\n"));
    assert!(count.is_some_and(|count| count.parse::<usize>().is_ok()), "{stderr:?}");
}

#[test]
fn full_stdout_pipe_does_not_delay_shutdown() {
    let (_reader, stdout) = rustix::pipe::pipe().unwrap();
    // Another open file description of the pipe, which does not block.
    let path = format!("/proc/self/fd/{}", stdout.as_raw_fd());
    let flags = OFlags::WRONLY | OFlags::NONBLOCK;
    let again = rustix::fs::open(path, flags, Mode::empty()).unwrap();
    let is_full = || rustix::io::write(&again, b"x") == Err(rustix::io::Errno::AGAIN);
    assert_eq!(stop_unread(stdout, is_full), "bytes unwritten\n");
}
