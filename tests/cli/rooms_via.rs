//! `listen --rooms-via`: rooms that several servers share through a broker, which dies, and servers that die.

use std::collections::BTreeMap;
use std::io::Write;
use std::net::TcpStream;
use std::process::Command;

use rustix::process::Signal;

use crate::support::servers::{self, Place};
use crate::support::{
    Dir, Proc, Server, corpus, local_listener, peer_script, poll_until, read_line, read_to_end, run, skip,
    stop_listening,
};

/// Lines of a sender: as many as a member may send at once, with its name and its room.
const LINES: usize = 25;

/// nats-server, and its address.
pub(crate) fn broker(args: &[&str]) -> Option<(Proc, String)> {
    servers::start("nats-server", Place::Port, |command, address| {
        command.args(["-a", "127.0.0.1", "-p", servers::port(address)]).args(args);
    })
}

/// nats-server again, at an address where it was before.
pub(crate) fn broker_again(address: &str) -> Proc {
    Proc::start(Command::new("nats-server").args(["-a", "127.0.0.1", "-p", servers::port(address)]))
}

fn start(broker: &str, args: &[&str]) -> Server {
    let via = format!("nats://{broker}");
    Server::start(&[&["--service", "rooms", "--rooms-via", &via][..], args].concat())
}

/// A server that is connected to the broker; and how others call it.
fn connected(broker: &str) -> (Server, String) {
    let server = start(broker, &[]);
    let label = label(&server);
    (server, label)
}

/// How others call a server, when it is connected to the broker.
pub(crate) fn label(server: &Server) -> String {
    let log = server.proc.wait_for_stderr("know the members here as NAME/");
    log.split_once("NAME/").unwrap().1[..4].to_owned()
}

/// A member of the room lab with this name, which has read its greeting.
pub(crate) fn member(server: &Server, name: &str) -> TcpStream {
    let mut member = server.open();
    member.write_all(format!("/nick {name}\n/join lab\n").as_bytes()).unwrap();
    let greeting = read_line(&mut member);
    assert!(greeting.starts_with(&format!("* you are {name} in lab (")), "{greeting}");
    member
}

/// Reads lines up to one that has this in it.
pub(crate) fn read_until(client: &mut TcpStream, text: &str) -> String {
    loop {
        let line = read_line(client);
        if line.contains(text) {
            return line;
        }
    }
}

/// Reads this number of lines of members: the texts of each, without the server.
fn read_lines(client: &mut TcpStream, count: usize) -> BTreeMap<String, Vec<String>> {
    let mut lines: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for _ in 0..count {
        let line = read_until(client, "> ");
        let (name, text) = line.trim_end().split_once("> ").unwrap();
        let name = name.split('/').next().unwrap();
        lines.entry(name.to_owned()).or_default().push(text.to_owned());
    }
    lines
}

/// Members that come, send their lines and leave, in turn at these servers; each reader gets all of them once, those of
/// each sender in their order.
fn share_lines(servers: &[&Server], readers: &mut [TcpStream], senders: std::ops::Range<usize>) {
    let texts: Vec<String> = (0..LINES).map(|number| number.to_string()).collect();
    let expected: BTreeMap<_, _> = senders.clone().map(|number| (format!("s{number}"), texts.clone())).collect();
    std::thread::scope(|scope| {
        for reader in readers {
            let expected = &expected;
            scope.spawn(move || assert_eq!(read_lines(reader, expected.len() * LINES), *expected));
        }
        for number in senders {
            let mut sender = servers[number % servers.len()].open();
            let lines = texts.join("\n");
            sender.write_all(format!("/nick s{number}\n/join lab\n{lines}\n/quit\n").as_bytes()).unwrap();
            read_to_end(&sender);
        }
    });
}

