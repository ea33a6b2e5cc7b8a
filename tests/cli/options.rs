//! Every socket option: set by the program, and read back from the kernel on its live socket.

use std::io::Write as _;
use std::net::{Shutdown, SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::process::Command;

use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open};
use socket2::Socket;

use crate::support::net::Net;
use crate::support::{
    NOT_FOUND, Proc, Server, accept, ask, digits, expect_reset, local_listener, poll_until, read_line, read_some, run,
    run_command, secretcat, skip,
};

/// Duplicates of the sockets of a running program.
fn sockets(proc: &Proc) -> Option<Vec<Socket>> {
    let pid = Pid::from_raw(i32::try_from(proc.pid()).unwrap()).unwrap();
    let pidfd = pidfd_open(pid, PidfdFlags::empty()).ok()?;
    let fds = std::fs::read_dir(format!("/proc/{}/fd", proc.pid())).ok()?.filter_map(Result::ok);
    let sockets = fds.filter(|fd| {
        let to = std::fs::read_link(fd.path()).unwrap_or_default();
        to.to_string_lossy().starts_with("socket:")
    });
    let numbers = sockets.filter_map(|fd| fd.file_name().to_str()?.parse().ok());
    let copies = numbers.map(|number| pidfd_getfd(&pidfd, number, PidfdGetfdFlags::empty()));
    let copies: Vec<OwnedFd> = match copies.collect() {
        Ok(copies) => copies,
        Err(error) => {
            skip::skip(&format!("the sockets of another process: {error}"));
            return None;
        }
    };
    Some(copies.into_iter().map(Socket::from).collect())
}

fn connected(proc: &Proc) -> Option<Socket> {
    let found =
        sockets(proc)?.into_iter().find(|socket| socket.peer_addr().is_ok_and(|peer| peer.is_ipv4() || peer.is_ipv6()));
    Some(found.expect("a connection"))
}

fn listening(proc: &Proc) -> Option<Socket> {
    let is_listener = |socket: &Socket| socket.is_listener().unwrap_or(false);
    Some(sockets(proc)?.into_iter().find(is_listener).expect("a listening socket"))
}

fn congestion(socket: &Socket) -> String {
    let name = socket.tcp_congestion().unwrap();
    String::from_utf8_lossy(name.split(|byte| *byte == 0).next().unwrap()).into_owned()
}

fn source(socket: &Socket) -> String {
    socket.local_addr().unwrap().as_socket().unwrap().ip().to_string()
}

/// The value that the kernel reports for a socket, as text.
type Read = fn(&Socket) -> String;

/// A congestion control that is not the default, if there is one.
fn another_congestion() -> Option<String> {
    let read = |name: &str| std::fs::read_to_string(format!("/proc/sys/net/ipv4/tcp_{name}")).unwrap_or_default();
    let usual = read("congestion_control");
    read("available_congestion_control").split_whitespace().find(|name| *name != usual.trim()).map(str::to_owned)
}

/// Arguments, the read function, and the value then. Without the arguments the value differs.
fn table() -> Vec<(Vec<String>, Read, String)> {
    let row = |args: &str, read: Read, value: &str| {
        (args.split(' ').map(str::to_owned).collect::<Vec<_>>(), read, value.to_owned())
    };
    let mut rows = vec![
        row("--reuseport", |s| format!("{:?}", s.reuse_port().unwrap()), "true"),
        row("--keepalive", |s| format!("{:?}", s.keepalive().unwrap()), "true"),
        row("--keepalive=on", |s| format!("{:?}", s.keepalive().unwrap()), "true"),
        row(
            "--keepalive-time 100s",
            |s| format!("{:?} {}", s.tcp_keepalive_time().unwrap(), s.keepalive().unwrap()),
            "100s true",
        ),
        row(
            "--keepalive-intvl 7",
            |s| format!("{:?} {}", s.tcp_keepalive_interval().unwrap(), s.keepalive().unwrap()),
            "7s true",
        ),
        row(
            "--keepalive-cnt 4",
            |s| format!("{:?} {}", s.tcp_keepalive_retries().unwrap(), s.keepalive().unwrap()),
            "4 true",
        ),
        row("--nodelay", |s| format!("{:?}", s.tcp_nodelay().unwrap()), "true"),
        row("--chunk 1", |s| format!("{:?}", s.tcp_nodelay().unwrap()), "true"), // cutting needs it
        row("--cork", |s| format!("{:?}", s.tcp_cork().unwrap()), "true"),
        row("--sndbuf 8k", |s| format!("{:?}", s.send_buffer_size().unwrap()), "16384"),
        row("--rcvbuf 8KiB", |s| format!("{:?}", s.recv_buffer_size().unwrap()), "16384"),
        // Time stamps need twelve bytes of each segment.
        row("--mss 500", |s| format!("{:?}", matches!(s.tcp_mss().unwrap(), 488..=500)), "true"),
        row("--linger 3", |s| format!("{:?}", s.linger().unwrap()), "Some(3s)"),
        row("--reset-on-close", |s| format!("{:?}", s.linger().unwrap()), "Some(0ns)"),
        row("--user-timeout 1500ms", |s| format!("{:?}", s.tcp_user_timeout().unwrap()), "Some(1.5s)"),
        row("--tos 0x20", |s| format!("{:#x}", s.tos_v4().unwrap()), "0x20"),
        row("--tos af11", |s| format!("{:#x}", s.tos_v4().unwrap()), "0x28"),
        row("--ttl 33", |s| format!("{:?}", s.ttl_v4().unwrap()), "33"),
        row("--interface lo", |s| format!("{:?}", s.device().unwrap()), &format!("{:?}", Some(b"lo"))),
    ];
    if let Some(name) = another_congestion() {
        rows.push((vec!["--congestion".into(), name.clone()], congestion, name));
    }
    rows
}

