//! A witness: a program that runs where the server runs, and reports what the server's sockets have received and what
//! their programs have read.
//!
//! [`protocol`] has its questions and answers. [`watch`] is how it answers one. [`identity`] decides which socket is the
//! peer's, and what was seen of it.
//!
//! A listener of this program is a witness of its own reads: [`stream`] is how it answers, by the [`digest`] of what it
//! has read, and [`claim`] decides which of its connections is ours. [`questions`] has those that wait for an answer.

pub mod claim;
pub mod digest;
pub mod identity;
pub mod protocol;
pub mod questions;
pub mod stream;
pub mod watch;
