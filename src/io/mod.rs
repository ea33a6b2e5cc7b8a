//! The only module with sockets, files, clocks, threads, terminals and signals.

pub mod address;
mod alarms;
mod busy_poll;
pub mod clock;
pub mod command;
pub mod conn;
pub mod connector;
pub mod console;
pub mod dial;
pub mod dials;
pub mod encoding;
pub mod files;
pub mod greeting;
pub mod history;
pub mod key;
pub mod line_input;
mod lines;
pub mod listener;
pub mod manual;
pub mod outputs;
pub mod peer_queue;
pub mod private;
pub mod prompt;
pub mod proxy;
pub mod random;
pub mod reactor;
pub mod reads;
pub mod recorder;
pub mod report;
pub mod services;
pub mod signal;
pub mod sockopt;
pub mod splice;
pub mod start;
pub mod stream;
pub mod sys;
pub mod systemd;
pub mod temporary;
pub mod terminal;
pub mod threads;
#[cfg(feature = "tls")]
pub mod tls;
pub mod trace_file;
pub mod transcript;
pub mod transfer;
pub mod web;
pub mod witness;
pub mod worker;

use std::time::Instant;

/// The size of one read; larger reads are not faster.
const READ: usize = 64 * 1024;

/// The size of the buffer for one read. malloc(3) takes an allocation of this size from mmap(2), so that only
/// pages in use cost memory; a smaller buffer of `READ` bytes would be cleared as a whole, however little is
/// read.
#[must_use]
pub fn read_buffer() -> Vec<u8> {
    let mut buffer = vec![0; 4 * READ];
    buffer.truncate(READ);
    buffer
}

/// The result of a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Incoming {
    /// This many bytes were read to the start of the buffer.
    Bytes(usize),
    /// Bytes were read that are no data yet: part of a record, or of a handshake.
    Undecoded,
    /// Nothing can be read now; the reactor will report when.
    Blocked,
    /// Reading pauses until this time.
    Until(Instant),
    /// The end of the input.
    Eof,
}

/// The result of a flush.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flush {
    /// Everything is written.
    Idle,
    /// The kernel takes no more now; the reactor will report when.
    Blocked,
    /// Writing pauses until this time.
    Until(Instant),
    /// The budget of the turn ended before the work.
    More,
}
