//! The flags that make `connect` a probe of a server.

use clap::Args;

use crate::config::{Probe, Rounds};
use crate::value::{Count, Expression, Span};

#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Probe")]
pub(super) struct ProbeFlags {
    /// Send the messages of -m N times; 0: until a signal
    ///
    /// All rounds use one connection. A round begins when the replies of the previous one have arrived and --interval is
    /// over. With --stats, the summary has the reply time of all of them.
    #[arg(long, value_name = "N", allow_hyphen_values = true, conflicts_with_all = ["raw", "reconnect"])]
    repeat: Option<Count>,
    /// Begin a round every TIME (default 1s; 0: no pause)
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, requires = "repeat")]
    interval: Option<Span>,
    /// Expect REGEX in each reply; otherwise the status is 1
    ///
    /// The run goes on after a reply that does not match, and with --repeat prints it at once, at most 10 a second. The
    /// lines of --greeting are not replies.
    #[arg(long, value_name = "REGEX", conflicts_with = "raw")]
    expect: Option<Expression>,
    /// Print each reply as a JSON object in one line
    ///
    /// It has the number of the message, the reply as text or base64, the reply time in nanoseconds, and the time of day.
    #[arg(long, conflicts_with = "raw")]
    json: bool,
}

impl ProbeFlags {
    pub(super) fn into_config(self) -> Probe {
        let interval = self.interval.map_or(Rounds::INTERVAL, |Span(interval)| interval);
        let rounds = self.repeat.map(|Count(times)| Rounds { times, interval });
        Probe { rounds, expect: self.expect, json: self.json }
    }
}
