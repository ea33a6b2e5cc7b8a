//! The real program, run against real peers: whole output and status compared.
#![allow(clippy::unwrap_used, clippy::missing_panics_doc, reason = "what is unexpected ends the test")]
#![allow(unreachable_pub, reason = "files shared between test binaries")]

#[path = "../support/mod.rs"]
mod support;

mod activation;
mod address;
mod bad_input;
mod beginnings;
mod calling;
mod check;
mod connect;
mod cutting;
mod endings;
mod interactive;
mod line_editor;
mod listen;
mod logging;
mod loopback;
mod memory;
mod message;
mod network;
mod no_reader;
mod options;
mod parting;
mod passing;
mod patience;
mod peers;
mod pipe;
mod progress;
mod proof;
mod raw;
mod record;
mod relay;
mod relayed_servers;
mod resolving;
mod retry;
mod seeing;
mod shown_options;
mod splicing;
mod threads;
mod threats;
mod uncounted;
mod uncuttable;
