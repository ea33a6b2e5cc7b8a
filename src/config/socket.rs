//! The socket options that a user can request, and the contradictions between them.

use std::time::Duration;

use crate::value::{Span, escape};

pub use super::source::Source;

/// The requested socket options of a run. `None` keeps the default of the system.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SocketOptions {
    /// Bind to a port that has connections in `TIME_WAIT` (`SO_REUSEADDR`, socket(7)).
    pub reuseaddr: Option<bool>,
    /// Share a port with other listeners of the same user (`SO_REUSEPORT`, socket(7)).
    pub reuseport: Option<bool>,
    /// Probe an idle connection (`SO_KEEPALIVE`, socket(7)). Read it through [`SocketOptions::wants_keepalive`].
    pub keepalive: Option<bool>,
    /// Idle time before the first probe: whole seconds, 1 to 32767 (`TCP_KEEPIDLE`, tcp(7)).
    pub keepalive_time: Option<Duration>,
    /// Time between two probes: whole seconds, 1 to 32767 (`TCP_KEEPINTVL`, tcp(7)).
    pub keepalive_intvl: Option<Duration>,
    /// The number of unanswered probes before the connection is closed: 1 to 127 (`TCP_KEEPCNT`, tcp(7)).
    pub keepalive_cnt: Option<u32>,
    /// `true` sends small segments at once, `false` joins them: Nagle's algorithm (`TCP_NODELAY`, tcp(7)).
    pub nodelay: Option<bool>,
    /// Hold partial segments back, for 200 ms at most (`TCP_CORK`, tcp(7)).
    pub cork: Option<bool>,
    /// Send buffer in bytes; Linux doubles it (`SO_SNDBUF`, socket(7)).
    pub sndbuf: Option<usize>,
    /// The send buffer of a connection within this host if `sndbuf` is not set.
    pub sndbuf_within_host: Option<usize>,
    /// Receive buffer in bytes; Linux doubles it (`SO_RCVBUF`, socket(7)).
    pub rcvbuf: Option<usize>,
    /// Largest segment in bytes: 88 to 32767 (`TCP_MAXSEG`, tcp(7)).
    pub mss: Option<u32>,
    /// The time that a close waits for unsent data: whole seconds; 0 resets (`SO_LINGER`, socket(7)).
    pub linger: Option<Duration>,
    /// A close resets the connection and drops unsent data (`SO_LINGER` of 0, socket(7)).
    pub reset_on_close: bool,
    /// The time that sent data may be unacknowledged: whole milliseconds (`TCP_USER_TIMEOUT`, tcp(7)).
    pub user_timeout: Option<Duration>,
    /// Congestion control algorithm by name (`TCP_CONGESTION`, tcp(7)).
    pub congestion: Option<String>,
    /// Type of service or traffic class: 0 to 255 (`IP_TOS`, ip(7); `IPV6_TCLASS`, RFC 3542).
    pub tos: Option<u32>,
    /// The largest number of hops: 1 to 255 (`IP_TTL`, ip(7); `IPV6_UNICAST_HOPS`, ipv6(7)).
    pub ttl: Option<u32>,
    /// The local address of outgoing connections (bind(2)).
    pub source: Option<Source>,
    /// The network interface to use, by name (`SO_BINDTODEVICE`, socket(7)).
    pub interface: Option<String>,
    /// Whether an IPv6 socket refuses IPv4 peers (`IPV6_V6ONLY`, ipv6(7)).
    pub v6only: Option<bool>,
    /// The number of connections that may wait to be accepted (listen(2)).
    pub backlog: Option<u32>,
}

/// An error about socket options that cannot be used, or not together: one sentence with a hint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SocketOptionsError(pub String);

/// The largest value of a C int.
const INT_MAX: u64 = i32::MAX.unsigned_abs() as u64;
/// `MAX_TCP_KEEPIDLE` and `MAX_TCP_KEEPINTVL` of linux/tcp.h, in seconds.
const KEEPALIVE_MAX: u64 = 32767;
/// Longest name of a network interface (`IFNAMSIZ` without its NUL, net/if.h) and of a congestion
/// control (`TCP_CA_NAME_MAX` without its NUL, linux/tcp.h).
const NAME_MAX: usize = 15;

