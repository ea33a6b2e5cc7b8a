//! `listen`: which clients are admitted, when idle ones are closed, and how it shuts down.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::Stdio;

use rustix::process::Signal;
use socket2::{Domain, Socket, Type};

use crate::support::{
    DEADLINE, Proc, Server, ask, client_with_full_buffers, digits, exchange, poll_until, read_line, read_some, reset,
    run, secretcat, shell, skip, with_deadline, without_durations,
};

/// A connection that comes from this address.
fn connect_from(source: &str, to: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&format!("{source}:0").parse::<SocketAddr>().unwrap().into()).unwrap();
    socket.connect(&to.into()).unwrap();
    with_deadline(socket.into())
}

#[test]
fn once_serves_one_connection() {
    let server = Server::start(&["--once"]);
    let mut client = server.open();
    assert_eq!(ask(&mut client, "SECRET 1"), digits("1"));
    poll_until("the listener is closed", || drop(client.write_all(b"")), || TcpStream::connect(server.addr).is_err());
    assert_eq!(ask(&mut client, "SECRET 2"), digits("2"));
    drop(client);
    server.proc.end().is(0, "", server.ready_line);
}

#[test]
fn client_over_max_connections_waits_until_another_closes() {
    let server = Server::start(&["--max-connections", "2"]);
    let mut inside = [server.open(), server.open()];
    for client in &mut inside {
        assert_eq!(ask(client, "SECRET 1"), digits("1"));
    }
    let mut waiting = server.open();
    waiting.write_all(b"SECRET 3\n").unwrap();
    for client in &mut inside {
        assert_eq!(ask(client, "SECRET 2"), digits("2"));
    }
    waiting.set_nonblocking(true).unwrap();
    assert_eq!(read_some(&mut waiting, &mut [0]).unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    waiting.set_nonblocking(false).unwrap();
    let [first, _second] = inside;
    drop(first);
    assert_eq!(read_line(&mut waiting), digits("3"));
    server.stops_with("");
}

#[test]
fn only_allowed_addresses_are_served() {
    let server = Server::start(&["--allow", "127.0.0.0/30", "--deny", "127.0.0.2"]);
    assert_eq!(exchange(connect_from("127.0.0.1", server.addr), b"SECRET 1\n"), digits("1").into_bytes());
    for source in ["127.0.0.2", "127.0.0.5"] {
        let mut rejected = connect_from(source, server.addr);
        let got = read_some(&mut rejected, &mut [0]);
        let is_rejected = matches!(&got, Ok(0))
            || got.as_ref().is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionReset);
        assert!(is_rejected, "{source}: {got:?}");
    }
    assert_eq!(exchange(connect_from("127.0.0.3", server.addr), b"SECRET 3\n"), digits("3").into_bytes());
    server.stops_with("");
}

#[test]
fn silent_client_is_closed_after_idle_timeout() {
    let server = Server::start(&["--idle-timeout", "4s"]);
    let (mut silent, mut other) = (server.open(), server.open());
    // A client that sends a message every second is not idle: that is when another listener closes a silent client.
    let pace = Server::start(&["--idle-timeout", "1s"]);
    for n in 0..5 {
        assert_eq!(ask(&mut other, &format!("SECRET {n}")), digits(&n.to_string()));
        assert_eq!(read_some(&mut pace.open(), &mut [0]).unwrap(), 0);
    }
    assert_eq!(read_some(&mut silent, &mut [0]).unwrap(), 0);
    server.stops_with("");
}

#[test]
fn quiet_omits_the_ready_line() {
    let dir = crate::support::Dir::new("quiet");
    let address = format!("unix:{}", dir.file("socket").display());
    let server = Proc::start(&mut secretcat(["listen", "--quiet", &address]));
    let args = ["connect", &address, "--retry", "100000", "--retry-delay", "5ms", "-m", "SECRET 1"];
    run(args, "").is(0, digits("1"), "");
    server.signal(Signal::TERM);
    server.end().is(0, "", "");
}

#[test]
fn shutdown_answers_all_messages_of_100_clients() {
    for signal in [Signal::TERM, Signal::INT] {
        let server = Server::start(&[]);
        let clients: Vec<TcpStream> = (0..100).map(|_| server.open()).collect();
        for (n, mut client) in clients.iter().enumerate() {
            if n % 2 == 0 {
                assert_eq!(ask(&mut client.try_clone().unwrap(), "SECRET 0"), digits("0"));
            }
            let messages = format!("SECRET {n}\n").repeat(50) + "SECRET unfinished";
            client.write_all(messages.as_bytes()).unwrap();
        }
        server.proc.signal(signal);
        for (n, mut client) in clients.into_iter().enumerate() {
            let mut answers = String::new();
            client.read_to_string(&mut answers).expect("an end of file, not a reset");
            assert_eq!(answers, digits(&n.to_string()).repeat(50));
        }
        let ready_line = server.ready_line.clone();
        let out = server.proc.end();
        // A shell has to see SIGINT to end its script.
        let ended = if signal == Signal::INT { (None, Some(2)) } else { (Some(0), None) };
        assert_eq!(((out.status, out.signal), out.stderr), (ended, ready_line));
    }
}

