//! The flags of `secretcat sweep`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::dialog::{Checked, DialogFlags};
use super::fragmentation::FragmentationFlags;
use super::protocol::Protocol;
use super::proxy_header::{CutHeaderFlag, ProxyHeaderFlags};
use super::socket::SocketFlags;
use super::sweep_client::ClientFlags;
use super::task_files::output_name;
use super::tls::ClientTlsFlags;
use super::words::FamiliesParser;
use super::{Task, proxy, traffic, watch};
use crate::config::{ClientSweepConfig, ConfigError, MaxTime, Reports, SweepConfig};
use crate::frame::proxy_header::Version;
use crate::io::listener::free_port;
use crate::plan::{Choice, CutPoints, Families, Only, OnlyPart};
use crate::value::{Address, Count, Expression, Pattern, Seed, Size, Span};

/// Send the same messages under every cut and compare the replies
#[derive(Debug, Args)]
pub(super) struct SweepFlags {
    /// Connect to HOST:PORT, HOST, :PORT (loopback) or unix:PATH
    ///
    /// Also [V6]:PORT, HOST PORT as two words, and unix:@NAME. PORT is a number or the name of a service. HOST alone is
    /// port 4500. The default is 127.0.0.1:4500.
    #[arg(value_name = "ADDRESS", num_args = 0..=2, env = traffic::ADDRESS_VARIABLE)]
    address: Vec<OsString>,

    /// Start the server with COMMAND, and again when it has stopped
    ///
    /// COMMAND is run by sh -c in a process group of its own, which is killed at the end. {port}, {host} and {address} in
    /// it are those of ADDRESS; without ADDRESS, the port is a free one. The server is ready when it accepts
    /// connections. It has stopped when its process has ended, or when it reads nothing for 2 seconds. A plan that stops
    /// it twice is a difference.
    #[arg(long, value_name = "COMMAND", value_hint = ValueHint::CommandString, conflicts_with = "proxy")]
    server: Option<OsString>,

    #[command(flatten)]
    dialog: DialogFlags,

    /// Try the plans of the families LIST (default: all but half-close)
    ///
    /// LIST has names with commas, such as cut,pair: only these are tried. Names after + and - change the default:
    /// +half-close,-pair. A server may take the client's end of stream for the end of the connection and send no more,
    /// and be right about cuts, so half-close is tried only if LIST has it.
    #[arg(long, value_name = "LIST", value_parser = FamiliesParser, help_heading = "Limits", allow_hyphen_values = true)]
    families: Option<Families>,
    /// Cut only after each occurrence of PATTERN (repeatable)
    ///
    /// Only the single cuts after an occurrence in a message (with --client, in a reply), and the pairs of them, are
    /// tried; the cuts at all other offsets do not count for the exit status. PATTERN is text with the escapes \r, \n, \t,
    /// \0, \\ and \xHH for other bytes. It is an error if one of the patterns cuts no message.
    #[arg(long, value_name = "PATTERN", help_heading = "Limits", allow_hyphen_values = true)]
    cut_at: Vec<Pattern>,
    /// Cut only after each match of REGEX (repeatable)
    ///
    /// As --cut-at, which may be given as well. REGEX has the syntax of the regex crate, and an empty match cuts too: \b
    /// cuts at the boundaries of words.
    #[arg(long, value_name = "REGEX", help_heading = "Limits", allow_hyphen_values = true)]
    cut_at_regex: Vec<Expression>,
    /// Try at most N plans (default: 1000, or all single cuts and 500)
    ///
    /// Single cuts are tried first, then the other families. The default is 1000, or, if that is more, the number of
    /// single cuts and 500.
    #[arg(long, value_name = "N", help_heading = "Limits", allow_hyphen_values = true)]
    max_plans: Option<Count>,
    /// Try only this plan, which repeats a finding (repeatable)
    ///
    /// The values together are one plan. PART is a list of offsets to cut at, which count from the start of all messages
    /// (with --client, of all replies), such as 7,19; every:SIZE for pieces of SIZE in each message; joined:OFFSETS for
    /// ends of messages that are not cut, or joined:all; header:OFFSETS for cuts of the PROXY header;
    /// hello-tcp:OFFSETS, hello-records:OFFSETS or hello-joined:OFFSETS for cuts of the ClientHello, also as
    /// hello-records:every:SIZE; fin:with or fin:after for a half-close with or after the last byte.
    #[arg(long, value_name = "PART", help_heading = "Limits", allow_hyphen_values = true)]
    only: Vec<OnlyPart>,
    /// End the sweep after TIME; 0 is no limit (default: 60s)
    ///
    /// No plan begins after TIME, which counts from the start. What still runs then is aborted after another --timeout.
    /// If replies differ, the last third of TIME is for repeating and shrinking these plans. By default, plans other
    /// than single cuts begin only in the first 15 seconds, if there are single cuts.
    #[arg(long, value_name = "TIME", help_heading = "Limits", allow_hyphen_values = true)]
    max_time: Option<Span>,
    /// Draw the plans from seed N, if there are more than --max-plans
    #[arg(long, value_name = "N", default_value = "0", help_heading = "Limits", allow_hyphen_values = true)]
    seed: Seed,
    /// Run N conversations at once (default: 4)
    ///
    /// With --client, the default is one client at a time.
    #[arg(short, long, value_name = "N", help_heading = "Limits", allow_hyphen_values = true)]
    jobs: Option<Count>,
    /// Abort a conversation after TIME without progress
    #[arg(long, value_name = "TIME", default_value = "5s", help_heading = "Limits", allow_hyphen_values = true)]
    timeout: Span,
    /// Limit a reply to SIZE bytes
    #[arg(long, value_name = "SIZE", default_value = "1M", help_heading = "Limits", allow_hyphen_values = true)]
    max_message: Size,

