//! The real program, run against real peers: whole output and status compared.
#![allow(clippy::unwrap_used, clippy::missing_panics_doc, reason = "what is unexpected ends the test")]
#![allow(unreachable_pub, reason = "files shared between test binaries")]

#[path = "../support/mod.rs"]
mod support;

mod accept_proxy;
mod activation;
mod address;
mod auth;
#[cfg(feature = "tls")]
mod auth_tls;
mod bad_input;
mod balancer;
mod bytes;
mod capture;
mod chat_client;
mod check;
mod closing;
mod connect;
mod connecting;
mod cut_at;
mod cutting;
mod documents;
mod help;
mod history;
mod interactive;
mod invalid_cuts;
mod irc;
mod irc_clients;
mod irc_crowd;
mod irc_login;
mod line_editor;
mod listen;
mod live_page;
mod logging;
mod login;
mod long_lines;
mod loopback;
mod memory;
mod message;
mod metrics;
mod name_lookup;
mod namespaces;
mod network;
mod no_reader;
mod options;
mod output_files;
mod outputs;
mod own_reads;
mod passwd;
mod peers;
mod pipe;
mod probing;
mod progress;
mod proof;
mod proxies;
mod proxy;
mod proxy_header;
mod raw;
mod record;
mod relay;
mod relay_tls;
mod relayed_servers;
mod retry;
mod rooms;
mod rooms_transcript;
mod rooms_via;
mod rooms_via_irc;
#[cfg(feature = "tls")]
mod rooms_via_tls;
#[cfg(feature = "tls")]
mod seen_tls;
mod shown_options;
mod signals;
mod splicing;
mod stats;
mod threads;
mod threats;
mod timeline;
mod timeouts;
#[cfg(feature = "tls")]
mod tls_losses;
mod transcript;
mod transcript_disk;
mod transcript_files;
mod transcript_slow;
mod transcript_sync;
mod transfers;
mod uncounted_replies;
mod witness;
