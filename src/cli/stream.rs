//! The flags of what passes bytes between the standard streams and a connection.

use clap::Args;

use crate::config::{Direction, StreamConfig};
use crate::value::Span;

#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Streams")]
pub(super) struct StreamFlags {
    /// Do not read stdin
    ///
    /// The half-close follows when the peer has ended and stdout has taken its last byte.
    #[arg(long, conflicts_with = "send_only")]
    recv_only: bool,
    /// Drop what the peer sends; end when stdin has ended
    ///
    /// Half-closes when stdin ends, also where stdin is /dev/null, and ends when everything is
    /// acknowledged.
    #[arg(long)]
    send_only: bool,
    /// End the connection when the peer ends its side
    ///
    /// Without it what stdin still has is sent first, for the peer may have ended only its own side.
    /// The status is 1 when stdin had bytes that were not sent.
    #[arg(long)]
    end_with_peer: bool,
    /// Wait at most TIME for the acknowledgement of the last bytes
    ///
    /// The default is 5s. When it has passed, the status is 1.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    ack_timeout: Option<Span>,
}

impl StreamFlags {
    /// Whether only stdin counts: its end is the connection's.
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
