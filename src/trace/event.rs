//! The events of connections as plain data, common to `-v`, `--stats`, `--trace` and `--timeline`.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::data::Data;
use super::tls::TlsSession;
use crate::plan::Plan;

/// The number of a connection within one run, counted from 1 in the order they were opened.
pub type ConnId = u64;

/// The end of a connection that recorded an event; with `--loopback` and in a relay both ends are in this
/// process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The connection was made by us.
    Connect,
    /// The connection was accepted by us.
    Listen,
}

/// The direction of the bytes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// From us to the peer.
    Out,
    /// From the peer to us.
    In,
}

/// One event, with its time.
#[derive(Clone, Debug, Serialize)]
pub struct Event {
    /// Nanoseconds of monotonic time since the run began.
    pub t: u64,
    /// The number of the connection; 0 for events of the whole run.
    pub conn: ConnId,
    /// What happened.
    #[serde(flatten)]
    pub what: EventKind,
    /// The recorded bytes of a message, a write or a read.
    #[serde(flatten)]
    pub data: Option<Data>,
}

impl Event {
    /// An event that carries no bytes.
    #[must_use]
    pub fn new(t: u64, conn: ConnId, what: EventKind) -> Event {
        Event { t, conn, what, data: None }
    }

    /// The time since the run began.
    #[must_use]
    pub fn at(&self) -> Duration {
        Duration::from_nanos(self.t)
    }
}

/// A receiver of events: a summary, a picture, a file, a test.
pub trait Sink {
    /// Takes one event. The events of one connection are in the order in which they happened, `Open` first and
    /// `Close` last.
    fn note(&mut self, event: &Event);
}

impl Sink for Vec<Event> {
    fn note(&mut self, event: &Event) {
        self.push(event.clone());
    }
}

/// What happened.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum EventKind {
    /// A connection was made or accepted.
    Open {
        /// The end that recorded it.
        side: Side,
        /// Our address.
        local: String,
        /// The peer's address.
        peer: String,
        /// The client's connection that this one was made for, in a relay.
        #[serde(rename = "for", skip_serializing_if = "Option::is_none")]
        made_for: Option<ConnId>,
    },
    /// A PROXY header was sent first, or received from the proxy of a client.
    ProxyHeader {
        /// Its direction.
        dir: Direction,
        /// The client's address in it; `unknown` if it has none.
        source: String,
        /// The address in it that the client has connected to.
        destination: String,
    },
    /// The plan that cuts what this connection writes, with the seed it uses.
    Plan(Plan),
    /// A socket option after it was set: the requested value and the value in effect.
    Option {
        /// The option's name on the command line, without the dashes.
        name: &'static str,
        /// The requested value, if any.
        #[serde(skip_serializing_if = "Option::is_none")]
        requested: Option<String>,
        /// The value that the kernel reports; absent if it cannot be read.
        #[serde(skip_serializing_if = "Option::is_none")]
        effective: Option<String>,
    },
    /// The TLS handshake is over.
    Tls(Box<TlsSession>),
    /// One record of a layer such as TLS: encoded, or completely received.
    Record {
        /// Its direction.
        dir: Direction,
        /// Offset of its first byte on the wire.
        offset: u64,
        /// Its bytes on the wire.
        len: u64,
        /// Offset of its first byte of plaintext.
        start: u64,
        /// Offset after its last byte of plaintext: the same as `start` in the handshake.
        end: u64,
    },
    /// One write call.
    Write {
        /// Offset of its first byte on the wire.
        offset: u64,
        /// Bytes passed to the kernel.
        asked: u64,
        /// Bytes the kernel took.
        accepted: u64,
        /// The kernel was asked to end a segment with the last byte (`MSG_EOR`).
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        pinned: bool,
    },
    /// One read call that returned bytes.
    Read {
        /// Offset of its first byte on the wire.
        offset: u64,
        /// Bytes it returned.
        len: u64,
    },
    /// One complete message, line ending included.
    Message {
        /// Its direction.
        dir: Direction,
        /// Its number on this connection and direction, from 1.
        number: u64,
        /// Offset of its first byte in the plaintext.
        start: u64,
        /// Offset after its last byte in the plaintext.
        end: u64,
    },
    /// The reply to a message is complete, where it is certain which message a reply answers.
    Reply {
        /// The number of the message in its direction.
        number: u64,
        /// The nanoseconds between the last byte of the message and the last byte of the reply: from its write to its
        /// read, or at a connection that was accepted from its read to its write.
        nanos: u64,
    },
    /// A pause between two writes began.
    Pause {
        /// Offset on the wire of the next byte to be written.
        offset: u64,
        /// Its duration in nanoseconds.
        nanos: u64,
    },
    /// A barrier was passed or abandoned.
    Barrier {
        /// The offset on the wire up to which all bytes were waited for.
        offset: u64,
        /// What was established about those bytes.
        outcome: BarrierOutcome,
    },
    /// The kernel's counters of this connection (`TCP_INFO`).
    Sample(TcpSample),
    /// The peer half-closed: it sends no more bytes.
    Eof {
        /// Bytes read in all.
        offset: u64,
        /// Bytes of plaintext in them, if a layer decodes them.
        #[serde(skip_serializing_if = "Option::is_none")]
        plaintext: Option<u64>,
    },
    /// This side half-closed: it sends no more bytes.
    Shutdown {
        /// Bytes written in all.
        offset: u64,
        /// Bytes of plaintext in them, if a layer encodes them.
        #[serde(skip_serializing_if = "Option::is_none")]
        plaintext: Option<u64>,
    },
    /// The connection ended.
    Close {
        /// The error that ended it; absent for an orderly end.
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<String>,
        /// Whether this side closes it with a reset (`SO_LINGER` of 0, socket(7)); absent if not.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        reset: bool,
    },
}

