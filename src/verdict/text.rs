//! The findings of a sweep as text.

use std::fmt::Write;

use super::repeat::repeat_command;
use super::{Baseline, Count, Difference, Ending, Mark, Outcome, Proof, SingleCut, Subject, Tally};
use crate::plan::{Fin, HelloCuts, HelloForm};
use crate::value::{counted, escape};

/// The number of bytes shown on each side of a cut, and of a reply.
const AROUND: usize = 24;
const SHOWN: usize = 100;
/// The number of bytes of an excerpt.
const EXCERPT: usize = 60;
/// The length of the header of a TLS record.
const RECORD_HEADER: usize = 5;
/// The number of cuts shown of one trial.
const CUTS: usize = 4;

/// The whole report: the differences, the reasons, the table of families if not all plans are the same, and the
/// verdict.
#[must_use]
pub fn to_text(subject: &Subject, baseline: &Baseline, tally: &Tally) -> String {
    let mut text = String::new();
    for warning in &tally.warnings {
        let _ = writeln!(text, "warning: {warning}");
    }
    for difference in &tally.differences {
        let _ = writeln!(text, "{}\n", describe(subject, baseline, difference));
    }
    if tally.total().same < subject.plans {
        text.push_str(&table(tally));
    }
    let places = [places(tally), hello_places(tally)].into_iter().filter(|places| !places.is_empty());
    let places: Vec<_> = places.collect();
    if !places.is_empty() {
        let _ = writeln!(text, "different when cut once: {}", places.join(", "));
    }
    for (why, count) in &tally.reasons {
        let _ = writeln!(text, "not proven: {}: {why}", counted(*count as u64, "plan"));
    }
    if let Some(why) = &tally.gave_up {
        let _ = writeln!(text, "ended early: {why}");
    }
    for line in tally.untried_cuts(subject).into_iter().chain(tally.nothing_tried(subject)) {
        let _ = writeln!(text, "{line}");
    }
    let _ = writeln!(text, "{}", headline(subject, tally));
    text
}

/// The verdict in one line.
#[must_use]
pub fn headline(subject: &Subject, tally: &Tally) -> String {
    let bytes: usize = subject.messages.iter().map(Vec::len).sum();
    let Count { same, different, not_proven } = tally.total();
    let mut line = format!("{}: ", subject.path());
    if subject.hello > 0 {
        let _ = write!(line, "ClientHello of {}, ", counted(subject.hello as u64, "byte"));
    }
    if subject.hello == 0 || bytes > 0 {
        let (messages, bytes) = (counted(subject.messages.len() as u64, "message"), counted(bytes as u64, "byte"));
        let _ = write!(line, "{messages}, {bytes}, ");
    }
    let plans = counted(subject.plans as u64, "plan");
    let _ = write!(line, "{plans}: {same} same, {different} different, {not_proven} not proven");
    let untried = subject.plans.saturating_sub(tally.total().judged());
    if untried > 0 {
        let why = if tally.out_of_time { " (--max-time)" } else { "" };
        let _ = write!(line, ", {untried} not tried{why}");
    }
    if subject.proof != Proof::Read {
        let _ = write!(line, " (proof: {})", subject.proof);
    }
    if subject.skipped > 0 {
        let _ = write!(line, " ({} more beyond --max-plans, seed {})", subject.skipped, subject.seed);
    }
    line
}

