//! Losses that users reported: status 0 on both sides, and bytes missing.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::process::Stdio;
use std::thread;

use rustix::process::Signal;

use crate::support::{
    Dir, FreePort, Proc, Server, accept, expect_reset, local_listener_v4, noise, poll_until, read_to_end, run_command,
    secretcat, shell, skip, sockets, start_pipe_without_stdin,
};

#[test]
fn late_stdin_is_sent_after_peer_half_closes() {
    let (listener, address) = local_listener_v4();
    let mut connect = Proc::start(&mut secretcat(["connect", "--raw", &address.to_string()]));
    let peer = accept(&listener);
    peer.shutdown(Shutdown::Write).unwrap();
    sockets::wait_for_fin(address);
    connect.write("data\n");
    connect.close_stdin();
    assert_eq!(read_to_end(&peer), b"data\n");
    drop(peer);
    let out = connect.end();
    assert_eq!((out.status, out.stdout), (Some(0), Vec::new()), "{}", out.stderr);
}

#[test]
fn late_input_reaches_a_listener_without_stdin() {
    let listen = start_pipe_without_stdin(&[]);
    let mut connect = Proc::start(&mut secretcat(["connect", "--raw", &listen.address()]));
    let SocketAddr::V4(address) = listen.addr else { panic!("127.0.0.1 is no address of IPv4") };
    poll_until("the connection", thread::yield_now, || sockets::accepted(address).is_some());
    connect.write("data\n");
    connect.close_stdin();
    connect.end().is(0, "", "");
    listen.proc.end().is(0, "data\n", listen.ready_line);
}

#[test]
fn archive_reaches_a_listener_without_stdin() {
    if !skip::has_program("tar") {
        return;
    }
    let dir = Dir::new("archive");
    std::fs::write(dir.file("big"), noise(10_000_000)).unwrap();
    let listen = start_pipe_without_stdin(&[]);
    let script = "tar -C \"$1\" -cz big | tee \"$1/sent\" | \"$0\" connect --raw \"$2\"";
    let mut command = shell(script, [dir.path().as_os_str(), listen.address().as_ref()]);
    run_command(&mut command, "").is(0, "", "");
    let out = listen.proc.end();
    assert_eq!((out.status, out.stdout.len()), (Some(0), std::fs::read(dir.file("sent")).unwrap().len()));
    assert!(out.stdout == std::fs::read(dir.file("sent")).unwrap());
}

#[test]
fn all_lines_of_300_short_clients_arrive() {
    let listen = start_pipe_without_stdin(&["-k"]);
    let lines: Vec<String> = (0..300).map(|number| format!("client {number}\n")).collect();
    for line in &lines {
        listen.open().write_all(line.as_bytes()).unwrap();
    }
    listen.proc.wait_for_stdout(&lines[299]);
    let ready_line = listen.ready_line.clone();
    listen.stop().is(0, lines.concat(), ready_line);
}

#[test]
fn late_reply_arrives_whole_at_a_client_without_stdin() {
    let mut listen = Server::start(&["--service", "pipe"]);
    let mut command = secretcat(["connect", "--raw", &listen.address()]);
    let connect = Proc::start_on(&mut command, Stdio::null(), Stdio::piped(), Stdio::piped());
    let SocketAddr::V4(address) = listen.addr else { panic!("127.0.0.1 is no address of IPv4") };
    poll_until("the connection", thread::yield_now, || sockets::accepted(address).is_some());
    listen.proc.feed(noise(10_000_000));
    let out = connect.end();
    assert_eq!((out.status, out.stdout.len(), out.stderr.as_str()), (Some(0), 10_000_000, ""));
    assert!(out.stdout == noise(10_000_000));
    listen.proc.end().is(0, "", listen.ready_line);
}

#[test]
fn peer_closing_after_5000_of_505000_bytes_is_status_1() {
    let bytes = noise(505_000);
    let (listener, address) = local_listener_v4();
    let mut connect = Proc::start(&mut secretcat(["connect", "--raw", &address.to_string()]));
    let mut peer = accept(&listener);
    connect.write(&bytes[..5000]);
    peer.read_exact(&mut [0; 5000]).unwrap();
    drop(peer);
    sockets::wait_for_fin(address);
    connect.feed(bytes[5000..].to_vec());
    let (unsent, unacknowledged) = connect.end().lost_bytes();
    // What is still in the pipe is not known.
    assert!((1..=500_000).contains(&(unsent + unacknowledged)), "{unsent} {unacknowledged}");
}

#[test]
fn receiver_killed_between_two_parts_is_status_1() {
    let listen = start_pipe_without_stdin(&[]);
    let mut connect = Proc::start(&mut secretcat(["connect", "--raw", &listen.address()]));
    let SocketAddr::V4(address) = listen.addr else { panic!("127.0.0.1 is no address of IPv4") };
    connect.write("part 1\n");
    listen.proc.wait_for_stdout("part 1\n");
    listen.proc.signal(Signal::KILL);
    assert_eq!(listen.proc.end().signal, Some(9));
    sockets::wait_for_fin(address);
    connect.feed(b"part 2\n".to_vec());
    connect.end().lost_bytes();
}

#[test]
fn full_disk_at_the_receiver_fails_both_sides() {
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let mut command = secretcat(["listen", "127.0.0.1:0", "--service", "pipe"]);
    let listen = Server::from_proc(Proc::start_on(&mut command, Stdio::null(), full.into(), Stdio::piped()));
    let connect = run_command(&mut secretcat(["connect", "--raw", &listen.address()]), "a line\n");
    let ready_line = format!("{}secretcat: write to stdout: no space left on device\n", listen.ready_line);
    listen.proc.end().is(2, "", ready_line);
    assert_eq!(connect.lost_bytes().0, 0);
}

#[test]
fn relay_resets_its_client_when_the_server_refuses() {
    let port = FreePort::new();
    let relay = Server::start(&["--relay", &port.address.to_string()]);
    expect_reset(&mut relay.open(), "");
    assert_eq!(relay.stop().status, Some(0));
}

#[test]
fn closed_stdout_is_status_2() {
    let (listener, address) = local_listener_v4();
    let mut command = shell("exec \"$0\" connect --raw \"$1\" >&-", [address.to_string()]);
    let connect = Proc::start(&mut command);
    let mut peer = accept(&listener);
    peer.write_all(b"data\n").unwrap();
    let out = connect.end();
    assert_eq!((out.status, out.stderr.lines().count()), (Some(2), 1), "{}", out.stderr);
    assert!(out.stderr.contains("stdout"), "{}", out.stderr);
    expect_reset(&mut peer, "");
}
