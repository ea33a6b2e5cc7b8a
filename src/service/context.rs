//! The context of a service: what it can do. Its actions are collected, so that several replies become one write.

use std::collections::HashMap;
use std::time::Duration;

use super::PeerId;
use crate::auth::{UserName, Work};
use crate::frame::Framing;
use crate::value::Moment;

/// One action of a service, as the engine carries it out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Send the next `len` bytes of the [`Context`] to this peer, as one message.
    Send(PeerId, usize),
    /// Send the message of the last [`Send`](Action::Send), of this length, to this peer too.
    Repeat(PeerId, usize),
    /// Send the next `len` bytes: an interim response, which is not a message but belongs to the next.
    Interim(PeerId, usize),
    /// See [`Context::flush`].
    Flush(PeerId),
    /// See [`Context::finish`].
    Finish(PeerId),
    /// See [`Context::close`].
    Close(PeerId),
    /// See [`Context::reset`].
    Reset(PeerId),
    /// See [`Context::dial`].
    Dial(PeerId),
    /// See [`Context::prompt`].
    Prompt,
    /// See [`Context::stop`].
    Stop,
    /// See [`Context::timer`].
    Timer {
        /// The number of the timer.
        id: u64,
        /// From now until it is due, in nanoseconds; a longer time than that is 584 years.
        nanos: u64,
    },
    /// See [`Context::cancel_timer`].
    CancelTimer {
        /// The number of the timer.
        id: u64,
    },
    /// Append the next `len` bytes to the store, as one record.
    Store(usize),
    /// Print the next `len` bytes on stderr, as a warning.
    Warn(usize),
    /// Print the next `len` bytes on stderr.
    Inform(usize),
    /// See [`Context::upgrade`].
    Upgrade(PeerId),
    /// See [`Context::compute`].
    Compute(PeerId),
    /// A login of this peer has failed, as the next `len` bytes describe.
    LoginFailed(PeerId, usize),
}

impl Action {
    /// The number of bytes that belong to it.
    #[must_use]
    pub fn bytes(self) -> usize {
        match self {
            Action::Send(_, len)
            | Action::Interim(_, len)
            | Action::LoginFailed(_, len)
            | Action::Store(len)
            | Action::Warn(len)
            | Action::Inform(len) => len,
            _ => 0,
        }
    }

    /// The length of the message that it sends.
    fn message_length(self) -> usize {
        if let Action::Repeat(_, len) = self { len } else { self.bytes() }
    }

    /// The peer that has something to write after it.
    #[must_use]
    pub fn writes_to(self) -> Option<PeerId> {
        match self {
            Action::Send(id, _)
            | Action::Repeat(id, _)
            | Action::Interim(id, _)
            | Action::Flush(id)
            | Action::Finish(id)
            | Action::Close(id)
            | Action::Reset(id) => Some(id),
            Action::Prompt => Some(PeerId::Console),
            Action::Dial(_)
            | Action::Upgrade(..)
            | Action::Compute(..)
            | Action::LoginFailed(..)
            | Action::Stop
            | Action::Timer { .. }
            | Action::CancelTimer { .. }
            | Action::Store(_)
            | Action::Warn(_)
            | Action::Inform(_) => None,
        }
    }
}

/// Actions that are carried out together, with their bytes.
#[derive(Clone, Debug)]
pub enum Batch<'a> {
    /// Messages to one peer that follow each other: they become one write.
    Messages {
        /// The peer.
        to: PeerId,
        /// The messages, one after the other.
        bytes: &'a [u8],
        /// Their lengths.
        lengths: Lengths<'a>,
    },
    /// What this peer sends is decoded with another framing from now on.
    Upgrade(PeerId, Framing),
    /// This work is to be done for this peer.
    Compute(PeerId, &'a Ordered),
    /// Another action.
    Other(Action, &'a [u8]),
}

/// Work that a service has asked for, with a number that the answer has too.
#[derive(Clone, Debug)]
pub struct Ordered {
    /// The number.
    pub ticket: u64,
    /// The work.
    pub work: Work,
}

/// The batches of a [`Context`]; see [`Context::batches`].
#[derive(Clone, Debug)]
pub struct Batches<'a> {
    actions: &'a [Action],
    bytes: &'a [u8],
    /// The last message.
    last: &'a [u8],
    framings: &'a [Framing],
    orders: &'a [Ordered],
}

/// The lengths of messages.
#[derive(Clone, Debug)]
pub struct Lengths<'a>(std::slice::Iter<'a, Action>);

impl<'a> Iterator for Batches<'a> {
    type Item = Batch<'a>;

