//! Every option on a real socket: unset, then set, and read back in another way than by the table.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::time::Duration;

use socket2::Type;

use crate::config::socket::Source;
use crate::io::sys;

use super::*;

/// One option: the request, the check of the socket, and the shown value.
struct Case {
    name: &'static str,
    ask: fn(&mut SocketOptions),
    has: fn(&Socket) -> bool,
    shown: [&'static str; 2],
}

#[rustfmt::skip]
const CASES: &[Case] = &[
    Case { name: "reuseaddr", ask: |o| o.reuseaddr = Some(true), has: |s| s.reuse_address().unwrap(), shown: ["on", "on"] },
    Case { name: "reuseport", ask: |o| o.reuseport = Some(true), has: |s| s.reuse_port().unwrap(), shown: ["on", "on"] },
    Case { name: "keepalive", ask: |o| o.keepalive = Some(true), has: |s| s.keepalive().unwrap(), shown: ["on", "on"] },
    Case { name: "keepalive", ask: |o| o.keepalive_cnt = Some(5), has: |s| s.keepalive().unwrap(), shown: ["on", "on"] },
    Case { name: "keepalive-time", ask: |o| o.keepalive_time = Some(Duration::from_secs(91)),
        has: |s| s.tcp_keepalive_time().unwrap().as_secs() == 91, shown: ["1m 31s", "1m 31s"] },
    Case { name: "keepalive-intvl", ask: |o| o.keepalive_intvl = Some(Duration::from_secs(7)),
        has: |s| s.tcp_keepalive_interval().unwrap().as_secs() == 7, shown: ["7s", "7s"] },
    Case { name: "keepalive-cnt", ask: |o| o.keepalive_cnt = Some(3),
        has: |s| s.tcp_keepalive_retries().unwrap() == 3, shown: ["3", "3"] },
    Case { name: "nodelay", ask: |o| o.nodelay = Some(true), has: |s| s.tcp_nodelay().unwrap(), shown: ["on", "on"] },
    Case { name: "cork", ask: |o| o.cork = Some(true), has: |s| s.tcp_cork().unwrap(), shown: ["on", "on"] },
    Case { name: "sndbuf", ask: |o| o.sndbuf = Some(10240),
        has: |s| s.send_buffer_size().unwrap() == 20480, shown: ["10KiB", "20KiB"] },
    Case { name: "rcvbuf", ask: |o| o.rcvbuf = Some(10240),
        has: |s| s.recv_buffer_size().unwrap() == 20480, shown: ["10KiB", "20KiB"] },
    Case { name: "rcvbuf", ask: |o| o.rcvbuf = Some(1),
        has: |s| s.recv_buffer_size().unwrap() == 2304, shown: ["1", "2304"] },
    Case { name: "mss", ask: |o| o.mss = Some(1000), has: |s| s.tcp_mss().unwrap() == 1000, shown: ["1000", "1000"] },
    Case { name: "linger", ask: |o| o.linger = Some(Duration::from_secs(4)),
        has: |s| s.linger().unwrap() == Some(Duration::from_secs(4)), shown: ["4s", "4s"] },
    Case { name: "reset-on-close", ask: |o| o.reset_on_close = true,
        has: |s| s.linger().unwrap() == Some(Duration::ZERO), shown: ["on", "on"] },
    Case { name: "user-timeout", ask: |o| o.user_timeout = Some(Duration::from_millis(1500)),
        has: |s| s.tcp_user_timeout().unwrap() == Some(Duration::from_millis(1500)), shown: ["1s 500ms", "1s 500ms"] },
    Case { name: "tos", ask: |o| o.tos = Some(0xb8), has: |s| tos(s) == 0xb8, shown: ["0xb8", "0xb8"] },
    Case { name: "tos", ask: |o| o.tos = Some(0x13), has: |s| tos(s) == 0x10, shown: ["0x13", "0x10"] },
    Case { name: "ttl", ask: |o| o.ttl = Some(9), has: |s| ttl(s) == 9, shown: ["9", "9"] },
    Case { name: "interface", ask: |o| o.interface = Some("lo".into()),
        has: |s| s.device().unwrap().as_deref() == Some(b"lo"), shown: ["lo", "lo"] },
];

fn is_v4(socket: &Socket) -> bool {
    socket.domain().unwrap() == Domain::IPV4
}

fn tos(socket: &Socket) -> u32 {
    if is_v4(socket) { socket.tos_v4().unwrap() } else { socket.tclass_v6().unwrap() }
}

fn ttl(socket: &Socket) -> u32 {
    if is_v4(socket) { socket.ttl_v4().unwrap() } else { socket.unicast_hops_v6().unwrap() }
}

fn new(domain: Domain) -> Socket {
    Socket::new(domain, Type::STREAM, None).unwrap()
}

fn asking(ask: impl FnOnce(&mut SocketOptions)) -> SocketOptions {
    let mut options = SocketOptions::default();
    ask(&mut options);
    options.check().unwrap();
    check_platform(&options).unwrap();
    options
}

fn apply_all(socket: &Socket, options: &SocketOptions, family: Family) -> Result<(), OptionError> {
    [Stage::BeforeBind, Stage::BeforeConnect, Stage::Connected]
        .into_iter()
        .try_for_each(|stage| apply(SockRef::from(socket), options, stage, family))
}

fn row(socket: &Socket, options: &SocketOptions, name: &str) -> Shown {
    effective(SockRef::from(socket), options).into_iter().find(|row| row.name == name).unwrap()
}

#[test]
fn every_option_is_set_and_read_back() {
    for (family, domain) in [(Family::V4, Domain::IPV4), (Family::V6, Domain::IPV6)] {
        for case in CASES {
            let options = asking(case.ask);
            let socket = new(domain);
            assert!(!(case.has)(&socket), "{} is so before it is set", case.name);
            apply_all(&socket, &options, family).unwrap();
            assert!((case.has)(&socket), "{} was not set", case.name);
            let [requested, effective] = case.shown.map(|value| Some(value.to_owned()));
            assert_eq!(row(&socket, &options, case.name), Shown { name: case.name, requested, effective });
        }
    }
}

#[test]
fn every_option_of_the_table_has_a_test() {
    let apart = ["congestion", "v6only"]; // below
    for row in TABLE.iter().filter(|row| row.set.is_some()) {
        assert!(CASES.iter().any(|case| case.name == row.name) || apart.contains(&row.name), "{}", row.name);
    }
}

#[test]
fn options_can_be_turned_off() {
    let socket = new(Domain::IPV4);
    socket.set_tcp_nodelay(true).unwrap();
    socket.set_keepalive(true).unwrap();
    let options = asking(|o| (o.nodelay, o.keepalive) = (Some(false), Some(false)));
    apply_all(&socket, &options, Family::V4).unwrap();
    assert!(!socket.tcp_nodelay().unwrap() && !socket.keepalive().unwrap());
    assert_eq!(row(&socket, &options, "nodelay").requested.as_deref(), Some("off"));
}

#[test]
fn each_option_is_set_only_at_its_stage() {
    let options = asking(|o| {
        (o.reuseaddr, o.ttl, o.nodelay) = (Some(true), Some(9), Some(true));
    });
    let after = |stages: &[Stage]| {
        let socket = new(Domain::IPV4);
        for stage in stages {
            apply(SockRef::from(&socket), &options, *stage, Family::V4).unwrap();
        }
        (socket.reuse_address().unwrap(), ttl(&socket) == 9, socket.tcp_nodelay().unwrap())
    };
    assert_eq!(after(&[Stage::BeforeBind]), (true, false, false));
    assert_eq!(after(&[Stage::BeforeConnect]), (false, true, false));
    assert_eq!(after(&[Stage::Connected]), (false, false, true));
}

#[test]
fn congestion_control_is_set_by_name() {
    let before = new(Domain::IPV4).tcp_congestion().unwrap();
    let trim = |name: &[u8]| String::from_utf8(name.split(|b| *b == 0).next().unwrap().to_vec()).unwrap();
    let names = std::fs::read_to_string("/proc/sys/net/ipv4/tcp_allowed_congestion_control").unwrap_or_default();
    let Some(other) = names.split_whitespace().find(|name| *name != trim(&before)) else {
        eprintln!("skipped: no congestion control but the default one: {names:?}");
        return;
    };
    let options = asking(|o| o.congestion = Some(other.into()));
    let socket = new(Domain::IPV4);
    apply_all(&socket, &options, Family::V4).unwrap();
    assert_eq!(trim(&socket.tcp_congestion().unwrap()), other);
    let shown = row(&socket, &options, "congestion");
    assert_eq!((shown.requested.as_deref(), shown.effective.as_deref()), (Some(other), Some(other)));
}

#[test]
fn v6only_is_set_on_ipv6_and_ignored_on_ipv4() {
    for on in [true, false] {
        let options = asking(|o| o.v6only = Some(on));
        let socket = new(Domain::IPV6);
        socket.set_only_v6(!on).unwrap();
        apply(SockRef::from(&socket), &options, Stage::BeforeBind, Family::V6).unwrap();
        assert_eq!(socket.only_v6().unwrap(), on);
        assert_eq!(row(&socket, &options, "v6only").effective.as_deref(), Some(if on { "on" } else { "off" }));
    }
    let options = asking(|o| o.v6only = Some(true));
    let socket = new(Domain::IPV4);
    apply_all(&socket, &options, Family::V4).unwrap();
    let shown = row(&socket, &options, "v6only");
    assert_eq!((shown.requested.as_deref(), shown.effective), (Some("on"), None));
}

#[test]
fn unix_socket_gets_the_send_buffer_and_no_tcp_option() {
    let options = asking(|o| {
        (o.sndbuf, o.nodelay, o.ttl, o.mss) = (Some(10240), Some(true), Some(9), Some(1000));
    });
    let socket = new(Domain::UNIX);
    apply_all(&socket, &options, Family::Unix).unwrap();
    assert_eq!(socket.send_buffer_size().unwrap(), 20480);
    let shown = effective(SockRef::from(&socket), &options);
    let known: Vec<_> = shown.iter().filter(|row| row.effective.is_some()).map(|row| row.name).collect();
    assert_eq!(known, ["sndbuf"]);
}

#[test]
fn source_and_backlog_are_read_back_from_the_kernel() {
    let source = Source { ip: Some(IpAddr::V4(Ipv4Addr::LOCALHOST)), port: 0 };
    let options = asking(|o| (o.source, o.backlog) = (Some(source), Some(7)));
    let socket = new(Domain::IPV4);
    apply_all(&socket, &options, Family::V4).unwrap();
    assert_eq!(row(&socket, &options, "backlog").effective, None, "it does not listen");
    socket.bind(&SocketAddr::new(source.ip.unwrap(), source.port).into()).unwrap();
    socket.listen(7).unwrap();
    let bound = socket.local_addr().unwrap().as_socket().unwrap().to_string();
    let shown = row(&socket, &options, "source");
    assert_eq!((shown.requested.as_deref(), shown.effective), (Some("127.0.0.1"), Some(bound)));
    let shown = row(&socket, &options, "backlog");
    assert_eq!((shown.requested.as_deref(), shown.effective.as_deref()), (Some("7"), Some("7")));
}

/// Options of a listener apply to its connections, with peers of both families.
#[test]
fn accepted_connections_inherit_dual_stack_options() {
    let options = asking(|o| {
        (o.tos, o.ttl, o.mss, o.rcvbuf) = (Some(0xb8), Some(9), Some(1000), Some(10240));
        (o.nodelay, o.v6only) = (Some(true), Some(false));
    });
    let listener = new(Domain::IPV6);
    apply(SockRef::from(&listener), &options, Stage::BeforeBind, Family::V6).unwrap();
    listener.bind(&"[::]:0".parse::<SocketAddr>().unwrap().into()).unwrap();
    apply(SockRef::from(&listener), &options, Stage::BeforeConnect, Family::V6).unwrap();
    listener.listen(5).unwrap();
    let port = listener.local_addr().unwrap().as_socket().unwrap().port();
    for host in ["127.0.0.1", "::1"] {
        let client = TcpStream::connect((host, port)).unwrap();
        let (accepted, _) = listener.accept().unwrap();
        apply(SockRef::from(&accepted), &options, Stage::Connected, Family::V6).unwrap();
        let tos = if host == "::1" { accepted.tclass_v6() } else { accepted.tos_v4() };
        let ttl = if host == "::1" { accepted.unicast_hops_v6() } else { accepted.ttl_v4() };
        assert_eq!((tos.unwrap(), ttl.unwrap()), (0xb8, 9), "{host}");
        assert_eq!(accepted.recv_buffer_size().unwrap(), 20480);
        assert!(accepted.tcp_nodelay().unwrap());
        assert!(SockRef::from(&client).tcp_mss().unwrap() <= 1000);
    }
}

#[test]
fn connection_reset_on_close_ends_with_an_error() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let ours = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (mut theirs, _) = listener.accept().unwrap();
    let options = asking(|o| o.reset_on_close = true);
    apply(SockRef::from(&ours), &options, Stage::Connected, Family::V4).unwrap();
    (&ours).write_all(b"x").unwrap();
    drop(ours);
    let error = theirs.read_to_end(&mut Vec::new()).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
}

