//! The time axis: in proportion to time, with round labels; long gaps in which nothing happens are cut out and marked.

use crate::trace::units::span;

/// A monotonic map from time to pixels: spans of one scale, with gaps cut out between them.
#[derive(Clone, Debug, Default)]
pub(super) struct Axis {
    spans: Vec<Span>,
    /// The gaps that are cut out.
    pub(super) breaks: Vec<Break>,
    /// Pixels for each nanosecond of a span.
    scale: f64,
}

/// A time without a cut.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    t0: u64,
    t1: u64,
    pub(super) x0: f64,
    pub(super) x1: f64,
}

/// A gap that is cut out: its duration and its position.
#[derive(Clone, Copy, Debug)]
pub(super) struct Break {
    pub(super) nanos: u64,
    pub(super) from: f64,
    pub(super) to: f64,
}

/// A label on the axis.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tick {
    pub(super) x: f64,
    pub(super) text: String,
}

/// The smallest width of a gap that is cut out.
const BREAK: f64 = 58.0;
/// The largest number of gaps that are cut out.
const BREAKS: usize = 8;
/// A gap is cut out only if it is this many times longer than the longest that is not.
const LONGER: u64 = 2;
/// The distance between the starts of two labels, in pixels.
const LABEL: f64 = 80.0;

impl Axis {
    /// The axes for these times, which are sorted, on `width` pixels: without a gap cut out, and with as many as stand
    /// out of the others. `needs` returns the width that the words within a gap need.
    pub(super) fn candidates(times: &[u64], width: f64, needs: &dyn Fn(u64, u64) -> f64) -> Vec<Axis> {
        let mut gaps: Vec<u64> = times.windows(2).map(|pair| pair[1] - pair[0]).filter(|gap| *gap > 0).collect();
        gaps.sort_unstable_by(|a, b| b.cmp(a));
        let stands_out = |cuts: usize| {
            let next = gaps.get(cuts).copied().unwrap_or(0);
            cuts == 0 || gaps[cuts - 1] >= next.saturating_mul(LONGER).max(2)
        };
        let cuts = (0..=gaps.len().min(BREAKS)).filter(|cuts| stands_out(*cuts));
        cuts.map(|cuts| Axis::new(times, width, cuts.checked_sub(1).map(|last| gaps[last]), needs)).collect()
    }

    /// An axis without the gaps of at least this duration.
    fn new(times: &[u64], width: f64, cut_from: Option<u64>, needs: &dyn Fn(u64, u64) -> f64) -> Axis {
        let is_cut = |gap: u64| cut_from.is_some_and(|least| gap >= least);
        let cut_width = |pair: &[u64]| needs(pair[0], pair[1]).clamp(BREAK, width / 4.0);
        let gaps = || times.windows(2).map(|pair| (pair, pair[1] - pair[0]));
        let cut: f64 = gaps().filter(|(_, gap)| is_cut(*gap)).map(|(pair, _)| cut_width(pair)).sum();
        let kept: f64 = gaps().filter(|(_, gap)| !is_cut(*gap)).map(|(_, gap)| pixels(gap)).sum();
        let room = (width - cut).max(0.0);
        let scale = if kept > 0.0 { room / kept } else { 0.0 };
        let mut axis = Axis { spans: Vec::new(), breaks: Vec::new(), scale };
        let Some(&first) = times.first() else { return axis };
        let mut span = Span { t0: first, t1: first, x0: 0.0, x1: 0.0 };
        for pair in times.windows(2) {
            let gap = pair[1] - pair[0];
            if is_cut(gap) {
                let x = span.x1 + cut_width(pair);
                axis.breaks.push(Break { nanos: gap, from: span.x1, to: x });
                axis.spans.push(span);
                span = Span { t0: pair[1], t1: pair[1], x0: x, x1: x };
            } else {
                span.t1 = pair[1];
                span.x1 = span.x0 + scale * pixels(span.t1 - span.t0);
            }
        }
        axis.spans.push(span);
        axis
    }

    /// The position of a time; in a gap that is cut out, in proportion.
    pub(super) fn x(&self, t: u64) -> f64 {
        let after = self.spans.partition_point(|span| span.t0 <= t);
        let Some(span) = after.checked_sub(1).and_then(|at| self.spans.get(at)) else {
            return self.spans.first().map_or(0.0, |first| first.x0);
        };
        if t <= span.t1 {
            return (span.x0 + self.scale * pixels(t - span.t0)).min(span.x1);
        }
        self.spans
            .get(after)
            .map_or(span.x1, |next| span.x1 + (next.x0 - span.x1) * pixels(t - span.t1) / pixels(next.t0 - span.t1))
    }

    /// The parts without a cut.
    pub(super) fn spans(&self) -> &[Span] {
        &self.spans
    }

    /// The first and the last time.
    pub(super) fn times(&self) -> Option<(u64, u64)> {
        Some((self.spans.first()?.t0, self.spans.last()?.t1))
    }

    /// The end of the axis with its time since `origin`, as exact as the labels before it and one digit more.
    pub(super) fn end(&self, origin: u64) -> Option<Tick> {
        let last = self.spans.last()?;
        let nanos = last.t1.saturating_sub(origin);
        let part = if self.scale > 0.0 { (round_up(LABEL / self.scale) / 10).max(1) } else { 1 };
        let rounded = (nanos.saturating_add(part / 2) / part).saturating_mul(part);
        Some(Tick { x: last.x1, text: round_time(rounded, part) })
    }

