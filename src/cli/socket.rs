//! The flags of the socket options.

use clap::Args;

use crate::config::tos;
use crate::config::{SocketOptions, SocketOptionsError, Source};
use crate::value::{Count, Family, Size, Span, Switch};

/// The socket options of a command, as they were given.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Socket options")]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
#[allow(clippy::doc_markdown, reason = "these comments are the help text, and a terminal shows backticks")]
pub(super) struct SocketFlags {
    /// Use IPv4 only
    ///
    /// Names are resolved to IPv4 addresses only.
    #[arg(short = '4', long, conflicts_with = "ipv6")]
    pub(super) ipv4: bool,

    /// Use IPv6 only
    ///
    /// Names are resolved to IPv6 addresses only. A listener on [::] still accepts IPv4 clients unless --v6only
    /// is on.
    #[arg(short = '6', long)]
    pub(super) ipv6: bool,

    /// Connect from local address ADDR, from PORT, or both
    ///
    /// A local address of this host, as ADDR, ADDR:PORT, [IPV6]:PORT or :PORT. By default the system
    /// chooses both. See bind(2).
    #[arg(short, long, value_name = "ADDR[:PORT]")]
    pub(super) source: Option<Source>,

    /// Use network interface NAME only
    ///
    /// Packets are sent and received through this interface only, such as eth0 or lo. By default the routing
    /// table decides. SO_BINDTODEVICE, Linux only.
    #[arg(long, value_name = "NAME")]
    pub(super) interface: Option<String>,

    /// Allow listening on a port that has connections in TIME_WAIT
    ///
    /// On for listeners, off for connections. If it is off, a restarted listener cannot use its port until the
    /// connections it closed have left TIME_WAIT, which takes up to a minute. SO_REUSEADDR.
    #[arg(long, value_name = "on|off")]
    pub(super) reuseaddr: Option<Switch>,

    /// Share the port with other listeners
    ///
    /// Several processes of one user may listen on one address and port, and the kernel distributes the
    /// connections among them. Each process must set this option. Off by default. SO_REUSEPORT.
    #[arg(long, value_name = "on|off", num_args = 0..=1, require_equals = true, default_missing_value = "on")]
    pub(super) reuseport: Option<Switch>,

    /// Refuse IPv4 clients on an IPv6 address
    ///
    /// By default the system decides. On Linux the sysctl net.ipv6.bindv6only is off, and a listener on [::] also
    /// accepts IPv4 clients. IPV6_V6ONLY.
    #[arg(long, value_name = "on|off")]
    pub(super) v6only: Option<Switch>,

    /// Probe an idle connection to detect a dead peer
    ///
    /// Off by default, and turned on by any --keepalive-… option. SO_KEEPALIVE.
    #[arg(long, value_name = "on|off", num_args = 0..=1, require_equals = true, default_missing_value = "on")]
    pub(super) keepalive: Option<Switch>,

    /// Send the first keepalive probe after DURATION without traffic
    ///
    /// A duration in whole seconds, from 1s to 32767s. The system's default is 2 hours on Linux.
    /// TCP_KEEPIDLE.
    #[arg(long, value_name = "DURATION", allow_hyphen_values = true)]
    pub(super) keepalive_time: Option<Span>,

    /// Wait DURATION between two keepalive probes
    ///
    /// A duration in whole seconds, from 1s to 32767s. The system's default is 75 s on Linux.
    /// TCP_KEEPINTVL.
    #[arg(long, value_name = "DURATION", allow_hyphen_values = true)]
    pub(super) keepalive_intvl: Option<Span>,

    /// Close the connection after N unanswered keepalive probes
    ///
    /// From 1 to 127. The system's default is 9 on Linux. TCP_KEEPCNT.
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    pub(super) keepalive_cnt: Option<Count>,

    /// Send small segments at once
    ///
    /// Turns Nagle's algorithm off. It is off already when cutting, in services that reply, and with --relay,
    /// unless --nagle is given: Nagle's algorithm joins pieces, and delays the last of many replies by about
    /// 40 ms, until the peer acknowledges. Without Nagle's algorithm, several writes may still share a segment.
    /// TCP_NODELAY.
    #[arg(long, conflicts_with = "nagle")]
    pub(super) nodelay: bool,

