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
const CHARACTER: f64 = 6.3;
/// Hues of messages in the style sheet.
const HUES: u64 = 8;

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

/// From the most telling to the most modest.
const SCALES: [Scale; 10] = [
    Scale::Linear(8.0),
    Scale::Linear(6.5),
    Scale::Linear(5.0),
    Scale::Linear(3.5),
    Scale::Root(7.0),
    Scale::Root(5.0),
    Scale::Root(3.5),
    Scale::Flat(7.0),
    Scale::Flat(4.5),
    Scale::Flat(3.0),
];

/// A mark with its place.
#[derive(Clone, Copy, Debug)]
struct Placed {
    mark: Mark,
    x: f64,
    width: f64,
}

/// Draws the panels from `y` on and says where they end; `None` where there is no room for every
/// mark. With `legible` there must be room for more than colours.
pub(super) fn draw(panels: &[Panel<'_>], part: Part, y: f64, legible: bool) -> Option<(Svg, f64)> {
    let scales = if legible { &SCALES[..7] } else { &SCALES[..] };
    let (axis, lanes, scale) = scales.iter().find_map(|scale| layout(panels, part, *scale))?;
    let mut lanes = lanes.into_iter();
    let mut canvas = Canvas::default();
    let mut bottom = y + Canvas::axis_height();
    for panel in panels {
        bottom = canvas.panel(panel, bottom);
        for stream in &panel.streams {
            let rows: Vec<Vec<Placed>> = lanes.by_ref().take(stream.rows.len()).collect();
            bottom = draw_stream(&mut canvas, stream, &rows, bottom, matches!(part, Part::Whole));
        }
        bottom += 10.0;
    }
    let page = canvas.finish(&axis, y, bottom - 10.0);
    let mut page = page;
    bottom += 6.0;
    let width = match scale {
        Scale::Linear(_) => "as wide as it has bytes",
        Scale::Root(_) => "wider the more bytes it has",
        Scale::Flat(_) => "one call, however many bytes",
    };
    let legend = format!(
        "A mark is {width}; its colour is its message. Bands join the same bytes. Time stretches where marks need room."
    );
    page.text("dim", MARGIN, bottom + 10.0, &legend);
    Some((page, bottom + 18.0))
}

/// Places all marks of all lanes on one axis.
fn layout(panels: &[Panel<'_>], part: Part, scale: Scale) -> Option<(Axis, Vec<Vec<Placed>>, Scale)> {
    let room = RIGHT - LEFT;
    let rows = panels.iter().flat_map(Panel::rows);
    let mut items: Vec<(Item, Mark)> = Vec::new();
    let mut lanes = 0;
    for row in rows {
        let marks = row.marks(part);
        if matches!(part, Part::Whole) && !row.lane.is_exact() {
            return None;
        }
        items.extend(marks.iter().map(|mark| {
            (Item { t: mark.t0, lane: lanes, width: scale.width(mark.end.saturating_sub(mark.start)) }, *mark)
        }));
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
    Some((axis, placed, scale))
}

impl Scale {
    fn width(self, bytes: u64) -> f64 {
        match self {
            Scale::Linear(pixel) => pixel * pixels(bytes),
            Scale::Root(pixel) => (pixel * pixels(bytes).sqrt()).clamp(4.0, 150.0),
            Scale::Flat(pixel) => pixel,
        }
    }
}

impl Placed {
    /// Where a byte of this mark is.
    fn at(&self, offset: u64) -> f64 {
        let share = pixels(offset - self.mark.start) / pixels((self.mark.end - self.mark.start).max(1));
        self.x + self.width * share
    }
}

fn draw_stream(canvas: &mut Canvas, stream: &Stream<'_>, rows: &[Vec<Placed>], y: f64, whole: bool) -> f64 {
    canvas.above.text("dim", LEFT, y + 12.0, &stream.caption);
    let top = y + if stream.messages.count() > 0 { 38.0 } else { 20.0 };
    let y_of = |at: usize| (0..at).fold(top, |y, _| y + LANE + FLOW);
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
            draw_mark(&mut canvas.above, placed, row.kind, stream.messages, y_of(at));
        }
        if row.kind == Kind::Writes {
            draw_between(&mut canvas.above, &rows[at], stream, y_of(at));
        }
        let end = match row.kind {
            Kind::Writes => stream.shutdown.map(|t| (t, "end of what is sent")),
            Kind::Reads => stream.eof.map(|t| (t, "end of file")),
            Kind::Segments => None,
        };
        if let (Some((t, about)), true) = (end, whole) {
            let x = rows[at].last().map_or(LEFT, |last| last.x + last.width) + 4.0;
            let about = format!("{about}, {} after the connection's beginning of the run", time(t));
            canvas.above.line("fin", [x.min(RIGHT), y_of(at) + 3.0, x.min(RIGHT), y_of(at) + LANE - 3.0], &about);
        }
    }
    y_of(stream.rows.len()) - FLOW + 12.0
}

/// A mark in the colours of its messages, with its bytes where there is room.
fn draw_mark(svg: &mut Svg, placed: &Placed, kind: Kind, messages: &Messages, y: f64) {
    let mark = &placed.mark;
    let parts = messages.split(mark.start, mark.end);
    let about = describe(mark, kind, &parts);
    for (number, from, to) in parts {
        let (x0, x1) = (placed.at(from), placed.at(to));
        svg.rect(hue(number), [x0, y + 1.0, (x1 - x0).max(0.8), LANE - 2.0], &about);
    }
    let cells = mark.count;
    if cells > 1 && placed.width / pixels(cells) >= 3.0 {
        for cell in 1..cells {
            let x = placed.x + placed.width * pixels(cell) / pixels(cells);
            svg.line("seam", [x, y + 1.0, x, y + LANE - 1.0], "");
        }
    }
    let bytes = grouped(mark.end - mark.start);
    let text = if cells > 1 { [format!("\u{d7}{}", grouped(cells)), String::new()] } else { [bytes, String::new()] };
    if let Some(text) = text.iter().find(|text| !text.is_empty() && fits(text, placed.width)) {
        svg.text("on", placed.x + placed.width / 2.0, y + LANE / 2.0 + 3.6, text);
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
fn draw_between(svg: &mut Svg, writes: &[Placed], stream: &Stream<'_>, y: f64) {
    let middle = y + LANE / 2.0;
    let gap = |t: u64| {
        let next = writes.partition_point(|placed| placed.mark.t0 <= t);
        let from = next.checked_sub(1).map_or(LEFT, |before| writes[before].x + writes[before].width);
        (from, writes.get(next).map_or(RIGHT, |after| after.x), next < writes.len())
    };
    for (t, nanos) in stream.pauses {
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
    for (t, outcome) in stream.barriers {
        let (from, to, _) = gap(*t);
        if to - from >= 8.0 && from > LEFT {
            let (class, about) = match outcome {
                BarrierOutcome::Read => ("yes", "the peer had read everything before"),
                BarrierOutcome::Acked => ("yes", "the peer's kernel had everything before"),
                BarrierOutcome::NotVisible => ("no", "acknowledged; whether it was read is not visible from here"),
                BarrierOutcome::TimedOut => ("no", "the barrier was given up"),
            };
            svg.dot(class, [from + 4.5, middle, 2.6], about);
        }
    }
}

/// What a pointer on a mark is told.
fn describe(mark: &Mark, kind: Kind, parts: &[(Option<u64>, u64, u64)]) -> String {
    let what = if mark.count == 1 { kind.noun().to_owned() } else { counted(mark.count, kind.noun()) };
    let mut text = format!("{what}: {}, {} to {}", counted(mark.end - mark.start, "byte"), mark.start, mark.end);
    let numbers: Vec<u64> = parts.iter().filter_map(|part| part.0).collect();
    match numbers[..] {
        [] => {}
        [number] => text.push_str(&format!(", message {number}")),
        [first, .., last] => text.push_str(&format!(", messages {first} to {last}")),
    }
    text
}

fn fits(text: &str, width: f64) -> bool {
    CHARACTER * pixels(text.chars().count() as u64) + 1.5 <= width
}

/// The style class of a message's colour.
fn hue(number: Option<u64>) -> &'static str {
    const CLASSES: [&str; HUES as usize] = ["m0", "m1", "m2", "m3", "m4", "m5", "m6", "m7"];
    number
        .and_then(|number| CLASSES.get(usize::try_from(number.saturating_sub(1) % HUES).ok()?).copied())
        .unwrap_or("m")
}
