//! `secretcat send` and `secretcat receive`: files over one connection, until both sides know that they are saved.
//!
//! [`meeting`] makes the connection or accepts it, and [`exchange`] runs one transfer over it, whose sides are [`send`] and
//! [`receive`]. `ending` closes it.

mod arrivals;
mod ending;
mod exchange;
mod meeting;
mod meter;
mod peer;
pub mod receive;
pub mod send;
mod wire;
