//! How one conversation came out, and what that says beside the baseline.

use super::Masks;
use crate::value::escape;

/// Everything the server did in one conversation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Its whole replies, as they stood on the wire.
    pub replies: Vec<Vec<u8>>,
    /// What stood behind the last whole reply when the conversation ended.
    pub rest: Vec<u8>,
    /// How the connection ended.
    pub ending: Ending,
    /// Bytes of the requests that were not written by then.
    pub unsent: usize,
    /// Cuts after which the server was seen to have read all that was sent before.
    pub confirmed: u64,
    /// Cuts for which that could not be seen.
    pub unconfirmed: u64,
}

/// How a connection ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Ending {
    /// The server ended it after us.
    #[default]
    Closed,
    /// The server ended it before we did.
    ClosedEarly,
    /// The server reset it.
    Reset,
    /// It was still open when the time was up.
    Open,
    /// It answered more than anybody asked for, and was cut off.
    Endless,
    /// What came was not what the framing expects.
    Garbled(String),
    /// There was no connection.
    Unreachable(String),
}

/// What a conversation says beside the baseline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The replies are the same, and every cut is known to have reached the server as its own read.
    Same,
    /// They are not.
    Different,
    /// They are the same, or the conversation was not finished, and the cuts may not have counted.
    NotProven(String),
}

/// The replies when nothing is cut.
#[derive(Clone, Debug)]
pub struct Baseline {
    outcome: Outcome,
    masks: Masks,
}

/// Why there is no baseline.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BaselineError {
    /// The server did not answer at all.
    #[error("the server did not answer the uncut messages: {0}")]
    Silent(String),
    /// Two conversations with nothing cut came out differently.
    #[error("the server answers the same uncut messages differently each time: {one} and {other}{}", hint(.mask.as_deref()))]
    Unsteady {
        /// Where they differ, in the one.
        one: String,
        /// Where they differ, in the other.
        other: String,
        /// A mask that would help.
        mask: Option<String>,
    },
}

fn hint(mask: Option<&str>) -> String {
    mask.map_or_else(String::new, |mask| format!(" (--mask '{mask}' would blank that)"))
}

impl Outcome {
    /// All bytes that came.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.replies.concat();
        bytes.extend_from_slice(&self.rest);
        bytes
    }
}

impl Ending {
    /// In words.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Ending::Closed => "closed after our end".to_owned(),
            Ending::ClosedEarly => "closed by the server before our end".to_owned(),
            Ending::Reset => "reset by the server".to_owned(),
            Ending::Open => "left open".to_owned(),
            Ending::Endless => "answered without end".to_owned(),
            Ending::Garbled(why) => format!("not understood: {why}"),
            Ending::Unreachable(why) => why.clone(),
        }
    }
}

impl Baseline {
    /// The baseline of two conversations with nothing cut.
    ///
    /// # Errors
    /// When they do not serve as one.
    pub fn new(one: &Outcome, other: &Outcome, masks: Masks) -> Result<Baseline, BaselineError> {
        for outcome in [one, other] {
            let unusable = matches!(outcome.ending, Ending::Unreachable(_) | Ending::Endless | Ending::Garbled(_));
            if unusable || outcome.bytes().is_empty() {
                return Err(BaselineError::Silent(outcome.ending.describe()));
            }
        }
        let baseline = Baseline { outcome: one.clone(), masks };
        if baseline.is_like(other) {
            return Ok(baseline);
        }
        let (a, b) = (one.bytes(), other.bytes());
        if a == b {
            let [one, other] = [one, other].map(|outcome| outcome.ending.describe());
            return Err(BaselineError::Unsteady { one, other, mask: None });
        }
        let at = a.iter().zip(&b).take_while(|(x, y)| x == y).count();
        let around = |bytes: &[u8]| format!("\"{}\"", escape(&bytes[at.saturating_sub(16)..bytes.len().min(at + 24)]));
        Err(BaselineError::Unsteady { one: around(&a), other: around(&b), mask: Masks::suggest(&a, &b) })
    }