    /// Round times since `origin`, as far apart as labels need.
    pub(super) fn ticks(&self, origin: u64) -> Vec<Tick> {
        if self.scale <= 0.0 {
            return self.spans.iter().map(|span| self.tick(span.t0, origin, 1)).collect();
        }
        let step = round_up(LABEL / self.scale);
        let of_span = |span: &Span| -> Vec<Tick> {
            let (from, to) = (span.t0.saturating_sub(origin), span.t1.saturating_sub(origin));
            let first = from.div_ceil(step).saturating_mul(step);
            let round = (0..20).filter_map(|k| step.checked_mul(k)?.checked_add(first)).take_while(|t| *t <= to);
            round.map(|t| self.tick(origin.saturating_add(t), origin, step)).collect()
        };
        self.spans.iter().flat_map(of_span).collect()
    }

    fn tick(&self, t: u64, origin: u64, step: u64) -> Tick {
        Tick { x: self.x(t), text: round_time(t.saturating_sub(origin), step) }
    }
}

/// The smallest of 1, 2 and 5 times a power of ten that is not less than this; at least 1.
fn round_up(nanos: f64) -> u64 {
    let mut step = 1_u64;
    loop {
        for times in [1, 2, 5] {
            let round = step.saturating_mul(times);
            if pixels(round) >= nanos || round == u64::MAX {
                return round;
            }
        }
        step = step.saturating_mul(10);
    }
}

/// A multiple of `step`, with as many decimals as it needs.
fn round_time(nanos: u64, step: u64) -> String {
    let units = [(1_000_000_000_u64, "s"), (1_000_000, "ms"), (1_000, "\u{b5}s"), (1, "ns")];
    let &(unit, name) = units.iter().find(|(unit, _)| nanos >= *unit).unwrap_or(&units[0]);
    let (whole, rest) = (nanos / unit, nanos % unit);
    if rest == 0 || step >= unit {
        return format!("{whole} {name}");
    }
    let digits = format!("{rest:0width$}", width = unit.ilog10() as usize);
    let exact = digits.trim_end_matches('0');
    format!("{whole}.{exact} {name}")
}

/// A duration, with the micro sign that a picture can show.
pub(super) fn time(nanos: u64) -> String {
    span(nanos).replace(" us", " \u{b5}s")
}

/// A time or count as a coordinate: the rounding beyond 2^53 is less than a pixel.
#[allow(clippy::cast_precision_loss)]
pub(super) fn pixels(n: u64) -> f64 {
    n as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(axis: &Axis) -> Vec<String> {
        axis.ticks(0).into_iter().map(|tick| tick.text).collect()
    }

    #[test]
    fn times_are_in_proportion_with_round_labels() {
        let times: Vec<u64> = (0..=100).map(|k| k * 1_030_000).collect();
        let axes = Axis::candidates(&times, 800.0, &|_, _| 0.0);
        assert_eq!((axes.len(), axes[0].breaks.len()), (1, 0), "equal gaps are all kept");
        assert!((axes[0].x(51_500_000) - 400.0).abs() < 0.1);
        assert_eq!(texts(&axes[0]), ["0 s", "20 ms", "40 ms", "60 ms", "80 ms", "100 ms"]);
        assert_eq!(axes[0].end(0).unwrap().text, "104 ms");
    }

    #[test]
    fn long_gap_is_cut_out_and_scale_is_the_same_around_it() {
        let times = [0, 10_000, 20_000, 5_000_000_000, 5_000_020_000];
        let candidates = Axis::candidates(&times, 858.0, &|_, _| 0.0);
        let axis = candidates.into_iter().find(|one| one.breaks.len() == 1).unwrap();
        assert_eq!(axis.breaks[0].nanos, 4_999_980_000);
        assert!((axis.x(20_000) - axis.x(0) - 400.0).abs() < 0.1, "{axis:?}");
        assert!((axis.x(5_000_020_000) - axis.x(5_000_000_000) - 400.0).abs() < 0.1);
        assert_eq!(texts(&axis)[..2], ["0 s", "5 \u{b5}s"]);
        assert_eq!(texts(&axis)[5..7], ["5 s", "5.000005 s"]);
        let middle = axis.x(2_500_000_000);
        assert!(axis.breaks[0].from < middle && middle < axis.breaks[0].to);
    }

    #[test]
    fn extreme_times_give_finite_places() {
        for times in [&[][..], &[0], &[u64::MAX], &[0, u64::MAX], &[7, 7, 7], &[0, 1, u64::MAX / 2, u64::MAX]] {
            for axis in Axis::candidates(times, 800.0, &|_, _| 300.0) {
                let xs = times.iter().map(|t| axis.x(*t));
                assert!(xs.into_iter().all(|x| x.is_finite() && (0.0..=800.1).contains(&x)), "{axis:?}");
                let ticks = axis.ticks(times.first().copied().unwrap_or(0));
                assert!(ticks.len() < 200 && ticks.iter().all(|tick| tick.x.is_finite()));
            }
        }
        assert!(round_up(f64::MAX.min(1e19)) > 0 && round_up(f64::INFINITY) > 0);
    }
}
