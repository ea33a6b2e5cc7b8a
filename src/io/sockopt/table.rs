//! The table of socket options: name, stage, platform, and the functions that request, set and read each option.

use std::fmt;
use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use socket2::Socket;

use crate::config::socket::{SocketOptions, Source};
use crate::io::sys;
use crate::value::{Size, Span, Switch};

use super::{Family, Stage, Words, platform};

/// The requested or current value of an option. It prints itself in the form of the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Setting {
    Switch(bool),
    Size(u64),
    Count(u64),
    /// A type of service.
    Tos(u32),
    Span(Duration),
    Name(Vec<u8>),
    Source(Source),
    /// An option that is not set, with the word for that.
    Unset(&'static str),
}

/// The sockets that an option has an effect on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fits {
    All,
    Tcp,
    V6,
}

/// Sets an option of a socket of some family.
type Set = fn(&Socket, &Setting, Family) -> io::Result<()>;

/// One option.
pub(super) struct Row {
    /// Its name on the command line, without the dashes.
    pub(super) name: &'static str,
    /// The words of its refusal.
    pub(super) words: Words,
    pub(super) stage: Stage,
    pub(super) fits: Fits,
    /// Whether this system has the option.
    pub(super) available: bool,
    pub(super) asked: fn(&SocketOptions) -> Option<Setting>,
    /// `None` if it is not a socket option but part of bind(2) or listen(2).
    pub(super) set: Option<Set>,
    pub(super) get: fn(&Socket, Family) -> io::Result<Setting>,
}

use Fits::{All, Tcp, V6};
use Stage::{BeforeBind, BeforeConnect, Connected};

