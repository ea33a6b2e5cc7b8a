//! Version 2: a signature, the command and the family, the length of the rest, the addresses, and TLVs.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV4, SocketAddrV6};

use super::{Ends, Header, HeaderError, Version};
use crate::value::{Tlv, UNIX_NAME};

/// The signature that it begins with.
pub(super) const START: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
/// The bytes up to and with the length.
pub(super) const PREFIX: usize = 16;
/// The longest rest that is accepted.
pub(super) const LONGEST_REST: usize = 4096;

const VERSION: u8 = 0x20;
const LOCAL: u8 = 0;
const PROXY: u8 = 1;
const INET: u8 = 0x10;
const INET6: u8 = 0x20;
const UNIX: u8 = 0x30;
const STREAM: u8 = 1;
const DATAGRAM: u8 = 2;
/// The type of the TLV with a checksum of the header.
const CHECKSUM: u8 = 3;

pub(super) fn encode(ends: &Ends, tlvs: &[Tlv]) -> Result<Vec<u8>, HeaderError> {
    let mut rest = Vec::new();
    let (command, family) = match ends {
        Ends::Unknown => (LOCAL, 0),
        Ends::Tcp4 { source, destination } => {
            rest.extend_from_slice(&source.ip().octets());
            rest.extend_from_slice(&destination.ip().octets());
            rest.extend_from_slice(&source.port().to_be_bytes());
            rest.extend_from_slice(&destination.port().to_be_bytes());
            (PROXY, INET | STREAM)
        }
        Ends::Tcp6 { source, destination } => {
            rest.extend_from_slice(&source.ip().octets());
            rest.extend_from_slice(&destination.ip().octets());
            rest.extend_from_slice(&source.port().to_be_bytes());
            rest.extend_from_slice(&destination.port().to_be_bytes());
            (PROXY, INET6 | STREAM)
        }
        Ends::Unix { source, destination } => {
            for (end, name) in [(UNIX_NAME, source), (2 * UNIX_NAME, destination)] {
                rest.extend(name.iter().take(UNIX_NAME));
                rest.resize(end, 0);
            }
            (PROXY, UNIX | STREAM)
        }
    };
    let limit = PREFIX + usize::from(u16::MAX);
    for Tlv { kind, value } in tlvs {
        let length = u16::try_from(value.len()).map_err(|_| HeaderError::TooLong { limit })?;
        rest.push(*kind);
        rest.extend_from_slice(&length.to_be_bytes());
        rest.extend_from_slice(value);
    }
    let length = u16::try_from(rest.len()).map_err(|_| HeaderError::TooLong { limit })?;
    let mut header = START.to_vec();
    header.extend([VERSION | command, family]);
    header.extend_from_slice(&length.to_be_bytes());
    header.append(&mut rest);
    Ok(header)
}

/// The number of bytes of the header after these.
pub(super) fn rest(held: &[u8]) -> usize {
    let end = length(held).map_or(PREFIX, |rest| PREFIX + rest);
    end.saturating_sub(held.len())
}

/// The length of the rest; `None` while it is not there.
fn length(held: &[u8]) -> Option<usize> {
    let length = held.get(PREFIX - 2..PREFIX)?;
    Some(usize::from(u16::from_be_bytes([length[0], length[1]])))
}

/// Decodes the header; `None` while its end is missing.
pub(super) fn decode(held: &[u8]) -> Result<Option<Header>, HeaderError> {
    let malformed = |what| Err(HeaderError::Malformed(what));
    let command = match held.get(START.len()) {
        None => return Ok(None),
        Some(byte) if byte & 0xf0 != VERSION => return malformed("its version is not 2"),
        Some(byte) => byte & 0x0f,
    };
    if command > PROXY {
        return malformed("its command is not LOCAL or PROXY");
    }
    let Some(length) = length(held) else { return Ok(None) };
    if length > LONGEST_REST {
        return Err(HeaderError::TooLong { limit: PREFIX + LONGEST_REST });
    }
    let Some(rest) = held.get(PREFIX..PREFIX + length) else { return Ok(None) };
    let mut header = Header { version: Version::V2, ends: Ends::Unknown, tlvs: Vec::new() };
    if command == LOCAL {
        return Ok(Some(header)); // what follows means nothing
    }
    let (family, transport) = (held[START.len() + 1] & 0xf0, held[START.len() + 1] & 0x0f);
    if family > UNIX || transport > DATAGRAM {
        return malformed("its family or transport is unknown");
    }
    let size = match family {
        INET => 12,
        INET6 => 36,
        UNIX => 2 * UNIX_NAME,
        _ => 0,
    };
    let Some((addresses, extensions)) = rest.split_at_checked(size) else {
        return malformed("its length is too short for its addresses");
    };
    header.tlvs = tlvs(extensions)?;
    if !is_intact(held, &header.tlvs)? {
        return malformed("its checksum is wrong");
    }
    if transport == STREAM {
        header.ends = ends(family, addresses);
    }
    Ok(Some(header))
}

