//! The client side of the NATS protocol, core subjects only: operations in, operations out. A broker may send any
//! bytes; what is kept of them is bounded, and a wrong byte is an error.
//!
//! The source is "Client Protocol" of the NATS documentation (docs.nats.io, reference/nats-protocol).

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The longest line: INFO has a list of servers; every other one is short.
const LONGEST_LINE: usize = 32 * 1024;

/// An operation that a broker has sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Operation<'a> {
    /// What the broker says of itself: at first, and when that changes.
    Info(Info),
    /// A message for a subject that was subscribed to.
    Message {
        /// The subject.
        subject: &'a [u8],
        /// The message.
        payload: &'a [u8],
    },
    /// A message that was longer than the limit, and is skipped.
    TooLong,
    /// It is to be answered with PONG.
    Ping,
    /// The answer to PING: the broker has processed everything before it.
    Pong,
    /// It was accepted, which is said only if CONNECT asks for it.
    Done,
    /// An error; mostly the broker closes the connection.
    Failed(&'a [u8]),
}

/// What a broker says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct Info {
    /// It talks TLS only.
    pub(super) tls_required: bool,
    /// It talks TLS too.
    pub(super) tls_available: bool,
    /// The longest message that it takes; 0 if it does not say.
    pub(super) max_payload: u64,
}

/// Bytes that are not of this protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[allow(missing_docs, reason = "the text of each says what it is")]
pub enum Malformed {
    #[error("it sends no NATS protocol")]
    Unknown,
    #[error("it sends a line of more than {LONGEST_LINE} bytes")]
    LongLine,
    #[error("it sends a wrong MSG")]
    Message,
    #[error("it sends a wrong INFO")]
    Info,
}

/// Why TLS does not begin after what a broker has sent in plain text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum NoTls {
    /// The bytes are not of this protocol.
    #[error("{0}")]
    Malformed(#[from] Malformed),
    /// It does not offer TLS.
    #[error("the broker has no TLS (nats:// connects without it)")]
    NotOffered,
    /// It has sent more than INFO. Somebody on the path may have added the rest, and nothing of it may be taken for a
    /// part of what TLS protects.
    #[error("the broker sends more than INFO before TLS")]
    More,
}

/// Reads all that a broker has sent before TLS begins: its INFO. True: it is whole, and offers TLS.
///
/// # Errors
/// TLS must not begin.
pub fn offers_tls(received: &[u8]) -> Result<bool, NoTls> {
    let mut decoder = Decoder::new(0);
    let (mut info, mut count) = (None, 0);
    decoder.read(received, |operation| {
        count += 1;
        if let Operation::Info(said) = operation {
            info.get_or_insert(said);
        }
    })?;
    match info {
        None if count > 0 => Err(NoTls::Malformed(Malformed::Unknown)),
        None => Ok(false),
        Some(_) if count > 1 || !decoder.held.is_empty() => Err(NoTls::More),
        Some(info) if !info.tls_required && !info.tls_available => Err(NoTls::NotOffered),
        Some(_) => Ok(true),
    }
}

/// Reads the operations of a broker.
#[derive(Debug)]
pub(super) struct Decoder {
    /// What is no whole operation yet.
    held: Vec<u8>,
    expected: Expected,
    /// The longest message that is not skipped.
    longest: usize,
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    Line,
    /// The message whose line is held, which has this many bytes with its line ending.
    Payload {
        line: usize,
        len: usize,
    },
    /// The rest of a message that is skipped.
    Skipped(usize),
    /// The line ending after a message that was skipped.
    Ending,
}

impl Decoder {
    /// Nothing was received yet. Longer messages than `longest` are skipped.
    pub(super) fn new(longest: usize) -> Self {
        Decoder { held: Vec::new(), expected: Expected::Line, longest }
    }