    #[inline]
    fn next(&mut self) -> Option<Batch<'a>> {
        let (&first, rest) = self.actions.split_first()?;
        let (mut count, mut len) = (1, first.bytes());
        if let Action::Send(to, _) = first {
            for next in rest {
                match *next {
                    Action::Send(id, more) if id == to => (count, len) = (count + 1, len + more),
                    _ => break,
                }
            }
        }
        let (actions, others) = self.actions.split_at(count);
        let (bytes, rest) = self.bytes.split_at(len);
        (self.actions, self.bytes) = (others, rest);
        if let (Action::Send(..), Some(last)) = (first, actions.last()) {
            self.last = &bytes[len - last.bytes()..];
        }
        Some(match first {
            Action::Send(to, _) => Batch::Messages { to, bytes, lengths: Lengths(actions.iter()) },
            Action::Repeat(to, _) => Batch::Messages { to, bytes: self.last, lengths: Lengths(actions.iter()) },
            Action::Upgrade(peer) => {
                let (framing, later) = self.framings.split_first()?;
                self.framings = later;
                Batch::Upgrade(peer, *framing)
            }
            Action::Compute(peer) => {
                let (order, later) = self.orders.split_first()?;
                self.orders = later;
                Batch::Compute(peer, order)
            }
            action => Batch::Other(action, bytes),
        })
    }
}

impl Iterator for Lengths<'_> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        self.0.next().map(|action| action.message_length())
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

/// What a service can do. It holds the actions of one turn, in order; its memory is reused in the next turn.
#[derive(Debug, Default)]
pub struct Context {
    bytes: Vec<u8>,
    list: Vec<Action>,
    /// The framings of the upgrades, in order: in an action they would take more memory than any other.
    framings: Vec<Framing>,
    now: Moment,
    /// The time of the reply that is handled, in nanoseconds.
    reply_time: Option<u64>,
    /// The work to be done, in order.
    orders: Vec<Ordered>,
    /// The peers that have logged in. It is no action, and stays from turn to turn.
    users: HashMap<PeerId, UserName>,
}

impl Context {
    /// No actions, at this time.
    #[must_use]
    pub fn at(now: Moment) -> Self {
        Context { now, ..Context::default() }
    }

    /// The time of this turn.
    #[must_use]
    pub fn now(&self) -> Moment {
        self.now
    }

    /// The time of the reply that is handled now, in nanoseconds, if it is known.
    #[must_use]
    pub fn reply_time(&self) -> Option<u64> {
        self.reply_time
    }

    /// Notes the time of the reply that is handled next.
    #[inline]
    pub fn set_reply_time(&mut self, nanos: Option<u64>) {
        self.reply_time = nanos;
    }

    /// Another turn begins, at this time.
    pub fn set_now(&mut self, now: Moment) {
        self.now = now;
    }

    /// Sends the message that `write` appends, framing included, to each of these peers. It is written once, however
    /// many peers there are, and if the kernel takes it for each of them, it is never copied.
    pub fn send_to_all(&mut self, to: impl IntoIterator<Item = PeerId>, write: impl FnOnce(&mut Vec<u8>)) {
        let mut to = to.into_iter();
        let Some(first) = to.next() else { return };
        let start = self.bytes.len();
        self.send_with(first, write);
        let len = self.bytes.len() - start;
        self.list.extend(to.map(|peer| Action::Repeat(peer, len)));
    }

    /// Sends `message`, framing included, to `to`.
    pub fn send(&mut self, to: PeerId, message: &[u8]) {
        self.send_with(to, |out| out.extend_from_slice(message));
    }

    /// Sends the message that `write` appends, framing included, to `to`.
    #[inline]
    pub fn send_with(&mut self, to: PeerId, write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.bytes.len();
        write(&mut self.bytes);
        self.list.push(Action::Send(to, self.bytes.len() - start));
    }

    /// Sends the interim response that `write` appends to `to`.
    pub fn send_interim(&mut self, to: PeerId, write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.bytes.len();
        write(&mut self.bytes);
        self.list.push(Action::Interim(to, self.bytes.len() - start));
    }

    /// Sends the message that `write` appends. If `write` fails, nothing is sent.
    ///
    /// # Errors
    /// That of `write`.
    pub fn try_send_with<E>(&mut self, to: PeerId, write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>) -> Result<(), E> {
        let start = self.bytes.len();
        if let Err(error) = write(&mut self.bytes) {
            self.bytes.truncate(start);
            return Err(error);
        }
        self.list.push(Action::Send(to, self.bytes.len() - start));
        Ok(())
    }

