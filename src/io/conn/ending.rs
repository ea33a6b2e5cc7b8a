//! The end of a connection: carries out the steps of its life.

use std::io;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use super::super::reactor::Reactor;
use super::super::sys;
use super::record::sample;
use super::{Conn, Linger, barrier};
use crate::peer::life::{Acknowledged, At, CloseReason, Input, Life, Step};
use crate::trace::EventKind;

/// A peer that has sent nothing for this time is probed.
const KEEPALIVE: Duration = Duration::from_secs(15);

/// What a connection waits for after an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// The next input.
    Idle,
    /// This time, or an earlier input.
    Until(Instant),
    /// Nothing: it is to be closed with [`Conn::close`].
    Close,
}

impl Conn {
    /// Its life, to be asked.
    #[must_use]
    pub fn life(&self) -> &Life {
        &self.life
    }

    /// Reports an input to its life, and carries out the steps that follow.
    pub fn on(&mut self, input: Input, at: At) -> Turn {
        let mut step = self.feed(input, at);
        loop {
            step = match step {
                Step::Idle => return Turn::Idle,
                Step::Until(time) => return Turn::Until(time),
                Step::Close => return Turn::Close,
                Step::HalfClose => {
                    let input = self.half_close();
                    self.feed(input, at)
                }
                Step::AskForAcknowledgements { since } => {
                    let input = match barrier::arrival(&self.stream, since, at.now) {
                        Ok(again) => Input::Acknowledgements { outstanding: self.outstanding(), again },
                        Err(error) => Input::Failed(error),
                    };
                    self.feed(input, at)
                }
            }
        }
    }

    /// Reports that time has passed, and that everything queued is written if it is.
    pub fn drive(&mut self, at: At) -> Turn {
        self.on(if self.is_written() { Input::Written } else { Input::Turn }, at)
    }

    fn feed(&mut self, input: Input, at: At) -> Step {
        if matches!(input, Input::Finish | Input::Close | Input::CloseNow | Input::Reset) {
            self.end_group(); // no further message is joined with these
        }
        let input = if self.is_layered() { self.as_violation(input) } else { input };
        let is_shutdown = matches!(input, Input::Drained(_));
        let resets = self.life.resets();
        let step = self.life.on(input, at);
        if self.is_layered() {
            self.close_layer_if_due(is_shutdown);
        }
        if self.life.resets() && !resets {
            self.reset_when_closed();
        }
        step
    }

    fn reset_when_closed(&mut self) {
        // If it cannot be set, the peer gets a FIN.
        let _ = self.stream.socket().set_linger(Some(Duration::ZERO));
        self.linger = Linger::Plain;
    }

    fn half_close(&mut self) -> Input {
        // Recorded before the call, because the peer may see the FIN before the call returns.
        self.recorder.note(self.id, || self.shutdown());
        match self.stream.half_close() {
            Ok(()) => Input::HalfClosed(true),
            // The peer has reset or closed the connection already and needs no FIN. What was written may be lost.
            Err(error) if error.kind() == io::ErrorKind::NotConnected => match self.stream.take_error() {
                Some(error) => Input::WriteFailed { error, unsent: 0 },
                None => Input::HalfClosed(false),
            },
            Err(error) => Input::WriteFailed { error, unsent: 0 },
        }
    }

    /// Drops what is queued because a write has failed, with this many bytes not sent.
    pub fn fail_write(&mut self, error: io::Error, unsent: u64, at: At) -> Turn {
        let unsent = unsent.max(self.backlog() as u64);
        self.writer.clear(&self.recorder, self.id);
        self.abandon_layer();
        self.on(Input::WriteFailed { error, unsent }, at)
    }

    /// From now on the connection is closed with a reset, unless it comes to an orderly end: if this program is
    /// killed, the peer must not take what it has received for everything.
    pub fn arm(&mut self) {
        let plain = !self.life.resets() && self.linger == Linger::Plain;
        if plain && self.stream.socket().set_linger(Some(Duration::ZERO)).is_ok() {
            self.linger = Linger::Armed;
        }
    }

