//! The flags of rooms.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::tls::ViaTlsFlags;
use super::traffic;
use crate::config::{ConfigError, RoomsMode, RoomsVia};
use crate::service::rooms::Rate;
use crate::value::{Address, BrokerUrl, Count, Host, Invalid, Size};

/// The port that IRC clients connect to if none is named.
const IRC_PORT: u16 = 6667;

#[derive(Debug, Args)]
#[command(next_help_heading = "Rooms")]
pub(super) struct RoomsFlags {
    /// Send each new member the last N lines of a room [default: 10]
    ///
    /// Rooms keep the last 1000 lines each, or N if that is more, and 16 MiB together; the oldest are removed first.
    /// /history N shows more of them. With 0, no lines are kept.
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    history: Option<Count>,
    /// Keep at most SIZE of lines in memory for all rooms [default: 16M]
    ///
    /// The oldest lines of all rooms are removed first. A line takes about 200 bytes more than its text.
    #[arg(long, value_name = "SIZE", allow_hyphen_values = true)]
    history_memory: Option<Size>,
    /// Let at most N members into a room [default: 10000]
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    room_members: Option<Count>,
    /// Let members begin at most N rooms [default: 1000]
    ///
    /// Rooms with members, lines or a topic count.
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    max_rooms: Option<Count>,
    /// Let a member be in at most N rooms at once [default: 20]
    ///
    /// Only IRC clients are in several rooms.
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    member_rooms: Option<Count>,
    /// Let a member send N lines a second, and BURST at once [default: 10/30]
    ///
    /// Lines of more than 512 bytes count more than once. Beyond the rate, reading from the member pauses. Without
    /// BURST, it is three times N. With 0 there is no limit.
    #[arg(long, value_name = "N[/BURST]", allow_hyphen_values = true)]
    rate_limit: Option<Rate>,
    /// Take part as the operator: read lines from stdin, and print to stdout
    ///
    /// The operator has the name operator, and the commands /kick and /ban. /quit stops the listener, the end of stdin
    /// does not.
    #[arg(long)]
    console: bool,
    /// Serve the rooms to IRC clients too, on a second listening address
    ///
    /// The room lab is the channel #lab. ADDRESS is HOST:PORT, :PORT, *:PORT or unix:PATH, by default port 6667 on the
    /// host of the other address. With --tls both addresses speak TLS, and with --auth IRC clients log in by SASL.
    #[arg(long, value_name = "ADDRESS", num_args = 0..=1, require_equals = true)]
    #[allow(clippy::option_option, reason = "the option has an optional value")]
    irc: Option<Option<OsString>>,
    /// Share rooms with other servers through NATS: nats://[USER@]HOST:PORT
    ///
    /// With tls:// instead of nats://, the connection is encrypted, and the certificate of the broker verified. The
    /// port is 4222 by default. Of several brokers, separated by commas, the next one is tried when one is lost.
    /// While none can be reached, the rooms go on without the other servers.
    // Parsed by us: clap's error would show a password that is in the URL.
    #[arg(long, value_name = "URL")]
    rooms_via: Option<OsString>,
    /// Read the password of USER for --rooms-via from FILE
    ///
    /// FILE has one line, and must be readable by its owner only.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "rooms_via")]
    via_password_file: Option<PathBuf>,
    /// Send the password of --rooms-via over connections that others can read
    ///
    /// Without this option, it is sent with TLS or to loopback addresses only.
    #[arg(long, requires = "rooms_via")]
    via_cleartext: bool,
    #[command(flatten)]
    via_tls: Box<ViaTlsFlags>,
}

impl RoomsFlags {
    /// The options of rooms; `main` is the address for lines.
    pub(super) fn into_config(self, main: &Address) -> Result<RoomsMode, ConfigError> {
        let irc = match self.irc {
            None => None,
            Some(Some(address)) => Some(traffic::with_port(&address, IRC_PORT)?),
            Some(None) => {
                let host = if let Address::Tcp { host, .. } = main { host.clone() } else { Host::LOOPBACK };
                Some(Address::Tcp { host, port: IRC_PORT })
            }
        };
        let limits = [
            ("--room-members", self.room_members),
            ("--max-rooms", self.max_rooms),
            ("--member-rooms", self.member_rooms),
        ];
        for (option, number) in limits {
            if number == Some(Count(0)) {
                return Err(ConfigError::new(format!("{option} 0 would let nobody in: give 1 or more")));
            }
        }
        let (password, cleartext, tls) = (self.via_password_file, self.via_cleartext, self.via_tls);
        let via = |url: OsString| {
            // A URL is ASCII: what is replaced does not parse.
            let invalid = |invalid: Invalid| ConfigError::new(format!("--rooms-via: {invalid}"));
            let url: BrokerUrl = url.to_string_lossy().parse().map_err(invalid)?;
            let (tls, tls_first) = tls.into_config(url.tls)?;
            Ok::<_, ConfigError>(Box::new(RoomsVia { url, password, cleartext, tls, tls_first }))
        };
        Ok(RoomsMode {
            replay: self.history.map(Count::in_memory),
            console: self.console,
            history_memory: self.history_memory.map(|Size(size)| usize::try_from(size).unwrap_or(usize::MAX)),
            members: self.room_members.map(Count::in_memory),
            rooms: self.max_rooms.map(Count::in_memory),
            rooms_of_member: self.member_rooms.map(Count::in_memory),
            rate: self.rate_limit,
            irc,
            via: self.rooms_via.map(via).transpose()?,
        })
    }
}
