//! The parser of `--protocol`: the presets, and what is sent below one.

use std::ffi::OsStr;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Arg, Command, Error};

use super::words::listed;
use crate::dialog::Preset;
use crate::value::Named;

/// What `--protocol` names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    /// The messages of a preset.
    Preset(Preset),
    /// The same after a PROXY header.
    AfterHeader(Preset),
    /// The handshake of TLS, without messages.
    Tls,
}

impl Protocol {
    /// The value of the option that names it.
    pub(super) fn name(self) -> String {
        match self {
            Protocol::Preset(preset) => preset.word().name.to_owned(),
            Protocol::AfterHeader(preset) => format!("proxy:{}", preset.word().name),
            Protocol::Tls => "tls".to_owned(),
        }
    }
}

/// A parser of protocols; help and completions list the presets, but not each of them after a PROXY header.
#[derive(Clone, Debug)]
pub(super) struct Protocols;

const LAYERS: [(&str, &str); 2] = [
    ("proxy", "A PROXY header (v2), then http; proxy:NAME[:SET] for another protocol"),
    ("tls", "The TLS handshake alone; the certificate is not verified"),
];

impl TypedValueParser for Protocols {
    type Value = Protocol;

    fn parse_ref(&self, command: &Command, arg: Option<&Arg>, value: &OsStr) -> Result<Protocol, Error> {
        let preset = |name: &str| Preset::ALL.iter().copied().find(|preset| preset.word().name == name);
        let text = value.to_str().unwrap_or_default();
        let found = match text.split_once(':') {
            None if text == "tls" => Some(Protocol::Tls),
            None if text == "proxy" => preset("http").map(Protocol::AfterHeader),
            Some(("proxy", name)) => preset(name).map(Protocol::AfterHeader),
            _ => preset(text).map(Protocol::Preset),
        };
        // It knows the value that was meant.
        let unknown = || PossibleValuesParser::new(all()).parse_ref(command, arg, value).err();
        found.ok_or_else(|| unknown().unwrap_or_else(|| Error::new(clap::error::ErrorKind::InvalidValue)))
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(all()))
    }
}

fn all() -> impl Iterator<Item = PossibleValue> {
    listed::<Preset>().chain(LAYERS.iter().map(|(name, help)| PossibleValue::new(*name).help(*help)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_and_handshake_are_names_of_protocols() {
        let parse = |text: &str| Protocols.parse_ref(&Command::new("x"), None, OsStr::new(text));
        let cases = [
            ("http", "http"),
            ("smtp:deliver", "smtp:deliver"),
            ("proxy", "proxy:http"),
            ("proxy:mqtt", "proxy:mqtt"),
            ("proxy:smtp:deliver", "proxy:smtp:deliver"),
            ("tls", "tls"),
        ];
        for (text, expected) in cases {
            assert_eq!(parse(text).unwrap().name(), expected);
        }
        for text in ["", "x", "proxy:", "proxy:x", "proxy:proxy", "proxy:tls", "tls:http", "http:proxy"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn no_preset_has_the_name_of_a_layer() {
        let mut names: Vec<_> = all().map(|value| value.get_name().to_owned()).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), Preset::ALL.len() + LAYERS.len());
    }
}
