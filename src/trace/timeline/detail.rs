//! The part of the picture that shows every mark: its bytes, its message, and what carried it.

use std::collections::BTreeMap;

use super::axis::{Axis, Item, pixels, time};
use super::canvas::{Canvas, LEFT, MARGIN, RIGHT};
use super::lane::{Mark, Messages};
use super::scene::{Kind, Panel, Part, Stream};
use super::svg::Svg;
use crate::trace::event::BarrierOutcome;
use crate::trace::units::{counted, grouped};

/// Height of a lane, and of the room below it in which bytes are seen to flow on.
const LANE: f64 = 26.0;
const FLOW: f64 = 26.0;
/// The part of the width that the longest wait may take.
const LONGEST: f64 = 0.16;
/// Width of a character of the text on a mark.
const CHARACTER: f64 = 6.0;
/// The most room that several segments in one mark ask for.
const SEVERAL: f64 = 80.0;

/// How wide a mark is for its bytes.
#[derive(Clone, Copy, Debug)]
enum Scale {
    /// In proportion: so many pixels a byte.
    Linear(f64),
    /// As their square root, where some marks are far larger than others.
    Root(f64),
    /// All alike.
    Flat(f64),
}

/// A part of the picture that shows every mark.
#[derive(Debug)]
pub(super) struct Drawn {
    pub(super) page: Svg,
    /// Where it ends.
    pub(super) bottom: f64,
    /// From the first to the last mark, in nanoseconds.
    pub(super) nanos: u64,
    /// Whether widths tell bytes, so that it is seen where a message was cut.
    pub(super) telling: bool,
}

/// A mark with its place.
#[derive(Clone, Copy, Debug)]
struct Placed {
    mark: Mark,
    x: f64,
    width: f64,
}

/// What must be seen of each mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// Only that it is there.
    Room,
    /// By its width, whether it has more bytes than another.
    Widths,
    /// By its width, how many bytes it has; the least of them with its number.
    Proportion,
}

