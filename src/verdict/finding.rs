//! One finding of a sweep: its title, and the facts that a report shows about it.

use std::borrow::Cow;
use std::fmt::Write;

use super::client;
use super::shown::{Content, Window, dots, summary};
use super::{Baseline, Difference, Ending, Outcome, SingleCut, Subject};
use crate::plan::{Fin, HelloCuts, HelloForm, Layout, Place, Trial};
use crate::value::{escape, joined};

/// The number of cuts of one trial that are shown.
const CUTS: usize = 4;
/// The number of ranges of offsets that are shown.
const RANGES: usize = 40;
/// The length of the header of a TLS record.
const RECORD_HEADER: usize = 5;

/// A finding, ready to be shown.
#[derive(Debug)]
pub(super) struct Finding {
    /// The cuts that it was shrunk to.
    pub(super) title: String,
    /// The facts, in the order to show them.
    pub(super) facts: Vec<Fact>,
}

/// A fact about a finding, and its label.
#[derive(Debug)]
pub(super) struct Fact {
    pub(super) label: &'static str,
    pub(super) content: Content,
}

impl Finding {
    pub(super) fn new(subject: &Subject, baseline: &Baseline, difference: &Difference, window: Window) -> Finding {
        let trial = &difference.trial;
        let layout = subject.layout();
        let title = subject.named(title(trial, &layout));
        let mut facts = Vec::new();
        let mut add = |label, content| facts.push(Fact { label, content });
        for content in places(trial, &layout, &subject.messages.concat(), window) {
            let label = if matches!(content, Content::Place { sign: '+', .. }) { "one write" } else { "cut" };
            add(label, content.renamed(|name| subject.named(name)));
        }
        if trial.fin != Fin::Replied {
            add("end", Content::Words(trial.fin.to_string()));
        }
        if !difference.also.is_empty() {
            add("also at", Content::Words(subject.named(list(difference.also.iter().copied()))));
        }
        let found_by = subject.named(difference.found_by.to_string());
        if found_by != title {
            add("found by", Content::Words(found_by));
        }
        let sides = if subject.client.is_some() { client::sides } else { sides };
        let [expected, got] = sides(baseline, &difference.got, window);
        add("expected", expected);
        add("got", got);
        if let Some(words) = client::last_words(&difference.got, window) {
            add("stderr", words);
        }
        Finding { title, facts }
    }
}

/// The name of a trial by its cuts.
pub(super) fn title(trial: &Trial, layout: &Layout) -> String {
    let mut parts = Vec::new();
    let offsets = |cuts: &[usize]| {
        let shown: Vec<_> = cuts.iter().take(CUTS).map(ToString::to_string).collect();
        match cuts.len().saturating_sub(CUTS) {
            0 => joined(&shown),
            more => format!("{} and {more} more places", shown.join(", ")),
        }
    };
    if !trial.header.is_empty() {
        parts.push(format!("PROXY header cut at {}", offsets(&trial.header)));
    }
    if let Some(HelloCuts { form, cuts, .. }) = &trial.hello {
        parts.push(format!("ClientHello in {}, cut at {}", form.words(), offsets(cuts)));
        return parts.join(", "); // the messages are one write
    }
    let mut writes = Vec::new();
    for end in &trial.joined {
        let Place { message, .. } = layout.locate(*end);
        match writes.last_mut() {
            Some((_, last)) if *last + 1 == message => *last = message,
            _ => writes.push((message - 1, message)),
        }
    }
    for (first, last) in writes.iter().take(CUTS) {
        let word = if first + 1 == *last { "and" } else { "to" };
        parts.push(format!("messages {first} {word} {last} in one write"));
    }
    let cuts: Vec<Place> = inside(trial, layout).map(|cut| layout.locate(cut)).collect();
    let messages: Vec<_> = cuts.chunk_by(|one, other| one.message == other.message).collect();
    for places in messages.iter().take(CUTS) {
        let cuts: Vec<usize> = places.iter().map(|place| place.offset).collect();
        parts.push(format!("message {} cut at {}", places[0].message, offsets(&cuts)));
    }
    if messages.len() > CUTS || writes.len() > CUTS {
        parts.push("and more".to_owned());
    }
    if trial.fin != Fin::Replied {
        parts.push(trial.fin.to_string());
    }
    if parts.is_empty() { "every message in one write".to_owned() } else { parts.join(", ") }
}

