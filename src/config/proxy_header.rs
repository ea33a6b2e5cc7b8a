//! The PROXY header that is sent before the first message.

use super::ConfigError;
use crate::frame::proxy_header::{Decoder, Ends, Header, Version};
use crate::value::{Endpoint, Named, Offsets, Tlv};

/// The PROXY header that is sent before the first message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxyHeader {
    /// Its version.
    pub version: Version,
    /// The client's end in it; by default that of the connection, in a relay that of the client's connection.
    pub source: Option<Endpoint>,
    /// The end in it that the client has connected to, with the same default.
    pub destination: Option<Endpoint>,
    /// Its TLVs.
    pub tlvs: Vec<Tlv>,
    /// Where it is cut.
    pub cuts: Option<Offsets>,
}

/// A header that cannot be made from options, such as one with text after `UNKNOWN`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no option gives the same")]
pub struct OtherHeader;

impl ProxyHeader {
    /// The header of a connection with these ends.
    #[must_use]
    pub fn header(&self, local: Endpoint, peer: Endpoint) -> Header {
        // What is given decides the family; what is not given is left out if it has another one.
        let (source, destination) = match (&self.source, &self.destination) {
            (Some(source), Some(destination)) => (source.clone(), destination.clone()),
            (Some(source), None) => (source.clone(), beside(source, peer)),
            (None, Some(destination)) => (beside(destination, local), destination.clone()),
            (None, None) => (local, peer),
        };
        let ends = Ends::new(&source, &destination);
        Header { version: self.version, ends, tlvs: self.tlvs.clone() }
    }

    /// The header that these bytes begin with, which are then those after it; `None` if there is none.
    pub fn at_start(bytes: &mut &[u8]) -> Option<Result<ProxyHeader, OtherHeader>> {
        let mut rest = *bytes;
        let decoded = Decoder::default().pull(&mut rest).ok()??;
        let header = ProxyHeader {
            version: decoded.version,
            source: Some(decoded.ends.source()),
            destination: Some(decoded.ends.destination()),
            tlvs: decoded.tlvs.clone(),
            cuts: None,
        };
        let given = &bytes[..bytes.len() - rest.len()];
        *bytes = rest;
        let again = header.header(Endpoint::Unknown, Endpoint::Unknown).encode();
        Some(if again.as_deref() == Ok(given) { Ok(header) } else { Err(OtherHeader) })
    }

    /// The same for a client with these ends: they are the default.
    #[must_use]
    pub fn of_client(&self, client: Endpoint, ours: Endpoint) -> ProxyHeader {
        let mut header = self.clone();
        match (&self.source, &self.destination) {
            (None, None) => (header.source, header.destination) = (Some(client), Some(ours)),
            (Some(source), None) => header.destination = Some(beside(source, ours)),
            (None, Some(destination)) => header.source = Some(beside(destination, client)),
            (Some(_), Some(_)) => {}
        }
        header
    }

    /// The options of this header as words of a command line, its cuts left out.
    #[must_use]
    pub fn words(&self) -> Vec<String> {
        let mut words = vec!["--proxy-protocol".to_owned(), self.version.word().name.to_owned()];
        for (option, end) in [("--proxy-source", &self.source), ("--proxy-dest", &self.destination)] {
            if let Some(end) = end {
                words.extend([option.to_owned(), end.to_string()]);
            }
        }
        for tlv in &self.tlvs {
            words.extend(["--proxy-tlv".to_owned(), tlv.to_string()]);
        }
        words
    }

    /// Checks the options against each other.
    ///
    /// # Errors
    /// Names the options that contradict each other, and what would be right.
    pub fn check(self) -> Result<ProxyHeader, ConfigError> {
        let refuse = |text: &str| Err(ConfigError::new(text));
        if self.version == Version::V1 {
            if !self.tlvs.is_empty() {
                return refuse("--proxy-tlv needs TLVs, which version 1 has not: use --proxy-protocol v2");
            }
            if [&self.source, &self.destination].iter().any(|end| matches!(end, Some(Endpoint::Unix(_)))) {
                return refuse("version 1 has IP addresses only, and this is a unix socket: use --proxy-protocol v2");
            }
        }
        match (&self.source, &self.destination) {
            (Some(Endpoint::Unix(_)), Some(Endpoint::Ip(_))) | (Some(Endpoint::Ip(_)), Some(Endpoint::Unix(_))) => {
                return refuse(
                    "--proxy-source and --proxy-dest are an IP address and a unix socket: give two of a kind",
                );
            }
            (Some(Endpoint::Unknown), Some(Endpoint::Ip(_) | Endpoint::Unix(_)))
            | (Some(Endpoint::Ip(_) | Endpoint::Unix(_)), Some(Endpoint::Unknown)) => {
                return refuse("a header has both ends or is unknown: remove --proxy-source or --proxy-dest");
            }
            _ => {}
        }
        // The longest ends are those of unix sockets.
        let longest = self.header(Endpoint::Unix(Vec::new()), Endpoint::Unix(Vec::new())).encode();
        longest.map_err(|error| ConfigError::new(format!("--proxy-tlv: {error}")))?;
        Ok(self)
    }
}

