//! The only place with sockets, files, clocks, threads and signals.

pub mod peer_queue;
pub mod sockopt;
pub mod sys;
