//! Ends of connections over TLS: which of them are complete, and what is said of the others.

use std::process::{Command, Stdio};

use crate::support::tls::{Certs, args};
use crate::support::{
    NOT_FOUND, Proc, Server, accept, digits, local_listener, peer_script, run, run_command, secretcat, skip,
    start_relay,
};

const UNHEARD: &str = "closed without a reply after our close_notify (many TLS servers do this: --no-shutdown)";
const CUT_OFF: &str = "the connection was cut off: FIN without a close of TLS (data may be missing)";
const VERSIONS: [&str; 2] = ["1.2", "1.3"];

/// A server of tests/peers/tls.py.
fn python(certs: &Certs, how: &str, version: &str) -> Option<Server> {
    Server::python("tls.py", &["serve", how, &certs.text("server.pem"), &certs.text("server.key"), version])
}

/// `connect` to this server, with these arguments besides.
fn connect(certs: &Certs, server: &Server, more: &[&str], input: &str) -> crate::support::Outcome {
    let base = args([&["connect".to_owned(), server.address()][..], &certs.ca()]);
    run(base.iter().map(String::as_str).chain(more.iter().copied()), input)
}

#[test]
fn late_replies_are_awaited_before_our_close_notify() {
    let certs = Certs::new("late");
    for version in VERSIONS {
        let Some(server) = python(&certs, "late", version) else { return };
        connect(&certs, &server, &[], "SECRET 1\nx\n").is(0, digits("1") + NOT_FOUND, "");
        let (address, ca) = (server.address(), certs.text("ca.pem"));
        let mut stream = Proc::start(&mut secretcat(["connect", &address, "--tls-ca", &ca, "--raw", "--no-shutdown"]));
        stream.feed(b"x\n".to_vec());
        stream.wait_for_stdout(NOT_FOUND);
    }
}

#[test]
fn reply_dropped_after_our_close_notify_is_named() {
    let certs = Certs::new("dropped");
    for version in VERSIONS {
        let Some(server) = python(&certs, "late", version) else { return };
        let line = format!("secretcat: connect {}: {UNHEARD}", server.address());
        for more in [&["--raw"][..], &["--replies", "any"]] {
            connect(&certs, &server, more, "x\n").is(1, "", format!("{line}\n"));
        }
        let out = connect(&certs, &server, &["--shutdown"], "x\n");
        out.is(1, "", format!("{line} with 1 message unanswered\n"));
        // Nothing is expected, so nothing is missing.
        connect(&certs, &server, &["--raw", "--send-only"], "x\n").is(0, "", "");
        connect(&certs, &server, &["--replies", "0"], "x\n").is(0, "", "");
    }
}

#[test]
fn node_drops_its_reply_after_our_close_notify() {
    if !skip::has_program("node") {
        return;
    }
    let certs = Certs::new("node-drops");
    let script = r#"
        const [cert, key] = process.argv.slice(1).map(path => require("fs").readFileSync(path));
        const server = require("tls").createServer({ cert, key }, socket => {
            socket.on("error", () => {});
            socket.on("data", () => setTimeout(() => socket.writable && socket.write("late\n"), 200));
        });
        server.listen(0, "127.0.0.1", () => process.stderr.write(`listening on 127.0.0.1:${server.address().port}\n`));
    "#;
    let mut node = Command::new("node");
    let server =
        Server::from_command(node.args(["-e", script]).arg(certs.path("server.pem")).arg(certs.path("server.key")));
    connect(&certs, &server, &[], "x\n").is(0, "late\n", "");
    let line = format!("secretcat: connect {}: {UNHEARD}\n", server.address());
    connect(&certs, &server, &["--raw"], "x\n").is(1, "", line);
}

#[test]
fn end_without_close_notify_after_whole_replies_is_an_end() {
    let certs = Certs::new("abrupt");
    for version in VERSIONS {
        let Some(server) = python(&certs, "abrupt", version) else { return };
        connect(&certs, &server, &[], "x\n").is(0, NOT_FOUND, "");
        let out = connect(&certs, &server, &["-v"], "x\n");
        assert_eq!((out.status, String::from_utf8_lossy(&out.stdout).as_ref()), (Some(0), NOT_FOUND));
        assert!(
            out.stderr.contains("the server closed the connection without a close_notify of TLS\n"),
            "{}",
            out.stderr
        );
        let lost = "closed by the server with 1 message unanswered";
        let line = format!("secretcat: connect {}: {lost}\n", server.address());
        connect(&certs, &server, &[], "x\nx\n").is(1, NOT_FOUND, line);
    }
}

#[test]
fn end_without_close_notify_of_a_stream_is_a_cut() {
    let certs = Certs::new("cut");
    for version in VERSIONS {
        let Some(server) = python(&certs, "abrupt", version) else { return };
        let line =
            format!("secretcat: {}: 0 bytes not sent, 0 sent but not acknowledged: {CUT_OFF}\n", server.address());
        connect(&certs, &server, &["--raw"], "x\n").is(1, NOT_FOUND, line);
        let server = python(&certs, "rest", version).unwrap();
        let line = format!("secretcat: connect {}: {CUT_OFF} with 1 message unanswered\n", server.address());
        connect(&certs, &server, &[], "x\n").is(1, "half a rep", line);
    }
}

