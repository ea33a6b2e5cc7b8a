//! The short help (`-h`) of a command: examples and the options that most people use. `--help` prints all
//! options.

use clap::Command;

use super::examples;

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

/// Hides the other options of a command from the short help, and adds examples.
pub(super) fn shorten(command: Command) -> Command {
    let name = command.get_name();
    let examples = examples::of(name);
    let shown = match name {
        "listen" => LISTEN,
        "connect" => CONNECT,
        "sweep" => SWEEP,
        "send" => SEND,
        "receive" => RECEIVE,
        _ => return command.after_help(examples),
    };
    let more = format!("See 'secretcat {name} --help' for all options, and secretcat-{name}(1).");
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