impl SocketOptions {
    /// The value of keepalive, if it is set: any `keepalive_*` value turns it on.
    #[must_use]
    pub fn wants_keepalive(&self) -> Option<bool> {
        self.keepalive.or(self.keepalive_detail().map(|_| true))
    }

    /// Finds the first value out of range, or the first options that contradict each other.
    pub fn check(&self) -> Result<(), SocketOptionsError> {
        whole("keepalive-time", self.keepalive_time, SECOND, 1, KEEPALIVE_MAX)?;
        whole("keepalive-intvl", self.keepalive_intvl, SECOND, 1, KEEPALIVE_MAX)?;
        number("keepalive-cnt", self.keepalive_cnt.map(u64::from), 1, 127)?;
        number("sndbuf", self.sndbuf.map(|n| n as u64), 1, INT_MAX)?;
        number("rcvbuf", self.rcvbuf.map(|n| n as u64), 1, INT_MAX)?;
        number("mss", self.mss.map(u64::from), 88, 32767)?;
        whole("linger", self.linger, SECOND, 0, INT_MAX)?;
        whole("user-timeout", self.user_timeout, MILLISECOND, 1, INT_MAX)?;
        name("congestion", self.congestion.as_deref())?;
        number("tos", self.tos.map(u64::from), 0, 255)?;
        number("ttl", self.ttl.map(u64::from), 1, 255)?;
        name("interface", self.interface.as_deref())?;
        number("backlog", self.backlog.map(u64::from), 0, INT_MAX)?;
        if let (Some(false), Some(detail)) = (self.keepalive, self.keepalive_detail()) {
            return refuse(format!(
                "--keepalive off cannot be combined with --{detail}, which turns keepalive on: remove one of them"
            ));
        }
        if self.reset_on_close && self.linger.is_some() {
            return refuse("--reset-on-close cannot be combined with --linger: a close either waits or resets (remove one of them)".into());
        }
        Ok(())
    }

    /// Turns Nagle's algorithm off, unless the user has chosen.
    pub fn prefer_nodelay(&mut self) {
        if self.nodelay.is_none() && self.cork != Some(true) {
            self.nodelay = Some(true);
        }
    }

    /// Whether the kernel is to join small segments: the user has asked for Nagle's algorithm or `TCP_CORK`.
    #[must_use]
    pub fn joins_segments(&self) -> bool {
        self.nodelay == Some(false) || self.cork == Some(true)
    }

    /// Refuses options without an effect on a unix socket (unix(7)): all but the send buffer and the backlog.
    pub fn check_unix(&self) -> Result<(), SocketOptionsError> {
        let foreign = [
            ("reuseaddr", self.reuseaddr.is_some()),
            ("reuseport", self.reuseport.is_some()),
            ("keepalive", self.wants_keepalive().is_some()),
            ("nodelay", self.nodelay == Some(true)),
            ("nagle", self.nodelay == Some(false)),
            ("cork", self.cork.is_some()),
            ("rcvbuf", self.rcvbuf.is_some()),
            ("mss", self.mss.is_some()),
            ("linger", self.linger.is_some()),
            ("reset-on-close", self.reset_on_close),
            ("user-timeout", self.user_timeout.is_some()),
            ("congestion", self.congestion.is_some()),
            ("tos", self.tos.is_some()),
            ("ttl", self.ttl.is_some()),
            ("source", self.source.is_some()),
            ("interface", self.interface.is_some()),
            ("v6only", self.v6only.is_some()),
        ];
        match foreign.iter().find(|(_, asked)| *asked) {
            Some((name, _)) => refuse(format!("--{name} has no effect on a unix socket: remove it")),
            None => Ok(()),
        }
    }

    /// The first option given that describes the keepalive probes.
    fn keepalive_detail(&self) -> Option<&'static str> {
        let details = [
            ("keepalive-time", self.keepalive_time.is_some()),
            ("keepalive-intvl", self.keepalive_intvl.is_some()),
            ("keepalive-cnt", self.keepalive_cnt.is_some()),
        ];
        details.iter().find(|(_, asked)| *asked).map(|(name, _)| *name)
    }
}

const SECOND: (Duration, &str) = (Duration::from_secs(1), "seconds");
const MILLISECOND: (Duration, &str) = (Duration::from_millis(1), "milliseconds");