    /// No further message for this peer follows soon: sends what was held back to be joined.
    pub fn flush(&mut self, peer: PeerId) {
        self.list.push(Action::Flush(peer));
    }

    /// Half-closes towards this peer when everything is sent. Its bytes are still read.
    pub fn finish(&mut self, peer: PeerId) {
        self.list.push(Action::Finish(peer));
    }

    /// Closes in order: sends what is pending, half-closes, waits for the peer's end for a limited time, closes.
    pub fn close(&mut self, peer: PeerId) {
        self.list.push(Action::Close(peer));
    }

    /// Resets the connection after what is pending was sent and acknowledged.
    pub fn reset(&mut self, peer: PeerId) {
        self.list.push(Action::Reset(peer));
    }

    /// Connects to the server for this client; for the console, to the broker of the service. [`Event::Linked`] or [`Event::Unreachable`] follows.
    ///
    /// [`Event::Linked`]: super::Event::Linked
    /// [`Event::Unreachable`]: super::Event::Unreachable
    pub fn dial(&mut self, client: PeerId) {
        self.list.push(Action::Dial(client));
    }

    /// Shows the prompt at the terminal.
    pub fn prompt(&mut self) {
        self.list.push(Action::Prompt);
    }

    /// Ends the whole session.
    pub fn stop(&mut self) {
        self.list.push(Action::Stop);
    }

    /// Reports [`Event::Timer`](super::Event::Timer) once, when this time is over. A timer with the same number is
    /// replaced.
    pub fn timer(&mut self, id: u64, after: Duration) {
        let nanos = u64::try_from(after.as_nanos()).unwrap_or(u64::MAX);
        self.list.push(Action::Timer { id, nanos });
    }

    /// Cancels a timer. One that is not set is no error.
    pub fn cancel_timer(&mut self, id: u64) {
        self.list.push(Action::CancelTimer { id });
    }

    /// Appends a record to the store of the session. A session without one has [`NoStore`](super::NoStore), which
    /// drops it.
    pub fn store(&mut self, record: &[u8]) {
        self.bytes.extend_from_slice(record);
        self.list.push(Action::Store(record.len()));
    }

    /// Prints a line for the operator, as a warning. A service does so only when something changes for all clients.
    pub fn warn(&mut self, text: &str) {
        self.bytes.extend_from_slice(text.as_bytes());
        self.list.push(Action::Warn(text.len()));
    }

    /// Prints a line for the operator.
    pub fn inform(&mut self, text: &str) {
        self.bytes.extend_from_slice(text.as_bytes());
        self.list.push(Action::Inform(text.len()));
    }

    /// Decodes what this peer sends with this framing from now on: everything after the last message that the
    /// service got, received bytes included. What is sent to it does not change.
    pub fn upgrade(&mut self, peer: PeerId, framing: Framing) {
        self.framings.push(framing);
        self.list.push(Action::Upgrade(peer));
    }

    /// Has this work done on a thread. [`Event::Computed`](super::Event::Computed) with this ticket follows; the peer
    /// may have gone by then, and another one have its number.
    pub fn compute(&mut self, peer: PeerId, ticket: u64, work: Work) {
        self.orders.push(Ordered { ticket, work });
        self.list.push(Action::Compute(peer));
    }

    /// Has a failed login of this peer counted, and printed for the operator; clients cannot fill the log so. `text` is
    /// the name and the reason, and has no secret.
    pub fn login_failed(&mut self, peer: PeerId, text: &str) {
        self.bytes.extend_from_slice(text.as_bytes());
        self.list.push(Action::LoginFailed(peer, text.len()));
    }

    /// The user that this peer has proven to be (`--auth`).
    #[must_use]
    pub fn user(&self, peer: PeerId) -> Option<&UserName> {
        self.users.get(&peer)
    }

    /// Notes the user that this peer has proven to be.
    pub fn set_user(&mut self, peer: PeerId, user: UserName) {
        self.users.insert(peer, user);
    }

    /// Forgets the user of a peer that has gone.
    pub fn forget_user(&mut self, peer: PeerId) {
        self.users.remove(&peer);
    }

    /// Takes the actions out, and leaves the users.
    #[must_use]
    pub fn take_actions(&mut self) -> Context {
        let users = std::mem::take(&mut self.users);
        std::mem::replace(self, Context { users, ..Context::at(self.now) })
    }

    /// Takes the memory of actions back that were carried out.
    pub fn reuse(&mut self, mut done: Context) {
        (done.users, done.now) = (std::mem::take(&mut self.users), self.now);
        *self = done;
    }