    /// Whether the peer has acknowledged everything that was sent, and when to ask again. The limit counts from the
    /// last byte that was acknowledged.
    ///
    /// # Errors
    /// The error of the kernel: the connection was reset.
    pub fn await_acknowledgements(&mut self, limit: Duration, now: Instant) -> io::Result<Acknowledged> {
        if self.life.is_broken() {
            return Ok(Acknowledged::All); // nothing more arrives
        }
        let again = barrier::arrival(&self.stream, self.life.acknowledging_since(now), now)?;
        let is_written = self.is_written() && !self.life.is_end_due();
        let again = again.or_else(|| (!is_written).then_some(now + limit));
        Ok(self.life.await_acknowledgements(self.outstanding(), again, limit, now))
    }

    /// Bytes on the wire that are queued here, or that the peer's system has not acknowledged.
    fn outstanding(&self) -> u64 {
        self.queued() + self.unacknowledged_on_wire().unwrap_or(0)
    }

    /// Bytes of plaintext that the kernel has taken and that the peer's system has not acknowledged.
    ///
    /// # Errors
    /// `Unsupported` where the system does not report it.
    pub fn unacknowledged(&self) -> io::Result<u64> {
        self.unacknowledged_on_wire().map(|bytes| self.plaintext_in_last(bytes))
    }

    /// The same in bytes on the wire.
    pub(super) fn unacknowledged_on_wire(&self) -> io::Result<u64> {
        if !self.stream.is_tcp() {
            return Ok(0); // what a unix socket has taken is in the peer's queue
        }
        let queued = sys::queued_out(self.stream.as_fd())? as u64;
        Ok(queued.saturating_sub(u64::from(self.life.is_fin_sent())))
    }

    /// Enables keepalive (tcp(7)), unless the options set it.
    pub fn watch_peer(&self) {
        if self.stream.is_tcp() && !self.keepalive_was_set {
            // If it cannot be set, the next write notices a peer that is gone.
            let _ = self.stream.keep_alive(KEEPALIVE);
        }
    }

    /// Closes it, and returns why. If `--linger` makes close(2) wait for the peer, another thread waits.
    pub fn close(mut self, reactor: &Reactor) -> CloseReason {
        let resets = self.life.resets();
        let violation = self.violation();
        if self.is_layered() {
            self.close_layer_at_once(reactor.now());
        }
        // After both ends, a failed write or an error of the kernel the connection is closed: no reset is sent.
        let is_over = self.life.is_broken() || (self.life.has_peer_ended() && self.life.is_fin_sent());
        let reason = self.life.into_reason();
        let reason = violation.map_or(reason, CloseReason::Failed);
        let error = match &reason {
            CloseReason::Failed(error) => Some(error),
            // A write fails with EPIPE after a reset that no read has reported.
            CloseReason::Unwritable(error) if error.kind() == io::ErrorKind::BrokenPipe => Some(error),
            _ => None,
        };
        if self.linger == Linger::Armed && !resets && error.is_none() {
            // If it cannot be set, the peer gets a reset after a FIN that it has.
            let _ = self.stream.socket().set_linger(None);
        }
        self.writer.clear(&self.recorder, self.id);
        let is_dead = error.is_some_and(|error| error.raw_os_error().is_some());
        let resets = resets || (self.linger == Linger::Armed && error.is_some());
        let reset = resets && self.stream.is_tcp() && !is_over && !is_dead;
        let mut turn = self.recorder.turn();
        sample(&self.stream, &mut turn, self.id);
        turn.note(self.id, || EventKind::Close { error: error.map(crate::error::cause), reset });
        drop(turn);
        let mut stream = self.stream;
        if self.linger == Linger::Waits {
            reactor.deregister(&mut stream);
            stream.close_elsewhere();
        } // else it is closed here, which ends the watching as well (epoll(7), kqueue(2))
        reason
    }
}
