//! The time axis: stretched where marks need space; long pauses are shortened and marked.

use crate::trace::units::span;

/// An item that needs space on the axis.
#[derive(Clone, Copy, Debug)]
pub(super) struct Item {
    /// Its time in nanoseconds.
    pub(super) t: u64,
    /// Its lane: the items of one lane must not overlap.
    pub(super) lane: usize,
    /// Its width in pixels.
    pub(super) width: f64,
}

/// A monotonic map from time to pixels.
#[derive(Clone, Debug, Default)]
pub(super) struct Axis {
    /// The position of each item, in the given order.
    pub(super) places: Vec<f64>,
    /// Times and pixels, in order.
    knots: Vec<(u64, f64)>,
    /// The pauses that are drawn shortened.
    pub(super) breaks: Vec<Break>,
    /// Whether every pixel has the same duration.
    pub(super) linear: bool,
}

/// A pause that is drawn shortened: the times before and after it, and its position.
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

/// The largest part of the width for marks.
const MARKS: f64 = 0.75;
/// The distance between the starts of two labels, in pixels.
const LABEL: f64 = 76.0;

impl Axis {
    /// Places items, given in the order of time, on `width` pixels, of which no pause takes more than `longest`. `None`
    /// if there is not enough space.
    pub(super) fn fit(items: &[Item], width: f64, longest: f64) -> Option<Axis> {
        let lanes = items.iter().map(|item| item.lane + 1).max().unwrap_or(0);
        // A part of the width is left for time, so that order and speed are visible.
        if place(items, lanes, 0.0, longest).1 > width * MARKS {
            return None;
        }
        // Searches the largest number of pixels per nanosecond with which everything fits.
        let (mut low, mut high) = (0.0, width);
        let most = (place(items, lanes, high, longest).1 - 0.1).min(width);
        for _ in 0..80 {
            let middle = f64::midpoint(low, high);
            if place(items, lanes, middle, longest).1 > most { high = middle } else { low = middle }
        }
        Some(Axis::scaled(items, lanes, low, longest))
    }

    fn scaled(items: &[Item], lanes: usize, scale: f64, longest: f64) -> Axis {
        let (places, _) = place(items, lanes, scale, longest);
        let mut axis = Axis { linear: true, ..Axis::default() };
        for (item, &x) in items.iter().zip(&places) {
            match axis.knots.last().copied() {
                Some((t, _)) if t == item.t => {}
                Some((t, before)) => {
                    let nanos = item.t - t;
                    if scale * pixels(nanos) > longest * 1.01 {
                        axis.breaks.push(Break { nanos, from: before, to: x });
                    }
                    axis.linear &= (x - before - scale * pixels(nanos)).abs() < 0.5;
                    axis.knots.push((item.t, x));
                }
                None => axis.knots.push((item.t, x)),
            }
        }
        axis.places = places;
        axis
    }

    /// The position of a time, interpolated between its neighbours.
    pub(super) fn x(&self, t: u64) -> f64 {
        let after = self.knots.partition_point(|(knot, _)| *knot <= t);
        match (after.checked_sub(1).and_then(|at| self.knots.get(at)), self.knots.get(after)) {
            (Some(&(t0, x0)), Some(&(t1, x1))) => x0 + (x1 - x0) * pixels(t - t0) / pixels(t1 - t0),
            (Some(&(_, x)), None) | (None, Some(&(_, x))) => x,
            (None, None) => 0.0,
        }
    }

    /// The first and the last time.
    pub(super) fn times(&self) -> Option<(u64, u64)> {
        Some((self.knots.first()?.0, self.knots.last()?.0))
    }

    /// Whether labels restart, with a plus, after a pause.
    pub(super) fn restarts(&self) -> bool {
        self.ticks(0).iter().any(|tick| tick.text.starts_with('+'))
    }

    /// Labels where there is space: round times if the axis is linear, or else times of marks, since `origin` or, with
    /// a plus, since the last shortened pause.
    pub(super) fn ticks(&self, origin: u64) -> Vec<Tick> {
        if self.linear && self.breaks.is_empty() { self.round_ticks(origin) } else { self.mark_ticks(origin) }
    }

    fn round_ticks(&self, origin: u64) -> Vec<Tick> {
        let Some((first, last)) = self.times() else { return Vec::new() };
        let room = self.x(last) - self.x(first);
        let most = if room >= 2.0 * LABEL { (room / LABEL).min(8.0) } else { 1.0 };
        let step = round_up(pixels(last - first) / most);
        let begin = first.saturating_sub(origin).div_ceil(step).saturating_mul(step);
        (0..10)
            .filter_map(|k| step.checked_mul(k)?.checked_add(begin))
            .take_while(|t| *t <= last.saturating_sub(origin))
            .map(|t| Tick { x: self.x(origin + t), text: time(t) })
            .collect()
    }

