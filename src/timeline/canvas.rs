//! The positions on the page, and the elements of every part: lanes, labels, the time axis.

use super::axis::{Axis, Tick, time};
use super::scene::{Panel, Row};
use super::svg::{Svg, text_width};

/// The left and right edge of lanes; labels are left of them.
pub(super) const LEFT: f64 = 134.0;
pub(super) const RIGHT: f64 = 984.0;
/// The width of the labels of lanes.
const NAMES: f64 = LEFT - 16.0;
/// The left edge of headings.
pub(super) const MARGIN: f64 = 16.0;
/// The first and the last time of the axis.
pub(super) const START: f64 = LEFT + 40.0;
pub(super) const END: f64 = RIGHT - 96.0;
/// Height of the axis with its labels.
const AXIS: f64 = 50.0;
/// The distance of lane backgrounds from the first and the last time of a span.
const EDGE: f64 = 6.0;

/// A part of the page in layers, so that later elements can be below earlier ones.
#[derive(Debug)]
pub(super) struct Canvas<'a> {
    pub(super) below: Svg,
    pub(super) above: Svg,
    axis: &'a Axis,
    /// The top and bottom of the lanes of each stream.
    blocks: Vec<(f64, f64)>,
}

impl<'a> Canvas<'a> {
    pub(super) fn new(axis: &'a Axis) -> Canvas<'a> {
        Canvas { below: Svg::default(), above: Svg::default(), axis, blocks: Vec::new() }
    }

    /// The height of the axis, above the first panel.
    pub(super) fn axis_height() -> f64 {
        AXIS
    }

    /// The position of a time.
    pub(super) fn x(&self, t: u64) -> f64 {
        START + self.axis.x(t)
    }

    /// Draws the title and notes of a panel from `y` on; returns the start of the next element.
    pub(super) fn panel(&mut self, panel: &Panel<'_>, y: f64) -> f64 {
        let width = RIGHT - MARGIN;
        self.above.clipped("head", MARGIN, y + 17.0, &panel.title, width);
        let mut bottom = y + 22.0;
        for note in &panel.notes {
            self.above.clipped("dim", MARGIN, bottom + 13.0, note, width);
            bottom += 17.0;
        }
        if panel.streams.is_empty() {
            self.above.text("dim", LEFT, bottom + 15.0, "no byte was written or read");
            bottom += 22.0;
        }
        bottom
    }

    /// Draws the background and the label of a lane. The background is interrupted where the axis is.
    pub(super) fn lane(&mut self, row: &Row<'_>, y: f64, height: f64) {
        let spans = self.axis.spans();
        for (at, span) in spans.iter().enumerate() {
            let from = if at == 0 { LEFT } else { START + span.x0 - EDGE };
            let to = if at + 1 == spans.len() { RIGHT } else { START + span.x1 + EDGE };
            self.below.rect("lane", [from, y, to - from, height], "");
        }
        let middle = y + height / 2.0;
        self.above.text("small end", LEFT - 10.0, middle - 10.0, row.who);
        let label = row.label();
        let class = if text_width("", &label) <= NAMES { " end" } else { "small end" };
        self.above.clipped(class, LEFT - 10.0, middle + 4.0, &label, NAMES);
        self.above.text("small end", LEFT - 10.0, middle + 18.0, &row.sizes());
    }

    /// Notes the position of the lanes of a stream.
    pub(super) fn block(&mut self, top: f64, bottom: f64) {
        self.blocks.push((top, bottom));
    }

    /// Finishes a part whose axis is at `y`, with times since `origin`.
    pub(super) fn finish(self, y: f64, origin: u64) -> Svg {
        let Canvas { below, mut above, axis, blocks } = self;
        let base = y + AXIS - 8.0;
        let mut page = Svg::default();
        page.append(&below);
        for span in axis.spans() {
            let (from, to) = (START + span.x0 - EDGE, START + span.x1 + EDGE);
            above.line("rule", [from, base, to, base], "");
        }
        for (at, gap) in axis.breaks.iter().enumerate() {
            let middle = START + f64::midpoint(gap.from, gap.to);
            let zig = [(-12.0, 0.0), (-7.0, -6.0), (0.0, 6.0), (7.0, -6.0), (12.0, 0.0)];
            above.path("zig", &zig.map(|(dx, dy)| (middle + dx, base + dy)));
            let time = time(gap.nanos);
            let line = format!("{time} skipped");
            // Beside a narrow piece, a line would meet that of the next gap: two lines fit into each gap.
            let half = text_width("small", &line) / 2.0 + 4.0;
            let before = at.checked_sub(1).and_then(|before| axis.breaks.get(before));
            let from = before.map_or(f64::MIN, |before| START + f64::midpoint(before.to, gap.from));
            let to = axis.breaks.get(at + 1).map_or(f64::MAX, |after| START + f64::midpoint(gap.to, after.from));
            if middle - half > from && middle + half < to {
                above.text("small mid", middle, base - 26.0, &line);
            } else {
                above.text("small mid", middle, base - 32.0, &time);
                above.text("small mid", middle, base - 21.0, "skipped");
            }
        }
        let mut taken: Vec<(f64, f64)> = Vec::new();
        let mut lines = Vec::new();
        if let Some(end) = axis.end(origin) {
            let x = START + end.x;
            let span = axis.times().map_or(0, |(_, last)| last.saturating_sub(origin));
            let texts = [end.text, time(span)].map(|text| format!("end {text}"));
            let room = RIGHT - x;
            let text = texts.iter().find(|text| text_width("dim", text) <= room).unwrap_or(&texts[1]);
            above.line("rule", [x, base - 6.0, x, base], "");
            above.clipped("dim", x - 2.0, base - 9.0, text, room);
            taken.push((x - 6.0, RIGHT));
            lines.push(x);
        }
        let mut label = |above: &mut Svg, tick: &Tick| {
            let x = START + tick.x;
            let half = text_width("dim", &tick.text) / 2.0;
            let (low, high) = (x - half - 4.0, x + half + 4.0);
            let is_free = taken.iter().all(|(from, to)| high < *from || low > *to);
            if is_free {
                taken.push((low, high));
                above.text("dim mid", x, base - 9.0, &tick.text);
            }
            is_free
        };
        for tick in axis.ticks(origin) {
            let x = START + tick.x;
            let height = if label(&mut above, &tick) { 6.0 } else { 3.0 };
            above.line("rule", [x, base - height, x, base], "");
            lines.push(x);
        }
        for x in lines {
            for (top, bottom) in &blocks {
                page.line("tick", [x, *top, x, *bottom], "");
            }
        }
        page.append(&above);
        page
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The picture of an axis with two gaps of a second around a piece of this length.
    fn between_gaps(nanos: u64) -> String {
        const SECOND: u64 = 1_000_000_000;
        let middle = 1_000_000 + SECOND;
        let times =
            [0, 1_000_000, middle, middle + nanos, middle + nanos + SECOND, middle + nanos + SECOND + 1_000_000];
        let candidates = Axis::candidates(&times, END - START, &|_, _| 0.0);
        let axis = candidates.into_iter().find(|one| one.breaks.len() == 2).unwrap();
        Canvas::new(&axis).finish(0.0, 0).finish(AXIS, "")
    }

    #[test]
    fn each_gap_is_labelled_as_skipped() {
        let wide = between_gaps(1_000_000);
        assert_eq!(wide.matches(">1 s skipped<").count(), 2, "{wide}");
        let narrow = between_gaps(1000);
        assert_eq!((narrow.matches(">1 s<").count(), narrow.matches(">skipped<").count()), (2, 2), "{narrow}");
    }
}
