//! Which side connects, and who is served.

use std::io::{Read, Write};
use std::net::TcpListener;

use rustix::process::Signal;

use crate::pair::{Files, end, line, send_to};
use crate::support::{Proc, Server, read_line, read_some, run, secretcat, skip};

#[test]
fn foreign_connection_is_rejected_and_the_next_one_served() {
    let files = Files::new("foreign");
    let path = files.to_send("a", "abc");
    let receiver = files.receiver(&[]);
    // It says nothing, and holds no other one up.
    let silent = receiver.open();
    let mut foreign = receiver.open();
    foreign.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    let mut reply = String::new();
    foreign.read_to_string(&mut reply).unwrap();
    let why = "no line of secretcat send or receive: \"GET / HTTP/1.1\"";
    assert_eq!(reply, format!("error {why}\n"));
    let peer = foreign.local_addr().unwrap();
    receiver.proc.wait_for_stderr(why);
    send_to(&receiver, &[&path]).end().is(0, "", line("sent", "a", b"abc"));
    drop(silent);
    end(receiver).is(0, "", format!("secretcat: rejected {peer}: {why}\n") + &line("received", "a", b"abc"));
}

/// A server that takes one connection, sends these bytes, and then reads until it ends if `reads`; returns its address.
fn foreign(bytes: &'static [u8], reads: bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = read_some(&mut stream, &mut [0; 100]); // so that its end is no reset
        stream.write_all(bytes).unwrap();
        if reads {
            let _ = stream.read_to_end(&mut Vec::new());
        }
    });
    address
}

#[test]
fn peer_that_is_no_secretcat_is_named_with_a_hint() {
    let files = Files::new("no_secretcat");
    let (path, target) = (files.to_send("a", "abc"), files.target());
    for (bytes, why) in [
        (
            &b"HTTP/1.1 400 Bad Request\r\n\r\n"[..],
            "no line of secretcat send or receive: \"HTTP/1.1 400 Bad Request\"",
        ),
        // These wait for more, and send no line feed.
        (b"J\0\0\0\x0a8.0.36", "no line of secretcat send or receive: bytes that are no text"),
        (b"\x15\x03\x03\0\x02\x02\x46", ""),
    ] {
        let tls = "it speaks TLS (--tls on both sides, or on neither)";
        let expected = |other: &str| match why {
            "" => tls.to_owned(),
            why => format!("{why} (is secretcat {other} listening there?)"),
        };
        let to = foreign(bytes, true);
        let why = expected("receive");
        run(["send", "--to", &to, &path], "").is(1, "", format!("secretcat: send to {to}: {why}\n"));
        let from = foreign(bytes, true);
        let why = expected("send");
        let taken = run(["receive", "--from", &from, "--dir", &target], "");
        taken.is(1, "", format!("secretcat: receive from {from}: {why}\n"));
    }
    let to = foreign(b"", false);
    let why = "closed before the first line of a receiver (is secretcat receive listening there?)";
    run(["send", "--to", &to, &path], "").is(1, "", format!("secretcat: connect {to}: {why}\n"));
    let from = foreign(b"secretcat-files 1", false);
    let why = "closed before the first line of a sender (is secretcat send listening there?)";
    let taken = run(["receive", "--from", &from, "--dir", &target], "");
    taken.is(1, "", format!("secretcat: connect {from}: {why}\n"));
    assert_eq!(files.names().len(), 0);
}

/// As the proxy of a container does whose server is still starting.
#[test]
fn close_before_the_first_byte_is_retried() {
    let files = Files::new("retried");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let from = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for bytes in [&b""[..], b"", b"secretcat-files 1 send\nend\n"] {
            let (mut stream, _) = listener.accept().unwrap();
            let _ = read_some(&mut stream, &mut [0; 100]);
            stream.write_all(bytes).unwrap();
            if !bytes.is_empty() {
                let _ = stream.read_to_end(&mut Vec::new());
            }
        }
    });
    let args = ["receive", "--from", &from, "--dir", &files.target(), "--retry", "2", "--retry-delay", "1ms"];
    run(args, "").is(0, "", "");
}