#[test]
fn each_line_reaches_the_members_of_all_servers_once() {
    let Some((first_broker, address)) = broker(&[]) else { return };
    let [a, b, c] = [(); 3].map(|()| connected(&address).0);
    let mut readers = [&a, &b, &c].map(|server| member(server, "reader"));
    share_lines(&[&a, &b, &c], &mut readers, 0..160);

    first_broker.signal(Signal::KILL);
    for (server, reader) in [&a, &b, &c].into_iter().zip(&mut readers) {
        server.proc.wait_for_stderr("; rooms go on without other servers");
        read_until(reader, "* this room no longer reaches other servers\n");
    }
    share_lines(&[&a], &mut readers[..1], 160..170); // here only
    let _second_broker = broker_again(&address);
    for server in [&a, &b, &c] {
        server.proc.wait_for_stderr("connected again; ");
    }
    let expected =
        regex::Regex::new(r"^\* this room reaches other servers again: the lines of [1-9]\d* seconds? are missing\n$")
            .unwrap();
    for reader in &mut readers {
        let line = read_until(reader, "reaches other servers again");
        assert!(expected.is_match(&line), "{line}");
    }
    // What was said at the first server meanwhile is counted for the others.
    for reader in &mut readers[1..] {
        let line = read_until(reader, "lines are missing here");
        assert!(line.starts_with(&format!("* {} lines are missing here, of server ", 10 * LINES)), "{line}");
    }
    share_lines(&[&a, &b, &c], &mut readers, 170..300);

    c.proc.signal(Signal::KILL);
    c.proc.end();
    share_lines(&[&a, &b], &mut readers[..2], 300..410);
    let [mut of_a, mut of_b, _] = readers;
    for reader in [&mut of_a, &mut of_b] {
        let line = read_until(reader, "no longer answers");
        assert!(line.ends_with("no longer answers: 1 member left\n"), "{line}");
        reader.write_all(b"/names\n").unwrap();
        assert_eq!(read_line(reader), "* 2 members in lab:\n");
    }
}

#[test]
fn members_of_other_servers_are_listed_and_reached() {
    let Some((_broker, address)) = broker(&[]) else { return };
    let [(a, of_a), (b, of_b)] = [(); 2].map(|()| connected(&address));
    let mut ann = member(&a, "ann");
    let mut bob = member(&b, "bob");
    assert_eq!(read_line(&mut ann), format!("* bob/{of_b} joined lab\n"));
    ann.write_all(b"/names\n").unwrap();
    assert_eq!(
        [(); 2].map(|()| read_line(&mut ann)),
        ["* 2 members in lab:\n".to_owned(), format!("* ann bob/{of_b}\n")]
    );
    ann.write_all(format!("/msg bob/{of_b} psst\n/msg bob psst\n").as_bytes()).unwrap();
    assert_eq!(read_line(&mut ann), format!("* sent to bob/{of_b}\n"));
    assert_eq!(read_line(&mut ann), "* no member has the name bob\n");
    assert_eq!(read_until(&mut bob, "> "), format!("ann/{of_a} (private)> psst\n"));
    bob.write_all(b"/topic exam on Friday\n").unwrap();
    assert_eq!(read_line(&mut ann), format!("* bob/{of_b} set the topic: exam on Friday\n"));
    ann.write_all(b"/rooms\n").unwrap();
    assert_eq!(read_line(&mut ann), "* lab: 2 members, topic: exam on Friday\n");

    // A server that comes later knows who is there, and the topic; it has the same name for another member.
    let (c, of_c) = connected(&address);
    let mut other = member(&c, "ann");
    read_until(&mut other, "exam on Friday");
    assert_eq!(read_until(&mut ann, "joined"), format!("* ann/{of_c} joined lab\n"));
    other.write_all(b"/names\n").unwrap();
    read_until(&mut other, "* 3 members in lab:");
    let mut names = ["ann".to_owned(), format!("ann/{of_a}"), format!("bob/{of_b}")];
    names.sort();
    assert_eq!(read_line(&mut other), format!("* {}\n", names.join(" ")));

    // What a client has sent before the shutdown is published, and the others learn that the server ends.
    bob.write_all(b"last words\n").unwrap();
    let log = b.stop();
    assert_eq!((log.status, log.stderr.contains("rooms go on")), (Some(0), false), "{}", log.stderr);
    let lines = [format!("bob/{of_b}> last words\n"), format!("* bob/{of_b} left\n")];
    assert_eq!([(); 2].map(|()| read_line(&mut ann)), lines);
}