/// The value that the kernel reports for the connection of a `connect` with these arguments.
fn value_at_client(args: &[String], read: Read) -> Option<String> {
    let (listener, address) = local_listener();
    let proc = Proc::start(secretcat(["connect", &address]).args(args));
    let mut server = accept(&listener);
    let mut proc = proc;
    // After an exchange of messages, all options have been set before any byte was sent.
    proc.write("x\n");
    assert_eq!(read_line(&mut server), "x\n");
    Some(read(&connected(&proc)?))
}

/// The value that the kernel reports for a connection accepted by a `listen` with these arguments.
fn value_at_server(args: &[String], read: Read) -> Option<String> {
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let server = Server::start(&args);
    let mut client = server.open();
    assert_eq!(ask(&mut client, "SECRET 1"), digits("1"));
    Some(read(&connected(&server.proc)?))
}

#[test]
fn each_option_of_connect_reaches_the_kernel() {
    for (args, read, value) in table() {
        let Some(with) = value_at_client(&args, read) else { return };
        assert_eq!(with, value, "{args:?}");
        assert_ne!(value_at_client(&[], read).unwrap(), value, "without {args:?}");
    }
}

#[test]
fn each_option_of_listen_reaches_the_kernel() {
    let nodelay: Read = |s| format!("{}", s.tcp_nodelay().unwrap());
    // A service that replies sets it by default.
    let rows = table().into_iter().filter(|(args, ..)| !["--nodelay", "--chunk"].contains(&args[0].as_str()));
    for (args, read, value) in rows.chain([(vec!["--nagle".to_owned()], nodelay, "false".to_owned())]) {
        let Some(with) = value_at_server(&args, read) else { return };
        assert_eq!(with, value, "{args:?}");
        // The option of a listener is that of every connection.
        assert_ne!(value_at_server(&[], read).unwrap(), value, "without {args:?}");
    }
}

#[test]
fn option_on_by_default_can_be_turned_off() {
    let on: Read = |s| format!("{}", s.reuse_address().unwrap());
    let reuse = |args: &[&str]| Some(on(&listening(&Server::start(args).proc)?));
    let Some(usual) = reuse(&[]) else { return };
    assert_eq!(usual, "true", "so that a listener can be restarted at once");
    assert_eq!(reuse(&["--reuseaddr", "off"]).unwrap(), "false");
    assert_eq!(value_at_client(&["--reuseaddr".into(), "on".into()], on).unwrap(), "true");
    assert_eq!(value_at_client(&[], on).unwrap(), "false");
    // Cutting turns Nagle's algorithm off, unless --nagle is given.
    let nodelay: Read = |s| format!("{}", s.tcp_nodelay().unwrap());
    assert_eq!(value_at_client(&["--nagle".into(), "--chunk".into(), "1".into()], nodelay).unwrap(), "false");
}

