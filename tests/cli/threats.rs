//! Hostile peers and heavy load: memory, descriptors, processor time and log stay bounded, other clients are served.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::Stdio;
use std::time::Instant;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::support::{
    DEADLINE, NOT_FOUND, Proc, Server, accept, ask, client_with_full_buffers, digits, exchange, local_listener,
    poll_until, read_line, read_some, reset, run, secretcat, skip, with_limit,
};

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;

/// Waits until another program has reached its time limit.
fn pass_time() {
    let (_silent, address) = local_listener();
    assert_eq!(run(["connect", &address, "-m", "x", "--timeout", "500ms"], "").status, Some(1));
}

#[track_caller]
fn grew_by_less(proc: &Proc, before: u64, most: u64) {
    let grown = proc.memory("VmRSS").saturating_sub(before);
    assert!(grown < most, "grew by {} KiB, more than {} KiB", grown / KIB, most / KIB);
}

/// Raises the limit of descriptors of this process; false if that is not possible.
fn raise_descriptor_limit(descriptors: u64) -> bool {
    let limit = getrlimit(Resource::Nofile);
    if limit.maximum.is_some_and(|most| most < descriptors) {
        skip::skip_even_in_ci(&format!("no more than {:?} descriptors may be had here", limit.maximum));
        return false;
    }
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum }).unwrap();
    true
}

#[test]
fn ten_thousand_clients_are_answered_in_little_memory() {
    const CROWD: u64 = 10_000;
    if !raise_descriptor_limit(CROWD + 1000) {
        return;
    }
    let server = Server::start(&[]);
    let mut first = server.open();
    assert_eq!(ask(&mut first, "SECRET 0"), digits("0"));
    let before = server.proc.memory("VmRSS");
    let mut clients: Vec<TcpStream> = Vec::new();
    for n in 0..CROWD {
        let mut client = server.open();
        // Half of them send an incomplete message, and then are idle.
        client.write_all(format!("SECRET {n}\nunfinished {n}").as_bytes()).unwrap();
        clients.push(client);
    }
    for (n, client) in clients.iter_mut().enumerate() {
        assert_eq!(read_line(client), digits(&n.to_string()));
    }
    grew_by_less(&server.proc, before, CROWD * 32 * KIB);
    assert_eq!(ask(&mut first, "SECRET 1"), digits("1"));
    // All clients are idle: nothing wakes the program.
    let (asleep, used) = (server.proc.waits(), server.proc.processor_ticks());
    pass_time();
    assert!(server.proc.waits() - asleep <= 5, "woken {} times for nothing", server.proc.waits() - asleep);
    assert!(server.proc.processor_ticks() - used <= 1, "idle clients cost processor time");
    for (n, client) in clients.iter_mut().enumerate() {
        client.write_all(b" SECRET\n").unwrap();
        assert_eq!(read_line(client), digits(&n.to_string()));
    }
    drop(clients);
    assert_eq!(ask(&mut first, "SECRET 2"), digits("2"));
    server.stops_with("");
}

#[test]
fn thousand_slow_senders_do_not_block_other_clients() {
    if !raise_descriptor_limit(3000) {
        return;
    }
    let server = Server::start(&[]);
    let before = server.proc.memory("VmRSS");
    let mut crowd: Vec<TcpStream> = (0..1000).map(|_| server.open()).collect();
    let mut healthy = server.open();
    for byte in b"SECRET 123" {
        for client in &mut crowd {
            client.write_all(&[*byte]).unwrap();
        }
        assert_eq!(ask(&mut healthy, "SECRET 4"), digits("4"));
    }
    grew_by_less(&server.proc, before, 1000 * 32 * KIB);
    for mut client in crowd {
        assert_eq!(ask(&mut client, ""), digits("123"));
    }
    server.stops_with("");
}

#[test]
fn client_that_reads_late_costs_little_and_loses_nothing() {
    let server = Server::start(&[]);
    let before = server.proc.memory("VmRSS");
    let (mut client, sent) = client_with_full_buffers(&server, b"\n");
    grew_by_less(&server.proc, before, 4 * MIB);
    assert_eq!(ask(&mut server.open(), "SECRET 1"), digits("1"));
    client.shutdown(Shutdown::Write).unwrap();
    let mut answers = String::new();
    client.read_to_string(&mut answers).unwrap();
    assert!(sent > 100_000, "more than the buffers of the program itself hold: {sent}");
    assert!(answers == NOT_FOUND.repeat(sent), "{} bytes for {sent} messages", answers.len());
    server.stops_with("");
}