/// The end of a connection beside one that was given, left out if it is of another kind.
fn beside(given: &Endpoint, real: Endpoint) -> Endpoint {
    match (given, &real) {
        (Endpoint::Unix(_), Endpoint::Ip(_)) => Endpoint::Unix(Vec::new()),
        _ => real,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(version: Version, source: &str, destination: &str) -> ProxyHeader {
        let end = |text: &str| (!text.is_empty()).then(|| text.parse().unwrap());
        ProxyHeader { version, source: end(source), destination: end(destination), tlvs: vec![], cuts: None }
    }

    #[test]
    fn header_at_the_start_of_bytes_is_recognized() {
        let found = |bytes: &[u8]| {
            let mut rest = bytes;
            let words = ProxyHeader::at_start(&mut rest).map(|found| found.map(|header| header.words().join(" ")));
            (words, String::from_utf8_lossy(rest).into_owned())
        };
        let words = "--proxy-protocol v1 --proxy-source 192.0.2.7:4444 --proxy-dest 192.0.2.8:80".to_owned();
        let line = b"PROXY TCP4 192.0.2.7 192.0.2.8 4444 80\r\nGET";
        assert_eq!(found(line), (Some(Ok(words)), "GET".to_owned()));
        let version_2 =
            ProxyHeader { tlvs: vec!["0x05=abcd".parse().unwrap()], ..header(Version::V2, "[::1]:1", "[::2]:2") };
        let bytes = version_2.header(Endpoint::Unknown, Endpoint::Unknown).encode().unwrap();
        assert_eq!(found(&[&bytes[..], b"x"].concat()), (Some(Ok(version_2.words().join(" "))), "x".to_owned()));
        // What stands behind UNKNOWN is free text.
        assert_eq!(found(b"PROXY UNKNOWN a b\r\nx"), (Some(Err(OtherHeader)), "x".to_owned()));
        for other in [&b""[..], b"GET / HTTP/1.0\r\n", b"PROXY TCP4 192.0.2.7", b"PROXY TCP4 x\r\n", &bytes[..20]] {
            assert_eq!(found(other), (None, String::from_utf8_lossy(other).into_owned()));
        }
    }

    fn line(source: &str, destination: &str, local: &str, peer: &str) -> String {
        let header = header(Version::V1, source, destination).header(local.parse().unwrap(), peer.parse().unwrap());
        String::from_utf8(header.encode().unwrap()).unwrap()
    }

    #[test]
    fn ends_of_the_connection_are_the_default() {
        let (local, peer) = ("127.0.0.1:5", "127.0.0.2:6");
        assert_eq!(line("", "", local, peer), "PROXY TCP4 127.0.0.1 127.0.0.2 5 6\r\n");
        assert_eq!(line("192.0.2.7:1", "", local, peer), "PROXY TCP4 192.0.2.7 127.0.0.2 1 6\r\n");
        assert_eq!(line("", "[::1]:2", local, peer), "PROXY TCP6 ::ffff:127.0.0.1 ::1 5 2\r\n");
        assert_eq!(line("192.0.2.7:1", "192.0.2.8:2", local, peer), "PROXY TCP4 192.0.2.7 192.0.2.8 1 2\r\n");
        assert_eq!(line("unknown", "", local, peer), "PROXY UNKNOWN\r\n");
        assert_eq!(line("192.0.2.7:1", "", "unix:/c", "unix:/s"), "PROXY TCP4 192.0.2.7 0.0.0.0 1 0\r\n");
        let unix = header(Version::V2, "", "unix:/s").header(local.parse().unwrap(), peer.parse().unwrap());
        let unix = unix.encode().unwrap();
        assert_eq!((unix[13], unix[16], &unix[124..127]), (0x31, 0, &b"/s\0"[..]));
    }

    #[test]
    fn ends_of_the_client_replace_the_default_only() {
        let of_client = |source, destination| {
            let header = header(Version::V1, source, destination);
            header.of_client("192.0.2.7:1".parse().unwrap(), "192.0.2.8:2".parse().unwrap())
        };
        assert_eq!(of_client("", ""), header(Version::V1, "192.0.2.7:1", "192.0.2.8:2"));
        assert_eq!(of_client("192.0.2.9:3", ""), header(Version::V1, "192.0.2.9:3", "192.0.2.8:2"));
        assert_eq!(of_client("", "192.0.2.9:3"), header(Version::V1, "192.0.2.7:1", "192.0.2.9:3"));
        assert_eq!(of_client("unknown", ""), header(Version::V1, "unknown", "192.0.2.8:2"));
    }

    #[test]
    fn contradicting_options_are_refused() {
        let with_tlv = |version, length| {
            let tlvs = vec![Tlv { kind: 4, value: vec![0; length] }];
            ProxyHeader { tlvs, ..header(version, "", "") }.check()
        };
        assert!(with_tlv(Version::V2, 65_535 - 216 - 3).is_ok());
        let too_long = with_tlv(Version::V2, 65_535 - 216 - 2).unwrap_err().to_string();
        assert_eq!(too_long, "--proxy-tlv: PROXY header longer than 65551 bytes");
        assert!(with_tlv(Version::V1, 0).unwrap_err().to_string().ends_with("use --proxy-protocol v2"));
        let check = |version, source, destination| header(version, source, destination).check().is_ok();
        assert!(check(Version::V1, "192.0.2.7:1", "[::1]:2") && check(Version::V2, "unix:/c", "unix:/s"));
        assert!(check(Version::V1, "unknown", "") && check(Version::V1, "unknown", "unknown"));
        for (version, source, destination) in [
            (Version::V1, "unix:/c", ""),
            (Version::V1, "", "unix:/c"),
            (Version::V2, "192.0.2.7:1", "unix:/s"),
            (Version::V2, "unix:/s", "192.0.2.7:1"),
            (Version::V2, "unknown", "192.0.2.7:1"),
            (Version::V2, "unix:/s", "unknown"),
        ] {
            assert!(!check(version, source, destination), "{source} {destination}");
        }
    }
}