/// The ends in an address block, which has the length of its family.
fn ends(family: u8, addresses: &[u8]) -> Ends {
    let mut left = addresses;
    match family {
        INET => {
            let (source, destination) = (Ipv4Addr::from(take(&mut left)), Ipv4Addr::from(take(&mut left)));
            let ports = [take(&mut left), take(&mut left)].map(u16::from_be_bytes);
            Ends::Tcp4 {
                source: SocketAddrV4::new(source, ports[0]),
                destination: SocketAddrV4::new(destination, ports[1]),
            }
        }
        INET6 => {
            let (source, destination) = (Ipv6Addr::from(take(&mut left)), Ipv6Addr::from(take(&mut left)));
            let ports = [take(&mut left), take(&mut left)].map(u16::from_be_bytes);
            Ends::Tcp6 {
                source: SocketAddrV6::new(source, ports[0], 0, 0),
                destination: SocketAddrV6::new(destination, ports[1], 0, 0),
            }
        }
        UNIX => {
            let names: [[u8; UNIX_NAME]; 2] = [take(&mut left), take(&mut left)];
            let [source, destination] = names.map(|name| without_padding(&name));
            Ends::Unix { source, destination }
        }
        _ => Ends::Unknown,
    }
}

/// Takes the first bytes; zeros for what is missing.
fn take<const N: usize>(left: &mut &[u8]) -> [u8; N] {
    let Some((first, rest)) = left.split_first_chunk() else { return [0; N] };
    *left = rest;
    *first
}

fn tlvs(mut left: &[u8]) -> Result<Vec<Tlv>, HeaderError> {
    let mut tlvs = Vec::new();
    while let Some((&kind, rest)) = left.split_first() {
        let outside = HeaderError::Malformed("a TLV passes its end");
        let Some((length, rest)) = rest.split_first_chunk() else { return Err(outside) };
        let Some((value, rest)) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length))) else {
            return Err(outside);
        };
        tlvs.push(Tlv { kind, value: value.to_vec() });
        left = rest;
    }
    Ok(tlvs)
}

/// The name of a unix socket without the NULs after it.
fn without_padding(name: &[u8]) -> Vec<u8> {
    let length = name.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    name[..length].to_vec()
}

/// Whether the checksum of the header is right, if it has one. It is that of the header with zeros in its place.
fn is_intact(header: &[u8], tlvs: &[Tlv]) -> Result<bool, HeaderError> {
    let mut start = header.len() - tlvs.iter().map(length_of).sum::<usize>();
    for tlv in tlvs {
        let value = start + 3..start + length_of(tlv);
        start = value.end;
        if tlv.kind != CHECKSUM {
            continue;
        }
        let Ok(expected) = <[u8; 4]>::try_from(&tlv.value[..]) else {
            return Err(HeaderError::Malformed("its checksum has not 4 bytes"));
        };
        let mut zeroed = header.to_vec();
        zeroed[value].fill(0);
        return Ok(crc32c(&zeroed) == u32::from_be_bytes(expected));
    }
    Ok(true)
}

fn length_of(tlv: &Tlv) -> usize {
    3 + tlv.value.len()
}

/// The CRC-32C of RFC 3720, section 12.1.
fn crc32c(bytes: &[u8]) -> u32 {
    let shift = |crc: u32, _| if crc & 1 == 1 { crc >> 1 ^ 0x82f6_3b78 } else { crc >> 1 };
    !bytes.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), shift))
}

#[cfg(test)]
mod tests {
    use super::crc32c;

    #[test]
    fn checksum_has_the_values_of_its_standard() {
        // RFC 3720, section B.4.
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
    }
}
