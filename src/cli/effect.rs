//! Refuses options that would have no effect, with a hint.

use std::ffi::OsStr;

use clap::parser::ValueSource;
use clap::{ArgMatches, Command};

use super::Task;
use crate::config::{
    AuthMethod, ClientSweepConfig, ConfigError, ConnectConfig, Input, LinkConfig, ListenConfig, Meeting, Mode, Replies,
    SweepConfig, Target,
};
use crate::frame::Framing;
use crate::plan::Barrier;
use crate::service::Clients;
use crate::value::{Address, Family, Host, listener_address};

/// The options on the command line, each with its heading in the help text.
#[derive(Debug, Default)]
pub(super) struct Given(Vec<(String, Option<String>)>);

impl Given {
    /// Reads the options of the command.
    pub(super) fn read(program: &Command, matches: &ArgMatches) -> Self {
        let Some((name, matches)) = matches.subcommand() else { return Given::default() };
        let options = program.find_subcommand(name).into_iter().flat_map(Command::get_arguments);
        let given = options.filter(|option| {
            let id = option.get_id().as_str();
            matches.try_contains_id(id).is_ok() && matches.value_source(id) == Some(ValueSource::CommandLine)
        });
        Given(
            given
                .filter_map(|option| Some((option.get_long()?.into(), option.get_help_heading().map(Into::into))))
                .collect(),
        )
    }

    /// The first given option that `options` selects.
    fn first(&self, options: &Options) -> Option<&str> {
        let is_meant = |(name, heading): &&(String, Option<String>)| match options {
            Named(names) => names.contains(&name.as_str()),
            Under(meant) => heading.as_deref() == Some(meant),
            Writing => heading.as_deref() == Some("Fragmentation") && !name.starts_with("read-"),
        };
        self.0.iter().find(is_meant).map(|(name, _)| name.as_str())
    }
}

/// A selection of the options of a command.
enum Options {
    /// The options with these names, without the dashes.
    Named(&'static [&'static str]),
    /// The options under this heading of the help text.
    Under(&'static str),
    /// The options that change how bytes are written.
    Writing,
}

use Options::{Named, Under, Writing};

