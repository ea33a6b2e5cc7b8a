//! The first line of a trace: the program, the time and the command line.

use serde::Serialize;
use serde::ser::{SerializeSeq, Serializer};

use super::data::Data;

/// The version of the trace's schema. It increases when programs that read earlier traces would misread new
/// ones.
pub(super) const SCHEMA: u32 = 1;

/// The start of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Start {
    /// The time of day in the form of RFC 3339. `t` of each event counts from here.
    pub time: String,
    /// The version of the program.
    pub version: String,
    /// The name of the program and its arguments, as given.
    pub command: Vec<Vec<u8>>,
}

impl Start {
    /// The start of a run of this program at this time.
    #[must_use]
    pub fn of_this_program(time: String, command: Vec<Vec<u8>>) -> Start {
        Start { time, version: env!("CARGO_PKG_VERSION").to_owned(), command }
    }
}

#[derive(Serialize)]
struct Line<'a> {
    t: u64,
    conn: u64,
    r#type: &'static str,
    schema: u32,
    time: &'a str,
    version: &'a str,
    #[serde(serialize_with = "arguments")]
    command: &'a [Vec<u8>],
}

/// Appends the first line of a trace to `out`.
#[allow(clippy::missing_panics_doc)] // what it expects cannot fail
pub fn write_start(start: &Start, out: &mut Vec<u8>) {
    let line = Line {
        t: 0,
        conn: 0,
        r#type: "start",
        schema: SCHEMA,
        time: &start.time,
        version: &start.version,
        command: &start.command,
    };
    serde_json::to_writer(&mut *out, &line).expect("a line is numbers and strings, and a Vec takes every byte");
    out.push(b'\n');
}

/// Each argument as a string, or as `{"base64": "…"}` where it is not UTF-8.
fn arguments<S: Serializer>(command: &[Vec<u8>], serializer: S) -> Result<S::Ok, S::Error> {
    let mut list = serializer.serialize_seq(Some(command.len()))?;
    for argument in command {
        match std::str::from_utf8(argument) {
            Ok(text) => list.serialize_element(text)?,
            Err(_) => list.serialize_element(&Data::all(argument))?,
        }
    }
    list.end()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_line_has_version_time_and_command() {
        let command = ["secretcat", "connect", "-m"].map(|word| word.as_bytes().to_vec()).to_vec();
        let command = [command, vec![b"a \"b\"\n".to_vec(), b"\xff".to_vec()]].concat();
        let mut line = Vec::new();
        write_start(&Start::of_this_program("2026-11-26T06:14:54.000000001Z".into(), command), &mut line);
        let version = env!("CARGO_PKG_VERSION");
        let expected = format!(
            "{{\"t\":0,\"conn\":0,\"type\":\"start\",\"schema\":1,\"time\":\"2026-11-26T06:14:54.000000001Z\",\
             \"version\":\"{version}\",\"command\":[\"secretcat\",\"connect\",\"-m\",\"a \\\"b\\\"\\n\",\
             {{\"base64\":\"/w==\"}}]}}\n"
        );
        assert_eq!(String::from_utf8(line).unwrap(), expected);
    }
}
