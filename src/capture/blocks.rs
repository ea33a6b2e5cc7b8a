//! The blocks of a capture file (draft-ietf-opsawg-pcapng): a type, the length, a body, options, and the length again.
//! Numbers are little-endian, and everything is padded to 32 bits.

use crate::trace::Direction;

const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const PACKET: u32 = 6;
const SECRETS: u32 = 10;

/// The magic number of a section: it tells the order of bytes.
const MAGIC: u32 = 0x1a2b_3c4d;
/// Packets begin with their IP header (`LINKTYPE_RAW`).
const RAW_IP: u16 = 101;
/// The type of secrets: the key log of NSS.
const TLS_KEY_LOG: u32 = 0x544c_534b;
/// The exponent of the unit of time stamps: nanoseconds.
const NANOSECONDS: u8 = 9;

const END: u16 = 0;
const COMMENT: u16 = 1;
const NAME: u16 = 2;
const DESCRIPTION: u16 = 3;
const APPLICATION: u16 = 4;
const FLAGS: u16 = 2;
const RESOLUTION: u16 = 9;
/// The longest value of an option.
const LONGEST: usize = u16::MAX as usize;

/// One packet of the file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Packet<'a> {
    /// Nanoseconds since 1970.
    pub(super) time: u64,
    /// Its direction, as this program sees it; unknown if the other end has sent it to the other end.
    pub(super) direction: Direction,
    /// The packet, from its IP header on.
    pub(super) bytes: &'a [u8],
    /// What is known of it.
    pub(super) comment: &'a str,
}

/// Appends the header of the section, which has this comment.
pub(super) fn section(comment: &str, out: &mut Vec<u8>) {
    block(SECTION, out, |out| {
        out.extend_from_slice(&MAGIC.to_le_bytes());
        out.extend_from_slice(&1_u16.to_le_bytes());
        out.extend_from_slice(&0_u16.to_le_bytes());
        out.extend_from_slice(&(-1_i64).to_le_bytes()); // the length of the section is not known
        option(APPLICATION, concat!("secretcat ", env!("CARGO_PKG_VERSION")).as_bytes(), out);
        option(COMMENT, comment.as_bytes(), out);
        option(END, b"", out);
    });
}

/// Appends the description of the one interface.
pub(super) fn interface(out: &mut Vec<u8>) {
    block(INTERFACE, out, |out| {
        out.extend_from_slice(&RAW_IP.to_le_bytes());
        out.extend_from_slice(&0_u16.to_le_bytes());
        out.extend_from_slice(&0_u32.to_le_bytes()); // packets of any length
        option(NAME, b"secretcat", out);
        option(DESCRIPTION, b"built from the calls of secretcat, not seen on a wire", out);
        option(RESOLUTION, &[NANOSECONDS], out);
        option(END, b"", out);
    });
}

/// Appends a packet.
pub(super) fn packet(packet: &Packet<'_>, out: &mut Vec<u8>) {
    let flags: u32 = match packet.direction {
        Direction::In => 1,
        Direction::Out => 2,
    };
    // A packet is built from at most 64 KiB.
    let len = u32::try_from(packet.bytes.len()).unwrap_or(u32::MAX).to_le_bytes();
    block(PACKET, out, |out| {
        out.extend_from_slice(&0_u32.to_le_bytes()); // the first interface
        for half in [packet.time >> 32, packet.time & u64::from(u32::MAX)] {
            out.extend_from_slice(&u32::try_from(half).unwrap_or(u32::MAX).to_le_bytes());
        }
        out.extend_from_slice(&len);
        out.extend_from_slice(&len);
        out.extend_from_slice(packet.bytes);
        pad(out);
        if !packet.comment.is_empty() {
            option(COMMENT, packet.comment.as_bytes(), out);
        }
        option(FLAGS, &flags.to_le_bytes(), out);
        option(END, b"", out);
    });
}

/// Appends lines of a TLS key log. A reader needs them before the packets that they decrypt.
pub(super) fn secrets(lines: &str, out: &mut Vec<u8>) {
    block(SECRETS, out, |out| {
        out.extend_from_slice(&TLS_KEY_LOG.to_le_bytes());
        out.extend_from_slice(&u32::try_from(lines.len()).unwrap_or(u32::MAX).to_le_bytes());
        out.extend_from_slice(lines.as_bytes());
        pad(out);
    });
}

/// Appends a block of this type, whose body `write` appends in multiples of 32 bits.
fn block(kind: u32, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&kind.to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    write(out);
    let len = u32::try_from(out.len() + 4 - start).unwrap_or(u32::MAX).to_le_bytes();
    out[start + 4..start + 8].copy_from_slice(&len);
    out.extend_from_slice(&len);
}

/// Appends an option, cut to the longest length.
fn option(code: u16, value: &[u8], out: &mut Vec<u8>) {
    let value = &value[..value.len().min(LONGEST)];
    out.extend_from_slice(&code.to_le_bytes());
    out.extend_from_slice(&u16::try_from(value.len()).unwrap_or(u16::MAX).to_le_bytes());
    out.extend_from_slice(value);
    pad(out);
}

/// Blocks begin at multiples of 32 bits, so padding may count from the start of the buffer.
fn pad(out: &mut Vec<u8>) {
    out.resize(out.len().next_multiple_of(4), 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_block_has_its_length_at_both_ends() {
        let mut out = Vec::new();
        section("secretcat connect", &mut out);
        interface(&mut out);
        for len in 0..9 {
            let bytes = vec![b'x'; len];
            let comment = &"comment"[..len.min(7)];
            packet(&Packet { time: 5 << 32 | 7, direction: Direction::Out, bytes: &bytes, comment }, &mut out);
            secrets(&"S".repeat(len), &mut out);
        }
        let mut kinds = Vec::new();
        let mut rest = &out[..];
        while !rest.is_empty() {
            let number = |at: usize| u32::from_le_bytes(rest[at..at + 4].try_into().unwrap());
            let len = number(4) as usize;
            assert_eq!((len % 4, number(len - 4)), (0, number(4)));
            kinds.push(number(0));
            if number(0) == PACKET {
                assert_eq!((number(12), number(16)), (5, 7));
            }
            rest = &rest[len..];
        }
        assert_eq!(kinds[..4], [SECTION, INTERFACE, PACKET, SECRETS]);
        assert_eq!(kinds.len(), 20);
    }

    #[test]
    fn long_option_is_cut() {
        let mut out = Vec::new();
        option(COMMENT, &vec![b'x'; 70_000], &mut out);
        assert_eq!(out.len(), 4 + 65_536);
        assert_eq!(out[2..4], [0xff, 0xff]);
    }
}
