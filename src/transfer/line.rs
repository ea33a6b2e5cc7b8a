//! The lines of the protocol: as data and as text.

use std::fmt::{self, Write as _};
use std::str::FromStr;

use thiserror::Error;

use super::CHUNK;
use super::name::{BadName, FileName};
use crate::value::{Named, Word, escape};

/// The most bytes of a line, its ending not counted.
pub const LONGEST: usize = 1024;
/// The most bytes of a reason that are kept.
const REASON: usize = 200;
/// What every transfer begins with: the protocol and its version.
const PROTOCOL: &str = "secretcat-files 1";

/// What a side does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It sends files.
    Send,
    /// It receives files.
    Receive,
}

impl Role {
    /// What the other side does.
    #[must_use]
    pub fn other(self) -> Role {
        match self {
            Role::Send => Role::Receive,
            Role::Receive => Role::Send,
        }
    }

    /// The side that does it.
    #[must_use]
    pub fn side(self) -> &'static str {
        match self {
            Role::Send => "sender",
            Role::Receive => "receiver",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Role::Send => "send",
            Role::Receive => "receive",
        })
    }
}

/// Whether a file is hashed while it is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Checksum {
    /// By SHA-256 (FIPS 180-4).
    #[default]
    Sha256,
    /// It is not.
    None,
}

impl Named for Checksum {
    const ALL: &'static [Self] = &[Checksum::Sha256, Checksum::None];

    fn word(self) -> Word {
        match self {
            Checksum::Sha256 => Word::new("sha256", ""),
            Checksum::None => Word::new("none", ""),
        }
    }
}

/// A SHA-256 hash.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Digest(pub [u8; 32]);

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&data_encoding::HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// When a file was last modified: seconds since 1970, and nanoseconds after that second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Modified {
    /// The seconds, which may be negative.
    pub seconds: i64,
    /// The nanoseconds, less than 10⁹.
    pub nanos: u32,
}

/// A file that the sender offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Its name.
    pub name: FileName,
    /// Its size, if it is known.
    pub size: Option<u64>,
    /// When it was modified, if that is known.
    pub modified: Option<Modified>,
    /// Whether it is hashed.
    pub checksum: Checksum,
}

/// A line.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are named after what they are")]
pub enum Line {
    /// The first line of each side.
    Greeting(Role),
    /// The sender offers a file.
    File(Offer),
    /// The receiver has its first bytes, with this hash.
    Have { offset: u64, digest: Option<Digest> },
    /// The receiver has a file of this name and size, with this hash.
    Exists(Digest),
    /// The file of the sender has another hash.
    Differs,
    /// The bytes of the file follow, from this offset.
    Data(u64),
    /// This many bytes of the file follow the line.
    Chunk(u64),
    /// All bytes were sent.
    Complete { size: u64, digest: Option<Digest> },
    /// The receiver has saved the file.
    Saved,
    /// The receiver does not want the file.
    Skip(String),
    /// The receiver cannot take the file.
    Refuse(String),
    /// There are no more files.
    End,
    /// The transfer cannot go on.
    Error(String),
}

/// Why a line is none of the protocol.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Malformed {
    /// Its first word is none of this protocol.
    #[error("a line that is none of the protocol: \"{0}\"")]
    Unknown(String),
    /// It is of another version of the protocol.
    #[error("another version of the protocol: \"{0}\"")]
    Version(String),
    /// A part of it is missing, or not what belongs there.
    #[error("a line that is wrong: \"{0}\"")]
    Wrong(String),
    /// The name of a file is refused.
    #[error("a file whose name {0}: \"{1}\"")]
    Name(BadName, String),
}