    /// The conversation it was taken from.
    #[must_use]
    pub fn outcome(&self) -> &Outcome {
        &self.outcome
    }

    /// What a conversation says.
    #[must_use]
    pub fn judge(&self, outcome: &Outcome) -> Verdict {
        if let Ending::Unreachable(why) = &outcome.ending {
            return Verdict::NotProven(why.clone());
        }
        if self.is_like(outcome) {
            return match (outcome.unconfirmed, outcome.unsent) {
                (0, 0) => Verdict::Same,
                (0, unsent) => Verdict::NotProven(format!("{unsent} bytes were never read")),
                _ => Verdict::NotProven("the cuts could not be seen to arrive as reads of their own".to_owned()),
            };
        }
        // A server that has stopped reading has said nothing wrong yet, if what it said is a beginning.
        let (whole, part) = (self.outcome.bytes(), outcome.bytes());
        let (whole, part) = (self.masks.apply(&whole), self.masks.apply(&part));
        if outcome.unsent > 0 && outcome.ending == Ending::Open && whole.starts_with(&part) {
            return Verdict::NotProven(format!("the server stopped reading {} bytes before the end", outcome.unsent));
        }
        Verdict::Different
    }

    fn is_like(&self, outcome: &Outcome) -> bool {
        let same = |one: &[u8], other: &[u8]| one == other || self.masks.apply(one) == self.masks.apply(other);
        let mine = &self.outcome;
        mine.ending == outcome.ending
            && mine.replies.len() == outcome.replies.len()
            && mine.replies.iter().zip(&outcome.replies).all(|(one, other)| same(one, other))
            && same(&mine.rest, &outcome.rest)
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
    fn the_same_needs_proof() {
        let same = outcome(&["a\n"]);
        assert_eq!(baseline(&["a\n"]).judge(&same), Verdict::Same);
        let unseen = Outcome { unconfirmed: 1, ..same };
        assert!(matches!(baseline(&["a\n"]).judge(&unseen), Verdict::NotProven(_)));
    }

    #[test]
    fn a_difference_in_number_bytes_or_ending_is_one() {
        let base = baseline(&["a\n", "b\n"]);
        assert_eq!(base.judge(&outcome(&["a\n"])), Verdict::Different);
        assert_eq!(base.judge(&outcome(&["a\n", "c\n"])), Verdict::Different);
        let reset = Outcome { ending: Ending::Reset, ..outcome(&["a\n", "b\n"]) };
        assert_eq!(base.judge(&reset), Verdict::Different);
        // Unproven cuts do not excuse a wrong answer.
        let wrong = Outcome { unconfirmed: 3, ..outcome(&["x\n", "b\n"]) };
        assert_eq!(base.judge(&wrong), Verdict::Different);
    }

    #[test]
    fn who_stops_reading_has_not_been_proven_wrong() {
        let stuck = Outcome { ending: Ending::Open, unsent: 4, ..outcome(&["a\n"]) };
        assert!(matches!(baseline(&["a\n", "b\n"]).judge(&stuck), Verdict::NotProven(_)));
    }

    #[test]
    fn an_unsteady_server_is_named_with_the_mask_that_helps() {
        let (one, other) = (outcome(&["Date: 1\n"]), outcome(&["Date: 2\n"]));
        let error = Baseline::new(&one, &other, Masks::default()).unwrap_err();
        assert!(error.to_string().contains("--mask '(?m)^Date:.*$'"), "{error}");
        let masks = Masks::new(&["(?m)^Date:.*$".to_owned()]).unwrap();
        assert!(Baseline::new(&one, &other, masks).is_ok());
    }

    #[test]
    fn silence_is_no_baseline() {
        let silent = Outcome { ending: Ending::Open, ..outcome(&[]) };
        assert!(matches!(Baseline::new(&silent, &silent, Masks::default()), Err(BaselineError::Silent(_))));
    }
}
