//! The seed of all random choices.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::Invalid;
use super::text::number;

/// A seed: decimal, or hexadecimal after `0x`. The default is 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seed(pub u64);

impl FromStr for Seed {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Seed, Invalid> {
        let value = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
            Some(hex) if hex.bytes().all(|b| b.is_ascii_hexdigit()) => u64::from_str_radix(hex, 16).ok(),
            Some(_) => None,
            None => number(text),
        };
        value.map(Seed).ok_or_else(|| Invalid::new(text, "a seed", "a number below 2^64 such as 42 or 0x2a"))
    }
}

impl fmt::Display for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimal_and_hexadecimal_are_parsed() {
        for (text, value) in [("0", 0), ("42", 42), ("0x2a", 42), ("0X2A", 42), ("0xffffffffffffffff", u64::MAX)] {
            assert_eq!(text.parse(), Ok(Seed(value)), "{text}");
        }
    }

    #[test]
    fn other_text_is_refused_with_the_syntax() {
        for text in ["", "0x", "0x+1", "-1", "+1", "1.0", "seed", "18446744073709551616", "0x10000000000000000"] {
            let error = text.parse::<Seed>().unwrap_err();
            assert_eq!(
                error.to_string(),
                format!("\"{text}\" is not a seed: expected a number below 2^64 such as 42 or 0x2a")
            );
        }
    }

    #[test]
    fn seed_is_a_number_in_json() {
        assert_eq!(serde_json::to_string(&Seed(u64::MAX)).unwrap(), "18446744073709551615");
        assert_eq!(serde_json::from_str::<Seed>("18446744073709551615").unwrap(), Seed(u64::MAX));
    }
}