    /// The number of bytes to send or to store.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.bytes.len()
    }

    /// Whether the last action closes or resets this peer, so that no more input of it is processed.
    #[must_use]
    pub fn closes(&self, peer: PeerId) -> bool {
        self.list.last() == Some(&Action::Close(peer))
    }

    /// Whether an action upgrades this peer, so that no more of its input is decoded before that is carried out.
    #[must_use]
    pub fn is_upgrading(&self, peer: PeerId) -> bool {
        !self.framings.is_empty() && self.list.contains(&Action::Upgrade(peer))
    }

    /// Whether there are no actions.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The actions in order. Everything that goes to one peer at once is one batch.
    #[must_use]
    pub fn batches(&self) -> Batches<'_> {
        let orders = &self.orders;
        Batches { actions: &self.list, bytes: &self.bytes, last: &[], framings: &self.framings, orders }
    }

    /// Removes all actions. A buffer that a very large reply has enlarged is freed.
    pub fn clear(&mut self) {
        const KEPT: usize = 256 * 1024;
        self.list.clear();
        self.framings.clear();
        self.orders.clear();
        self.bytes.clear();
        self.bytes.shrink_to(KEPT);
    }

    /// Each action with the bytes it sends, for tests.
    #[cfg(test)]
    pub(crate) fn script(&mut self) -> Vec<(Action, String)> {
        let (mut rest, mut last) = (&self.bytes[..], &self.bytes[..0]);
        let script = self
            .list
            .iter()
            .map(|&action| {
                let (mine, others) = rest.split_at(action.bytes());
                rest = others;
                last = if let Action::Send(..) = action { mine } else { last };
                let sent = if let Action::Repeat(..) = action { last } else { mine };
                (action, String::from_utf8_lossy(sent).into_owned())
            })
            .collect();
        self.clear();
        script
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_to_one_peer_are_one_batch() {
        let (first, second) = (PeerId::conn(1), PeerId::conn(2));
        let mut context = Context::default();
        context.send(first, b"a");
        context.send(first, b"");
        context.send(first, b"bc");
        context.send(second, b"d");
        context.upgrade(second, Framing::Http);
        context.store(b"record");
        context.upgrade(first, Framing::Raw);
        context.send_interim(second, |out| out.push(b'i'));
        context.send(second, b"e");
        context.compute(first, 7, Work::LookUp(1));
        context.login_failed(first, "why");
        context.close(second);
        context.send(second, b"f");
        context.send_to_all([first, second, first], |out| out.extend_from_slice(b"gh"));
        context.send_to_all([], |out| out.push(b'-'));
        let batches: Vec<_> = context
            .batches()
            .map(|batch| match batch {
                Batch::Messages { to, bytes, lengths } => format!("{to:?} {bytes:?} {:?}", lengths.collect::<Vec<_>>()),
                Batch::Upgrade(peer, framing) => format!("{peer:?} {framing}"),
                Batch::Compute(peer, order) => format!("{peer:?} {} {:?}", order.ticket, order.work),
                Batch::Other(action, bytes) => format!("{action:?} {bytes:?}"),
            })
            .collect();
        let expected = [
            "Conn(1) [97, 98, 99] [1, 0, 2]",
            "Conn(2) [100] [1]",
            "Conn(2) http",
            "Store(6) [114, 101, 99, 111, 114, 100]",
            "Conn(1) raw",
            "Interim(Conn(2), 1) [105]",
            "Conn(2) [101] [1]",
            "Conn(1) 7 LookUp(1)",
            "LoginFailed(Conn(1), 3) [119, 104, 121]",
            "Close(Conn(2)) []",
            "Conn(2) [102] [1]",
            "Conn(1) [103, 104] [2]",
            "Conn(2) [103, 104] [2]",
            "Conn(1) [103, 104] [2]",
        ];
        assert_eq!(batches, expected);
    }

    #[test]
    fn users_stay_when_actions_are_taken() {
        let (peer, mut context) = (PeerId::conn(1), Context::default());
        context.set_user(peer, "ann".parse().unwrap());
        context.close(peer);
        let mut actions = context.take_actions();
        assert!(context.is_empty() && actions.closes(peer) && context.user(peer).is_some());
        actions.clear();
        context.reuse(actions);
        assert_eq!(context.user(peer).map(UserName::as_str), Some("ann"));
        context.forget_user(peer);
        assert_eq!(context.user(peer), None);
    }

    #[test]
    fn action_takes_24_bytes() {
        assert_eq!(size_of::<Action>(), 24, "one is pushed for each reply");
    }
}
