//! The flags of rooms.

use clap::Args;

use crate::config::{ConfigError, RoomsMode};
use crate::service::rooms::Rate;
use crate::value::{Count, Size};

#[derive(Debug, Args)]
#[command(next_help_heading = "Rooms")]
pub(super) struct RoomsFlags {
    /// Send each new member the last N lines of a room [default: 10]
    ///
    /// Rooms keep the last 1000 lines each, or N if that is more, and 16 MiB together; the oldest are removed first.
    /// /history N shows more of them. With 0, no lines are kept.
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    history: Option<Count>,
    /// Keep at most SIZE of lines in memory for all rooms [default: 16M]
    ///
    /// The oldest lines of all rooms are removed first. A line takes about 200 bytes more than its text.
    #[arg(long, value_name = "SIZE", allow_hyphen_values = true)]
    history_memory: Option<Size>,
    /// Let at most N members into a room [default: 10000]
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    room_members: Option<Count>,
    /// Let members begin at most N rooms [default: 1000]
    ///
    /// Rooms with members, lines or a topic count.
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    max_rooms: Option<Count>,
    /// Let a member send N lines a second, and BURST at once [default: 10/30]
    ///
    /// Lines of more than 512 bytes count more than once. Beyond the rate, reading from the member pauses. Without
    /// BURST, it is three times N. With 0 there is no limit.
    #[arg(long, value_name = "N[/BURST]", allow_hyphen_values = true)]
    rate_limit: Option<Rate>,
    /// Take part as the operator: read lines from stdin, and print to stdout
    ///
    /// The operator has the name operator, and the commands /kick and /ban. /quit stops the listener, the end of stdin
    /// does not.
    #[arg(long)]
    console: bool,
}

impl RoomsFlags {
    pub(super) fn into_config(self) -> Result<RoomsMode, ConfigError> {
        for (option, number) in [("--room-members", self.room_members), ("--max-rooms", self.max_rooms)] {
            if number == Some(Count(0)) {
                return Err(ConfigError::new(format!("{option} 0 would let nobody in: give 1 or more")));
            }
        }
        Ok(RoomsMode {
            replay: self.history.map(Count::in_memory),
            console: self.console,
            history_memory: self.history_memory.map(|Size(size)| usize::try_from(size).unwrap_or(usize::MAX)),
            members: self.room_members.map(Count::in_memory),
            rooms: self.max_rooms.map(Count::in_memory),
            rate: self.rate_limit,
        })
    }
}
