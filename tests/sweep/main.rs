//! The real `secretcat sweep` against correct, wrong, slow and broken servers.
#![allow(clippy::unwrap_used, clippy::missing_panics_doc, reason = "what is unexpected ends the test")]
#![allow(unreachable_pub, reason = "files shared between test binaries")]

#[path = "../support/mod.rs"]
mod support;

mod bad_clients;
mod bad_commands;
mod bad_servers;
mod ci_templates;
mod clients;
mod corpus;
mod cut_at;
mod framing;
#[cfg(feature = "tls")]
mod handshake;
mod http;
mod mutants;
mod page;
mod protocols;
mod proxy_header;
mod repeat;
mod reports;
mod servers;
mod stopping;
mod verdicts;
mod witness;
