//! The outcome of one conversation, and its comparison with the baseline.

use std::fmt;
use std::io;
use std::mem::discriminant;

use regex::bytes::Regex;

use super::Masks;
use super::finding::excerpt;
use crate::error::{Error, Operation, cause};
use crate::frame::Framing;
use crate::value::{Span, escape};

/// The outcome of one conversation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "each is an observation of its own")]
pub struct Outcome {
    /// The complete replies, with all their bytes on the wire.
    pub replies: Vec<Vec<u8>>,
    /// The bytes after the last complete reply.
    pub rest: Vec<u8>,
    /// The number of received bytes.
    pub received: usize,
    /// The complete replies, and the bytes, received before this side half-closed or the server closed.
    pub unprompted: (usize, usize),
    /// How the connection ended.
    pub ending: Ending,
    /// The end of what a client wrote to stderr, which is shown and not compared.
    pub stderr: Vec<u8>,
    /// There were no requests: the handshake of TLS has succeeded, and that is all.
    pub handshake_only: bool,
    /// The number of messages that were not sent, because the replies to the ones before did not come.
    pub unasked: usize,
    /// The bytes of the requests that were not written.
    pub unsent: usize,
    /// The last write may not have been read.
    pub unread: bool,
    /// The last message was cut: the server may have answered, and closed, without the bytes after the cut.
    pub cut_last: bool,
    /// The bytes of the requests that the server had read when this side ended the conversation; `None` if unknown.
    pub read: Option<usize>,
    /// The server had read every byte that was sent, and has not replied to all of it.
    pub owes_reply: bool,
    /// The number of cuts for which the server was seen to have read all bytes before.
    pub confirmed: u64,
    /// The number of cuts for which that was not visible.
    pub unconfirmed: u64,
    /// Why a witness did not see it.
    pub unseen: Option<String>,
    /// What was seen of a confirmed cut.
    pub proof: Proof,
}

/// What is seen of a cut that is proven.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Proof {
    /// The server's program read the bytes before the cut, and those after it later.
    #[default]
    Read,
    /// The server took the TLS record before the cut from its kernel before the next one was sent. A proxy, or a library
    /// that reads ahead, may still give the application both at once.
    RecordRead,
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Proof::Read => "read",
            Proof::RecordRead => "record read",
        })
    }
}

/// How a connection ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Ending {
    /// The server closed it.
    #[default]
    Closed,
    /// The server reset it.
    Reset,
    /// It was left open: nothing more came within the time limit.
    Open,
    /// The server sent more than was requested, and was cut off.
    Endless,
    /// The received bytes do not fit the framing.
    Garbled(String),
    /// The server stopped: how its process ended, or that it served no other connection.
    ServerStopped(String),
    /// No connection was made.
    Unreachable(Unreachable),
    /// A client exited with this status.
    Exited(i32),
    /// A client ended by this signal.
    Signaled(i32),
    /// A client had not ended within its time, and was killed.
    Unended,
    /// The handshake of TLS has failed.
    NoHandshake {
        /// The answer of the server.
        why: String,
        /// There was none within the time limit.
        silent: bool,
    },
}

/// Why there was no connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unreachable {
    /// No server listens there.
    Refused,
    /// This operation did not end in time: the name lookup, or connecting.
    TimedOut(Operation),
    /// Another cause, in its words.
    Failed(String),
}

impl From<&io::Error> for Unreachable {
    fn from(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::ConnectionRefused => Unreachable::Refused,
            _ => Unreachable::Failed(cause(error)),
        }
    }
}

impl Ending {
    /// Whether this is the end of a client, and not of a connection to a server.
    #[must_use]
    pub fn is_of_client(&self) -> bool {
        matches!(self, Ending::Exited(_) | Ending::Signaled(_) | Ending::Unended)
    }

    /// The end of a conversation that did not begin: the connection, or the handshake on it, has failed.
    #[must_use]
    pub fn not_begun(error: &Error, in_handshake: bool) -> Ending {
        match error {
            Error::Timeout { limit, .. } if in_handshake => {
                Ending::NoHandshake { why: format!("no answer within {}", Span(*limit)), silent: true }
            }
            Error::Network { source, .. } if in_handshake => {
                let is_reset = matches!(source.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe);
                let reset = "the server reset the connection within the TLS handshake";
                let why = if is_reset { reset.to_owned() } else { cause(source) };
                Ending::NoHandshake { why, silent: false }
            }
            error => Ending::Unreachable(error.into()),
        }
    }
}

