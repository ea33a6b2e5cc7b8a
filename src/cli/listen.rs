//! The flags of `secretcat listen`.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use clap::Args;
use ipnet::IpNet;

use super::auth::ListenAuthFlags;
use super::fragmentation::FragmentationFlags;
use super::framing::Framings;
use super::proxy_header::{CutHeaderFlag, ProxyHeaderFlags};
use super::rooms::RoomsFlags;
use super::socket::{BacklogFlag, ShowFlag, SocketFlags};
use super::stream::StreamFlags;
use super::tls::{RelayTlsFlags, ServerTlsFlags};
use super::witness::{AnswerFlag, WitnessFlag};
use super::words::words;
use super::{output, proxy, traffic};
use crate::config::{Admission, ConfigError, ListenConfig, ModeOptions, PipeMode, Proxies, Relay, Toward};
use crate::frame::Framing;
use crate::service::{Bug, ServiceKind};
use crate::value::{Count, Size};

/// Begins the address of a relay's server to which TLS is spoken.
const TLS_PREFIX: &[u8] = b"tls:";

/// Serve any number of clients until SIGINT or SIGTERM
#[derive(Debug, Args)]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(super) struct ListenFlags {
    /// Listen on HOST:PORT, :PORT (loopback), *:PORT (all) or unix:PATH
    ///
    /// Also [V6]:PORT, HOST with port 4500, HOST PORT as two words, and unix:@NAME. PORT is a number or the
    /// name of a service. The default is 127.0.0.1:4500.
    #[arg(value_name = "ADDRESS", num_args = 0..=2, env = traffic::ADDRESS_VARIABLE)]
    address: Vec<OsString>,
    /// Take ADDRESS as the path of a unix socket
    #[arg(short = 'U', long = "unix", requires = "address")]
    unix: bool,

    /// Choose the service for each connection
    #[arg(long, value_name = "NAME", value_parser = words::<ServiceKind>(), default_value = "secret", help_heading = "Service")]
    service: ServiceKind,
    /// Behave like a buggy server, to check that your test notices
    #[arg(long, value_name = "MISTAKE", value_parser = words::<Bug>(), help_heading = "Service")]
    bug: Option<Bug>,
    /// Forward each connection to the server at ADDRESS, and cut its bytes
    ///
    /// With tls:ADDRESS, TLS is spoken to the server, and its certificate is verified. TLS of a client that comes
    /// without --tls here passes through.
    #[arg(long, value_name = "ADDRESS", help_heading = "Service", conflicts_with_all = ["service", "bug"])]
    relay: Option<OsString>,
    /// Choose the direction in which a relay cuts
    #[arg(long, value_name = "SIDE", value_parser = words::<Toward>(), default_value = "both", help_heading = "Service", requires = "relay")]
    cut_toward: Toward,
    /// Serve one connection, then exit
    #[arg(long, help_heading = "Service")]
    once: bool,
    /// Accept the next connection when one ends (--service pipe)
    #[arg(short = 'k', long, help_heading = "Service")]
    keep_open: bool,
    /// Half-close when stdin ends, even if it had no byte (--service pipe)
    ///
    /// Without this option, a listener whose stdin ends without a byte half-closes after the peer has closed
    /// its side and the last byte is written to stdout.
    #[arg(short = 'N', long, help_heading = "Streams")]
    shutdown: bool,
    #[command(flatten)]
    stream: StreamFlags,
    /// Split messages: lines, http, length:FIELD, delimiter:BYTES, raw
    ///
    /// A length FIELD is u8, u16be (DNS over TCP), 4:u16be (after a header of 4 bytes: Modbus), 1:varint (MQTT),
    /// 1:u32be-4 (counts itself: PostgreSQL), or another one of FRAMINGS in secretcat(1). BYTES is 1 to 16 bytes of
    /// text, with the escapes of --cut-at.
    #[arg(long, value_name = "FRAMING", value_parser = Framings, hide_possible_values = true, default_value = "lines", help_heading = "Service")]
    framing: Framing,
    /// Send SIZE bytes on each connection (--service source)
    #[arg(long, value_name = "SIZE", help_heading = "Service", allow_hyphen_values = true)]
    count: Option<Size>,

    /// Serve with N event loops, each on a thread (0: one per processor)
    #[arg(long, value_name = "N", help_heading = "Service", default_value_t = Count(1), allow_hyphen_values = true)]
    threads: Count,

    /// Serve at most N clients at once
    ///
    /// Further clients wait in the backlog until other connections end.
    #[arg(long, value_name = "N", help_heading = "Limits", allow_hyphen_values = true)]
    max_connections: Option<Count>,
    /// Accept only clients of network CIDR (repeatable)
    #[arg(long, value_name = "CIDR", value_parser = network, help_heading = "Limits")]
    allow: Vec<IpNet>,
    /// Reject clients of network CIDR, even if allowed (repeatable)
    #[arg(long, value_name = "CIDR", value_parser = network, help_heading = "Limits")]
    deny: Vec<IpNet>,
    #[command(flatten)]
    limits: traffic::Limits,

    #[command(flatten)]
    rooms: RoomsFlags,
    #[command(flatten)]
    auth: ListenAuthFlags,

    #[command(flatten)]
    proxy: proxy::ProxyFlags,

    #[command(flatten)]
    fragmentation: FragmentationFlags,
    #[command(flatten)]
    witness: WitnessFlag,
    #[command(flatten)]
    answer: AnswerFlag,

    #[command(flatten)]
    tls: ServerTlsFlags,
    #[command(flatten)]
    relay_tls: RelayTlsFlags,

    /// Require a PROXY header from each client, and use its addresses
    ///
    /// The listener reads a header of version 1 or 2, however it is cut, before TLS and before the first message.
    /// --allow, --deny, the log and the trace use the client's address in it. Only proxies on loopback addresses
    /// and unix sockets are trusted, unless --accept-proxy-from names others. A connection without a header is
    /// closed.
    #[arg(long, help_heading = "PROXY protocol")]
    accept_proxy: bool,
    /// Accept PROXY headers from network CIDR too (repeatable)
    ///
    /// Implies --accept-proxy. Connections from elsewhere are rejected.
    #[arg(long, value_name = "CIDR", value_parser = network, help_heading = "PROXY protocol")]
    accept_proxy_from: Vec<IpNet>,
    #[command(flatten)]
    header: ProxyHeaderFlags,
    #[command(flatten)]
    cut_header: CutHeaderFlag,

    #[command(flatten)]
    socket: SocketFlags,
    #[command(flatten)]
    show: ShowFlag,
    #[command(flatten)]
    backlog: BacklogFlag,

    #[command(flatten)]
    output: output::OutputFlags,
}

