//! A witness: a program that runs where the server runs, and reports what the server's sockets have received and what
//! their programs have read.
//!
//! [`protocol`] has its questions and answers. [`watch`] is how it answers one. [`identity`] decides which socket is the
//! peer's, and what was seen of it.

pub mod identity;
pub mod protocol;
pub mod watch;
