//! Tests of the PROXY header: written and decoded examples, malformed ones, and properties.

use proptest::prelude::*;

use super::*;

fn endpoint(text: &str) -> Endpoint {
    text.parse().unwrap()
}

fn header(version: Version, source: &str, destination: &str) -> Header {
    Header { version, ends: Ends::new(&endpoint(source), &endpoint(destination)), tlvs: Vec::new() }
}

/// Decodes bytes that arrive in pieces of this size; the header, and the bytes that it does not take.
fn decode(bytes: &[u8], size: usize) -> Result<(Option<Header>, Vec<u8>), HeaderError> {
    let mut decoder = Decoder::default();
    let mut left = Vec::new();
    let mut found = None;
    for mut piece in bytes.chunks(size.max(1)) {
        if found.is_none() {
            found = decoder.pull(&mut piece)?;
        }
        left.extend_from_slice(piece);
    }
    Ok((found, left))
}

fn error(bytes: &[u8]) -> String {
    decode(bytes, bytes.len()).unwrap_err().to_string()
}

/// A header of version 2 with this second and third byte after the signature, and these bytes after the length.
fn v2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
    [&v2::START[..], &[command, family], &length, rest].concat()
}

#[test]
fn headers_are_written_as_the_standard_shows() {
    let text = |header: Header| String::from_utf8(header.encode().unwrap()).unwrap();
    let v1 = |source, destination| text(header(Version::V1, source, destination));
    assert_eq!(v1("192.0.2.7:44444", "192.0.2.8:80"), "PROXY TCP4 192.0.2.7 192.0.2.8 44444 80\r\n");
    assert_eq!(v1("[2001:db8::1]:0", "[::1]:65535"), "PROXY TCP6 2001:db8::1 ::1 0 65535\r\n");
    assert_eq!(v1("192.0.2.7:1", "[::1]:2"), "PROXY TCP6 ::ffff:192.0.2.7 ::1 1 2\r\n");
    assert_eq!(v1("192.0.2.7:1", "unix:/s"), "PROXY TCP4 192.0.2.7 0.0.0.0 1 0\r\n");
    assert_eq!(v1("unix:/s", "[::1]:2"), "PROXY TCP6 :: ::1 0 2\r\n");
    assert_eq!(v1("unix:/c", "unix:/s"), "PROXY UNKNOWN\r\n");
    assert_eq!(v1("unknown", "[::1]:2"), "PROXY UNKNOWN\r\n");

    let mut with_tlv = header(Version::V2, "192.0.2.7:44444", "192.0.2.8:80");
    with_tlv.tlvs.push("2=7061".parse().unwrap());
    let rest = [192, 0, 2, 7, 192, 0, 2, 8, 0xad, 0x9c, 0, 80, 2, 0, 2, b'p', b'a'];
    assert_eq!(with_tlv.encode().unwrap(), v2(0x21, 0x11, &rest));
    let six = header(Version::V2, "[2001:db8::1]:1", "[::1]:2").encode().unwrap();
    assert_eq!(
        (six.len(), &six[12..20], &six[48..]),
        (52, &b"\x21\x21\0\x24\x20\x01\x0d\xb8"[..], &b"\0\x01\0\x02"[..])
    );
    let unix = header(Version::V2, "unix:@c", "unix:/s").encode().unwrap();
    assert_eq!((unix.len(), &unix[12..19], &unix[124..127]), (232, &b"\x21\x31\0\xd8\0c\0"[..], &b"/s\0"[..]));
    assert_eq!(header(Version::V2, "unknown", "unknown").encode().unwrap(), v2(0x20, 0, b""));
}

#[test]
fn tlvs_that_do_not_fit_are_refused() {
    let value = vec![0; 40_000];
    let tlv = Tlv { kind: 4, value };
    let header = Header { version: Version::V2, ends: Ends::Unknown, tlvs: vec![tlv.clone()] };
    assert_eq!(header.encode().unwrap().len(), 16 + 3 + 40_000);
    let header = Header { tlvs: vec![tlv.clone(), tlv], ..header };
    assert_eq!(header.encode(), Err(HeaderError::TooLong { limit: 65_551 }));
    let tlvs = vec![Tlv { kind: 4, value: vec![0; 65_536] }];
    assert_eq!(Header { tlvs, ..header }.encode(), Err(HeaderError::TooLong { limit: 65_551 }));
}

