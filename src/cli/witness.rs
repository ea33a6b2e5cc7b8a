//! The flags of `secretcat witness`, and the option that starts one.

use std::ffi::OsString;

use clap::Args;

use super::traffic;
use crate::config::ConfigError;
use crate::value::Address;

/// Report what the sockets of this host have read, to another secretcat
///
/// It answers the questions of a secretcat that runs elsewhere with --witness, over stdin and stdout, until stdin ends.
/// No privileges are needed. It sees the sockets of its network namespace (Linux only).
#[derive(Debug, Args)]
pub(super) struct WitnessFlags {}

/// The option of commands that cut the bytes of connections.
#[derive(Debug, Default, Args)]
pub(super) struct WitnessFlag {
    /// Start COMMAND to see what the peer has read on another host
    ///
    /// COMMAND is a shell command that runs 'secretcat witness' where the peer runs: 'ssh HOST secretcat witness',
    /// 'docker exec -i NAME secretcat witness', or with kubectl exec -i or nsenter. It is asked where the peer's socket
    /// is not on this host. --barrier peer-read then works as on one host, also through address translation, but not
    /// through a program that ends the connection and makes another one, such as docker-proxy, ssh -L or socat. A peer
    /// that is 'secretcat listen --answer-witness' proves its own reads, also through these and through --proxy: give
    /// its address as tcp:HOST:PORT or unix:PATH.
    #[arg(long, value_name = "COMMAND", help_heading = "Fragmentation")]
    witness: Option<OsString>,
}

/// The option of a listener that proves its own reads.
#[derive(Debug, Default, Args)]
pub(super) struct AnswerFlag {
    /// Report what was read, to --witness tcp:ADDRESS of a client
    ///
    /// A client with --barrier peer-read or sweep learns when this listener has read the bytes that the client has
    /// sent, also through a program that ends the connection. ADDRESS is HOST:PORT, :PORT, *:PORT or unix:PATH, by
    /// default 127.0.0.1:4501. Programs that connect to it see how many bytes were read from a connection if they know
    /// these bytes, and no bytes.
    #[arg(long, value_name = "ADDRESS", num_args = 0..=1, require_equals = true, default_missing_value = ANSWER_ADDRESS,
          help_heading = "Fragmentation")]
    answer_witness: Option<OsString>,
}

/// Where a listener answers --witness, if no address is given.
const ANSWER_ADDRESS: &str = "127.0.0.1:4501";

impl AnswerFlag {
    pub(super) fn address(self) -> Result<Option<Address>, ConfigError> {
        self.answer_witness.as_deref().map(traffic::one_word).transpose()
    }
}

impl WitnessFlag {
    pub(super) fn command(self) -> Option<OsString> {
        self.witness
    }
}
