//! One connection without its socket: what is written next and when, as functions of bytes and time.

pub mod outbox;
