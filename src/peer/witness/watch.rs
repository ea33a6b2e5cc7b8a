//! The work of a witness on one question: it looks at sockets until it can answer.

use std::time::{Duration, Instant};

use super::protocol::{Answer, Ends, Found, LONGEST_WAIT, Question, Reading, Socket};
use super::stream;

/// The time to the second look at a socket; each further one comes later by half as much again.
const FIRST_LOOK: Duration = Duration::from_micros(10);
/// The longest time between two looks at a socket.
const LAST_LOOK: Duration = Duration::from_millis(1);
/// The same for a search, which goes through all sockets.
const FIRST_SEARCH: Duration = Duration::from_micros(500);
const LAST_SEARCH: Duration = Duration::from_millis(10);

/// A question that is not answered yet.
#[derive(Debug)]
pub struct Watch {
    id: u64,
    question: Question,
    begun: Instant,
    due: Instant,
    interval: Duration,
    /// The count at the first look.
    first: Option<u64>,
    /// The bytes received at the last look.
    before: u64,
}

/// What to look at now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// The socket with these addresses, and with this cookie if there is one.
    At(Ends, Option<u64>),
    /// All sockets that have received this number of bytes.
    For(u64),
    /// What was read from the connection with this cookie or these addresses, or from any, and has this hash.
    Stream(Option<u64>, Ends, u64),
}

/// The state of a socket, from one query of the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SocketState {
    /// The number that tells it from an earlier one with the same addresses.
    pub cookie: u64,
    /// The bytes received in order.
    pub received: u64,
    /// Those of them that its program has not read.
    pub unread: u64,
}

impl Watch {
    /// The question with this number, asked now.
    #[must_use]
    pub fn new(id: u64, question: Question, now: Instant) -> Watch {
        let interval = if let Question::Sockets { .. } = question { FIRST_SEARCH } else { FIRST_LOOK };
        Watch { id, question, begun: now, due: now, interval, first: None, before: 0 }
    }

    /// The number of the question.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.id
    }

    /// When to look.
    #[must_use]
    pub fn due(&self) -> Instant {
        self.due
    }

    /// What to look at.
    #[must_use]
    pub fn look(&self) -> Look {
        match self.question {
            Question::Read { ends, cookie, .. } => Look::At(ends, cookie),
            Question::Sockets { received, .. } => Look::For(received),
            Question::Stream { cookie, ends, hash, .. } => Look::Stream(cookie, ends, hash),
        }
    }

    /// The answer after a look at the socket, `None` if it is too early.
    ///
    /// The kernel reads the two counts of a socket without a lock, so that bytes which are counted may not be in the
    /// queue yet. So they must be counted in one look, and the queue be empty in a later one.
    pub fn saw(&mut self, state: Option<SocketState>, now: Instant) -> Option<Answer> {
        let Question::Read { after, wait, .. } = self.question else { return None };
        let Some(SocketState { cookie, received, unread }) = state else { return Some(Answer::Gone) };
        let is_counted = self.first.is_some() && self.before > after;
        let before = if self.first.is_some() { self.before } else { received };
        let first = *self.first.get_or_insert(received);
        if (is_counted && unread == 0) || (self.is_over(wait, now) && (is_counted || before <= after)) {
            let waited = now.saturating_duration_since(self.begun);
            let unread = is_counted.then_some(unread);
            return Some(Answer::Read(Reading { cookie, first, received: before, unread, waited }));
        }
        self.before = received;
        // The second look follows at once, if the first one had the bytes.
        if is_counted || received <= after {
            self.wait(LAST_LOOK, now);
        } else {
            self.due = now;
        }
        None
    }

    /// The answer after a search, `None` if it is too early.
    pub fn found(&mut self, total: usize, sockets: Vec<Socket>, now: Instant) -> Option<Answer> {
        let Question::Sockets { wait, .. } = self.question else { return None };
        let first = *self.first.get_or_insert(total as u64);
        if total > 0 || self.is_over(wait, now) {
            let first = usize::try_from(first).unwrap_or(usize::MAX);
            return Some(Answer::Sockets(Found { first, total, sockets }));
        }
        self.wait(LAST_SEARCH, now);
        None
    }

    /// The answer after a look at what was read, `None` if it is too early.
    pub fn read(&mut self, found: stream::Found, now: Instant) -> Option<Answer> {
        let Question::Stream { wait, .. } = self.question else { return None };
        let waited = now.saturating_duration_since(self.begun);
        let (is_equal, answer) = match found {
            stream::Found::Gone => return Some(Answer::Gone),
            stream::Found::Known(taken) => (taken.is_equal, Answer::Known(taken, waited)),
            stream::Found::Any(progress) => (progress.equal.total > 0, Answer::Stream(progress, waited)),
        };
        if is_equal || self.is_over(wait, now) {
            return Some(answer);
        }
        self.wait(LAST_LOOK, now);
        None
    }

    fn is_over(&self, wait: Duration, now: Instant) -> bool {
        now.saturating_duration_since(self.begun) >= wait.min(LONGEST_WAIT)
    }

    fn wait(&mut self, longest: Duration, now: Instant) {
        self.due = now + self.interval;
        self.interval = (self.interval * 3 / 2).min(longest);
    }
}

