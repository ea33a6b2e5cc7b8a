//! The life of one connection: which direction has ended, when the connection is closed, and whether closing it
//! sends a FIN or a reset.
//!
//! ```text
//!       Close, Reset, Violated           everything sent              peer's end, or the
//!  Open ────────────────────▶ Closing ───────────────────▶ Lingering ───────────────────▶ Closed(reason)
//!   │  ▲                        ▲                           linger time is over               ▲
//!   ▼  │ TreatAsEof             │ Close, Abort                                                │
//!  Draining ────────────────────┘            Failed, Idle, Garbled, Drop, Abort: from any state
//! ```
//!
//! The state machine decides and does nothing else: the connection and the session report what has happened with
//! [`Life::on`], and carry out the [`Step`] that it returns.

mod events;

use std::io;
use std::time::{Duration, Instant};

pub use events::{Acknowledged, AfterDrain, At, CloseReason, Input, Reading, Step};

/// The life of one connection.
#[derive(Debug)]
pub struct Life {
    state: State,
    ours: Ours,
    /// The end of what the peer sends was read: its FIN, or the end that follows a reset.
    peer_ended: bool,
    first_end: FirstEnd,
    /// Our FIN was sent. It counts as a byte that the peer acknowledges (RFC 9293, section 3.4).
    fin_sent: bool,
    on_close: OnClose,
    /// The wait for acknowledgements: since when no byte was acknowledged, and how many bytes were not.
    acknowledging: Option<Box<(Instant, u64)>>,
    /// The peer did not keep to the protocol that encodes its bytes.
    violated: bool,
}

/// The state of a connection.
#[derive(Debug)]
enum State {
    /// Received bytes are processed.
    Open,
    /// At shutdown: received bytes are processed until no more are ready, or this many were.
    Draining { left: usize },
    /// Queued bytes are written, then our end is sent. Received bytes are read and discarded, because closing with
    /// unread bytes would reset the connection and destroy the last reply.
    Closing { wait: Wait },
    /// Everything was sent; the peer's end is waited for until this time.
    Lingering { until: Instant },
    /// The connection is to be closed.
    Closed(CloseReason),
}

/// Whether the peer's end is waited for once everything is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wait {
    ForPeer,
    ForNobody,
}

/// How our direction ends, and how far that has come.
#[derive(Debug)]
enum Ours {
    /// More may be sent.
    Open,
    /// It ends when all queued bytes are written.
    Due(End),
    /// Everything is written, and the end is sent if there is one.
    Ended,
    /// Writing failed: nothing more can be sent, and these bytes were not.
    Broken {
        error: io::Error,
        unsent: u64,
        /// The peer has reset the connection, and had not closed its side. The kernel reports a reset once: the end
        /// that a read finds afterwards is no FIN.
        is_reset: bool,
    },
}

/// The end of our direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// A FIN.
    HalfClose,
    /// None, because closing the connection resets it, and after a FIN there may be nothing left to reset.
    Nothing,
    /// A reset, after the peer has acknowledged everything: a reset drops what is in flight. The time is when the
    /// wait began.
    Reset { since: Instant },
}

/// Which side ended its direction first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FirstEnd {
    Peer,
    Ours,
}

/// What closing the connection sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OnClose {
    /// A FIN, if none was sent.
    Fin,
    /// A reset.
    Reset,
    /// A reset, because the shutdown of this program cuts the connection off.
    ResetByShutdown,
}

impl Life {
    /// A connection that has just been made. With `resets`, closing it sends a reset.
    #[must_use]
    pub fn new(resets: bool) -> Self {
        Life {
            state: State::Open,
            ours: Ours::Open,
            peer_ended: false,
            first_end: FirstEnd::Peer,
            fin_sent: false,
            on_close: if resets { OnClose::Reset } else { OnClose::Fin },
            acknowledging: None,
            violated: false,
        }
    }

