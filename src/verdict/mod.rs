//! What a sweep makes of the replies: the same, different, or not proven; and how that is told.

mod json;
mod junit;
mod masks;
mod outcome;
mod repeat;
mod tally;
mod text;

pub use json::to_json;
pub use junit::to_junit;
pub use masks::{InvalidMask, Masks};
pub use outcome::{Baseline, BaselineError, Ending, Outcome, Unreachable, Verdict};
pub use repeat::repeat_command;
pub use tally::{Count, Difference, Subject, Tally};
pub use text::{describe, headline, to_text};
