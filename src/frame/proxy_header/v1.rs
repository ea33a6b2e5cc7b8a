//! Version 1: one line of text, `PROXY TCP4 192.0.2.7 192.0.2.8 44444 80` with CR LF.

use std::net::{IpAddr, SocketAddrV4, SocketAddrV6};
use std::str::FromStr;

use super::{Ends, Header, HeaderError, Version};

/// The bytes that it begins with.
pub(super) const START: &[u8; 6] = b"PROXY ";
/// The length of `PROXY UNKNOWN` with CR LF.
pub(super) const SHORTEST: usize = 15;
/// The longest line, CR LF included.
const LONGEST: usize = 107;

pub(super) fn encode(ends: &Ends) -> Vec<u8> {
    let line = match ends {
        Ends::Unknown | Ends::Unix { .. } => "PROXY UNKNOWN\r\n".to_owned(),
        Ends::Tcp4 { source, destination } => {
            let ports = (source.port(), destination.port());
            format!("PROXY TCP4 {} {} {} {}\r\n", source.ip(), destination.ip(), ports.0, ports.1)
        }
        Ends::Tcp6 { source, destination } => {
            let ports = (source.port(), destination.port());
            format!("PROXY TCP6 {} {} {} {}\r\n", source.ip(), destination.ip(), ports.0, ports.1)
        }
    };
    line.into_bytes()
}

/// The number of bytes that a valid line has at least after these, which contain no LF.
pub(super) fn least_rest(held: &[u8]) -> usize {
    if held.len() < SHORTEST {
        return SHORTEST - held.len();
    }
    let shortest = match held.get(START.len()..START.len() + 5) {
        _ if held.ends_with(b"\r") => return 1,
        Some(b"TCP4 ") => [7, 7, 1, 1], // 0.0.0.0
        Some(b"TCP6 ") => [2, 2, 1, 1], // ::
        _ => return 2,
    };
    let mut fields = held[START.len() + 5..].split(|byte| *byte == b' ').peekable();
    let mut rest = 2; // CR LF
    for least in shortest {
        let field = fields.next();
        rest += match field {
            Some(_) if fields.peek().is_some() => 0,
            Some(last) => usize::saturating_sub(least, last.len()),
            None => 1 + least, // with the space before it
        };
    }
    rest
}

/// Decodes the line; `None` while its end is missing.
pub(super) fn decode(held: &[u8]) -> Result<Option<Header>, HeaderError> {
    let malformed = |what| Err(HeaderError::Malformed(what));
    let Some(end) = held.iter().position(|byte| *byte == b'\n') else {
        return if held.len() >= LONGEST { Err(HeaderError::TooLong { limit: LONGEST }) } else { Ok(None) };
    };
    if end >= LONGEST {
        return Err(HeaderError::TooLong { limit: LONGEST });
    }
    let Some(line) = held[..end].strip_suffix(b"\r") else { return malformed("its line ends with LF without CR") };
    let mut fields = line.get(START.len()..).unwrap_or_default().split(|byte| *byte == b' ');
    let ends = match fields.next() {
        Some(b"UNKNOWN") => Ends::Unknown, // the rest of the line means nothing
        Some(b"TCP4") => {
            let [source, destination, from, to] = four(fields)?;
            Ends::Tcp4 {
                source: SocketAddrV4::new(ip(source)?, port(from)?),
                destination: SocketAddrV4::new(ip(destination)?, port(to)?),
            }
        }
        Some(b"TCP6") => {
            let [source, destination, from, to] = four(fields)?;
            Ends::Tcp6 {
                source: SocketAddrV6::new(ip(source)?, port(from)?, 0, 0),
                destination: SocketAddrV6::new(ip(destination)?, port(to)?, 0, 0),
            }
        }
        _ => return malformed("its protocol is not TCP4, TCP6 or UNKNOWN"),
    };
    Ok(Some(Header { version: Version::V1, ends, tlvs: Vec::new() }))
}

fn four<'a>(fields: impl Iterator<Item = &'a [u8]>) -> Result<[&'a [u8]; 4], HeaderError> {
    let fields: Vec<&[u8]> = fields.take(5).collect();
    let wrong = HeaderError::Malformed("after its protocol come not two addresses and two ports");
    <[&[u8]; 4]>::try_from(fields).map_err(|_| wrong)
}

/// An address of the family that the protocol names.
fn ip<T: FromStr + Into<IpAddr>>(field: &[u8]) -> Result<T, HeaderError> {
    let text = std::str::from_utf8(field).ok();
    let wrong = HeaderError::Malformed("an address is not of the family of its protocol");
    text.and_then(|text| text.parse().ok()).ok_or(wrong)
}

/// A decimal number without leading zeros.
fn port(field: &[u8]) -> Result<u16, HeaderError> {
    let is_number = field.iter().all(u8::is_ascii_digit) && (field == b"0" || !field.starts_with(b"0"));
    let text = std::str::from_utf8(field).ok().filter(|_| is_number);
    text.and_then(|text| text.parse().ok()).ok_or(HeaderError::Malformed("a port is not a number up to 65535"))
}