#[test]
fn shutdown_answers_clients_still_in_the_backlog() {
    let server = Server::start(&[]);
    server.proc.signal(Signal::STOP);
    let clients: Vec<TcpStream> = (0..100).map(|_| server.open()).collect();
    for (n, mut client) in clients.iter().enumerate() {
        client.write_all(format!("SECRET {n}\n").as_bytes()).unwrap();
    }
    server.proc.signal(Signal::TERM);
    server.proc.signal(Signal::CONT);
    for (n, mut client) in clients.into_iter().enumerate() {
        let mut answer = String::new();
        client.read_to_string(&mut answer).expect("an end of file, not a reset");
        assert_eq!(answer, digits(&n.to_string()));
    }
    server.proc.end().is(0, "", server.ready_line);
}

#[test]
fn shutdown_answers_messages_while_replies_are_unread() {
    // The client reads late: at the signal its replies fill every buffer, and its last messages are unread in the
    // kernel.
    let server = Server::start(&[]);
    let (mut client, sent) = client_with_full_buffers(&server, b"SECRET 1\n");
    server.proc.signal(Signal::TERM);
    let mut answers = String::new();
    client.read_to_string(&mut answers).expect("an end of file, not a reset");
    assert_eq!(answers.len() % digits("1").len(), 0, "whole lines");
    assert_eq!(answers.len() / digits("1").len(), sent / 9);
    assert_eq!(server.proc.end().status, Some(0));
}

#[test]
fn client_that_never_reads_does_not_delay_shutdown() {
    let server = Server::start(&[]);
    let (client, _) = client_with_full_buffers(&server, b"\n");
    server.stops_with("secretcat: shutdown aborted 1 connection\n");
    drop(client);
}

#[test]
fn second_signal_ends_listen_at_once() {
    let server = Server::start(&["-v"]);
    let _client = client_with_full_buffers(&server, b"\n");
    server.proc.signal(Signal::TERM);
    server.proc.wait_for_stderr("stopping");
    server.proc.signal(Signal::TERM);
    let out = server.proc.end();
    assert_eq!((out.status, out.signal), (None, Some(15)), "not the status 0 of an orderly shutdown");
}

#[test]
fn sighup_ends_listen_but_not_under_nohup() {
    if !skip::has_signals() {
        return;
    }
    let server = Server::start(&[]);
    let ready_line = server.ready_line.clone();
    server.proc.signal(Signal::HUP);
    server.proc.end().is(0, "", ready_line);
    let nohup = "trap '' HUP && exec \"$0\" \"$@\"";
    let server = Server::from_command(&mut shell(nohup, ["listen", "127.0.0.1:0"]));
    server.proc.signal(Signal::HUP);
    assert_eq!(server.exchange("SECRET 1\n"), digits("1"));
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.proc.pid())).unwrap();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap().trim().to_owned();
    assert!(ignored.ends_with(['1', '3', '5', '7', '9', 'b', 'd', 'f']), "SIGHUP is the lowest bit of {ignored}");
    server.stops_with("");
}

#[test]
fn unread_log_does_not_block_the_service() {
    let (mut log, stderr) = UnixStream::pair().unwrap();
    log.set_read_timeout(Some(DEADLINE)).unwrap();
    let mut command = secretcat(["listen", "127.0.0.1:0", "-vv"]);
    let proc = Proc::start_on(&mut command, Stdio::piped(), Stdio::piped(), OwnedFd::from(stderr).into());
    drop(command);
    let mut line = Vec::new();
    while line.last() != Some(&b'\n') {
        let mut byte = [0];
        log.read_exact(&mut byte).unwrap();
        line.push(byte[0]);
    }
    let line = String::from_utf8(line).unwrap();
    let addr: SocketAddr = line.trim_end().strip_prefix("listening on ").unwrap().parse().unwrap();
    // Some megabytes of log: much more than all buffers.
    let mut client = crate::support::tcp(addr);
    for n in 0..2000 {
        reset(crate::support::tcp(addr));
        assert_eq!(ask(&mut client, &format!("SECRET {n}")), digits(&n.to_string()));
    }
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_some(&mut client, &mut [0]).unwrap(), 0);
    proc.signal(Signal::TERM);
    assert_eq!(proc.end().status, Some(0));
    let mut rest = String::new();
    log.read_to_string(&mut rest).unwrap();
    assert!(rest.lines().all(|line| !line.is_empty()), "whole lines");
}

#[test]
fn verbose_log_has_one_line_per_event() {
    let server = Server::start(&["-v"]);
    let client = server.open();
    let from = client.local_addr().unwrap();
    assert_eq!(exchange(client, b"SECRET 1\n"), digits("1").into_bytes());
    server.proc.wait_for_stderr(": closed by peer\n");
    let expected = [
        format!("#1 accepted {from} -> {}", server.address()),
        "#1 peer closed its side (9 bytes received)".to_owned(),
        "#1 closed our side (21 bytes sent)".to_owned(),
        "#1 closed".to_owned(),
        format!("#1 {from}: * s, 9 bytes in, 21 bytes out, 1 message in: closed by peer"),
        "stopping: answering received messages".to_owned(),
        String::new(),
    ];
    let (ready_line, out) = (server.ready_line.clone(), server.stop());
    assert_eq!((out.status, without_durations(&out.stderr)), (Some(0), ready_line + &expected.join("\n")));
}