    /// Reads more bytes, and gives each operation to `on`.
    ///
    /// # Errors
    /// The bytes are not of this protocol. Nothing can be read after that.
    pub(super) fn read(&mut self, bytes: &[u8], mut on: impl FnMut(Operation<'_>)) -> Result<(), Malformed> {
        self.held.extend_from_slice(bytes);
        let mut start = 0;
        let result = loop {
            match self.next(start, &mut on) {
                Ok(Some(end)) => start = end,
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        self.held.drain(..start);
        self.held.shrink_to(LONGEST_LINE + self.longest);
        result
    }

    /// Reads one step from this offset on; its end, if it is all there.
    fn next(&mut self, start: usize, on: &mut impl FnMut(Operation<'_>)) -> Result<Option<usize>, Malformed> {
        let held = &self.held[start..];
        match self.expected {
            Expected::Line => {
                let Some(end) = memchr::memchr(b'\n', &held[..held.len().min(LONGEST_LINE + 1)]) else {
                    return if held.len() > LONGEST_LINE { Err(Malformed::LongLine) } else { Ok(None) };
                };
                let line = held[..end].strip_suffix(b"\r").unwrap_or(&held[..end]);
                let Some(len) = operation(line, on)? else { return Ok(Some(start + end + 1)) };
                if len > self.longest {
                    self.expected = Expected::Skipped(len);
                    return Ok(Some(start + end + 1));
                }
                self.expected = Expected::Payload { line: end + 1, len };
                Ok(Some(start))
            }
            Expected::Payload { line, len } => {
                let Some(whole) = held.get(..line + len + 2) else { return Ok(None) };
                let (announced, payload) = whole.split_at(line);
                let payload = payload.strip_suffix(b"\r\n").ok_or(Malformed::Message)?;
                let subject = words(announced).nth(1).ok_or(Malformed::Message)?;
                on(Operation::Message { subject, payload });
                self.expected = Expected::Line;
                Ok(Some(start + line + len + 2))
            }
            Expected::Skipped(0) => {
                on(Operation::TooLong);
                self.expected = Expected::Ending;
                Ok(Some(start))
            }
            Expected::Skipped(_) if held.is_empty() => Ok(None),
            Expected::Skipped(left) => {
                let skipped = left.min(held.len());
                self.expected = Expected::Skipped(left - skipped);
                Ok(Some(start + skipped))
            }
            Expected::Ending => {
                let Some(ending) = held.get(..2) else { return Ok(None) };
                self.expected = Expected::Line;
                if ending == b"\r\n" { Ok(Some(start + 2)) } else { Err(Malformed::Message) }
            }
        }
    }
}

/// Reads a line. `Some`: it announces a message of this length.
fn operation(line: &[u8], on: &mut impl FnMut(Operation<'_>)) -> Result<Option<usize>, Malformed> {
    let name = words(line).next().ok_or(Malformed::Unknown)?;
    let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
    let rest = || line[name.len() + line.len() - line.trim_ascii_start().len()..].trim_ascii();
    match () {
        () if is("MSG") => {
            // MSG SUBJECT SID [REPLY-TO] BYTES
            let words: Vec<_> = words(line).collect();
            let ([_, _, _, len] | [_, _, _, _, len]) = words[..] else { return Err(Malformed::Message) };
            let len = std::str::from_utf8(len).ok().and_then(|len| len.parse().ok());
            return len.map(Some).ok_or(Malformed::Message);
        }
        () if is("PING") => on(Operation::Ping),
        () if is("PONG") => on(Operation::Pong),
        () if is("+OK") => on(Operation::Done),
        () if is("-ERR") => on(Operation::Failed(rest())),
        () if is("INFO") => on(Operation::Info(serde_json::from_slice(rest()).map_err(|_| Malformed::Info)?)),
        () => return Err(Malformed::Unknown),
    }
    Ok(None)
}

fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty())
}

/// The user and the password for a broker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Login<'a> {
    /// The user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) user: Option<&'a str>,
    /// The password.
    #[serde(rename = "pass", skip_serializing_if = "Option::is_none")]
    pub(super) password: Option<&'a str>,
}

/// Appends CONNECT: the broker is to send neither `+OK` nor what this client has published itself.
pub(super) fn connect(login: Login<'_>, tls: bool, out: &mut Vec<u8>) {
    #[derive(Serialize)]
    #[allow(clippy::struct_excessive_bools, reason = "they are the options of CONNECT")]
    struct Options<'a> {
        verbose: bool,
        pedantic: bool,
        tls_required: bool,
        echo: bool,
        headers: bool,
        protocol: u8,
        name: &'a str,
        lang: &'a str,
        version: &'a str,
        #[serde(flatten)]
        login: Login<'a>,
    }
    let options = Options {
        verbose: false,
        pedantic: false,
        tls_required: tls,
        echo: false,
        headers: false,
        protocol: 1,
        name: env!("CARGO_PKG_NAME"),
        lang: "rust",
        version: env!("CARGO_PKG_VERSION"),
        login,
    };
    out.extend_from_slice(b"CONNECT ");
    out.extend_from_slice(serde_json::to_string(&options).unwrap_or_default().as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// Appends SUB: messages for this subject come with this number.
pub(super) fn subscribe(subject: &str, number: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(format!("SUB {subject} {number}\r\n").as_bytes());
}

/// Appends PUB: a message for a subject.
pub(super) fn publish(subject: &str, payload: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(format!("PUB {subject} {}\r\n", payload.len()).as_bytes());
    out.extend_from_slice(payload);
    out.extend_from_slice(b"\r\n");
}

/// Appends PING.
pub(super) fn ping(out: &mut Vec<u8>) {
    out.extend_from_slice(b"PING\r\n");
}

/// Appends PONG.
pub(super) fn pong(out: &mut Vec<u8>) {
    out.extend_from_slice(b"PONG\r\n");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LONGEST: usize = 100;

    /// The operations in these parts, and the error.
    fn decoded(parts: &[&[u8]]) -> (Vec<String>, Option<Malformed>) {
        let (mut decoder, mut operations) = (Decoder::new(LONGEST), Vec::new());
        for part in parts {
            let before = decoder.held.len() + part.len();
            let read = decoder.read(part, |operation| {
                operations.push(match operation {
                    Operation::Message { subject, payload } => {
                        format!("{} {}", String::from_utf8_lossy(subject), String::from_utf8_lossy(payload))
                    }
                    Operation::Failed(text) => format!("failed {}", String::from_utf8_lossy(text)),
                    other => format!("{other:?}"),
                });
            });
            assert!(decoder.held.len() <= before);
            if let Err(error) = read {
                return (operations, Some(error));
            }
            assert!(decoder.held.len() <= LONGEST_LINE + LONGEST + 2);
        }
        (operations, None)
    }

    #[test]
    fn operations_are_read() {
        let bytes =
            b"INFO {\"server_id\":\"x\",\"tls_required\":true,\"max_payload\":1048576,\"more\":[1]} \r\nPING\r\n\
            msg rooms.a 1 5\r\nhel\nl\r\nMSG rooms.b 22 reply.to 0\r\n\r\n  pong \r\n+OK\r\n\
            MSG\tbig 1 101\r\n"
                .to_vec();
        let bytes = [bytes, vec![b'\n'; 101], b"\r\n-ERR 'Authorization Violation'\r\n".to_vec()].concat();
        let expected = [
            "Info(Info { tls_required: true, tls_available: false, max_payload: 1048576 })",
            "Ping",
            "rooms.a hel\nl",
            "rooms.b ",
            "Pong",
            "Done",
            "TooLong",
            "failed 'Authorization Violation'",
        ];
        assert_eq!(decoded(&[&bytes]), (expected.map(str::to_owned).to_vec(), None));
    }

    #[test]
    fn wrong_bytes_are_an_error() {
        let long = vec![b'x'; LONGEST_LINE + 1];
        let long_line = [&long[..], b"\r\n"].concat();
        let cases: [(&[u8], Malformed); 14] = [
            (b"\r\n", Malformed::Unknown),
            (b"HTTP/1.1 400 Bad Request\r\n", Malformed::Unknown),
            (b"HMSG a 1 2 3\r\n", Malformed::Unknown),
            (b"\x16\x03\x01\0\n", Malformed::Unknown),
            (b"INFO\r\n", Malformed::Info),
            (b"INFO [1\r\n", Malformed::Info),
            (b"MSG a 1\r\n", Malformed::Message),
            (b"MSG a 1 b c 2\r\n", Malformed::Message),
            (b"MSG a 1 -1\r\n", Malformed::Message),
            (b"MSG a 1 99999999999999999999\r\n", Malformed::Message),
            (b"MSG a 1 2\r\nabc\r\n", Malformed::Message),
            (&[&b"MSG a 1 101\r\n"[..], &[b'x'; 103]].concat(), Malformed::Message),
            (&long, Malformed::LongLine),
            (&long_line, Malformed::LongLine),
        ];
        for (bytes, error) in cases {
            let found = decoded(&[bytes]).1;
            assert_eq!(found, Some(error), "{}", String::from_utf8_lossy(&bytes[..bytes.len().min(40)]));
        }
        assert_eq!(decoded(&[&long[1..]]), (Vec::new(), None));
    }

    #[test]
    fn client_operations_are_written() {
        let mut out = Vec::new();
        subscribe("a.b", 1, &mut out);
        publish("a.b", b"x\r\ny", &mut out);
        ping(&mut out);
        pong(&mut out);
        assert_eq!(out, b"SUB a.b 1\r\nPUB a.b 4\r\nx\r\ny\r\nPING\r\nPONG\r\n");
        out.clear();
        connect(Login { user: Some("a\"b"), password: Some("c") }, false, &mut out);
        let text = String::from_utf8(out.clone()).unwrap();
        let expected = "CONNECT {\"verbose\":false,\"pedantic\":false,\"tls_required\":false,\"echo\":false,\
            \"headers\":false,\"protocol\":1,\"name\":\"secretcat\",\"lang\":\"rust\",\"version\":\"";
        assert!(text.starts_with(expected) && text.ends_with("\",\"user\":\"a\\\"b\",\"pass\":\"c\"}\r\n"), "{text}");
        out.clear();
        connect(Login::default(), true, &mut out);
        let text = String::from_utf8(out).unwrap();
        assert!(!text.contains("user") && text.contains("\"tls_required\":true,"), "{text}");
    }

    #[test]
    fn tls_begins_only_after_an_info_that_offers_it() {
        let long = "x".repeat(LONGEST_LINE + 1);
        let cases: [(&str, Result<bool, NoTls>); 10] = [
            ("", Ok(false)),
            ("INFO {\"tls_required\":true}\r", Ok(false)),
            ("INFO {\"tls_required\":true}\r\n", Ok(true)),
            ("INFO {\"tls_available\":true} \n", Ok(true)),
            ("INFO {}\r\n", Err(NoTls::NotOffered)),
            ("INFO {\"tls_required\":true}\r\n-", Err(NoTls::More)),
            ("INFO {\"tls_required\":true}\r\nPING\r\n", Err(NoTls::More)),
            ("-ERR 'full'\r\n", Err(NoTls::Malformed(Malformed::Unknown))),
            ("SSH-2.0\r\n", Err(NoTls::Malformed(Malformed::Unknown))),
            (&long, Err(NoTls::Malformed(Malformed::LongLine))),
        ];
        for (received, expected) in cases {
            assert_eq!(offers_tls(received.as_bytes()), expected, "{}", &received[..received.len().min(40)]);
        }
    }

    /// Bytes that resemble the protocol.
    fn stream() -> impl Strategy<Value = Vec<u8>> {
        let long = format!("MSG a 1 101\r\n{}\r\n", "y".repeat(101));
        let words: Vec<Vec<u8>> = [
            "INFO {\"max_payload\":7}\r\n",
            "MSG a 1 3\r\nxyz\r\n",
            "MSG a 1 2\r\n",
            &long,
            "PING\r\n",
            "PONG\n",
            "-ERR x\r\n",
            "+OK\r\n",
            "\r\n",
            "a\u{e9}",
            " ",
        ]
        .map(|word| word.as_bytes().to_vec())
        .to_vec();
        let word = prop_oneof![9 => prop::sample::select(words), 1 => prop::collection::vec(any::<u8>(), 0..6)];
        prop::collection::vec(word, 0..12).prop_map(|words| words.concat())
    }

    proptest! {
        #[test]
        fn operations_are_the_same_however_they_are_split(
            bytes in stream(),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
        ) {
            let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).chain([0, bytes.len()]).collect();
            cuts.sort_unstable();
            let parts: Vec<_> = cuts.windows(2).map(|ends| &bytes[ends[0]..ends[1]]).collect();
            let single: Vec<_> = bytes.chunks(1).collect();
            let whole = decoded(&[&bytes]);
            prop_assert_eq!(&decoded(&parts), &whole);
            prop_assert_eq!(&decoded(&single), &whole);
        }
    }
}
