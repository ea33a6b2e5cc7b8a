//! The command that repeats a difference, for any bytes and any POSIX shell.

use std::fmt::Write;

use super::{Difference, Subject};
use crate::plan::Fin;
use crate::value::Family;

/// If the requests came from stdin and are longer than this, the command does not contain them.
const INLINE: usize = 4096;

/// The command that makes the same cuts.
#[must_use]
pub fn repeat_command(subject: &Subject, difference: &Difference) -> String {
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

/// Bytes as a format of printf(1) between single quotes (POSIX: octal escapes of three digits).
fn printf_format(bytes: &[u8]) -> String {
    let mut format = String::new();
    for (at, &byte) in bytes.iter().enumerate() {
        match byte {
            b'\n' => format.push_str("\\n"),
            b'\r' => format.push_str("\\r"),
            b'%' => format.push_str("%%"),
            // A format that begins with a hyphen would be an option.
            b'-' if at == 0 => format.push_str("\\055"),
            b'\\' | b'\'' | 0..=0x1f | 0x7f..=0xff => {
                let _ = write!(format, "\\{byte:03o}");
            }
            _ => format.push(char::from(byte)),
        }
    }
    format
}

/// A word, quoted for a shell.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | ':' | '-' | '_' | '/');
    if word.chars().all(plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', "'\\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_bytes_are_printed_for_the_shell() {
        assert_eq!(printf_format(b"a'b%\\\n\xff\0-"), "a\\047b%%\\134\\n\\377\\000-");
        assert_eq!(printf_format(b"-n"), "\\055n");
    }

    #[test]
    fn address_is_one_word_in_any_shell() {
        assert_eq!(quoted("127.0.0.1:80"), "127.0.0.1:80");
        assert_eq!(quoted("[::1]:80"), "'[::1]:80'");
        assert_eq!(quoted("a'b"), "'a'\\''b'");
    }
}