#[test]
fn endless_line_costs_little_memory() {
    let server = Server::start(&[]);
    let before = server.proc.memory("VmRSS");
    let mut patient = server.open();
    // One client stays below the limit, and one does not.
    patient.write_all(&vec![b'7'; 1_000_000]).unwrap();
    assert_eq!(exchange(server.open(), &vec![b'x'; 64 * 1024 * 1024]), b"Message too long.\n");
    grew_by_less(&server.proc, before, 4 * MIB);
    patient.write_all(b"SECRET\n").unwrap();
    assert_eq!(read_line(&mut patient), digits(&"7".repeat(1_000_000)));
    grew_by_less(&server.proc, before, 4 * MIB);
    server.stops_with("");
}

#[test]
fn thousands_of_short_connections_leak_nothing() {
    let server = Server::start(&["--max-message", "100"]);
    let mut healthy = server.open();
    let round = |healthy: &mut TcpStream| {
        for n in 0..1000 {
            let mut client = server.open();
            client.write_all(b"SECRET 1\nhalf a mess").unwrap();
            if n % 2 == 0 {
                assert_eq!(read_line(&mut client), digits("1"));
            }
            if n % 3 == 0 {
                drop(client);
            } else {
                reset(client);
            }
            if n % 4 == 0 {
                assert_eq!(exchange(server.open(), &[b'x'; 1000]), b"Message too long.\n");
            }
        }
        assert_eq!(ask(healthy, "SECRET 2"), digits("2"));
    };
    let all_are_gone = |healthy: &mut TcpStream, usual: usize| {
        let answered = || assert_eq!(ask(healthy, "SECRET 3"), digits("3"));
        poll_until("their descriptors are closed", answered, || server.proc.descriptors() <= usual);
    };
    assert_eq!(ask(&mut healthy, "SECRET 2"), digits("2"));
    let usual = server.proc.descriptors();
    // The first round allocates the memory that many clients need; a leak would need more in each round.
    round(&mut healthy);
    all_are_gone(&mut healthy, usual);
    let before = server.proc.memory("VmRSS");
    for _ in 0..4 {
        round(&mut healthy);
    }
    all_are_gone(&mut healthy, usual);
    grew_by_less(&server.proc, before, MIB);
    server.stops_with("");
}

#[test]
fn running_out_of_descriptors_is_logged_once_and_recovers() {
    let server = Server::from_command(&mut with_limit("-n 64", ["listen", "127.0.0.1:0"]));
    let started = Instant::now();
    let mut first = server.open();
    assert_eq!(ask(&mut first, "SECRET 0"), digits("0"));
    let mut crowd: Vec<TcpStream> = (0..150).map(|_| server.open()).collect();
    server.proc.wait_for_stderr("new connections wait");
    for client in &mut crowd {
        client.write_all(b"SECRET 1\n").unwrap();
    }
    let (begun, used) = (Instant::now(), server.proc.processor_ticks());
    pass_time();
    let share =
        f64::from(u32::try_from(server.proc.processor_ticks() - used).unwrap()) / 100.0 / begun.elapsed().as_secs_f64();
    assert!(share < 0.25, "{share} of a core for waiting");
    assert_eq!(ask(&mut first, "SECRET 2"), digits("2"), "accepted clients are served");
    // The connected clients close one by one, and each makes room for a waiting one.
    for mut client in crowd {
        assert_eq!(read_line(&mut client), digits("1"));
    }
    // Other clients, which close before they are accepted.
    for _ in 0..3 {
        let crowd: Vec<TcpStream> = (0..150).map(|_| server.open()).collect();
        assert_eq!(ask(&mut first, "SECRET 3"), digits("3"));
        crowd.into_iter().for_each(reset);
        assert_eq!(ask(&mut server.open(), "SECRET 4"), digits("4"));
    }
    // One line per minute is not a flood, whatever the clients do.
    let lines = 1 + usize::try_from(started.elapsed().as_secs() / 60).unwrap();
    let line = "secretcat: accept: too many open files; new connections wait until others end\n";
    let ready_line = server.ready_line.clone();
    let out = server.stop();
    assert_eq!(out.status, Some(0));
    assert!((1..=lines).any(|n| out.stderr == ready_line.clone() + &line.repeat(n)), "{}", out.stderr);
}

/// Writes lines into a stream until the program reads no more; returns the number of bytes.
fn fill(proc: &Proc, mut write: impl FnMut(&[u8]) -> io::Result<usize>) -> usize {
    let lines = b"0123456789abcde\n".repeat(1024);
    let (pace, mut sent, mut calm) = (Server::start(&[]), 0, 0);
    let mut partner = pace.open();
    let step = || assert_eq!(ask(&mut partner, ""), NOT_FOUND);
    poll_until("nothing more is taken", step, || {
        // It sleeps and is not woken, neither by the written bytes nor by space in its send buffer.
        let waited = proc.waits();
        calm = if proc.is_in_state('S') { calm + 1 } else { 0 };
        while let Ok(n) = write(&lines[sent % 16..]) {
            (sent, calm) = (sent + n, 0);
            assert!(sent < 1 << 28, "it never stops reading");
        }
        if proc.waits() != waited {
            calm = 0;
        }
        calm == 50
    });
    sent
}

