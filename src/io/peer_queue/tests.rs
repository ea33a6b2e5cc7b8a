//! Both interfaces against real connections on loopback, and both parsers against recorded input.
#![cfg(any(target_os = "linux", target_os = "android"))]

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread::sleep;
use std::time::{Duration, Instant};

use socket2::{Domain, SockRef, Socket, Type};

use super::*;

fn listener(address: &str) -> TcpListener {
    TcpListener::bind(address).unwrap()
}

/// A connection to a listener's port on another of its addresses, and both interfaces for its peer.
fn connect(listener: &TcpListener, host: &str) -> (TcpStream, [PeerQueue; 2]) {
    let port = listener.local_addr().unwrap().port();
    let ours = TcpStream::connect((host, port)).unwrap();
    let open = || PeerQueue::open(ours.local_addr().unwrap(), ours.peer_addr().unwrap());
    let (by_netlink, mut by_proc) = (open(), open());
    assert!(matches!(by_netlink.way, Way::Netlink(..)));
    by_proc.way = Way::Proc;
    (ours, [by_netlink, by_proc])
}

fn unread(way: &mut PeerQueue) -> Option<u64> {
    way.look().unwrap().map(|peer| peer.unread)
}

/// Both interfaces report this, once the kernel has moved the bytes.
fn both(ways: &mut [PeerQueue; 2], expected: Option<u64>) {
    for way in ways {
        let deadline = Instant::now() + Duration::from_secs(5);
        while unread(way) != expected {
            assert!(Instant::now() < deadline, "{:?}, not {expected:?}: {way:?}", way.look());
            sleep(Duration::from_millis(1));
        }
    }
}

/// Written bytes are unread until the peer reads them, accepted or not.
fn follow(listener: &TcpListener, host: &str) -> [PeerQueue; 2] {
    let (mut ours, mut ways) = connect(listener, host);
    both(&mut ways, Some(0));
    ours.write_all(b"12345").unwrap();
    both(&mut ways, Some(5)); // not accepted yet
    let (mut theirs, _) = listener.accept().unwrap();
    both(&mut ways, Some(5));
    theirs.read_exact(&mut [0; 4]).unwrap();
    both(&mut ways, Some(1));
    theirs.read_exact(&mut [0; 1]).unwrap();
    both(&mut ways, Some(0));
    ours.write_all(b"123").unwrap();
    both(&mut ways, Some(3));
    theirs.read_exact(&mut [0; 3]).unwrap();
    both(&mut ways, Some(0));
    SockRef::from(&theirs).set_linger(Some(Duration::ZERO)).unwrap();
    drop(theirs);
    both(&mut ways, None);
    ways
}

#[test]
fn queue_of_an_ipv4_peer_is_read() {
    let [by_netlink, _] = follow(&listener("127.0.0.1:0"), "127.0.0.1");
    assert!(matches!(by_netlink.way, Way::Netlink(_, true)), "netlink is not given up when the peer is gone");
}

#[test]
fn queue_of_an_ipv6_peer_is_read() {
    follow(&listener("[::1]:0"), "::1");
}

#[test]
fn queue_of_an_ipv4_peer_at_a_dual_stack_listener_is_read() {
    let listener = listener("[::]:0");
    follow(&listener, "127.0.0.1");
    follow(&listener, "::ffff:127.0.0.1");
    follow(&listener, "::1");
}

#[test]
fn peer_bound_to_an_interface_is_found_in_proc_net_tcp() {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    if let Err(error) = socket.bind_device(Some(b"lo")) {
        eprintln!("skipped: binding to an interface: {error}");
        return;
    }
    let address: SocketAddr = "127.0.0.1:0".parse().unwrap();
    socket.bind(&address.into()).unwrap();
    socket.listen(1).unwrap();
    let [by_netlink, _] = follow(&socket.into(), "127.0.0.1");
    assert!(matches!(by_netlink.way, Way::Proc));
}

#[test]
fn listener_is_not_mistaken_for_the_peer() {
    let listener = listener("127.0.0.1:0");
    let (_waiting, _) = connect(&listener, "127.0.0.1"); // a listener's queue counts connections
    let unused = "127.0.0.1:1".parse().unwrap();
    let mut queue = PeerQueue::open(unused, listener.local_addr().unwrap());
    assert_eq!(queue.look().unwrap(), None);
    assert!(matches!(queue.way, Way::Netlink(_, true)));
    queue.way = Way::Proc;
    assert_eq!(queue.look().unwrap(), None);
}

