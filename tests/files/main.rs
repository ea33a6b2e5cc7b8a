//! `send` and `receive`: real programs on both sides, or a hostile one on one of them.
#![allow(clippy::unwrap_used, clippy::missing_panics_doc, reason = "what is unexpected ends the test")]
#![allow(unreachable_pub, reason = "files shared between test binaries")]

#[path = "../support/mod.rs"]
mod support;

mod changing;
mod disk;
mod existing;
mod hostile;
mod meeting;
mod pair;
mod resuming;
mod swept;
mod transfers;
