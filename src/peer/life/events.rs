//! What happens to a connection, and what is to be done about it.

use std::io;
use std::time::{Duration, Instant};

use crate::frame::FrameError;

/// Why a connection is closed.
#[derive(Debug)]
pub enum CloseReason {
    /// Both sides were done, or this side needs nothing more.
    Done,
    /// Reading or writing failed, or the network did.
    Failed(io::Error),
    /// Writing to stdout failed.
    Unwritable(io::Error),
    /// The received bytes are not what the framing expects.
    Garbled(FrameError),
    /// No byte was received or sent within the time limit.
    Idle,
    /// Not everything was acknowledged within the time limit.
    Unacknowledged,
    /// The peer has left too much unread, and the others were not to wait for it.
    Overrun,
}

/// Something that has happened to a connection, or that the session wants of it.
#[derive(Debug)]
pub enum Input {
    /// Half-close when all queued bytes are written.
    Finish,
    /// Close in order: write what is queued, half-close, wait for the peer's end for a limited time.
    Close,
    /// The same, without waiting for the peer's end.
    CloseNow,
    /// Write what is queued, and reset the connection when the peer has acknowledged it.
    Reset,
    /// Shutdown: process what has arrived, at most this many bytes.
    Shutdown {
        /// The limit, in bytes.
        limit: usize,
    },
    /// Shutdown: what had arrived is processed.
    Drained(AfterDrain),
    /// Shutdown: the peer will not get everything, so closing the connection sends a reset.
    AbortByShutdown,
    /// Bytes were received.
    Received(usize),
    /// Everything queued is written.
    Written,
    /// Our FIN was sent; false: the peer needs none, because it has reset the connection.
    HalfClosed(bool),
    /// The kernel was asked for acknowledgements.
    Acknowledgements {
        /// The number of bytes queued here or not acknowledged by the peer.
        outstanding: u64,
        /// When to ask again; `None` if everything was acknowledged, or that cannot be known.
        again: Option<Instant>,
    },
    /// A write failed, with this many bytes queued. Bytes that were received before can still be read.
    WriteFailed {
        /// The error of the kernel.
        error: io::Error,
        /// The number of bytes that will not be sent.
        unsent: u64,
    },
    /// Bytes were to be sent after a write had failed.
    Refused(u64),
    /// Reading failed, or the connection was reset.
    Failed(io::Error),
    /// The peer has left too much unread: it does not get everything.
    Overrun,
    /// The peer does not keep to the protocol that encodes its bytes. Nothing more of it is processed, but what is
    /// queued may say so to it.
    Violated,
    /// The received bytes are not what the framing expects.
    Garbled(FrameError),
    /// The idle time is over; false: the peer has not got everything.
    Idle {
        /// Whether the peer has got everything.
        is_complete: bool,
    },
    /// Close at once, with this many bytes queued.
    Drop {
        /// The number of bytes that will not be sent.
        unsent: usize,
    },
    /// Close at once with a reset.
    Abort,
    /// Time has passed.
    Turn,
}

/// What happens after draining.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterDrain {
    /// The connection is closed in order.
    Close,
    /// The connection is closed with a reset, because the peer has not got everything.
    Abort,
    /// The peer counts as ended, and still gets replies.
    TreatAsEof,
}

/// The time, and the limits that apply now.
#[derive(Clone, Copy, Debug)]
pub struct At {
    /// The time.
    pub now: Instant,
    /// How long the peer's end is waited for.
    pub linger: Duration,
    /// How long a connection that is being closed waits for acknowledgements while none arrives; `None` does not
    /// wait.
    pub ack_timeout: Option<Duration>,
    /// The connection carries a stream that somebody receives: received bytes that are discarded make it
    /// incomplete, so it must end with a reset and not with a FIN, which would look like a receipt.
    pub is_receipt: bool,
}

/// What is to be done next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing until the next input.
    Idle,
    /// Half-close the connection; then report [`Input::HalfClosed`].
    HalfClose,
    /// Ask the kernel for acknowledgements; then report [`Input::Acknowledgements`]. `since` is when the wait began.
    AskForAcknowledgements {
        /// When the wait began.
        since: Instant,
    },
    /// Report [`Input::Turn`] at this time.
    Until(Instant),
    /// Close the connection now; [`Life::into_reason`](super::Life::into_reason) says why.
    Close,
}

/// What happens to received bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// They are processed.
    Process,
    /// They are read and discarded.
    Discard,
    /// Nothing is read.
    Nothing,
}

/// How far the wait for acknowledgements has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acknowledged {
    /// Everything was acknowledged, or that cannot be known.
    All,
    /// Ask again at this time.
    AskAt(Instant),
    /// Nothing more was acknowledged within the limit.
    TimedOut,
}
