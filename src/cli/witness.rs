//! The flags of `secretcat witness`, and the option that starts one.

use std::ffi::OsString;

use clap::Args;

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
    /// through a program that ends the connection and makes another one, such as docker-proxy, ssh -L or socat.
    #[arg(long, value_name = "COMMAND", help_heading = "Fragmentation")]
    witness: Option<OsString>,
}

impl WitnessFlag {
    pub(super) fn command(self) -> Option<OsString> {
        self.witness
    }
}
