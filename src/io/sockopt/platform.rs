//! The options that not every system has: whether this system has them, and stand-ins if not.

use std::io;
use std::time::Duration;

use socket2::Socket;

/// For each line: a constant that tells whether this system has the option, and its two calls. On a system without the
/// option, the calls exist and return `Unsupported`.
macro_rules! options {
    ($(#[cfg($has:meta)] $name:ident: $value:ty => $set:ident = $setter:expr, $get:ident = $getter:expr;)*) => { $(
        pub(super) const $name: bool = cfg!($has);

        #[cfg($has)]
        pub(super) fn $set(socket: &Socket, value: $value) -> io::Result<()> {
            let set: fn(&Socket, $value) -> io::Result<()> = $setter;
            set(socket, value)
        }

        #[cfg($has)]
        pub(super) fn $get(socket: &Socket) -> io::Result<$value> {
            let get: fn(&Socket) -> io::Result<$value> = $getter;
            get(socket)
        }

        #[cfg(not($has))]
        pub(super) fn $set(_: &Socket, _: $value) -> io::Result<()> {
            Err(io::ErrorKind::Unsupported.into())
        }

        #[cfg(not($has))]
        pub(super) fn $get(_: &Socket) -> io::Result<$value> {
            Err(io::ErrorKind::Unsupported.into())
        }
    )* };
}

options! {
    #[cfg(not(any(target_os = "solaris", target_os = "illumos", target_os = "cygwin")))]
    REUSEPORT: bool => set_reuse_port = Socket::set_reuse_port, reuse_port = Socket::reuse_port;

    #[cfg(any(target_os = "linux", target_os = "android"))]
    CORK: bool => set_cork = Socket::set_tcp_cork, cork = Socket::tcp_cork;

    #[cfg(any(target_os = "linux", target_os = "android"))]
    USER_TIMEOUT: Option<Duration> =>
        set_user_timeout = Socket::set_tcp_user_timeout, user_timeout = Socket::tcp_user_timeout;

    #[cfg(any(target_os = "linux", target_os = "freebsd"))]
    CONGESTION: Vec<u8> =>
        set_congestion = |socket, name| socket.set_tcp_congestion(&name), congestion = Socket::tcp_congestion;

    #[cfg(any(target_os = "linux", target_os = "android"))]
    INTERFACE: Option<Vec<u8>> =>
        set_interface = |socket, name| socket.bind_device(name.as_deref()), interface = Socket::device;

    #[cfg(not(target_os = "openbsd"))]
    KEEPALIVE_TIME: Duration => set_keepalive_time = keepalive::set_time, keepalive_time = Socket::tcp_keepalive_time;

    #[cfg(not(any(target_os = "openbsd", target_os = "solaris")))]
    KEEPALIVE_INTVL: Duration =>
        set_keepalive_intvl = keepalive::set_interval, keepalive_intvl = Socket::tcp_keepalive_interval;

    #[cfg(not(any(target_os = "openbsd", target_os = "solaris")))]
    KEEPALIVE_CNT: u32 => set_keepalive_cnt = keepalive::set_retries, keepalive_cnt = Socket::tcp_keepalive_retries;

    #[cfg(not(target_os = "solaris"))]
    TOS: u32 => set_tos_v4 = Socket::set_tos_v4, tos_v4 = Socket::tos_v4;

    #[cfg(any(
        target_os = "linux",
        target_os = "android",
        target_os = "macos",
        target_os = "freebsd",
        target_os = "netbsd",
        target_os = "openbsd",
        target_os = "dragonfly",
        target_os = "illumos",
    ))]
    TCLASS: u32 => set_tclass_v6 = Socket::set_tclass_v6, tclass_v6 = Socket::tclass_v6;
}

/// socket2 sets these three through one structure, which also turns keepalive on.
mod keepalive {
    use std::io;
    use std::time::Duration;

    use socket2::{Socket, TcpKeepalive};

    #[cfg(not(target_os = "openbsd"))]
    pub(super) fn set_time(socket: &Socket, time: Duration) -> io::Result<()> {
        socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(time))
    }

    #[cfg(not(any(target_os = "openbsd", target_os = "solaris")))]
    pub(super) fn set_interval(socket: &Socket, interval: Duration) -> io::Result<()> {
        socket.set_tcp_keepalive(&TcpKeepalive::new().with_interval(interval))
    }

    #[cfg(not(any(target_os = "openbsd", target_os = "solaris")))]
    pub(super) fn set_retries(socket: &Socket, retries: u32) -> io::Result<()> {
        socket.set_tcp_keepalive(&TcpKeepalive::new().with_retries(retries))
    }
}
