//! One packet of TCP over IP, as bytes.

use std::net::{IpAddr, SocketAddr};

use etherparse::{PacketBuilder, TcpOptionElement};

/// The number of payload bytes that one packet of IPv4 has room for, beside headers without options.
pub(super) const LARGEST: usize = 65_535 - 40;
/// The time to live of Linux.
const TTL: u8 = 64;
/// The receive window. It is not known, so that it is as large as can be: 65535 times 2^14 bytes.
const WINDOW: u16 = u16::MAX;
const WINDOW_SCALE: u8 = 14;

/// The flags of a packet beside ACK, which every one has but the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Flag {
    /// Opens a direction.
    Syn,
    /// Opens the first direction: nothing is acknowledged.
    FirstSyn,
    /// Closes a direction.
    Fin,
    /// Ends the connection.
    Reset,
    /// None: payload, or an acknowledgement.
    #[default]
    None,
}

/// The ends and numbers of a packet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    /// Its sender and its receiver, of the same family.
    pub(super) from: SocketAddr,
    pub(super) to: SocketAddr,
    /// The number of its first byte, and of the next byte of the other direction.
    pub(super) sequence: u32,
    pub(super) acknowledges: u32,
    pub(super) flag: Flag,
}

/// Appends the packet, with its checksums. A pair of families that cannot be is no packet.
pub(super) fn write(header: &Header, payload: &[u8], out: &mut Vec<u8>) {
    let ip = match (header.from.ip(), header.to.ip()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => PacketBuilder::ipv4(from.octets(), to.octets(), TTL),
        (IpAddr::V6(from), IpAddr::V6(to)) => PacketBuilder::ipv6(from.octets(), to.octets(), TTL),
        _ => return,
    };
    let (from, to) = (header.from.port(), header.to.port());
    let tcp = ip.tcp(from, to, header.sequence, WINDOW);
    let tcp = if header.flag == Flag::FirstSyn { tcp } else { tcp.ack(header.acknowledges) };
    let tcp = match header.flag {
        Flag::FirstSyn | Flag::Syn => {
            let options = [TcpOptionElement::Noop, TcpOptionElement::WindowScale(WINDOW_SCALE)];
            let Ok(tcp) = tcp.syn().options(&options) else { return }; // four bytes have room
            tcp
        }
        Flag::Fin => tcp.fin(),
        Flag::Reset => tcp.rst(),
        Flag::None if payload.is_empty() => tcp,
        Flag::None => tcp.psh(),
    };
    let start = out.len();
    if tcp.write_to_vec(out, payload).is_err() {
        out.truncate(start);
    }
}

#[cfg(test)]
mod tests {
    use etherparse::{PacketHeaders, TransportHeader};

    use super::*;

    #[test]
    fn packets_have_right_checksums() {
        for (from, to) in [("10.1.2.3:4500", "10.1.2.4:60000"), ("[fd00::1]:4500", "[fd00::2]:60000")] {
            let (from, to) = (from.parse().unwrap(), to.parse().unwrap());
            for flag in [Flag::FirstSyn, Flag::Syn, Flag::Fin, Flag::Reset, Flag::None] {
                for payload in [&b""[..], b"SECRET 42\n", &vec![0xff; LARGEST]] {
                    let mut out = Vec::new();
                    write(&Header { from, to, sequence: 7, acknowledges: 9, flag }, payload, &mut out);
                    if payload.len() == LARGEST && out.is_empty() {
                        assert_eq!(
                            (from.is_ipv4(), flag),
                            (true, if flag == Flag::Syn { flag } else { Flag::FirstSyn })
                        );
                        continue; // a SYN has options, and never a payload
                    }
                    let packet = PacketHeaders::from_ip_slice(&out).unwrap();
                    let Some(TransportHeader::Tcp(tcp)) = &packet.transport else { panic!("no TCP") };
                    let checksum = match packet.net.as_ref().unwrap() {
                        etherparse::NetHeaders::Ipv4(ip, _) => {
                            assert_eq!(ip.header_checksum, ip.calc_header_checksum());
                            tcp.calc_checksum_ipv4(ip, payload).unwrap()
                        }
                        etherparse::NetHeaders::Ipv6(ip, _) => tcp.calc_checksum_ipv6(ip, payload).unwrap(),
                        etherparse::NetHeaders::Arp(_) => panic!("no IP"),
                    };
                    assert_eq!((tcp.checksum, tcp.source_port, tcp.sequence_number), (checksum, from.port(), 7));
                    assert_eq!(packet.payload.slice(), payload);
                }
            }
        }
    }

    #[test]
    fn mixed_families_are_no_packet() {
        let mut out = Vec::new();
        let (from, to) = ("10.1.2.3:1".parse().unwrap(), "[fd00::1]:1".parse().unwrap());
        write(&Header { from, to, sequence: 0, acknowledges: 0, flag: Flag::None }, b"x", &mut out);
        assert!(out.is_empty());
    }
}