#[test]
fn fin_does_not_count_as_a_byte() {
    let listener = listener("127.0.0.1:0");
    let (mut ours, mut ways) = connect(&listener, "127.0.0.1");
    let (mut theirs, _) = listener.accept().unwrap();
    ours.write_all(b"12").unwrap();
    ours.shutdown(Shutdown::Write).unwrap();
    both(&mut ways, Some(2));
    theirs.read_exact(&mut [0; 2]).unwrap();
    both(&mut ways, Some(0));
    assert_eq!(theirs.read(&mut [0]).unwrap(), 0);
    both(&mut ways, Some(0));
}

#[test]
fn arrived_bytes_are_counted_before_they_are_read() {
    let listener = listener("127.0.0.1:0");
    let (mut ours, [mut by_netlink, mut by_proc]) = connect(&listener, "127.0.0.1");
    let (mut theirs, _) = listener.accept().unwrap();
    let mut arrives = |expected: u64| {
        let deadline = Instant::now() + Duration::from_secs(5);
        while by_netlink.look().unwrap().unwrap().received != Some(expected) {
            assert!(Instant::now() < deadline, "{by_netlink:?}");
        }
    };
    arrives(0);
    ours.write_all(b"12345").unwrap();
    arrives(5);
    theirs.read_exact(&mut [0; 5]).unwrap();
    ours.write_all(b"123").unwrap();
    arrives(8);
    assert_eq!(by_proc.look().unwrap(), Some(Peer { unread: 3, received: None }));
}

#[test]
fn queue_of_a_half_closed_peer_is_read() {
    let listener = listener("127.0.0.1:0");
    let (mut ours, mut ways) = connect(&listener, "127.0.0.1");
    let (mut theirs, _) = listener.accept().unwrap();
    theirs.shutdown(Shutdown::Write).unwrap();
    ours.write_all(b"12").unwrap();
    both(&mut ways, Some(2));
    theirs.read_exact(&mut [0; 2]).unwrap();
    both(&mut ways, Some(0));
}

#[test]
fn connection_of_another_host_is_not_visible() {
    let mut queue = PeerQueue::open("192.0.2.1:5000".parse().unwrap(), "192.0.2.2:4500".parse().unwrap());
    for _ in 0..3 {
        assert_eq!(queue.look().unwrap(), None);
    }
}

#[test]
fn socket_state_decides_if_the_queue_includes_the_fin() {
    let established = 1;
    assert_eq!(bytes(established, 5), Some(5));
    assert_eq!(bytes(established, u32::MAX), Some(u64::from(u32::MAX)));
    assert_eq!(bytes(state::LISTEN, 5), None);
    assert_eq!(bytes(state::CLOSE, 0), None);
    assert_eq!(bytes(state::TIME_WAIT, 5), Some(0));
    for state in [state::CLOSE_WAIT, state::LAST_ACK, state::CLOSING] {
        assert_eq!((bytes(state, 5), bytes(state, 0)), (Some(4), Some(0)));
    }
}

fn tuple(local: &str, remote: &str) -> Tuple {
    Tuple { local: local.parse().unwrap(), remote: remote.parse().unwrap() }
}

#[cfg(target_endian = "little")]
#[test]
fn proc_net_tcp_is_parsed() {
    let list = "\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode                                                     
   0: 0100007F:1194 00000000:0000 0A 00000000:00000002 00:00000000 00000000  1000        0 22107 1 0000000000000000 100 0 0 10 0                     
   1: 0100007F:A3D2 0100007F:1194 01 00000007:00000000 00:00000000 00000000  1000        0 23415 1 0000000000000000 20 4 30 10 -1                    
   2: 0100007F:1194 0100007F:A3D2 01 00000000:0000001F 00:00000000 00000000  1000        0 23416 1 0000000000000000 20 4 30 10 -1                    
   3: 0101A8C0:1194 0200000A:A3D3 08 00000000:00000001 00:00000000 00000000  1000        0 23417 1 0000000000000000 20 4 30 10 -1                    
";
    let find = |local, remote| proc::find(list.as_bytes(), &tuple(local, remote)).unwrap();
    assert_eq!(find("127.0.0.1:4500", "127.0.0.1:41938"), Some(31));
    assert_eq!(find("127.0.0.1:41938", "127.0.0.1:4500"), Some(0));
    assert_eq!(find("192.168.1.1:4500", "10.0.0.2:41939"), Some(0));
    assert_eq!(find("127.0.0.1:4500", "0.0.0.0:0"), None);
    assert_eq!(find("127.0.0.1:4500", "127.0.0.1:41939"), None);
    let list = "\
  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000000000000000000001000000:1194 00000000000000000000000001000000:A3D2 01 00000000:00000005 00:00000000 00000000  1000        0 23420 1
   1: 0000000000000000FFFF00000100007F:1194 0000000000000000FFFF00000100007F:A3D2 01 00000000:00000006 00:00000000 00000000  1000        0 23421 1
   2: B80D0120000000000000000001000000:1194 B80D0120000000000000000002000000:A3D2 01 00000000:00000007 00:00000000 00000000  1000        0 23422 1
";
    let find = |local, remote| proc::find(list.as_bytes(), &tuple(local, remote)).unwrap();
    assert_eq!(find("[::1]:4500", "[::1]:41938"), Some(5));
    assert_eq!(find("127.0.0.1:4500", "127.0.0.1:41938"), Some(6));
    assert_eq!(find("[2001:db8::1]:4500", "[2001:db8::2]:41938"), Some(7));
}

