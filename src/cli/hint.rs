//! Hints for command lines of nc, ncat or socat: the secretcat command to use instead.

use std::ffi::{OsStr, OsString};

use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::syntax::one_line;
use crate::value::{escape, joined};

/// Options of the netcats that do not exist here, with the hint for each.
const NETCAT: &[(&[&str], &str)] = &[
    (&["-u", "--udp"], "secretcat has no UDP: it supports TCP and unix sockets"),
    (&["-X", "--proxy-type"], "-X is the type of a proxy in nc: use --proxy URL (-x prints the bytes here)"),
    (&["-o", "--output", "--hex-dump"], "-o is a dump of the traffic in ncat: use --dump DIR, or -x to print it"),
    (&["-d"], "-d of nc does not read stdin: use </dev/null (-d of ncat is --delay here)"),
    (&["-n", "--nodns"], "-n of nc resolves no names: remove it, numeric addresses are never resolved"),
    (&["-e", "-c", "--exec", "--sh-exec"], "-e and -c run a program in other netcats: secretcat runs no programs"),
    (&["-t", "--telnet"], "-t answers telnet negotiation in nc: secretcat does not"),
    (&["-T"], "-T is the type of service in nc: use --tos"),
    (&["-I"], "-I is the receive buffer in nc: use --rcvbuf"),
    (&["-O"], "-O is the send buffer in nc: use --sndbuf"),
    (&["-M"], "-M is the number of hops in nc: use --ttl"),
    (
        &["--proxy-user", "--proxy-auth"],
        "other users can see a password on a command line: put USER:PASSWORD into a file for --proxy-credentials",
    ),
    (&["--max-conns"], "--max-conns of ncat is --max-connections here"),
    (&["--ssl", "--ssl-verify"], "TLS is --tls here, and verifies the server (--tls-insecure does not)"),
    (&["--ssl-cert"], "--ssl-cert of ncat is --tls-cert here"),
    (&["--ssl-key"], "--ssl-key of ncat is --tls-key here"),
    (&["--ssl-trustfile"], "--ssl-trustfile of ncat is --tls-ca here"),
    (&["--ssl-servername"], "--ssl-servername of ncat is --tls-name here"),
    (&["--ssl-alpn"], "--ssl-alpn of ncat is --tls-alpn here"),
];

/// Options of nc that take a value.
const VALUED: &[u8] = b"eqwispTXxPIOMWmcogGdbV";

/// The parser's error in one line, with a hint where there is one.
pub(super) fn refusal(args: &[OsString], error: clap::Error) -> String {
    let kind = error.kind();
    if kind == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        return "expected a command: listen, connect or sweep (see secretcat --help)".to_owned();
    }
    let asks = args.iter().any(|arg| arg == "--help" || arg == "-h");
    let instead = match (kind, command_of(args)) {
        (ErrorKind::UnknownArgument, Some(command)) => unknown_option(args, command, &error),
        (ErrorKind::UnknownArgument | ErrorKind::InvalidSubcommand, None) if !asks => without_command(args, &error),
        (ErrorKind::InvalidSubcommand, _) => other_command(&error),
        _ => None,
    };
    instead.unwrap_or_else(|| one_line(error))
}

/// The command on this command line.
fn command_of(args: &[OsString]) -> Option<&str> {
    let mut words = args.iter().skip(1);
    let first = loop {
        match words.next()? {
            arg if arg == "--color" => drop(words.next()),
            arg if is_option(arg) => {}
            word => break word.to_str()?,
        }
    };
    ["listen", "connect", "sweep", "send", "receive", "history", "timeline", "passwd", "witness", "man", "completions"]
        .into_iter()
        .find(|name| *name == first)
}

fn is_option(arg: &OsStr) -> bool {
    arg.as_encoded_bytes().starts_with(b"-")
}

/// A detail of the parser's error.
fn context(error: &clap::Error, kind: ContextKind) -> Option<&str> {
    match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text),
        _ => None,
    }
}

