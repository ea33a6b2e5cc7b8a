//! The pin of a public key, as curl spells it: `sha256//BASE64`.

use std::fmt;
use std::str::FromStr;

use data_encoding::BASE64;

use super::Invalid;

const SYNTAX: &str = "sha256//BASE64, 44 characters for the 32 bytes of the hash";
const PREFIX: &str = "sha256//";

/// The SHA-256 hash of a public key, in the DER form that a certificate has it in (`SubjectPublicKeyInfo`).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Pin(pub [u8; 32]);

impl FromStr for Pin {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let hash = text.strip_prefix(PREFIX).and_then(|base64| BASE64.decode(base64.as_bytes()).ok());
        let hash = hash.and_then(|hash| hash.try_into().ok());
        hash.map(Pin).ok_or_else(|| Invalid::new(text, "a pin", SYNTAX))
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", BASE64.encode(&self.0))
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pin_is_written_as_it_is_read_and_others_are_refused() {
        let text = format!("sha256//{}A=", "A".repeat(42));
        assert_eq!(text.parse::<Pin>().unwrap(), Pin([0; 32]));
        assert_eq!(Pin([0; 32]).to_string(), text);
        for wrong in ["", "sha256//", "sha256/AAAA", "sha256//AAAA", "md5//AAAA", &text[8..], &format!("{text}AAAA")] {
            let error = wrong.parse::<Pin>().unwrap_err().to_string();
            assert!(error.contains("is not a pin: expected sha256//BASE64"), "{error}");
        }
    }
}
