//! Every way of `connect` and `listen` over TLS, with a secretcat on both sides.

use std::fs::File;
use std::process::Stdio;

use crate::support::prompt::{PROMPT, at_terminal};
use crate::support::tls::Certs;
use crate::support::{
    NOT_FOUND, Outcome, Proc, Server, accept, digits, local_listener, noise, read_to_end, run, secretcat, start_relay,
};

/// A listener with a certificate of the test.
fn listen(certs: &Certs, more: &[&str]) -> Server {
    Server::start(&[&certs.identity("server").each_ref().map(String::as_str)[..], more].concat())
}

/// `connect` to this server, with these arguments besides.
fn connect(certs: &Certs, server: &Server, more: &[&str], input: impl AsRef<[u8]>) -> Outcome {
    let (address, ca) = (server.address(), certs.text("ca.pem"));
    run(["connect", &address, "--tls-ca", &ca].iter().chain(more), input)
}

#[test]
fn messages_are_answered_however_they_are_cut() {
    let certs = Certs::new("cut-messages");
    let server = listen(&certs, &["--threads", "2"]);
    let input = "SECRET 123\nno\n\nSECRET\n".repeat(50);
    let expected = (digits("123") + NOT_FOUND + NOT_FOUND + &digits("")).repeat(50);
    for layer in ["record", "tcp", "handshake"] {
        for cut in [&["--chunk", "1"][..], &["--coalesce", "3"], &["--chunk", "1..9", "--seed", "7"]] {
            if layer == "tcp" && cut[0] == "--coalesce" {
                continue; // there are no messages on the wire
            }
            let out = connect(&certs, &server, &[&["--cut-layer", layer], cut].concat(), &input);
            let got = (out.status, String::from_utf8_lossy(&out.stdout).into_owned(), out.stderr);
            assert_eq!(got, (Some(0), expected.clone(), String::new()), "{layer} {cut:?}");
        }
    }
    server.stops_with("");
}

#[test]
fn replies_of_a_cutting_listener_are_complete() {
    let certs = Certs::new("cut-replies");
    for cut in [&["--chunk", "1"][..], &["--chunk", "3", "--delay", "1ms"], &["--cut-layer", "tcp", "--chunk", "2"]] {
        let server = listen(&certs, cut);
        connect(&certs, &server, &[], "SECRET 1\nx\n").is(0, digits("1") + NOT_FOUND, "");
        server.stops_with("");
    }
}

#[test]
fn framings_work_over_tls() {
    let certs = Certs::new("framings");
    let server = listen(&certs, &["--framing", "length:u16"]);
    connect(&certs, &server, &["--framing", "length:u16", "-m", "SECRET 9"], "").is(0, digits("9"), "");
    let server = listen(&certs, &["--framing", "http"]);
    let out = connect(&certs, &server, &["--raw"], "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 8\r\n\r\nSECRET 3");
    let reply = String::from_utf8_lossy(&out.stdout).into_owned();
    assert_eq!((out.status, out.stderr.as_str()), (Some(0), ""));
    assert!(reply.starts_with("HTTP/1.1 200 OK\r\n") && reply.contains(digits("3").trim_end()), "{reply}");
}

#[test]
fn conversation_at_a_terminal_is_encrypted() {
    let certs = Certs::new("terminal");
    let server = listen(&certs, &[]);
    let mut terminal = at_terminal(&server.address(), &["--tls-ca", &certs.text("ca.pem")]);
    terminal.types("SECRET 12\n");
    let shown = terminal.sees(PROMPT);
    assert_eq!(shown, "SECRET 12\r\nSent: SECRET 12\r\nReceived: Digits: 12   Count: 2\r\nEnter Message: ");
    terminal.types("q\n");
    assert_eq!(terminal.end().0.status, Some(0));
    server.stops_with("");
}

#[test]
fn streams_of_both_directions_are_complete() {
    let certs = Certs::new("streams");
    let bytes = noise(20_000_000);
    let server = listen(&certs, &["--service", "echo"]);
    for more in
        [&[][..], &["--chunk", "1000..70000"], &["--cut-layer", "tcp", "--chunk", "9000"], &["--read-size", "5000"]]
    {
        let out = connect(&certs, &server, &[&["--raw"], more].concat(), &bytes);
        assert_eq!((out.status, out.stderr.as_str()), (Some(0), ""), "{more:?}");
        assert!(out.stdout == bytes, "{more:?}: {} of {} bytes", out.stdout.len(), bytes.len());
    }
    server.stops_with("");
}