/// The hint for an option that another command or a netcat has.
fn unknown_option(args: &[OsString], command: &str, error: &clap::Error) -> Option<String> {
    let option = context(error, ContextKind::InvalidArg)?;
    match (command, option) {
        ("listen", "-p" | "--port") => {
            let port = value_of(args, "-p").unwrap_or_else(|| "PORT".to_owned());
            return Some(format!("-p is the source port of a connection: write 'secretcat listen :{port}'"));
        }
        ("connect" | "sweep", "-l" | "--listen") => {
            return Some(format!("{option} is a command here: write 'secretcat listen', not 'secretcat {command}'"));
        }
        ("listen", "-l" | "--listen") => return Some(format!("'secretcat listen' listens: remove {option}")),
        ("receive", word) if !word.starts_with('-') => {
            let word = escape(word.as_bytes());
            return Some(format!(
                "unexpected argument '{word}': --from ADDRESS connects to a sender, --dir DIR is where files are saved"
            ));
        }
        _ => {}
    }
    let owners: Vec<String> = super::command()
        .get_subcommands()
        .filter(|command| command.get_arguments().any(|argument| is_named(argument, option)))
        .map(|command| command.get_name().to_owned())
        .collect();
    if owners.iter().any(|owner| owner == command) {
        return Some(format!("what follows -- is no option: write {option} before --"));
    }
    if !owners.is_empty() {
        return Some(format!("{option} is an option of {}, not of {command}", joined(&owners)));
    }
    of_a_netcat(option)
}

fn is_named(argument: &clap::Arg, option: &str) -> bool {
    let short = argument.get_short().map(|short| format!("-{short}"));
    let long = argument.get_long().map(|long| format!("--{long}"));
    short.as_deref() == Some(option) || long.as_deref() == Some(option)
}

fn of_a_netcat(option: &str) -> Option<String> {
    let found = NETCAT.iter().find(|(names, _)| names.contains(&option));
    found.map(|(_, line)| (*line).to_owned())
}

/// The value of a short option, joined to it or in the next word.
fn value_of(args: &[OsString], option: &str) -> Option<String> {
    let at = args.iter().position(|arg| arg.as_encoded_bytes().starts_with(option.as_bytes()))?;
    let joined = &args.get(at)?.to_str()?[option.len()..];
    let value = if joined.is_empty() { args.get(at + 1)?.to_str()? } else { joined.trim_start_matches('=') };
    is_plain(value).then(|| value.to_owned())
}

/// The hint for an unknown command, which other programs may have.
fn other_command(error: &clap::Error) -> Option<String> {
    let word = context(error, ContextKind::InvalidSubcommand)?;
    let known = match word.to_ascii_lowercase().as_str() {
        "client" | "call" | "dial" | "nc" | "connect-to" => "connect",
        "put" | "upload" | "cp" | "scp" => "send",
        "get" | "download" | "fetch" => "receive",
        "server" | "serve" | "daemon" | "relay" | "proxy" => "listen",
        _ if error.get(ContextKind::SuggestedSubcommand).is_some() => return None,
        _ => {
            let word = escape(word.as_bytes());
            return Some(format!("unknown command '{word}': the commands are listen, connect and sweep"));
        }
    };
    let relay = if known == "listen" && matches!(word, "relay" | "proxy") { " --relay ADDRESS" } else { "" };
    Some(format!("unknown command '{}': write 'secretcat {known}{relay}'", escape(word.as_bytes())))
}

/// The hint for a command line of nc: options and an address, without a command.
fn without_command(args: &[OsString], error: &clap::Error) -> Option<String> {
    let line = NcLine::read(args);
    if line.udp {
        return of_a_netcat("-u");
    }
    let (address, given) = line.address();
    if line.listens {
        return Some(format!(
            "expected a command: nc -l{given} is 'secretcat listen --service pipe {address}' \
             (without --service pipe it answers messages)"
        ));
    }
    let first = line.words.first().and_then(|word| word.to_str()).unwrap_or_default();
    let names_a_host = first.contains(['.', ':']) || first == "localhost" || is_number(first);
    let names_a_port = line.words.len() == 2 && line.words[1].to_str().is_some_and(is_number);
    let is_misspelt = error.get(ContextKind::SuggestedSubcommand).is_some();
    if names_a_host || (names_a_port && !is_misspelt) {
        if line.checks {
            return Some(format!("expected a command: 'secretcat connect -z {address}' checks the port"));
        }
        return Some(format!(
            "expected a command: 'secretcat connect {address}' sends messages, \
             'secretcat connect --raw {address}' bytes as nc does"
        ));
    }
    if error.kind() == ErrorKind::InvalidSubcommand {
        return other_command(error);
    }
    let option = context(error, ContextKind::InvalidArg)?;
    Some(format!("expected a command before {}: listen, connect or sweep", escape(option.as_bytes())))
}

/// The meaning of a command line of nc.
#[derive(Debug, Default)]
struct NcLine {
    listens: bool,
    checks: bool,
    udp: bool,
    port: Option<OsString>,
    words: Vec<OsString>,
}

