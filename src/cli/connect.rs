//! The flags of `secretcat connect`.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::time::Duration;

use clap::Args;

use super::auth::ConnectAuthFlags;
use super::fragmentation::FragmentationFlags;
use super::framing::Framings;
use super::place::PlaceFlags;
use super::probe::ProbeFlags;
use super::proxy_header::{CutHeaderFlag, ProxyHeaderFlags};
use super::retry::RetryFlags;
use super::socket::{ShowFlag, SocketFlags};
use super::stream::StreamFlags;
use super::tls::ClientTlsFlags;
use super::witness::WitnessFlag;
use super::{output, proxy, traffic};
use crate::config::{ConfigError, ConnectConfig, ConnectLimit, HalfClose, Input, SocketOptions, Source, Target};
use crate::frame::Framing;
use crate::value::{Count, Replies, Span};

/// Send messages and print the replies, at a terminal or in a script
#[derive(Debug, Args)]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(super) struct ConnectFlags {
    /// Connect to HOST:PORT, HOST, :PORT (loopback) or unix:PATH
    ///
    /// Also [V6]:PORT, HOST PORT as two words, and unix:@NAME. PORT is a number or the name of a service.
    /// HOST alone is port 4500. The default is 127.0.0.1:4500.
    #[arg(value_name = "ADDRESS", num_args = 0..=2, env = traffic::ADDRESS_VARIABLE)]
    address: Vec<OsString>,
    /// Take ADDRESS as the path of a unix socket
    #[arg(short = 'U', long = "unix", requires = "address")]
    unix: bool,
    /// Start a private listener and connect to it
    #[arg(long)]
    loopback: bool,
    /// Check that a server accepts the connection; send nothing
    ///
    /// The exit status is 0 if it does, and -v prints a line. Nothing is read from stdin. Every address of a
    /// name is tried. --retry N repeats the check until a server accepts the connection.
    #[arg(short = 'z', long)]
    check: bool,

    /// Send TEXT as a message, and do not read stdin (repeatable)
    #[arg(short, long, value_name = "TEXT", help_heading = "Messages", allow_hyphen_values = true)]
    message: Vec<OsString>,
    /// Send and receive bytes instead of messages, as nc does
    #[arg(long, help_heading = "Messages", conflicts_with = "message")]
    raw: bool,
    /// Split messages: lines, http, length:FIELD, delimiter:BYTES, raw
    ///
    /// A length FIELD is u8, u16be (DNS over TCP), 4:u16be (after a header of 4 bytes: Modbus), 1:varint (MQTT),
    /// 1:u32be-4 (counts itself: PostgreSQL), or another one of FRAMINGS in secretcat(1). BYTES is 1 to 16 bytes of
    /// text, with the escapes of --cut-at.
    #[arg(long, value_name = "FRAMING", value_parser = Framings, hide_possible_values = true, default_value = "lines", help_heading = "Messages", conflicts_with = "raw")]
    framing: Framing,
    /// End messages with CR LF; with --raw, send CR LF for each LF of stdin
    #[arg(short = 'C', long, help_heading = "Messages")]
    crlf: bool,
    /// Expect N replies to each message; any: do not count them
    ///
    /// With 0, connect ends when everything is acknowledged. With any, it ends when the server closes its
    /// side, or after --quit-after. If more replies are received than expected, messages and replies can no
    /// longer be paired, and the status is 1.
    #[arg(long, value_name = "N|any", default_value_t = Replies::Each(Count(1)), help_heading = "Messages", conflicts_with = "raw", allow_hyphen_values = true)]
    replies: Replies,
    /// Expect a greeting of N lines before the first reply
    ///
    /// A mail server, for example, sends a line before the client sends anything.
    #[arg(long, value_name = "N", default_value_t = Count(0), help_heading = "Messages", conflicts_with = "raw", allow_hyphen_values = true)]
    greeting: Count,
    /// Send q, quit, close, quit() and close() like other messages
    ///
    /// At a terminal these words end the conversation. Without this option, a backslash before a word sends
    /// the word. Ctrl-D always ends the conversation.
    #[arg(long, help_heading = "Messages", conflicts_with_all = ["raw", "message"])]
    no_quit_words: bool,
    /// Connect again when a conversation loses its connection
    ///
    /// For a conversation at a terminal. A retry follows every --retry-delay until the connection is made or
    /// the user quits. The line that is being typed is kept.
    #[arg(long, help_heading = "Messages", conflicts_with_all = ["raw", "message"])]
    reconnect: bool,
    /// Half-close as soon as the input ends
    ///
    /// Without this option, connect half-closes after the last expected reply, or with --raw when stdin
    /// ends. If stdin is /dev/null, closed or unreadable, it half-closes only with this option.
    ///
    /// With TLS, a half-close is a close_notify and then a FIN. Many TLS servers then drop the replies that they have
    /// not sent, so messages are half-closed only with this option, or with --replies any.
    #[arg(short = 'N', long, help_heading = "Messages")]
    shutdown: bool,
    /// Do not half-close when the input ends
    ///
    /// With TLS, neither a close_notify nor a FIN is sent. It is for servers that reply only as long as the client has
    /// not ended.
    #[arg(long, help_heading = "Messages", conflicts_with = "shutdown")]
    no_shutdown: bool,
    /// Send the FIN in the segment of the last byte, if possible (--raw)
    #[arg(long, help_heading = "Messages", conflicts_with = "no_shutdown")]
    shutdown_with_last: bool,
    /// Exit at most TIME after the end of the input
    ///
    /// The status is 1 if an expected reply is missing. With --raw, connect also waits until the last bytes
    /// are acknowledged, at most --ack-timeout.
    #[arg(short, long, value_name = "TIME", help_heading = "Messages", allow_hyphen_values = true)]
    quit_after: Option<Span>,

    /// Abort connecting after TIME, name lookup included
    ///
    /// The limit covers all addresses of the name. It starts again with each retry.
    #[arg(long, value_name = "TIME", help_heading = "Limits", default_value = "10s", allow_hyphen_values = true)]
    connect_timeout: Span,
    #[command(flatten)]
    retry: RetryFlags,
    /// Abort when a reply takes longer than TIME
    ///
    /// The time starts when the message has been sent and the previous reply has been received. The status
    /// is 1.
    #[arg(long, value_name = "TIME", help_heading = "Limits", allow_hyphen_values = true)]
    timeout: Option<Span>,
    #[command(flatten)]
    limits: traffic::Limits,
    #[command(flatten)]
    stream: StreamFlags,

    #[command(flatten)]
    place: PlaceFlags,
    #[command(flatten)]
    probe: ProbeFlags,

    #[command(flatten)]
    login: ConnectAuthFlags,

    #[command(flatten)]
    proxy: proxy::ProxyFlags,

    #[command(flatten)]
    fragmentation: FragmentationFlags,
    #[command(flatten)]
    witness: WitnessFlag,

    #[command(flatten)]
    tls: ClientTlsFlags,

    #[command(flatten)]
    header: ProxyHeaderFlags,
    #[command(flatten)]
    cut_header: CutHeaderFlag,

    #[command(flatten)]
    socket: SocketFlags,
    #[command(flatten)]
    show: ShowFlag,
    /// Connect from PORT
    #[arg(short = 'p', long, value_name = "PORT", value_parser = traffic::port, help_heading = "Socket options", allow_hyphen_values = true)]
    source_port: Option<u16>,

    #[command(flatten)]
    output: output::OutputFlags,
}