    /// Join small segments while data is unacknowledged, even when cutting
    ///
    /// Keeps Nagle's algorithm on, even where it would be turned off, and lets the kernel join the pieces of --chunk and
    /// --cut. TCP_NODELAY off.
    #[arg(long)]
    pub(super) nagle: bool,

    /// Hold back partial segments until they are full
    ///
    /// The kernel holds them back for at most 200 ms, and joins the pieces of --chunk and --cut. Off by default.
    /// TCP_CORK, Linux only.
    #[arg(long, value_name = "on|off", num_args = 0..=1, require_equals = true, default_missing_value = "on")]
    pub(super) cork: Option<Switch>,

    /// Set the send buffer to SIZE bytes
    ///
    /// In bytes, or with a unit as in 64KiB. By default the system grows it as needed; a size given
    /// here is fixed. Linux doubles it for its own overhead and limits it to net.core.wmem_max. SO_SNDBUF.
    #[arg(long, value_name = "SIZE", allow_hyphen_values = true)]
    pub(super) sndbuf: Option<Size>,

    /// Set the receive buffer, which limits the window, to SIZE bytes
    ///
    /// In bytes, or with a unit as in 64KiB. By default the system grows it as needed; a size given
    /// here is fixed. Linux doubles it for its own overhead and limits it to net.core.rmem_max. The smallest
    /// buffer is 2304. SO_RCVBUF.
    #[arg(long, value_name = "SIZE", allow_hyphen_values = true)]
    pub(super) rcvbuf: Option<Size>,

    /// Limit a segment to BYTES bytes
    ///
    /// BYTES is from 88 to 32767. By default the system derives it from the path. Small segments do not test
    /// reassembly: the peer still receives them in one read. TCP_MAXSEG.
    #[arg(long, value_name = "BYTES", allow_hyphen_values = true)]
    pub(super) mss: Option<Count>,

    /// Wait up to DURATION for unsent data when closing
    ///
    /// A duration in whole seconds. By default the system continues to send after the close. 0 drops the data
    /// and resets the connection, as --reset-on-close does. SO_LINGER.
    #[arg(long, value_name = "DURATION", conflicts_with = "reset_on_close", allow_hyphen_values = true)]
    pub(super) linger: Option<Span>,

    /// Reset the connection when closing it
    ///
    /// Unsent data is dropped, and the peer gets the error "connection reset". SO_LINGER of 0.
    #[arg(long)]
    pub(super) reset_on_close: bool,

    /// Close the connection if data is unacknowledged for DURATION
    ///
    /// A duration in whole milliseconds. The system's default is about 15 minutes on Linux
    /// (net.ipv4.tcp_retries2). TCP_USER_TIMEOUT, Linux only.
    #[arg(long, value_name = "DURATION", allow_hyphen_values = true)]
    pub(super) user_timeout: Option<Span>,

    /// Use congestion control algorithm NAME
    ///
    /// NAME is an algorithm of the kernel, such as reno or cubic. tcp(7) describes how to list them on Linux.
    /// TCP_CONGESTION, Linux and FreeBSD only.
    #[arg(long, value_name = "NAME")]
    pub(super) congestion: Option<String>,

    /// Set the type of service (IPv4) or traffic class (IPv6) to VALUE
    ///
    /// VALUE is a number from 0 to 255, in decimal or (after 0x) in hexadecimal, or one of lowdelay, throughput,
    /// reliability, ef, cs0 to cs7 and af11 to af43. The two lowest bits carry congestion notification, and Linux
    /// sets them itself. IP_TOS, IPV6_TCLASS.
    #[arg(long, value_name = "VALUE", value_parser = tos::parse, allow_hyphen_values = true)]
    pub(super) tos: Option<u32>,

    /// Limit packets to N hops
    ///
    /// From 1 to 255. The system's default is 64 on Linux. IP_TTL, IPV6_UNICAST_HOPS.
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    pub(super) ttl: Option<Count>,
}

/// The flag that prints the socket options of a connection.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Socket options")]
pub(super) struct ShowFlag {
    /// Print each socket option as requested and as the kernel has it
    ///
    /// Each option is a line on stderr. The kernel may change a requested value; that is not an error. After a TLS
    /// handshake follow its version, cipher suite, group, application protocol (ALPN) and names.
    #[arg(long)]
    pub(super) show_options: bool,
}

/// The socket option that only a listener has.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Socket options")]
pub(super) struct BacklogFlag {
    /// Let at most N connections wait to be accepted
    ///
    /// Linux limits it to net.core.somaxconn. See listen(2).
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    pub(super) backlog: Option<Count>,
}