#[test]
fn rooms_go_on_without_a_broker() {
    let (listener, address) = local_listener();
    stop_listening(listener);
    let server = start(&address, &[]);
    let hint = "connection refused (is a server listening there?)";
    server
        .proc
        .wait_for_stderr(&format!("--rooms-via: connect {address}: {hint}; rooms go on without other servers\n"));
    let mut ann = member(&server, "ann");
    assert_eq!(read_line(&mut ann), "* this room does not reach other servers at the moment\n");
    let mut bob = member(&server, "bob");
    read_until(&mut ann, "bob joined lab");
    bob.write_all(b"hi\n").unwrap();
    assert_eq!(read_line(&mut ann), "bob> hi\n");
    if !skip::has_server("nats-server") {
        return;
    }
    let _broker = broker_again(&address);
    assert_eq!(read_line(&mut ann), "* this room reaches other servers now\n");
    server.stop();
}

/// A broker of the test, which does this with each connection.
pub(crate) fn false_broker(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> String {
    let (listener, address) = local_listener();
    let serve = std::sync::Arc::new(serve);
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let serve = std::sync::Arc::clone(&serve);
            std::thread::spawn(move || serve(stream));
        }
    });
    address
}

/// Reads until the client ends.
pub(crate) fn read_away(mut stream: &TcpStream) {
    let _ = std::io::copy(&mut stream, &mut std::io::sink());
}

/// Members talk at a server whose broker is false; the only line on stderr after the first is this reason.
#[track_caller]
fn expect_refusal(why: &str, serve: impl Fn(TcpStream) + Send + Sync + 'static) {
    let address = false_broker(serve);
    let server = start(&address, &[]);
    let (mut ann, mut bob) = (member(&server, "ann"), member(&server, "bob"));
    read_until(&mut ann, "bob joined");
    let warning = format!("secretcat: --rooms-via nats://{address}: {why}; rooms go on without other servers\n");
    server.proc.wait_for_stderr(&warning);
    bob.write_all(b"hi\n").unwrap();
    assert_eq!(read_line(&mut ann), "bob> hi\n");
    assert!(server.proc.memory("VmHWM") < 64 << 20);
    server.stops_with(&warning);
}

#[test]
fn false_broker_is_refused_and_members_notice_nothing() {
    let send = |bytes: &'static [u8]| {
        move |mut stream: TcpStream| {
            let _ = stream.write_all(bytes);
            read_away(&stream);
        }
    };
    expect_refusal("it sends no NATS protocol", send(b"\x16\x03\x01\0\xffnoise\x1b[2J\r\n"));
    expect_refusal("it sends a wrong INFO", send(b"INFO {\r\n"));
    expect_refusal("it sends a wrong MSG", send(b"INFO {}\r\nMSG a 1 99999999999999999999999\r\n"));
    expect_refusal("it says 'no\\x1b[2J'", send(b"-ERR 'no\x1b[2J'\r\n"));
    let tls = "it takes TLS only (give tls:// instead of nats://)";
    expect_refusal(tls, send(b"INFO {\"tls_required\":true}\r\n"));
    expect_refusal("it has closed the connection", drop);
    expect_refusal("it does not send INFO in time", |stream| read_away(&stream));
    expect_refusal(
        "it sends a line of more than 32768 bytes",
        |mut stream| {
            while stream.write_all(&vec![b'x'; 65536]).is_ok() {}
        },
    );
}

/// A broker that takes each connection on, and then does this.
fn polite_broker(then: impl Fn(TcpStream) + Send + Sync + 'static) -> String {
    false_broker(move |mut stream| {
        let _ = stream.write_all(b"INFO {\"max_payload\":1048576}\r\n");
        while read_line(&mut stream) != "PING\r\n" {}
        let _ = stream.write_all(b"PONG\r\n");
        then(stream);
    })
}

#[test]
fn silent_broker_is_lost_and_members_are_notified() {
    let address = polite_broker(|stream| read_away(&stream));
    let server = start(&address, &[]);
    let mut ann = member(&server, "ann");
    read_until(&mut ann, "* this room no longer reaches other servers\n");
    server.proc.wait_for_stderr("it does not answer PING in time; rooms go on without other servers\n");
    read_until(&mut ann, "* this room reaches other servers again: the lines of ");
    server.stop();
}