/// The kernel counts in whole units, and would silently drop a fraction.
fn whole(
    option: &str,
    value: Option<Duration>,
    (unit, units): (Duration, &str),
    min: u64,
    max: u64,
) -> Result<(), SocketOptionsError> {
    let fits = |value: &Duration| {
        let count = value.as_nanos() / unit.as_nanos();
        value.as_nanos() % unit.as_nanos() == 0 && (u128::from(min)..=u128::from(max)).contains(&count)
    };
    let Some(value) = value.filter(|value| !fits(value)) else { return Ok(()) };
    let span =
        |count: u64| Span(if units == "seconds" { Duration::from_secs(count) } else { Duration::from_millis(count) });
    refuse(format!("--{option} takes whole {units} from {} to {}, not {}", span(min), span(max), Span(value)))
}

fn number(option: &str, value: Option<u64>, min: u64, max: u64) -> Result<(), SocketOptionsError> {
    match value.filter(|value| !(min..=max).contains(value)) {
        Some(value) => refuse(format!("--{option} takes a number from {min} to {max}, not {value}")),
        None => Ok(()),
    }
}

fn name(option: &str, value: Option<&str>) -> Result<(), SocketOptionsError> {
    let fits = |value: &&str| (1..=NAME_MAX).contains(&value.len()) && !value.contains('\0');
    match value.filter(|value| !fits(value)) {
        Some(value) => {
            refuse(format!("--{option} takes a name of 1 to {NAME_MAX} bytes, not \"{}\"", escape(value.as_bytes())))
        }
        None => Ok(()),
    }
}

