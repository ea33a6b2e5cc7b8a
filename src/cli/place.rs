//! The flags of a member of a room.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

use clap::Args;

use crate::config::{ConfigError, place};
use crate::service::chat_client::Place;

#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Rooms")]
pub(super) struct PlaceFlags {
    /// Take part as NAME in a room of listen --service rooms
    ///
    /// connect sends /nick NAME first. At a terminal it is a chat client: it prints lines above the line that is being
    /// typed, with their times and names in colour, and TAB completes commands and names. /quit or Ctrl-D ends it. In a
    /// script it sends stdin and prints what it receives; replies are not counted.
    #[arg(long, value_name = "NAME")]
    name: Option<OsString>,
    /// Take part in room ROOM of listen --service rooms
    ///
    /// connect sends /join ROOM first. Without --name or --user, the server chooses a name.
    #[arg(long, value_name = "ROOM")]
    room: Option<OsString>,
}

impl PlaceFlags {
    pub(super) fn into_config(self) -> Result<Option<Place>, ConfigError> {
        place(self.name.as_deref().map(OsStrExt::as_bytes), self.room.as_deref().map(OsStrExt::as_bytes))
    }
}
