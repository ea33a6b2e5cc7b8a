//! The flags of rooms.

use clap::Args;

use crate::config::RoomsMode;
use crate::value::Count;

#[derive(Debug, Args)]
#[command(next_help_heading = "Rooms")]
pub(super) struct RoomsFlags {
    /// Send each new member the last N lines of a room [default: 10]
    ///
    /// Rooms keep the last 1000 lines each, or N if that is more, and 16 MiB together; the oldest are removed first.
    /// /history N shows more of them. With 0, no lines are kept.
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    history: Option<Count>,
    /// Take part as the operator: read lines from stdin, and print to stdout
    ///
    /// The operator has the name operator, and the commands /kick and /ban. /quit stops the listener, the end of stdin
    /// does not.
    #[arg(long)]
    console: bool,
}

impl RoomsFlags {
    pub(super) fn into_config(self) -> RoomsMode {
        RoomsMode { replay: self.history.map(Count::in_memory), console: self.console }
    }
}