/// The cuts that are not boundaries of messages.
fn inside<'a>(trial: &'a Trial, layout: &'a Layout) -> impl Iterator<Item = usize> + 'a {
    trial.cuts.iter().copied().filter(|cut| layout.boundaries().binary_search(cut).is_err())
}

/// The places of a trial, and the bytes around them.
fn places(trial: &Trial, layout: &Layout, request: &[u8], window: Window) -> Vec<Content> {
    let mut places = Vec::new();
    for cut in &trial.header {
        places.push(Content::Words(format!("PROXY header at {cut}")));
    }
    let more = |count: usize, what: &str| Content::Words(format!("and at {} more {what}", count - CUTS));
    let place = |name: String, at: usize, sign: char| {
        let (before, after) = around(request, at, window.around);
        Content::Place { name, before, sign, after }
    };
    let cuts: Vec<_> = inside(trial, layout).collect();
    for &cut in cuts.iter().take(CUTS) {
        let Place { message, offset } = layout.locate(cut);
        places.push(place(format!("message {message} at {offset}"), cut, '|'));
    }
    if cuts.len() > CUTS {
        places.push(more(cuts.len(), "places"));
    }
    if let Some(hello) = &trial.hello {
        places.extend(hello.cuts.iter().take(CUTS).map(|cut| Content::Words(hello_place(hello, *cut))));
        if hello.cuts.len() > CUTS {
            places.push(more(hello.cuts.len(), "places"));
        }
        return places; // the messages are one write
    }
    for &end in trial.joined.iter().take(CUTS) {
        let Place { message, .. } = layout.locate(end);
        places.push(place(format!("messages {} and {message}", message - 1), end, '+'));
    }
    if trial.joined.len() > CUTS {
        places.push(more(trial.joined.len(), "boundaries"));
    }
    places
}

/// A cut of a `ClientHello`, and the part of it that is cut.
fn hello_place(HelloCuts { form, of, .. }: &HelloCuts, cut: usize) -> String {
    let part = match if *form == HelloForm::Tcp { cut } else { cut + RECORD_HEADER } {
        1..RECORD_HEADER => ", in the header of the record",
        RECORD_HEADER => ", after the header of the record",
        6..9 => ", in the header of the handshake message",
        9 => ", after the header of the handshake message",
        _ => "",
    };
    format!("ClientHello in {} at {cut} of {of}{part}", form.words())
}

/// The bytes on both sides of a place, with dots for omitted bytes.
fn around(request: &[u8], at: usize, width: usize) -> (String, String) {
    let (from, to) = (at.saturating_sub(width), request.len().min(at + width));
    let before = format!("{}{}", dots(from > 0), escape(&request[from..at]));
    (before, format!("{}{}", escape(&request[at..to]), dots(to < request.len())))
}

/// The places of single cuts in order: `PROXY header at 1-43, message 1 at 1-4, 6`.
pub(super) fn list(cuts: impl Iterator<Item = SingleCut>) -> String {
    let mut runs: Vec<(SingleCut, SingleCut)> = Vec::new();
    for cut in cuts {
        match runs.last_mut() {
            Some((_, last)) if last.next() == cut => *last = cut,
            _ => runs.push((cut, cut)),
        }
    }
    let mut text = String::new();
    let mut before = None;
    for (first, last) in runs.iter().take(RANGES) {
        let comma = if before.is_some() { ", " } else { "" };
        let name = if before == Some(first.part()) { String::new() } else { format!("{} at ", first.part()) };
        let _ = write!(text, "{comma}{name}{}", first.offset());
        if first != last {
            let _ = write!(text, "-{}", last.offset());
        }
        before = Some(first.part());
    }
    if runs.len() > RANGES {
        let _ = write!(text, " and {} more ranges", runs.len() - RANGES);
    }
    text
}