#[test]
fn malformed_lines_of_proc_net_tcp_are_skipped() {
    let list = "\n:\n0:\n0: 0100007F\n0: 0100007F:1194 0100007F:A3D2\n0: 0100007F:1194 0100007F:A3D2 01 5\n\
                0: é100007F:1194 0100007F:A3D2 01 0:5\n0: 0100007F:11940 0100007F:A3D2 01 0:5\n\
                0: 00000000000000000000000001é00000:1194 0100007F:A3D2 01 0:5\n";
    let wanted = tuple("127.0.0.1:4500", "127.0.0.1:41938");
    assert_eq!(proc::find(list.as_bytes(), &wanted).unwrap(), None);
}

#[test]
fn inet_diag_replies_are_parsed() {
    let wanted = tuple("127.0.0.1:4500", "127.0.0.1:41938");
    let answer = |kind: u16, sequence: u32, body: &[u8]| {
        let mut message = 88_u32.to_ne_bytes().to_vec();
        message.extend(kind.to_ne_bytes());
        message.extend([0; 2]);
        message.extend(sequence.to_ne_bytes());
        message.extend([0; 4]);
        message.extend(body);
        message
    };
    let mut body = [0; 72];
    body[..2].copy_from_slice(&[2, 1]);
    body[4..8].copy_from_slice(&[0x11, 0x94, 0xa3, 0xd2]);
    body[8..12].copy_from_slice(&[127, 0, 0, 1]);
    body[24..28].copy_from_slice(&[127, 0, 0, 1]);
    body[56..60].copy_from_slice(&31_u32.to_ne_bytes());
    let parse = |message: &[u8]| netlink::parse(message, 9, &wanted);
    let found = answer(20, 9, &body);
    assert_eq!(parse(&found).unwrap(), Some(Answer::Found(Some(Peer { unread: 31, received: None }))));
    assert_eq!(parse(&answer(20, 8, &body)).unwrap(), None, "the answer to an earlier question");
    for len in 0..found.len() {
        assert!(parse(&found[..len]).is_err(), "cut at {len}");
    }
    assert!(parse(&answer(3, 9, &body)).is_err());
    let error = |errno: i32| parse(&answer(2, 9, &errno.wrapping_neg().to_ne_bytes()));
    assert_eq!(error(libc::ENOENT).unwrap(), Some(Answer::Unknown));
    assert_eq!(error(libc::EPERM).unwrap_err().raw_os_error(), Some(libc::EPERM));
    assert!(error(i32::MIN).is_err());
    // Attributes follow: one of another kind, padded to four bytes, then the counters of TCP.
    let mut attributes = found.clone();
    attributes.extend(5_u16.to_ne_bytes().iter().chain(&7_u16.to_ne_bytes()).chain(&[1, 0, 0, 0]));
    let info = 4 + 136_u16;
    attributes.extend(info.to_ne_bytes().iter().chain(&2_u16.to_ne_bytes()));
    attributes.extend([0; 128].iter().chain(&77_u64.to_ne_bytes()));
    let received = |message: &[u8]| match parse(message).unwrap() {
        Some(Answer::Found(Some(Peer { unread: 31, received }))) => received,
        other => panic!("{other:?}"),
    };
    assert_eq!(received(&attributes), Some(77));
    for len in found.len()..attributes.len() {
        assert_eq!(received(&attributes[..len]), None, "cut at {len}");
    }
    body[6] ^= 1; // another remote port
    assert_eq!(parse(&answer(20, 9, &body)).unwrap(), Some(Answer::Unknown));
    body[6] ^= 1;
    body[0] = 10;
    let mapped = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1];
    body[8..24].copy_from_slice(&mapped);
    body[24..40].copy_from_slice(&mapped);
    assert_eq!(parse(&answer(20, 9, &body)).unwrap(), Some(Answer::Found(Some(Peer { unread: 31, received: None }))));
}
