//! An extension of a PROXY header.

use std::fmt;
use std::str::FromStr;

use super::Invalid;
use super::text::number;

/// A TLV of a PROXY header of version 2: a type, and a value of any bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Tlv {
    /// Its type: 2 is the name of the host (SNI), 5 a unique identifier, 0xE0 to 0xEF are for experiments.
    pub kind: u8,
    /// Its value, at most 65,535 bytes.
    pub value: Vec<u8>,
}

const WHAT: &str = "a TLV";
const EXPECTED: &str = "TYPE=HEX such as 2=7061 or 0xE0=00FF: a number up to 255, and bytes as pairs of hex digits";

impl FromStr for Tlv {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Tlv, Invalid> {
        let parse = || {
            let (kind, value) = text.split_once('=')?;
            let kind = match kind.strip_prefix("0x") {
                Some(hex) if hex.len() <= 2 && is_hex(hex) => u8::from_str_radix(hex, 16).ok()?,
                Some(_) => return None,
                None => u8::try_from(number(kind)?).ok()?,
            };
            let value = bytes(value).filter(|value| u16::try_from(value.len()).is_ok())?;
            Some(Tlv { kind, value })
        };
        parse().ok_or_else(|| Invalid::new(text, WHAT, EXPECTED))
    }
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|digit| digit.is_ascii_hexdigit())
}

/// The bytes that pairs of hex digits stand for.
fn bytes(text: &str) -> Option<Vec<u8>> {
    if text.len() % 2 != 0 || !is_hex(text) {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect()
}

impl fmt::Display for Tlv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{:02x}=", self.kind)?;
        self.value.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tlvs_are_parsed_and_printed() {
        for (text, kind, value, printed) in [
            ("2=7061", 2, &b"pa"[..], "0x02=7061"),
            ("0xE0=00fF", 0xe0, b"\0\xff", "0xe0=00ff"),
            ("255=", 255, b"", "0xff="),
        ] {
            let tlv = Tlv { kind, value: value.to_vec() };
            assert_eq!(text.parse(), Ok(tlv.clone()));
            assert_eq!(tlv.to_string(), printed);
            assert_eq!(printed.parse(), Ok(tlv));
        }
    }

    #[test]
    fn other_text_is_refused_with_the_syntax() {
        let long = format!("1={}", "00".repeat(65536));
        for text in ["", "2", "=00", "256=00", "0x=00", "0x100=00", "0x+1=00", "+1=00", "2=0", "2=0g", "2=é", &long] {
            let error = text.parse::<Tlv>().unwrap_err().to_string();
            assert_eq!(error, format!("\"{text}\" is not {WHAT}: expected {EXPECTED}"));
        }
        assert!(long[..long.len() - 2].parse::<Tlv>().is_ok());
    }
}