/// The counter of the kernel confirms the largest segment.
#[test]
fn segments_are_no_larger_than_mss() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let socket = new(Domain::IPV4);
    let options = asking(|o| o.mss = Some(500));
    apply(SockRef::from(&socket), &options, Stage::BeforeConnect, Family::V4).unwrap();
    socket.connect(&listener.local_addr().unwrap().into()).unwrap();
    let mss = sys::tcp_info(socket.as_fd()).unwrap().snd_mss.unwrap();
    assert!((400..=500).contains(&mss), "{mss}"); // without the bytes of TCP options
}

#[test]
fn option_that_cannot_be_set_is_named_in_the_error() {
    let set = |ask: fn(&mut SocketOptions)| apply_all(&new(Domain::IPV4), &asking(ask), Family::V4).unwrap_err();
    let error = set(|o| o.congestion = Some("nosuch\x1b".into()));
    assert_eq!(error.name, "congestion");
    assert_eq!(error.to_string(), r"set --congestion nosuch\x1b: no such congestion control on this system");
    assert!(error.advice().unwrap().starts_with("available here: "), "{:?}", error.advice());
    let error = set(|o| o.interface = Some("nosuch0".into()));
    assert_eq!(error.to_string(), "set --interface nosuch0: no such interface");
    assert_eq!(error.advice(), None);
    // A value that the configuration check would refuse; the kernel refuses it too.
    let options = SocketOptions { mss: Some(5), ..Default::default() };
    let error = apply_all(&new(Domain::IPV4), &options, Family::V4).unwrap_err();
    assert_eq!(error.to_string(), "set --mss 5: invalid argument");
}

