//! `listen --relay` between a client and a server: bytes, cuts, ends and resets in both directions.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::Instant;

use rustix::process::Signal;
use socket2::{Domain, Socket, Type};

use crate::support::trace::Traced;
use crate::support::{
    DEADLINE, Dir, FreePort, Proc, Server, accept, digits, exchange, expect_reset, local_listener, noise, poll_until,
    read_line, read_some, relayed_pair, reset, run, sockets, start_relay, with_deadline,
};

/// The same pair after a line was forwarded, so that the relay has connected to its server.
fn connected(mut client: TcpStream, mut server: TcpStream) -> (TcpStream, TcpStream) {
    client.write_all(b"hello\n").unwrap();
    assert_eq!(read_line(&mut server), "hello\n");
    (client, server)
}

#[test]
fn every_byte_is_relayed_whatever_the_cuts() {
    let echo = Server::start(&["--service", "echo"]);
    for plan in [
        &["--chunk", "1..5000", "--seed", "1"][..],
        &["--chunk", "997", "--barrier", "peer-read"],
        &["--cut", "1,2,70000"],
        &[],
    ] {
        let relay = start_relay(&echo.address(), plan);
        let bytes = noise(300_000);
        assert!(exchange(relay.open(), &bytes) == bytes, "{plan:?}");
        relay.stops_with("");
    }
    echo.stops_with("");
}

#[test]
fn cut_toward_cuts_only_that_direction() {
    let server = Server::start(&[]);
    let dir = Dir::new("toward");
    for (side, to_server, to_client) in [("server", true, false), ("client", false, true), ("both", true, true)] {
        let relay = Traced::start(&dir, &["--relay", &server.address(), "--chunk", "1", "--cut-toward", side]);
        run(["connect", &relay.address(), "-m", "SECRET 42"], "").is(0, digits("42"), "");
        let trace = relay.stop_and_read();
        let cut = |side: &str| {
            let conn = trace.connections(side)[0];
            let writes = trace.writes(conn);
            // One piece is one segment, also where a relay makes it.
            assert_eq!(trace.segments(conn), writes.len() as u64);
            (writes.iter().all(|len| *len == 1), trace.of(conn, "plan").len())
        };
        assert_eq!(cut("connect"), (to_server, usize::from(to_server)), "{side}");
        assert_eq!(cut("listen"), (to_client, usize::from(to_client)), "{side}");
    }
    server.stops_with("");
}

#[test]
fn relay_sets_nodelay_unless_nagle_is_requested() {
    let server = Server::start(&[]);
    let dir = Dir::new("prompt");
    for (asked, nodelay) in [(&[][..], "on"), (&["--nagle"], "off")] {
        let relay = Traced::start(&dir, &[&["--relay", &server.address()], asked].concat());
        run(["connect", &relay.address(), "-m", "SECRET 1"], "").is(0, digits("1"), "");
        let trace = relay.stop_and_read();
        let options = trace.0.iter().filter(|line| line["type"] == "option" && line["name"] == "nodelay");
        assert_eq!(options.map(|line| line["effective"].as_str()).collect::<Vec<_>>(), [Some(nodelay); 2], "{asked:?}");
    }
    server.stops_with("");
}

#[test]
fn cut_offsets_count_each_direction_separately() {
    let (listener, address) = local_listener();
    let dir = Dir::new("offsets");
    let relay = Traced::start(&dir, &["--relay", &address, "--cut", "3,8", "--barrier", "peer-read"]);
    let (mut client, mut server) = relayed_pair(&listener, &relay);
    for (from, to) in [(&mut client.try_clone().unwrap(), &mut server.try_clone().unwrap()), (&mut server, &mut client)]
    {
        // Bytes received in two parts are still one stream.
        for run in [b"0123456789", b"abcdefghij"] {
            let mut got = [0; 10];
            from.write_all(run).unwrap();
            to.read_exact(&mut got).unwrap();
            assert_eq!(&got, run);
        }
    }
    drop((client, server));
    let trace = relay.stop_and_read();
    for conn in [1, 2] {
        let ends: Vec<u64> = trace
            .of(conn, "write")
            .iter()
            .map(|write| write["offset"].as_u64().unwrap() + write["accepted"].as_u64().unwrap())
            .collect();
        assert_eq!(ends, [3, 8, 10, 20]);
        assert!(trace.barriers(conn).iter().all(|outcome| *outcome == "read"), "{trace:?}");
    }
}

