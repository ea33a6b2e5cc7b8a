//! A sweep's findings as a person reads them.

use std::fmt::Write;

use super::{Baseline, Difference, Subject, Tally};
use crate::plan::Fin;
use crate::value::escape;

/// Bytes shown on each side of a cut, and of a reply.
const AROUND: usize = 24;
const SHOWN: usize = 120;

/// The verdict in one line.
#[must_use]
pub fn headline(subject: &Subject, tally: &Tally) -> String {
    let bytes: usize = subject.messages.iter().map(Vec::len).sum();
    let mut line = format!(
        "{}: {} messages, {bytes} bytes, {} plans: {} same, {} different, {} not proven",
        subject.address,
        subject.messages.len(),
        subject.plans,
        tally.same,
        tally.different,
        tally.unproven(),
    );
    if tally.interrupted {
        let _ = write!(line, ", {} not tried", subject.plans.saturating_sub(tally.judged()));
    }
    if subject.skipped > 0 {
        let _ = write!(line, " ({} more beyond --max-plans; seed {})", subject.skipped, subject.seed);
    }
    line
}

/// One difference: where it was cut, what was expected and what came, and how to see it again.
#[must_use]
pub fn describe(subject: &Subject, baseline: &Baseline, difference: &Difference) -> String {
    let mut text = format!("different: {}", difference.found_by);
    let request = subject.messages.concat();
    for &cut in difference.trial.cuts.iter().take(8) {
        let before = &request[cut.saturating_sub(AROUND)..cut];
        let after = &request[cut..request.len().min(cut + AROUND)];
        let _ = write!(text, "\n  cut at {cut}: {}|{}", escape(before), escape(after));
    }
    if difference.trial.cuts.len() > 8 {
        let _ = write!(text, "\n  and {} more cuts", difference.trial.cuts.len() - 8);
    }
    if !difference.trial.joined.is_empty() {
        let offsets: Vec<_> = difference.trial.joined.iter().map(ToString::to_string).collect();
        let _ = write!(text, "\n  joined across the message boundary at {}", offsets.join(", "));
    }
    if difference.trial.fin == Fin::With {
        text.push_str("\n  end of stream together with the last byte");
    }
    let (expected, got) = (baseline.outcome(), &difference.got);
    let differing = expected.replies.iter().zip(&got.replies).position(|(one, other)| one != other);
    let at = differing.unwrap_or(expected.replies.len().min(got.replies.len()));
    let reply = |outcome: &super::Outcome| {
        let bytes = outcome.replies.get(at).map_or(&outcome.rest[..], |reply| &reply[..]);
        if bytes.is_empty() {
            "nothing".to_owned()
        } else {
            format!("\"{}\"", escape(&bytes[..bytes.len().min(SHOWN)]))
        }
    };
    let _ = write!(text, "\n  expected reply {}: {}", at + 1, reply(expected));
    let _ = write!(text, "\n  got:              {}", reply(got));
    if expected.replies.len() != got.replies.len() {
        let _ = write!(text, "\n  expected {} replies, got {}", expected.replies.len(), got.replies.len());
    }
    if expected.ending != got.ending {
        let _ = write!(
            text,
            "\n  expected the connection {}, it was {}",
            expected.ending.describe(),
            got.ending.describe()
        );
    }
    if !difference.repeated {
        text.push_str("\n  (it did not come out so a second time)");
    }
    let _ = write!(text, "\n  repeat: {}", repeat_command(subject, difference));
    text
}

/// One command that makes the same cuts.
#[must_use]
pub fn repeat_command(subject: &Subject, difference: &Difference) -> String {
    let cuts: Vec<_> = difference.trial.cuts.iter().map(ToString::to_string).collect();
    let cut = if cuts.is_empty() { String::new() } else { format!(" --cut {}", cuts.join(",")) };
    let input = printf_format(&subject.messages.concat());
    format!("printf '{input}' | secretcat connect {} --raw{cut} --barrier peer-read", subject.address)
}

/// Bytes as a format of printf(1) between single quotes (POSIX: octal escapes of three digits).
fn printf_format(bytes: &[u8]) -> String {
    let mut format = String::new();
    for &byte in bytes {
        match byte {
            b'\n' => format.push_str("\\n"),
            b'\r' => format.push_str("\\r"),
            b'%' => format.push_str("%%"),
            b'\\' | b'\'' | 0..=0x1f | 0x7f..=0xff => {
                let _ = write!(format, "\\{byte:03o}");
            }
            _ => format.push(char::from(byte)),
        }
    }
    format
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_bytes_can_be_printed_again() {
        assert_eq!(printf_format(b"a'b%\\\n\xff\0"), "a\\047b%%\\134\\n\\377\\000");
    }
}
