//! The baseline of a sweep: conversations without cuts, from which it learns how each reply ends, and how fast the
//! server is.

use std::fmt;
use std::time::Duration;

use super::conversation::Pace;
use super::pool::{Done, Pool, SURPLUS};
use super::{NoBaseline, Stop};
use crate::dialog::{Dialog, Learned, Pipelining, Until};
use crate::frame::Framing;
use crate::io::report::Report;
use crate::plan::{Layout, Trial};
use crate::verdict::{Baseline, BaselineError, Ending, Outcome, excerpt, unsteady_ending};

/// The limit of silence, as a multiple of the duration of the uncut conversation.
const SILENCE_FACTOR: u32 = 50;
/// The shortest limit of silence.
const LEAST_SILENCE: Duration = Duration::from_millis(300);
/// The wait for the server's end after the whole reply, while no conversation has shown it, and the factor by which it
/// grows when two conversations end in different ways.
const FIRST_END: Duration = Duration::from_millis(250);
const LONGER: u32 = 8;
/// The limits of the same wait for a server that leaves the connection open.
const OPEN_END: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(100));
/// That wait as a multiple of the longest time that a reply took.
const END_FACTOR: u32 = 20;

/// What is left out because the server does not take it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum LeftOut {
    /// The server refuses an optional message.
    Refused {
        /// Its number, from 1, when those before were left out.
        message: usize,
        /// Its number among all messages.
        given: usize,
        /// The beginning of the reply.
        reply: String,
    },
    /// The server closes the connection after this number of messages, and takes no more.
    Closed {
        /// The messages that it takes.
        taken: usize,
        /// The messages that there were.
        of: usize,
    },
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LeftOut::Refused { given, reply, .. } => {
                write!(f, "the server refuses message {given}, which is left out: {reply}")
            }
            LeftOut::Closed { taken, of } => {
                let after = format!("after reply {taken} of {of}");
                write!(f, "the server closes the connection {after}: the other messages are left out")
            }
        }
    }
}

/// Two conversations without cuts, in lock-step. The first one teaches how each reply ends, and which requests the
/// server takes; the others are left out.
pub(super) fn learn(pool: &mut Pool<'_>, report: &Report, left_out: &mut Vec<LeftOut>) -> Result<Baseline, Stop> {
    pool.limits.end = FIRST_END;
    let layout = Layout::new(&pool.dialog().lengths());
    let mut one = uncut(pool, &layout.whole())?;
    if let Some((message, reply)) = refused(pool.dialog(), &one.outcome, &one.learned) {
        let is_refused = |change: &&LeftOut| matches!(change, LeftOut::Refused { .. });
        let given = message + left_out.iter().filter(is_refused).count();
        left_out.push(LeftOut::Refused { message, given, reply: excerpt(reply) });
        pool.leave_out(message);
        return learn(pool, report, left_out);
    }
    check_protocol(pool.dialog(), &one.outcome, &one.learned)?;
    if let Some(taken) = taken_requests(pool.dialog(), &one.outcome, one.learned.len()) {
        left_out.push(LeftOut::Closed { taken, of: pool.dialog().steps.len() });
        pool.keep(taken);
        return learn(pool, report, left_out);
    }
    check_usable(pool.dialog(), &one.outcome)?;
    check_replies(pool.dialog(), &one.outcome, &one.learned)?;
    for mask in pool.config.masks.unmatched(&one.outcome) {
        report.warning(&format!("--mask '{mask}' matches nothing in the expected replies"));
    }
    if one.outcome.ending == Ending::Open {
        pool.expect_no_close();
    }
    pool.learn(&one.learned);
    pool.most = one.outcome.received * 2 + SURPLUS;
    let mut other = uncut(pool, &layout.whole())?;
    let timeout = pool.limits.timeout;
    // How long a server takes to end a connection may be just the wait.
    while is_unsteady_end(&one.outcome, &other.outcome) {
        if pool.limits.end >= timeout {
            return Err(unsteady_ending(&one.outcome, &other.outcome).into());
        }
        pool.limits.end = (pool.limits.end * LONGER).min(timeout);
        one = uncut(pool, &layout.whole())?;
        other = uncut(pool, &layout.whole())?;
    }
    let baseline = Baseline::new(&one.outcome, &other.outcome, pool.config.masks.clone())?;
    let Pace { talk, reply } = other.pace;
    let silence = (talk * SILENCE_FACTOR).max(LEAST_SILENCE).min(timeout);
    let open = (reply * END_FACTOR).clamp(OPEN_END.0, OPEN_END.1);
    pool.limits.silence = silence;
    if !pool.limits.handshake_only {
        pool.limits.end = if one.outcome.ending == Ending::Open { open } else { silence };
    }
    Ok(baseline)
}