#[test]
fn half_close_is_relayed_and_the_other_direction_stays_open() {
    let (listener, address) = local_listener();
    for plan in [&["--chunk", "1"][..], &[]] {
        let relay = start_relay(&address, plan);
        let (mut client, mut server) = relayed_pair(&listener, &relay);
        client.write_all(b"all I ask").unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        let mut received = String::new();
        server.read_to_string(&mut received).unwrap();
        assert_eq!(received, "all I ask");
        server.write_all(b"an answer\n").unwrap();
        assert_eq!(read_line(&mut client), "an answer\n");
        server.write_all(b"and more").unwrap();
        drop(server);
        received.clear();
        client.read_to_string(&mut received).unwrap();
        assert_eq!(received, "and more");

        // The reverse: the server half-closes first, and still receives.
        let (mut client, mut server) = relayed_pair(&listener, &relay);
        server.write_all(b"goodbye").unwrap();
        server.shutdown(Shutdown::Write).unwrap();
        received.clear();
        client.read_to_string(&mut received).unwrap();
        assert_eq!(received, "goodbye");
        client.write_all(b"wait\n").unwrap();
        assert_eq!(read_line(&mut server), "wait\n");
        client.shutdown(Shutdown::Write).unwrap();
        assert_eq!(read_some(&mut server, &mut [0]).unwrap(), 0);
        relay.stops_with("");
    }
}

#[test]
fn reset_is_relayed_to_its_own_pair_only() {
    let (listener, address) = local_listener();
    let relay = start_relay(&address, &["--chunk", "2"]);
    let (mut others_client, mut others_server) = relayed_pair(&listener, &relay);
    let (client, mut server) = relayed_pair(&listener, &relay);
    reset(client);
    expect_reset(&mut server, "");
    let (client, server) = relayed_pair(&listener, &relay);
    let (mut client, server) = connected(client, server);
    reset(server);
    expect_reset(&mut client, "");
    others_client.write_all(b"still here\n").unwrap();
    assert_eq!(read_line(&mut others_server), "still here\n");
    drop((others_client, others_server));
    relay.stops_with("");
}

#[test]
fn reset_is_relayed_after_the_bytes_before_it() {
    let (listener, address) = local_listener();
    for args in [&["--chunk", "2"][..], &["-v"], &["--linger", "10"], &[]] {
        let relay = start_relay(&address, args);
        let (client, server) = relayed_pair(&listener, &relay);
        let (mut client, mut server) = connected(client, server);
        server.write_all(b"half an ans").unwrap();
        reset(server);
        expect_reset(&mut client, "half an ans");

        // And during bytes that it does not read: the client gets no orderly close.
        let (client, server) = relayed_pair(&listener, &relay);
        let (mut client, server) = connected(client, server);
        client.set_nonblocking(true).unwrap();
        while client.write(&[b'x'; 4096]).is_ok() {}
        client.set_nonblocking(false).unwrap();
        reset(server);
        expect_reset(&mut client, "");
        assert_eq!(relay.stop().status, Some(0));
    }
}

/// A pair whose client has a small receive buffer: what the server sends stays in the kernel of the relay.
fn connected_with_little_room(listener: &TcpListener, relay: &Server) -> (TcpStream, TcpStream) {
    let client = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    client.set_recv_buffer_size(4096).unwrap();
    client.connect(&relay.addr.into()).unwrap();
    connected(with_deadline(client.into()), accept(listener))
}

