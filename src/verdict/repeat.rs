//! The command that repeats a difference, for any bytes and any POSIX shell.

use std::fmt::Write;

use super::client;
use super::shell::{printf_format, quoted};
use super::{Difference, Subject};
use crate::frame::Framing;
use crate::plan::{Fin, Only, Trial};
use crate::value::Family;

/// If the requests came from stdin and are longer than this, the command does not contain them.
const INLINE: usize = 4096;

/// How the messages of a server are sent.
#[derive(Clone, Debug, Default)]
pub struct SubjectDialog {
    /// Where the messages come from.
    pub source: MessageSource,
    /// How messages are delimited that come from stdin or arguments.
    pub framing: Framing,
    /// The options that send the same messages in the same way, as words, without the messages and their framing.
    pub options: Vec<String>,
    /// Only a sweep holds this dialog: it begins with a reply, or its messages are not the same on each connection.
    pub needs_sweep: bool,
    /// The command that starts the server.
    pub server: Option<String>,
}

/// Where the messages of a sweep come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MessageSource {
    /// stdin.
    #[default]
    Stdin,
    /// `-m`.
    Arguments,
    /// A preset or a file, which the options name.
    Named,
}

/// The command that makes the same cuts: `connect --raw` where the trial is one write without waiting, or else a sweep
/// of this trial alone.
#[must_use]
pub fn repeat_command(subject: &Subject, difference: &Difference) -> String {
    if let Some(client) = &subject.client {
        return client::repeat_command(client, subject, difference);
    }
    let trial = &difference.trial;
    let boundaries = subject.layout().boundaries().len();
    let is_one_write = boundaries == 0 || (trial.hello.is_none() && trial.joined.len() == boundaries);
    let SubjectDialog { server, needs_sweep, .. } = &subject.dialog;
    if is_one_write && !needs_sweep && server.is_none() {
        let command = connect_command(subject, trial);
        with_input(subject, &subject.messages.concat(), &command)
    } else {
        sweep_command(subject, trial)
    }
}

/// The command with these bytes as its stdin.
fn with_input(subject: &Subject, bytes: &[u8], command: &str) -> String {
    let sent: usize = subject.messages.iter().map(Vec::len).sum();
    if subject.dialog.source == MessageSource::Stdin && sent > INLINE {
        return format!("{command} < FILE (FILE: the input of this sweep)");
    }
    format!("printf '{}' | {command}", printf_format(bytes))
}

/// The options of the way to the server, which are those of `connect` and `sweep`.
fn way(subject: &Subject) -> String {
    let mut options = String::new();
    options.push_str(match subject.family {
        Family::Any => "",
        Family::V4 => " -4",
        Family::V6 => " -6",
    });
    if let Some(proxy) = &subject.proxy {
        let _ = write!(options, " --proxy {}", quoted(&proxy.url.to_string()));
        if let Some(path) = &proxy.credentials {
            let _ = write!(options, " --proxy-credentials {}", quoted(&path.to_string_lossy()));
        }
    }
    for word in subject.tls.iter().chain(&subject.header) {
        let _ = write!(options, " {}", quoted(word));
    }
    options
}

/// The option of the witness.
fn witness(subject: &Subject) -> String {
    let witness = subject.witness.as_ref();
    witness.map_or(String::new(), |witness| format!(" --witness {}", quoted(&witness.command)))
}

/// One connection that sends all messages at once.
fn connect_command(subject: &Subject, trial: &Trial) -> String {
    let mut command = format!("secretcat connect {}{}", quoted(&subject.address), way(subject));
    if let Some(cuts) = trial.header_cuts() {
        let _ = write!(command, " --cut-header {cuts}");
    }
    command.push_str(" --raw");
    if let Some(hello) = &trial.hello {
        let _ = write!(command, " {}", hello.options());
    }
    let cuts: Vec<_> = trial.cuts.iter().map(ToString::to_string).collect();
    if !cuts.is_empty() {
        let _ = write!(command, " --cut {}", cuts.join(","));
    }
    let _ = write!(command, " --barrier peer-read{}", witness(subject));
    command.push_str(match trial.fin {
        // Without messages, the end of the input ends the run.
        Fin::Replied if subject.messages.is_empty() => " --quit-after 1",
        Fin::Replied => " --no-shutdown --quit-after 1",
        Fin::After => "",
        Fin::With => " --shutdown-with-last",
    });
    command
}

/// A sweep of this trial alone.
fn sweep_command(subject: &Subject, trial: &Trial) -> String {
    let SubjectDialog { source, framing, options, server, .. } = &subject.dialog;
    let mut words = Vec::new();
    if let Some(command) = server {
        words.extend(["--server".to_owned(), command.clone()]);
    }
    // Several raw messages have no form on stdin.
    let is_dialog = *source != MessageSource::Named && *framing == Framing::Raw && subject.messages.len() > 1;
    if is_dialog {
        words.extend(["--dialog", "/dev/stdin"].map(str::to_owned));
    } else if *framing != Framing::Lines {
        words.extend(["--framing".to_owned(), framing.to_string()]);
    }
    words.extend(options.iter().cloned());
    words.extend(Only::of(trial, &subject.layout()).words());
    let words: Vec<_> = words.iter().map(|word| quoted(word)).collect();
    let (way, witness) = (way(subject), witness(subject));
    let command = format!("secretcat sweep {}{way}{witness} {}", quoted(&subject.address), words.join(" "));
    match source {
        MessageSource::Named => command,
        _ if is_dialog => with_input(subject, dialog(&subject.messages).as_bytes(), &command),
        _ => with_input(subject, &subject.messages.concat(), &command),
    }
}

/// Raw messages as the text of a dialog.
fn dialog(messages: &[Vec<u8>]) -> String {
    let mut text = "framing raw\n".to_owned();
    for message in messages {
        text.push_str("send ");
        for (at, &byte) in message.iter().enumerate() {
            let is_edge = at == 0 || at + 1 == message.len();
            match byte {
                b'\n' => text.push_str("\\n"),
                b'\r' => text.push_str("\\r"),
                // Blanks around a message are not part of it, and braces may be a name.
                b'!'..=b'~' if !b"\\{".contains(&byte) => text.push(char::from(byte)),
                b' ' if !is_edge => text.push(' '),
                _ => {
                    let _ = write!(text, "\\x{byte:02x}");
                }
            }
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raw_messages_are_the_text_of_a_dialog() {
        let messages = [b" a b ".to_vec(), b"{id}\\\r\n\xff#".to_vec()];
        assert_eq!(dialog(&messages), "framing raw\nsend \\x20a b\\x20\nsend \\x7bid}\\x5c\\r\\n\\xff#\n");
    }
}
