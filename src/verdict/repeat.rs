//! The command that repeats a difference, for any bytes and any POSIX shell.

use std::fmt::Write;

use super::client;
use super::shell::{printf_format, quoted};
use super::{Difference, Subject};
use crate::plan::Fin;
use crate::value::Family;

/// If the requests came from stdin and are longer than this, the command does not contain them.
const INLINE: usize = 4096;

/// The command that makes the same cuts.
#[must_use]
pub fn repeat_command(subject: &Subject, difference: &Difference) -> String {
    if let Some(client) = &subject.client {
        return client::repeat_command(client, subject, difference);
    }
    let request = subject.messages.concat();
    let mut command = format!("secretcat connect {}", quoted(&subject.address));
    command.push_str(match subject.family {
        Family::Any => "",
        Family::V4 => " -4",
        Family::V6 => " -6",
    });
    if let Some(proxy) = &subject.proxy {
        let _ = write!(command, " --proxy {}", quoted(&proxy.url.to_string()));
        if let Some(path) = &proxy.credentials {
            let _ = write!(command, " --proxy-credentials {}", quoted(&path.to_string_lossy()));
        }
    }
    for word in subject.tls.iter().chain(&subject.header) {
        let _ = write!(command, " {}", quoted(word));
    }
    if let Some(cuts) = difference.trial.header_cuts() {
        let _ = write!(command, " --cut-header {cuts}");
    }
    command.push_str(" --raw");
    if let Some(hello) = &difference.trial.hello {
        let _ = write!(command, " {}", hello.options());
    }
    let cuts: Vec<_> = difference.trial.cuts.iter().map(ToString::to_string).collect();
    if !cuts.is_empty() {
        let _ = write!(command, " --cut {}", cuts.join(","));
    }
    command.push_str(" --barrier peer-read");
    if let Some(witness) = &subject.witness {
        let _ = write!(command, " --witness {}", quoted(&witness.command));
    }
    command.push_str(match difference.trial.fin {
        // Without messages, the end of the input ends the run.
        Fin::Replied if request.is_empty() => " --quit-after 1",
        Fin::Replied => " --no-shutdown --quit-after 1",
        Fin::After => "",
        Fin::With => " --shutdown-with-last",
    });
    if subject.from_stdin && request.len() > INLINE {
        return format!("{command} < FILE (FILE: the input of this sweep)");
    }
    format!("printf '{}' | {command}", printf_format(&request))
}
