//! One connection without its socket: what is written next and when, and what lies between plaintext
//! and wire, as functions of bytes and time.

pub mod codec;
pub mod flow;
pub mod life;
pub mod outbox;
pub mod proxy;
pub mod witness;