impl NcLine {
    fn read(args: &[OsString]) -> Self {
        let mut line = NcLine::default();
        let mut rest = args.iter().skip(1);
        while let Some(arg) = rest.next() {
            let bytes = arg.as_encoded_bytes();
            match bytes {
                b"--listen" => line.listens = true,
                b"--udp" => line.udp = true,
                [b'-', b'-', ..] | b"-" => {}
                [b'-', letters @ ..] => {
                    line.listens |= letters.contains(&b'l');
                    line.checks |= letters.contains(&b'z');
                    line.udp |= letters.contains(&b'u');
                    // "-lp 4500", "-p4500", "-w 3": the value is the rest of the word, or the next word.
                    let valued = letters.iter().position(|letter| VALUED.contains(letter));
                    if let Some(at) = valued {
                        let joined = arg.to_str().map(|text| OsString::from(&text[at + 2..]));
                        let value = joined.filter(|value| !value.is_empty()).or_else(|| rest.next().cloned());
                        if letters[at] == b'p' {
                            line.port = value;
                        }
                    }
                }
                _ => line.words.push(arg.clone()),
            }
        }
        line
    }

    /// The address in the form of secretcat, and as given. Words that need quoting in a shell are replaced by HOST and
    /// PORT.
    fn address(&self) -> (String, String) {
        let shown = |word: &OsStr, name: &str| match word.to_str() {
            Some(text) if is_plain(text) => text.to_owned(),
            _ => name.to_owned(),
        };
        let port = self.port.as_deref().map(|port| shown(port, "PORT"));
        let words: Vec<String> =
            self.words.iter().zip(["HOST", "PORT"]).map(|(word, name)| shown(word, name)).collect();
        let address = match (&words[..], &port) {
            ([], None) => "ADDRESS".to_owned(),
            ([], Some(port)) => format!(":{port}"),
            ([word], None) if is_number(word) => format!(":{word}"),
            ([host], Some(port)) if self.listens => format!("{host} {port}"),
            (words, _) => words.join(" "),
        };
        let given =
            port.into_iter().map(|port| format!("p {port}")).chain(words.into_iter().map(|word| format!(" {word}")));
        (address, given.collect())
    }
}

/// The hint for a word that is not an address, if it looks like a known mistake.
pub(super) fn address(word: &OsStr) -> Option<String> {
    let text = word.to_str()?;
    let shown = escape(text.as_bytes());
    if is_number(text) && text.parse::<u16>().is_ok() {
        return Some(format!("\"{text}\" is not an address: for port {text} of this host write :{text}"));
    }
    if let Some((scheme, rest)) = text.split_once("://") {
        let is_scheme =
            !scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
        let example = match (scheme.to_ascii_lowercase().as_str(), host) {
            (_, "") => "HOST:PORT".to_owned(),
            (_, host) if !is_plain(host) => "HOST:PORT".to_owned(),
            ("http" | "ws", host) if !has_port(host) => format!("{host}:80"),
            ("https" | "wss", host) if !has_port(host) => format!("{host}:443"),
            (_, host) => host.to_owned(),
        };
        return is_scheme.then(|| {
            format!("\"{shown}\" is not an address: remove {}://, as in {example}", escape(scheme.as_bytes()))
        });
    }
    if let Some((prefix, rest)) = text.split_once(':') {
        let prefix = prefix.to_ascii_lowercase();
        let plain = |rest: &str, name: &str| if is_plain(rest) { rest.to_owned() } else { name.to_owned() };
        if matches!(prefix.as_str(), "tcp" | "tcp4" | "tcp6" | "tcp-connect" | "tcp-listen") {
            let example = plain(rest, "HOST:PORT");
            return Some(format!("\"{shown}\" is not an address: remove the socat prefix, as in {example}"));
        }
        let is_ours = text.starts_with("unix:");
        if !is_ours && matches!(prefix.as_str(), "unix" | "unix-connect" | "unix-listen" | "unix-client" | "gopen") {
            let path = plain(rest, "PATH");
            return Some(format!("\"{shown}\" is not an address: a unix socket is written unix:{path}"));
        }
        if let Some((address, _)) = text.split_once('/').filter(|(address, _)| is_plain(address) && has_port(address)) {
            return Some(format!("\"{shown}\" is not an address: remove the path, as in {address}"));
        }
    }
    let is_path = ["/", "./", "../", "~/"].iter().any(|begin| text.starts_with(begin))
        || (text.contains('/') && !text.contains(':'));
    is_path.then(|| {
        let path = if is_plain(text) { text } else { "PATH" };
        format!("\"{shown}\" is not an address: a unix socket is written unix:{path}")
    })
}

/// Whether a port follows the host: "h:80", "[::1]:80".
fn has_port(host: &str) -> bool {
    host.rsplit_once(':')
        .is_some_and(|(before, port)| is_number(port) && (!before.contains(':') || before.ends_with(']')))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether a shell takes this word without quotes.
fn is_plain(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._:-/%@[]+".contains(&byte))
}