#[test]
fn source_address_and_port_are_as_requested() {
    assert_eq!(
        value_at_client(&["--source".into(), "127.0.0.5".into()], source).unwrap_or("127.0.0.5".into()),
        "127.0.0.5"
    );
    let Some(usual) = value_at_client(&[], source) else { return };
    assert_eq!(usual, "127.0.0.1");
    // With a port, in each form. The port is free, and below the ephemeral ports (ip_local_port_range, ip(7)), so that
    // no other test uses it.
    let first = 20_000 + u16::try_from(std::process::id() % 10_000).unwrap();
    let mut free_ports = (first..32_000).filter(|port| TcpListener::bind(("0.0.0.0", *port)).is_ok());
    for option in ["--source=127.0.0.5:PORT", "-s=:PORT", "-p=PORT"] {
        let free = free_ports.next().unwrap();
        let (listener, address) = local_listener();
        let args = option.replace("PORT", &free.to_string());
        let _proc = Proc::start(secretcat(["connect", &address]).args(args.split('=')));
        let peer = accept(&listener).peer_addr().unwrap();
        assert_eq!(peer.port(), free, "{option}");
    }
}

#[test]
fn address_family_can_be_chosen() {
    let Some(net) = Net::alone() else { return };
    if !net.set_hosts(0, "127.0.0.1 both.example\n::1 both.example\n") {
        return;
    }
    let connect =
        |option: &str| run_command(&mut net.on(0, &secretcat(["connect", option, "both.example", "-m", "x"])), "");
    for (address, right, wrong, refused) in
        [("127.0.0.1", "-4", "-6", "[::1]:4500"), ("[::1]", "--ipv6", "--ipv4", "127.0.0.1:4500")]
    {
        let server = Server::from_command(&mut net.on(0, &secretcat(["listen", address])));
        connect(right).is(0, NOT_FOUND, "");
        let refused = format!("secretcat: connect {refused}: connection refused (is a server listening there?)\n");
        connect(wrong).is(1, "", refused);
        assert_eq!(connect("-v").status, Some(0), "one address of the two is enough");
        server.stops_with("");
    }
}

#[test]
fn v6only_listener_refuses_ipv4() {
    if !skip::has_ipv6() {
        return;
    }
    let v6only: Read = |s| format!("{}", s.only_v6().unwrap());
    for (args, takes_v4) in [(&["--v6only=on"][..], false), (&["--v6only=off"], true)] {
        let server = Server::at("[::]:0", args);
        let Some(socket) = listening(&server.proc) else { return };
        assert_eq!(v6only(&socket), (!takes_v4).to_string());
        drop(socket);
        let v4 = format!("127.0.0.1:{}", server.port());
        let out = run(["connect", &v4, "-m", "SECRET 4"], "");
        assert_eq!(out.status, Some(i32::from(!takes_v4)), "{out:?}");
        let v6 = format!("[::1]:{}", server.port());
        run(["connect", &v6, "-m", "SECRET 6"], "").is(0, digits("6"), "");
    }
}

#[test]
fn tos_and_ttl_reach_ipv6_sockets() {
    let Ok(listener) = TcpListener::bind("[::1]:0") else { return skip::skip("no IPv6 here") };
    let address = listener.local_addr().unwrap().to_string();
    let proc = Proc::start(secretcat(["connect", &address]).args(["--tos", "0x20", "--ttl", "33"]));
    let peer = accept(&listener);
    let Some(socket) = connected(&proc) else { return };
    assert_eq!((socket.tclass_v6().unwrap(), socket.unicast_hops_v6().unwrap()), (0x20, 33));
    drop(peer);
}

#[test]
fn backlog_sets_the_length_of_the_queue() {
    if !skip::has_program("ss") {
        return;
    }
    let queue = |args: &[&str]| {
        let server = Server::start(args);
        let filter = format!("sport = :{}", server.port());
        let output = Command::new("ss").args(["-Htln", &filter]).output().unwrap();
        String::from_utf8_lossy(&output.stdout).split_whitespace().nth(2).unwrap_or_default().to_owned()
    };
    assert_eq!(queue(&["--backlog", "7"]), "7");
    assert_ne!(queue(&[]), "7");
}

#[test]
fn reuseport_must_be_set_by_all_listeners_of_a_port() {
    let first = Server::start(&["--reuseport"]);
    let second = Server::at(&first.address(), &["--reuseport"]);
    assert_eq!(first.addr, second.addr);
    assert_eq!(run(["listen", &first.address()], "").status, Some(1));
    second.stops_with("");
    first.stops_with("");
}

#[test]
fn ss_shows_the_options() {
    if !skip::has_program("ss") {
        return;
    }
    let (listener, address) = local_listener();
    let _proc = Proc::start(secretcat(["connect", &address]).args([
        "--keepalive-time",
        "1000s",
        "--congestion",
        "reno",
        "--rcvbuf",
        "16k",
    ]));
    let server = accept(&listener);
    let peer = server.peer_addr().unwrap();
    // The connection is made before the client has set its last option.
    let shown = std::cell::RefCell::new(String::new());
    let ask = || {
        let output = Command::new("ss").args(["-Htniemo", &format!("sport = :{}", peer.port())]).output().unwrap();
        *shown.borrow_mut() = String::from_utf8_lossy(&output.stdout).into_owned();
    };
    for expected in ["timer:(keepalive,16min", " reno ", "rb32768"] {
        poll_until(expected, ask, || shown.borrow().contains(expected));
    }
}