#[test]
fn silent_peer_is_reported_while_it_is_waited_for() {
    let files = Files::new("silent");
    let path = files.to_send("a", "abc");
    let start = |args: &[&str]| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let to = listener.local_addr().unwrap().to_string();
        let sender = Proc::start(secretcat(["send", "--to", &to, &path]).args(args));
        (sender, listener.accept().unwrap().0, to)
    };
    let (quiet, mut quiet_peer, quiet_to) = start(&["--quiet"]);
    let (sender, mut peer, to) = start(&[]);
    let silent = format!("{to} sends nothing: it may serve another transfer, or be no secretcat receive");
    sender.wait_for_stderr(&silent); // the quiet one has waited for longer
    for stream in [&mut peer, &mut quiet_peer] {
        stream.write_all(b"error it is full\n").unwrap();
    }
    let error = |to: &str| format!("secretcat: send to {to}: the receiver: it is full\n");
    sender.end().is(1, "", format!("{silent} (-w TIME limits the wait)\n{}", error(&to)));
    quiet.end().is(1, "", error(&quiet_to));
}

#[cfg(feature = "tls")]
#[test]
fn tls_on_one_side_only_is_reported_on_both() {
    let files = Files::new("one_tls");
    let path = files.to_send("a", "abc");
    let receiver = files.receiver(&["-k", "--tls"]);
    let to = receiver.address();
    let tls = "it speaks TLS (--tls on both sides, or on neither)";
    run(["send", "--to", &to, &path], "").is(1, "", format!("secretcat: send to {to}: {tls}\n"));
    receiver.proc.wait_for_stderr("the client does not speak TLS: it sent \"secretcat-files 1 send\\n\"\n");
    assert_eq!(receiver.stop().stderr.matches("secretcat: rejected 127.0.0.1:").count(), 1);

    let receiver = files.receiver(&["-k", "--tls"]);
    let to = receiver.address();
    let wrong = format!("sha256//{}=", "A".repeat(43));
    let out = run(["send", "--to", &to, "--tls-pin", &wrong, &path], "");
    out.is(1, "", format!("secretcat: connect {to}: the server's key has none of the pins of --tls-pin\n"));
    receiver.proc.wait_for_stderr(": the client ended TLS: ");
    receiver.stop();

    let receiver = files.receiver(&["-k"]);
    let to = receiver.address();
    let out = run(["send", "--to", &to, "--tls-insecure", &path], "");
    assert!(out.stderr.contains("the server does not speak TLS: it sent \"error it speaks TLS "), "{}", out.stderr);
    receiver.proc.wait_for_stderr(tls);
    receiver.stop();
}

#[test]
fn two_senders_or_two_receivers_are_an_error() {
    let files = Files::new("roles");
    let path = files.to_send("a", "abc");
    let sender = Server::from_command(&mut secretcat(["send", "--listen=127.0.0.1:0", &path]));
    let to = sender.address();
    let other = run(["send", "--to", &to, &path], "");
    other.is(1, "", format!("secretcat: send to {to}: the receiver: both sides send\n"));
    let taken = run(["receive", "--from", &to, "--dir", &files.target()], "");
    taken.is(0, "", line("received", "a", b"abc"));
    let out = end(sender);
    assert!(out.stderr.contains(": both sides send\n"), "{}", out.stderr);
    assert_eq!(out.status, Some(0));

    let receiver = files.receiver(&[]);
    let from = receiver.address();
    let other = run(["receive", "--from", &from, "--dir", &files.target()], "");
    other.is(1, "", format!("secretcat: receive from {from}: the sender: both sides receive\n"));
    receiver.proc.signal(Signal::INT);
    assert_eq!(receiver.proc.end().signal, Some(Signal::INT.as_raw()));
}

#[test]
fn second_peer_is_refused_with_a_reason_while_one_is_served() {
    let files = Files::new("second");
    let path = files.to_send("b", "abc");
    let receiver = files.receiver(&[]);
    let mut first = receiver.open();
    first.write_all(b"secretcat-files 1 send\n").unwrap();
    assert_eq!(read_line(&mut first), "secretcat-files 1 receive\n");
    let to = receiver.address();
    let second = run(["send", "--to", &to, &path], "");
    second.is(1, "", format!("secretcat: send to {to}: the receiver: another transfer is running\n"));
    first.write_all(b"end\n").unwrap();
    assert_eq!(read_line(&mut first), "end\n");
    drop(first);
    let out = end(receiver);
    assert!(out.stderr.starts_with("secretcat: rejected ") && out.stderr.ends_with(": another transfer is running\n"));
    assert_eq!((out.status, files.names().len()), (Some(0), 0));
}

