//! Plans read back: from a trace, from the findings of a sweep, or from a file that holds only a plan.

use std::fmt;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use thiserror::Error;

use crate::plan::Plan;

/// The fields of an event line that are not fields of its plan.
const ENVELOPE: [&str; 3] = ["t", "conn", "type"];

/// The error of a trace or plan file without a usable plan, with its position.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("line {line}, column {column}: {message}")]
pub struct PlanFileError {
    /// The line, from 1.
    pub line: usize,
    /// The column in bytes, from 1.
    pub column: usize,
    /// The problem. It may quote the file: escape it before printing.
    pub message: String,
}

/// Reads the first plan from a trace, from what `sweep --json` found, or from a file that is only a plan object
/// (over as many lines as it likes). Lines before the plan are skipped, but must be objects; text after the
/// plan is not read, because the run may have ended in the middle of a line.
pub fn read_plan(bytes: &[u8]) -> Result<Plan, PlanFileError> {
    let mut objects = serde_json::Deserializer::from_slice(bytes).into_iter::<Head>();
    loop {
        let begin = skip_space(bytes, objects.byte_offset());
        let Some(head) = objects.next() else { break };
        let head = head.map_err(|error| PlanFileError::new(&error, (1, 0)))?;
        let object = &bytes[begin..objects.byte_offset()];
        match head.kind.as_deref() {
            Some("plan") => return parse(object, place(bytes, begin)),
            Some(_) => {}
            None if head.is_of_a_sweep && begin == skip_space(bytes, 0) => {
                let findings: Findings = decode(object, place(bytes, begin))?;
                let plan = findings.differences.into_iter().next().map(|finding| finding.plan);
                return plan.ok_or_else(|| {
                    PlanFileError::at(place(bytes, begin), "this sweep found no difference, so it has no plan")
                });
            }
            // Only a file that contains a plan and nothing else may omit the type.
            None if begin == skip_space(bytes, 0) => {
                let plan = parse(object, place(bytes, begin))?;
                let rest = skip_space(bytes, objects.byte_offset());
                return if rest == bytes.len() {
                    Ok(plan)
                } else {
                    Err(PlanFileError::at(
                        place(bytes, rest),
                        "a plan without a type must be the only value in its file",
                    ))
                };
            }
            None => return Err(PlanFileError::at(place(bytes, begin), "missing field `type`")),
        }
    }
    Err(PlanFileError::at(place(bytes, bytes.len()), "the file has no plan"))
}

/// Reads the plan in one object, which begins at `from` in its file.
fn parse(object: &[u8], from: (usize, usize)) -> Result<Plan, PlanFileError> {
    decode::<Line>(object, from).map(|line| line.0)
}

/// Reads one object, which begins at `from` in its file.
fn decode<'a, T: Deserialize<'a>>(object: &'a [u8], from: (usize, usize)) -> Result<T, PlanFileError> {
    serde_json::from_slice(object).map_err(|error| PlanFileError::new(&error, from))
}

/// The part of a sweep's findings that is needed.
#[derive(Deserialize)]
struct Findings {
    differences: Vec<Finding>,
}

#[derive(Deserialize)]
struct Finding {
    plan: Plan,
}

/// The offset of the first byte at or after `from` that is not JSON white space.
fn skip_space(bytes: &[u8], from: usize) -> usize {
    let rest = &bytes[from..];
    from + rest.iter().position(|b| !b" \t\r\n".contains(b)).unwrap_or(rest.len())
}

/// The line of the byte at `offset`, from 1, and how many bytes of that line stand before it.
fn place(bytes: &[u8], offset: usize) -> (usize, usize) {
    let before = &bytes[..offset];
    let line_start = memchr::memrchr(b'\n', before).map_or(0, |at| at + 1);
    (memchr::memchr_iter(b'\n', before).count() + 1, offset - line_start)
}

impl PlanFileError {
    fn at((line, before): (usize, usize), message: &str) -> PlanFileError {
        PlanFileError { line, column: before + 1, message: message.to_owned() }
    }

    /// The error of serde for an object that begins at `from`, without its "at line 1 column 2".
    fn new(error: &serde_json::Error, from: (usize, usize)) -> PlanFileError {
        let text = error.to_string();
        let place = format!(" at line {} column {}", error.line(), error.column());
        let message = text.strip_suffix(&place).unwrap_or(&text).to_owned();
        let (line, column) = (error.line().max(1), error.column());
        let before = if line == 1 { from.1 } else { 0 };
        PlanFileError { line: from.0 + line - 1, column: (before + column).max(1), message }
    }
}

/// The type of an object, ignoring its other fields.
struct Head {
    kind: Option<String>,
    is_of_a_sweep: bool,
}

impl<'de> Deserialize<'de> for Head {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Head, D::Error> {
        deserializer.deserialize_map(HeadVisitor)
    }
}

struct HeadVisitor;

impl<'de> Visitor<'de> for HeadVisitor {
    type Value = Head;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Head, A::Error> {
        let (mut kind, mut is_of_a_sweep) = (None, false);
        while let Some(key) = map.next_key::<String>()? {
            is_of_a_sweep |= key == "differences";
            if key != "type" {
                map.next_value::<IgnoredAny>()?;
            } else if kind.replace(map.next_value::<String>()?).is_some() {
                return Err(A::Error::duplicate_field("type"));
            }
        }
        Ok(Head { kind, is_of_a_sweep })
    }
}

/// A plan in an object that may also have the fields of an event.
struct Line(Plan);

impl<'de> Deserialize<'de> for Line {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Line, D::Error> {
        deserializer.deserialize_map(LineVisitor)
    }
}

