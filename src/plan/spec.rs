//! A plan as data: what a user can ask of the fragmentation options, written to and read from JSON.

use std::num::NonZeroUsize;

use serde::{Deserialize, Serialize};

use crate::value::{Offsets, Range, Seed, Size, Span};

/// How the bytes of one direction of one connection are written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Where the writes are cut.
    pub cutting: Cutting,
    /// How many messages are joined before they are cut.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub coalesce: NonZeroUsize,
    /// The pause between two writes; a range draws from the seed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay: Option<Range<Span>>,
    /// What must have become of the last write before the next one.
    #[serde(default, skip_serializing_if = "Barrier::is_none")]
    pub barrier: Barrier,
    /// Every random choice is a function of this number and of the connection's number.
    #[serde(default)]
    pub seed: Seed,
}

/// Where writes are cut.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cutting {
    /// Nowhere: a message is one write.
    #[default]
    Whole,
    /// In pieces of so many bytes; a range draws each size from the seed.
    Chunk(Range<Size>),
    /// At these offsets of each message, line ending included; negative ones count from its end.
    /// With raw bytes: at these offsets of the stream.
    Cut(Offsets),
}

/// What to wait for before the next write.
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
    /// Messages go out whole, as they come.
    fn default() -> Self {
        Plan { cutting: Cutting::Whole, coalesce: one(), delay: None, barrier: Barrier::None, seed: Seed(0) }
    }
}

impl Plan {
    /// Whether this plan asks for nothing: the connection may take its fast path.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.cutting == Cutting::Whole
            && self.coalesce == one()
            && self.delay.is_none()
            && self.barrier == Barrier::None
    }

    /// Whether any choice in this plan is drawn from the seed.
    #[must_use]
    pub fn is_random(&self) -> bool {
        let chunk = matches!(&self.cutting, Cutting::Chunk(range) if range.min != range.max);
        chunk || self.delay.is_some_and(|range| range.min != range.max)
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