    /// Takes an input and returns what is to be done next.
    pub fn on(&mut self, input: Input, at: At) -> Step {
        if self.is_closed() {
            return Step::Close;
        }
        match input {
            Input::Finish => self.finish(End::HalfClose),
            Input::Close => self.begin_close(Wait::ForPeer),
            Input::CloseNow => self.begin_close(Wait::ForNobody),
            Input::Reset => self.begin_reset(at.now),
            Input::Shutdown { limit } => {
                if let State::Open = self.state {
                    self.state = State::Draining { left: limit };
                }
            }
            Input::Drained(then) => self.end_drain(then),
            Input::AbortByShutdown => self.on_close = OnClose::ResetByShutdown,
            Input::Received(count) => self.receive(count, at),
            Input::Written => {
                if let Some(step) = self.end_ours() {
                    return step;
                }
            }
            Input::HalfClosed(sent) => {
                self.fin_sent = sent;
                self.ours = Ours::Ended;
            }
            Input::Acknowledgements { outstanding, again } => return self.on_acknowledgements(outstanding, again, at),
            Input::WriteFailed { error, unsent } => self.break_ours(error, unsent),
            Input::Refused(bytes) => {
                if let Ours::Broken { unsent, .. } = &mut self.ours {
                    *unsent += bytes;
                }
            }
            Input::Failed(error) => self.close(CloseReason::Failed(error)),
            Input::Overrun => {
                self.reset_on_close();
                self.close(CloseReason::Overrun);
            }
            Input::Violated => {
                self.violated = true;
                self.begin_close(Wait::ForPeer);
            }
            Input::Garbled(error) => self.close(CloseReason::Garbled(error)),
            Input::Idle { is_complete } => {
                if !is_complete {
                    self.reset_on_close();
                }
                self.close(CloseReason::Idle);
            }
            Input::Drop { unsent } => {
                if unsent > 0 {
                    self.reset_on_close();
                }
                self.close(CloseReason::Done);
            }
            Input::Abort => {
                self.reset_on_close();
                self.close(CloseReason::Done);
            }
            Input::Turn => {}
        }
        self.step(at)
    }

    /// What is to be done now for the end of the connection.
    fn step(&mut self, at: At) -> Step {
        match self.state {
            State::Closed(_) => Step::Close,
            // Nothing can be sent, and nothing more will be received.
            _ if self.is_broken() && self.peer_ended => self.close_now(CloseReason::Done),
            State::Open | State::Draining { .. } => Step::Idle,
            State::Closing { .. } if self.has_ended() && self.resets() => self.close_now(CloseReason::Done),
            State::Closing { wait } => match at.ack_timeout.filter(|_| !self.is_broken()) {
                Some(_) if self.has_ended() || wait == Wait::ForNobody => {
                    Step::AskForAcknowledgements { since: self.acknowledging_since(at.now) }
                }
                None if self.has_ended() => self.linger(wait, at),
                _ => Step::Idle, // bytes are still to be written
            },
            State::Lingering { until } if self.peer_ended || at.now >= until => self.close_now(CloseReason::Done),
            State::Lingering { until } => Step::Until(until),
        }
    }

    /// Everything is written and acknowledged, as far as that is waited for.
    fn linger(&mut self, wait: Wait, at: At) -> Step {
        if wait == Wait::ForNobody {
            return self.close_now(CloseReason::Done);
        }
        self.state = State::Lingering { until: at.now + at.linger };
        self.step(at)
    }

    fn finish(&mut self, end: End) {
        if let Ours::Open = self.ours {
            self.ours = Ours::Due(end);
            self.first_end = if self.peer_ended { FirstEnd::Peer } else { FirstEnd::Ours };
        }
    }

    fn begin_close(&mut self, wait: Wait) {
        match &mut self.state {
            State::Open | State::Draining { .. } => self.state = State::Closing { wait },
            State::Closing { wait: before } if wait == Wait::ForNobody => *before = wait,
            State::Lingering { .. } if wait == Wait::ForNobody => self.state = State::Closing { wait },
            State::Closing { .. } | State::Lingering { .. } | State::Closed(_) => return,
        }
        self.finish(End::HalfClose);
        if self.resets() && matches!(self.ours, Ours::Due(End::HalfClose)) {
            self.ours = Ours::Due(End::Nothing);
        }
    }

    fn begin_reset(&mut self, now: Instant) {
        self.reset_on_close();
        if self.is_broken() {
            return self.close(CloseReason::Done);
        }
        self.finish(End::HalfClose);
        self.ours = Ours::Due(End::Reset { since: now });
        self.acknowledging = None;
        self.state = State::Closing { wait: Wait::ForPeer };
    }

    fn end_drain(&mut self, then: AfterDrain) {
        let State::Draining { .. } = self.state else { return };
        match then {
            AfterDrain::TreatAsEof => self.state = State::Open,
            AfterDrain::Close => self.begin_close(Wait::ForPeer),
            AfterDrain::Abort => {
                self.on_close = OnClose::ResetByShutdown;
                self.begin_close(Wait::ForPeer);
            }
        }
    }

