//! TLS with real peers: whole output and status compared.
#![cfg(feature = "tls")]
#![allow(clippy::unwrap_used, clippy::missing_panics_doc, reason = "what is unexpected ends the test")]
#![allow(unreachable_pub, reason = "files shared between test binaries")]

#[path = "../support/mod.rs"]
mod support;

mod certificates;
mod clients;
mod endings;
mod hostile;
mod known;
mod modes;
mod servers;
