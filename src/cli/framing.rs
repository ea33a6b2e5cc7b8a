//! The parser of `--framing`, with examples for completions.

use std::ffi::OsStr;
use std::str::FromStr;

use clap::builder::{PossibleValue, TypedValueParser};
use clap::{Arg, Command, Error};

use crate::frame::Framing;

/// A framing of each form.
const EXAMPLES: [(&str, &str); 8] = [
    ("lines", "Messages end with LF or CR LF"),
    ("http", "HTTP/1.x"),
    ("length:u16be", "DNS over TCP"),
    ("length:4:u16be", "Modbus"),
    ("length:1:varint", "MQTT"),
    ("length:1:u32be-4", "PostgreSQL"),
    ("delimiter:--", "Messages end with --"),
    ("raw", "No messages"),
];

/// A parser of framings; completions list the examples, and all other framings are accepted too.
#[derive(Clone, Debug)]
pub(super) struct Framings;

impl TypedValueParser for Framings {
    type Value = Framing;

    fn parse_ref(&self, command: &Command, arg: Option<&Arg>, value: &OsStr) -> Result<Framing, Error> {
        Framing::from_str.parse_ref(command, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(EXAMPLES.iter().map(|(framing, help)| PossibleValue::new(*framing).help(*help))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_are_framings() {
        for (example, _) in EXAMPLES {
            assert!(example.parse::<Framing>().is_ok(), "{example}");
        }
    }
}