    fn receive(&mut self, count: usize, at: At) {
        match &mut self.state {
            State::Draining { left } => *left = left.saturating_sub(count),
            State::Closing { .. } | State::Lingering { .. } if at.is_receipt => self.reset_on_close(),
            State::Open | State::Closing { .. } | State::Lingering { .. } | State::Closed(_) => {}
        }
    }

    /// Everything queued is written: what our direction does next.
    fn end_ours(&mut self) -> Option<Step> {
        match self.ours {
            Ours::Due(End::HalfClose) => Some(Step::HalfClose),
            Ours::Due(End::Reset { since }) => Some(Step::AskForAcknowledgements { since }),
            Ours::Due(End::Nothing) => {
                self.ours = Ours::Ended;
                None
            }
            Ours::Open | Ours::Ended | Ours::Broken { .. } => None,
        }
    }

    fn break_ours(&mut self, error: io::Error, bytes: u64) {
        match &mut self.ours {
            Ours::Broken { unsent, .. } => *unsent = bytes.max(*unsent),
            ours => {
                // A reset after the FIN is EPIPE (`tcp_reset` in Linux), as long as our side is open.
                let is_reset = error.kind() == io::ErrorKind::ConnectionReset && !self.peer_ended;
                *ours = Ours::Broken { error, unsent: bytes, is_reset };
            }
        }
    }

    fn on_acknowledgements(&mut self, outstanding: u64, again: Option<Instant>, at: At) -> Step {
        if self.is_resetting() {
            match again {
                // Nothing is read, which the peer may wait for before it reads and acknowledges.
                Some(_) if self.fin_sent => {
                    if let Acknowledged::AskAt(again) =
                        self.await_acknowledgements(outstanding, again, at.linger, at.now)
                    {
                        return Step::Until(again);
                    }
                }
                Some(again) => return Step::Until(again),
                None => {}
            }
            self.ours = Ours::Ended;
            return self.step(at);
        }
        let State::Closing { wait } = self.state else { return self.step(at) };
        let Some(limit) = at.ack_timeout else { return self.linger(wait, at) };
        let again = again.or_else(|| (!self.has_ended()).then_some(at.now + limit));
        match self.await_acknowledgements(outstanding, again, limit, at.now) {
            Acknowledged::All => self.linger(wait, at),
            Acknowledged::AskAt(again) => Step::Until(again),
            Acknowledged::TimedOut => self.close_now(CloseReason::Unacknowledged),
        }
    }

    /// Whether the peer has acknowledged everything, and when to ask again. The limit counts from the last byte
    /// that was acknowledged. `outstanding` and `again` are as in [`Input::Acknowledgements`].
    pub fn await_acknowledgements(
        &mut self,
        outstanding: u64,
        again: Option<Instant>,
        limit: Duration,
        now: Instant,
    ) -> Acknowledged {
        let since = match self.acknowledging.as_deref() {
            Some(&(since, before)) if before <= outstanding => since,
            _ => now,
        };
        let Some(again) = again else { return Acknowledged::All };
        self.acknowledging = Some(Box::new((since, outstanding)));
        match since.checked_add(limit) {
            Some(until) if now >= until => Acknowledged::TimedOut,
            Some(until) => Acknowledged::AskAt(again.min(until)),
            None => Acknowledged::AskAt(again),
        }
    }

    /// Since when no byte was acknowledged.
    #[must_use]
    pub fn acknowledging_since(&self, now: Instant) -> Instant {
        self.acknowledging.as_deref().map_or(now, |&(since, _)| since)
    }

    fn close_now(&mut self, reason: CloseReason) -> Step {
        self.close(reason);
        Step::Close
    }

    fn close(&mut self, reason: CloseReason) {
        self.state = State::Closed(reason);
    }

    /// Whether more may be sent.
    #[must_use]
    pub fn is_open(&self) -> bool {
        matches!(self.ours, Ours::Open)
    }

    /// Whether our direction is to end when everything queued is written.
    #[must_use]
    pub fn is_end_due(&self) -> bool {
        matches!(self.ours, Ours::Due(_))
    }

    /// Whether our FIN is to be sent when everything queued is written.
    #[must_use]
    pub fn is_half_close_due(&self) -> bool {
        matches!(self.ours, Ours::Due(End::HalfClose))
    }