impl From<&Error> for Unreachable {
    fn from(error: &Error) -> Self {
        match error {
            Error::Timeout { operation, .. } => Unreachable::TimedOut(*operation),
            Error::Network { source, endpoint, .. } if endpoint.is_proxied() => Unreachable::Failed(at_proxy(source)),
            Error::Network { source, .. } => source.into(),
            other => Unreachable::Failed(other.to_string()),
        }
    }
}

/// The words of an error of the way through a proxy. Those of the proxy itself name it.
fn at_proxy(error: &io::Error) -> String {
    let text = cause(error);
    if error.get_ref().is_some() { text } else { format!("the proxy: {text}") }
}

impl fmt::Display for Unreachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Unreachable::Refused => "connection refused",
            Unreachable::TimedOut(Operation::Resolve) => "the name lookup timed out",
            Unreachable::TimedOut(_) => "no connection in time",
            Unreachable::Failed(cause) => cause,
        })
    }
}

/// The result of a comparison with the baseline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The replies are the same, and every cut was proven by its [`Proof`].
    Same,
    /// The replies differ.
    Different,
    /// The replies are the same or incomplete, and the cuts were not proven.
    NotProven(String),
}

/// The expected replies: those to the uncut messages.
#[derive(Clone, Debug)]
pub struct Baseline {
    outcome: Outcome,
    masks: Masks,
}

/// Why there is no baseline.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BaselineError {
    /// The handshake fails without a cut.
    #[error("the TLS handshake fails without a cut: {0}")]
    NoHandshake(String),
    /// The server sent no replies, or none that can be compared.
    #[error("no usable reply to the uncut messages: {0}")]
    Silent(String),
    /// Not every message has a reply.
    #[error("nothing was tested: {0}")]
    Incomplete(String),
    /// Two conversations without cuts had different outcomes.
    #[error("the replies to the same uncut messages differ: {one} and {other}{}", hint(.masks))]
    Unsteady {
        /// The difference in one conversation.
        one: String,
        /// The difference in the other conversation.
        other: String,
        /// The masks that hide the difference.
        masks: Vec<String>,
    },
    /// Two runs of a client without cuts had different outcomes.
    #[error("the client differs from run to run without a cut: {one} and {other}{}", hint(.masks))]
    UnsteadyOutput {
        /// The difference in one run.
        one: String,
        /// The difference in the other run.
        other: String,
        /// The masks that hide the difference.
        masks: Vec<String>,
    },
}

fn hint(masks: &[String]) -> String {
    let options: Vec<_> = masks.iter().map(|mask| format!("--mask '{mask}'")).collect();
    if options.is_empty() { String::new() } else { format!(" (try {})", options.join(" ")) }
}

impl Outcome {
    /// Notes that this side half-closes now, or never.
    pub fn prompt(&mut self) {
        self.unprompted = (self.replies.len(), self.received);
    }

    /// Adds a reply. The bytes of a raw stream are all one reply.
    pub fn take(&mut self, wire: &[u8], framing: Framing) {
        match self.replies.first_mut() {
            Some(reply) if framing == Framing::Raw => reply.extend_from_slice(wire),
            _ => self.replies.push(wire.to_vec()),
        }
    }

