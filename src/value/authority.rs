//! The part of a URL that names a user and a host: `[USER@]HOST[:PORT]` (RFC 3986, section 3.2).

use std::fmt::{self, Write};

use super::address::{NUMBERS_ONLY, split};
use super::{Host, read_port};

/// The user and the host of a URL.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Authority {
    /// The user; any bytes but a colon.
    pub(super) user: Option<Vec<u8>>,
    /// The host; never [`Host::Any`].
    pub(super) host: Host,
    /// The port.
    pub(super) port: u16,
}

/// Why a text is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum BadAuthority {
    /// It has a password. The text is without it.
    Password(String),
    /// It has another form.
    Form,
}

impl Authority {
    /// Reads it, with this port if it names none.
    pub(super) fn parse(text: &str, port: u16) -> Result<Self, BadAuthority> {
        let (user, place) = text.rsplit_once('@').map_or((None, text), |(user, place)| (Some(user), place));
        if let Some((user, _)) = user.and_then(|user| user.split_once(':')) {
            return Err(BadAuthority::Password(format!("{user}:...@{place}")));
        }
        Authority::read(user, place, port).ok_or(BadAuthority::Form)
    }

    fn read(user: Option<&str>, place: &str, default: u16) -> Option<Self> {
        let user = match user {
            Some(user) => Some(decoded(user)?),
            None => None,
        };
        let place = place.strip_suffix('/').unwrap_or(place);
        let (host, port) = split(place)?;
        let host = Host::read(host).filter(|_| host.contains(':') == place.starts_with('['));
        let host = host.filter(|host| *host != Host::Any)?;
        let port = match port {
            None => default,
            Some(port) => read_port(port, NUMBERS_ONLY).ok().filter(|&port| port != 0)?,
        };
        Some(Authority { user, host, port })
    }
}

/// Prints a user as a URL has it, with the `@` after it.
pub(super) fn write_user(user: Option<&[u8]>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let Some(user) = user else { return Ok(()) };
    for &byte in user {
        if is_unreserved(byte) { f.write_char(char::from(byte))? } else { write!(f, "%{byte:02X}")? }
    }
    f.write_str("@")
}

/// Whether a URL has this byte as itself (RFC 3986, section 2.3).
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

/// The user of a URL with its percent escapes decoded. `None` if an escape is incomplete; if the user is empty; if it
/// has a colon, which would end the user in `USER:PASSWORD` (RFC 7617, section 2); or if it is longer than SOCKS5
/// allows (RFC 1929, section 2).
fn decoded(text: &str) -> Option<Vec<u8>> {
    let mut bytes = text.bytes();
    let mut user = Vec::new();
    while let Some(byte) = bytes.next() {
        user.push(match byte {
            b'%' => {
                let mut digit = || char::from(bytes.next()?).to_digit(16);
                u8::try_from(digit()? << 4 | digit()?).ok()?
            }
            byte => byte,
        });
    }
    (!user.is_empty() && user.len() <= 255 && !user.contains(&b':')).then_some(user)
}
