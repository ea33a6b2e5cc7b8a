//! `--progress`, and the progress that a terminal shows without it.

use std::fs::File;
use std::io::Write;
use std::net::TcpStream;
use std::process::Stdio;
use std::sync::mpsc::TryRecvError;
use std::thread;

use regex::Regex;

use crate::support::pty::Terminal;
use crate::support::{Dir, Proc, Server, accept, local_listener, poll_until, secretcat, shell};

/// At most three digits, and the unit.
const SIZE: &str = r"[0-9.]+ ([KMGT]i)?B";

#[track_caller]
fn assert_matches(pattern: &str, text: &str) {
    let pattern = pattern.replace("SIZE", SIZE);
    assert!(Regex::new(&format!("^{pattern}$")).unwrap().is_match(text), "{text:?} is not {pattern}");
}

#[test]
fn last_line_has_all_bytes_of_both_directions() {
    let dir = Dir::new("progress");
    std::fs::write(dir.file("in"), vec![b'x'; 3 << 20]).unwrap();
    for more in [&[][..], &["--chunk", "1M"]] {
        let (listener, address) = local_listener();
        let mut command = secretcat(["connect", "--raw", "--progress", &address]);
        let input = File::open(dir.file("in")).unwrap();
        let proc = Proc::start_on(command.args(more), input.into(), Stdio::piped(), Stdio::piped());
        let mut server = accept(&listener);
        std::io::copy(&mut server, &mut std::io::sink()).unwrap();
        server.write_all(&[b'y'; 2048]).unwrap();
        drop(server);
        let ended = proc.end();
        assert_eq!((ended.status, ended.stdout.len()), (Some(0), 2048));
        let last = ended.stderr.lines().last().unwrap_or_default();
        assert_matches(r"sent 3 MiB of 3 MiB \(100%\), received 2 KiB in [0-9.]+ [mu]?s", last);
    }
}

#[test]
fn progress_without_a_terminal_prints_whole_lines() {
    let server = Server::start(&["--service", "pipe", "--progress"]);
    let client = server.open();
    // The transfer continues until its progress is reported.
    thread::scope(|scope| {
        let (reported, over) = std::sync::mpsc::channel::<()>();
        let mut stream = &client;
        scope.spawn(move || {
            while over.try_recv() == Err(TryRecvError::Empty) {
                stream.write_all(&[b'x'; 1000]).unwrap();
            }
        });
        server.proc.wait_for_stderr("received ");
        drop(reported);
    });
    drop(client);
    let mut proc = server.proc;
    proc.close_stdin();
    let ended = proc.end();
    assert_eq!(ended.status, Some(0));
    let last = ended.stderr.lines().last().unwrap_or_default();
    assert_matches(r"sent 0 B, received SIZE in [0-9.]+ .*s", last);
}

#[test]
fn no_progress_by_default_without_a_terminal() {
    let dir = Dir::new("no-progress");
    let (listener, address) = local_listener();
    let mut command = secretcat(["connect", "--raw", &address]);
    let output = File::create(dir.file("out")).unwrap();
    let proc = Proc::start_on(&mut command, Stdio::null(), output.into(), Stdio::piped());
    let mut server = accept(&listener);
    server.write_all(b"all").unwrap();
    poll_until("the bytes in the file", thread::yield_now, || std::fs::read(dir.file("out")).unwrap() == b"all");
    drop(server);
    proc.end().is(0, "", "");
}

/// `connect --raw` at a terminal, with a file of 64 MiB on stdin, more than every buffer on the way.
fn send_file(dir: &Dir, output: &str, args: &[&str]) -> (Terminal, TcpStream) {
    let input = dir.file("in");
    File::create(&input).unwrap().set_len(64 << 20).unwrap();
    let (listener, address) = local_listener();
    let script = format!("exec \"$0\" \"$@\" < '{}' {output}", input.display());
    let args = [&["connect", "--raw", &address], args].concat();
    let terminal = Terminal::start(&shell(&script, args));
    let server = accept(&listener);
    (terminal, server)
}

/// Completes the transfer; returns the whole output.
#[track_caller]
fn finish(terminal: Terminal, mut server: TcpStream) -> String {
    std::io::copy(&mut server, &mut std::io::sink()).unwrap();
    drop(server);
    let (ended, shown) = terminal.end();
    assert_eq!(ended.status, Some(0));
    shown
}

#[test]
fn terminal_shows_progress_of_a_file_and_a_summary() {
    let dir = Dir::new("watched");
    let (mut terminal, server) = send_file(&dir, &format!("> '{}'", dir.file("out").display()), &[]);
    terminal.sees("sent ");
    terminal.sees(" of 64 MiB (");
    let shown = finish(terminal, server);
    let (_, last) = shown.rsplit_once("\r\u{1b}[K").unwrap();
    assert_matches(r"sent 64 MiB of 64 MiB \(100%\), received 0 B in [0-9.]+ .*s\r\n", last);
}

#[test]
fn no_progress_where_output_shares_the_terminal() {
    let (dir, other) = (Dir::new("beside"), Dir::new("not-beside"));
    let (beside, server) = send_file(&dir, "", &[]);
    // When another one has reported, this one would have, too.
    let (mut watched, its_server) = send_file(&other, &format!("> '{}'", other.file("out").display()), &[]);
    watched.sees(" of 64 MiB (");
    finish(watched, its_server);
    assert_eq!(finish(beside, server), "");

    let (mut asked, server) = send_file(&dir, "", &["--progress"]);
    asked.sees(" of 64 MiB (");
    let shown = finish(asked, server);
    assert!(!shown.contains('\u{1b}'), "each line stays: {shown:?}");
}