/// Whether messages may be joined: `Err` is the reason why not. Where it is not known that the protocol allows it, all
/// messages in one write must get the same replies.
pub(super) fn check_joined(
    pool: &mut Pool<'_>,
    layout: &Layout,
    baseline: &Baseline,
) -> Result<Result<(), String>, Stop> {
    let dialog = pool.dialog();
    if dialog.steps.len() < 2 {
        return Ok(Ok(()));
    }
    match &dialog.pipelining {
        Pipelining::Allowed => return Ok(Ok(())),
        Pipelining::When(offer) if baseline.outcome().replies.iter().any(|reply| offer.is_match(reply)) => {
            return Ok(Ok(()));
        }
        Pipelining::Never => return Ok(Err("each message waits for the last reply".to_owned())),
        Pipelining::When(_) | Pipelining::Unknown => {}
    }
    let joined = uncut(pool, &layout.one_write())?;
    let why = "all messages in one write get other replies (--pipelining makes that a difference)";
    Ok(if baseline.has_same_replies(&joined.outcome) { Ok(()) } else { Err(why.to_owned()) })
}

/// One conversation without cuts.
fn uncut(pool: &mut Pool<'_>, trial: &Trial) -> Result<Done, Stop> {
    pool.alone(trial)?.ok_or_else(|| Stop::NoBaseline(NoBaseline::stopped(&pool.signals)))
}

/// Checks that the server speaks the protocol of the dialog.
fn check_protocol(dialog: &Dialog, outcome: &Outcome, learned: &[Learned]) -> Result<(), BaselineError> {
    let wrong = |reply: &&Vec<u8>| dialog.errors.iter().any(|pattern| pattern.is_match(reply));
    if let Some(reply) = outcome.replies.iter().find(wrong) {
        return Err(BaselineError::Incomplete(format!("the server sent an error: {}", excerpt(reply))));
    }
    let part = learned.len();
    let expected = match dialog.until(part) {
        Some(Until::Line(pattern)) => format!("a line that matches {}", excerpt(pattern.as_str().as_bytes())),
        Some(Until::Bytes(count)) => format!("{count} bytes"),
        _ => return Ok(()),
    };
    let name = if part == 0 { "as the greeting".to_owned() } else { format!("after message {part}") };
    if outcome.rest.is_empty() {
        return Ok(()); // it is a missing reply
    }
    let got = excerpt(&outcome.rest);
    Err(BaselineError::Incomplete(format!("{name} the server sent {got}, but {expected} was expected")))
}

/// The first message with a reply that is a protocol error, if it is an optional one of several, and that reply.
fn refused<'a>(dialog: &Dialog, outcome: &'a Outcome, learned: &[Learned]) -> Option<(usize, &'a [u8])> {
    let is_error = |reply: &Vec<u8>| dialog.errors.iter().any(|pattern| pattern.is_match(reply));
    let at = outcome.replies.iter().position(is_error)?;
    // Part 0 is the greeting, and part n the reply to message n. A reply after the last one is to the last message, too.
    let message = learned.iter().position(|part| part.replies > at).unwrap_or(learned.len());
    let message = message.min(dialog.steps.len());
    let step = dialog.steps.get(message.checked_sub(1)?)?;
    (step.optional && dialog.steps.len() > 1).then(|| (message, &outcome.replies[at][..]))
}

