//! The log of a listener: one line per connection at its end, in the journal, in a file and at a terminal.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::process::{Command, Stdio};

use rustix::process::Signal;

use crate::support::pty::Terminal;
use crate::support::{
    DEADLINE, Dir, FreePort, Outcome, Proc, Server, accept, ask, digits, exchange, poll_until, read_some, reset, run,
    secretcat, shell, start_relay, without_durations,
};

/// The program with its stderr as the journal: systemd.exec(5) names that by device and inode.
const IN_THE_JOURNAL: &str = r#"JOURNAL_STREAM=$(stat -L -c %d:%i /proc/self/fd/2)
export JOURNAL_STREAM; exec "$0" listen "$@""#;

fn in_the_journal(args: &[&str]) -> Server {
    Server::from_command(&mut shell(IN_THE_JOURNAL, [&["127.0.0.1:0"], args].concat()))
}

/// Stops it and compares its log after the line of its address.
#[track_caller]
fn stops_with_log(server: Server, expected: &[String]) {
    let ready_line = server.ready_line.clone();
    let out = server.stop();
    let lines: String = expected.iter().map(|line| line.to_owned() + "\n").collect();
    assert_eq!((out.status, without_durations(&out.stderr)), (Some(0), ready_line + &lines));
}

#[test]
fn journal_line_of_a_client_has_its_level() {
    let server = in_the_journal(&["--allow", "127.0.0.0/30", "--deny", "127.0.0.2"]);
    assert_eq!(server.ready_line, format!("<6>listening on {}\n", server.addr));
    let client = server.open();
    let from = client.local_addr().unwrap();
    assert_eq!(exchange(client, b"SECRET 1\nx\n"), b"Digits: 1   Count: 1\nSecret code not found.\n");
    stops_with_log(server, &[format!("<6>#1 {from}: * s, 11 bytes in, 44 bytes out, 2 messages in: closed by peer")]);
}

#[test]
fn error_in_the_journal_has_its_level() {
    let server = Server::start(&[]);
    let script = IN_THE_JOURNAL.replace("listen ", "");
    let out = Proc::start(&mut shell(&script, ["listen", &server.address()])).end();
    let why = "address already in use (another program listens there; port 0 picks a free one)";
    out.is(1, "", format!("<3>secretcat: listen {}: {why}\n", server.address()));
}

#[test]
fn no_client_lines_with_quiet_or_without_the_journal() {
    let mut other = secretcat(["listen", "127.0.0.1:0"]);
    other.env("JOURNAL_STREAM", "1:1");
    let server = Server::from_command(&mut other);
    assert_eq!(server.exchange("SECRET 1\n"), digits("1"));
    server.stops_with("");
    let dir = Dir::new("quiet");
    let path = format!("unix:{}", dir.file("socket").display());
    let listener = Proc::start(&mut shell(&IN_THE_JOURNAL.replace("listen", "listen --quiet --once"), [&path]));
    let args = ["connect", &path, "--retry", "1000", "--retry-delay", "10ms", "-m", "SECRET 1"];
    assert_eq!(run(args, "").stdout, digits("1").into_bytes());
    listener.end().is(0, "", "");
}

#[test]
fn client_line_ends_with_the_close_reason() {
    let server = Server::start(&["-v", "--max-message", "10", "--deny", "127.0.0.2"]);
    let mut lost = server.open();
    assert_eq!(ask(&mut lost, "SECRET 1"), digits("1"));
    let from = lost.local_addr().unwrap();
    reset(lost);
    let ends = |server: &Server, from, counts: &str| {
        let log = without_durations(&server.proc.wait_for_stderr(counts));
        let line = log.lines().find(|line| line.contains(&format!("{from}: * s")));
        assert!(line.is_some_and(|line| line.ends_with(counts)), "{from}, {counts}: {log}");
    };
    ends(&server, from, "9 bytes in, 21 bytes out, 1 message in: reset by peer");
    let client = server.open();
    let from = client.local_addr().unwrap();
    assert_eq!(exchange(client, &[b'x'; 11]), b"Message too long.\n");
    ends(&server, from, "11 bytes in, 18 bytes out, 0 messages in: message longer than 10 bytes");
    let server = Server::start(&["-v", "--idle-timeout", "300ms"]);
    let idle = server.open();
    ends(&server, idle.local_addr().unwrap(), "0 bytes in, 0 bytes out, 0 messages in: idle timeout");
    let source = Server::start(&["-v", "--service", "source", "--count", "1000"]);
    let mut client = source.open();
    client.read_to_end(&mut Vec::new()).unwrap();
    let from = client.local_addr().unwrap();
    drop(client);
    ends(&source, from, "0 bytes in, 1000 bytes out: closed by us");
    let server = Server::start(&["-v"]);
    let mut client = server.open();
    assert_eq!(ask(&mut client, "SECRET 1"), digits("1"));
    let from = client.local_addr().unwrap();
    server.proc.signal(Signal::TERM);
    ends(&server, from, "9 bytes in, 21 bytes out, 1 message in: closed by shutdown");
}

