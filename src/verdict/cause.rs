//! Whether two differences have the same cause, as far as that can be seen.

use super::{Baseline, Difference, Outcome, SingleCut, Tally};
use crate::plan::{Fin, HelloForm, Layout, Trial};

/// What is visible of the cause of a difference. Where two are equal, one finding is enough.
#[derive(Debug, PartialEq, Eq)]
struct Cause<'a> {
    changed: Changed,
    /// The number of the first reply that differs, from 0.
    reply: usize,
    effect: Effect<'a>,
    more_replies: std::cmp::Ordering,
}

/// What a trial changes.
#[derive(Debug, PartialEq, Eq)]
enum Changed {
    Header,
    Hello(HelloForm),
    /// It cuts these messages, in each case once or several times.
    Messages {
        cut: Vec<usize>,
        once: bool,
    },
    /// It joins messages, and cuts them or not.
    Joined {
        cut: bool,
    },
    End(Fin),
}

/// What became of a reply.
#[derive(Debug, PartialEq, Eq)]
enum Effect<'a> {
    /// It did not come.
    Missing,
    /// Only its beginning came.
    Truncated,
    /// It is another one. Many protocols begin a reply with a code, which tells one error from another.
    Other(Option<&'a [u8]>),
    /// It is as expected.
    Same,
}

impl<'a> Cause<'a> {
    fn new(trial: &Trial, layout: &Layout, baseline: &Baseline, got: &'a Outcome) -> Cause<'a> {
        let expected = baseline.outcome();
        let at = baseline.first_difference(got);
        let one: &[u8] = expected.replies.get(at).unwrap_or(&expected.rest);
        let other: &'a [u8] = got.replies.get(at).unwrap_or(&got.rest);
        let effect = match () {
            () if other.is_empty() && !one.is_empty() => Effect::Missing,
            () if one == other => Effect::Same,
            () if one.starts_with(other) => Effect::Truncated,
            () => Effect::Other(code(other)),
        };
        Cause {
            changed: Changed::new(trial, layout),
            reply: at,
            effect,
            more_replies: got.replies.len().cmp(&expected.replies.len()),
        }
    }
}

impl Changed {
    fn new(trial: &Trial, layout: &Layout) -> Changed {
        let inside = trial.cuts.iter().filter(|cut| layout.boundaries().binary_search(cut).is_err());
        let mut cut: Vec<_> = inside.map(|cut| layout.locate(*cut).message).collect();
        let cuts = cut.len();
        cut.dedup();
        match trial {
            Trial { header, .. } if !header.is_empty() => Changed::Header,
            Trial { hello: Some(hello), .. } => Changed::Hello(hello.form),
            Trial { joined, .. } if !joined.is_empty() => Changed::Joined { cut: cuts > 0 },
            Trial { fin, .. } if cuts == 0 => Changed::End(*fin),
            _ => Changed::Messages { once: cuts == cut.len(), cut },
        }
    }
}

/// The code that a reply begins with: of HTTP, or three digits as of SMTP and FTP.
fn code(reply: &[u8]) -> Option<&[u8]> {
    let from = if reply.starts_with(b"HTTP/") { reply.iter().position(|&b| b == b' ')? + 1 } else { 0 };
    reply.get(from..from + 3).filter(|code| code.iter().all(u8::is_ascii_digit))
}

impl Difference {
    /// Whether a trial contains all cuts of this difference, or another cut with the same cause, so that the difference
    /// explains it.
    #[must_use]
    pub fn explains(&self, trial: &Trial, layout: &Layout) -> bool {
        let contains = |cut: &SingleCut| match *cut {
            SingleCut::Header(offset) => trial.header.contains(&offset),
            SingleCut::Hello(form, offset) => trial
                .hello
                .as_ref()
                .is_some_and(|hello| hello.form == form && hello.cuts.binary_search(&offset).is_ok()),
            SingleCut::Message(place) => trial.cuts.binary_search(&layout.offset(place)).is_ok(),
        };
        let inside = |cut: &&usize| layout.boundaries().binary_search(cut).is_err();
        let least = &self.trial;
        let of_hello = match (&least.hello, &trial.hello) {
            (Some(least), Some(trial)) => {
                least.form == trial.form && least.cuts.iter().all(|cut| trial.cuts.binary_search(cut).is_ok())
            }
            (None, None) => true,
            _ => false,
        };
        let contained = of_hello
            && least.header.iter().all(|cut| trial.header.contains(cut))
            && least.cuts.iter().filter(inside).all(|cut| trial.cuts.binary_search(cut).is_ok())
            && least.joined.iter().all(|end| trial.joined.contains(end))
            && (least.fin == Fin::Replied || least.fin == trial.fin);
        contained || self.also.iter().any(contains)
    }