#[test]
fn broker_that_floods_delays_no_member() {
    let record = r#"{"kind":"line","server":"aaaa000000000000","user":"flood","room":"other","text":"x"}"#;
    let message = format!("MSG secretcat.rooms.lines 1 {}\r\n{record}\r\nPING\r\nPONG\r\n", record.len());
    let flood = message.repeat(500);
    let address = polite_broker(move |mut stream| {
        let reader = stream.try_clone().unwrap();
        std::thread::spawn(move || read_away(&reader));
        while stream.write_all(flood.as_bytes()).is_ok() {}
    });
    let server = start(&address, &[]);
    let (mut ann, mut bob) = (member(&server, "ann"), member(&server, "bob"));
    let mut number = 0;
    poll_until(
        "the end of the flood",
        || {
            bob.write_all(format!("{number}\n").as_bytes()).unwrap();
            read_until(&mut ann, &format!("bob> {number}\n"));
            number += 1;
        },
        || server.proc.output_so_far().1.contains("it sends too much; rooms go on without other servers"),
    );
    assert!(server.proc.memory("VmHWM") < 96 << 20, "{}", server.proc.memory("VmHWM"));
    server.stop();
}

#[test]
fn broker_asks_for_the_password_of_the_file() {
    let Some((_broker, address)) = broker(&["--user", "ann", "--pass", "hush hush"]) else { return };
    let dir = Dir::new("rooms-via-password");
    let file = |name: &str, content: &str| {
        std::fs::write(dir.file(name), content).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(dir.file(name), mode).unwrap();
        dir.file(name).to_str().unwrap().to_owned()
    };
    let user = format!("ann@{address}");
    let right = start(&user, &["--via-password-file", &file("right", "hush hush\n")]);
    right.proc.wait_for_stderr("connected; ");
    let wrong = start(&user, &["--via-password-file", &file("wrong", "hush\n")]);
    let log = wrong.proc.wait_for_stderr("rooms go on");
    assert!(log.contains("it says 'Authorization Violation'; rooms go on"), "{log}");
    let without = start(&address, &[]);
    without.proc.wait_for_stderr("it says 'Authorization Violation'; rooms go on");
}

#[test]
fn lines_of_other_servers_are_recorded_and_restored() {
    let Some((_broker, address)) = broker(&[]) else { return };
    let dir = Dir::new("rooms-via-transcript");
    let path = dir.file("lab.ndjson").to_str().unwrap().to_owned();
    let a = start(&address, &["--transcript", &path]);
    a.proc.wait_for_stderr("connected; ");
    let (b, of_b) = connected(&address);
    let (mut ann, mut bob) = (member(&a, "ann"), member(&b, "bob"));
    read_until(&mut ann, "joined");
    bob.write_all(b"remember this\n").unwrap();
    assert_eq!(read_line(&mut ann), format!("bob/{of_b}> remember this\n"));
    a.stop();
    let history = run(["history", &path], "");
    let shown = String::from_utf8(history.stdout).unwrap();
    assert!(shown.contains(&format!("bob/{of_b}")) && shown.contains("remember this"), "{shown}");
    let again = start(&address, &["--transcript", &path]);
    let mut ann = member(&again, "ann");
    assert!(read_until(&mut ann, "remember").ends_with(&format!("bob/{of_b}> remember this\n")));
}

#[test]
fn bot_with_a_client_of_nats_takes_part() {
    let Some((_broker, address)) = broker(&[]) else { return };
    let Some(mut command) = corpus::python_with("nats") else { return };
    let url = format!("nats://{address}");
    let bot = Proc::start(command.arg(peer_script("nats_bot.py")).arg(&url));
    bot.wait_for_stdout("ready\n");
    let (server, _) = connected(&address);
    let mut ann = member(&server, "ann");
    ann.write_all(b"hi \"all\" \xff\n").unwrap();
    assert_eq!(read_until(&mut ann, "> "), "bot/b07b> hello ann\n");
    let record = String::from_utf8(bot.end().stdout).unwrap();
    let record = record.lines().nth(1).unwrap();
    let pattern = r#"^\{"base64": "aGkgImFsbCIg/w==", "kind": "line", "room": "lab", "sequence": 1, "server": "[0-9a-f]{16}", "time": "\d{4}-\d\d-\d\dT[0-9:.]+Z", "user": "ann"\}$"#;
    assert!(regex::Regex::new(pattern).unwrap().is_match(record), "{record}");
}
