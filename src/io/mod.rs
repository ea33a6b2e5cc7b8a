//! The only place with sockets, files, clocks, threads and signals: what the kernel gives, made plain.

pub mod address;
pub mod conn;
pub mod console;
pub mod dial;
pub mod driver;
pub mod files;
pub mod listener;
pub mod peer_queue;
pub mod recorder;
pub mod report;
pub mod signal;
pub mod sockopt;
pub mod splice;
pub mod stream;
pub mod sys;
pub mod systemd;

use std::time::Instant;

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