    /// Print the findings as JSON
    #[arg(long, help_heading = "Output")]
    json: bool,
    /// Write the findings as JUnit XML to FILE as well
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Output", value_parser = output_name())]
    junit: Option<PathBuf>,
    /// Write the findings as a web page to FILE as well
    ///
    /// The page is one file that loads nothing. It has the command, the expected replies, the findings with the commands
    /// that repeat them, and a map of the offsets.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Output", value_parser = output_name())]
    html: Option<PathBuf>,
    /// Write packets to FILE, for Wireshark
    ///
    /// The packets of all connections are built from the writes and reads of this program, so that no privileges are
    /// needed. The comment of each packet says what it was built from. With --tls-keylog the file has the secrets of
    /// TLS too.
    #[arg(long, value_name = "FILE.pcapng", value_hint = ValueHint::FilePath, help_heading = "Output", value_parser = output_name())]
    pcap: Option<PathBuf>,
    /// Print no progress
    #[arg(long, help_heading = "Output")]
    quiet: bool,

    #[command(flatten)]
    watch: watch::WatchFlags,

    /// Start COMMAND to see what the server has read on another host
    ///
    /// COMMAND is a shell command that runs 'secretcat witness' where the server runs: 'ssh HOST secretcat witness',
    /// 'docker exec -i NAME secretcat witness', or with kubectl exec -i or nsenter. It is asked where the server's
    /// socket is not on this host. Cuts are then proven as on one host, also through address translation, but not
    /// through a program that ends the connection and makes another one, such as docker-proxy, ssh -L or socat. A server
    /// that is 'secretcat listen --answer-witness' proves its own reads, also through these and through --proxy: give
    /// its address as tcp:HOST:PORT or unix:PATH.
    #[arg(long, value_name = "COMMAND", help_heading = "Server")]
    witness: Option<OsString>,

    #[command(flatten)]
    client: ClientFlags,

    #[command(flatten)]
    tls: ClientTlsFlags,

    #[command(flatten)]
    header: ProxyHeaderFlags,

    #[command(flatten)]
    proxy: proxy::ProxyFlags,

    #[command(flatten)]
    socket: SocketFlags,
}

impl SweepFlags {
    /// The command: a sweep of a server, or of a client.
    pub(super) fn into_task(self, address_was_typed: bool) -> Result<Task, ConfigError> {
        if self.client.is_given() {
            if address_was_typed {
                let text =
                    "ADDRESS is that of a server to sweep, and --client sweeps a client: give its server with --relay";
                return Err(ConfigError::new(text));
            }
            return Ok(Task::SweepClient(Box::new(self.into_client_config()?)));
        }
        Ok(Task::Sweep(Box::new(self.into_config(address_was_typed)?)))
    }