#[test]
fn relayed_reset_waits_for_a_client_that_reads_late() {
    let (listener, address) = local_listener();
    let relay = start_relay(&address, &["-v"]);
    let (mut client, mut server) = connected_with_little_room(&listener, &relay);
    let bytes = noise(40_000);
    server.write_all(&bytes).unwrap();
    reset(server);
    relay.proc.wait_for_stderr(&format!("#2 {address} <- #1: "));
    relay.proc.wait_for_stderr(": reset by peer\n");
    let mut got = vec![0; bytes.len()];
    client.read_exact(&mut got).unwrap();
    assert!(got == bytes);
    expect_reset(&mut client, "");
}

/// The relay read and dropped what a client sent until it had the server's last bytes: a client that had sent
/// everything by then saw an orderly end.
#[test]
fn client_that_has_the_end_of_a_server_sees_its_later_reset() {
    let (listener, address) = local_listener();
    let relay = start_relay(&address, &["-v"]);
    let (mut client, mut server) = connected_with_little_room(&listener, &relay);
    server.write_all(&noise(100_000)).unwrap();
    server.shutdown(Shutdown::Write).unwrap();
    let SocketAddr::V4(accepts) = relay.addr else { unreachable!() };
    let ends = || sockets::accepted(accepts).is_some_and(|socket| socket.has_ended());
    poll_until("the end of the server at the client", thread::yield_now, ends);
    reset(server);
    relay.proc.wait_for_stderr("broken pipe");
    let sent = (0..64).try_for_each(|_| client.write_all(&noise(1_000_000)));
    let lost = sent.expect_err("what nobody gets must not be taken");
    assert!(matches!(lost.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe), "{lost}");
}

/// A client is reset if its server is not there, sometimes before it sees that its connection was made.
#[track_caller]
fn expect_refusal(relay: &Server) {
    match TcpStream::connect(relay.addr) {
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
        Ok(mut client) => expect_reset(&mut client, ""),
    }
}

#[test]
fn refusing_server_is_reported_and_tried_for_next_client() {
    let port = FreePort::new();
    let address = port.address.to_string();
    let relay = start_relay(&address, &[]);
    expect_refusal(&relay);
    let error = format!("secretcat: connect {address}: connection refused (is a server listening there?)\n");
    relay.proc.wait_for_stderr(&error);
    let server = Server::at(&address, &[]);
    run(["connect", &relay.address(), "-m", "SECRET 1"], "").is(0, digits("1"), "");
    server.stops_with("");
    relay.stops_with(&error);
}

/// Clients can cause this often, but cannot make the log grow without limit.
#[test]
fn refusing_server_is_reported_once_a_second_with_a_count() {
    let port = FreePort::new();
    let address = port.address.to_string();
    let begun = Instant::now();
    let relay = start_relay(&address, &[]);
    for _ in 0..200 {
        expect_refusal(&relay);
    }
    let out = relay.stop();
    let most = 2 + begun.elapsed().as_secs();
    let error = format!("secretcat: connect {address}: connection refused (is a server listening there?)");
    let lines: Vec<_> = out.stderr.lines().skip(1).collect();
    assert!((2..=most).contains(&(lines.len() as u64)) && lines[0] == error, "{lines:?} within {:?}", begun.elapsed());
    let counts = lines.iter().map(|line| match line.strip_prefix(&error).unwrap() {
        "" => 1,
        more => {
            1 + more
                .strip_prefix("; ")
                .unwrap()
                .split_once(" similar lines suppressed")
                .unwrap()
                .0
                .parse::<u64>()
                .unwrap()
        }
    });
    assert_eq!((out.status, counts.sum()), (Some(0), 200_u64), "{lines:?}");
}

#[test]
fn client_after_a_refused_one_is_refused_with_a_reset() {
    let port = FreePort::new();
    let address = port.address.to_string();
    let relay = start_relay(&address, &[]);
    expect_refusal(&relay); // the next one gets its number
    relay.proc.suspend();
    let mut coming = relay.open();
    relay.proc.signal(Signal::CONT);
    expect_reset(&mut coming, "");
}