/// In the order of the help text; in each stage, earlier rows are set first.
pub(super) static TABLE: [Row; 21] = [
    Row {
        name: "reuseaddr",
        words: Words::Common,
        stage: BeforeBind,
        fits: Tcp,
        available: true,
        asked: |o| o.reuseaddr.map(Setting::Switch),
        set: Some(|s, v, _| s.set_reuse_address(v.switch()?)),
        get: |s, _| s.reuse_address().map(Setting::Switch),
    },
    Row {
        name: "reuseport",
        words: Words::Common,
        stage: BeforeBind,
        fits: Tcp,
        available: platform::REUSEPORT,
        asked: |o| o.reuseport.map(Setting::Switch),
        set: Some(|s, v, _| platform::set_reuse_port(s, v.switch()?)),
        get: |s, _| platform::reuse_port(s).map(Setting::Switch),
    },
    Row {
        name: "keepalive",
        words: Words::Common,
        stage: Connected,
        fits: Tcp,
        available: true,
        asked: |o| o.wants_keepalive().map(Setting::Switch),
        set: Some(|s, v, _| s.set_keepalive(v.switch()?)),
        get: |s, _| s.keepalive().map(Setting::Switch),
    },
    Row {
        name: "keepalive-time",
        words: Words::Common,
        stage: Connected,
        fits: Tcp,
        available: platform::KEEPALIVE_TIME,
        asked: |o| o.keepalive_time.map(Setting::Span),
        set: Some(|s, v, _| platform::set_keepalive_time(s, v.span()?)),
        get: |s, _| platform::keepalive_time(s).map(Setting::Span),
    },
    Row {
        name: "keepalive-intvl",
        words: Words::Common,
        stage: Connected,
        fits: Tcp,
        available: platform::KEEPALIVE_INTVL,
        asked: |o| o.keepalive_intvl.map(Setting::Span),
        set: Some(|s, v, _| platform::set_keepalive_intvl(s, v.span()?)),
        get: |s, _| platform::keepalive_intvl(s).map(Setting::Span),
    },
    Row {
        name: "keepalive-cnt",
        words: Words::Common,
        stage: Connected,
        fits: Tcp,
        available: platform::KEEPALIVE_CNT,
        asked: |o| o.keepalive_cnt.map(|n| Setting::Count(n.into())),
        set: Some(|s, v, _| platform::set_keepalive_cnt(s, v.number()?)),
        get: |s, _| platform::keepalive_cnt(s).map(|n| Setting::Count(n.into())),
    },
    Row {
        name: "nodelay",
        words: Words::Common,
        stage: Connected,
        fits: Tcp,
        available: true,
        asked: |o| o.nodelay.map(Setting::Switch),
        set: Some(|s, v, _| s.set_tcp_nodelay(v.switch()?)),
        get: |s, _| s.tcp_nodelay().map(Setting::Switch),
    },
    Row {
        name: "cork",
        words: Words::Common,
        stage: Connected,
        fits: Tcp,
        available: platform::CORK,
        asked: |o| o.cork.map(Setting::Switch),
        set: Some(|s, v, _| platform::set_cork(s, v.switch()?)),
        get: |s, _| platform::cork(s).map(Setting::Switch),
    },
    Row {
        name: "sndbuf",
        words: Words::Common,
        stage: BeforeConnect,
        fits: All,
        available: true,
        asked: |o| o.sndbuf.map(|n| Setting::Size(n as u64)),
        set: Some(|s, v, _| s.set_send_buffer_size(v.bytes()?)),
        get: |s, _| s.send_buffer_size().map(|n| Setting::Size(n as u64)),
    },
    Row {
        name: "rcvbuf",
        words: Words::Common,
        stage: BeforeConnect, // the handshake negotiates the window scale
        fits: Tcp,
        available: true,
        asked: |o| o.rcvbuf.map(|n| Setting::Size(n as u64)),
        set: Some(|s, v, _| s.set_recv_buffer_size(v.bytes()?)),
        get: |s, _| s.recv_buffer_size().map(|n| Setting::Size(n as u64)),
    },
    Row {
        name: "mss",
        words: Words::Common,
        stage: BeforeConnect,
        fits: Tcp,
        available: true,
        asked: |o| o.mss.map(|n| Setting::Count(n.into())),
        set: Some(|s, v, _| s.set_tcp_mss(v.number()?)),
        get: |s, _| s.tcp_mss().map(|n| Setting::Count(n.into())),
    },
    Row {
        name: "linger",
        words: Words::Common,
        stage: Connected,
        fits: Tcp,
        available: true,
        asked: |o| o.linger.map(Setting::Span),
        set: Some(|s, v, _| s.set_linger(Some(v.span()?))),
        get: |s, _| s.linger().map(|linger| linger.map_or(Setting::Unset("off"), Setting::Span)),
    },
    Row {
        name: "reset-on-close",
        words: Words::Common,
        stage: Connected,
        fits: Tcp,
        available: true,
        asked: |o| o.reset_on_close.then_some(Setting::Switch(true)),
        set: Some(|s, _, _| s.set_linger(Some(Duration::ZERO))),
        get: |s, _| s.linger().map(|linger| Setting::Switch(linger == Some(Duration::ZERO))),
    },
    Row {
        name: "user-timeout",
        words: Words::Common,
        stage: BeforeConnect, // so that it also limits the connection attempt
        fits: Tcp,
        available: platform::USER_TIMEOUT,
        asked: |o| o.user_timeout.map(Setting::Span),
        set: Some(|s, v, _| platform::set_user_timeout(s, Some(v.span()?))),
        get: |s, _| platform::user_timeout(s).map(|t| t.map_or(Setting::Unset("default"), Setting::Span)),
    },
    Row {
        name: "congestion",
        words: Words::Congestion,
        stage: BeforeConnect,
        fits: Tcp,
        available: platform::CONGESTION,
        asked: |o| o.congestion.as_ref().map(|name| Setting::Name(name.clone().into_bytes())),
        set: Some(|s, v, _| platform::set_congestion(s, v.name()?.to_vec())),
        get: |s, _| platform::congestion(s).map(|name| Setting::name_until_nul(&name)),
    },
    Row {
        name: "tos",
        words: Words::Common,
        stage: BeforeConnect,
        fits: Tcp,
        available: platform::TOS && platform::TCLASS,
        asked: |o| o.tos.map(Setting::Tos),
        set: Some(|s, v, family| set_tos(s, v.number()?, family)),
        get: |s, family| match family {
            Family::V6 => platform::tclass_v6(s).map(Setting::Tos),
            _ => platform::tos_v4(s).map(Setting::Tos),
        },
    },
    Row {
        name: "ttl",
        words: Words::Common,
        stage: BeforeConnect,
        fits: Tcp,
        available: true,
        asked: |o| o.ttl.map(|n| Setting::Count(n.into())),
        set: Some(|s, v, family| set_ttl(s, v.number()?, family)),
        get: |s, family| match family {
            Family::V6 => s.unicast_hops_v6().map(|n| Setting::Count(n.into())),
            _ => s.ttl_v4().map(|n| Setting::Count(n.into())),
        },
    },
    Row {
        name: "source",
        words: Words::Common,
        stage: BeforeBind,
        fits: Tcp,
        available: true,
        asked: |o| o.source.map(Setting::Source),
        set: None,
        get: |s, _| {
            let address = s.local_addr()?.as_socket().ok_or(io::ErrorKind::Unsupported)?;
            Ok(Setting::Source(Source { ip: Some(address.ip()), port: address.port() }))
        },
    },
    Row {
        name: "interface",
        words: Words::Interface,
        stage: BeforeBind,
        fits: Tcp,
        available: platform::INTERFACE,
        asked: |o| o.interface.as_ref().map(|name| Setting::Name(name.clone().into_bytes())),
        set: Some(|s, v, _| platform::set_interface(s, Some(v.name()?.to_vec()))),
        get: |s, _| {
            platform::interface(s).map(|name| name.map_or(Setting::Unset("any"), |name| Setting::name_until_nul(&name)))
        },
    },
    Row {
        name: "v6only",
        words: Words::Common,
        stage: BeforeBind,
        fits: V6,
        available: true,
        asked: |o| o.v6only.map(Setting::Switch),
        set: Some(|s, v, _| s.set_only_v6(v.switch()?)),
        get: |s, _| s.only_v6().map(Setting::Switch),
    },
    Row {
        name: "backlog",
        words: Words::Common,
        stage: BeforeConnect,
        fits: All,
        available: true,
        asked: |o| o.backlog.map(|n| Setting::Count(n.into())),
        set: None,
        get: |s, _| {
            let backlog = sys::listen_backlog(s.as_fd())?;
            backlog.map(Setting::Count).ok_or_else(|| io::ErrorKind::Unsupported.into())
        },
    },
];