/// How a connection ended, as far as this end observed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Without an error and without a reset.
    Orderly,
    /// This side closed it with a reset.
    Reset,
    /// The peer reset it: a read or write failed with ECONNRESET, or a write with EPIPE (tcp(7)).
    PeerReset,
    /// The peer did not acknowledge in time: ETIMEDOUT (tcp(7)).
    TimedOut,
    /// Another error ended it.
    Failed,
}

impl Ending {
    /// The ending that a [`EventKind::Close`] records.
    #[must_use]
    pub fn new(error: Option<&str>, reset: bool) -> Ending {
        let begins = |words: &[&str]| error.is_some_and(|error| words.iter().any(|word| error.starts_with(word)));
        match error {
            _ if reset => Ending::Reset,
            None => Ending::Orderly,
            Some(_) if begins(&["connection reset", "broken pipe"]) => Ending::PeerReset,
            // "operation timed out" on macOS and FreeBSD.
            Some(_) if begins(&["connection timed out", "operation timed out"]) => Ending::TimedOut,
            Some(_) => Ending::Failed,
        }
    }
}

/// What a barrier established.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BarrierOutcome {
    /// The peer's kernel acknowledged every byte.
    Acked,
    /// The peer's program read every byte: its receive queue was empty.
    Read,
    /// The peer took the whole record of a layer such as TLS from its kernel before the next one was sent. A proxy, or
    /// a library that reads ahead, may still give the application several records at once.
    RecordRead,
    /// A witness saw that the peer's program read every byte.
    Witnessed,
    /// A witness saw that the peer took the whole record, as in `RecordRead`.
    RecordWitnessed,
    /// A witness saw that every byte was read from a socket that may be the peer's: it had received as many bytes. It
    /// is, if a later barrier of the connection is witnessed.
    WitnessedOnce,
    /// The peer's socket is not visible from here; the bytes were acknowledged.
    NotVisible,
    /// The connection ended first.
    Abandoned,
}

/// The fields of `TCP_INFO` that secretcat shows (tcp(7), linux/tcp.h). The structure has another
/// length on every kernel: a field that this kernel does not have is `None`, never 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TcpSample {
    /// Segments sent that carried data, retransmissions included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_segs_out: Option<u64>,
    /// Segments received that carried data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_segs_in: Option<u64>,
    /// Segments sent, of any kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub segs_out: Option<u64>,
    /// Segments received, of any kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub segs_in: Option<u64>,
    /// Segments retransmitted over the life of the connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_retrans: Option<u64>,
    /// Segments sent and not yet acknowledged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unacked: Option<u64>,
    /// Bytes written by us that the kernel has not yet sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notsent_bytes: Option<u64>,
    /// Bytes acknowledged by the peer (the kernel counts the SYN as one).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes_acked: Option<u64>,
    /// Bytes received.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes_received: Option<u64>,
    /// Bytes retransmitted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes_retrans: Option<u64>,
    /// The largest segment we send, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snd_mss: Option<u64>,
    /// The peer's receive window, in bytes: 0 is a closed window.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snd_wnd: Option<u64>,
    /// Congestion window, in segments.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snd_cwnd: Option<u64>,
    /// Smoothed round-trip time, in microseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rtt: Option<u64>,
    /// Time the sender was limited by the peer's window, in microseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rwnd_limited: Option<u64>,
}

impl TcpSample {
    /// Segments of data sent for the first time: retransmissions are counted in `data_segs_out`
    /// and taken out here. Unknown where the kernel lacks either count.
    ///
    /// A retransmitted SYN or FIN counts in `total_retrans` only and has no bytes; there cannot be more
    /// retransmitted segments of data than retransmitted bytes.
    #[must_use]
    pub fn first_segments(&self) -> Option<u64> {
        let again = self.total_retrans?.min(self.bytes_retrans.unwrap_or(u64::MAX));
        Some(self.data_segs_out?.saturating_sub(again))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ending_is_that_of_the_error_of_the_kernel() {
        let of = |error| Ending::new(Some(error), false);
        assert_eq!(["connection reset by peer", "broken pipe"].map(of), [Ending::PeerReset; 2]);
        assert_eq!(["connection timed out", "no route to host"].map(of), [Ending::TimedOut, Ending::Failed]);
        assert_eq!([true, false].map(|reset| Ending::new(None, reset)), [Ending::Reset, Ending::Orderly]);
        assert_eq!(Ending::new(Some("not a TLS record"), true), Ending::Reset);
    }

    #[test]
    fn retransmitted_fin_is_not_a_data_segment() {
        let sample = |total_retrans, bytes_retrans| {
            TcpSample { data_segs_out: Some(100), total_retrans, bytes_retrans, ..TcpSample::default() }
                .first_segments()
        };
        assert_eq!(sample(Some(1), Some(0)), Some(100));
        assert_eq!(sample(Some(3), Some(2)), Some(98));
        assert_eq!(sample(Some(3), Some(4000)), Some(97));
        assert_eq!(sample(Some(3), None), Some(97));
        assert_eq!(sample(None, Some(0)), None);
    }
}
