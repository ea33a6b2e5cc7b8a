//! The short help (`-h`) of a command: examples and the options that most people use. `--help` prints all
//! options.

use clap::Command;

/// The options of `listen` in the short help.
const LISTEN: &[&str] = &["service", "relay", "once", "framing", "chunk", "cut", "barrier", "verbose", "timeline"];

/// The options of `connect` in the short help.
const CONNECT: &[&str] =
    &["loopback", "message", "raw", "replies", "quit-after", "chunk", "cut", "barrier", "verbose", "timeline"];

/// The options of `sweep` in the short help.
const SWEEP: &[&str] =
    &["message", "framing", "crlf", "mask", "max-plans", "jobs", "timeout", "json", "junit", "html", "quiet"];

/// The options of `send` in the short help.
const SEND: &[&str] = &["to", "listen", "name", "checksum", "retry", "tls", "quiet"];

/// The options of `receive` in the short help.
const RECEIVE: &[&str] = &["from", "listen", "keep-open", "dir", "overwrite", "max-size", "tls", "quiet"];

const SEND_EXAMPLES: &str = "\
Examples:
  secretcat send --to 10.10.11.2 report.pdf      send a file to a receiver
  secretcat send --listen=*:4500 a.iso b.iso     wait for a receiver
  tar c dir | secretcat send --to 10.10.11.2 - --name dir.tar";

const RECEIVE_EXAMPLES: &str = "\
Examples:
  secretcat receive --listen=*:4500              wait for a sender
  secretcat receive --from 10.10.11.2 --dir in   receive from one that waits";

const LISTEN_EXAMPLES: &str = "\
Examples:
  secretcat listen                               answer messages
  secretcat listen :4501 --relay :80 --chunk 1..7   relay, and cut the bytes
  secretcat listen --service pipe > file         receive a file";

const CONNECT_EXAMPLES: &str = "\
Examples:
  secretcat connect 10.10.11.2                   type messages to a server
  secretcat connect --loopback --cut 4 --stats -m 'SECRET 42'   cut a message
  secretcat connect --raw 10.10.11.2 < file      send a file";

const SWEEP_EXAMPLES: &str = "\
Examples:
  secretcat sweep -m 'SECRET 42'                 try every cut of one message
  secretcat sweep --tls example.test:443         split the ClientHello of TLS
  secretcat sweep :8080 --framing http < requests
  secretcat sweep :6379 --crlf -m PING --junit sweep.xml";

/// Hides the other options of a command from the short help, and adds examples.
pub(super) fn shorten(command: Command) -> Command {
    let (shown, examples) = match command.get_name() {
        "listen" => (LISTEN, LISTEN_EXAMPLES),
        "connect" => (CONNECT, CONNECT_EXAMPLES),
        "sweep" => (SWEEP, SWEEP_EXAMPLES),
        "send" => (SEND, SEND_EXAMPLES),
        "receive" => (RECEIVE, RECEIVE_EXAMPLES),
        _ => return command,
    };
    let more = format!("See 'secretcat {0} --help' for all options, and secretcat-{0}(1).", command.get_name());
    let mut command = command.after_help(format!("{examples}\n\n{more}")).after_long_help(examples);
    let hidden: Vec<_> = command
        .get_arguments()
        .filter(|argument| argument.get_long().is_some_and(|long| !shown.contains(&long)))
        .map(|argument| argument.get_id().clone())
        .collect();
    for id in hidden {
        command = command.mut_arg(id, |argument| argument.hide_short_help(true));
    }
    command
}

/// Hides the commands that only an installation needs, so that the short help lists those for messages and files.
pub(super) fn without_documents(program: Command) -> Command {
    ["man", "completions"].into_iter().fold(program, |program, name| program.mut_subcommand(name, |it| it.hide(true)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_help_fits_a_terminal_and_shows_options_that_exist() {
        for (name, shown) in
            [("listen", LISTEN), ("connect", CONNECT), ("sweep", SWEEP), ("send", SEND), ("receive", RECEIVE)]
        {
            let mut command = crate::cli::command().term_width(80);
            command.build();
            let command = command.find_subcommand_mut(name).unwrap();
            let longs: Vec<_> = command.get_arguments().filter_map(|argument| argument.get_long()).collect();
            assert!(shown.iter().all(|long| longs.contains(long)), "{name}");
            let text = command.render_help().to_string();
            let lines: Vec<_> = text.lines().collect();
            assert!(lines.len() <= 40 && lines.iter().all(|line| line.len() <= 80), "{name}: {}\n{text}", lines.len());
            assert!(shown.iter().all(|long| text.contains(&format!("--{long}"))), "{text}");
        }
    }
}