impl SocketFlags {
    /// The checked options. The caller sets the backlog of a listener in the result.
    pub(super) fn into_config(self) -> Result<SocketOptions, SocketOptionsError> {
        self.check_family()?;
        let number = |count: Count| count.0;
        let bytes = |size: Size| usize::try_from(size.0).unwrap_or(usize::MAX);
        let options = SocketOptions {
            reuseaddr: self.reuseaddr.map(Switch::is_on),
            reuseport: self.reuseport.map(Switch::is_on),
            keepalive: self.keepalive.map(Switch::is_on),
            keepalive_time: self.keepalive_time.map(|span| span.0),
            keepalive_intvl: self.keepalive_intvl.map(|span| span.0),
            keepalive_cnt: self.keepalive_cnt.map(number),
            nodelay: (self.nodelay || self.nagle).then_some(self.nodelay),
            cork: self.cork.map(Switch::is_on),
            sndbuf: self.sndbuf.map(bytes),
            sndbuf_within_host: None,
            rcvbuf: self.rcvbuf.map(bytes),
            mss: self.mss.map(number),
            linger: self.linger.map(|span| span.0),
            reset_on_close: self.reset_on_close,
            user_timeout: self.user_timeout.map(|span| span.0),
            congestion: self.congestion,
            tos: self.tos,
            ttl: self.ttl.map(number),
            source: self.source,
            interface: self.interface,
            v6only: self.v6only.map(Switch::is_on),
            backlog: None,
        };
        options.check()?;
        Ok(options)
    }

    /// The address family that is requested.
    pub(super) fn family(&self) -> Family {
        match (self.ipv4, self.ipv6) {
            (true, _) => Family::V4,
            (_, true) => Family::V6,
            _ => Family::Any,
        }
    }