/// One difference: its cuts, the expected and received replies, and the command that repeats it.
#[must_use]
pub fn describe(subject: &Subject, baseline: &Baseline, difference: &Difference) -> String {
    let verdict = if difference.repeated { "different" } else { "perhaps different, not tried again" };
    let mut text = format!("{verdict}: {}", difference.found_by);
    let request = subject.messages.concat();
    let mut boundaries = Vec::new();
    let mut end = 0;
    for message in &subject.messages {
        end += message.len();
        boundaries.push(end);
    }
    let trial = &difference.trial;
    for cut in &trial.header {
        let _ = write!(text, "\n  cut:       PROXY header at {cut}");
    }
    let cuts: Vec<_> = trial.cuts.iter().filter(|cut| boundaries.binary_search(cut).is_err()).collect();
    for &&cut in cuts.iter().take(CUTS) {
        let message = boundaries.partition_point(|end| *end <= cut);
        let from = if message == 0 { 0 } else { boundaries[message - 1] };
        let (before, after) = around(&request, cut);
        let _ = write!(text, "\n  cut:       message {} at {}: {before}|{after}", message + 1, cut - from);
    }
    if cuts.len() > CUTS {
        let _ = write!(text, "\n             and at {} more places", cuts.len() - CUTS);
    }
    if let Some(hello) = &trial.hello {
        describe_hello(hello, &mut text);
    }
    let joined = &trial.joined;
    for &end in joined.iter().take(CUTS) {
        let message = boundaries.partition_point(|boundary| *boundary < end) + 1;
        let (before, after) = around(&request, end);
        let _ = write!(text, "\n  one write: messages {message} and {}: {before}+{after}", message + 1);
    }
    if joined.len() > CUTS {
        let _ = write!(text, "\n             and {} more boundaries", joined.len() - CUTS);
    }
    if trial.fin != Fin::Replied {
        let _ = write!(text, "\n  end:       {}", trial.fin);
    }
    let (expected, got) = (baseline.outcome(), &difference.got);
    if let Ending::NoHandshake { why, .. } = &got.ending {
        // The hint in parentheses is for a handshake that always fails.
        let why = why.strip_suffix(')').and_then(|why| why.rsplit_once(" (")).map_or(why.as_str(), |(why, _)| why);
        let repeat = repeat_command(subject, difference);
        let _ = write!(text, "\n  expected:  TLS handshake\n  got:       {why}\n  repeat:    {repeat}");
        return text;
    }
    let at = baseline.first_difference(got);
    if reply(expected, at) != reply(got, at) || expected.replies.len() != got.replies.len() {
        let same = reply(expected, at).iter().zip(reply(got, at)).take_while(|(one, other)| one == other).count();
        let _ = write!(text, "\n  expected:  {}", describe_reply(expected, at, same));
        let _ = write!(text, "\n  got:       {}", describe_reply(got, at, same));
    }
    if expected.ending != got.ending {
        let _ = write!(text, "\n  expected:  connection {}", expected.ending);
        let _ = write!(text, "\n  got:       connection {}", got.ending);
    }
    let _ = write!(text, "\n  repeat:    {}", repeat_command(subject, difference));
    text
}

/// The cuts of a `ClientHello`, a line each.
fn describe_hello(HelloCuts { form, cuts, of }: &HelloCuts, text: &mut String) {
    for &cut in cuts.iter().take(CUTS) {
        let part = match if *form == HelloForm::Tcp { cut } else { cut + RECORD_HEADER } {
            1..RECORD_HEADER => ", in the header of the record",
            RECORD_HEADER => ", after the header of the record",
            6..9 => ", in the header of the handshake message",
            9 => ", after the header of the handshake message",
            _ => "",
        };
        let _ = write!(text, "\n  cut:       ClientHello in {} at {cut} of {of}{part}", form.words());
    }
    if cuts.len() > CUTS {
        let _ = write!(text, "\n             and at {} more places", cuts.len() - CUTS);
    }
}

/// Bytes as one line of text: LF and TAB as in C, control characters as `\xHH`.
#[must_use]
pub(super) fn show(bytes: &[u8]) -> String {
    let lines: Vec<_> = bytes.split(|&b| b == b'\n').collect();
    let tabs = |line: &[u8]| line.split(|&b| b == b'\t').map(escape).collect::<Vec<_>>().join("\\t");
    lines.into_iter().map(tabs).collect::<Vec<_>>().join("\\n")
}

/// The first bytes of a reply, between quotes.
#[must_use]
pub fn excerpt(bytes: &[u8]) -> String {
    let dots = if bytes.len() > EXCERPT { "..." } else { "" };
    format!("\"{}{dots}\"", show(&bytes[..bytes.len().min(EXCERPT)]))
}

/// The bytes on both sides of a place, with dots for omitted bytes.
fn around(request: &[u8], at: usize) -> (String, String) {
    let (from, to) = (at.saturating_sub(AROUND), request.len().min(at + AROUND));
    let dots = |left_out: bool| if left_out { "..." } else { "" };
    let before = format!("{}{}", dots(from > 0), show(&request[from..at]));
    (before, format!("{}{}", show(&request[at..to]), dots(to < request.len())))
}

fn reply(outcome: &Outcome, at: usize) -> &[u8] {
    outcome.replies.get(at).map_or(&outcome.rest[..], |reply| &reply[..])
}

/// One reply, as far as needed to see what follows its first `same` bytes, and its number.
fn describe_reply(outcome: &Outcome, at: usize, same: usize) -> String {
    let (bytes, all) = (reply(outcome, at), outcome.replies.len());
    if bytes.is_empty() {
        return if all == 0 { "no reply".to_owned() } else { format!("no further reply after reply {all} of {all}") };
    }
    let from = if bytes.len() > SHOWN { same.saturating_sub(AROUND) } else { 0 };
    let to = bytes.len().min(from + SHOWN);
    let dots = |left_out: bool| if left_out { "..." } else { "" };
    let shown = format!("\"{}{}{}\"", dots(from > 0), show(&bytes[from..to]), dots(to < bytes.len()));
    if at < all { format!("reply {} of {all}: {shown}", at + 1) } else { format!("after reply {all}: {shown}") }
}