#[test]
fn listener_that_keeps_open_serves_one_after_the_other() {
    let files = Files::new("keep");
    let receiver = files.receiver(&["-k", "--overwrite", "always"]);
    // A transfer that fails does not end the run.
    let mut broken = receiver.open();
    broken.write_all(b"secretcat-files 1 send\nnonsense\n").unwrap();
    let mut reply = String::new();
    broken.read_to_string(&mut reply).unwrap();
    let why = "a line that is none of the protocol: \"nonsense\"";
    assert_eq!(reply, format!("secretcat-files 1 receive\nerror {why}\n"));
    let mut expected = format!(
        "{}secretcat: receive from {}: the sender sends: {why}\n",
        receiver.ready_line,
        broken.local_addr().unwrap()
    );
    for content in ["one", "two"] {
        let path = files.to_send("a", content);
        send_to(&receiver, &[&path]).end().is(0, "", line("sent", "a", content.as_bytes()));
        expected += &line("received", "a", content.as_bytes());
        assert_eq!(files.read("a"), content.as_bytes());
    }
    receiver.stop().is(0, "", expected);
}

#[test]
fn first_line_is_read_that_comes_while_another_one_is_closed() {
    let files = Files::new("closing");
    let receiver = files.receiver(&["-k"]);
    // The listener reads from the second one, in vain, before it answers the foreign one.
    let (mut second, mut foreign) = (receiver.open(), receiver.open());
    foreign.write_all(b"nonsense\n").unwrap();
    let why = "no line of secretcat send or receive: \"nonsense\"";
    assert_eq!(read_line(&mut foreign), format!("error {why}\n"));
    let expected = format!("{}secretcat: rejected {}: {why}\n", receiver.ready_line, foreign.local_addr().unwrap());
    drop(foreign);
    receiver.proc.wait_for_stderr(why);
    let mut first = receiver.open();
    first.write_all(b"secretcat-files 1 send\nend\n").unwrap();
    let mut reply = String::new();
    // To its end: the receiver closes the connection, and waits for our end.
    first.read_to_string(&mut reply).unwrap();
    assert_eq!(reply, "secretcat-files 1 receive\nend\n");
    second.write_all(b"secretcat-files 1 send\n").unwrap();
    drop(first);
    assert_eq!(read_line(&mut second), "secretcat-files 1 receive\n");
    second.write_all(b"end\n").unwrap();
    assert_eq!(read_line(&mut second), "end\n");
    drop(second);
    receiver.stop().is(0, "", expected);
}

#[test]
fn listening_sender_serves_each_receiver() {
    let files = Files::new("each");
    let path = files.to_send("a", "abc");
    let sender = Server::from_command(&mut secretcat(["send", "-k", "--listen=127.0.0.1:0", &path]));
    for name in ["one", "two"] {
        let dir = files.dir.file(name);
        std::fs::create_dir(&dir).unwrap();
        let args = ["receive", "--from", &sender.address(), "--dir", dir.to_str().unwrap()];
        run(args, "").is(0, "", line("received", "a", b"abc"));
        assert_eq!(std::fs::read(dir.join("a")).unwrap(), b"abc");
    }
    sender.stops_with(&line("sent", "a", b"abc").repeat(2));
}

#[test]
fn interrupted_sides_report_it_to_each_other() {
    if !skip::has_signals() {
        return;
    }
    let files = Files::new("interrupt");
    let receiver = files.receiver(&[]);
    let mut sender = send_to(&receiver, &["--name", "a", "-"]);
    sender.write("abc");
    let part = files.path(".a.part");
    crate::support::poll_until("a partial file", std::thread::yield_now, || part.exists());
    sender.signal(Signal::INT);
    let out = sender.end();
    assert_eq!((out.signal, out.stderr.as_str()), (Some(Signal::INT.as_raw()), "secretcat: interrupted\n"));
    let out = end(receiver);
    assert_eq!(out.status, Some(1));
    assert!(out.stderr.ends_with(": the sender: interrupted\n"), "{}", out.stderr);
}