struct LineVisitor;

impl<'de> Visitor<'de> for LineVisitor {
    type Value = Line;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a plan object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Line, A::Error> {
        Plan::deserialize(MapAccessDeserializer::new(Inner(map))).map(Line)
    }
}

/// A map without the fields of the event, because `Plan` refuses unknown fields.
struct Inner<A>(A);

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Inner<A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        while let Some(key) = self.0.next_key::<String>()? {
            if ENVELOPE.contains(&key.as_str()) {
                self.0.next_value::<IgnoredAny>()?;
            } else {
                return seed.deserialize(serde::de::value::StringDeserializer::new(key)).map(Some);
            }
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        self.0.next_value_seed(seed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Cutting;
    use crate::trace::samples::{event, every_kind};
    use crate::trace::{EventKind, Start, write_line, write_start};
    use crate::value::Seed;
    use proptest::prelude::*;

    fn wrong(text: &str) -> String {
        read_plan(text.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn plan_is_read_from_a_trace() {
        let (mut trace, mut plans) = (Vec::new(), Vec::new());
        for event in every_kind() {
            write_line(&event, &mut trace);
            if let EventKind::Plan(plan) = event.what {
                plans.push(plan);
            }
        }
        assert!(plans.len() > 1, "the first of several is meant");
        assert_eq!(read_plan(&trace), Ok(plans.remove(0)));
        for plan in plans {
            let mut line = Vec::new();
            write_line(&event(5, 2, EventKind::Plan(plan.clone())), &mut line);
            assert_eq!(read_plan(&line), Ok(plan));
        }
    }

    #[test]
    fn first_line_of_a_trace_is_skipped() {
        let mut trace = Vec::new();
        let command = ["secretcat", "--plan", "{\"type\":\"plan\"}"].map(|word| word.as_bytes().to_vec()).to_vec();
        write_start(&Start::of_this_program(String::new(), command), &mut trace);
        assert_eq!(wrong(std::str::from_utf8(&trace).unwrap()), "line 2, column 1: the file has no plan");
        write_line(&event(5, 1, EventKind::Plan(Plan::default())), &mut trace);
        assert_eq!(read_plan(&trace), Ok(Plan::default()));
    }

    #[test]
    fn plan_is_read_from_a_truncated_trace() {
        assert!(read_plan(b"{\"type\":\"eof\"}\n{\"type\":\"plan\",\"cutting\":\"whole\"}\n{\"type\":\"wri").is_ok());
    }

    #[test]
    fn plan_is_read_from_a_file_of_its_own() {
        let plan = read_plan(b"\n{\n  \"cutting\": {\"chunk\": \"1..7\"},\n  \"seed\": 5\n}\n").unwrap();
        assert!(matches!(plan.cutting, Cutting::Chunk(range) if range.min != range.max));
        assert_eq!(plan.seed, Seed(5));
        assert_eq!(read_plan(&serde_json::to_vec(&plan).unwrap()), Ok(plan));
    }

    #[test]
    fn plan_is_read_from_a_sweep_report() {
        let found =
            "{\n \"same\": 3,\n \"differences\": [\n  {\"cuts\": [5], \"plan\": {\"cutting\": {\"cut\": \"5\"}}}]}";
        assert!(matches!(read_plan(found.as_bytes()).unwrap().cutting, Cutting::Cut(_)));
        assert_eq!(
            wrong("{\"differences\":[]}"),
            "line 1, column 1: this sweep found no difference, so it has no plan"
        );
        let broken = wrong(&found.replace("\"5\"}", "\"0\"}"));
        assert!(broken.starts_with("line 4, column 4") && broken.contains("is not a cut offset"), "{broken}");
    }

    #[test]
    fn errors_have_line_and_column() {
        assert_eq!(wrong(""), "line 1, column 1: the file has no plan");
        assert_eq!(wrong("{\"type\":\"eof\"}\n"), "line 2, column 1: the file has no plan");
        assert_eq!(wrong("17"), "line 1, column 2: invalid type: integer `17`, expected an object");
        assert_eq!(
            wrong("{\"type\":\"eof\"}\n{\"type\":5}"),
            "line 2, column 9: invalid type: integer `5`, expected a string"
        );
        assert_eq!(wrong("{\"type\":\"eof\"}\n{\"t\":5}"), "line 2, column 1: missing field `type`");
        assert_eq!(wrong("{\"type\":\"eof\",\"type\":\"plan\"}"), "line 1, column 28: duplicate field `type`");
        assert_eq!(
            wrong("{\"cutting\":\"whole\"}\n{}"),
            "line 2, column 1: a plan without a type must be the only value in its file"
        );
        assert_eq!(wrong("{\"type\":\"eof\"}\n{\"type\":"), "line 2, column 8: EOF while parsing a value");
    }

    #[test]
    fn errors_inside_a_plan_have_line_and_column_of_the_file() {
        let unknown = wrong("{\"type\":\"eof\"}\n  {\"type\":\"plan\",\"cuts\":1}");
        assert!(unknown.starts_with("line 2, column 23: unknown field `cuts`, expected one of `cutting`"), "{unknown}");
        assert_eq!(wrong("{\n \"seed\": 5\n}"), "line 3, column 1: missing field `cutting`");
    }

    proptest! {
        #[test]
        fn no_input_causes_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read_plan(&bytes);
        }

        #[test]
        fn no_truncated_trace_causes_a_panic(cut in 0usize..2000) {
            let mut trace = Vec::new();
            for event in every_kind() {
                write_line(&event, &mut trace);
            }
            trace.truncate(cut);
            let _ = read_plan(&trace);
        }
    }
}
