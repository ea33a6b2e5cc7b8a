//! Events as JSON lines (newline-delimited, the schema is `tests/cases/trace.schema.json`).

use super::event::Event;

/// Appends `event` to `out` as one line: a JSON object whose first fields are `t`, `conn` and `type`, and a
/// line feed. An unknown value is left out, never null.
#[allow(clippy::missing_panics_doc)] // its expect cannot fail
pub fn write_line(event: &Event, out: &mut Vec<u8>) {
    serde_json::to_writer(&mut *out, event)
        .expect("an event is numbers, strings and plain structs, and a Vec takes every byte");
    out.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::samples::{event, every_kind};
    use crate::trace::{Data, EventKind, Start, TcpSample, TraceLine, parse_line, write_start};
    use serde_json::Value;

    fn line(event: &Event) -> String {
        let mut out = Vec::new();
        write_line(event, &mut out);
        String::from_utf8(out).unwrap()
    }

    fn schema() -> Value {
        serde_json::from_str(include_str!("../../tests/cases/trace.schema.json")).unwrap()
    }

    #[test]
    fn line_is_one_object_with_its_fields_in_order() {
        let write = event(1_250_000, 3, EventKind::Write { offset: 10, asked: 5, accepted: 5, pinned: false });
        assert_eq!(
            line(&write),
            "{\"t\":1250000,\"conn\":3,\"type\":\"write\",\"offset\":10,\"asked\":5,\"accepted\":5}\n"
        );
    }

    #[test]
    fn unknown_fields_are_absent() {
        let sample = event(7, 1, EventKind::Sample(TcpSample { unacked: Some(0), ..TcpSample::default() }));
        assert_eq!(line(&sample), "{\"t\":7,\"conn\":1,\"type\":\"sample\",\"unacked\":0}\n");
        assert_eq!(
            line(&event(8, 1, EventKind::Close { error: None, reset: false })),
            "{\"t\":8,\"conn\":1,\"type\":\"close\"}\n"
        );
    }

    #[test]
    fn data_is_the_last_field() {
        let read = Event { data: Some(Data::head(b"a\"b\n")), ..event(7, 1, EventKind::Read { offset: 0, len: 4 }) };
        assert_eq!(
            line(&read),
            "{\"t\":7,\"conn\":1,\"type\":\"read\",\"offset\":0,\"len\":4,\"text\":\"a\\\"b\\n\"}\n"
        );
    }

    #[test]
    fn hostile_peer_name_does_not_break_the_line() {
        let close = event(0, 1, EventKind::Close { error: Some("a\n\u{1b}[2J\u{2028}".into()), reset: false });
        assert_eq!(line(&close).matches('\n').count(), 1);
        assert_eq!(serde_json::from_str::<Value>(&line(&close)).unwrap()["error"], "a\n\u{1b}[2J\u{2028}");
    }

    #[test]
    fn every_kind_of_event_is_in_the_schema() {
        let validator = jsonschema::draft202012::new(&schema()).unwrap();
        let mut kinds = std::collections::BTreeSet::new();
        let mut start = Vec::new();
        write_start(&Start { command: vec![b"secretcat".to_vec(), b"\xff".to_vec()], ..Start::default() }, &mut start);
        let lines = every_kind().iter().map(line).chain([String::from_utf8(start).unwrap()]).collect::<Vec<_>>();
        for line in lines {
            let value: Value = serde_json::from_str(&line).unwrap();
            let wrong: Vec<String> = validator.iter_errors(&value).map(|error| error.to_string()).collect();
            assert!(wrong.is_empty(), "{value}: {wrong:?}");
            kinds.insert(value["type"].as_str().unwrap().to_owned());
        }
        let mut promised: Vec<String> = schema()["oneOf"]
            .as_array()
            .unwrap()
            .iter()
            .map(|kind| kind["properties"]["type"]["const"].as_str().unwrap().to_owned())
            .collect();
        promised.sort();
        assert_eq!(promised, kinds.into_iter().collect::<Vec<_>>());
    }

    const DATA: [&str; 2] = ["text", "base64"];

    #[test]
    fn every_field_of_the_schema_is_written_by_some_event() {
        let mut start = Vec::new();
        write_start(&Start { command: vec![b"secretcat".to_vec()], ..Start::default() }, &mut start);
        let lines = every_kind().iter().map(line).chain([String::from_utf8(start).unwrap()]).collect::<Vec<_>>();
        let written = |kind: &str, field: &str| {
            lines.iter().any(|line| {
                let value: Value = serde_json::from_str(line).unwrap();
                value["type"] == kind && value.get(field).is_some()
            })
        };
        for kind in schema()["oneOf"].as_array().unwrap() {
            let name = kind["title"].as_str().unwrap();
            for field in kind["properties"].as_object().unwrap().keys() {
                // Bytes are in one field or the other (data.rs).
                let fields = if DATA.contains(&&**field) { &DATA[..] } else { &[field.as_str()] };
                assert!(fields.iter().any(|field| written(name, field)), "{name} {field}");
            }
        }
    }

    #[test]
    fn examples_of_the_schema_are_lines_of_a_trace() {
        let validator = jsonschema::draft202012::new(&schema()).unwrap();
        for kind in schema()["oneOf"].as_array().unwrap() {
            let [example] = &kind["examples"].as_array().unwrap()[..] else { panic!("{kind}") };
            assert_eq!(example["type"], kind["title"]);
            assert!(validator.is_valid(example), "{example}");
            match parse_line(example.to_string().as_bytes()).unwrap() {
                TraceLine::Event(event) => assert_eq!(serde_json::from_str::<Value>(&line(&event)).unwrap(), *example),
                TraceLine::Start(_) | TraceLine::Other => {}
            }
        }
    }

    #[test]
    fn schema_is_valid_and_refuses_unknown_fields() {
        assert!(jsonschema::draft202012::meta::is_valid(&schema()));
        let validator = jsonschema::draft202012::new(&schema()).unwrap();
        for event in every_kind() {
            let value: Value = serde_json::from_str(&line(&event)).unwrap();
            let mut more = value.clone();
            more["surprise"] = Value::from(1);
            assert!(!validator.is_valid(&more), "{more}");
            for field in ["t", "conn", "type"] {
                let mut less = value.clone();
                less.as_object_mut().unwrap().remove(field);
                assert!(!validator.is_valid(&less), "{less}");
            }
        }
    }
}