/// The number of requests that are left if the server ends the connection after one of the first, as a server of HTTP
/// may after any response; it may say so, and close later. That is for presets (which know errors): requests of the
/// user are not left out.
fn taken_requests(dialog: &Dialog, outcome: &Outcome, learned: usize) -> Option<usize> {
    let is_preset = dialog.framing == Framing::Http && !dialog.errors.is_empty();
    let replies = learned.saturating_sub(1);
    let has_ended = matches!(outcome.ending, Ending::Closed | Ending::Reset);
    let ends = has_ended || outcome.replies.get(replies.wrapping_sub(1)).is_some_and(|reply| announces_close(reply));
    (is_preset && ends && (1..dialog.steps.len()).contains(&replies)).then_some(replies)
}

/// Whether a response of HTTP has the field `Connection: close`.
fn announces_close(response: &[u8]) -> bool {
    let lines = response.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii).take_while(|line| !line.is_empty());
    let mut fields = lines.filter_map(|line| {
        let colon = line.iter().position(|&byte| byte == b':')?;
        Some((&line[..colon], line[colon + 1..].trim_ascii()))
    });
    fields.any(|(name, value)| name.eq_ignore_ascii_case(b"connection") && value.eq_ignore_ascii_case(b"close"))
}

/// Checks that there is a reply. A dialog that knows the errors of its protocol knows how a server of it replies, too:
/// without such a reply it is a server of another protocol, and has not failed.
fn check_usable(dialog: &Dialog, outcome: &Outcome) -> Result<(), BaselineError> {
    let has_failed = matches!(outcome.ending, Ending::Unreachable(_) | Ending::Endless);
    outcome.check().map_err(|error| match error {
        BaselineError::Silent(why) if !dialog.errors.is_empty() && !has_failed => {
            BaselineError::Incomplete(format!("no usable reply: {why}"))
        }
        error => error,
    })
}

/// Checks that each message was answered.
fn check_replies(dialog: &Dialog, outcome: &Outcome, learned: &[Learned]) -> Result<(), BaselineError> {
    let messages = dialog.steps.len();
    let sent = messages - outcome.unasked;
    let is_complete = learned.len() > messages || matches!(dialog.until(learned.len()), Some(Until::Close));
    if !is_complete {
        let verb = match outcome.ending {
            Ending::Closed => "closed the connection",
            Ending::Reset => "reset the connection",
            _ => "sent nothing more",
        };
        // The part that is missing is the greeting, or the reply to the message before.
        let replies = learned.len().saturating_sub(1);
        // The messages of a preset, which knows errors, are not the user's.
        let give = match replies {
            _ if !dialog.errors.is_empty() => String::new(),
            0 => String::new(),
            1 => " (give one message)".to_owned(),
            count => format!(" (give {count} messages)"),
        };
        let after = match learned.len() {
            0 => "before its greeting".to_owned(),
            _ => format!("after reply {replies} of {messages}"),
        };
        return Err(BaselineError::Incomplete(format!("the server {verb} {after}{give}")));
    }
    if dialog.framing == Framing::Raw {
        return Ok(());
    }
    let received = |part: usize| learned.get(part).map_or(outcome.received, |part| part.received);
    let is_unanswered = |message: &usize| {
        matches!(dialog.until(*message), Some(Until::Learned)) && received(*message) == received(message - 1)
    };
    let unanswered: Vec<usize> = (1..=sent).filter(is_unanswered).collect();
    // What comes after our end answers the last message.
    let late = usize::from(outcome.received > outcome.unprompted.1 && unanswered.last() == Some(&messages));
    match unanswered.first() {
        Some(first) if unanswered.len() > late => Err(BaselineError::Incomplete(format!(
            "fewer replies than messages: none to message {first} of {messages} \
             (--framing raw sends all as one message)"
        ))),
        _ => Ok(()),
    }
}

