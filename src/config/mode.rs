//! What a listener does with each connection, and what follows from that outside the service.

use super::{ClientTls, ConfigError, Direction, ProxyConfig, ProxyHeader, RoomsVia, StreamConfig};
use crate::frame::Framing;
use crate::service::pipe::Pipe;
use crate::service::relay::Relay as RelayService;
use crate::service::rooms::{Rate, RoomService};
use crate::service::secret::Secret;
use crate::service::standard::Source;
use crate::service::{Bug, Clients, Entry, ServiceKind, Traits};
use crate::value::{Address, Named, Word};

/// What a listener does with each connection, with the options that only this mode has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Answers messages (`--service secret`).
    Messages {
        /// How messages and replies are delimited.
        framing: Framing,
    },
    /// Answers messages, and makes a mistake on purpose (`--bug`).
    Buggy {
        /// The mistake.
        bug: Bug,
    },
    /// Sends bytes without being asked.
    Source {
        /// The number of bytes that are sent on each connection; `None` is no limit.
        count: Option<u64>,
    },
    /// Connects stdin and stdout to the client.
    Pipe(PipeMode),
    /// Sends lines to all others in a room (`--service rooms`).
    Rooms(RoomsMode),
    /// Forwards to another server.
    Relay(Relay),
    /// A service without options of its own.
    Plain(&'static Entry),
}

/// How a listener connects stdin and stdout to its clients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PipeMode {
    /// Accept the next connection when one has ended.
    pub keep_open: bool,
    /// Half-close at the end of stdin even if it is no input (`-N`).
    pub shutdown_always: bool,
    /// How the streams end.
    pub stream: StreamConfig,
}

/// The options of rooms.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoomsMode {
    /// The number of lines that a member gets when it joins a room; `None` is the default.
    pub replay: Option<usize>,
    /// The operator takes part at stdin and stdout.
    pub console: bool,
    /// The number of bytes that are kept of all rooms; `None` is the default, as for all limits.
    pub history_memory: Option<usize>,
    /// The number of members of a room.
    pub members: Option<usize>,
    /// The number of rooms.
    pub rooms: Option<usize>,
    /// The number of rooms that a member is in at once.
    pub rooms_of_member: Option<usize>,
    /// The lines that a member may send.
    pub rate: Option<Rate>,
    /// The address for clients of IRC.
    pub irc: Option<Address>,
    /// The rooms are shared with other servers through this broker.
    pub via: Option<Box<RoomsVia>>,
}

/// The server that a relay forwards to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relay {
    /// The server.
    pub to: Address,
    /// Encrypt toward the server with TLS.
    pub tls: Option<Box<ClientTls>>,
    /// The proxy that connections to the server are made through.
    pub proxy: Option<Box<ProxyConfig>>,
    /// The direction that the plan cuts; the other direction is not cut.
    pub cut_toward: Toward,
    /// The PROXY header that is sent to it.
    pub header: Option<ProxyHeader>,
}

/// A direction through a relay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Toward {
    /// To the server.
    Server,
    /// To the client.
    Client,
    /// Both directions.
    #[default]
    Both,
}

impl Named for Toward {
    const ALL: &'static [Self] = &[Toward::Server, Toward::Client, Toward::Both];

    fn word(self) -> Word {
        match self {
            Toward::Server => Word::new("server", "To the server"),
            Toward::Client => Word::new("client", "To the client"),
            Toward::Both => Word::new("both", "Both directions"),
        }
    }
}

impl RoomsMode {
    /// Refuses the options of rooms where there are none.
    fn refuse_without_rooms(&self) -> Result<(), ConfigError> {
        let RoomsMode { replay, console, history_memory, members, rooms, rooms_of_member, rate, irc, via } = self;
        let given = [
            ("--history", replay.is_some()),
            ("--console", *console),
            ("--history-memory", history_memory.is_some()),
            ("--room-members", members.is_some()),
            ("--max-rooms", rooms.is_some()),
            ("--member-rooms", rooms_of_member.is_some()),
            ("--rate-limit", rate.is_some()),
            ("--irc", irc.is_some()),
            ("--rooms-via", via.is_some()),
        ];
        match given.into_iter().find(|&(_, is_given)| is_given) {
            Some((option, _)) => Err(ConfigError::new(format!("{option} applies to --service rooms: add it"))),
            None => Ok(()),
        }
    }
}