    /// All received bytes.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.replies.concat();
        bytes.extend_from_slice(&self.rest);
        bytes
    }

    /// Whether the server did nothing: it read nothing and sent nothing.
    #[must_use]
    pub fn is_lifeless(&self) -> bool {
        let unheard = self.unread && self.confirmed == 0 && self.received == 0;
        matches!(self.ending, Ending::Unreachable(_)) || (unheard && self.ending == Ending::Open)
    }

    /// Whether another conversation with the same replies ended in the same way.
    ///
    /// 1. A close with unread messages is a reset or not, depending on what had arrived.
    /// 2. A server that leaves the connection open behind its last reply and our end may close it at any time.
    #[must_use]
    pub fn ends_like(&self, other: &Outcome) -> bool {
        match (&self.ending, &other.ending) {
            (Ending::Open, Ending::Closed) => true,
            (one, another) => one == another || self.is_cut_off_like(other),
        }
    }

    /// Whether another conversation, which differs from the expected one too, ended in a way of the same kind.
    pub(super) fn is_ended_like(&self, other: &Outcome) -> bool {
        discriminant(&self.ending) == discriminant(&other.ending) || self.is_cut_off_like(other)
    }

    /// Whether the one connection was closed and the other was reset, which depends on what had arrived, because messages
    /// were unread.
    fn is_cut_off_like(&self, other: &Outcome) -> bool {
        let is_unread = self.is_unread() || other.is_unread();
        let ends = (&self.ending, &other.ending);
        is_unread && matches!(ends, (Ending::Closed, Ending::Reset) | (Ending::Reset, Ending::Closed))
    }

    /// Whether the server closed the connection when it had read a part of the last message, up to a proven cut. It does
    /// not read what was not sent then: with the whole reply before, no cut of that can change anything.
    fn is_closed_within_last(&self) -> bool {
        self.cut_last && self.confirmed > 0 && matches!(self.ending, Ending::Closed | Ending::Reset)
    }

    /// Whether the server may not have read all messages.
    fn is_unread(&self) -> bool {
        self.unasked > 0 || self.unsent > 0 || self.unread || self.cut_last
    }

    /// Checks whether this outcome can be the base of a comparison.
    ///
    /// # Errors
    /// The reason why it cannot.
    pub fn check(&self) -> Result<(), BaselineError> {
        if let Ending::NoHandshake { why, .. } = &self.ending {
            return Err(BaselineError::NoHandshake(why.clone()));
        }
        let unusable = matches!(self.ending, Ending::Unreachable(_) | Ending::Endless | Ending::Garbled(_));
        let is_client = self.ending.is_of_client();
        if unusable || (self.bytes().is_empty() && !self.handshake_only && !is_client) {
            let hint = if self.ending == Ending::Unreachable(Unreachable::Refused) {
                " (is a server listening there?)"
            } else {
                ""
            };
            let ending = match self.ending {
                Ending::Open => "nothing within the time limit (--timeout)".to_owned(),
                ref ending => ending.to_string(),
            };
            return Err(BaselineError::Silent(format!("{ending}{hint}")));
        }
        Ok(())
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ending::Closed => f.write_str("closed by the server"),
            Ending::Reset => f.write_str("reset by the server"),
            Ending::Open => f.write_str("left open"),
            Ending::Endless => f.write_str("answered without end"),
            Ending::Garbled(why) => f.write_str(why),
            Ending::ServerStopped(how) => write!(f, "lost: the server {how}"),
            Ending::Unreachable(why) => why.fmt(f),
            Ending::Exited(status) => write!(f, "exit status {status}"),
            Ending::Signaled(signal) => write!(f, "ended by signal {signal}"),
            Ending::Unended => f.write_str("not ended in time, and killed"),
            Ending::NoHandshake { why, .. } => write!(f, "the TLS handshake failed: {why}"),
        }
    }
}

impl Baseline {
    /// The baseline from two conversations without cuts.
    ///
    /// # Errors
    /// When they differ, or have no replies.
    pub fn new(one: &Outcome, other: &Outcome, masks: Masks) -> Result<Baseline, BaselineError> {
        one.check()?;
        other.check()?;
        let baseline = Baseline { outcome: one.clone(), masks };
        baseline.confirm(other).map(|()| baseline)
    }

    /// Compares it with a further conversation without cuts.
    ///
    /// # Errors
    /// Where they differ, and the masks that hide it.
    pub fn confirm(&self, other: &Outcome) -> Result<(), BaselineError> {
        if self.is_like(other) {
            return Ok(());
        }
        let one = &self.outcome;
        let [a, b] = [one, other].map(Outcome::bytes);
        let [masked, other_masked] = [&a, &b].map(|bytes| self.masks.apply(bytes));
        if masked == other_masked {
            return Err(unsteady_ending(one, other));
        }
        let at = masked.iter().zip(&*other_masked).take_while(|(x, y)| x == y).count();
        let around = |bytes: &[u8]| format!("\"{}\"", escape(&bytes[at.saturating_sub(16)..bytes.len().min(at + 24)]));
        let masks = self.masks.suggest(&a, &b);
        Err(BaselineError::Unsteady { one: around(&masked), other: around(&other_masked), masks })
    }

    /// The conversation that the baseline was taken from.
    #[must_use]
    pub fn outcome(&self) -> &Outcome {
        &self.outcome
    }