/// Whether one of two conversations with all replies ended and the other did not.
fn is_unsteady_end(one: &Outcome, other: &Outcome) -> bool {
    matches!((&one.ending, &other.ending), (Ending::Open, Ending::Closed) | (Ending::Closed, Ending::Open))
        && one.replies.len() == other.replies.len()
}

#[cfg(test)]
mod tests {
    use regex::bytes::Regex;

    use super::*;
    use crate::dialog::Step;

    fn dialog(ends: &[Until]) -> Dialog {
        let steps = ends.iter().map(|until| Step::new(b"x".to_vec(), until.clone())).collect();
        Dialog { steps, errors: vec![Regex::new("^-ERR").unwrap()], ..Dialog::default() }
    }

    fn learned(received: &[usize]) -> Vec<Learned> {
        received.iter().map(|&received| Learned { frames: 1, received, replies: 0 }).collect()
    }

    fn check(dialog: &Dialog, outcome: &Outcome, received: &[usize]) -> Result<(), String> {
        let learned = learned(received);
        let checked = check_protocol(dialog, outcome, &learned).and_then(|()| check_replies(dialog, outcome, &learned));
        checked.map_err(|error| error.to_string())
    }

    #[test]
    fn preset_of_http_is_shortened_where_the_server_closes() {
        let preset = Dialog { framing: Framing::Http, ..dialog(&[const { Until::Frames(1) }; 3]) };
        let ended = |ending| Outcome { ending, ..Outcome::default() };
        for (learned, requests) in [(0, None), (1, None), (2, Some(1)), (3, Some(2)), (4, None)] {
            assert_eq!(taken_requests(&preset, &ended(Ending::Reset), learned), requests, "{learned}");
        }
        assert_eq!(taken_requests(&preset, &ended(Ending::Open), 2), None);
        // The server says so, and closes when this side does.
        let response = |head: &str| Outcome { replies: vec![head.as_bytes().to_vec()], ..ended(Ending::Open) };
        for (head, requests) in [
            ("HTTP/1.1 200 OK\r\nDate: x\r\nconnection:close \r\n\r\n", Some(1)),
            ("HTTP/1.1 200 OK\r\nConnection: keep-alive\r\n\r\nConnection: close\r\n", None),
        ] {
            assert_eq!(taken_requests(&preset, &response(head), 2), requests, "{head}");
        }
        let given = Dialog { errors: Vec::new(), ..preset.clone() };
        let other = Dialog { framing: Framing::Lines, ..preset };
        for dialog in [given, other] {
            assert_eq!(taken_requests(&dialog, &ended(Ending::Closed), 2), None);
        }
    }

    #[test]
    fn optional_message_that_is_refused_is_found() {
        let mut preset = dialog(&[const { Until::Frames(1) }; 3]);
        preset.steps[1].optional = true;
        // The greeting has no reply. An error may end the part that is not complete.
        let learned = |replies: &[usize]| -> Vec<Learned> {
            replies.iter().map(|&replies| Learned { frames: 1, received: 0, replies }).collect()
        };
        let outcome = |replies: &[&str]| Outcome {
            replies: replies.iter().map(|reply| reply.as_bytes().to_vec()).collect(),
            ..Outcome::default()
        };
        let ok = "+OK";
        for (replies, parts, refused_one) in [
            (&[ok, ok, ok][..], &[0, 1, 2, 3][..], None),
            (&[ok, "-ERR a", ok], &[0, 1, 2, 3], Some((2, &b"-ERR a"[..]))),
            (&[ok, "-ERR b"], &[0, 1], Some((2, b"-ERR b"))),
            (&["-ERR", "-ERR"], &[0, 1, 2], None),
            (&[ok, ok, "-ERR"], &[0, 1, 2, 3], None),
        ] {
            assert_eq!(refused(&preset, &outcome(replies), &learned(parts)), refused_one, "{replies:?}");
        }
        preset.steps[2].optional = true;
        let surplus = outcome(&[ok, ok, ok, "-ERR c"]);
        assert_eq!(refused(&preset, &surplus, &learned(&[0, 1, 2, 3])), Some((3, &b"-ERR c"[..])));
        preset.steps.truncate(1);
        preset.steps[0].optional = true;
        assert_eq!(refused(&preset, &outcome(&["-ERR"]), &learned(&[0, 1])), None, "nothing would be left");
    }