    /// Whether our direction waits for the peer's acknowledgements before a reset.
    #[must_use]
    pub fn is_resetting(&self) -> bool {
        matches!(self.ours, Ours::Due(End::Reset { .. }))
    }

    /// Whether everything was sent that will be, our end included.
    fn has_ended(&self) -> bool {
        matches!(self.ours, Ours::Ended | Ours::Broken { .. })
    }

    /// Whether writing has failed.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        matches!(self.ours, Ours::Broken { .. })
    }

    /// What happens to received bytes.
    #[must_use]
    pub fn reading(&self) -> Reading {
        match self.state {
            State::Open | State::Draining { .. } => Reading::Process,
            // A peer that has our FIN, and that could send everything and its own, would have had an orderly end.
            State::Closing { .. } if self.is_resetting() && self.fin_sent => Reading::Nothing,
            State::Closing { .. } | State::Lingering { .. } => Reading::Discard,
            State::Closed(_) => Reading::Nothing,
        }
    }

    /// Whether received bytes are processed: the connection is not being closed.
    #[must_use]
    pub fn is_processing(&self) -> bool {
        matches!(self.state, State::Open | State::Draining { .. })
    }

    /// Whether everything was sent, and the peer's end is waited for.
    #[must_use]
    pub fn is_lingering(&self) -> bool {
        matches!(self.state, State::Lingering { .. })
    }

    /// Whether the connection has to be driven on every turn: its direction is to end, or it is being closed.
    #[must_use]
    pub fn is_ending(&self) -> bool {
        self.is_end_due() || !self.is_processing()
    }

    /// At shutdown: how many more bytes are processed; `None` if that is not limited.
    #[must_use]
    pub fn drains(&self) -> Option<usize> {
        if let State::Draining { left } = self.state { Some(left) } else { None }
    }

    /// Whether the peer did not keep to the protocol that encodes its bytes.
    #[must_use]
    pub fn is_violated(&self) -> bool {
        self.violated
    }

    /// Whether it is closed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed(_))
    }

    /// Notes that the end of what the peer sends was read. What follows from it is the step of the next input, after
    /// the last received bytes were processed.
    pub fn note_peer_end(&mut self) {
        self.peer_ended = true;
    }

    /// Whether the peer sends nothing more: it has closed its side, or reset the connection.
    #[must_use]
    pub fn has_peer_ended(&self) -> bool {
        self.peer_ended
    }

    /// Whether the peer has closed its side with a FIN.
    #[must_use]
    pub fn is_closed_by_fin(&self) -> bool {
        self.peer_ended && !matches!(self.ours, Ours::Broken { is_reset: true, .. })
    }

    /// Whether the peer closed its side before ours was to end.
    #[must_use]
    pub fn is_ended_by_peer(&self) -> bool {
        self.peer_ended && self.first_end == FirstEnd::Peer
    }

    /// Whether closing the connection now is an orderly end: nothing has failed, and it is not reset.
    #[must_use]
    pub fn ends_in_order(&self) -> bool {
        let in_order =
            !matches!(&self.state, State::Closed(reason) if !matches!(reason, CloseReason::Done | CloseReason::Idle));
        in_order && !self.resets() && !self.is_broken()
    }

    /// Whether our FIN was sent.
    #[must_use]
    pub fn is_fin_sent(&self) -> bool {
        self.fin_sent
    }

    /// Whether closing the connection sends a reset.
    #[must_use]
    pub fn resets(&self) -> bool {
        self.on_close != OnClose::Fin
    }

    fn reset_on_close(&mut self) {
        if self.on_close == OnClose::Fin {
            self.on_close = OnClose::Reset;
        }
    }

    /// Whether the shutdown of this program has cut the connection off.
    #[must_use]
    pub fn is_aborted_by_shutdown(&self) -> bool {
        self.on_close == OnClose::ResetByShutdown
    }

    /// The number of bytes that could not be sent because writing had failed.
    #[must_use]
    pub fn unsent(&self) -> u64 {
        if let Ours::Broken { unsent, .. } = self.ours { unsent } else { 0 }
    }

    /// Why it was closed; [`CloseReason::Done`] if it was not.
    #[must_use]
    pub fn into_reason(self) -> CloseReason {
        match (self.state, self.ours) {
            (State::Closed(CloseReason::Done), Ours::Broken { error, .. }) => CloseReason::Failed(error),
            (State::Closed(reason), _) => reason,
            _ => CloseReason::Done,
        }
    }
}

#[cfg(test)]
mod tests;
