//! The position of each mark when all are drawn: its width by its bytes, and its time.

use super::axis::{Axis, Item, pixels};
use super::canvas::{LEFT, RIGHT};
use super::lane::Mark;
use super::scene::{Panel, Part};
use super::svg::CHARACTER;

/// The largest part of the width for the longest wait.
const LONGEST: f64 = 0.16;
/// The largest width that several segments in one mark need.
const SEVERAL: f64 = 80.0;

/// The width of a mark by its bytes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Scale {
    /// In proportion, in pixels for each byte.
    Linear(f64),
    /// By the square root, if some marks are far larger than others.
    Root(f64),
    /// All equal.
    Flat(f64),
}

/// A mark with its position.
#[derive(Clone, Copy, Debug)]
pub(super) struct Placed {
    pub(super) mark: Mark,
    pub(super) x: f64,
    pub(super) width: f64,
}

/// What must be visible of each mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// Only the mark itself.
    Room,
    /// By its width, whether it has more bytes than another mark.
    Widths,
    /// By its width, its number of bytes; the smallest mark has room for its number.
    Proportion,
}

/// The scales to try, from the most informative to the least.
fn scales(panels: &[Panel<'_>], part: Part, need: Need) -> Vec<Scale> {
    let streams = || panels.iter().flat_map(|panel| &panel.streams);
    let rows = || streams().flat_map(|stream| stream.rows.iter().map(move |row| (stream, row)));
    let marks = || rows().flat_map(|(stream, row)| stream.marks(row, part)).filter(|mark| mark.count == 1);
    let bytes = |mark: &Mark| mark.end.saturating_sub(mark.start);
    let least = pixels(marks().map(bytes).min().unwrap_or(1));
    let most = pixels(marks().map(bytes).max().unwrap_or(1));
    let mut scales: Vec<Scale> = [8.0, 6.5, 5.0, 3.5].map(Scale::Linear).into();
    // Large marks of similar size can be drawn in proportion as well.
    let shrunk = [320.0, 200.0, 100.0, 60.0, 40.0, 24.0].map(|widest| widest / most);
    scales.extend(shrunk.into_iter().filter(|pixel| *pixel < 3.5 && pixel * least >= 5.0).map(Scale::Linear));
    scales.extend(
        [(7.0, 150.0), (5.0, 90.0), (3.5, 50.0)]
            .map(|(pixel, widest)| Scale::Root(f64::min(pixel, widest / most.sqrt()))),
    );
    scales.extend([7.0, 4.5, 3.0].map(Scale::Flat));
    scales.retain(|scale| match (need, scale) {
        (Need::Room, _) | (Need::Widths, Scale::Linear(_) | Scale::Root(_)) => true,
        (Need::Proportion, Scale::Linear(pixel)) => pixel * least > CHARACTER,
        _ => false,
    });
    scales
}

/// All marks of all lanes with their positions on one axis.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) axis: Axis,
    /// Lane by lane, in the order of the panels.
    pub(super) lanes: Vec<Vec<Placed>>,
    pub(super) scale: Scale,
}

/// Places all marks with the most informative scale that fits; `None` if the required one does not fit.
pub(super) fn layout(panels: &[Panel<'_>], part: Part, need: Need) -> Option<Layout> {
    scales(panels, part, need).into_iter().find_map(|scale| place(panels, part, scale))
}

fn place(panels: &[Panel<'_>], part: Part, scale: Scale) -> Option<Layout> {
    // The sign for the end follows the last marks.
    let room = RIGHT - LEFT - 8.0;
    let mut items: Vec<(Item, Mark)> = Vec::new();
    let mut lanes = 0;
    for stream in panels.iter().flat_map(|panel| &panel.streams) {
        for row in &stream.rows {
            if matches!(part, Part::Whole) && !row.lane.is_exact() {
                return None;
            }
            for mark in stream.marks(row, part) {
                let mark = stream.ended_by_reads(row, *mark);
                items.push((Item { t: mark.t0, lane: lanes, width: scale.width(&mark) }, mark));
            }
            lanes += 1;
        }
    }
    let too_wide = |(item, _): &(Item, Mark)| item.width > room * 0.4;
    if matches!(scale, Scale::Linear(_)) && items.iter().any(too_wide) {
        return None;
    }
    items.sort_by_key(|(item, mark)| (item.t, mark.start));
    let needs: Vec<Item> = items.iter().map(|(item, _)| *item).collect();
    let axis = Axis::fit(&needs, room, room * LONGEST)?;
    let mut placed = vec![Vec::new(); lanes];
    for ((item, mark), x) in items.into_iter().zip(&axis.places) {
        placed[item.lane].push(Placed { mark, x: LEFT + x, width: item.width });
    }
    // Segments of which only the number is known are spread over the time in which they were counted.
    for lane in &mut placed {
        for at in 0..lane.len() {
            let next = lane.get(at + 1).map_or(LEFT + room, |next: &Placed| next.x) - 1.5;
            let placed = &mut lane[at];
            if placed.mark.count > 1 {
                placed.width = placed.width.max((LEFT + axis.x(placed.mark.t1)).min(next) - placed.x);
            }
        }
    }
    Some(Layout { axis, lanes: placed, scale })
}

impl Scale {
    fn width(self, mark: &Mark) -> f64 {
        let bytes = pixels(mark.end.saturating_sub(mark.start));
        let width = match self {
            Scale::Linear(pixel) => pixel * bytes,
            Scale::Root(pixel) => (pixel * bytes.sqrt()).max(4.0),
            Scale::Flat(pixel) => pixel,
        };
        if mark.count > 1 { width.min(SEVERAL) } else { width }
    }
}

impl Placed {
    /// The position of a byte of this mark.
    pub(super) fn at(&self, offset: u64) -> f64 {
        let share = pixels(offset - self.mark.start) / pixels((self.mark.end - self.mark.start).max(1));
        self.x + self.width * share
    }
}
