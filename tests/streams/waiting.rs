//! `connect --raw` after the peer has closed its side, and the options for that.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::process::Stdio;

use crate::support::{
    Proc, accept, local_listener, local_listener_v4, noise, read_some, read_to_end, reset, secretcat, sockets,
};

const WAITS: &str = "secretcat: peer closed its side; still waiting for stdin \
                     (--recv-only does not read it, --end-with-peer leaves now)\n";

/// `connect --raw` with these arguments and an open pipe as stdin, and its peer.
fn connected(args: &[&str]) -> (Proc, TcpStream) {
    connected_on(args, Stdio::piped())
}

fn connected_on(args: &[&str], stdin: Stdio) -> (Proc, TcpStream) {
    let (listener, address) = local_listener();
    let mut command = secretcat(["connect", "--raw", &address]);
    let proc = Proc::start_on(command.args(args), stdin, Stdio::piped(), Stdio::piped());
    (proc, accept(&listener))
}

#[test]
fn idle_stdin_keeps_the_run_going_with_a_message() {
    let (mut connect, peer) = connected(&[]);
    peer.shutdown(Shutdown::Write).unwrap();
    connect.wait_for_stderr(WAITS);
    connect.write("late\n");
    connect.close_stdin();
    assert_eq!(read_to_end(&peer), b"late\n");
    drop(peer);
    connect.end().is(0, "", WAITS);
}

#[test]
fn reset_with_nothing_unsent_is_status_0() {
    let (connect, mut peer) = connected(&[]);
    peer.write_all(b"data\n").unwrap();
    peer.shutdown(Shutdown::Write).unwrap();
    connect.wait_for_stdout("data\n");
    connect.wait_for_stderr(WAITS);
    reset(peer);
    connect.end().is(0, "data\n", WAITS);
}

#[test]
fn reset_before_the_peers_fin_is_status_1() {
    let (connect, mut peer) = connected(&[]);
    peer.write_all(b"data\n").unwrap();
    connect.wait_for_stdout("data\n");
    reset(peer);
    assert_eq!(connect.end().lost_bytes(), (0, 0));
}

#[test]
fn end_with_peer_ends_at_the_peers_fin() {
    let (connect, mut peer) = connected(&["--end-with-peer"]);
    peer.write_all(b"data\n").unwrap();
    peer.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_to_end(&peer), b"");
    connect.end().is(0, "data\n", "");
}

#[test]
fn end_with_peer_counts_bytes_left_on_stdin() {
    let (mut connect, mut peer) = connected(&["--end-with-peer", "--ack-timeout", "50ms"]);
    connect.feed(noise(10_000_000));
    peer.read_exact(&mut [0; 5000]).unwrap(); // and no more
    peer.shutdown(Shutdown::Write).unwrap();
    let (unsent, unacknowledged) = connect.end().lost_bytes();
    assert!((1..10_000_000).contains(&(unsent + unacknowledged)), "{unsent} {unacknowledged}");
}

#[test]
fn recv_only_does_not_read_stdin() {
    let (mut connect, mut peer) = connected(&["--recv-only"]);
    connect.write("not sent\n");
    peer.write_all(b"data\n").unwrap();
    connect.wait_for_stdout("data\n");
    peer.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_to_end(&peer), b"");
    connect.end().is(0, "data\n", "");
}

#[test]
fn send_only_ends_with_stdin() {
    let (mut connect, mut peer) = connected(&["--send-only"]);
    peer.write_all(b"not printed\n").unwrap();
    connect.write("data\n");
    connect.close_stdin();
    let mut got = [0; 5];
    peer.read_exact(&mut got).unwrap();
    assert_eq!(&got, b"data\n");
    let out = connect.end();
    assert_eq!((out.status, out.stdout, out.stderr.as_str()), (Some(0), Vec::new(), ""));
}

#[test]
fn without_input_only_n_and_send_only_half_close_first() {
    for option in ["-N", "--send-only"] {
        let (connect, peer) = connected_on(&[option], Stdio::null());
        assert_eq!(read_to_end(&peer), b"", "{option}");
        drop(peer);
        connect.end().is(0, "", "");
    }
    let (connect, mut peer) = connected_on(&[], Stdio::null());
    peer.write_all(b"data\n").unwrap();
    connect.wait_for_stdout("data\n");
    peer.set_nonblocking(true).unwrap();
    assert!(read_some(&mut peer, &mut [0]).is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock));
    peer.set_nonblocking(false).unwrap();
    peer.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_to_end(&peer), b"");
    connect.end().is(0, "data\n", "");
}

#[test]
fn late_bytes_after_a_killed_peers_fin_are_counted() {
    let (listener, address) = local_listener_v4();
    let mut connect = Proc::start(&mut secretcat(["connect", "--raw", &address.to_string()]));
    drop(accept(&listener)); // nothing is unread: the kernel sends a FIN
    sockets::wait_for_fin(address);
    connect.feed(b"late\n".to_vec());
    assert_eq!(connect.end().lost_bytes().0, 0);
}
