//! The only place with sockets, files, clocks, threads and signals: what the kernel gives, made plain.

pub mod address;
mod busy_poll;
pub mod conn;
pub mod console;
pub mod dial;
pub mod driver;
pub mod files;
pub mod line_input;
pub mod listener;
pub mod peer_queue;
pub mod recorder;
pub mod report;
pub mod services;
pub mod signal;
pub mod sockopt;
pub mod splice;
pub mod stream;
pub mod sys;
pub mod systemd;
pub mod terminal;

use std::time::Instant;

/// The most one read takes; reads of more are no faster.
const READ: usize = 64 * 1024;

/// Room for one read. Of an allocation of this size a page is there only once it is touched, for
/// malloc(3) has it from mmap(2); one of `READ` bytes it would clear as a whole, however little is read.
#[must_use]
pub fn read_buffer() -> Vec<u8> {
    let mut buffer = vec![0; 4 * READ];
    buffer.truncate(READ);
    buffer
}

/// How a read came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Incoming {
    /// So many bytes stand at the front of the buffer.
    Bytes(usize),
    /// Nothing is there now; the driver will tell.
    Blocked,
    /// Nothing is read before this time.
    Until(Instant),
    /// Nothing more will come.
    Eof,
}

/// How writing out came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flush {
    /// All is written.
    Idle,
    /// The kernel takes no more now; the driver will tell.
    Blocked,
    /// Nothing is written before this time.
    Until(Instant),
    /// The turn is over before the work was.
    More,
}