    fn mark_ticks(&self, origin: u64) -> Vec<Tick> {
        let mut ticks: Vec<Tick> = Vec::new();
        let mut since = origin;
        let mut breaks = self.breaks.iter().peekable();
        for &(t, x) in &self.knots {
            let broken = breaks.next_if(|wait| wait.to <= x).is_some();
            if broken {
                since = t;
            }
            let room = ticks.last().is_none_or(|tick| x - tick.x >= LABEL);
            // The time after a pause always has a label; it replaces one that is too close before it.
            if broken && !room {
                ticks.pop();
            }
            if broken || room {
                let plus = if since == origin || broken { "" } else { "+" };
                let text = time(t.saturating_sub(if broken { origin } else { since }));
                ticks.push(Tick { x, text: format!("{plus}{text}") });
            }
        }
        ticks
    }
}

/// The positions of all items at this scale (pixels per nanosecond), and the total width.
fn place(items: &[Item], lanes: usize, scale: f64, longest: f64) -> (Vec<f64>, f64) {
    let mut free = vec![0.0_f64; lanes];
    let (mut x, mut before, mut widest) = (0.0_f64, None, 0.0_f64);
    let places = items
        .iter()
        .map(|item| {
            let wait = before.map_or(0, |before: u64| item.t.saturating_sub(before));
            before = Some(item.t);
            x = (x + (scale * pixels(wait)).min(longest)).max(free[item.lane]);
            widest = widest.max(x + item.width);
            // Small marks have smaller gaps.
            free[item.lane] = x + item.width + (item.width / 4.0).min(3.0);
            x
        })
        .collect();
    (places, widest)
}

/// The smallest of 1, 2 and 5 times a power of ten that is not less than this; at least 1.
fn round_up(nanos: f64) -> u64 {
    let mut step = 1_u64;
    loop {
        for times in [1, 2, 5] {
            let round = step.saturating_mul(times);
            if pixels(round) >= nanos {
                return round;
            }
        }
        step = step.saturating_mul(10);
    }
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

    fn items(times: &[u64], width: f64) -> Vec<Item> {
        times.iter().map(|&t| Item { t, lane: 0, width }).collect()
    }

    #[test]
    fn even_times_are_drawn_in_proportion_with_round_labels() {
        let axis = Axis::fit(&items(&(0..=100).map(|k| k * 1_000_000).collect::<Vec<_>>(), 0.0), 800.0, 100.0).unwrap();
        assert!(axis.linear && axis.breaks.is_empty());
        assert!((axis.x(50_000_000) - 400.0).abs() < 0.1);
        let labels: Vec<String> = axis.ticks(0).into_iter().map(|tick| tick.text).collect();
        assert_eq!(labels, ["0 s", "20 ms", "40 ms", "60 ms", "80 ms", "100 ms"]);
    }

    #[test]
    fn long_wait_is_shortened_and_labeled() {
        let axis = Axis::fit(&items(&[0, 10, 20, 5_000_000_000, 5_000_000_010], 60.0), 800.0, 100.0).unwrap();
        assert_eq!(axis.breaks.len(), 1);
        assert!(axis.places.windows(2).all(|pair| pair[1] - pair[0] >= 60.0));
        let labels: Vec<String> = axis.ticks(0).into_iter().map(|tick| tick.text).collect();
        assert_eq!(labels, ["0 s", "10 ns", "20 ns", "5 s", "+10 ns"]);
    }

    #[test]
    fn items_that_do_not_fit_give_no_axis() {
        assert!(Axis::fit(&items(&(0..1000).collect::<Vec<_>>(), 3.0), 800.0, 100.0).is_none());
    }

    #[test]
    fn extreme_times_give_finite_places() {
        for times in [&[][..], &[0], &[u64::MAX], &[0, u64::MAX], &[7, 7, 7]] {
            let axis = Axis::fit(&items(times, 5.0), 800.0, 100.0).unwrap();
            assert!(axis.places.iter().all(|x| x.is_finite() && *x <= 800.0), "{axis:?}");
            assert!(axis.ticks(times.first().copied().unwrap_or(0)).iter().all(|tick| tick.x.is_finite()));
        }
        assert!(round_up(f64::MAX.min(1e19)) > 0);
    }
}