    fn into_client_config(self) -> Result<ClientSweepConfig, ConfigError> {
        let family = self.socket.family();
        let limits = traffic::Limits { max_message: self.max_message, ..traffic::Limits::default() };
        let traffic = traffic::traffic(self.socket, &limits, &FragmentationFlags::default())?;
        let no_client = || ConfigError::new("--client is missing");
        let (framing, greeting) = (self.dialog.framing, self.dialog.greeting.in_memory());
        let (command, replies) = self.client.into_parts(framing, greeting, family)?.ok_or_else(no_client)?;
        let Span(timeout) = self.timeout;
        let (cut_at, default) = places(self.cut_at, self.cut_at_regex);
        let config = ClientSweepConfig {
            command,
            replies,
            family,
            masks: self.dialog.into_masks()?,
            plans: choice(self.families.unwrap_or(default), self.max_plans, self.seed),
            max_time: max_time(self.max_time),
            cut_at,
            only: only(self.only)?,
            jobs: self.jobs.map_or(1, Count::in_memory),
            timeout,
            traffic,
            reports: Reports { json: self.json, junit: self.junit, html: self.html, pcap: self.pcap },
            quiet: self.quiet,
            watch: self.watch.into_config()?,
        };
        config.check()
    }

    fn into_config(self, address_was_typed: bool) -> Result<SweepConfig, ConfigError> {
        let family = self.socket.family();
        let limits = traffic::Limits { max_message: self.max_message, ..traffic::Limits::default() };
        let traffic = traffic::traffic(self.socket, &limits, &FragmentationFlags::default())?;
        let address = match traffic::address(&self.address, address_was_typed, false, family)? {
            Address::Tcp { host, port } if self.server.is_some() && (self.address.is_empty() || port == 0) => {
                let none = |error| ConfigError::new(format!("--server: no free port: {error}"));
                Address::Tcp { host, port: free_port().map_err(none)? }
            }
            address => address,
        };
        let protocol = self.dialog.protocol;
        let (mut tls, mut header) = (self.tls, self.header);
        match protocol {
            Some(Protocol::Tls) => tls.accept_any(),
            Some(Protocol::AfterHeader(_)) => header.send(Version::V2),
            Some(Protocol::Preset(_)) | None => {}
        }
        let Checked { dialog, source, masks, yes } = self.dialog.into_dialog(&address)?;
        let Span(timeout) = self.timeout;
        let (cut_at, default) = places(self.cut_at, self.cut_at_regex);
        let plans = choice(self.families.unwrap_or(default), self.max_plans, self.seed);
        let config = SweepConfig {
            address,
            server: self.server,
            proxy: self.proxy.into_config()?,
            family,
            dialog,
            source,
            masks,
            may_change: yes,
            plans,
            only: only(self.only)?,
            cut_at,
            max_time: max_time(self.max_time),
            jobs: self.jobs.map_or(4, Count::in_memory),
            timeout,
            tls: tls.into_config()?,
            header: header.into_config(CutHeaderFlag::default())?,
            traffic,
            witness: self.witness,
            reports: Reports { json: self.json, junit: self.junit, html: self.html, pcap: self.pcap },
            quiet: self.quiet,
            watch: self.watch.into_config()?,
        };
        config.check()
    }
}

/// The places to cut, and the families that are tried if no option names them.
fn places(patterns: Vec<Pattern>, expressions: Vec<Expression>) -> (CutPoints, Families) {
    let cut_at = CutPoints { patterns, expressions };
    let families = if cut_at.is_empty() { Families::default() } else { Families::of_places() };
    (cut_at, families)
}

fn choice(families: Families, max_plans: Option<Count>, seed: Seed) -> Choice {
    Choice { families, max_plans: max_plans.map(Count::in_memory), seed }
}

fn max_time(given: Option<Span>) -> MaxTime {
    given.map_or_else(MaxTime::default, |Span(time)| MaxTime::new(time))
}

fn only(parts: Vec<OnlyPart>) -> Result<Option<Only>, ConfigError> {
    Only::new(parts).map_err(|error| ConfigError::new(error.to_string()))
}