#[test]
fn max_connections_of_a_relay_counts_clients_only() {
    let (listener, address) = local_listener();
    let relay = start_relay(&address, &["--max-connections", "2"]);
    let mut inside = [relayed_pair(&listener, &relay), relayed_pair(&listener, &relay)];
    let mut waiting = relay.open();
    waiting.write_all(b"and me\n").unwrap();
    for (client, server) in &mut inside {
        client.write_all(b"to and fro\n").unwrap();
        assert_eq!(read_line(server), "to and fro\n");
    }
    let has_connection = |listener: &TcpListener| {
        listener.set_nonblocking(true).unwrap();
        let arrival = listener.accept();
        listener.set_nonblocking(false).unwrap();
        arrival.is_ok()
    };
    assert!(!has_connection(&listener), "the third client was relayed");
    let [first, second] = inside;
    drop(first);
    assert_eq!(read_line(&mut accept(&listener)), "and me\n");
    drop((second, waiting));
    relay.stops_with("");
}

#[test]
fn delayed_piece_does_not_block_other_relayed_streams() {
    let (listener, address) = local_listener();
    let relay = start_relay(&address, &["--cut", "1", "--cut-toward", "server", "--delay", "1h"]);
    let mut pairs: Vec<_> = (0..10).map(|_| relayed_pair(&listener, &relay)).collect();
    for (client, server) in &mut pairs {
        client.write_all(b"ab").unwrap();
        let mut piece = [0; 2];
        assert_eq!((read_some(server, &mut piece).unwrap(), piece[0]), (1, b'a'));
    }
    for (client, server) in &mut pairs {
        server.write_all(b"meanwhile\n").unwrap();
        assert_eq!(read_line(client), "meanwhile\n");
    }
}

#[test]
fn stopping_relay_still_sends_pending_replies() {
    let (listener, address) = local_listener();
    for plan in [&["--chunk", "1"][..], &[]] {
        let relay = start_relay(&address, &[&["-v"][..], plan].concat());
        let (mut client, mut server) = relayed_pair(&listener, &relay);
        let idle = relayed_pair(&listener, &relay);
        client.write_all(b"question\n").unwrap();
        assert_eq!(read_line(&mut server), "question\n");
        relay.proc.signal(Signal::TERM);
        relay.proc.wait_for_stderr("stopping: answering received messages\n");
        // The server receives the half-close, and replies to the received bytes.
        assert_eq!(read_some(&mut server, &mut [0]).unwrap(), 0);
        server.write_all(b"answer").unwrap();
        drop((server, idle.1));
        let mut received = String::new();
        client.read_to_string(&mut received).unwrap();
        assert_eq!(received, "answer");
        drop((client, idle.0));
        let ended = relay.proc.end();
        assert_eq!((ended.status, ended.stdout.len()), (Some(0), 0), "{ended:?}");
    }
}

#[test]
fn relay_listens_on_a_unix_socket() {
    let server = Server::start(&["--service", "echo"]);
    let dir = Dir::new("unixrelay");
    let path = dir.file("socket");
    let address = format!("unix:{}", path.display());
    let proc =
        Proc::start(&mut crate::support::secretcat(["listen", &address, "--relay", &server.address(), "--chunk", "3"]));
    proc.wait_for_stderr("listening on ");
    let mut client = UnixStream::connect(&path).unwrap();
    client.set_read_timeout(Some(DEADLINE)).unwrap();
    client.write_all(b"to and fro").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let mut received = String::new();
    client.read_to_string(&mut received).unwrap();
    assert_eq!(received, "to and fro");
    server.stops_with("");
}

#[test]
fn relay_connects_from_the_source_address() {
    let (listener, address) = local_listener();
    let relay = start_relay(&address, &["--source", "127.0.0.5"]);
    let (_client, server) = relayed_pair(&listener, &relay);
    assert_eq!(server.peer_addr().unwrap().ip().to_string(), "127.0.0.5");
}
