//! `--threads`: several event loops serve one listening socket.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;
use std::thread;

use crate::support::{
    Dir, Proc, Server, ask, digits, exchange, poll_until, read_some, run_command, secretcat, skip, tcp, under_strace,
};

#[test]
fn three_loops_answer_all_clients() {
    let server = Server::start(&["--threads", "3"]);
    let name = |task: std::fs::DirEntry| std::fs::read_to_string(task.path().join("comm")).unwrap_or_default();
    let loops = || std::fs::read_dir(format!("/proc/{}/task", server.proc.pid())).unwrap();
    let further = || loops().filter_map(Result::ok).map(name);
    poll_until("two further loops", thread::yield_now, || further().filter(|name| name == "loop\n").count() == 2);
    let mut clients: Vec<_> = (0..60).map(|_| server.open()).collect();
    for round in 0..3 {
        for (number, client) in clients.iter_mut().enumerate() {
            let text = format!("{number}0{round}");
            assert_eq!(ask(client, &format!("SECRET {text}")), digits(&text));
        }
    }
    thread::scope(|scope| {
        for number in 0..20 {
            let addr = server.addr;
            scope.spawn(move || {
                let answers = exchange(tcp(addr), format!("SECRET {number}\n").as_bytes());
                assert_eq!(String::from_utf8(answers).unwrap(), digits(&number.to_string()));
            });
        }
    });
    // Every loop answers the received messages before it ends.
    for client in &mut clients {
        client.write_all(b"SECRET 7\n").unwrap();
    }
    server.stops_with("");
    for mut client in clients {
        let mut rest = String::new();
        client.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, digits("7"));
    }
}

#[test]
fn every_loop_serves_some_of_the_clients() {
    let server = Server::start(&["--threads", "3", "--busy-poll", "0"]);
    let serving = RefCell::new(BTreeSet::new());
    let mut clients = Vec::new();
    let come = || {
        let mut client = server.open();
        ask(&mut client, "SECRET 1"); // loops that were woken unnecessarily are asleep again
        let before = server.proc.waits_by_thread();
        for _ in 0..50 {
            ask(&mut client, "SECRET 2");
        }
        // One loop has slept between the messages; the others have slept all the time.
        let after = server.proc.waits_by_thread();
        let slept = |name: &String| after[name] - before.get(name).unwrap_or(&after[name]);
        serving.borrow_mut().extend(after.keys().filter(|name| slept(name) > 20).cloned());
        clients.push(client);
    };
    poll_until("a client at each loop", come, || serving.borrow().len() == 3);
    drop(clients);
    server.stops_with("");
}

/// Whether a command slept in a call of `epoll_wait(2)` during the exchange.
fn sleeps_in_epoll(log: &Path, args: &[&str], exchange_messages: impl FnOnce(&mut Command)) -> bool {
    exchange_messages(&mut under_strace(log, &["-e", "trace=epoll_wait,epoll_pwait"], args));
    let calls = std::fs::read_to_string(log).unwrap();
    let timeouts = || calls.lines().filter_map(|call| call.split_once(", 1024, ")).map(|(_, timeout)| timeout);
    assert!(timeouts().next().is_some(), "{calls}");
    timeouts().any(|timeout| !timeout.starts_with("0)") && !timeout.starts_with("0,"))
}

#[test]
fn loop_sleeps_at_once_only_without_busy_poll() {
    if !skip::has_strace() {
        return;
    }
    let dir = Dir::new("busy-poll");
    let log = dir.file("strace");
    for (time, sleeps) in [("0", true), ("1m", false)] {
        let server = Server::start(&[]);
        let connect = ["connect", &server.address(), "--busy-poll", time, "-m", "SECRET 1"];
        let connect = sleeps_in_epoll(&log, &connect, |command| {
            run_command(command, "").is(0, digits("1"), "");
        });
        let listen = sleeps_in_epoll(&log, &["listen", "127.0.0.1:0", "--once", "--busy-poll", time], |command| {
            let server = Server::from_command(command);
            assert_eq!(server.exchange("SECRET 2\n"), digits("2"));
            let ready_line = format!("listening on {}\n", server.address());
            server.proc.end().is(0, "", ready_line);
        });
        assert_eq!((connect, listen), (sleeps, sleeps), "--busy-poll {time}");
        server.stops_with("");
    }
}

#[test]
fn max_connections_holds_over_all_loops() {
    let server = Server::start(&["--threads", "4", "--max-connections", "2"]);
    let (mut one, mut two) = (server.open(), server.open());
    assert_eq!(ask(&mut one, "SECRET 1"), digits("1"));
    assert_eq!(ask(&mut two, "SECRET 2"), digits("2"));
    let mut waiting: Vec<_> = (0..8).map(|_| server.open()).collect();
    for client in &mut waiting {
        client.write_all(b"SECRET 3\n").unwrap();
        client.set_nonblocking(true).unwrap();
    }
    for _ in 0..50 {
        assert_eq!(ask(&mut one, "SECRET 4"), digits("4")); // every loop has had time to accept a client
    }
    for client in &mut waiting {
        assert_eq!(read_some(client, &mut [0]).unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
        client.set_nonblocking(false).unwrap();
    }
    drop(two); // whichever loop served it: the next client is accepted
    let mut answer = vec![0; digits("3").len()];
    waiting[0].read_exact(&mut answer).unwrap();
    assert_eq!(String::from_utf8(answer).unwrap(), digits("3"));
    drop((one, waiting));
    server.stops_with("");
}

#[test]
fn unix_socket_file_is_removed_after_all_loops_end() {
    let dir = Dir::new("threads");
    let path = dir.file("socket");
    let address = format!("unix:{}", path.display());
    let proc = Proc::start(&mut secretcat(["listen", &address, "--threads", "2"]));
    let ready_line = proc.wait_for_stderr("listening on");
    for _ in 0..4 {
        let mut stream = UnixStream::connect(&path).unwrap();
        stream.write_all(b"SECRET 5\n").unwrap();
        let mut answer = vec![0; digits("5").len()];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(String::from_utf8(answer).unwrap(), digits("5"));
    }
    proc.signal(rustix::process::Signal::TERM);
    proc.end().is(0, "", ready_line);
    assert!(!path.exists());
}