fn refuse(sentence: String) -> Result<(), SocketOptionsError> {
    Err(SocketOptionsError(sentence))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(options: &SocketOptions) -> String {
        options.check().unwrap_err().to_string()
    }

    #[test]
    fn defaults_are_valid() {
        assert_eq!(SocketOptions::default().check(), Ok(()));
        assert_eq!(SocketOptions::default().check_unix(), Ok(()));
        assert_eq!(SocketOptions::default().wants_keepalive(), None);
    }

    /// For each option: the smallest and largest valid values, invalid values, and the error.
    #[test]
    #[allow(clippy::too_many_lines, clippy::cast_possible_truncation)] // a table
    fn each_range_ends_where_that_of_the_kernel_ends() {
        type Case = (fn(&mut SocketOptions, u64), [u64; 2], [u64; 2], [&'static str; 2]);
        let most = i32::MAX as u64;
        let cases: [Case; 11] = [
            (
                |o, n| o.keepalive_time = Some(Duration::from_secs(n)),
                [1, 32767],
                [0, 32768],
                [
                    "--keepalive-time takes whole seconds from 1s to 9h 6m 7s, not 0s",
                    "--keepalive-time takes whole seconds from 1s to 9h 6m 7s, not 9h 6m 8s",
                ],
            ),
            (
                |o, n| o.keepalive_intvl = Some(Duration::from_secs(n)),
                [1, 32767],
                [0, 32768],
                [
                    "--keepalive-intvl takes whole seconds from 1s to 9h 6m 7s, not 0s",
                    "--keepalive-intvl takes whole seconds from 1s to 9h 6m 7s, not 9h 6m 8s",
                ],
            ),
            (
                |o, n| o.keepalive_cnt = Some(n as u32),
                [1, 127],
                [0, 128],
                [
                    "--keepalive-cnt takes a number from 1 to 127, not 0",
                    "--keepalive-cnt takes a number from 1 to 127, not 128",
                ],
            ),
            (
                |o, n| o.sndbuf = Some(n as usize),
                [1, most],
                [0, most + 1],
                [
                    "--sndbuf takes a number from 1 to 2147483647, not 0",
                    "--sndbuf takes a number from 1 to 2147483647, not 2147483648",
                ],
            ),
            (
                |o, n| o.rcvbuf = Some(n as usize),
                [1, most],
                [0, most + 1],
                [
                    "--rcvbuf takes a number from 1 to 2147483647, not 0",
                    "--rcvbuf takes a number from 1 to 2147483647, not 2147483648",
                ],
            ),
            (
                |o, n| o.mss = Some(n as u32),
                [88, 32767],
                [87, 32768],
                ["--mss takes a number from 88 to 32767, not 87", "--mss takes a number from 88 to 32767, not 32768"],
            ),
            (
                |o, n| o.linger = Some(Duration::from_millis(n)),
                [0, 5000],
                [500, 1001],
                [
                    "--linger takes whole seconds from 0s to 68years 18days 3h 14m 7s, not 500ms",
                    "--linger takes whole seconds from 0s to 68years 18days 3h 14m 7s, not 1s 1ms",
                ],
            ),
            (
                |o, n| o.user_timeout = Some(Duration::from_micros(n)),
                [1000, 30_000_000],
                [0, 1500],
                [
                    "--user-timeout takes whole milliseconds from 1ms to 24days 20h 31m 23s 647ms, not 0s",
                    "--user-timeout takes whole milliseconds from 1ms to 24days 20h 31m 23s 647ms, not 1ms 500us",
                ],
            ),
            (
                |o, n| o.tos = Some(n as u32),
                [0, 255],
                [256, 1000],
                ["--tos takes a number from 0 to 255, not 256", "--tos takes a number from 0 to 255, not 1000"],
            ),
            (
                |o, n| o.ttl = Some(n as u32),
                [1, 255],
                [0, 256],
                ["--ttl takes a number from 1 to 255, not 0", "--ttl takes a number from 1 to 255, not 256"],
            ),
            (
                |o, n| o.backlog = Some(n as u32),
                [0, most],
                [most + 1, most + 2],
                [
                    "--backlog takes a number from 0 to 2147483647, not 2147483648",
                    "--backlog takes a number from 0 to 2147483647, not 2147483649",
                ],
            ),
        ];
        for (set, right, wrong, sentences) in cases {
            let with = |n| {
                let mut options = SocketOptions::default();
                set(&mut options, n);
                options
            };
            for n in right {
                assert_eq!(with(n).check(), Ok(()), "{:?}", with(n));
            }
            for (n, sentence) in wrong.into_iter().zip(sentences) {
                assert_eq!(error(&with(n)), sentence);
            }
        }
    }

    #[test]
    fn names_longer_than_the_kernel_takes_are_refused() {
        let with = |name: &str| SocketOptions { interface: Some(name.into()), ..Default::default() };
        assert_eq!(with("a23456789012345").check(), Ok(()));
        assert_eq!(error(&with("")), "--interface takes a name of 1 to 15 bytes, not \"\"");
        assert_eq!(
            error(&with("a234567890123456")),
            "--interface takes a name of 1 to 15 bytes, not \"a234567890123456\""
        );
        let nul = SocketOptions { congestion: Some("re\0no".into()), ..Default::default() };
        assert_eq!(error(&nul), r#"--congestion takes a name of 1 to 15 bytes, not "re\x00no""#);
    }

    #[test]
    fn keepalive_details_turn_it_on_and_exclude_off() {
        let asked = SocketOptions { keepalive_cnt: Some(3), ..Default::default() };
        assert_eq!(asked.wants_keepalive(), Some(true));
        let off = SocketOptions { keepalive: Some(false), ..Default::default() };
        assert_eq!((off.wants_keepalive(), off.check()), (Some(false), Ok(())));
        let both = SocketOptions { keepalive: Some(false), ..asked };
        assert_eq!(
            error(&both),
            "--keepalive off cannot be combined with --keepalive-cnt, which turns keepalive on: remove one of them"
        );
    }

    #[test]
    fn linger_and_reset_on_close_exclude_each_other() {
        let both = SocketOptions { linger: Some(Duration::from_secs(1)), reset_on_close: true, ..Default::default() };
        assert_eq!(
            error(&both),
            "--reset-on-close cannot be combined with --linger: a close either waits or resets (remove one of them)"
        );
    }

    #[test]
    fn unix_socket_takes_only_send_buffer_and_backlog() {
        let right = SocketOptions { sndbuf: Some(4096), backlog: Some(5), ..Default::default() };
        assert_eq!(right.check_unix(), Ok(()));
        let wrong = SocketOptions { nodelay: Some(false), ..right };
        assert_eq!(wrong.check_unix().unwrap_err().to_string(), "--nagle has no effect on a unix socket: remove it");
    }
}