/// A table with one line for each family of trials.
fn table(tally: &Tally) -> String {
    let longest = tally.kinds.keys().map(|kind| kind.to_string().len()).max().unwrap_or(0);
    let width = longest.max(14) + 2;
    let mut text = format!("{:<width$}{:>8}{:>8}{:>11}{:>12}\n", "", "plans", "same", "different", "not proven");
    for (kind, count) in &tally.kinds {
        let Count { same, different, not_proven } = count;
        let _ = writeln!(text, "{kind:<width$}{:>8}{same:>8}{different:>11}{not_proven:>12}", count.judged());
    }
    text
}

/// The places of single cuts that made a difference: `PROXY header at 1-43, message 1 at 1-4, 6`.
fn places(tally: &Tally) -> String {
    let mut runs: Vec<(usize, usize, usize)> = Vec::new();
    let differing = tally.single_cuts.iter().filter(|(_, mark)| **mark == Mark::Different);
    for (cut, _) in differing {
        let (message, offset) = match *cut {
            SingleCut::Header(offset) => (0, offset),
            SingleCut::Message(place) => (place.message, place.offset),
            SingleCut::Hello(..) => continue,
        };
        match runs.last_mut() {
            Some((same, _, to)) if *same == message && *to + 1 == offset => *to = offset,
            _ => runs.push((message, offset, offset)),
        }
    }
    let mut text = String::new();
    let mut current = None;
    for (number, (message, from, to)) in runs.into_iter().enumerate() {
        let comma = if number > 0 { ", " } else { "" };
        let name = match message {
            _ if current == Some(message) => String::new(),
            0 => "PROXY header at ".to_owned(),
            _ => format!("message {message} at "),
        };
        let range = if from == to { from.to_string() } else { format!("{from}-{to}") };
        let _ = write!(text, "{comma}{name}{range}");
        current = Some(message);
    }
    text
}

/// The places of single cuts of the `ClientHello` that made a difference: `ClientHello in records at 1-3 (of 40 tried)`.
/// A range has no other place that was tried.
fn hello_places(tally: &Tally) -> String {
    let mut texts = Vec::new();
    for form in HelloForm::ALL {
        let tried = tally.single_cuts.iter().filter_map(|(cut, mark)| match *cut {
            SingleCut::Hello(of, offset) if of == form && *mark != Mark::NotProven => {
                Some((offset, *mark == Mark::Different))
            }
            _ => None,
        });
        let tried: Vec<(usize, bool)> = tried.collect();
        let runs = tried.chunk_by(|one, other| one.1 == other.1).filter(|run| run.iter().any(|(_, differs)| *differs));
        let ranges = runs.filter_map(|run| {
            let ((from, _), (to, _)) = (run.first()?, run.last()?);
            Some(if from == to { from.to_string() } else { format!("{from}-{to}") })
        });
        let ranges: Vec<_> = ranges.collect();
        if !ranges.is_empty() {
            let (ranges, tried) = (ranges.join(", "), counted(tried.len() as u64, "offset"));
            texts.push(format!("ClientHello in {} at {ranges} (of {tried} tried)", form.words()));
        }
    }
    texts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Place;

    #[test]
    fn consecutive_offsets_are_shown_as_ranges() {
        let header = [5, 6].map(SingleCut::Header);
        let messages = [(1, 1), (1, 2), (1, 3), (1, 7), (2, 4), (2, 5)]
            .map(|(message, offset)| SingleCut::Message(Place { message, offset }));
        let differing = header.into_iter().chain(messages).map(|cut| (cut, Mark::Different));
        let same = (SingleCut::Message(Place { message: 1, offset: 4 }), Mark::Same);
        let tally = Tally { single_cuts: differing.chain([same]).collect(), ..Tally::default() };
        assert_eq!(places(&tally), "PROXY header at 5-6, message 1 at 1-3, 7, message 2 at 4-5");
    }

    #[test]
    fn range_of_hello_cuts_ends_at_a_tried_offset() {
        let (differs, same) = (Mark::Different, Mark::Same);
        let tcp = [(1, differs), (5, differs), (6, same), (7, Mark::NotProven), (9, differs)];
        let tcp = tcp.map(|(cut, mark)| (SingleCut::Hello(HelloForm::Tcp, cut), mark));
        let records = [(SingleCut::Hello(HelloForm::Records, 7), same)];
        let tally = Tally { single_cuts: tcp.into_iter().chain(records).collect(), ..Tally::default() };
        assert_eq!(hello_places(&tally), "ClientHello in TCP pieces at 1-5, 9 (of 4 offsets tried)");
    }

    #[test]
    fn bytes_are_shown_on_one_line() {
        assert_eq!(show(b"a\tb\r\n\xff\x1b\n"), "a\\tb\\r\\n\\xff\\x1b\\n");
        assert_eq!(around(b"abc", 1), ("a".to_owned(), "bc".to_owned()));
        let long = [b'x'; 60];
        assert_eq!(around(&long, 30), (format!("...{}", "x".repeat(24)), format!("{}...", "x".repeat(24))));
    }
}
