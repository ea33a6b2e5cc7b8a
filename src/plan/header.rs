//! The pieces of a header that stands before the first message. Cuts and sizes of a plan never count its bytes.

use std::time::Duration;

use super::cutter::position;
use super::draw::{Draws, Pauses};
use super::spec::inside;
use super::{Piece, Plan};
use crate::value::{Offsets, counted};

/// A header that was cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderPieces {
    /// Its pieces. The first one has no pause.
    pub pieces: Vec<Piece>,
    /// The pause after its last piece.
    pub pause_after: Option<Duration>,
}

/// A cut offset that does not cut the header, because it is not inside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the header has {}, and --cut-header {offset} does not cut it: {}", counted(*.len as u64, "byte"), inside(*.len))]
pub struct HeaderUncut {
    /// The bytes of the header.
    pub len: usize,
    /// The first such offset.
    pub offset: i64,
}

impl HeaderPieces {
    /// Cuts a header of `len` bytes at these offsets. The pauses are those of the plan; they depend only on its seed
    /// and on `stream`, the number of the connection, and are not those of the messages.
    ///
    /// # Errors
    /// The first offset that cuts nothing: a header that was not cut has tested nothing.
    pub fn new(plan: &Plan, stream: u64, len: usize, cuts: Option<&Offsets>) -> Result<HeaderPieces, HeaderUncut> {
        let place = |&offset: &i64| position(offset, len as u64).ok_or(HeaderUncut { len, offset });
        let mut ends =
            cuts.map_or(Ok(Vec::new()), |cuts| cuts.as_slice().iter().map(place).collect::<Result<_, _>>())?;
        ends.push(len as u64);
        ends.sort_unstable();
        ends.dedup();
        let mut pauses = plan.delay.map(|range| Pauses::new(Draws::new(plan.seed, u64::MAX - stream), range));
        let (mut pieces, mut start) = (Vec::new(), 0);
        for end in ends {
            let pause = if start == 0 { None } else { pauses.as_mut().map(Pauses::next) };
            // Both are at most `len`.
            let len = usize::try_from(end - start).unwrap_or(len);
            pieces.push(Piece { len, pause, is_whole: true });
            start = end;
        }
        Ok(HeaderPieces { pieces, pause_after: pauses.as_mut().map(Pauses::next) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::{Range, Seed, Span};

    fn cut(plan: &Plan, len: usize, cuts: &str) -> HeaderPieces {
        HeaderPieces::new(plan, 0, len, Some(&cuts.parse().unwrap())).unwrap()
    }

    #[test]
    fn header_is_cut_at_offsets_from_both_ends() {
        let lens = |cuts| cut(&Plan::default(), 20, cuts).pieces.iter().map(|piece| piece.len).collect::<Vec<_>>();
        assert_eq!(lens("5"), [5, 15]);
        assert_eq!(lens("-1,1,5,-15"), [1, 4, 14, 1]);
        let whole = HeaderPieces::new(&Plan::default(), 0, 20, None).unwrap();
        let piece = Piece { len: 20, pause: None, is_whole: true };
        assert_eq!(whole, HeaderPieces { pieces: vec![piece], pause_after: None });
    }

    #[test]
    fn offset_outside_the_header_is_named_with_valid_ones() {
        for offset in [20, 21, -20, i64::MIN] {
            let cuts = Offsets::new([1, offset]).unwrap();
            let error = HeaderPieces::new(&Plan::default(), 0, 20, Some(&cuts)).unwrap_err();
            let text =
                format!("the header has 20 bytes, and --cut-header {offset} does not cut it: 1 to 19 and -1 to -19 do");
            assert_eq!((error, error.to_string()), (HeaderUncut { len: 20, offset }, text));
        }
    }

    #[test]
    fn pauses_are_drawn_from_the_seed_of_the_plan() {
        let (min, max) = (Span(Duration::from_millis(1)), Span(Duration::from_secs(1)));
        let plan = |seed| Plan { delay: Some(Range { min, max }), seed: Seed(seed), ..Plan::default() };
        let header = cut(&plan(1), 20, "5,10");
        let pauses: Vec<_> = header.pieces.iter().map(|piece| piece.pause).chain([header.pause_after]).collect();
        assert_eq!(pauses[0], None);
        assert!(pauses[1..].iter().flatten().all(|pause| (min.0..=max.0).contains(pause)));
        assert!(pauses[1] != pauses[2] && pauses[2] != pauses[3]);
        assert_eq!(cut(&plan(1), 20, "5,10"), header);
        assert_ne!(cut(&plan(2), 20, "5,10"), header);
        let fixed = Plan { delay: Some(Range::only(min)), ..Plan::default() };
        assert_eq!(cut(&fixed, 20, "5").pieces[1].pause, Some(min.0));
        assert_eq!(cut(&fixed, 20, "5").pause_after, Some(min.0));
    }
}