/// The expected and the received side of a difference.
fn sides(baseline: &Baseline, got: &Outcome, window: Window) -> [Content; 2] {
    let expected = baseline.outcome();
    if let Ending::NoHandshake { why, .. } = &got.ending {
        // The hint in parentheses is for a handshake that always fails.
        let why = why.strip_suffix(')').and_then(|why| why.rsplit_once(" (")).map_or(why.as_str(), |(why, _)| why);
        return [Content::Words("TLS handshake".to_owned()), Content::Words(why.to_owned())];
    }
    let at = baseline.first_difference(got);
    let same = reply(expected, at).iter().zip(reply(got, at)).take_while(|(one, other)| one == other).count();
    if reply(expected, at) == reply(got, at) && expected.replies.len() == got.replies.len() {
        return [expected, got].map(|outcome| Content::Words(end(&outcome.ending).into_owned()));
    }
    let other_end = !expected.ends_like(got);
    [expected, got].map(|outcome| side(outcome, at, same, other_end, window))
}

/// One reply, as far as needed to see what follows its first `same` bytes, and its number. Where there is none, how
/// the connection ended.
fn side(outcome: &Outcome, at: usize, same: usize, other_end: bool, window: Window) -> Content {
    let (bytes, all) = (reply(outcome, at), outcome.replies.len());
    if bytes.is_empty() {
        return Content::Words(format!("{}; {}", missing(at), end(&outcome.ending)));
    }
    let (same, other) = window.around_difference(bytes, same);
    Content::Reply {
        name: if at < all { format!("reply {} of {all}", at + 1) } else { format!("after reply {all}") },
        same,
        other,
        end: other_end.then(|| end(&outcome.ending).into_owned()),
    }
}

fn reply(outcome: &Outcome, at: usize) -> &[u8] {
    outcome.replies.get(at).map_or(&outcome.rest[..], |reply| &reply[..])
}

/// The words for a missing reply after `at` others.
fn missing(at: usize) -> Cow<'static, str> {
    match at {
        0 => "no reply".into(),
        1 => "no second reply".into(),
        2 => "no third reply".into(),
        _ => format!("no reply {}", at + 1).into(),
    }
}

/// How a connection ended, as a sentence.
fn end(ending: &Ending) -> Cow<'_, str> {
    match ending {
        Ending::Closed => "the server closed the connection".into(),
        Ending::Reset => "the server reset the connection".into(),
        Ending::Open => "the server left the connection open".into(),
        Ending::Endless => "the server sent without end".into(),
        Ending::Garbled(why) => why.into(),
        Ending::ServerStopped(how) => format!("the server {how}").into(),
        Ending::Unreachable(why) => why.to_string().into(),
        Ending::NoHandshake { why, .. } => format!("the TLS handshake failed: {why}").into(),
        ending @ (Ending::Exited(_) | Ending::Signaled(_) | Ending::Unended) => ending.to_string().into(),
    }
}

/// The number of bytes of an excerpt.
const EXCERPT: usize = 60;

/// The first bytes of a reply, between quotes.
#[must_use]
pub fn excerpt(bytes: &[u8]) -> String {
    format!("\"{}{}\"", escape(&bytes[..bytes.len().min(EXCERPT)]), dots(bytes.len() > EXCERPT))
}

/// The number of replies that [`expectation`] shows.
const REPLIES: usize = 4;

