//! A plan as data: the fragmentation options, which are written to and read from JSON.

use std::num::NonZeroUsize;

use serde::{Deserialize, Serialize};

use super::cutter::position;
use crate::value::{Expression, Named, Offsets, Pattern, Range, Seed, Size, Span, Word, counted, escape};

/// How the bytes of one direction of one connection are written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Where the writes are cut.
    pub cutting: Cutting,
    /// The number of messages that are joined before they are cut.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub coalesce: NonZeroUsize,
    /// The pause between two writes; a range draws from the seed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay: Option<Range<Span>>,
    /// The barrier before each write.
    #[serde(default, skip_serializing_if = "Barrier::is_none")]
    pub barrier: Barrier,
    /// What is cut where TLS encodes the bytes.
    #[serde(default, skip_serializing_if = "CutLayer::is_record")]
    pub layer: CutLayer,
    /// The seed. All random choices depend only on it and on the number of the connection.
    #[serde(default)]
    pub seed: Seed,
}

/// The cuts of writes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cutting {
    /// No cuts: a message is one write.
    #[default]
    Whole,
    /// Into pieces of this size; a range draws each size from the seed.
    Chunk(Range<Size>),
    /// At these offsets of each message, line ending included; negative offsets count from its end. For raw bytes: at
    /// these offsets of the stream.
    Cut(Offsets),
    /// After each occurrence of these bytes in a message, or in the stream.
    At(Vec<Pattern>),
    /// After each match of these expressions in a message. A stream has no end to search up to, so it has no matches.
    AtRegex(Vec<Expression>),
}

/// What the cuts of a plan are made in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CutLayer {
    /// The messages or the stream; with TLS each piece is a record and a write of its own.
    #[default]
    Record,
    /// The bytes of the TCP connection, from the first one on.
    Tcp,
    /// The plaintext handshake records of TLS: each piece becomes a record of its own.
    Handshake,
}

/// The event to wait for before the next write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Barrier {
    /// Nothing.
    #[default]
    None,
    /// The peer's kernel acknowledged the last write.
    Acked,
    /// The peer's program read the last write: its receive queue is empty.
    PeerRead,
}

impl Default for Plan {
    /// Messages are written whole.
    fn default() -> Self {
        Plan {
            cutting: Cutting::Whole,
            coalesce: one(),
            delay: None,
            barrier: Barrier::None,
            layer: CutLayer::Record,
            seed: Seed(0),
        }
    }
}

impl Plan {
    /// Whether this plan has no effect, so that the connection may use its fast path.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.cutting == Cutting::Whole
            && self.coalesce == one()
            && self.delay.is_none()
            && self.barrier == Barrier::None
    }

    /// The options that repeat it, such as `--cut 1,5 --delay 1ms`. The seed is left out if nothing is drawn from it.
    #[must_use]
    pub fn options(&self) -> Vec<String> {
        let mut options = match &self.cutting {
            Cutting::Whole => Vec::new(),
            Cutting::Chunk(sizes) => vec![format!("--chunk {sizes}")],
            Cutting::Cut(offsets) => vec![format!("--cut {offsets}")],
            Cutting::At(patterns) => patterns.iter().map(|pattern| format!("--cut-at '{pattern}'")).collect(),
            Cutting::AtRegex(expressions) => {
                let texts = expressions.iter().map(|expression| escape(expression.to_string().as_bytes()));
                texts.map(|text| format!("--cut-at-regex '{text}'")).collect()
            }
        };
        if self.layer != CutLayer::Record {
            options.push(format!("--cut-layer {}", self.layer.word().name));
        }
        if self.coalesce.get() > 1 {
            options.push(format!("--coalesce {}", self.coalesce));
        }
        if let Some(delay) = &self.delay {
            options.push(format!("--delay {delay}"));
        }
        if self.barrier != Barrier::None {
            options.push(format!("--barrier {}", self.barrier.word().name));
        }
        if self.is_random() {
            options.push(format!("--seed {}", self.seed));
        }
        options
    }

    /// The cuts of messages: those of another layer count other bytes.
    #[must_use]
    pub fn cuts_of_messages(&self) -> Cutting {
        match self.layer {
            CutLayer::Record => self.cutting.clone(),
            CutLayer::Tcp | CutLayer::Handshake => Cutting::Whole,
        }
    }

    /// Whether the plan has random choices.
    #[must_use]
    pub fn is_random(&self) -> bool {
        let chunk = matches!(&self.cutting, Cutting::Chunk(range) if range.min != range.max);
        chunk || self.delay.is_some_and(|range| range.min != range.max)
    }
}

/// A cut offset that does not cut a message, because it is not inside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("message {number} has {} with its ending, and --cut {offset} does not cut it: {}", counted(*.len as u64, "byte"), inside(*.len))]
pub struct CutOutside {
    /// The number of the message, from 1.
    pub number: u64,
    /// Its bytes, framing included.
    pub len: usize,
    /// The first such offset.
    pub offset: i64,
}

