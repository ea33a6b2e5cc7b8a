//! The positions on the page, and the elements of every part: lanes, labels, the time axis.

use super::axis::{Axis, time};
use super::scene::{Panel, Row};
use super::svg::{Svg, text_width};

/// The left and right edge of lanes; labels are left of them.
pub(super) const LEFT: f64 = 134.0;
pub(super) const RIGHT: f64 = 984.0;
/// The left edge of headings.
pub(super) const MARGIN: f64 = 16.0;
/// Height of the axis with its labels.
const AXIS: f64 = 34.0;

/// A part of the page in layers, so that later elements can be below earlier ones.
#[derive(Debug, Default)]
pub(super) struct Canvas {
    pub(super) below: Svg,
    pub(super) above: Svg,
    /// The top and bottom of the lanes of each stream.
    blocks: Vec<(f64, f64)>,
}

impl Canvas {
    /// Draws the title and notes of a panel from `y` on; returns the start of the next element.
    pub(super) fn panel(&mut self, panel: &Panel<'_>, y: f64) -> f64 {
        self.above.text("head", MARGIN, y + 16.0, &panel.title);
        let mut bottom = y + 20.0;
        for note in &panel.notes {
            self.above.text("dim", MARGIN, bottom + 11.0, note);
            bottom += 15.0;
        }
        if panel.streams.is_empty() {
            self.above.text("dim", LEFT, bottom + 14.0, "no byte was written or read");
            bottom += 20.0;
        }
        bottom
    }

    /// Draws the background and the label of a lane.
    pub(super) fn lane(&mut self, row: &Row<'_>, y: f64, height: f64) {
        self.below.rect("lane", [LEFT, y, RIGHT - LEFT, height], "");
        let middle = y + height / 2.0;
        self.above.text("count end", LEFT - 10.0, middle + 1.0, &row.label());
        self.above.text("dim end", LEFT - 10.0, middle + 14.0, &row.sizes());
    }

    /// Notes the position of the lanes of a stream.
    pub(super) fn block(&mut self, top: f64, bottom: f64) {
        self.blocks.push((top, bottom));
    }

    /// Finishes a part whose axis is at `y`.
    pub(super) fn finish(mut self, axis: &Axis, y: f64) -> Svg {
        let base = y + AXIS - 8.0;
        let origin = axis.times().map_or(0, |(first, _)| first);
        let mut page = Svg::default();
        page.append(&self.below);
        self.above.line("rule", [LEFT, base, RIGHT, base], "");
        let mut taken = Vec::new();
        for wait in &axis.breaks {
            let (from, to) = (LEFT + wait.from, LEFT + wait.to);
            let middle = f64::midpoint(from.max(to - 84.0), to) - 2.0;
            let zig = [(-9.0, 0.0), (-5.0, -5.0), (0.0, 5.0), (5.0, -5.0), (9.0, 0.0)];
            self.above.path("zig", &zig.map(|(dx, dy)| (middle + dx, base + dy)));
            let text = format!("{} wait", time(wait.nanos));
            let half = text_width(&text) / 2.0;
            taken.push((middle - half, middle + half));
            self.above.text("dim mid", middle, base - 9.0, &text);
        }
        let mut before = 0.0;
        for tick in axis.ticks(origin) {
            let x = LEFT + tick.x;
            self.above.line("rule", [x, base - 5.0, x, base], "");
            for (top, bottom) in &self.blocks {
                page.line("tick", [x, *top, x, *bottom], "");
            }
            // A label at the right edge is left of its line, if there is space.
            let width = text_width(&tick.text);
            let label = if RIGHT - x > 44.0 {
                Some(("dim", x + 2.0, x + 2.0))
            } else {
                (tick.x - before > 110.0).then_some(("dim end", x - 2.0, x - 2.0 - width))
            };
            // The duration of a pause takes precedence over a time beside it.
            let is_free = |from: f64| taken.iter().all(|(low, high)| from > *high || from + width + 4.0 < *low);
            if let Some((class, at, _)) = label.filter(|(_, _, from)| is_free(*from)) {
                self.above.text(class, at, base - 9.0, &tick.text);
            }
            before = tick.x;
        }
        page.append(&self.above);
        page
    }

    /// The height of the axis, above the first panel.
    pub(super) fn axis_height() -> f64 {
        AXIS
    }
}