/// What an uncut conversation is expected to be: `2 replies: "HTTP/1.1 200 OK…", "bye"; closed by the server`.
#[must_use]
pub fn expectation(baseline: &Baseline) -> String {
    let expected = baseline.outcome();
    if expected.ending.is_of_client() {
        return client::expectation(expected);
    }
    if expected.handshake_only {
        return "TLS handshake".to_owned();
    }
    let mut text = match expected.replies.len() {
        0 => "no complete reply".to_owned(),
        1 => "1 reply".to_owned(),
        many => format!("{many} replies"),
    };
    let shown: Vec<_> = expected.replies.iter().take(REPLIES).map(|reply| summary(reply)).collect();
    if !shown.is_empty() {
        let _ = write!(text, ": {}", shown.join(", "));
    }
    if expected.replies.len() > REPLIES {
        let _ = write!(text, " and {} more", expected.replies.len() - REPLIES);
    }
    if !expected.rest.is_empty() {
        let _ = write!(text, "; then {}", summary(&expected.rest));
    }
    let _ = write!(text, "; {}", expected.ending);
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::Masks;

    const WINDOW: Window = Window { around: 24, reply: 100 };

    fn outcome(replies: &[&[u8]], ending: Ending) -> Outcome {
        Outcome { replies: replies.iter().map(|reply| reply.to_vec()).collect(), ending, ..Outcome::default() }
    }

    fn baseline(outcome: &Outcome) -> Baseline {
        Baseline::new(outcome, outcome, Masks::default()).unwrap()
    }

    fn shown(expected: &Outcome, got: &Outcome) -> [String; 2] {
        sides(&baseline(expected), got, WINDOW).map(|side| side.to_string())
    }

    #[test]
    fn title_names_the_cuts_of_a_shrunk_trial() {
        let layout = Layout::new(&[4, 2, 3]);
        let titled = |cuts: &[usize], joined: &[usize], fin| {
            title(&Trial { cuts: cuts.to_vec(), joined: joined.to_vec(), fin, ..layout.whole() }, &layout)
        };
        let replied = Fin::Replied;
        assert_eq!(titled(&[4, 6], &[], replied), "every message in one write");
        assert_eq!(titled(&[1, 4, 6], &[], replied), "message 1 cut at 1");
        assert_eq!(titled(&[1, 3, 4, 6], &[], replied), "message 1 cut at 1 and 3");
        assert_eq!(
            titled(&[1, 4, 5, 6, 8], &[], replied),
            "message 1 cut at 1, message 2 cut at 1, message 3 cut at 2"
        );
        assert_eq!(titled(&[5, 6], &[4], replied), "messages 1 and 2 in one write, message 2 cut at 1");
        assert_eq!(titled(&[], &[4, 6], replied), "messages 1 to 3 in one write");
        assert_eq!(titled(&[4, 6], &[], Fin::After), "FIN right after the last byte");
        let long = Layout::new(&[10]);
        let cut = Trial { cuts: (1..10).collect(), ..long.whole() };
        assert_eq!(title(&cut, &long), "message 1 cut at 1, 2, 3, 4 and 5 more places");
        let hello = HelloCuts { form: HelloForm::Records, cuts: vec![3], of: 99 };
        let in_hello = Trial { hello: Some(hello), ..layout.one_write() };
        assert_eq!(title(&in_hello, &layout), "ClientHello in records, cut at 3");
        let in_header = Trial { header: vec![5], ..layout.whole() };
        assert_eq!(title(&in_header, &layout), "PROXY header cut at 5");
    }

    #[test]
    fn missing_reply_has_the_end_of_the_connection() {
        let both = outcome(&[b"a\n", b"b\n"], Ending::Closed);
        let [_, got] = shown(&both, &outcome(&[], Ending::Closed));
        assert_eq!(got, "no reply; the server closed the connection");
        let [expected, got] = shown(&both, &outcome(&[b"a\n"], Ending::Open));
        assert_eq!(expected, "reply 2 of 2: \"b\\n\"; the server closed the connection");
        assert_eq!(got, "no second reply; the server left the connection open");
        let [expected, got] = shown(&both, &outcome(&[b"a\n", b"b\n", b"c\n"], Ending::Closed));
        assert_eq!(expected, "no third reply; the server closed the connection");
        assert_eq!(got, "reply 3 of 3: \"c\\n\"");
    }

    #[test]
    fn other_end_alone_is_shown_without_the_replies() {
        let one = |ending| outcome(&[b"a\n"], ending);
        let [expected, got] = shown(&one(Ending::Closed), &one(Ending::Reset));
        assert_eq!(expected, "the server closed the connection");
        assert_eq!(got, "the server reset the connection");
    }

    #[test]
    fn long_reply_is_shown_from_its_first_other_byte() {
        let (mut one, mut other) = (vec![b'x'; 300], vec![b'x'; 300]);
        (one[200], other[200]) = (b'a', b'b');
        let [expected, _] = sides(
            &baseline(&outcome(&[&one], Ending::Closed)),
            &outcome(&[&other], Ending::Closed),
            Window { around: 3, reply: 10 },
        );
        let reply = Content::Reply {
            name: "reply 1 of 1".to_owned(),
            same: "...xxx".to_owned(),
            other: "axxxxxx...".to_owned(),
            end: None,
        };
        assert_eq!(expected, reply);
    }

    #[test]
    fn expectation_has_the_first_line_of_each_reply_and_the_end() {
        let text = |replies: &[&[u8]], ending| expectation(&baseline(&outcome(replies, ending)));
        assert_eq!(text(&[b"a\r\n"], Ending::Closed), "1 reply: \"a\"; closed by the server");
        let http: &[u8] = b"HTTP/1.1 200 OK\r\nServer: x\r\n\r\n";
        assert_eq!(
            text(&[http, b"\x1b\n"], Ending::Reset),
            "2 replies: \"HTTP/1.1 200 OK\u{2026}\", \"\\x1b\"; reset by the server"
        );
        assert_eq!(
            text(&[&b"a\n"[..]; 6], Ending::Closed),
            "6 replies: \"a\", \"a\", \"a\", \"a\" and 2 more; closed by the server"
        );
        let long = "\u{e9}".repeat(30);
        let shown = format!("1 reply: \"{}\u{2026}\"; closed by the server", "\u{e9}".repeat(20));
        assert_eq!(text(&[long.as_bytes()], Ending::Closed), shown);
        let rest = Outcome { rest: b"half".to_vec(), ..outcome(&[], Ending::Closed) };
        assert_eq!(expectation(&baseline(&rest)), "no complete reply; then \"half\"; closed by the server");
    }

    #[test]
    fn places_have_the_bytes_on_both_sides() {
        assert_eq!(around(b"abc", 1, 24), ("a".to_owned(), "bc".to_owned()));
        let long = [b'x'; 60];
        assert_eq!(around(&long, 30, 24), (format!("...{}", "x".repeat(24)), format!("{}...", "x".repeat(24))));
        let layout = Layout::new(&[4, 2]);
        let trial = Trial { cuts: vec![1], joined: vec![4], ..layout.whole() };
        let shown: Vec<_> = places(&trial, &layout, b"abc\nx\n", WINDOW).iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["message 1 at 1: a|bc\\nx\\n", "messages 1 and 2: abc\\n+x\\n"]);
    }

    #[test]
    fn places_of_single_cuts_are_listed_as_ranges() {
        let header = [5, 6].map(SingleCut::Header);
        let messages = [(1, 1), (1, 2), (1, 3), (1, 7), (2, 4), (2, 5)]
            .map(|(message, offset)| SingleCut::Message(Place { message, offset }));
        let text = list(header.into_iter().chain(messages));
        assert_eq!(text, "PROXY header at 5-6, message 1 at 1-3, 7, message 2 at 4-5");
        let many = (1..200).step_by(2).map(|offset| SingleCut::Hello(HelloForm::Tcp, offset));
        let text = list(many);
        assert!(
            text.starts_with("ClientHello in TCP pieces at 1, 3, 5, ") && text.ends_with(", 79 and 60 more ranges")
        );
    }
}