impl Cutting {
    /// Checks that every offset cuts a message of `len` bytes, framing included.
    ///
    /// # Errors
    /// The first offset that cuts nothing: a message that was not cut has tested nothing.
    pub fn check(&self, number: u64, len: usize) -> Result<(), CutOutside> {
        let Cutting::Cut(offsets) = self else { return Ok(()) };
        let outside = offsets.as_slice().iter().find(|&&offset| position(offset, len as u64).is_none());
        outside.map_or(Ok(()), |&offset| Err(CutOutside { number, len, offset }))
    }
}

/// The offsets that cut so many bytes, for an error.
pub(super) fn inside(len: usize) -> String {
    match len {
        0 | 1 => "no offset does".to_owned(),
        2 => "1 and -1 do".to_owned(),
        len => format!("1 to {most} and -1 to -{most} do", most = len - 1),
    }
}

impl Named for Barrier {
    const ALL: &'static [Self] = &[Barrier::None, Barrier::Acked, Barrier::PeerRead];

    fn word(self) -> Word {
        match self {
            Barrier::None => Word::new("none", "Do not wait"),
            Barrier::Acked => Word::new("acked", "Until the peer's kernel has acknowledged it"),
            Barrier::PeerRead => {
                Word::new("peer-read", "Until the peer's program has read it (this host, or --witness)")
            }
        }
    }
}

impl Named for CutLayer {
    const ALL: &'static [Self] = &[CutLayer::Record, CutLayer::Tcp, CutLayer::Handshake];

    fn word(self) -> Word {
        match self {
            CutLayer::Record => Word::new("record", "Messages: with TLS, each piece becomes a record"),
            CutLayer::Tcp => Word::new("tcp", "The bytes of the connection, the TLS handshake included"),
            CutLayer::Handshake => Word::new("handshake", "TLS handshake records: each piece becomes a record"),
        }
    }
}

impl CutLayer {
    #[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
    fn is_record(&self) -> bool {
        *self == CutLayer::Record
    }
}

impl Barrier {
    #[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
    fn is_none(&self) -> bool {
        *self == Barrier::None
    }
}

const fn one() -> NonZeroUsize {
    NonZeroUsize::MIN
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_one(n: &NonZeroUsize) -> bool {
    *n == NonZeroUsize::MIN
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_is_plain_or_random_by_each_of_its_fields() {
        for (fields, is_plain, is_random) in [
            (r#""cutting":"whole","seed":7"#, true, false),
            (r#""cutting":{"chunk":"4"}"#, false, false),
            (r#""cutting":{"chunk":"1..4"}"#, false, true),
            (r#""cutting":{"at":["\\r\\n"]}"#, false, false),
            (r#""cutting":{"at_regex":["(?m)^a+"]}"#, false, false),
            (r#""cutting":"whole","coalesce":2"#, false, false),
            (r#""cutting":"whole","delay":"1ms""#, false, false),
            (r#""cutting":"whole","delay":"1ms..2ms""#, false, true),
            (r#""cutting":"whole","barrier":"acked""#, false, false),
        ] {
            let plan: Plan = serde_json::from_str(&format!("{{{fields}}}")).unwrap();
            assert_eq!((plan.is_plain(), plan.is_random()), (is_plain, is_random), "{fields}");
            let written = serde_json::to_string(&plan).unwrap();
            for field in ["coalesce", "delay", "barrier"] {
                assert_eq!(written.contains(field), fields.contains(field), "{field} in {written}");
            }
            assert_eq!(serde_json::from_str::<Plan>(&written).unwrap(), plan);
        }
    }

    #[test]
    fn offset_outside_a_message_is_named_with_valid_ones() {
        let check =
            |cut: &str, len| Cutting::Cut(cut.parse().unwrap()).check(3, len).map_err(|outside| outside.to_string());
        assert_eq!(check("1,5,-1,-5", 6), Ok(()));
        let error = |cut, len| check(cut, len).unwrap_err();
        let six = "message 3 has 6 bytes with its ending, and --cut";
        let would = "does not cut it: 1 to 5 and -1 to -5 do";
        assert_eq!(error("1,6,7", 6), format!("{six} 6 {would}"));
        assert_eq!(error("-6", 6), format!("{six} -6 {would}"));
        assert!(error("2", 2).ends_with("does not cut it: 1 and -1 do"));
        assert!(error("1", 1).ends_with("does not cut it: no offset does"));
        assert_eq!(Cutting::Whole.check(1, 0), Ok(()));
        assert_eq!(Cutting::Chunk(Range::only(Size(9))).check(1, 1), Ok(()));
    }
}
