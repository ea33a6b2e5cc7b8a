//! The verdicts of a sweep (same, different, not proven) and its reports.

mod cause;
mod client;
mod finding;
mod findings;
mod html;
mod json;
mod junit;
mod masks;
mod outcome;
mod repeat;
mod shell;
mod shown;
mod tally;
mod text;

pub use client::ClientSubject;
pub use finding::{excerpt, expectation};
pub use findings::{Findings, Run, Stretch};
pub use html::to_html;
pub use json::to_json;
pub use junit::to_junit;
pub use masks::{InvalidMask, Masks};
pub use outcome::{
    Baseline, BaselineError, Ending, Outcome, Proof, Unreachable, Verdict, unsteady_ending, unsteady_output,
};
pub use repeat::{MessageSource, SubjectDialog, repeat_command};
pub use tally::{Count, Difference, Mark, Part, SingleCut, Subject, SubjectProxy, SubjectWitness, Tally};
pub use text::{describe, headline, to_text};