    /// Refuses options of one address family where the other one is requested.
    fn check_family(&self) -> Result<(), SocketOptionsError> {
        let ip = self.source.and_then(|source| source.ip);
        let clash = match ip {
            Some(ip) if self.ipv4 && !ip.is_ipv4() => {
                format!("--source {ip} is IPv6, but -4 asks for IPv4 only: remove one of them")
            }
            Some(ip) if self.ipv6 && !ip.is_ipv6() => {
                format!("--source {ip} is IPv4, but -6 asks for IPv6 only: remove one of them")
            }
            _ if self.ipv4 && self.v6only.is_some() => {
                "--v6only applies to IPv6, and -4 asks for IPv4: remove one of them".into()
            }
            _ => return Ok(()),
        };
        Err(SocketOptionsError(clash))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use clap::{CommandFactory, Parser};

    use super::*;

    #[derive(Debug, Parser)]
    #[command(term_width = 80)]
    struct Probe {
        address: Option<String>,
        #[command(flatten)]
        socket: SocketFlags,
        #[command(flatten)]
        backlog: BacklogFlag,
    }

    fn parse(line: &str) -> Result<Probe, clap::Error> {
        Probe::try_parse_from(["x"].into_iter().chain(line.split_whitespace()))
    }

    fn config(line: &str) -> SocketOptions {
        parse(line).unwrap().socket.into_config().unwrap()
    }

    fn refused(line: &str) -> String {
        parse(line).unwrap().socket.into_config().unwrap_err().to_string()
    }

    #[test]
    fn option_definitions_pass_the_checks_of_clap() {
        Probe::command().debug_assert();
    }

    #[test]
    fn each_flag_sets_its_option() {
        let none = SocketOptions::default;
        let secs = Duration::from_secs;
        let cases = [
            ("", none()),
            ("--reuseaddr off", SocketOptions { reuseaddr: Some(false), ..none() }),
            ("--reuseport", SocketOptions { reuseport: Some(true), ..none() }),
            ("--reuseport=off", SocketOptions { reuseport: Some(false), ..none() }),
            ("--keepalive 127.0.0.1:1", SocketOptions { keepalive: Some(true), ..none() }),
            ("--keepalive=off", SocketOptions { keepalive: Some(false), ..none() }),
            ("--keepalive-time 90", SocketOptions { keepalive_time: Some(secs(90)), ..none() }),
            ("--keepalive-intvl 10s", SocketOptions { keepalive_intvl: Some(secs(10)), ..none() }),
            ("--keepalive-cnt 3", SocketOptions { keepalive_cnt: Some(3), ..none() }),
            ("--nodelay", SocketOptions { nodelay: Some(true), ..none() }),
            ("--nagle", SocketOptions { nodelay: Some(false), ..none() }),
            ("--cork", SocketOptions { cork: Some(true), ..none() }),
            ("--sndbuf 4k", SocketOptions { sndbuf: Some(4096), ..none() }),
            ("--rcvbuf 1MiB", SocketOptions { rcvbuf: Some(1 << 20), ..none() }),
            ("--mss 536", SocketOptions { mss: Some(536), ..none() }),
            ("--linger 2s", SocketOptions { linger: Some(secs(2)), ..none() }),
            ("--reset-on-close", SocketOptions { reset_on_close: true, ..none() }),
            ("--user-timeout 30s", SocketOptions { user_timeout: Some(secs(30)), ..none() }),
            ("--congestion reno", SocketOptions { congestion: Some("reno".into()), ..none() }),
            ("--tos ef", SocketOptions { tos: Some(0xb8), ..none() }),
            ("--ttl 5", SocketOptions { ttl: Some(5), ..none() }),
            ("-s [::1]:80", SocketOptions { source: "[::1]:80".parse().ok(), ..none() }),
            ("--source :80", SocketOptions { source: ":80".parse().ok(), ..none() }),
            ("--interface lo", SocketOptions { interface: Some("lo".into()), ..none() }),
            ("--v6only on", SocketOptions { v6only: Some(true), ..none() }),
            ("-4 -s 127.0.0.1", SocketOptions { source: "127.0.0.1".parse().ok(), ..none() }),
            ("-6 --v6only=off", SocketOptions { v6only: Some(false), ..none() }),
        ];
        for (line, options) in cases {
            assert_eq!(config(line), options, "{line}");
        }
        let probe = parse("-4 --backlog 5 host").unwrap();
        assert_eq!((probe.backlog.backlog, probe.address.as_deref()), (Some(Count(5)), Some("host")));
        assert!(probe.socket.ipv4 && !probe.socket.ipv6);
        assert!(parse("--ipv6").unwrap().socket.ipv6);
    }

    #[test]
    fn switch_without_value_does_not_take_the_address() {
        let probe = parse("--keepalive 127.0.0.1:1").unwrap();
        assert_eq!(probe.address.as_deref(), Some("127.0.0.1:1"));
    }

    #[test]
    fn contradictions_and_wrong_values_are_refused() {
        for line in ["-4 -6", "--nodelay --nagle", "--linger 1 --reset-on-close", "--reuseaddr", "--cork=yes"] {
            assert_eq!(parse(line).unwrap_err().exit_code(), 2, "{line}");
        }
        let cases = [
            ("--ttl 0", "--ttl takes a number from 1 to 255, not 0"),
            ("--sndbuf 2G", "--sndbuf takes a number from 1 to 2147483647, not 2147483648"),
            (
                "--keepalive=off --keepalive-cnt 3",
                "--keepalive off cannot be combined with --keepalive-cnt, which turns keepalive on: remove one of them",
            ),
            ("-4 -s ::1", "--source ::1 is IPv6, but -4 asks for IPv4 only: remove one of them"),
            ("-6 -s 127.0.0.1:80", "--source 127.0.0.1 is IPv4, but -6 asks for IPv6 only: remove one of them"),
            ("-4 --v6only off", "--v6only applies to IPv6, and -4 asks for IPv4: remove one of them"),
        ];
        for (line, sentence) in cases {
            assert_eq!(refused(line), sentence, "{line}");
        }
        let error = parse("--tos fast").unwrap_err().to_string();
        assert!(
            error.starts_with("error: invalid value 'fast' for '--tos <VALUE>': \"fast\" is not a type of service"),
            "{error}"
        );
    }

    #[test]
    fn every_flag_has_help_of_one_line_and_long_help() {
        let command = Probe::command();
        for arg in command.get_arguments().filter(|arg| arg.get_help_heading() == Some("Socket options")) {
            let (short, long) = (arg.get_help().unwrap().to_string(), arg.get_long_help().unwrap().to_string());
            assert!(short.len() <= 72 && !short.ends_with('.'), "{short}");
            assert!(long.len() > short.len() && long.ends_with('.'), "{long}");
        }
    }
}