impl ListenFlags {
    pub(super) fn into_config(self, address_was_typed: bool) -> Result<ListenConfig, ConfigError> {
        let family = self.socket.family();
        let mut traffic = traffic::traffic(self.socket, &self.limits, &self.fragmentation)?;
        traffic.socket.backlog = self.backlog.backlog.map(|Count(n)| n);
        if self.keep_open && self.once {
            return Err(ConfigError::new("--once and --keep-open contradict each other: remove one"));
        }
        let is_tls = |address: &OsString| address.as_bytes().starts_with(TLS_PREFIX);
        let relay_is_tls = self.relay.as_ref().is_some_and(is_tls);
        let relay = self.relay.as_deref().map(|address| {
            let bare = address.as_bytes();
            traffic::one_word(OsStr::from_bytes(bare.strip_prefix(TLS_PREFIX).unwrap_or(bare)))
        });
        let relay = relay.transpose()?;
        let relay_tls = self.relay_tls.into_config(relay_is_tls, self.tls.keylog())?;
        if relay.is_none() && relay_tls.is_some() {
            return Err(ConfigError::new(
                "--relay-tls and --relay-known are for the server of a relay: add --relay tls:ADDRESS",
            ));
        }
        let header = self.header.into_config(self.cut_header)?;
        if header.is_some() && relay.is_none() {
            return Err(ConfigError::new(
                "--proxy-protocol sends a header to the server of --relay: add --relay ADDRESS",
            ));
        }
        let proxy = self.proxy.into_config()?;
        let address = traffic::address(&self.address, address_was_typed, self.unix, family)?;
        let mode = ModeOptions {
            service: self.service,
            framing: self.framing,
            bug: self.bug,
            count: self.count.map(|Size(bytes)| bytes),
            pipe: PipeMode {
                keep_open: self.keep_open,
                shutdown_always: self.shutdown || self.stream.is_send_only(),
                stream: self.stream.into_config(),
            },
            rooms: self.rooms.into_config(&address)?,
            relay: relay.map(|to| Relay {
                to,
                proxy: proxy.map(Box::new),
                tls: relay_tls.map(Box::new),
                cut_toward: self.cut_toward,
                header,
            }),
        };
        let config = ListenConfig {
            address,
            family,
            mode: mode.into_mode()?,
            once: self.once,
            threads: self.threads.in_memory(),
            admission: Admission {
                max_connections: self.max_connections.map(Count::in_memory),
                allow: self.allow,
                deny: self.deny,
                proxies: (self.accept_proxy || !self.accept_proxy_from.is_empty())
                    .then_some(Proxies { from: self.accept_proxy_from }),
            },
            auth: self.auth.into_config(),
            tls: self.tls.into_config()?,
            traffic,
            witness: self.witness.command(),
            answer_witness: self.answer.address()?,
            output: self.output.into_config(self.show.show_options)?,
        };
        config.check()
    }
}

/// A network in CIDR notation, or one address.
fn network(text: &str) -> Result<IpNet, String> {
    let host = || text.parse::<std::net::IpAddr>().map(IpNet::from);
    text.parse().or_else(|_| host()).map_err(|_| "expected a network such as 192.0.2.0/24 or 2001:db8::/32".to_owned())
}
