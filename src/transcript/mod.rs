//! The transcript: the messages of a run as JSON lines, one file for many runs. Here are its lines, as functions of
//! bytes; `io::transcript` writes them, and the schema is `tests/cases/transcript.schema.json`.
//!
//! The first line is a [`Header`]. Each other line begins with an `id`: the number of a message in this file and in the
//! files that were rotated before it. No number is left out: where messages were lost, a line says how many.

mod line;
mod parse;
mod show;

pub use line::{Header, Message, write_gap, write_header, write_message};
pub use parse::{BadLine, Line, Payload, Record, header_begins, parse, parse_header};
pub use show::{Selection, show};