    #[test]
    fn left_out_messages_have_their_reason() {
        let refused = LeftOut::Refused { message: 2, given: 3, reply: "\"no\"".to_owned() };
        assert_eq!(refused.to_string(), "the server refuses message 3, which is left out: \"no\"");
        let closed = LeftOut::Closed { taken: 1, of: 3 };
        let why = "the server closes the connection after reply 1 of 3: the other messages are left out";
        assert_eq!(closed.to_string(), why);
    }

    #[test]
    fn server_of_another_protocol_has_not_failed() {
        let preset = dialog(&[Until::Frames(1)]);
        let messages = Dialog { errors: Vec::new(), ..preset.clone() };
        let check = |dialog, ending| {
            let outcome = Outcome { ending, ..Outcome::default() };
            check_usable(dialog, &outcome).unwrap_err().to_string()
        };
        let garbled = || Ending::Garbled("malformed message".to_owned());
        assert_eq!(check(&preset, Ending::Closed), "nothing was tested: no usable reply: closed by the server");
        assert_eq!(check(&preset, garbled()), "nothing was tested: no usable reply: malformed message");
        assert_eq!(check(&messages, garbled()), "no usable reply to the uncut messages: malformed message");
        assert_eq!(check(&preset, Ending::Endless), "no usable reply to the uncut messages: answered without end");
    }

    #[test]
    fn missing_replies_and_their_reason_are_named() {
        let preset = dialog(&[Until::Learned, Until::Learned]);
        let unknown = Dialog { errors: Vec::new(), ..preset.clone() };
        let line = dialog(&[Until::Line(Regex::new("^OK").unwrap()), Until::Nothing]);
        let outcome = |received, unasked, ending| Outcome { received, ending, unasked, ..Outcome::default() };
        let cases = [
            (&unknown, outcome(4, 0, Ending::Closed), &[0, 2, 4][..], Ok(())),
            (&unknown, outcome(2, 1, Ending::Closed), &[0], Err("the server closed the connection after reply 0 of 2")),
            (
                &unknown,
                outcome(2, 1, Ending::Reset),
                &[0, 2],
                Err("the server reset the connection after reply 1 of 2 (give one message)"),
            ),
            (&preset, outcome(2, 1, Ending::Open), &[0, 2], Err("the server sent nothing more after reply 1 of 2")),
            (
                &unknown,
                outcome(2, 0, Ending::Open),
                &[0, 0, 2],
                Err("fewer replies than messages: none to message 1 of 2 (--framing raw sends all as one message)"),
            ),
            (&line, outcome(0, 1, Ending::Open), &[0], Err("the server sent nothing more after reply 0 of 2")),
            (&line, outcome(0, 1, Ending::Closed), &[], Err("the server closed the connection before its greeting")),
            (
                &line,
                Outcome { rest: b"HTTP/1.1 400\r\n".to_vec(), ..outcome(14, 1, Ending::Open) },
                &[0],
                Err(
                    "after message 1 the server sent \"HTTP/1.1 400\\r\\n\", but a line that matches \"^OK\" was expected",
                ),
            ),
            (
                &line,
                Outcome { replies: vec![b"-ERR no\r\n".to_vec()], ..outcome(9, 0, Ending::Open) },
                &[0, 9, 9],
                Err("the server sent an error: \"-ERR no\\r\\n\""),
            ),
        ];
        for (dialog, outcome, received, expected) in cases {
            let expected = expected.map_err(|why| format!("nothing was tested: {why}"));
            assert_eq!(check(dialog, &outcome, received), expected);
        }
    }

    #[test]
    fn last_reply_may_follow_the_half_close() {
        let late = Outcome { received: 5, unprompted: (1, 2), ..Outcome::default() };
        assert_eq!(check(&dialog(&[Until::Learned, Until::Learned]), &late, &[0, 2, 2]), Ok(()));
    }
}