impl ConnectFlags {
    /// The flags of a command line that has an address and no options.
    pub(super) fn plain(address: &[OsString]) -> Self {
        ConnectFlags {
            address: address.to_vec(),
            unix: false,
            loopback: false,
            check: false,
            message: Vec::new(),
            raw: false,
            framing: Framing::Lines,
            crlf: false,
            replies: Replies::Each(Count(1)),
            greeting: Count(0),
            no_quit_words: false,
            reconnect: false,
            shutdown: false,
            no_shutdown: false,
            shutdown_with_last: false,
            quit_after: None,
            connect_timeout: Span(Duration::from_secs(10)),
            retry: RetryFlags::default(),
            timeout: None,
            limits: traffic::Limits::default(),
            stream: StreamFlags::default(),
            place: PlaceFlags::default(),
            probe: ProbeFlags::default(),
            login: ConnectAuthFlags::default(),
            tls: ClientTlsFlags::default(),
            proxy: proxy::ProxyFlags::default(),
            fragmentation: FragmentationFlags::default(),
            witness: WitnessFlag::default(),
            header: ProxyHeaderFlags::default(),
            cut_header: CutHeaderFlag::default(),
            socket: SocketFlags::default(),
            show: ShowFlag::default(),
            source_port: None,
            output: output::OutputFlags::default(),
        }
    }

