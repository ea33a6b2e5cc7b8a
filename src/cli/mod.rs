//! The command line, the only user of clap. Flags come in, checked configuration goes out.
#![allow(
    rustdoc::broken_intra_doc_links,
    rustdoc::bare_urls,
    reason = "the comments on flags are help text, where [V6] is no link"
)]
#![allow(clippy::doc_markdown, reason = "help text is read on a terminal, which shows backticks")]

mod auth;
mod connect;
mod dialog;
mod documents;
mod effect;
mod examples;
mod fragmentation;
mod framing;
mod hint;
mod history;
mod listen;
mod output;
mod passwd;
mod place;
mod probe;
mod protocol;
mod proxy;
mod proxy_header;
mod retry;
mod rooms;
mod short_help;
mod socket;
mod stream;
mod sweep;
mod sweep_client;
mod syntax;
mod task_files;
mod timeline;
mod tls;
mod traffic;
mod transcript;
mod transfer;
mod watch;
mod witness;
mod words;

use std::ffi::{OsStr, OsString};

use clap::{ArgMatches, Args as _, CommandFactory, FromArgMatches, Parser, Subcommand};

use effect::Given;
use words::words;

use crate::config::{
    ClientSweepConfig, Color, ConfigError, ConnectConfig, HistoryConfig, LinkConfig, ListenConfig, PasswdConfig,
    PrintConfig, ProxyConfig, ReceiveConfig, SendConfig, SweepConfig, TimelineConfig,
};
use crate::error::Error;
use crate::io::console;
use crate::value::Pairing;

/// A netcat that knows messages and cuts them on purpose.
#[derive(Debug, Parser)]
#[command(
    name = "secretcat",
    version,
    max_term_width = 100,
    subcommand_required = true,
    arg_required_else_help = true,
    disable_help_subcommand = true,
    after_help = examples::OF_THE_PROGRAM
)]
struct Cli {
    /// Use colour on stderr and in help.
    #[arg(long, value_parser = words::<Color>(), global = true, value_name = "WHEN", default_value = "auto", display_order = 900, hide_short_help = true)]
    color: Color,
}

#[derive(Debug, Subcommand)]
enum Commands {
    Listen(listen::ListenFlags),
    Connect(connect::ConnectFlags),
    Sweep(sweep::SweepFlags),
    Send(transfer::SendFlags),
    Receive(transfer::ReceiveFlags),
    History(history::HistoryFlags),
    Timeline(timeline::TimelineFlags),
    Passwd(passwd::PasswdFlags),
    Witness(witness::WitnessFlags),
    Man(documents::ManFlags),
    Completions(documents::CompletionsFlags),
}

/// A parsed command line.
#[derive(Debug)]
pub struct Request {
    /// Whether stderr is coloured.
    pub color: Color,
    /// The command to run.
    pub task: Task,
}

/// One of the commands, with its checked configuration.
#[derive(Debug)]
pub enum Task {
    /// `listen`
    Listen(Box<ListenConfig>),
    /// `connect`
    Connect(Box<ConnectConfig>),
    /// `sweep`
    Sweep(Box<SweepConfig>),
    /// `sweep --client`
    SweepClient(Box<ClientSweepConfig>),
    /// `send`
    Send(Box<SendConfig>),
    /// `receive`
    Receive(Box<ReceiveConfig>),
    /// `history`
    History(Box<HistoryConfig>),
    /// `timeline`
    Timeline(Box<TimelineConfig>),
    /// `passwd`
    Passwd(Box<PasswdConfig>),
    /// `man`, `completions`
    Print(PrintConfig),
    /// `witness`
    Witness,
}

impl Task {
    /// The proxy that connections are made through.
    #[must_use]
    pub fn proxy(&self) -> Option<&ProxyConfig> {
        match self {
            Task::Listen(config) => config.relay()?.proxy.as_deref(),
            Task::Connect(config) => config.proxy.as_ref(),
            Task::Sweep(config) => config.proxy.as_ref(),
            Task::Send(_) | Task::Receive(_) => self.link()?.proxy(),
            Task::SweepClient(_)
            | Task::History(_)
            | Task::Timeline(_)
            | Task::Passwd(_)
            | Task::Print(_)
            | Task::Witness => None,
        }
    }

    /// Which replies answer which messages.
    #[must_use]
    pub fn pairing(&self) -> Pairing {
        match self {
            Task::Listen(config) => config.pairing(),
            Task::Connect(config) => config.pairing(),
            _ => Pairing::default(),
        }
    }

    /// The connection of a transfer of files.
    #[must_use]
    pub fn link(&self) -> Option<&LinkConfig> {
        match self {
            Task::Send(config) => Some(&config.link),
            Task::Receive(config) => Some(&config.link),
            _ => None,
        }
    }