impl Mode {
    /// The traits of the service of this mode.
    #[must_use]
    pub fn traits(&self) -> Traits {
        match *self {
            Mode::Messages { framing } => Traits { framing, ..Secret::TRAITS },
            Mode::Buggy { bug: _ } => Secret::BUGGY,
            Mode::Source { count: _ } => Source::TRAITS,
            Mode::Pipe(PipeMode { keep_open, stream, shutdown_always: _ }) => Traits {
                clients: if keep_open { Clients::InTurn } else { Clients::One },
                ..if stream.direction == Direction::Send { Pipe::SEND_ONLY } else { Pipe::TRAITS }
            },
            Mode::Rooms(_) => RoomService::TRAITS,
            Mode::Relay(_) => RelayService::TRAITS,
            Mode::Plain(entry) => entry.traits,
        }
    }
}

/// The options that choose a mode, as they were given.
#[derive(Clone, Debug)]
pub struct ModeOptions {
    /// `--service`
    pub service: ServiceKind,
    /// `--framing`
    pub framing: Framing,
    /// `--bug`
    pub bug: Option<Bug>,
    /// `--count`
    pub count: Option<u64>,
    /// `--keep-open`, `--shutdown` and the options of streams.
    pub pipe: PipeMode,
    /// `--history`, `--console`, `--irc` and the limits of rooms.
    pub rooms: RoomsMode,
    /// `--relay` and `--cut-toward`
    pub relay: Option<Relay>,
}

impl ModeOptions {
    /// The options of `--service NAME` alone.
    #[must_use]
    pub fn of(service: ServiceKind) -> Self {
        ModeOptions {
            service,
            framing: Framing::Lines,
            bug: None,
            count: None,
            pipe: PipeMode::default(),
            rooms: RoomsMode::default(),
            relay: None,
        }
    }

    /// The mode that these options choose.
    ///
    /// # Errors
    /// Names an option that does not belong to the mode.
    pub fn into_mode(self) -> Result<Mode, ConfigError> {
        let refuse = |text: &str| Err(ConfigError::new(text));
        let ModeOptions { service, framing, bug, count, pipe, rooms, relay } = self;
        let is_secret = service == ServiceKind::Secret;
        if relay.is_some() && (bug.is_some() || !is_secret) {
            return refuse("--relay answers nothing itself: remove --service and --bug");
        }
        if framing != Framing::Lines && (!is_secret || bug.is_some() || relay.is_some()) {
            return refuse("--framing applies to the messages of --service secret: remove it");
        }
        if count.is_some() && service != ServiceKind::Source {
            return refuse("--count applies to --service source: remove it");
        }
        if service != ServiceKind::Pipe {
            pipe.stream.refuse_without_stream("--service pipe")?;
            if pipe.shutdown_always {
                return refuse("--shutdown applies to --service pipe: remove it");
            }
        }
        if service != ServiceKind::Rooms {
            rooms.refuse_without_rooms()?;
        }
        if let Some(via) = &rooms.via {
            via.check()?;
        }
        if bug.is_some() && !is_secret {
            return Err(ConfigError::new(format!(
                "--bug applies to --service secret, not to {service}: remove one of them"
            )));
        }
        if let Some(relay) = relay {
            return Ok(Mode::Relay(relay));
        }
        Ok(match service {
            ServiceKind::Secret => bug.map_or(Mode::Messages { framing }, |bug| Mode::Buggy { bug }),
            ServiceKind::Source => Mode::Source { count },
            ServiceKind::Pipe => Mode::Pipe(pipe),
            ServiceKind::Rooms => Mode::Rooms(rooms),
            ServiceKind::Plain(entry) => Mode::Plain(entry),
        })
    }
}

/// The names of the services that several event loops may serve: `secret, echo and discard`.
pub(super) fn stateless_services() -> String {
    let is_stateless = |service: &&ServiceKind| {
        let mode = ModeOptions::of(**service).into_mode();
        mode.is_ok_and(|mode| !mode.traits().stateful)
    };
    let names: Vec<_> = ServiceKind::ALL.iter().filter(is_stateless).map(|service| service.word().name).collect();
    match names.split_last() {
        Some((last, others)) if !others.is_empty() => format!("{} and {last}", others.join(", ")),
        _ => names.concat(),
    }
}
