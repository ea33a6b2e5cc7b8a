//! The flags of `secretcat history`.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use crate::config::HistoryConfig;
use crate::value::{Count, Expression, Since};

/// Print the messages in a file of --transcript
///
/// The files that were renamed to FILE.1, FILE.2 and so on are read too, the oldest first.
#[derive(Debug, Args)]
pub(super) struct HistoryFlags {
    /// Read the transcript FILE (-: stdin)
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    file: PathBuf,
    /// Print only messages of room NAME
    ///
    /// Upper and lower case are the same, and NAME may begin with the # of IRC.
    #[arg(long, value_name = "NAME")]
    room: Option<String>,
    /// Print only messages since TIME
    ///
    /// TIME is a date such as 2026-11-26, a time in UTC such as 2026-11-26T18:39:08Z, or a time ago such as 90m.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    since: Option<Since>,
    /// Print only messages in which REGEX matches
    #[arg(long, value_name = "REGEX", allow_hyphen_values = true)]
    grep: Option<Expression>,
    /// Print only the last N messages
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    last: Option<Count>,
    /// Print the JSON lines as they are in the file
    #[arg(long)]
    json: bool,
}

impl HistoryFlags {
    pub(super) fn into_config(self) -> HistoryConfig {
        HistoryConfig {
            file: Some(self.file).filter(|file| file.as_os_str() != "-"),
            room: self.room,
            since: self.since,
            grep: self.grep,
            last: self.last.map(Count::in_memory),
            json: self.json,
        }
    }
}
