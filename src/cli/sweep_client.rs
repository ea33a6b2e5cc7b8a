//! The flags of `sweep --client`.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::traffic;
use crate::config::{ClientCommand, ConfigError, Replies};
use crate::frame::Framing;
use crate::value::Family;

#[derive(Debug, Args)]
#[command(next_help_heading = "Clients")]
pub(super) struct ClientFlags {
    /// Sweep a client: run COMMAND for each plan, and cut the replies to it
    ///
    /// A shell runs COMMAND, in a process group of its own and an empty temporary directory; $OLDPWD is the directory of
    /// secretcat. {address}, {host} and {port} in it are the address of a listener that answers with the replies of
    /// --relay or --replies. Its stdout and its exit status are compared.
    #[arg(long, value_name = "COMMAND", value_hint = ValueHint::CommandString)]
    client: Option<OsString>,
    /// Answer the client with the replies of the server at ADDRESS
    ///
    /// The listener connects to ADDRESS for each connection of the client. The syntax is that of the ADDRESS of sweep.
    #[arg(long, value_name = "ADDRESS")]
    relay: Option<OsString>,
    /// Record the replies of --relay once, and replay them to the client
    ///
    /// A reply is sent when the client has sent as many bytes as before the recorded one. So the client must send the
    /// same bytes in each run, but for what --mask matches; two runs are compared first.
    #[arg(long)]
    replay: bool,
    /// Answer the client with the replies in FILE
    ///
    /// --framing divides FILE into replies, and the bytes of the client into requests. Each request gets the next reply,
    /// on whichever connection; after the last one the connection is closed. With --framing raw, FILE is one reply, which
    /// is sent when the first bytes of the client have come.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with = "relay")]
    replies: Option<PathBuf>,
}

impl ClientFlags {
    /// Whether a client is swept.
    pub(super) fn is_given(&self) -> bool {
        self.client.is_some()
    }

    /// The client, and where its replies come from; `None` if a server is swept.
    pub(super) fn into_parts(
        self,
        framing: Framing,
        greeting: usize,
        family: Family,
    ) -> Result<Option<(ClientCommand, Replies)>, ConfigError> {
        let Some(command) = self.client else { return Ok(None) };
        let replies = match (self.relay, self.replies) {
            (Some(address), _) => {
                Replies::Server { address: traffic::address(&[address], true, false, family)?, replay: self.replay }
            }
            (None, Some(path)) => Replies::File { path, framing, greeting },
            (None, None) => {
                let text = "--client needs replies: add --relay ADDRESS, its server, or --replies FILE";
                return Err(ConfigError::new(text));
            }
        };
        if command.is_empty() || command.clone().into_vec().contains(&0) {
            return Err(ConfigError::new("--client needs a command for sh -c, without zero bytes"));
        }
        Ok(Some((ClientCommand::new(command)?, replies)))
    }
}