#[test]
fn files_are_sent_from_either_side() {
    let certs = Certs::new("files");
    let bytes = noise(9_000_000);
    std::fs::write(certs.path("file"), &bytes).unwrap();
    let pipe = |stdin: Stdio| {
        let mut command = secretcat(["listen", "127.0.0.1:0", "--service", "pipe"]);
        command.args(certs.identity("server"));
        Server::from_proc(Proc::start_on(&mut command, stdin, Stdio::piped(), Stdio::piped()))
    };
    let receiver = pipe(Stdio::null());
    connect(&certs, &receiver, &["--raw"], &bytes).is(0, "", "");
    let (ready_line, out) = (receiver.ready_line.clone(), receiver.proc.end());
    assert!(out.stdout == bytes, "{} of {} bytes", out.stdout.len(), bytes.len());
    assert_eq!((out.status, out.stderr), (Some(0), ready_line));
    let sender = pipe(File::open(certs.path("file")).unwrap().into());
    let out = connect(&certs, &sender, &["--raw", "--recv-only"], "");
    assert!(out.stdout == bytes, "{} of {} bytes", out.stdout.len(), bytes.len());
    assert_eq!((out.status, out.stderr.as_str()), (Some(0), ""));
    let (ready_line, out) = (sender.ready_line.clone(), sender.proc.end());
    assert_eq!((out.status, out.stderr), (Some(0), ready_line));
}

#[test]
fn source_sends_all_bytes_and_an_end() {
    let certs = Certs::new("source");
    let server = listen(&certs, &["--service", "source", "--count", "3000000"]);
    let out = connect(&certs, &server, &["--raw", "--recv-only"], "");
    assert_eq!((out.status, out.stdout.len(), out.stderr.as_str()), (Some(0), 3_000_000, ""));
    server.stops_with("");
}

#[test]
fn chat_reaches_the_other_clients() {
    let certs = Certs::new("chat");
    let server = listen(&certs, &["--service", "chat", "-v"]);
    let (address, ca) = (server.address(), certs.text("ca.pem"));
    let member = || Proc::start(&mut secretcat(["connect", &address, "--tls-ca", &ca, "--raw"]));
    let (mut one, two) = (member(), member());
    server.proc.wait_for_stderr("#2 accepted");
    crate::support::poll_until(
        "a line in the chat",
        || one.write("hello\n"),
        || String::from_utf8_lossy(&two.output_so_far().0).contains("hello"),
    );
}

#[test]
fn once_ends_after_one_connection() {
    let certs = Certs::new("once");
    let server = listen(&certs, &["--once"]);
    connect(&certs, &server, &[], "SECRET 1\n").is(0, digits("1"), "");
    let ready_line = server.ready_line.clone();
    server.proc.end().is(0, "", ready_line);
}

#[test]
fn relay_decrypts_and_encrypts() {
    let certs = Certs::new("relay");
    let last = listen(&certs, &[]);
    let to = format!("tls:{}", last.address());
    let identity = certs.identity("server");
    let ca = certs.text("ca.pem");
    let options = [&["--relay-tls-ca", &ca][..], &identity.each_ref().map(String::as_str)].concat();
    let relay = start_relay(&to, &options);
    connect(&certs, &relay, &[], "SECRET 1\nx\n").is(0, digits("1") + NOT_FOUND, "");
    let plain = start_relay(&to, &["--relay-tls-ca", &ca]);
    run(["connect", &plain.address()], "SECRET 2\n").is(0, digits("2"), "");
    // It passes TLS through that it does not decrypt.
    let through = start_relay(&last.address(), &["--chunk", "1"]);
    connect(&certs, &through, &[], "SECRET 3\n").is(0, digits("3"), "");
}

#[test]
fn no_shutdown_sends_neither_close_notify_nor_fin() {
    let certs = Certs::new("no-shutdown");
    let server = listen(&certs, &["-v", "--service", "discard"]);
    let out = connect(&certs, &server, &["--raw", "--no-shutdown", "-q", "300ms"], "x\n");
    assert_eq!(out.status, Some(0), "{}", out.stderr);
    let (address, ca) = (server.address(), certs.text("ca.pem"));
    let mut open = Proc::start(&mut secretcat(["connect", &address, "--tls-ca", &ca, "--raw", "--no-shutdown"]));
    open.write("first");
    open.close_stdin();
    server.proc.wait_for_stderr("#2 accepted");
    // Another connection comes and ends: the first is still open.
    connect(&certs, &server, &["--raw"], "y\n").is(0, "", "");
    server.proc.wait_for_stderr("#3 closed\n");
    assert!(!server.proc.output_so_far().1.contains("#2 peer closed its side"));
}