/// An IPv6 socket with an IPv4 peer sends IPv4 packets, whose type of service is a separate option. Not every system
/// supports it on an IPv6 socket.
fn set_tos(socket: &Socket, tos: u32, family: Family) -> io::Result<()> {
    if family != Family::V6 {
        return platform::set_tos_v4(socket, tos);
    }
    let _ = platform::set_tos_v4(socket, tos);
    platform::set_tclass_v6(socket, tos)
}

/// An IPv6 socket has a separate time to live for IPv4 peers, as for the type of service.
fn set_ttl(socket: &Socket, ttl: u32, family: Family) -> io::Result<()> {
    if family != Family::V6 {
        return socket.set_ttl_v4(ttl);
    }
    let _ = socket.set_ttl_v4(ttl);
    socket.set_unicast_hops_v6(ttl)
}

impl Fits {
    pub(super) fn has(self, family: Family) -> bool {
        match self {
            All => true,
            Tcp => family != Family::Unix,
            V6 => family == Family::V6,
        }
    }
}

/// The value as the kind that a row sets; another kind is an error in the table.
impl Setting {
    fn switch(&self) -> io::Result<bool> {
        if let Setting::Switch(on) = self { Ok(*on) } else { Err(io::ErrorKind::InvalidInput.into()) }
    }

    fn bytes(&self) -> io::Result<usize> {
        let Setting::Size(bytes) = self else { return Err(io::ErrorKind::InvalidInput.into()) };
        usize::try_from(*bytes).map_err(|_| io::ErrorKind::InvalidInput.into())
    }

    fn number(&self) -> io::Result<u32> {
        match self {
            Setting::Count(count) => u32::try_from(*count).map_err(|_| io::ErrorKind::InvalidInput.into()),
            Setting::Tos(tos) => Ok(*tos),
            _ => Err(io::ErrorKind::InvalidInput.into()),
        }
    }

    fn span(&self) -> io::Result<Duration> {
        if let Setting::Span(span) = self { Ok(*span) } else { Err(io::ErrorKind::InvalidInput.into()) }
    }

    fn name(&self) -> io::Result<&[u8]> {
        if let Setting::Name(name) = self { Ok(name) } else { Err(io::ErrorKind::InvalidInput.into()) }
    }

    /// The kernel pads names with NULs to the size of its field.
    fn name_until_nul(field: &[u8]) -> Setting {
        Setting::Name(field.split(|byte| *byte == 0).next().unwrap_or_default().to_vec())
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Setting::Switch(on) => Switch::from(*on).fmt(f),
            Setting::Size(bytes) => Size(*bytes).fmt(f),
            Setting::Count(count) => count.fmt(f),
            Setting::Tos(tos) => write!(f, "{tos:#04x}"),
            Setting::Span(span) => Span(*span).fmt(f),
            Setting::Name(name) => f.write_str(&crate::value::escape(name)),
            Setting::Source(source) => source.fmt(f),
            Setting::Unset(word) => f.write_str(word),
        }
    }
}