    /// The verdict about a conversation.
    #[must_use]
    pub fn judge(&self, outcome: &Outcome) -> Verdict {
        let unproven = |why: &str| Verdict::NotProven(why.to_owned());
        if let Ending::Unreachable(why) = &outcome.ending {
            return unproven(&why.to_string());
        }
        if self.is_like(outcome) {
            return match (outcome.unconfirmed, outcome.unsent) {
                (0, 0) => Verdict::Same,
                (0, _) if outcome.is_closed_within_last() => Verdict::Same,
                (0, _) => unproven("the server read only a part of the messages, and the replies were the same"),
                _ => {
                    let what = match outcome.proof {
                        Proof::Read => "it was not visible whether the cuts arrived as separate reads",
                        Proof::RecordRead => {
                            "it was not visible whether each record was read before the next one was sent"
                        }
                    };
                    let why = outcome.unseen.as_ref().map_or_else(String::new, |why| format!(": {why}"));
                    Verdict::NotProven(format!("{what}{why}"))
                }
            };
        }
        if self.is_late(outcome) && (outcome.unsent > 0 || outcome.unread) {
            // A server that stopped reading has not sent anything wrong.
            return unproven("the server did not read everything in time");
        }
        Verdict::Different
    }

    /// Whether the server read up to a cut and then nothing more.
    #[must_use]
    pub fn is_stalled(&self, outcome: &Outcome) -> bool {
        self.is_late(outcome) && (outcome.unsent > 0 || outcome.unread) && outcome.confirmed > 0
    }

    /// Whether the received bytes are right, but incomplete.
    #[must_use]
    pub fn is_late(&self, outcome: &Outcome) -> bool {
        let (whole, part) = (self.outcome.bytes(), outcome.bytes());
        let is_silent =
            matches!(outcome.ending, Ending::Open | Ending::Unended | Ending::NoHandshake { silent: true, .. });
        is_silent && self.masks.apply(&whole).starts_with(&self.masks.apply(&part))
    }

    /// Whether the received bytes are right as far as they go, as those of a connection that was interrupted.
    #[must_use]
    pub fn may_be_interrupted(&self, outcome: &Outcome) -> bool {
        let (whole, part) = (self.outcome.bytes(), outcome.bytes());
        self.masks.apply(&whole).starts_with(&self.masks.apply(&part))
    }

    fn is_like(&self, outcome: &Outcome) -> bool {
        self.outcome.ends_like(outcome) && self.has_same_replies(outcome)
    }

    /// Whether the received bytes are the expected ones, however the connection ended.
    #[must_use]
    pub fn has_same_replies(&self, outcome: &Outcome) -> bool {
        let mine = &self.outcome;
        mine.replies.len() == outcome.replies.len()
            && mine.replies.iter().zip(&outcome.replies).all(|(one, other)| self.masks.are_like(one, other))
            && self.masks.are_like(&mine.rest, &outcome.rest)
    }

    /// What a person should know of the expected replies: those that look like an error, but for refusals that match one
    /// of these patterns.
    #[must_use]
    pub fn warnings(&self, refusals: &[Regex]) -> Vec<String> {
        let replies = &self.outcome.replies;
        let of = replies.len();
        let is_refusal = |reply: &[u8]| refusals.iter().any(|pattern| pattern.is_match(reply));
        let is_error = |reply: &[u8]| looks_like_an_error(reply) && !is_refusal(reply);
        let errors = replies.iter().enumerate().filter(|(_, reply)| is_error(reply));
        errors.map(|(at, reply)| format!("reply {} of {of} is an error: {}", at + 1, excerpt(reply))).collect()
    }

    /// The number, from 0, of the first reply that differs.
    #[must_use]
    pub fn first_difference(&self, outcome: &Outcome) -> usize {
        let mine = &self.outcome.replies;
        let differs = |(one, other): (&Vec<u8>, &Vec<u8>)| !self.masks.are_like(one, other);
        mine.iter().zip(&outcome.replies).position(differs).unwrap_or(mine.len().min(outcome.replies.len()))
    }
}

/// Whether a reply begins as errors do in many protocols: HTTP/1.1 4xx and 5xx, replies of three digits that begin with
/// 4 or 5 (SMTP, FTP, NNTP), -ERR (POP3, Redis), ERROR.
fn looks_like_an_error(reply: &[u8]) -> bool {
    let code = reply.strip_prefix(b"HTTP/1.").and_then(|rest| rest.get(2..)).unwrap_or(reply);
    let is_code = matches!(code, [b'4' | b'5', b'0'..=b'9', b'0'..=b'9', b' ' | b'-' | b'\r' | b'\n', ..]);
    let words: [&[u8]; 5] = [b"-ERR", b"-WRONG", b"-NOAUTH", b"ERROR", b"CLIENT_ERROR"];
    is_code || words.iter().any(|word| reply.starts_with(word))
}