impl Line {
    /// Its first word.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Line::Greeting(_) => "the first line",
            Line::File(_) => "file",
            Line::Have { .. } => "have",
            Line::Exists(_) => "exists",
            Line::Differs => "differs",
            Line::Data(_) => "data",
            Line::Chunk(_) => "chunk",
            Line::Complete { .. } => "complete",
            Line::Saved => "saved",
            Line::Skip(_) => "skip",
            Line::Refuse(_) => "refuse",
            Line::End => "end",
            Line::Error(_) => "error",
        }
    }

    /// Appends it as text, with its line feed.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let word = self.word();
        let text = match self {
            Line::Greeting(role) => format!("{PROTOCOL} {role}"),
            Line::File(Offer { name, size, modified, checksum }) => {
                let size = or_dash(*size);
                let modified = or_dash(modified.map(|time| format!("{}.{:09}", time.seconds, time.nanos)));
                out.extend_from_slice(format!("{word} {size} {modified} {} ", checksum.word().name).as_bytes());
                out.extend_from_slice(name.as_bytes());
                out.push(b'\n');
                return;
            }
            Line::Have { offset, digest: Some(digest) } => format!("{word} {offset} {digest}"),
            Line::Have { offset, digest: None } => format!("{word} {offset}"),
            Line::Exists(digest) => format!("{word} {digest}"),
            Line::Data(number) | Line::Chunk(number) => format!("{word} {number}"),
            Line::Complete { size, digest } => format!("{word} {size} {}", or_dash(*digest)),
            Line::Skip(reason) | Line::Refuse(reason) | Line::Error(reason) => {
                format!("{word} {}", shown(reason.as_bytes()))
            }
            Line::Differs | Line::Saved | Line::End => word.to_owned(),
        };
        out.extend_from_slice(text.as_bytes());
        out.push(b'\n');
    }

    /// Reads a line without its line feed.
    ///
    /// # Errors
    /// When it is none of the protocol.
    pub fn parse(line: &[u8]) -> Result<Line, Malformed> {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let wrong = || Malformed::Wrong(shown(line));
        let (word, rest) = split(line);
        Ok(match word {
            b"secretcat-files" => match rest {
                b"1 send" => Line::Greeting(Role::Send),
                b"1 receive" => Line::Greeting(Role::Receive),
                _ => return Err(Malformed::Version(shown(line))),
            },
            b"file" => Line::File(offer(rest, line)?),
            b"have" => match split(rest) {
                (offset, b"") => Line::Have { offset: number(offset).ok_or_else(wrong)?, digest: None },
                (offset, hash) => {
                    let digest = Some(digest(hash).ok_or_else(wrong)?);
                    Line::Have { offset: number(offset).ok_or_else(wrong)?, digest }
                }
            },
            b"exists" => Line::Exists(digest(rest).ok_or_else(wrong)?),
            b"data" => Line::Data(number(rest).ok_or_else(wrong)?),
            b"chunk" => Line::Chunk(number(rest).filter(|&size| size <= CHUNK).ok_or_else(wrong)?),
            b"complete" => {
                let (size, hash) = split(rest);
                let digest = if hash == b"-" { None } else { Some(digest(hash).ok_or_else(wrong)?) };
                Line::Complete { size: number(size).ok_or_else(wrong)?, digest }
            }
            b"skip" => Line::Skip(reason(rest)),
            b"refuse" => Line::Refuse(reason(rest)),
            b"error" => Line::Error(reason(rest)),
            b"differs" if rest.is_empty() => Line::Differs,
            b"saved" if rest.is_empty() => Line::Saved,
            b"end" if rest.is_empty() => Line::End,
            b"differs" | b"saved" | b"end" => return Err(wrong()),
            _ => return Err(Malformed::Unknown(shown(line))),
        })
    }
}

/// The first word, and what follows the space after it.
fn split(text: &[u8]) -> (&[u8], &[u8]) {
    match memchr::memchr(b' ', text) {
        Some(at) => (&text[..at], &text[at + 1..]),
        None => (text, b""),
    }
}

/// The offer of a `file` line, whose name is the rest of the line.
fn offer(rest: &[u8], line: &[u8]) -> Result<Offer, Malformed> {
    let wrong = || Malformed::Wrong(shown(line));
    let (size, rest) = split(rest);
    let (modified, rest) = split(rest);
    let (checksum, name) = split(rest);
    let checksum = Checksum::ALL.iter().copied().find(|known| known.word().name.as_bytes() == checksum);
    let modified = if modified == b"-" { None } else { Some(time(modified).ok_or_else(wrong)?) };
    Ok(Offer {
        size: if size == b"-" { None } else { Some(number(size).ok_or_else(wrong)?) },
        modified,
        checksum: checksum.ok_or_else(wrong)?,
        name: FileName::new(name).map_err(|bad| Malformed::Name(bad, shown(name)))?,
    })
}

fn or_dash(value: Option<impl fmt::Display>) -> String {
    let mut text = String::new();
    match value {
        Some(value) => drop(write!(text, "{value}")), // a String takes everything
        None => text.push('-'),
    }
    text
}

/// A number of decimal digits and nothing else.
fn number<N: FromStr>(text: &[u8]) -> Option<N> {
    let is_number = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(text).ok().filter(|_| is_number)?.parse().ok()
}