    /// Whether a trial with this outcome probably has the same cause.
    #[must_use]
    pub fn has_cause_of(&self, trial: &Trial, got: &Outcome, baseline: &Baseline, layout: &Layout) -> bool {
        self.got.is_ended_like(got)
            && Cause::new(&self.trial, layout, baseline, &self.got) == Cause::new(trial, layout, baseline, got)
    }
}

impl Tally {
    /// Adds a difference, or its cut to the one that has the same cause.
    pub fn add(&mut self, difference: Difference, baseline: &Baseline, layout: &Layout) {
        let Difference { found_by, trial, got, .. } = &difference;
        let same = |known: &&mut Difference| {
            known.repeated == difference.repeated && known.has_cause_of(trial, got, baseline, layout)
        };
        match self.differences.iter_mut().find(same) {
            Some(known) => known.also.extend(SingleCut::of(*found_by)),
            None => self.differences.push(difference),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Label, Place};
    use crate::verdict::{Ending, Masks};

    fn outcome(replies: &[&str]) -> Outcome {
        Outcome { replies: replies.iter().map(|reply| reply.as_bytes().to_vec()).collect(), ..Outcome::default() }
    }

    fn cut(layout: &Layout, message: usize, offset: usize) -> Trial {
        let place = Place { message, offset };
        let mut trial = Trial { name: Label::Cut(place), ..layout.whole() };
        trial.cuts.push(layout.offset(place));
        trial.cuts.sort_unstable();
        trial
    }

    fn difference(trial: Trial, got: Outcome) -> Difference {
        Difference { found_by: trial.name, trial, got, repeated: true, also: [].into() }
    }

    #[test]
    fn same_effect_of_cuts_in_one_message_is_one_finding() {
        let layout = Layout::new(&[5, 5]);
        let whole = outcome(&["HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\n"]);
        let baseline = Baseline::new(&whole, &whole, Masks::default()).unwrap();
        let mut tally = Tally::default();
        let bad = "HTTP/1.1 400 Bad Request\r\n";
        let cases = [
            (1, 1, outcome(&[bad]), 1),
            (1, 3, outcome(&[bad]), 1),
            (1, 4, outcome(&["HTTP/1.0 400 Bad Request: x\r\n"]), 1),
            (1, 2, outcome(&["HTTP/1.1 501 Not Implemented\r\n"]), 2),
            (2, 1, outcome(&["HTTP/1.1 200 OK\r\n", bad]), 3),
            (2, 2, Outcome { ending: Ending::Reset, ..outcome(&["HTTP/1.1 200 OK\r\n", bad]) }, 4),
            (2, 3, outcome(&["HTTP/1.1 200 OK\r\n"]), 5),
        ];
        for (message, offset, got, findings) in cases {
            tally.add(difference(cut(&layout, message, offset), got), &baseline, &layout);
            assert_eq!(tally.differences.len(), findings, "message {message} at {offset}");
        }
        let also: Vec<_> = tally.differences[0].also.iter().map(|cut| cut.offset()).collect();
        assert_eq!(also, [3, 4]);
        let pair = Trial { cuts: vec![2, 4, 5], ..layout.whole() };
        assert!(tally.differences[0].explains(&pair, &layout), "it has the cut at 4");
        assert!(tally.differences[1].explains(&pair, &layout), "it has the cut at 2");
        assert!(!tally.differences[2].explains(&pair, &layout));
    }

    #[test]
    fn close_and_reset_before_all_is_read_are_one_finding() {
        let layout = Layout::new(&[5]);
        let whole = outcome(&["a"]);
        let baseline = Baseline::new(&whole, &whole, Masks::default()).unwrap();
        let ended = |ending, unsent| Outcome { ending, unsent, ..outcome(&[]) };
        let mut tally = Tally::default();
        for (offset, got, findings) in [
            (1, ended(Ending::Closed, 4), 1),
            (2, ended(Ending::Reset, 3), 1),
            (3, Outcome { unread: true, ..ended(Ending::Reset, 0) }, 1),
            (4, ended(Ending::Open, 1), 2),
            (4, ended(Ending::Reset, 0), 2),
        ] {
            tally.add(difference(cut(&layout, 1, offset), got), &baseline, &layout);
            assert_eq!(tally.differences.len(), findings, "{offset}");
        }
        let read = difference(cut(&layout, 1, 1), ended(Ending::Closed, 0));
        assert!(!read.has_cause_of(&cut(&layout, 1, 2), &ended(Ending::Reset, 0), &baseline, &layout));
    }

    #[test]
    fn joined_messages_are_another_cause_than_cut_ones() {
        let layout = Layout::new(&[5, 5]);
        let whole = outcome(&["a", "b"]);
        let baseline = Baseline::new(&whole, &whole, Masks::default()).unwrap();
        let known = difference(layout.one_write(), outcome(&["a"]));
        let crossing = Trial { cuts: vec![2], ..layout.one_write() };
        assert!(known.explains(&crossing, &layout));
        assert!(!known.has_cause_of(&cut(&layout, 1, 2), &outcome(&["a"]), &baseline, &layout));
        assert!(!known.explains(&cut(&layout, 1, 2), &layout));
    }
}