/// Options, whether they have no effect, and the reason.
type Rule = (Options, bool, &'static str);

const CHECK: &str = "has no effect with -z, which sends and reads nothing: remove it";
const SEED: &str = "draws from a range, and there is none: add --chunk MIN..MAX or --delay MIN..MAX";
const NO_PEER_READ: &str = "shows what the peer has read: add --barrier peer-read";
const UNIX_WITNESS: &str = "looks at TCP sockets, and what the peer of a unix socket has read is seen here: remove it";
const PROXIED_WITNESS: &str = "cannot see through a proxy, which ends the connection on the way, unless it is a \
                               listener: give tcp:HOST:PORT of one with --answer-witness, or remove one of them";
const STREAM_TRANSCRIPT: &str = "records messages, and raw bytes are no messages: use --trace FILE --trace-data all";
const NO_DATA: &str = "chooses the bytes of --trace and --timeline: add one of them";
const V6ONLY: &str = "applies to IPv6, and the address is IPv4: give one such as [::]:4500";

/// Refuses the first option that would have no effect.
pub(super) fn check(task: &Task, given: &Given) -> Result<(), ConfigError> {
    let rules = match task {
        Task::Listen(config) => of_listen(config),
        Task::Connect(config) => of_connect(config),
        Task::Sweep(config) => of_sweep(config, given),
        Task::SweepClient(config) => of_client(config),
        Task::Send(config) => of_link(&config.link),
        Task::Receive(config) => of_link(&config.link),
        Task::History(_) | Task::Timeline(_) | Task::Passwd(_) | Task::Print(_) | Task::Witness => Vec::new(),
    };
    let idle = rules.into_iter().filter(|(_, does_nothing, _)| *does_nothing);
    let mut refused = idle.filter_map(|(options, _, reason)| Some((given.first(&options)?, reason)));
    refused.next().map_or(Ok(()), |(option, reason)| Err(ConfigError::new(format!("--{option} {reason}"))))
}

fn of_connect(config: &ConnectConfig) -> Vec<Rule> {
    let loopback = config.target == Target::Loopback;
    let unix = matches!(config.target, Target::Server(Address::Unix(_)));
    let is_v4 = match &config.target {
        Target::Server(address) => has_v4(address),
        Target::Loopback => config.family != Family::V6,
    };
    vec![
        (
            Named(&["loopback"]),
            config.check,
            "starts its own listener, and -z checks a running server: give its ADDRESS",
        ),
        (Under("Messages"), config.check, CHECK),
        (Under("Fragmentation"), config.check, CHECK),
        (Under("PROXY protocol"), config.check, CHECK),
        (Under("Login"), config.check, CHECK),
        (Under("Login"), loopback, "is for a listener with users, and --loopback starts one without: remove it"),
        (
            Named(&["auth-cleartext"]),
            config.tls.is_some() || unix,
            "is for connections that others can read, and this is none: remove it",
        ),
        (Named(&["timeout", "max-message", "progress", "transcript", "hex", "dump"]), config.check, CHECK),
        (Under("Probe"), config.check, CHECK),
        (Under("Probe"), config.place.is_some(), "is for replies, and the lines of a room are none: remove it"),
        (Under("Rooms"), config.check, CHECK),
        (
            Under("Rooms"),
            loopback,
            "is for a service of rooms, and --loopback starts another service: give its ADDRESS",
        ),
        (Under("Rooms"), config.raw, "is for a service of rooms, which takes lines: remove --raw"),
        (
            Under("Rooms"),
            config.framing != Framing::Lines,
            "is for a service of rooms, which takes lines: remove --framing",
        ),
        (Named(&["name"]), config.user.is_some(), "is the name in the rooms, and so is that of --user: remove it"),
        (
            Named(&["replies", "greeting", "timeout"]),
            config.place.is_some(),
            "is for replies, and the lines of a room are none: remove it",
        ),
        (
            Named(&["no-quit-words"]),
            config.place.is_some(),
            "is for words that quit, and in a room only /quit does: remove it",
        ),
        (Named(&["transcript"]), config.raw, STREAM_TRANSCRIPT),
        (Named(&["trace-data"]), !config.output.records_data(), NO_DATA),
        (
            Named(&["max-message"]),
            config.raw && !loopback,
            "limits a message, and raw bytes are no messages: remove it",
        ),
        (
            Named(&["retry-delay"]),
            config.retry.times == 0 && !config.reconnect,
            "is the pause before a retry: add --retry N",
        ),
        (
            Named(&["no-quit-words", "reconnect"]),
            config.raw || config.input != Input::Stdin,
            "applies to messages typed at a terminal: remove it",
        ),
        (Named(&["retry"]), loopback, "waits for a server, and --loopback starts its own: remove it"),
        (Named(&["proxy"]), loopback, "is a way to a server, and --loopback starts its own: remove it"),
        (Named(&["seed"]), !config.traffic.plan.is_random(), SEED),
        (Named(&["witness"]), loopback, "looks at another host, and --loopback starts a listener here: remove it"),
        (Named(&["witness"]), unix, UNIX_WITNESS),
        (Named(&["witness"]), config.proxy.is_some() && !is_listener(config.witness.as_deref()), PROXIED_WITNESS),
        (Named(&["witness"]), config.traffic.plan.barrier != Barrier::PeerRead, NO_PEER_READ),
        (
            Named(&["progress"]),
            config.input != Input::Stdin,
            "counts the bytes read from stdin, which -m replaces: remove it",
        ),
        (
            Named(&["shutdown-with-last"]),
            !config.raw,
            "applies to --raw: with messages, use -N, which half-closes when they end",
        ),
        (Named(&["shutdown-with-last"]), unix, "applies to TCP segments, and a unix socket has none: remove it"),
        (Named(&["v6only"]), is_v4, V6ONLY),
    ]
}

fn of_listen(config: &ListenConfig) -> Vec<Rule> {
    let plan = &config.traffic.plan;
    let traits = config.mode.traits();
    vec![
        (Writing, !traits.writes, "applies to writes, and --service discard writes nothing: remove it"),
        (
            Named(&["max-message"]),
            traits.framing == Framing::Raw,
            "limits a message, and raw bytes are no messages: remove it",
        ),
        (
            Named(&["framing"]),
            traits.raw || matches!(config.mode, Mode::Buggy { .. }),
            "applies to the messages of --service secret: remove it",
        ),
        (
            Named(&["accept-proxy-from"]),
            matches!(config.address, Address::Unix(_)),
            "names networks, and the proxies of a unix socket are trusted: use --accept-proxy",
        ),
        (Named(&["cut-toward"]), config.relay().is_none(), "applies to --relay: remove it"),
        (Named(&["proxy"]), config.relay().is_none(), "is a way to the server of --relay: remove it"),
        (
            Named(&["cut-toward"]),
            plan.is_plain(),
            "chooses the direction to cut: add --chunk, --cut, --delay or --barrier",
        ),
        (Named(&["transcript"]), traits.framing == Framing::Raw, STREAM_TRANSCRIPT),
        (Named(&["trace-data"]), !config.output.records_data(), NO_DATA),
        (Named(&["seed"]), !plan.is_random(), SEED),
        (Named(&["witness"]), config.is_witness_at_unix(), UNIX_WITNESS),
        (
            Named(&["witness"]),
            config.relay().is_some_and(|relay| relay.proxy.is_some()) && !is_listener(config.witness.as_deref()),
            PROXIED_WITNESS,
        ),
        (Named(&["witness"]), plan.barrier != Barrier::PeerRead, NO_PEER_READ),
        (
            Named(&["progress"]),
            config.pipe().is_none(),
            "counts the bytes between stdin, stdout and one client: add --service pipe",
        ),
        (
            Named(&["max-connections"]),
            traits.clients != Clients::Many || config.once,
            "limits the clients, and only one is served at a time here: remove it",
        ),
        (
            Named(&["source"]),
            config.relay().is_some_and(|relay| matches!(relay.to, Address::Unix(_))),
            "is an IP address, and the server of --relay is a unix socket: remove it",
        ),
        (Named(&["v6only"]), has_v4(&config.address), V6ONLY),
        (
            Named(&["auth-cleartext"]),
            config.tls.is_some()
                || config.auth.as_ref().is_some_and(|auth| !matches!(auth.method, AuthMethod::Scram(_))),
            "is for passwords on connections without TLS: remove it",
        ),
    ]
}

fn of_sweep(config: &SweepConfig, given: &Given) -> Vec<Rule> {
    let has_dialog = given.first(&Named(&["dialog", "protocol"])).is_some();
    vec![
        (Named(&["relay", "replay", "replies"]), true, "is for the sweep of a client: add --client COMMAND"),
        (
            Named(&["message", "framing", "crlf", "greeting"]),
            has_dialog,
            "is part of what --protocol and --dialog describe: remove it",
        ),
        (
            Named(&["ignore"]),
            !has_dialog && config.dialog.framing != Framing::Lines,
            "drops lines, which only --framing lines has: remove it",
        ),
        (
            Named(&["greeting"]),
            config.dialog.framing == Framing::Raw,
            "counts messages, and raw bytes are no messages: remove it",
        ),
        (
            Named(&["yes"]),
            config.dialog.changes.is_none(),
            "allows a dialog to change the server, and nothing is changed: remove it",
        ),
        (
            Named(&["crlf"]),
            config.dialog.steps.is_empty(),
            "applies to the messages of -m, and stdin is sent unchanged: remove it",
        ),
        (Named(&CHOOSING), config.only.is_some(), ONLY),
        (Named(&["witness"]), matches!(config.address, Address::Unix(_)), UNIX_WITNESS),
        (Named(&["witness"]), config.proxy.is_some() && !is_listener(config.witness.as_deref()), PROXIED_WITNESS),
        (Named(&["v6only"]), has_v4(&config.address), V6ONLY),
    ]
}

/// Options that choose plans.
const CHOOSING: [&str; 5] = ["max-plans", "families", "seed", "cut-at", "cut-at-regex"];
const ONLY: &str = "chooses plans, and --only is one: remove it";

/// Options for the sweep of a server.
const OF_SERVER: [&str; 12] = [
    "message",
    "protocol",
    "dialog",
    "yes",
    "crlf",
    "ignore",
    "lock-step",
    "pipelining",
    "proxy",
    "proxy-credentials",
    "witness",
    "server",
];
const SERVER: &str = "is for the sweep of a server, and --client sweeps a client: remove it";

fn of_client(config: &ClientSweepConfig) -> Vec<Rule> {
    let is_file = matches!(config.replies, Replies::File { .. });
    vec![
        (Named(&OF_SERVER), true, SERVER),
        (Under("TLS"), true, SERVER),
        (Under("PROXY protocol"), true, SERVER),
        (Named(&["framing"]), !is_file, "divides the replies of --replies: remove it"),
        (Named(&["greeting"]), !is_file, "counts the replies of --replies: remove it"),
        (Named(&["replay"]), is_file, "records the replies of --relay: remove it"),
        (Named(&CHOOSING), config.only.is_some(), ONLY),
        (Named(&["v6only"]), config.family != Family::V6, V6ONLY),
    ]
}

/// Options of the side that connects, and of the one that listens.
const CONNECTING: [&str; 11] = [
    "connect-timeout",
    "retry",
    "retry-delay",
    "proxy",
    "source",
    "tls-name",
    "tls-ca",
    "tls-pin",
    "tls-insecure",
    "known",
    "proxy-credentials",
];
const LISTENING: [&str; 3] = ["backlog", "tls-client-ca", "tls-client"];

fn of_link(config: &LinkConfig) -> Vec<Rule> {
    let (listens, retries) = match &config.meeting {
        Meeting::Connect { retry, .. } => (false, retry.times > 0),
        Meeting::Listen { .. } => (true, false),
    };
    vec![
        (Named(&CONNECTING), listens, "is for the side that connects, and --listen waits: remove it"),
        (Named(&LISTENING), !listens, "is for the side that listens: add --listen"),
        (Named(&["retry-delay"]), !retries, "is the pause before a retry: add --retry N"),
        (Named(&["trace-data"]), !config.output.records_data(), NO_DATA),
        (Named(&["reset-on-close", "linger"]), true, "may drop the confirmation of the last file: remove it"),
        (Named(&["v6only"]), has_v4(config.address()), V6ONLY),
    ]
}

/// Whether the witness is a listener, which sees what it has read whatever is on the way.
fn is_listener(witness: Option<&OsStr>) -> bool {
    witness.is_some_and(|witness| listener_address(witness).is_some())
}

/// Whether this is an IPv4 address. False for a name, which is not resolved yet.
fn has_v4(address: &Address) -> bool {
    matches!(address, Address::Tcp { host: Host::Ip(ip), .. } if ip.is_ipv4())
}