#[test]
fn rejected_client_is_logged() {
    for (rule, why) in [(["--deny", "127.0.0.1"], "in --deny"), (["--allow", "127.0.0.2"], "not in --allow")] {
        let server = in_the_journal(&rule);
        let mut client = server.open();
        let from = client.local_addr().unwrap();
        let _ = read_some(&mut client, &mut [0]);
        stops_with_log(server, &[format!("<6>{from}: rejected ({why})")]);
    }
}

#[test]
fn both_connections_of_a_relay_name_each_other() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let to = listener.local_addr().unwrap();
    let relay = in_the_journal(&["--relay", &to.to_string()]);
    let mut lines = Vec::new();
    for (client_id, server_id) in [(1, 2), (3, 4)] {
        let mut client = relay.open();
        let from = client.local_addr().unwrap();
        let mut server = accept(&listener);
        client.write_all(b"ask").unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        server.read_to_end(&mut Vec::new()).unwrap();
        server.write_all(b"answer").unwrap();
        drop(server);
        client.read_to_end(&mut Vec::new()).unwrap();
        lines.push(format!("<6>#{client_id} {from} -> #{server_id}: * s, 3 bytes in, 6 bytes out: closed by peer"));
        lines.push(format!("<6>#{server_id} {to} <- #{client_id}: * s, 6 bytes in, 3 bytes out: closed by us"));
        relay.proc.wait_for_stderr(&format!("#{server_id} {to} <- "));
        relay.proc.wait_for_stderr(&format!(" -> #{server_id}: "));
    }
    let ready_line = relay.ready_line.clone();
    let out = relay.stop();
    let log = without_durations(&out.stderr);
    let mut got: Vec<&str> = log.strip_prefix(&ready_line).unwrap().lines().collect();
    got.sort_unstable();
    lines.sort_unstable();
    assert_eq!((out.status, got), (Some(0), lines.iter().map(String::as_str).collect()));
}

#[test]
fn sigusr1_prints_totals_and_the_service_continues() {
    for threads in ["1", "3"] {
        let server = Server::start(&["--threads", threads]);
        let mut clients: Vec<TcpStream> = (0..4).map(|_| server.open()).collect();
        for client in &mut clients {
            assert_eq!(ask(client, "SECRET 1"), digits("1"));
        }
        let mut log = server.ready_line.clone();
        for open in [4, 3] {
            server.proc.signal(Signal::USR1);
            log = format!("{log}so far: 4 connections ({open} open), 36 bytes in, 84 bytes out, 4 messages in\n");
            server.proc.wait_for_stderr(&log);
            let mut first = clients.remove(0);
            first.shutdown(Shutdown::Write).unwrap();
            assert_eq!(read_some(&mut first, &mut [0]).unwrap(), 0);
        }
        server.stop().is(0, "", log);
    }
}

#[test]
fn sigusr1_totals_of_a_relay_count_clients() {
    let server = Server::start(&[]);
    let relay = start_relay(&server.address(), &[]);
    let mut client = relay.open();
    assert_eq!(ask(&mut client, "SECRET 1"), digits("1"));
    relay.proc.signal(Signal::USR1);
    relay.proc.wait_for_stderr("so far: 1 connection (1 open), 9 bytes in, 21 bytes out\n");
}

#[test]
fn sigusr1_prints_stats_if_they_are_recorded() {
    let server = Server::start(&["--stats"]);
    assert_eq!(server.exchange("SECRET 1\n"), digits("1"));
    server.proc.signal(Signal::USR1);
    server.proc.wait_for_stderr("connections   1\n");
    assert_eq!(server.exchange("SECRET 1\n"), digits("1"));
    let out = server.stop();
    assert_eq!(out.status, Some(0));
    assert!(out.stderr.contains("connections   2\n"), "{}", out.stderr);

    let server = Server::start(&[]);
    for (option, last) in [("--stats", true), ("-v", false)] {
        let mut client = Proc::start(&mut secretcat(["connect", &server.address(), option]));
        client.write("SECRET 1\n");
        client.wait_for_stdout("Count: 1\n");
        client.signal(Signal::USR1);
        client.wait_for_stderr("messages      1 out, 1 in\n");
        client.write("SECRET 2\n");
        client.wait_for_stdout("Digits: 2   Count: 1\n");
        client.close_stdin();
        let out = client.end();
        assert_eq!((out.status, out.stderr.contains("messages      2 out, 2 in\n")), (Some(0), last), "{}", out.stderr);
    }
}

/// Runs this with its stderr in a file, and returns the file.
fn with_stderr_in_a_file(command: &mut Command, during: impl FnOnce(&Proc, &dyn Fn() -> String)) -> (Outcome, String) {
    let dir = Dir::new("log");
    let path = dir.file("log");
    let stderr = File::create(&path).unwrap();
    let proc = Proc::start_on(command, Stdio::null(), Stdio::piped(), stderr.into());
    let read = || std::fs::read_to_string(&path).unwrap();
    during(&proc, &read);
    let out = proc.end();
    (out, read())
}