    pub(super) fn into_config(self, address_was_typed: bool) -> Result<ConnectConfig, ConfigError> {
        if self.loopback && address_was_typed {
            return Err(ConfigError::new("--loopback starts its own listener: remove ADDRESS"));
        }
        let family = self.socket.family();
        let mut traffic = traffic::traffic(self.socket, &self.limits, &self.fragmentation)?;
        if let Some(port) = self.source_port {
            set_source_port(&mut traffic.socket, port)?;
        }
        let target = if self.loopback {
            Target::Loopback
        } else {
            Target::Server(traffic::address(&self.address, address_was_typed, self.unix, family)?)
        };
        let place = self.place.into_config()?;
        let raw = self.raw || self.framing == Framing::Raw;
        let Span(connect_timeout) = self.connect_timeout;
        let config = ConnectConfig {
            target,
            check: self.check,
            proxy: self.proxy.into_config()?,
            family,
            input: if self.message.is_empty() {
                Input::Stdin
            } else {
                Input::Given(self.message.into_iter().map(OsStringExt::into_vec).collect())
            },
            raw,
            framing: self.framing,
            half_close: match () {
                () if self.shutdown_with_last => HalfClose::WithLast,
                () if self.no_shutdown => HalfClose::Never,
                () if self.shutdown || raw => HalfClose::AtOnce,
                () => HalfClose::AfterReplies,
            },
            shutdown_always: self.shutdown || self.stream.is_send_only(),
            stream: self.stream.into_config(),
            crlf: self.crlf,
            replies: if place.is_some() { Replies::Any } else { self.replies },
            greeting: u64::from(self.greeting.0),
            quit_words: !self.no_quit_words,
            reconnect: self.reconnect,
            // As with nc -w, the limit also covers connecting.
            connect_limit: match traffic.idle_timeout {
                Some(time) if time < connect_timeout => ConnectLimit { time, option: "--idle-timeout" },
                _ => ConnectLimit { time: connect_timeout, option: "--connect-timeout" },
            },
            retry: self.retry.into_config(),
            reply_timeout: self.timeout.map(time),
            quit_after: self.quit_after.map(time),
            place,
            probe: self.probe.into_config(),
            user: self.login.into_config()?,
            tls: self.tls.into_config()?,
            header: self.header.into_config(self.cut_header)?,
            traffic,
            witness: self.witness.command(),
            output: self.output.into_config(self.show.show_options)?,
        };
        config.check()
    }
}

/// Sets the port of `--source` to that of `-p PORT`, as with nc.
fn set_source_port(options: &mut SocketOptions, port: u16) -> Result<(), ConfigError> {
    let source = options.source.get_or_insert(Source { ip: None, port: 0 });
    if source.port != 0 && source.port != port {
        return Err(ConfigError::new("--source and --source-port have different ports: remove one"));
    }
    source.port = port;
    Ok(())
}

fn time(Span(time): Span) -> Duration {
    time
}