fn time(text: &[u8]) -> Option<Modified> {
    let (is_negative, digits) = text.strip_prefix(b"-").map_or((false, text), |digits| (true, digits));
    let point = memchr::memchr(b'.', digits)?;
    let (seconds, nanos) = (number::<i64>(&digits[..point])?, &digits[point + 1..]);
    let nanos = number(nanos).filter(|_| nanos.len() == 9)?;
    Some(Modified { seconds: if is_negative { -seconds } else { seconds }, nanos })
}

fn digest(hash: &[u8]) -> Option<Digest> {
    let bytes = data_encoding::HEXLOWER.decode(hash).ok()?;
    bytes.try_into().ok().map(Digest)
}

/// A reason of the other side.
fn reason(bytes: &[u8]) -> String {
    if bytes.is_empty() { "no reason given".to_owned() } else { shown(bytes) }
}

/// Bytes of the other side as one line of text, not too long.
fn shown(bytes: &[u8]) -> String {
    escape(&bytes[..bytes.len().min(REASON)])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(name: &str) -> FileName {
        FileName::new(name.as_bytes()).unwrap()
    }

    #[test]
    fn lines_are_read_as_they_are_written() {
        let digest = Digest([0xab; 32]);
        let hash = "ab".repeat(32);
        let offer = Offer { name: name("a b"), size: Some(5), modified: None, checksum: Checksum::None };
        let modified = Some(Modified { seconds: -2, nanos: 5 });
        for (line, text) in [
            (Line::Greeting(Role::Send), "secretcat-files 1 send".to_owned()),
            (Line::Greeting(Role::Receive), "secretcat-files 1 receive".to_owned()),
            (Line::File(offer.clone()), "file 5 - none a b".to_owned()),
            (Line::File(Offer { size: None, modified, ..offer }), "file - -2.000000005 none a b".to_owned()),
            (Line::Have { offset: 0, digest: None }, "have 0".to_owned()),
            (Line::Have { offset: 7, digest: Some(digest) }, format!("have 7 {hash}")),
            (Line::Exists(digest), format!("exists {hash}")),
            (Line::Differs, "differs".to_owned()),
            (Line::Data(3), "data 3".to_owned()),
            (Line::Chunk(CHUNK), "chunk 1048576".to_owned()),
            (Line::Complete { size: 5, digest: Some(digest) }, format!("complete 5 {hash}")),
            (Line::Complete { size: 5, digest: None }, "complete 5 -".to_owned()),
            (Line::Saved, "saved".to_owned()),
            (Line::Skip("it is old".to_owned()), "skip it is old".to_owned()),
            (Line::Refuse("it exists".to_owned()), "refuse it exists".to_owned()),
            (Line::End, "end".to_owned()),
            (Line::Error("why".to_owned()), "error why".to_owned()),
        ] {
            let mut out = Vec::new();
            line.encode(&mut out);
            assert_eq!(String::from_utf8_lossy(&out), format!("{text}\n"));
            assert_eq!(Line::parse(text.as_bytes()), Ok(line));
        }
    }

    #[test]
    fn wrong_lines_are_refused() {
        let hash = "ab".repeat(32);
        for line in [
            "file",
            "file 5",
            "file +5 - sha256 a",
            "file 5 1.5 sha256 a",
            "file 5 - md5 a",
            "have",
            "have x",
            "have 1 ab",
            "exists",
            "data",
            "data -1",
            "data 18446744073709551616",
            "chunk 1048577",
            "complete 1",
            "saved 1",
            "end now",
            "differs a",
        ] {
            assert!(matches!(Line::parse(line.as_bytes()), Err(Malformed::Wrong(_))), "{line}");
        }
        for line in ["", "GET / HTTP/1.1", "File 1", &hash] {
            assert!(matches!(Line::parse(line.as_bytes()), Err(Malformed::Unknown(_))), "{line}");
        }
        assert!(matches!(Line::parse(b"secretcat-files 2 send"), Err(Malformed::Version(_))));
        let error = Line::parse(b"file 5 - sha256 ../a\x1b").unwrap_err();
        assert_eq!(error.to_string(), "a file whose name has a slash: \"../a\\x1b\"");
    }

    #[test]
    fn reasons_are_short_and_escaped() {
        let Ok(Line::Error(reason)) = Line::parse(&[b"error \x1b".as_slice(), &[b'x'; 900]].concat()) else { panic!() };
        assert!(reason.starts_with("\\x1bxxx") && reason.len() < 210, "{reason}");
        assert_eq!(Line::parse(b"refuse"), Ok(Line::Refuse("no reason given".to_owned())));
        let mut out = Vec::new();
        Line::Error("a\nend".to_owned()).encode(&mut out);
        assert_eq!(out, b"error a\\nend\n");
    }
}