#[test]
fn log_file_has_the_time_on_each_line() {
    let port = FreePort::new();
    let address = port.address;
    let during = |proc: &Proc, read: &dyn Fn() -> String| {
        let lines = |n| read().lines().count() >= n;
        poll_until("it listens", std::thread::yield_now, || lines(1));
        let mut client = TcpStream::connect(address).unwrap();
        client.set_read_timeout(Some(DEADLINE)).unwrap();
        assert_eq!(ask(&mut client, "SECRET 1"), digits("1"));
        drop(client);
        poll_until("the line of the client", std::thread::yield_now, || read().contains(" message in: "));
        proc.signal(Signal::TERM);
    };
    let mut command = secretcat(["listen", &address.to_string(), "-v", "--stats"]);
    let (out, log) = with_stderr_in_a_file(&mut command, during);
    assert_eq!(out.status, Some(0));
    let mut texts = Vec::new();
    for line in log.lines() {
        let (time, text) = line.split_at(25);
        assert!(time.ends_with("Z ") && humantime::parse_rfc3339(time.trim_end()).is_ok(), "{line}");
        texts.push(text);
    }
    assert_eq!(texts[0], format!("listening on {address}"));
    assert!(texts.iter().any(|text| text.ends_with(": closed by peer")), "{log}");
    assert!(texts.iter().any(|text| text.starts_with("connections ")), "{log}");
}

#[test]
fn connect_errors_and_traces_in_a_file_have_no_time() {
    let server = Server::start(&[]);
    let args = ["connect", &server.address(), "-m", "SECRET 1", "--trace", "-"];
    let (out, log) = with_stderr_in_a_file(&mut secretcat(args), |_, _| {});
    assert_eq!(out.status, Some(0));
    assert!(!log.is_empty() && log.lines().all(|line| line.starts_with('{')), "{log}");
    server.stops_with("");
    let (out, log) = with_stderr_in_a_file(&mut secretcat(["connect", "127.0.0.1:1", "-m", "x"]), |_, _| {});
    let refused = "secretcat: connect 127.0.0.1:1: connection refused (is a server listening there?)\n";
    assert_eq!((out.status, log.as_str()), (Some(1), refused));
}

#[test]
fn listener_trace_stays_json_in_the_journal() {
    let server = in_the_journal(&["--trace", "-"]);
    assert_eq!(server.exchange("SECRET 1\n"), digits("1"));
    let out = server.stop();
    let traced = |line: &&str| line.contains("\"conn\":1");
    assert!(out.stderr.lines().filter(traced).count() > 3, "{}", out.stderr);
    assert!(out.stderr.lines().filter(traced).all(|line| line.starts_with('{')), "{}", out.stderr);
}

#[test]
fn terminal_shows_one_line_per_client() {
    let mut terminal = Terminal::start(&secretcat(["listen", "127.0.0.1:0", "--color", "never"]));
    let ready_line = terminal.sees("\r\n");
    let address = ready_line.trim_end().strip_prefix("listening on ").unwrap().to_owned();
    let client = TcpStream::connect(&address).unwrap();
    client.set_read_timeout(Some(DEADLINE)).unwrap();
    let from = client.local_addr().unwrap();
    assert_eq!(exchange(client, b"SECRET 1\n"), digits("1").into_bytes());
    let line = without_durations(&terminal.sees("\r\n"));
    assert_eq!(line, format!("#1 {from}: * s, 9 bytes in, 21 bytes out, 1 message in: closed by peer\r\n"));
    // Many connections that end at once print ten lines per second, and then the number of suppressed lines.
    terminal.signal(Signal::STOP);
    let crowd = (0..60).map(|_| TcpStream::connect(&address).unwrap());
    crowd.for_each(drop);
    terminal.signal(Signal::CONT);
    let (mut lines, mut left_out) = (0, 0);
    while lines + left_out < 60 {
        let line = terminal.sees("\r\n");
        match line.trim_end().strip_suffix(" closed (-v prints each)") {
            Some(count) => left_out += count.split(' ').next().unwrap().parse::<usize>().unwrap(),
            None => lines += 1,
        }
    }
    assert_eq!(lines + left_out, 60);
    assert!(left_out > 0, "all were printed");
    terminal.signal(Signal::TERM);
    assert_eq!(terminal.end().0.status, Some(0));
}

#[test]
fn log_line_starts_a_new_row_after_unterminated_output() {
    let mut terminal = Terminal::start(&secretcat(["listen", "127.0.0.1:0", "--service", "pipe", "--color", "never"]));
    let ready_line = terminal.sees("\r\n");
    let address = ready_line.trim_end().strip_prefix("listening on ").unwrap().to_owned();
    let mut client = TcpStream::connect(&address).unwrap();
    client.set_read_timeout(Some(DEADLINE)).unwrap();
    client.write_all(b"hello").unwrap();
    drop(client);
    assert_eq!(terminal.sees("\r\n"), "hello\r\n");
    assert!(terminal.sees("\r\n").contains(": closed by "));
}

#[test]
fn relay_logs_clients_to_a_pipe_only_when_verbose() {
    let server = Server::start(&[]);
    let relay = start_relay(&server.address(), &[]);
    assert_eq!(relay.exchange("SECRET 1\n"), digits("1"));
    relay.stops_with("");
    server.stops_with("");
}
