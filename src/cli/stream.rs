//! The flags of commands that send stdin and write to stdout: `connect --raw`, `listen --service pipe`.

use clap::Args;

use crate::config::{Direction, StreamConfig};
use crate::value::Span;

#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Streams")]
pub(super) struct StreamFlags {
    /// Do not read stdin
    ///
    /// The connection is half-closed after the peer has closed its side and the last byte is written to stdout.
    #[arg(long, conflicts_with = "send_only")]
    recv_only: bool,
    /// Discard received bytes, and end when stdin has ended
    ///
    /// The connection is half-closed when stdin ends, even if stdin is /dev/null, and ends when everything is
    /// acknowledged.
    #[arg(long)]
    send_only: bool,
    /// End the connection when the peer closes its side
    ///
    /// Without this option the rest of stdin is sent first, because the peer may still be reading.
    /// The status is 1 when stdin had bytes that were not sent.
    #[arg(long)]
    end_with_peer: bool,
    /// Wait at most TIME for the acknowledgement of the last bytes
    ///
    /// The default is 5s. The status is 1 if they are not acknowledged in time.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    ack_timeout: Option<Span>,
}

impl StreamFlags {
    /// Whether `--send-only` was given: the connection ends with stdin.
    pub(super) fn is_send_only(&self) -> bool {
        self.send_only
    }

    pub(super) fn into_config(self) -> StreamConfig {
        StreamConfig {
            direction: match () {
                () if self.recv_only => Direction::Receive,
                () if self.send_only => Direction::Send,
                () => Direction::Both,
            },
            end_with_peer: self.end_with_peer,
            ack_timeout: self.ack_timeout.map(|Span(time)| time),
        }
    }
}
