//! The keys that a server keeps in place of a password (RFC 5802, section 3), written as PostgreSQL writes them.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use ctutils::CtEq;
use data_encoding::BASE64;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use super::Password;

/// The size of a hash and of a key in bytes.
pub(super) const SIZE: usize = 32;
/// The iterations of new keys: what RFC 7677 asks for at least, and PostgreSQL's default.
pub const ITERATIONS: u32 = 4096;
/// The iterations that are accepted: fewer make guessing too easy, and more would stall a client for a server that
/// asks for them.
pub const ACCEPTED_ITERATIONS: RangeInclusive<u32> = ITERATIONS..=1_000_000;
/// The size of a new salt in bytes, as PostgreSQL has it.
pub const SALT: usize = 16;
/// The largest salt that is accepted.
const LONGEST_SALT: usize = 256;
/// Begins the keys in their written form.
const PREFIX: &str = "SCRAM-SHA-256$";

/// A hash or a key.
pub(super) type Hash = [u8; SIZE];

/// The HMAC of these parts.
pub(super) fn hmac(key: &[u8], parts: &[&[u8]]) -> Hash {
    finish(keyed(key), parts)
}

/// HMAC takes keys of every size.
fn keyed(key: &[u8]) -> Hmac<Sha256> {
    Hmac::<Sha256>::new_from_slice(key)
        .unwrap_or_else(|_| Hmac::<Sha256>::new(&hmac::digest::Key::<Hmac<Sha256>>::default()))
}

fn finish(mut mac: Hmac<Sha256>, parts: &[&[u8]]) -> Hash {
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// The hash of a key.
pub(super) fn hash(bytes: &[u8]) -> Hash {
    Sha256::digest(bytes).into()
}

/// Whether both are equal, in the same time whatever they are.
pub(super) fn equal(one: &Hash, other: &Hash) -> bool {
    one.ct_eq(other).to_bool()
}

/// A password hashed with a salt: `SaltedPassword` of RFC 5802.
#[derive(Clone, PartialEq, Eq)]
pub struct Salted(pub(super) Hash);

impl Salted {
    /// Hashes a password: PBKDF2 with one block (`Hi` of RFC 5802). With 4096 iterations it takes about half a
    /// millisecond.
    #[must_use]
    pub fn new(password: &Password, salt: &[u8], iterations: u32) -> Salted {
        let mac = keyed(password.as_bytes());
        let mut last = finish(mac.clone(), &[salt, &1_u32.to_be_bytes()]);
        let mut sum = last;
        for _ in 1..iterations {
            last = finish(mac.clone(), &[&last]);
            sum.iter_mut().zip(last).for_each(|(sum, byte)| *sum ^= byte);
        }
        Salted(sum)
    }

    pub(super) fn client_key(&self) -> Hash {
        hmac(&self.0, &[b"Client Key"])
    }

    pub(super) fn server_key(&self) -> Hash {
        hmac(&self.0, &[b"Server Key"])
    }
}

impl fmt::Debug for Salted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Salted")
    }
}

/// What a server keeps of a password: `SCRAM-SHA-256$ITERATIONS:SALT$STOREDKEY:SERVERKEY`.
#[derive(Clone, PartialEq, Eq)]
pub struct Keys {
    pub(super) iterations: u32,
    pub(super) salt: Vec<u8>,
    pub(super) stored: Hash,
    pub(super) server: Hash,
}

/// Why a text has no keys. The message shows nothing of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKeys {
    /// It has another form.
    #[error("expected SCRAM-SHA-256$ITERATIONS:SALT$STOREDKEY:SERVERKEY")]
    Form,
    /// The number of iterations is not accepted.
    #[error("the iterations are a number from {} to {}", ACCEPTED_ITERATIONS.start(), ACCEPTED_ITERATIONS.end())]
    Iterations,
    /// The salt is not 1 to 256 bytes in base64.
    #[error("the salt is base64 of 1 to {LONGEST_SALT} bytes")]
    Salt,
    /// A key is not 32 bytes in base64.
    #[error("the stored key and the server key are each base64 of {SIZE} bytes")]
    Key,
}

impl Keys {
    /// The keys of a password.
    #[must_use]
    pub fn new(password: &Password, salt: [u8; SALT]) -> Keys {
        Keys::of(&Salted::new(password, &salt, ITERATIONS), salt.to_vec(), ITERATIONS)
    }

    pub(super) fn of(salted: &Salted, salt: Vec<u8>, iterations: u32) -> Keys {
        Keys { iterations, salt, stored: hash(&salted.client_key()), server: salted.server_key() }
    }

    /// Whether this hash is that of the password.
    pub(super) fn has(&self, salted: &Salted) -> bool {
        equal(&hash(&salted.client_key()), &self.stored)
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").field("iterations", &self.iterations).finish_non_exhaustive()
    }
}

