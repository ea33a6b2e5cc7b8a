//! The flags that cut, delay and join writes, and that read slowly.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::words::words;
use crate::config::{ConfigError, Reading};
use crate::io::files;
use crate::plan::{Barrier, CutLayer, Cutting, Plan};
use crate::value::{Count, Expression, Offsets, Pattern, Range, Seed, Size, Span};

#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Fragmentation")]
pub(super) struct FragmentationFlags {
    /// Write at most SIZE bytes at a time
    ///
    /// SIZE is one size, or a range such as 1..7 (both ends included) from which each size is drawn.
    #[arg(long, value_name = "SIZE|MIN..MAX", allow_hyphen_values = true)]
    chunk: Option<Range<Size>>,
    /// Cut each message at OFFSETS
    ///
    /// OFFSETS is a list such as 1,5,-1. An offset counts bytes from the start of the message, or from its
    /// end if it is negative. The line ending is part of the message. It is an error if one of the offsets
    /// of connect does not cut a message. With --raw and in a relay, offsets count from the start of the stream.
    #[arg(long, value_name = "OFFSETS", allow_hyphen_values = true, conflicts_with = "chunk")]
    cut: Option<Offsets>,
    /// Cut after each occurrence of PATTERN (repeatable)
    ///
    /// PATTERN is text with the escapes \r, \n, \t, \0, \\ and \xHH for other bytes. In a stream, such as that of a
    /// relay, an occurrence is found however its bytes arrive. In messages, it does not reach into the next message.
    #[arg(long, value_name = "PATTERN", allow_hyphen_values = true, conflicts_with_all = ["chunk", "cut"])]
    cut_at: Vec<Pattern>,
    /// Cut each message after each match of REGEX (repeatable)
    ///
    /// REGEX has the syntax of the regex crate, as in --mask of sweep. It is searched in whole messages, line endings
    /// included, so it needs messages: a stream of --raw or of a relay has --cut-at only. An empty match cuts too: \b
    /// cuts at the boundaries of words.
    #[arg(long, value_name = "REGEX", allow_hyphen_values = true, conflicts_with_all = ["chunk", "cut", "cut_at"])]
    cut_at_regex: Vec<Expression>,
    /// Choose what --chunk and --cut count and cut (default: record)
    ///
    /// With record, they cut messages, and with TLS each piece is a TLS record. With tcp, they cut the bytes of the
    /// connection, counted from its first one. With handshake, they cut the plaintext handshake records of TLS,
    /// each of them counted from its first byte; every piece becomes a record, and --coalesce N joins N of them in
    /// a write.
    #[arg(long, value_name = "LAYER", value_parser = words::<CutLayer>())]
    cut_layer: Option<CutLayer>,
    /// Join N messages before they are cut and written
    ///
    /// With --cut, a piece may cross the boundary between two messages. Fewer than N messages are joined at the
    /// end of the input, when no further message is waiting, and when they exceed 1 MiB.
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    coalesce: Option<Count>,
    /// Pause TIME between two writes
    ///
    /// TIME is one time, or a range such as 1ms..20ms from which each pause is drawn. A stream that is cut pauses
    /// only at its cuts, even if a long piece takes several writes.
    #[arg(short = 'i', long, value_name = "TIME|MIN..MAX", allow_hyphen_values = true)]
    delay: Option<Range<Span>>,
    /// Wait before each write until the previous one was acknowledged or read
    #[arg(long, value_name = "POINT", value_parser = words::<Barrier>())]
    barrier: Option<Barrier>,
    /// Draw all random sizes and pauses from seed N
    ///
    /// The same seed makes the same choices. Without this option a random seed is used; -v and the trace show it.
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    seed: Option<Seed>,
    /// Take the plan from FILE, written by --trace or sweep --json
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath,
          conflicts_with_all = ["chunk", "cut", "cut_at", "cut_at_regex", "cut_layer", "coalesce", "delay", "barrier", "seed"])]
    plan: Option<PathBuf>,

    /// Read at most SIZE bytes at a time
    #[arg(long, value_name = "SIZE", allow_hyphen_values = true)]
    read_size: Option<Size>,
    /// Pause TIME between two reads
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    read_delay: Option<Span>,
    /// Pause TIME before the first read
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    read_start_delay: Option<Span>,
}

impl FragmentationFlags {
    /// The plan of these flags. A random plan without a seed gets a drawn one.
    pub(super) fn plan(&self) -> Result<Plan, ConfigError> {
        if let Some(path) = &self.plan {
            return files::read_plan(path).map_err(|error| ConfigError::new(error.to_string()));
        }
        let coalesce = NonZeroUsize::new(self.coalesce.unwrap_or(Count(1)).in_memory())
            .ok_or_else(|| ConfigError::new("--coalesce 0 would join nothing: give 1 or more"))?;
        let mut plan = Plan {
            cutting: self.cutting(),
            coalesce,
            delay: self.delay,
            barrier: self.barrier.unwrap_or_default(),
            layer: self.cut_layer.unwrap_or_default(),
            seed: self.seed.unwrap_or_default(),
        };
        if plan.is_random() && self.seed.is_none() {
            plan.seed = files::draw_seed();
        }
        Ok(plan)
    }

    fn cutting(&self) -> Cutting {
        match (self.chunk, &self.cut, self.cut_at.as_slice(), self.cut_at_regex.as_slice()) {
            (Some(range), ..) => Cutting::Chunk(range),
            (None, Some(offsets), ..) => Cutting::Cut(offsets.clone()),
            (None, None, [], []) => Cutting::Whole,
            (None, None, [], expressions) => Cutting::AtRegex(expressions.to_vec()),
            (None, None, patterns, _) => Cutting::At(patterns.to_vec()),
        }
    }

    pub(super) fn reading(&self) -> Result<Reading, ConfigError> {
        if self.read_size == Some(Size(0)) {
            return Err(ConfigError::new("--read-size 0 would read nothing: give 1 or more"));
        }
        Ok(Reading {
            size: self.read_size.map(|Size(n)| usize::try_from(n).unwrap_or(usize::MAX)),
            delay: self.read_delay.map(|Span(time)| time),
            start_delay: self.read_start_delay.map(|Span(time)| time),
        })
    }
}