/// Two conversations have the same replies, and ended in different ways.
#[must_use]
pub fn unsteady_ending(one: &Outcome, other: &Outcome) -> BaselineError {
    let [one, other] = [one, other].map(|outcome| match &outcome.ending {
        ending if ending.is_of_client() => ending.to_string(),
        ending => format!("connection {ending}"),
    });
    BaselineError::Unsteady { one, other, masks: Vec::new() }
}

/// The same error about the output of a client.
#[must_use]
pub fn unsteady_output(error: BaselineError) -> BaselineError {
    match error {
        BaselineError::Unsteady { one, other, masks } => BaselineError::UnsteadyOutput { one, other, masks },
        error => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(replies: &[&str]) -> Outcome {
        Outcome { replies: replies.iter().map(|reply| reply.as_bytes().to_vec()).collect(), ..Outcome::default() }
    }

    fn baseline(replies: &[&str]) -> Baseline {
        Baseline::new(&outcome(replies), &outcome(replies), Masks::default()).unwrap()
    }

    #[test]
    fn same_replies_without_proof_are_not_proven() {
        let same = outcome(&["a\n"]);
        assert_eq!(baseline(&["a\n"]).judge(&same), Verdict::Same);
        let unseen = Outcome { unconfirmed: 1, ..same };
        assert!(matches!(baseline(&["a\n"]).judge(&unseen), Verdict::NotProven(_)));
    }

    #[test]
    fn different_count_bytes_or_ending_is_a_difference() {
        let base = baseline(&["a\n", "b\n"]);
        assert_eq!(base.judge(&outcome(&["a\n"])), Verdict::Different);
        assert_eq!(base.judge(&outcome(&["a\n", "c\n"])), Verdict::Different);
        let reset = Outcome { ending: Ending::Reset, ..outcome(&["a\n", "b\n"]) };
        assert_eq!(base.judge(&reset), Verdict::Different);
        // IRC servers take the CR of "QUIT\r\n" for the end of the line, and close; the LF then resets the connection.
        let cut = Outcome { cut_last: true, ..reset };
        assert_eq!(base.judge(&cut), Verdict::Same);
        assert_eq!(base.judge(&Outcome { cut_last: true, ..outcome(&["a\n"]) }), Verdict::Different);
        // Unproven cuts do not excuse a wrong reply.
        let wrong = Outcome { unconfirmed: 3, ..outcome(&["x\n", "b\n"]) };
        assert_eq!(base.judge(&wrong), Verdict::Different);
    }

    #[test]
    fn server_that_closes_within_the_last_message_is_the_same() {
        // As HTTP servers do that need no body for their response.
        let base = baseline(&["a\n", "b\n"]);
        let early = Outcome { unsent: 9, cut_last: true, confirmed: 2, unread: true, ..outcome(&["a\n", "b\n"]) };
        assert_eq!(base.judge(&early), Verdict::Same);
        assert_eq!(base.judge(&Outcome { ending: Ending::Reset, ..early.clone() }), Verdict::Same);
        for other in [
            Outcome { confirmed: 0, ..early.clone() },
            Outcome { cut_last: false, ..early.clone() },
            Outcome { unconfirmed: 1, ..early.clone() },
            Outcome { ending: Ending::Open, ..early.clone() },
        ] {
            assert_ne!(base.judge(&other), Verdict::Same, "{other:?}");
        }
        let short = Outcome { replies: vec![b"a\n".to_vec()], ..early };
        assert_eq!(base.judge(&short), Verdict::Different);
    }

    #[test]
    fn server_that_stops_reading_is_not_proven() {
        let stuck = Outcome { ending: Ending::Open, unsent: 4, ..outcome(&["a\n"]) };
        assert!(matches!(baseline(&["a\n", "b\n"]).judge(&stuck), Verdict::NotProven(_)));
    }

    #[test]
    fn unsteady_server_is_reported_with_a_helpful_mask() {
        let (one, other) = (outcome(&["Date: 1\n"]), outcome(&["Date: 2\n"]));
        let error = Baseline::new(&one, &other, Masks::default()).unwrap_err();
        assert!(error.to_string().contains("--mask '(?m)^Date:.*$'"), "{error}");
        let masks = Masks::new(&["(?m)^Date:.*$".to_owned()]).unwrap();
        assert!(Baseline::new(&one, &other, masks).is_ok());
    }

    #[test]
    fn errors_are_warned_of_but_for_refusals() {
        let base = baseline(&["+OK\r\n", "-ERR what\r\n", "HTTP/1.1 405 No\r\n\r\n", "-ERR busy\r\n", "500-\n500 x\n"]);
        let warned = |refusals: &[&str]| {
            let refusals: Vec<_> = refusals.iter().map(|pattern| Regex::new(pattern).unwrap()).collect();
            let warnings = base.warnings(&refusals);
            let number = |warning: &String| warning.split(' ').nth(1).and_then(|number| number.parse().ok());
            warnings.iter().map(|warning| number(warning).unwrap()).collect::<Vec<u8>>()
        };
        assert_eq!(warned(&[]), [2, 3, 4, 5]);
        assert_eq!(warned(&["^-ERR what", r"\AHTTP/1\.1 405", "OK"]), [4, 5]);
        assert_eq!(base.warnings(&[])[0], "reply 2 of 5 is an error: \"-ERR what\\r\\n\"");
    }

    #[test]
    fn silent_server_gives_no_baseline() {
        let silent = Outcome { ending: Ending::Open, ..outcome(&[]) };
        assert!(matches!(Baseline::new(&silent, &silent, Masks::default()), Err(BaselineError::Silent(_))));
    }

    #[test]
    fn refused_connection_has_a_hint_and_others_have_none() {
        let text = |kind: io::ErrorKind| {
            let ending = Ending::Unreachable((&io::Error::from(kind)).into());
            Outcome { ending, ..Outcome::default() }.check().unwrap_err().to_string()
        };
        let silent = "no usable reply to the uncut messages";
        assert_eq!(
            text(io::ErrorKind::ConnectionRefused),
            format!("{silent}: connection refused (is a server listening there?)")
        );
        assert_eq!(text(io::ErrorKind::HostUnreachable), format!("{silent}: host unreachable"));
    }

    #[test]
    fn unreachable_server_names_the_step_that_timed_out() {
        let text = |operation| {
            let limit = std::time::Duration::ZERO;
            let error = Error::Timeout { operation, address: "h:1".into(), what: "answer", limit, option: "--timeout" };
            Unreachable::from(&error).to_string()
        };
        assert_eq!(text(Operation::Resolve), "the name lookup timed out");
        assert_eq!(text(Operation::Connect), "no connection in time");
    }

    #[test]
    fn failed_handshake_is_a_difference_and_no_missing_server() {
        let limit = std::time::Duration::from_millis(300);
        let timeout = Error::Timeout {
            operation: Operation::Connect,
            address: "h:1".into(),
            what: "handshake",
            limit,
            option: "--timeout",
        };
        let reset = |kind: io::ErrorKind| Error::network(Operation::Connect, "h:1")(kind.into());
        let silent = Ending::NoHandshake { why: "no answer within 300ms".to_owned(), silent: true };
        assert_eq!(Ending::not_begun(&timeout, true), silent);
        assert_eq!(Ending::not_begun(&timeout, false), Ending::Unreachable(Unreachable::TimedOut(Operation::Connect)));
        for kind in [io::ErrorKind::ConnectionReset, io::ErrorKind::BrokenPipe] {
            let why = "the TLS handshake failed: the server reset the connection within the TLS handshake";
            assert_eq!(Ending::not_begun(&reset(kind), true).to_string(), why);
        }
        let shaken = Outcome { handshake_only: true, ..Outcome::default() };
        let baseline = Baseline::new(&shaken, &shaken, Masks::default()).unwrap();
        let failed = Outcome { ending: silent, ..Outcome::default() };
        assert_eq!((baseline.judge(&failed), baseline.is_late(&failed)), (Verdict::Different, true));
        assert_eq!(baseline.judge(&Outcome { confirmed: 1, ..shaken }), Verdict::Same);
        assert!(!failed.is_lifeless());
        let why = "the TLS handshake fails without a cut: no answer within 300ms";
        assert_eq!(failed.check().unwrap_err().to_string(), why);
    }
}