/// Draws the panels from `y` on; `None` where there is no room for every mark, or not for what is needed.
pub(super) fn draw(panels: &[Panel<'_>], part: Part, y: f64, need: Need) -> Option<Drawn> {
    let (axis, lanes, scale) = scales(panels, part, need).into_iter().find_map(|scale| layout(panels, part, scale))?;
    let origin = axis.times().map_or(0, |(first, _)| first);
    let mut lanes = lanes.into_iter();
    let mut canvas = Canvas::default();
    let mut bottom = y + Canvas::axis_height();
    for panel in panels {
        bottom = canvas.panel(panel, bottom);
        for stream in &panel.streams {
            let rows: Vec<Vec<Placed>> = lanes.by_ref().take(stream.rows.len()).collect();
            bottom = draw_stream(&mut canvas, stream, &rows, bottom, origin, part);
        }
        bottom += 10.0;
    }
    let mut page = canvas.finish(&axis, y);
    bottom += 6.0;
    let width = match scale {
        Scale::Linear(_) => "as wide as it has bytes",
        Scale::Root(_) => "wider the more bytes it has",
        Scale::Flat(_) => "one call, however many bytes",
    };
    let mut legend = format!(
        "A mark is {width}; its colour is its message. Bands join the same bytes. Time stretches where marks need room."
    );
    if panels.iter().flat_map(|panel| &panel.streams).any(|stream| !stream.barriers.is_empty()) {
        legend.push_str(" A green dot is a barrier that held.");
    }
    page.text("dim", MARGIN, bottom + 10.0, &legend);
    let nanos = axis.times().map_or(0, |(first, last)| last - first);
    Some(Drawn { page, bottom: bottom + 18.0, nanos, telling: !matches!(scale, Scale::Flat(_)) })
}

/// The scales to try, from the most telling to the most modest.
fn scales(panels: &[Panel<'_>], part: Part, need: Need) -> Vec<Scale> {
    let marks = || panels.iter().flat_map(Panel::rows).flat_map(|row| row.marks(part)).filter(|mark| mark.count == 1);
    let bytes = |mark: &Mark| mark.end.saturating_sub(mark.start);
    let least = pixels(marks().map(bytes).min().unwrap_or(1));
    let most = pixels(marks().map(bytes).max().unwrap_or(1));
    let mut scales: Vec<Scale> = [8.0, 6.5, 5.0, 3.5].map(Scale::Linear).into();
    // Large marks of like size can be drawn in proportion as well.
    let shrunk = [100.0, 60.0, 40.0, 24.0].map(|widest| widest / most);
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

/// Places all marks of all lanes on one axis.
fn layout(panels: &[Panel<'_>], part: Part, scale: Scale) -> Option<(Axis, Vec<Vec<Placed>>, Scale)> {
    // The last marks are followed by the sign for the end.
    let room = RIGHT - LEFT - 8.0;
    let rows = panels.iter().flat_map(Panel::rows);
    let mut items: Vec<(Item, Mark)> = Vec::new();
    let mut lanes = 0;
    for row in rows {
        let marks = row.marks(part);
        if matches!(part, Part::Whole) && !row.lane.is_exact() {
            return None;
        }
        items.extend(marks.iter().map(|mark| (Item { t: mark.t0, lane: lanes, width: scale.width(mark) }, *mark)));
        lanes += 1;
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
    // Segments that no call tells apart are spread over the time in which they were counted.
    for lane in &mut placed {
        for at in 0..lane.len() {
            let next = lane.get(at + 1).map_or(LEFT + room, |next: &Placed| next.x) - 1.5;
            let placed = &mut lane[at];
            if placed.mark.count > 1 {
                placed.width = placed.width.max((LEFT + axis.x(placed.mark.t1)).min(next) - placed.x);
            }
        }
    }
    Some((axis, placed, scale))
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
    /// Where a byte of this mark is.
    fn at(&self, offset: u64) -> f64 {
        let share = pixels(offset - self.mark.start) / pixels((self.mark.end - self.mark.start).max(1));
        self.x + self.width * share
    }
}

fn draw_stream(canvas: &mut Canvas, stream: &Stream<'_>, rows: &[Vec<Placed>], y: f64, origin: u64, part: Part) -> f64 {
    canvas.above.text("dim", LEFT, y + 12.0, &stream.caption);
    let top = y + if stream.messages.count() > 0 { 38.0 } else { 20.0 };
    let y_of = |at: usize| (0..at).fold(top, |y, _| y + LANE + FLOW);
    canvas.block(top, y_of(stream.rows.len()) - FLOW);
    for (at, row) in stream.rows.iter().enumerate() {
        canvas.lane(row, y_of(at), LANE);
        if let Some(next) = rows.get(at + 1) {
            draw_flow(&mut canvas.above, &rows[at], next, stream.messages, y_of(at) + LANE);
        }
    }
    if let Some(first) = rows.first() {
        draw_brackets(&mut canvas.above, first, stream.messages, top - 6.0);
    }
    for (at, row) in stream.rows.iter().enumerate() {
        for placed in &rows[at] {
            draw_mark(&mut canvas.above, placed, row.kind, stream.messages, y_of(at), origin);
        }
        if row.kind == Kind::Writes {
            draw_between(&mut canvas.above, &rows[at], stream, part, y_of(at));
        }
        let end = match row.kind {
            Kind::Writes => stream.shutdown.map(|t| (t, "end of what is sent")),
            Kind::Reads => stream.eof.map(|t| (t, "end of file")),
            Kind::Segments => None,
        };
        if let (Some((t, about)), Part::Whole) = (end, part) {
            let x = rows[at].last().map_or(LEFT, |last| last.x + last.width) + 4.0;
            let about = format!("{about}, at {}", time(t.saturating_sub(origin)));
            canvas.above.line("fin", [x.min(RIGHT), y_of(at) + 3.0, x.min(RIGHT), y_of(at) + LANE - 3.0], &about);
        }
    }
    y_of(stream.rows.len()) - FLOW + 12.0
}

/// A mark in the colours of its messages, with its bytes where there is room.
fn draw_mark(svg: &mut Svg, placed: &Placed, kind: Kind, messages: &Messages, y: f64, origin: u64) {
    let mark = &placed.mark;
    let parts = messages.split(mark.start, mark.end);
    let about = describe(mark, kind, &parts, origin);
    for (number, from, to) in &parts {
        let (x0, x1) = (placed.at(*from), placed.at(*to));
        svg.rect(hue(*number), [x0, y + 1.0, (x1 - x0).max(0.8), LANE - 2.0], &about);
    }
    if mark.count > 1 && placed.width / pixels(mark.count) >= 3.0 {
        for cell in 1..mark.count {
            let x = placed.x + placed.width * pixels(cell) / pixels(mark.count);
            svg.line("seam", [x, y + 1.0, x, y + LANE - 1.0], "");
        }
    }
    if parts.len() > 1 {
        svg.rect("edge", [placed.x, y + 1.0, placed.width, LANE - 2.0], "");
    }
    label_mark(svg, placed, &parts, y);
}

/// The bytes of each message in a mark, where there is room; the number of segments where it stands for some.
fn label_mark(svg: &mut Svg, placed: &Placed, parts: &[(Option<u64>, u64, u64)], y: f64) {
    let base = y + LANE / 2.0 + 3.6;
    if placed.mark.count > 1 {
        let text = format!("\u{d7}{}", grouped(placed.mark.count));
        if fits(&text, placed.width) {
            svg.text("on", placed.x + placed.width / 2.0, base, &text);
        }
        return;
    }
    for (_, from, to) in parts {
        let (text, x0, x1) = (grouped(to - from), placed.at(*from), placed.at(*to));
        if fits(&text, x1 - x0) {
            svg.text("on", f64::midpoint(x0, x1), base, &text);
        }
    }
}

/// Bands between the bytes in one lane and the same bytes in the next.
fn draw_flow(svg: &mut Svg, upper: &[Placed], lower: &[Placed], messages: &Messages, y: f64) {
    let mut lower = lower.iter().peekable();
    for from in upper {
        while let Some(to) = lower.peek() {
            let (start, end) = (from.mark.start.max(to.mark.start), from.mark.end.min(to.mark.end));
            if start < end {
                for (number, start, end) in messages.split(start, end) {
                    let corners =
                        [(from.at(start), y), (from.at(end), y), (to.at(end), y + FLOW), (to.at(start), y + FLOW)];
                    svg.path(&format!("flow {}", hue(number)), &corners);
                }
            }
            if to.mark.end > from.mark.end {
                break;
            }
            lower.next();
        }
    }
}

/// A line over the marks of each message, with its number.
fn draw_brackets(svg: &mut Svg, marks: &[Placed], messages: &Messages, y: f64) {
    let mut spans: BTreeMap<u64, (f64, f64)> = BTreeMap::new();
    for placed in marks {
        for (number, from, to) in messages.split(placed.mark.start, placed.mark.end) {
            if let Some(number) = number {
                let (low, high) = (placed.at(from), placed.at(to));
                let span = spans.entry(number).or_insert((low, high));
                span.1 = high;
            }
        }
    }
    let mut free = f64::MIN;
    for (number, (low, high)) in spans {
        svg.rect(hue(Some(number)), [low, y, high - low, 2.5], "");
        let long = format!("message {}", grouped(number));
        let text = if fits(&long, high - low) { long } else { grouped(number) };
        let half = CHARACTER * pixels(text.len() as u64) / 2.0;
        let middle = f64::midpoint(low, high);
        if middle - half >= free {
            svg.text("mid", middle, y - 4.0, &text);
            free = middle + half + 4.0;
        }
    }
}

/// What lies between writes: pauses as dotted lines, barriers as dots.
fn draw_between(svg: &mut Svg, writes: &[Placed], stream: &Stream<'_>, part: Part, y: f64) {
    let middle = y + LANE / 2.0;
    let gap = |t: u64| {
        let next = writes.partition_point(|placed| placed.mark.t0 <= t);
        let from = next.checked_sub(1).map_or(LEFT, |before| writes[before].x + writes[before].width);
        (from, writes.get(next).map_or(RIGHT, |after| after.x), next < writes.len())
    };
    for (t, nanos) in stream.pauses.iter().filter(|(t, _)| part.holds(*t)) {
        let (from, to, inside) = gap(*t);
        if inside && to - from >= 12.0 {
            let about = format!("pause of {}", time(*nanos));
            svg.line("wait", [from + 2.0, middle, to - 2.0, middle], &about);
            let text = time(*nanos);
            if fits(&text, to - from - 14.0) {
                svg.text("dim mid", f64::midpoint(from, to), middle - 4.0, &text);
            }
        }
    }
    for (t, outcome) in stream.barriers.iter().filter(|(t, _)| part.holds(*t)) {
        let before = writes.partition_point(|placed| placed.mark.t0 < *t).checked_sub(1).map(|at| &writes[at]);
        if let Some(placed) = before.filter(|placed| placed.width >= 5.0) {
            let (class, about) = match outcome {
                BarrierOutcome::Read => ("yes", "the peer had read everything before"),
                BarrierOutcome::Acked => ("yes", "the peer's kernel had everything before"),
                BarrierOutcome::NotVisible => ("no", "acknowledged; whether it was read is not visible from here"),
                BarrierOutcome::TimedOut => ("no", "the barrier was given up"),
            };
            svg.dot(class, [placed.x + placed.width, y + LANE, 2.6], about);
        }
    }
}

/// What a pointer on a mark is told.
fn describe(mark: &Mark, kind: Kind, parts: &[(Option<u64>, u64, u64)], origin: u64) -> String {
    let what = if mark.count == 1 { kind.noun().to_owned() } else { counted(mark.count, kind.noun()) };
    let numbers: Vec<u64> = parts.iter().filter_map(|part| part.0).collect();
    let of = match numbers[..] {
        [] => String::new(),
        [number] => format!(", message {number}"),
        [first, .., last] => format!(", messages {first} to {last}"),
    };
    let at = time(mark.t0.saturating_sub(origin));
    format!("{what}: {}, {} to {}{of}, at {at}", counted(mark.end - mark.start, "byte"), mark.start, mark.end)
}

fn fits(text: &str, width: f64) -> bool {
    CHARACTER * pixels(text.chars().count() as u64) + 0.4 <= width
}

/// The style class of a message's colour.
fn hue(number: Option<u64>) -> &'static str {
    const CLASSES: [&str; 8] = ["m0", "m1", "m2", "m3", "m4", "m5", "m6", "m7"];
    let Some(number) = number else { return "m" };
    CLASSES.iter().zip(0..).find(|(_, hue)| number.wrapping_sub(1) % 8 == *hue).map_or("m", |(class, _)| class)
}