    /// The command that runs a witness where the peer runs.
    #[must_use]
    pub fn witness(&self) -> Option<&OsStr> {
        match self {
            Task::Listen(config) => config.witness.as_deref(),
            Task::Connect(config) => config.witness.as_deref(),
            Task::Sweep(config) => config.witness.as_deref(),
            Task::SweepClient(_)
            | Task::Send(_)
            | Task::Receive(_)
            | Task::History(_)
            | Task::Timeline(_)
            | Task::Passwd(_)
            | Task::Print(_)
            | Task::Witness => None,
        }
    }
}

/// The reason why a command line is refused.
#[derive(Debug)]
pub enum Refusal {
    /// Help or the version was requested: this text goes to stdout.
    Text(clap::Error),
    /// The command line cannot be parsed.
    Syntax(String),
    /// The options contradict each other, or a value does not fit.
    Config(ConfigError),
}

/// The definitions of all commands, for the man pages and the completions.
#[must_use]
pub fn command() -> clap::Command {
    definitions().mut_subcommands(short_help::shorten)
}

/// The same, before its help is shortened.
fn definitions() -> clap::Command {
    Commands::augment_subcommands(Cli::command())
}

/// The definitions that this command line needs. If its first word is a command, only that command is defined:
/// defining the others as well takes most of the start of the program.
fn command_for(args: &[OsString]) -> clap::Command {
    let name = args.get(1).and_then(|arg| arg.to_str()).unwrap_or_default();
    let define = match name {
        "listen" => listen::ListenFlags::augment_args,
        "connect" => connect::ConnectFlags::augment_args,
        "sweep" => sweep::SweepFlags::augment_args,
        "send" => transfer::SendFlags::augment_args,
        "receive" => transfer::ReceiveFlags::augment_args,
        "history" => history::HistoryFlags::augment_args,
        "timeline" => timeline::TimelineFlags::augment_args,
        "passwd" => passwd::PasswdFlags::augment_args,
        "witness" => witness::WitnessFlags::augment_args,
        "man" => documents::ManFlags::augment_args,
        "completions" => documents::CompletionsFlags::augment_args,
        "-V" | "--version" => return Cli::command(),
        "" | "-h" => return short_help::without_documents(definitions()),
        _ => return definitions(),
    };
    Cli::command().subcommand(define(clap::Command::new(name.to_owned())))
}

/// The flags of `connect ADDRESS` or `connect HOST PORT` without options, which scripts run often. Defining
/// fifty options that are not given takes 0.29 ms, a fifth of a run with one message.
fn plain(args: &[OsString]) -> Option<connect::ConnectFlags> {
    let [_, command, address @ ..] = args else { return None };
    let is_word = |arg: &OsString| !arg.as_encoded_bytes().starts_with(b"-");
    let plain = command == "connect" && (1..=2).contains(&address.len()) && address.iter().all(is_word);
    plain.then(|| connect::ConnectFlags::plain(address))
}

/// Replaces `help`, `help COMMAND` and `version` by the options `--help` and `--version`.
fn as_options(mut args: Vec<OsString>) -> Vec<OsString> {
    let is_word = |arg: &&OsString| !arg.as_encoded_bytes().starts_with(b"-");
    match args.get(1).and_then(|arg| arg.to_str()) {
        Some("version") => args.splice(1.., ["--version".into()]).for_each(drop),
        Some("help") => {
            let command = args.get(2).filter(is_word).filter(|word| *word != "help" && *word != "version").cloned();
            args.truncate(1);
            args.extend(command);
            args.push("--help".into());
        }
        _ => {}
    }
    args
}

/// Parses and checks a command line.
///
/// # Errors
/// [`Refusal`] has the text to print, and where.
pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Request, Refusal> {
    let args: Vec<OsString> = args.into_iter().collect();
    if let Some(flags) = plain(&args) {
        let task = Task::Connect(Box::new(flags.into_config(true)?));
        return Ok(Request { color: Color::Auto, task });
    }
    let args = as_options(args);
    let refused = |error| refused(&args, error);
    let mut program = command_for(&args);
    let mut matches = match program.try_get_matches_from_mut(&args) {
        // Shortening the help of fifty options takes longer than to define them: it is done where it is printed.
        Err(error) if error.kind() == clap::error::ErrorKind::DisplayHelp => {
            command_for(&args).mut_subcommands(short_help::shorten).try_get_matches_from(&args)
        }
        other => other,
    }
    .map_err(refused)?;
    let given = Given::read(&program, &matches);
    let typed = address_was_typed(matches.subcommand().map(|(_, of_command)| of_command));
    // Values are moved out of the matches; reading them from a reference would copy all matches first.
    let cli = Cli::from_arg_matches_mut(&mut matches).map_err(refused)?;
    let task = match Commands::from_arg_matches_mut(&mut matches).map_err(refused)? {
        Commands::Listen(flags) => Task::Listen(Box::new(flags.into_config(typed)?)),
        Commands::Connect(flags) => Task::Connect(Box::new(flags.into_config(typed)?)),
        Commands::Sweep(flags) => flags.into_task(typed)?,
        Commands::Send(flags) => Task::Send(Box::new(flags.into_config(typed)?)),
        Commands::Receive(flags) => Task::Receive(Box::new(flags.into_config(typed)?)),
        Commands::History(flags) => Task::History(Box::new(flags.into_config())),
        Commands::Timeline(flags) => Task::Timeline(Box::new(flags.into_config())),
        Commands::Passwd(flags) => Task::Passwd(Box::new(flags.into_config()?)),
        Commands::Witness(witness::WitnessFlags {}) => Task::Witness,
        Commands::Man(flags) => Task::Print(flags.into_config()),
        Commands::Completions(flags) => Task::Print(flags.into_config()),
    };
    effect::check(&task, &given)?;
    Ok(Request { color: cli.color, task })
}