#[test]
fn half_close_with_the_last_message_and_linger_work() {
    let certs = Certs::new("with-last");
    let server = listen(&certs, &[]);
    connect(&certs, &server, &["--raw", "--shutdown-with-last"], "SECRET 1\n").is(0, digits("1"), "");
    connect(&certs, &server, &["--shutdown"], "SECRET 1\nSECRET 2").is(0, digits("1") + &digits("2"), "");
    connect(&certs, &server, &["--linger", "1"], "SECRET 1\n").is(0, digits("1"), "");
    server.stops_with("");
}

#[test]
fn idle_timeout_and_shutdown_send_a_close_notify() {
    let certs = Certs::new("orderly");
    let idle = listen(&certs, &["-v", "--idle-timeout", "3s"]);
    connect(&certs, &idle, &["--raw", "--no-shutdown"], "x\n").is(0, NOT_FOUND, "");
    idle.proc.wait_for_stderr("idle timeout\n");
    let stopped = listen(&certs, &[]);
    let (address, ca) = (stopped.address(), certs.text("ca.pem"));
    let mut client = Proc::start(&mut secretcat(["connect", &address, "--tls-ca", &ca, "--raw", "--no-shutdown"]));
    client.feed(b"x\n".to_vec());
    client.wait_for_stdout(NOT_FOUND);
    stopped.stops_with("");
    client.end().is(0, NOT_FOUND, "");
}

#[test]
fn plain_text_on_a_tls_port_is_named() {
    let certs = Certs::new("plain-client");
    let server = listen(&certs, &["-v"]);
    let line =
        format!("secretcat: connect {}: the server speaks TLS (--tls) with 1 message unanswered\n", server.address());
    run(["connect", &server.address()], "SECRET 1\n").is(1, "", line);
    server.proc.wait_for_stderr("the client does not speak TLS: it sent \"SECRET 1\\n\"\n");
    connect(&certs, &server, &[], "SECRET 1\n").is(0, digits("1"), "");
}

#[test]
fn tls_on_a_plain_port_is_named() {
    for framing in [&[][..], &["--framing", "http"], &["--service", "chat"]] {
        let server = Server::start(&[&["-v"], framing].concat());
        let out = run(["connect", &server.address(), "--tls-insecure", "--quiet"], "SECRET 1\n");
        assert_eq!(out.status, Some(1), "{}", out.stderr);
        assert!(out.stderr.contains("the peer closed the connection within the TLS handshake"), "{}", out.stderr);
        server.proc.wait_for_stderr(": the client speaks TLS (listen with --tls)\n");
    }
    // A stream may be anything.
    let server = Server::start(&["--service", "echo"]);
    let hello = b"\x16\x03\x01\0\x05\x01\0\0\x01x".to_vec();
    let out = run(["connect", &server.address(), "--raw"], &hello);
    assert_eq!((out.status, out.stdout), (Some(0), hello));
}

#[test]
fn server_that_greets_in_plain_text_is_named() {
    let (listener, address) = local_listener();
    let client = Proc::start(&mut secretcat(["connect", &address, "--tls-insecure", "--quiet", "-m", "x"]));
    let mut server = accept(&listener);
    std::io::Write::write_all(&mut server, b"220 mail\r\n").unwrap();
    let out = client.end();
    let line = "the server does not speak TLS: it sent \"220 mail\\r\\n\" (connect without --tls)\n";
    assert_eq!(out.status, Some(1));
    assert!(out.stderr.ends_with(line), "{}", out.stderr);
    drop(read_to_end(&server));
}

#[test]
fn reconnect_makes_a_new_handshake_and_stops_at_another_key() {
    let certs = Certs::new("reconnect");
    let port = crate::support::FreePort::new();
    let address = port.address.to_string();
    let start = |name: &str| Server::from_command(secretcat(["listen", &address]).args(certs.identity(name)));
    let server = start("server");
    let options = ["--reconnect", "--retry-delay", "10ms", "--tls-ca", &certs.text("ca.pem")];
    let mut terminal = at_terminal(&address, &options);
    terminal.types("SECRET 1\n");
    terminal.sees("Received: Digits: 1   Count: 1\r\n");
    server.stop();
    terminal.sees("; connecting again");
    let server = start("server");
    terminal.sees("connected to ");
    terminal.types("SECRET 2\n");
    terminal.sees("Received: Digits: 2   Count: 1\r\n");
    server.stop();
    terminal.sees("; connecting again");
    certs.sign("other", &["other.test"], |_| {});
    let _other = start("other");
    let (out, shown) = terminal.end();
    assert_eq!(out.status, Some(1));
    assert!(shown.contains("the server's certificate is not for 127.0.0.1, but for other.test"), "{shown}");
}
