//! A stdout whose reader has closed ends each command quietly by SIGPIPE, as it ends cat(1).

use std::fs::read_to_string;
use std::io::Write;
use std::net::TcpStream;
use std::process::{Command, Stdio};

use rustix::pipe::PipeFlags;

use crate::support::pid_1::{as_pid_1, has_pid_namespaces};
use crate::support::trace::Trace;
use crate::support::{Dir, Proc, Server, accept, local_listener, read_line, secretcat};

/// A program whose stdout is a pipe without a reader.
#[track_caller]
fn without_reader(command: &mut Command) -> Proc {
    let (reader, stdout) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC).unwrap();
    drop(reader);
    Proc::start_on(command, Stdio::piped(), stdout.into(), Stdio::piped())
}

#[test]
fn stdout_without_reader_ends_each_command_by_sigpipe() {
    let server = Server::start(&[]);
    let dir = Dir::new("endings-no-reader");
    let junit = dir.file("junit").display().to_string();
    let sweep = ["sweep", &server.address(), "-m", "a", "--max-plans", "2"];
    let contained = has_pid_namespaces();
    let reported = [&sweep[..], &["--json", "--junit", &junit]].concat();
    for args in [&["--help"][..], &["--version"], &["listen", "--help"], &sweep, &reported] {
        let out = without_reader(&mut secretcat(args)).end();
        assert_eq!((out.status, out.signal, &out.stderr[..]), (None, Some(13), ""), "{args:?}");
        if contained {
            let out = without_reader(&mut as_pid_1(&secretcat(args))).end();
            assert_eq!((out.status, out.signal, &out.stderr[..]), (Some(141), None, ""), "{args:?}");
        }
    }
    assert!(read_to_string(junit).unwrap().ends_with("</testsuite>\n"));
}

#[test]
fn reply_without_stdout_reader_ends_connect_by_sigpipe() {
    let (listener, address) = local_listener();
    let dir = Dir::new("endings-no-reader-of-replies");
    let trace = dir.file("trace");
    let recorded = ["--stats", "--trace", trace.to_str().unwrap()];
    for (args, records) in [(&["-m", "a"][..], false), (&["-m", "a"], true), (&["--raw"], true)] {
        let mut command = secretcat(["connect", &address]);
        command.args(args).args(if records { &recorded[..] } else { &[] });
        let mut client = without_reader(&mut command);
        client.write("a\n"); // stays open
        let mut server = accept(&listener);
        assert_eq!(read_line(&mut server), "a\n");
        server.write_all(b"reply\n").unwrap();
        let out = client.end();
        assert_eq!((out.status, out.signal), (None, Some(13)), "{args:?}: {}", out.stderr);
        assert_eq!(out.stderr.starts_with("connections "), records, "{args:?}: {}", out.stderr);
        assert!(!out.stderr.contains("secretcat:"), "{}", out.stderr);
        if records {
            assert_eq!(Trace::read(&trace).of(1, "close").len(), 1);
        }
    }
}

#[test]
fn bytes_without_stdout_reader_end_a_pipe_by_sigpipe() {
    for more in [&[][..], &["-k"]] {
        let server =
            Server::from_proc(without_reader(secretcat(["listen", "127.0.0.1:0", "--service", "pipe"]).args(more)));
        // It is reset as soon as the listener detects that no process reads, perhaps before it has written.
        let client = TcpStream::connect(server.addr).and_then(|mut client| {
            client.write_all(b"hello\n")?;
            Ok(client)
        });
        let out = server.proc.end();
        drop(client);
        assert_eq!((out.status, out.signal, out.stderr), (None, Some(13), server.ready_line), "{more:?}");
    }
}