/// Whether ADDRESS comes from the command line, not from the environment.
fn address_was_typed(matches: Option<&ArgMatches>) -> bool {
    let with_address = matches.filter(|matches| matches.try_contains_id("address").is_ok());
    let source = with_address.and_then(|matches| matches.value_source("address"));
    source == Some(clap::parser::ValueSource::CommandLine)
}

impl Refusal {
    /// Prints help or version on stdout; returns every other refusal as an error for the caller to report.
    ///
    /// # Errors
    /// The refusal, or a failed write to stdout.
    pub fn print(&self) -> Result<(), Error> {
        match self {
            Refusal::Text(text) => console::print(|| text.print()),
            Refusal::Syntax(error) => Err(Error::Usage(error.clone())),
            Refusal::Config(error) => Err(error.clone().into()),
        }
    }
}

/// Turns a parser error into a refusal. Help and version are not errors; the others get a hint.
fn refused(args: &[OsString], error: clap::Error) -> Refusal {
    if error.use_stderr() { Refusal::Syntax(hint::refusal(args, error)) } else { Refusal::Text(error) }
}

impl From<ConfigError> for Refusal {
    fn from(error: ConfigError) -> Self {
        Refusal::Config(error)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt;

    use super::*;

    #[test]
    fn address_without_options_parses_as_clap_parses_it() {
        let line = |words: &[&[u8]]| -> Vec<OsString> {
            let start = [&b"secretcat"[..], b"connect"];
            start.iter().chain(words).map(|word| OsString::from_vec(word.to_vec())).collect()
        };
        let cases: [&[&[u8]]; 7] =
            [&[b"h:1"], &[b"h", b"1"], &[b""], &[b"off"], &[b"unix:/a"], &[b"\xff"], &[b"a=b", b""]];
        for args in cases.map(line) {
            let matches = command_for(&args).try_get_matches_from(&args).unwrap();
            let defined = connect::ConnectFlags::from_arg_matches(matches.subcommand().unwrap().1).unwrap();
            assert_eq!(format!("{:?}", plain(&args).unwrap()), format!("{defined:?}"));
            assert!(address_was_typed(matches.subcommand().map(|(_, of_command)| of_command)));
        }
        let others: [&[&[u8]]; 6] = [&[], &[b"-N"], &[b"h", b"-N"], &[b"--"], &[b"h", b"1", b"2"], &[b"-"]];
        for args in others.map(line) {
            assert!(plain(&args).is_none(), "{args:?}");
        }
        assert!(plain(&["secretcat", "listen", "h"].map(OsString::from)).is_none());
    }

    #[test]
    fn each_help_line_has_at_most_70_characters() {
        for command in command().get_subcommands() {
            for argument in command.get_arguments() {
                let line = argument.get_help().map(ToString::to_string).unwrap_or_default();
                let begins = line.starts_with(|first: char| first.is_ascii_uppercase());
                let (name, length) = (argument.get_id(), line.chars().count());
                assert!(begins && !line.ends_with('.') && length <= 70, "{name}: {line} ({length})");
                for riddle in ["so many", "so long", "Tell", "Give up", "one's own"] {
                    assert!(!line.contains(riddle), "{name}: {line}");
                }
            }
        }
    }

    #[test]
    fn command_defined_alone_equals_the_full_definition() {
        for name in command().get_subcommands().map(clap::Command::get_name) {
            let words: Vec<OsString> = ["secretcat", name, "--help"].map(Into::into).into();
            let alone = command_for(&words);
            assert_eq!(alone.get_subcommands().count(), 1, "{name} comes with others");
            let help = |command: clap::Command| command.try_get_matches_from(&words).unwrap_err().to_string();
            assert_eq!(help(alone), help(definitions()));
        }
        assert_eq!(command_for(&["secretcat".into()]).get_subcommands().count(), 11);
    }
}