#[test]
fn header_without_ends_keeps_the_real_addresses() {
    let ends = |bytes: &[u8]| decode(bytes, bytes.len()).unwrap().0.unwrap().ends;
    for bytes in [
        b"PROXY UNKNOWN\r\n".to_vec(),
        b"PROXY UNKNOWN \xff::1 anything\r\n".to_vec(),
        v2(0x20, 0x11, b"no address"),
        v2(0x20, 0xff, b""),
        v2(0x21, 0x00, b""),
        v2(0x21, 0x12, &[0; 12]),
    ] {
        assert_eq!(ends(&bytes), Ends::Unknown, "{bytes:?}");
    }
    let mapped = ends(b"PROXY TCP6 ::ffff:192.0.2.7 ::1 1 2\r\n");
    assert_eq!((mapped.source(), mapped.destination()), (endpoint("192.0.2.7:1"), endpoint("[::1]:2")));
}

#[test]
fn other_bytes_are_refused_at_the_first_one() {
    for (bytes, taken) in [(&b"G"[..], 1), (b"PROXI", 5), (b"PROXY\t", 6), (b"\r\n\r\n\0\r\nQUIX", 11), (b"\x16", 1)] {
        let mut decoder = Decoder::default();
        for byte in &bytes[..taken - 1] {
            assert_eq!(decoder.pull(&mut &[*byte][..]), Ok(None));
        }
        assert_eq!(decoder.pull(&mut &bytes[taken - 1..]), Err(HeaderError::Missing));
    }
}

#[test]
fn malformed_lines_are_named() {
    let ports = "malformed PROXY header: a port is not a number up to 65535";
    let addresses = "malformed PROXY header: an address is not of the family of its protocol";
    let fields = "malformed PROXY header: after its protocol come not two addresses and two ports";
    for (line, expected) in [
        ("PROXY TCP4 192.0.2.7 192.0.2.8 44444 80\n", "malformed PROXY header: its line ends with LF without CR"),
        (
            "PROXY UDP4 192.0.2.7 192.0.2.8 4 80\r\n",
            "malformed PROXY header: its protocol is not TCP4, TCP6 or UNKNOWN",
        ),
        ("PROXY TCP4 192.0.2.7 192.0.2.8 4\r\n", fields),
        ("PROXY TCP4 192.0.2.7 192.0.2.8 4 80 1\r\n", fields),
        ("PROXY TCP4  192.0.2.7 192.0.2.8 4 80\r\n", fields),
        ("PROXY TCP4 192.0.2.07 192.0.2.8 4 80\r\n", addresses),
        ("PROXY TCP4 ::1 192.0.2.8 4 80\r\n", addresses),
        ("PROXY TCP6 ::1 192.0.2.8 4 80\r\n", addresses),
        ("PROXY TCP6 ::1 fe80::1%1 4 80\r\n", addresses),
        ("PROXY TCP4 192.0.2.7 192.0.2.8 04 80\r\n", ports),
        ("PROXY TCP4 192.0.2.7 192.0.2.8 4 65536\r\n", ports),
        ("PROXY TCP4 192.0.2.7 192.0.2.8 +4 80\r\n", ports),
        ("PROXY TCP4 192.0.2.7 192.0.2.8  80\r\n", ports),
    ] {
        for size in 1..line.len() {
            assert_eq!(decode(line.as_bytes(), size).unwrap_err().to_string(), expected, "{line:?} {size}");
        }
    }
    let longest = format!("PROXY UNKNOWN{}\r\n", " ".repeat(92));
    assert_eq!(longest.len(), 107);
    assert!(decode(longest.as_bytes(), 7).unwrap().0.is_some());
    let longer = longest.replace("\r\n", " \r\n");
    for size in 1..longer.len() {
        assert_eq!(decode(longer.as_bytes(), size), Err(HeaderError::TooLong { limit: 107 }));
    }
}

#[test]
fn malformed_binary_headers_are_named() {
    for (bytes, expected) in [
        (v2(0x11, 0x11, b""), "its version is not 2"),
        (v2(0x22, 0x11, b""), "its command is not LOCAL or PROXY"),
        (v2(0x21, 0x41, &[0; 300]), "its family or transport is unknown"),
        (v2(0x21, 0x13, &[0; 12]), "its family or transport is unknown"),
        (v2(0x21, 0x11, &[0; 11]), "its length is too short for its addresses"),
        (v2(0x21, 0x21, &[0; 35]), "its length is too short for its addresses"),
        (v2(0x21, 0x31, &[0; 215]), "its length is too short for its addresses"),
        (v2(0x21, 0, b"\x01\0"), "a TLV passes its end"),
        (v2(0x21, 0, b"\x01\0\x02a"), "a TLV passes its end"),
        (v2(0x21, 0, b"\x03\0\x04abcd"), "its checksum is wrong"),
        (v2(0x21, 0, b"\x03\0\x03abc"), "its checksum has not 4 bytes"),
    ] {
        assert_eq!(error(&bytes), format!("malformed PROXY header: {expected}"));
    }
    // Refused before its bytes arrive.
    assert_eq!(error(&v2(0x21, 0x11, &[0; 4097])[..16]), "PROXY header longer than 4112 bytes");
    assert_eq!(decode(&v2(0x21, 0x11, &[0; 4096])[..16], 16), Ok((None, vec![])));
}

