//! Events as text, JSON lines and a summary; and plans read from a trace.

mod conns;
mod data;
mod durations;
mod event;
mod hex;
mod histogram;
mod json;
mod plan_file;
mod progress;
mod read;
mod replies;
#[cfg(test)]
pub(crate) mod samples;
mod start;
mod stats;
mod text;
mod tls;
pub(crate) mod units;

pub use conns::{ConnHasher, ConnMap};
pub use data::Data;
pub use event::{BarrierOutcome, ConnId, Direction, Ending, Event, EventKind, Side, Sink, TcpSample};
pub use hex::hex_lines;
pub use json::write_line;
pub use plan_file::{PlanFileError, read_plan};
pub use progress::{Plans, Transfer};
pub use read::{TraceLine, parse_line};
pub use replies::ReplyTimes;
pub use start::{Start, write_start};
pub use stats::Summary;
pub use text::describe;
pub(crate) use text::{established, plan_flags, shown};
pub use tls::TlsSession;