#[cfg(test)]
mod tests {
    use super::super::protocol::Taken;
    use super::*;

    const WAIT: Duration = Duration::from_millis(100);

    #[allow(clippy::unnecessary_wraps, reason = "a look has this form")]
    fn state(received: u64, unread: u64) -> Option<SocketState> {
        Some(SocketState { cookie: 7, received, unread })
    }

    fn read(after: u64) -> (Watch, Instant) {
        let now = Instant::now();
        let ends = Ends::of_peer("10.0.0.1:5".parse().unwrap(), "10.0.0.2:80".parse().unwrap());
        (Watch::new(3, Question::Read { cookie: None, ends, after, wait: WAIT }, now), now)
    }

    /// First, received and unread of an answer.
    fn reading(answer: Option<Answer>) -> Option<(u64, u64, Option<u64>)> {
        match answer? {
            Answer::Read(Reading { cookie: 7, first, received, unread, .. }) => Some((first, received, unread)),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn proof_takes_two_looks_in_order() {
        let (mut watch, now) = read(0);
        // The counts of one look are not read at one time: an empty queue in it proves nothing.
        assert_eq!(watch.saw(state(5, 0), now), None);
        assert_eq!(watch.due(), now);
        assert_eq!(watch.saw(state(5, 5), now), None);
        assert_eq!(watch.due(), now + FIRST_LOOK);
        assert_eq!(reading(watch.saw(state(5, 0), now)), Some((5, 5, Some(0))));
    }

    #[test]
    fn bytes_that_come_late_are_counted_and_then_awaited() {
        let (mut watch, now) = read(4);
        assert_eq!(watch.saw(state(4, 0), now), None);
        assert_eq!(watch.saw(state(9, 0), now), None);
        assert_eq!(reading(watch.saw(state(9, 0), now)), Some((4, 9, Some(0))));
    }

    #[test]
    fn answer_without_a_proof_comes_after_the_wait() {
        let (mut watch, now) = read(4);
        assert_eq!(watch.saw(state(4, 0), now), None);
        assert_eq!(reading(watch.saw(state(4, 0), now + WAIT)), Some((4, 4, None)));
        let (mut watch, now) = read(4);
        assert_eq!(watch.saw(state(9, 5), now), None);
        assert_eq!(watch.saw(state(9, 5), now), None);
        assert_eq!(reading(watch.saw(state(9, 3), now + WAIT)), Some((9, 9, Some(3))));
        // Bytes that come at the end are not counted in a look of their own.
        let (mut watch, now) = read(4);
        assert_eq!(watch.saw(state(4, 0), now), None);
        assert_eq!(reading(watch.saw(state(9, 0), now + WAIT)), Some((4, 4, None)));
        let (mut watch, now) = read(4);
        assert_eq!(watch.saw(None, now), Some(Answer::Gone));
    }

    #[test]
    fn reads_are_waited_for() {
        let (now, (read, _)) = (Instant::now(), read(0));
        let Question::Read { ends, .. } = read.question else { panic!() };
        let question = Question::Stream { cookie: Some(7), ends, hash: 1, wait: WAIT };
        let taken = |count, is_equal| stream::Found::Known(Taken { cookie: 7, count, is_equal });
        let mut watch = Watch::new(3, question, now);
        assert_eq!((watch.look(), watch.read(taken(4, false), now)), (Look::Stream(Some(7), ends, 1), None));
        assert_eq!(watch.due(), now + FIRST_LOOK);
        let all = Answer::Known(Taken { cookie: 7, count: 5, is_equal: true }, FIRST_LOOK);
        assert_eq!(watch.read(taken(5, true), now + FIRST_LOOK), Some(all));
        let late = Answer::Known(Taken { cookie: 7, count: 4, is_equal: false }, WAIT);
        assert_eq!(watch.read(taken(4, false), now + WAIT), Some(late));
        assert_eq!(watch.read(stream::Found::Gone, now), Some(Answer::Gone));
    }

    #[test]
    fn search_waits_for_a_socket() {
        let now = Instant::now();
        let question = Question::Sockets { received: 5, wait: WAIT };
        let ends = Ends::of_peer("10.0.0.1:5".parse().unwrap(), "10.0.0.2:80".parse().unwrap());
        let sockets = vec![Socket { cookie: 7, ends }];
        let mut watch = Watch::new(3, question.clone(), now);
        assert_eq!((watch.look(), watch.found(0, Vec::new(), now)), (Look::For(5), None));
        assert_eq!(watch.due(), now + FIRST_SEARCH);
        let late = Answer::Sockets(Found { first: 0, total: 1, sockets: sockets.clone() });
        assert_eq!(watch.found(1, sockets, now), Some(late));
        let none = Answer::Sockets(Found { first: 0, total: 0, sockets: Vec::new() });
        assert_eq!(Watch::new(3, question, now).found(0, Vec::new(), now + WAIT), Some(none));
    }
}
