//! A secret that is compared in constant time.

use std::fmt;

use ctutils::CtEq;
use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

/// A token, a session or a password. Its debug form does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// A secret of 128 random bits, as 32 hexadecimal digits.
    #[must_use]
    pub fn of_bits(bits: [u8; 16]) -> Secret {
        Secret(HEXLOWER.encode(&bits).into_bytes())
    }

    /// A secret that a person has chosen: the first line of a file. `None` if it is empty.
    #[must_use]
    pub fn of_line(content: &[u8]) -> Option<Secret> {
        let line = content.split(|&byte| byte == b'\n').next().unwrap_or_default().trim_ascii();
        (!line.is_empty()).then(|| Secret(line.to_vec()))
    }

    /// Whether these bytes are the secret. The time it takes does not depend on how many of them are right.
    #[must_use]
    pub fn is(&self, given: &[u8]) -> bool {
        let hash = |bytes: &[u8]| -> [u8; 32] { Sha256::digest(bytes).into() };
        hash(&self.0).ct_eq(&hash(given)).to_bool()
    }

    /// The secret, for the one who may have it.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.0).into_owned()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secret_is_its_digits_or_the_first_line() {
        let random = Secret::of_bits([0xab; 16]);
        assert_eq!(random.text(), "ab".repeat(16));
        assert!(random.is("ab".repeat(16).as_bytes()) && !random.is(b"") && !random.is(&[0xab; 16]));
        let chosen = Secret::of_line(b" geheim \nmore\n").unwrap();
        assert!(chosen.is(b"geheim") && !chosen.is(b"geheim "));
        assert_eq!((Secret::of_line(b""), Secret::of_line(b" \nmore")), (None, None));
        assert_eq!(format!("{chosen:?}"), "Secret");
    }
}