#[test]
fn option_that_cannot_be_set_fails_before_connecting() {
    let (listener, address) = local_listener();
    let available = std::fs::read_to_string("/proc/sys/net/ipv4/tcp_available_congestion_control").unwrap();
    let no_such = format!("no such congestion control on this system (available here: {})", available.trim());
    run(["connect", &address, "--congestion", "nosuch", "-m", "x"], "").is(
        2,
        "",
        format!("secretcat: {address}: set --congestion nosuch: {no_such}\n"),
    );
    run(["connect", &address, "--interface", "nosuch0", "-m", "x"], "").is(
        2,
        "",
        format!("secretcat: {address}: set --interface nosuch0: no such interface\n"),
    );
    run(["listen", "127.0.0.1:0", "--congestion", "nosuch"], "").is(
        2,
        "",
        format!("secretcat: 127.0.0.1:0: set --congestion nosuch: {no_such}\n"),
    );
    listener.set_nonblocking(true).unwrap();
    assert!(listener.accept().is_err(), "a connection was made");
}

#[test]
fn reset_on_close_sends_a_reset() {
    let (listener, address) = local_listener();
    for reset in [&["--reset-on-close"][..], &["--linger", "0"]] {
        // A client that reaches its limit, and one that gets its reply.
        for (limit, status, unread) in [(&["-q", "1ms"][..], 1, "x\n"), (&[], 0, "")] {
            let proc = Proc::start(secretcat(["connect", &address, "-m", "x"]).args(reset).args(limit));
            let mut server = accept(&listener);
            if status == 0 {
                assert_eq!(read_line(&mut server), "x\n");
                server.write_all(b"answer\n").unwrap();
            }
            assert_eq!(proc.end().status, Some(status));
            expect_reset(&mut server, unread);
        }
        let server = Server::start(reset);
        let mut client = server.open();
        client.write_all(b"SECRET 1").unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        expect_reset(&mut client, &digits("1"));
        server.stops_with("");
    }
}

#[test]
fn lingering_close_does_not_block_other_clients() {
    // A peer that reads nothing: the close of its connection blocks, and nothing else does.
    let server = Server::start(&["--linger", "30", "--idle-timeout", "2s"]);
    let stuffed = server.open();
    stuffed.set_nonblocking(true).unwrap();
    while (&stuffed).write(&[b'\n'; 4096]).is_ok() {}
    let mut silent = server.open();
    assert_eq!(read_some(&mut silent, &mut [0]).unwrap(), 0, "the idle timeout closes it");
    let mut other = server.open();
    assert_eq!(ask(&mut other, "SECRET 1"), digits("1"));
    drop(stuffed);
}

/// The local address of one end is the peer address of the other.
#[test]
fn both_ends_report_the_same_addresses() {
    let (listener, address) = local_listener();
    let proc = Proc::start(&mut secretcat(["connect", &address, "-v"]));
    let peer: SocketAddr = accept(&listener).peer_addr().unwrap();
    proc.wait_for_stderr(&format!("#1 connected {peer} -> {address}\n"));
}

/// Over loopback the kernel acknowledges the first segments of a connection at once, and later ones when the program
/// has read them: then Nagle's algorithm joins what was written meanwhile.
#[test]
fn nagle_and_cork_join_the_pieces_of_a_cut() {
    let message = format!("SECRET {:0992}", 7);
    let segments = |options: &[&str]| -> u64 {
        let fixed = ["connect", "--loopback", "--chunk", "1", "--stats=json", "-m", &message];
        let out = run(fixed.iter().chain(options), "");
        assert_eq!(out.status, Some(0), "{options:?}: {out:?}");
        let stats: serde_json::Value = serde_json::from_str(&out.stderr).unwrap();
        let connect = &stats["connect"];
        assert_eq!(connect["writes"]["count"], 1000, "{options:?}: {stats}");
        connect["segments"]["out"].as_u64().unwrap()
    };
    assert_eq!(segments(&[]), 1000);
    assert_eq!(segments(&["--nodelay"]), 1000);
    for joins in ["--nagle", "--cork"] {
        let joined = segments(&[joins]);
        assert!(joined < 500, "{joins}: {joined}");
    }
}