#[test]
fn close_notify_is_a_half_close_for_every_service() {
    if !skip::has_program("python3") {
        return;
    }
    let certs = Certs::new("half-close");
    let identity = certs.identity("server");
    let identity: Vec<&str> = identity.iter().map(String::as_str).collect();
    let services: [(&[&str], String); 4] = [
        (&[], digits("7") + NOT_FOUND),
        (&["--service", "echo"], "SECRET 7\nrest".to_owned()),
        (&["--service", "discard"], String::new()),
        // It drops the bytes after the last line feed.
        (&["--bug", "drop-tail"], digits("7")),
    ];
    for version in VERSIONS {
        for (service, reply) in &services {
            let server = Server::start(&[service, &identity[..]].concat());
            let out = client(&certs, &server, "polite", version, "SECRET 7\nrest");
            let name = format!("{service:?} TLS {version}");
            assert_eq!(
                (String::from_utf8_lossy(&out.stdout), out.stderr.as_str()),
                (reply.into(), "end: close_notify\n"),
                "{name}"
            );
            server.stops_with("");
        }
    }
}

/// A client of tests/peers/tls.py.
fn client(certs: &Certs, server: &Server, how: &str, version: &str, input: &str) -> crate::support::Outcome {
    let mut client = Command::new("python3");
    client.arg("-u").arg(peer_script("tls.py")).args(["client", how, &server.port(), &certs.text("ca.pem"), version]);
    run_command(&mut client, input)
}

#[test]
fn rest_before_an_end_without_close_notify_is_not_answered() {
    if !skip::has_program("python3") {
        return;
    }
    let certs = Certs::new("unanswered-rest");
    let identity = certs.identity("server");
    for version in VERSIONS {
        let server = Server::start(&[&["-v"], &identity.each_ref().map(String::as_str)[..]].concat());
        let out = client(&certs, &server, "abrupt", version, "SECRET 7\nSECRET 8");
        assert_eq!(String::from_utf8_lossy(&out.stdout), digits("7"), "TLS {version}");
        server.proc.wait_for_stderr(&format!("1 message in: {CUT_OFF}\n"));
        // Without a rest, every message is whole.
        let out = client(&certs, &server, "abrupt", version, "SECRET 7\n");
        assert_eq!(
            (String::from_utf8_lossy(&out.stdout).as_ref(), out.stderr.as_str()),
            (digits("7").as_str(), "end: close_notify\n")
        );
        server.proc.wait_for_stderr("1 message in: closed by peer, without a close_notify\n");
    }
}

#[test]
fn relay_passes_a_cut_on_as_a_reset() {
    if !skip::has_program("python3") {
        return;
    }
    let certs = Certs::new("relayed-cut");
    let identity = certs.identity("server");
    for (how, is_cut) in [("abrupt", true), ("polite", false)] {
        let (listener, address) = local_listener();
        let relay = start_relay(&address, &identity.each_ref().map(String::as_str));
        let mut python = Command::new("python3");
        python.arg("-u").arg(peer_script("tls.py")).args(["client", how, &relay.port(), &certs.text("ca.pem")]);
        let mut client = Proc::start(&mut python);
        client.feed(b"half of it".to_vec());
        let mut server = accept(&listener);
        if is_cut {
            crate::support::expect_reset(&mut server, "half of it");
        } else {
            assert_eq!(crate::support::read_to_end(&server), b"half of it");
        }
        drop(server);
        client.end();
    }
}

#[test]
fn relay_resets_the_client_of_a_server_that_was_cut_off() {
    let certs = Certs::new("relayed-server");
    for version in VERSIONS {
        let Some(server) = python(&certs, "rest", version) else { return };
        let to = format!("tls:{}", server.address());
        let relay = start_relay(&to, &["--relay-tls-ca", &certs.text("ca.pem")]);
        let mut client = relay.open();
        std::io::Write::write_all(&mut client, b"x\n").unwrap();
        crate::support::expect_reset(&mut client, "half a rep");
    }
}

#[test]
fn pipe_that_was_cut_off_fails() {
    if !skip::has_program("python3") {
        return;
    }
    let certs = Certs::new("pipe-cut");
    for (how, version) in [("abrupt", "1.2"), ("abrupt", "1.3"), ("polite", "1.2"), ("polite", "1.3")] {
        let mut command = secretcat(["listen", "127.0.0.1:0", "--service", "pipe"]);
        command.args(certs.identity("server"));
        let pipe = Server::from_proc(Proc::start_on(&mut command, Stdio::null(), Stdio::piped(), Stdio::piped()));
        client(&certs, &pipe, how, version, "part of it");
        let ready_line = pipe.ready_line.clone();
        let out = pipe.proc.end();
        let stderr = out.stderr.strip_prefix(&ready_line).unwrap();
        assert_eq!(String::from_utf8_lossy(&out.stdout), "part of it");
        if how == "polite" {
            assert_eq!((out.status, stderr), (Some(0), ""), "TLS {version}");
        } else {
            assert_eq!(out.status, Some(1), "TLS {version}");
            assert!(stderr.ends_with(&format!("{CUT_OFF}\n")) && stderr.lines().count() == 1, "{stderr}");
        }
    }
}