#[test]
fn connect_stays_small_while_the_server_does_not_read() {
    let (listener, address) = local_listener();
    let (ours, stdin) = UnixStream::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    let mut command = secretcat(["connect", &address]);
    let proc = Proc::start_on(&mut command, OwnedFd::from(stdin).into(), Stdio::piped(), Stdio::piped());
    drop(command);
    let mut server = accept(&listener);
    let sent = fill(&proc, |bytes| (&ours).write(bytes));
    assert!(proc.memory("VmHWM") < 32 * MIB, "{}", proc.memory("VmHWM"));
    drop(ours);
    let (mut received, mut buf) = (0, vec![0; 65536]);
    while received < sent {
        let n = read_some(&mut server, &mut buf).unwrap();
        assert!(n > 0, "{received} of {sent}");
        received += n;
    }
    server.shutdown(Shutdown::Write).unwrap();
    let unanswered = sent.div_ceil(16);
    let stderr = format!("secretcat: connect {address}: closed by the server with {unanswered} messages unanswered\n");
    proc.end().is(1, "", stderr);
}

#[test]
fn connect_stays_small_while_its_stdout_is_not_read() {
    for args in [&[][..], &["--raw", "--end-with-peer"], &["--raw", "--end-with-peer", "-v"]] {
        let (listener, address) = local_listener();
        let (mut ours, stdout) = UnixStream::pair().unwrap();
        let mut command = secretcat(["connect", &address]);
        let mut proc = Proc::start_on(command.args(args), Stdio::piped(), OwnedFd::from(stdout).into(), Stdio::piped());
        drop(command);
        let server = accept(&listener);
        server.set_nonblocking(true).unwrap();
        let sent = fill(&proc, |bytes| (&server).write(bytes));
        assert!(proc.memory("VmHWM") < 32 * MIB, "{args:?}: {}", proc.memory("VmHWM"));
        server.shutdown(Shutdown::Write).unwrap();
        if !args.is_empty() {
            proc.close_stdin(); // a stream continues until its input has ended
        }
        ours.set_read_timeout(Some(DEADLINE)).unwrap();
        let mut shown = 0;
        let mut buf = vec![0; 65536];
        while let n @ 1.. = read_some(&mut ours, &mut buf).unwrap() {
            shown += n;
        }
        assert_eq!(shown / 16, sent / 16, "{args:?}");
        let out = proc.end();
        // While stdin may have more messages, the server closes too early.
        assert_eq!(out.status, Some(i32::from(args.is_empty())), "{args:?}: {}", out.stderr);
    }
}

#[test]
fn cost_per_byte_does_not_grow_with_the_message() {
    let server = Server::start(&["--max-message", "32M"]);
    let cost = |size: usize| {
        let mut message = b"SECRET".to_vec();
        message.resize(size - 1, b'7');
        message.push(b'\n');
        let used = server.proc.processor_ticks();
        let count = (64 << 20) / size;
        let answers = exchange(server.open(), &message.repeat(count));
        assert!(answers == digits(&"7".repeat(size - 7)).repeat(count).as_bytes(), "{} bytes", answers.len());
        server.proc.processor_ticks() - used
    };
    let (small, large) = (cost(64 << 10), cost(16 << 20));
    // Examining all bytes again for each part would cost hundreds of times as much.
    assert!(large <= 4 * small + 50, "{large} ticks for what took {small} in small messages");
    server.stops_with("");
}

#[test]
fn slow_chat_client_is_dropped_and_others_lose_nothing() {
    let server = Server::start(&["--service", "chat", "-v"]);
    let silent = server.open();
    let (mut sender, mut listener) = (server.open(), server.open());
    server.proc.wait_for_stderr("#3 accepted");
    let before = server.proc.memory("VmRSS");
    let line = "x".repeat(1000) + "\n";
    let mut sent = 0;
    // The listener receives each part before the next is sent: only the silent client is behind.
    let step = || {
        sender.write_all(line.repeat(100).as_bytes()).unwrap();
        sent += 100;
        for _ in 0..100 {
            assert_eq!(read_line(&mut listener).len(), line.len());
        }
    };
    let left = || server.proc.output_so_far().1.contains("client reads too slowly");
    poll_until("the silent client is dropped", step, left);
    grew_by_less(&server.proc, before, 8 * MIB);
    drop(silent);
}