#[test]
fn checksum_of_the_header_is_verified() {
    // Made with the Python package google-crc32c.
    let mut bytes = v2(0x21, 0x11, b"\xc0\0\x02\x07\xc0\0\x02\x08\xad\x9c\0\x50\x04\0\x01x\x03\0\x04\0\0\0\0\x04\0\0");
    let at = bytes.len() - 7;
    bytes[at..at + 4].copy_from_slice(&0xd8d1_e57f_u32.to_be_bytes());
    assert_eq!(decode(&bytes, 5).unwrap().0.unwrap().tlvs.len(), 3);
    bytes[20] ^= 1;
    assert_eq!(error(&bytes), "malformed PROXY header: its checksum is wrong");
}

fn ip_end() -> impl Strategy<Value = Endpoint> {
    any::<(std::net::IpAddr, u16)>().prop_map(|(ip, port)| Endpoint::ip(SocketAddr::new(ip, port)))
}

fn unix_end() -> impl Strategy<Value = Endpoint> {
    let name = prop::collection::vec(any::<u8>(), 0..=108).prop_filter("padding", |name| !name.ends_with(b"\0"));
    name.prop_map(Endpoint::Unix)
}

fn ends() -> impl Strategy<Value = Ends> {
    prop_oneof![
        1 => Just(Ends::Unknown),
        4 => (ip_end(), ip_end()).prop_map(|(source, destination)| Ends::new(&source, &destination)),
        2 => (unix_end(), unix_end()).prop_map(|(source, destination)| Ends::new(&source, &destination)),
    ]
}

fn any_header() -> impl Strategy<Value = Header> {
    let tlv = (any::<u8>(), prop::collection::vec(any::<u8>(), 0..300))
        .prop_filter("checksum", |(kind, _)| *kind != 3)
        .prop_map(|(kind, value)| Tlv { kind, value });
    (prop::sample::select(Version::ALL), ends(), prop::collection::vec(tlv, 0..4)).prop_map(|(version, ends, tlvs)| {
        match (version, &ends) {
            (Version::V1, Ends::Unix { .. }) => Header { version, ends: Ends::Unknown, tlvs: vec![] },
            (Version::V1, _) | (_, Ends::Unknown) => Header { version, ends, tlvs: vec![] },
            (Version::V2, _) => Header { version, ends, tlvs },
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn header_is_decoded_however_it_was_cut(
        header in any_header(), payload in prop::collection::vec(any::<u8>(), 0..40), size in 1usize..400,
    ) {
        let bytes = header.encode().unwrap();
        let stream = [&bytes[..], &payload].concat();
        prop_assert_eq!(decode(&stream, size), Ok((Some(header), payload)));
    }

    #[test]
    fn reads_of_the_wanted_size_end_with_the_header(
        header in any_header(), sizes in prop::collection::vec(1usize..200, 1..50),
    ) {
        let bytes = header.encode().unwrap();
        let stream = [&bytes[..], b"GET / HTTP/1.1\r\n\r\n"].concat();
        let mut decoder = Decoder::default();
        let (mut at, mut sizes) = (0, sizes.iter().cycle());
        let found = loop {
            prop_assert!(decoder.wanted() > 0 && at < bytes.len());
            let read = decoder.wanted().min(*sizes.next().unwrap());
            let mut fresh = &stream[at..at + read];
            at += read;
            let found = decoder.pull(&mut fresh).unwrap();
            prop_assert!(fresh.is_empty());
            if let Some(found) = found {
                break found;
            }
            prop_assert_eq!(decoder.received(), at);
        };
        prop_assert_eq!((found, at, decoder.wanted()), (header, bytes.len(), 0));
        let mut after = &stream[at..];
        prop_assert_eq!((decoder.pull(&mut after), after), (Ok(None), &stream[at..]));
    }

    #[test]
    fn wrong_bytes_have_one_error_however_they_are_cut(
        header in any_header(), at in any::<prop::sample::Index>(), byte in any::<u8>(), size in 1usize..30,
    ) {
        let mut bytes = header.encode().unwrap();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let mut decoder = Decoder::default();
        for mut piece in bytes.chunks(size) {
            if decoder.pull(&mut piece).is_err() {
                break;
            }
            prop_assert!(decoder.received() <= LONGEST);
        }
        let (whole, cut) = (decode(&bytes, bytes.len()), decode(&bytes, size));
        prop_assert_eq!(whole.is_err(), cut.is_err());
        if let (Err(whole), Err(cut)) = (whole, cut) {
            prop_assert_eq!(whole, cut);
        }
    }
}