#[test]
fn error_of_an_option_keeps_acronyms() {
    let source = io::Error::other("RFS specific error");
    let error = OptionError { name: "interface", words: Words::Interface, requested: "eth0".to_owned(), source };
    assert_eq!(error.to_string(), "set --interface eth0: RFS specific error");
}

#[test]
fn option_that_the_system_lacks_is_named() {
    assert_eq!(check_platform(&SocketOptions::default()), Ok(()));
    let text = Unsupported { name: "cork" }.to_string();
    assert_eq!(text, format!("--cork is not available on {}", std::env::consts::OS));
}

#[test]
fn table_rows_are_aligned() {
    let row = |name, requested: Option<&str>, effective: Option<&str>| Shown {
        name,
        requested: requested.map(str::to_owned),
        effective: effective.map(str::to_owned),
    };
    let rows = [
        row("ttl", None, Some("64")),
        row("keepalive-time", Some("1m 30s"), Some("1m 30s")),
        row("congestion", Some("r\x1b[2Jno"), None),
    ];
    let expected = "\
option          requested   effective
ttl             -           64
keepalive-time  1m 30s      1m 30s
congestion      r\\x1b[2Jno  -
";
    assert_eq!(show(&rows), expected);
}

#[test]
fn every_option_has_a_row() {
    let socket = new(Domain::IPV6);
    let text = show(&effective(SockRef::from(&socket), &SocketOptions::default()));
    assert_eq!(text.lines().count(), 1 + TABLE.len());
    for row in &TABLE {
        assert!(text.lines().any(|line| line.split_whitespace().next() == Some(row.name)), "{text}");
    }
}