impl fmt::Display for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [salt, stored, server] = [&self.salt[..], &self.stored, &self.server].map(|bytes| BASE64.encode(bytes));
        write!(f, "{PREFIX}{}:{salt}${stored}:{server}", self.iterations)
    }
}

impl FromStr for Keys {
    type Err = InvalidKeys;

    fn from_str(text: &str) -> Result<Self, InvalidKeys> {
        let rest = text.strip_prefix(PREFIX).ok_or(InvalidKeys::Form)?;
        let (how, keys) = rest.split_once('$').ok_or(InvalidKeys::Form)?;
        let (iterations, salt) = how.split_once(':').ok_or(InvalidKeys::Form)?;
        let (stored, server) = keys.split_once(':').ok_or(InvalidKeys::Form)?;
        let key = |text: &str| -> Result<Hash, InvalidKeys> {
            let bytes = BASE64.decode(text.as_bytes()).map_err(|_| InvalidKeys::Key)?;
            bytes.try_into().map_err(|_| InvalidKeys::Key)
        };
        Ok(Keys {
            iterations: accepted_iterations(iterations).ok_or(InvalidKeys::Iterations)?,
            salt: accepted_salt(salt).ok_or(InvalidKeys::Salt)?,
            stored: key(stored)?,
            server: key(server)?,
        })
    }
}

/// A number of iterations, if it is one that is accepted.
pub(super) fn accepted_iterations(text: &str) -> Option<u32> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|iterations| digits && ACCEPTED_ITERATIONS.contains(iterations))
}

/// A salt in base64, if it is one that is accepted.
pub(super) fn accepted_salt(text: &str) -> Option<Vec<u8>> {
    BASE64.decode(text.as_bytes()).ok().filter(|salt| (1..=LONGEST_SALT).contains(&salt.len()))
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;

    use super::*;

    /// Of PBKDF2 with SHA-256 (RFC 7914, section 11): the first block.
    #[test]
    fn password_hash_has_the_values_of_rfc_7914() {
        for (password, salt, iterations, expected) in [
            (&b"passwd"[..], &b"salt"[..], 1, "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc"),
            (b"Password", b"NaCl", 80_000, "4ddcd8f60b98be21830cee5ef22701f9641a4418d04c0414aeff08876b34ab56"),
        ] {
            let Salted(salted) = Salted::new(&Password::new(password).unwrap(), salt, iterations);
            assert_eq!(HEXLOWER.encode(&salted), expected);
        }
    }

    /// The keys of the password `pencil` with the salt of RFC 7677, in the form of `pg_authid.rolpassword`.
    const POSTGRES: &str = "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:\
                            wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=";

    #[test]
    fn keys_are_written_as_they_are_read() {
        let salt = BASE64.decode(b"W22ZaJ0SNY7soEsUEjb6gQ==").unwrap().try_into().unwrap();
        let keys = Keys::new(&Password::new(b"pencil").unwrap(), salt);
        assert_eq!(keys.to_string(), POSTGRES);
        assert_eq!(POSTGRES.parse(), Ok(keys.clone()));
        assert_eq!(format!("{keys:?}"), "Keys { iterations: 4096, .. }");
        let salted = |password: &[u8]| Salted::new(&Password::new(password).unwrap(), &salt, ITERATIONS);
        assert!(keys.has(&salted(b"pencil")) && !keys.has(&salted(b"Pencil")));
    }

    #[test]
    fn other_texts_are_refused_and_not_shown() {
        let but = |from: &str, to: &str| POSTGRES.replacen(from, to, 1);
        for (text, why) in [
            (String::new(), InvalidKeys::Form),
            ("md5a94a8fe5ccb19ba61c4c0873d391e987".to_owned(), InvalidKeys::Form),
            (but("SHA-256", "SHA-1"), InvalidKeys::Form),
            (but(":W22", "W22"), InvalidKeys::Form),
            (but("==$", "=="), InvalidKeys::Form),
            (but("=:w", "=w"), InvalidKeys::Form),
            (but("4096", "4095"), InvalidKeys::Iterations),
            (but("4096", "1000001"), InvalidKeys::Iterations),
            (but("4096", "+4096"), InvalidKeys::Iterations),
            (but("4096", "99999999999"), InvalidKeys::Iterations),
            (but("4096", ""), InvalidKeys::Iterations),
            (but("W22ZaJ0SNY7soEsUEjb6gQ==", ""), InvalidKeys::Salt),
            (but("W22Z", "W22*"), InvalidKeys::Salt),
            (but("W22ZaJ0SNY7soEsUEjb6gQ==", &"AAAA".repeat(86)), InvalidKeys::Salt),
            (but("WG5d", ""), InvalidKeys::Key),
            (but("2dU=", "2dU"), InvalidKeys::Key),
            (format!("{POSTGRES} "), InvalidKeys::Key),
            (format!("{POSTGRES}:"), InvalidKeys::Key),
        ] {
            assert_eq!(text.parse::<Keys>().unwrap_err(), why, "{text}");
        }
    }
}
