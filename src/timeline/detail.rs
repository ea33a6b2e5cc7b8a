//! The part of the picture that shows every mark: its bytes, its message, and its call or segment.

use std::collections::BTreeMap;

use super::axis::time;
use super::canvas::{Canvas, LEFT, MARGIN, RIGHT};
use super::layout::{Layout, Need, Placed, Scale, layout};
use super::marks::{draw_flow, draw_mark, draw_strokes, fits, hue, is_dense, numbers};
use super::scene::{Panel, Part, RowKind, Stream};
use super::svg::{Svg, text_width};
use crate::trace::BarrierOutcome;
use crate::trace::units::grouped;

/// The height of a lane, and of the space below it for the bands.
const LANE: f64 = 26.0;
const FLOW: f64 = 26.0;
/// The number of characters on a line of the legend.
const LINE: usize = 150;

/// A part of the picture that shows every mark.
#[derive(Debug)]
pub(super) struct Drawn {
    pub(super) page: Svg,
    /// Its lower edge.
    pub(super) bottom: f64,
    /// The time from the first to the last mark, in nanoseconds.
    pub(super) nanos: u64,
    /// Whether the width of a mark depends on its bytes, so that the cuts of messages are visible.
    pub(super) shows_bytes: bool,
}

/// Draws the panels from `y` on; `None` if there is not enough space for every mark, or for `need`.
pub(super) fn draw(panels: &[Panel<'_>], part: Part, y: f64, need: Need) -> Option<Drawn> {
    let layout = layout(panels, part, need)?;
    let times = layout.axis.times();
    let origin = times.map_or(0, |(first, _)| first);
    let mut lanes = layout.lanes.iter();
    let mut canvas = Canvas::default();
    let mut bottom = y + Canvas::axis_height();
    let mut dense = false;
    for panel in panels {
        bottom = canvas.panel(panel, bottom);
        for stream in &panel.streams {
            let rows: Vec<&[Placed]> = lanes.by_ref().take(stream.rows.len()).map(Vec::as_slice).collect();
            if rows.iter().all(|row| row.is_empty()) {
                continue; // it is drawn later
            }
            dense |= rows.iter().copied().flatten().any(|placed| is_dense(stream, placed));
            bottom = draw_stream(&mut canvas, stream, &rows, bottom, origin, part);
        }
        bottom += 10.0;
    }
    let mut page = canvas.finish(&layout.axis, y);
    bottom += 6.0;
    for line in lines(&legend(panels, part, &layout, dense)) {
        page.text("dim", MARGIN, bottom + 10.0, &line);
        bottom += 15.0;
    }
    let nanos = times.map_or(0, |(first, last)| last - first);
    Some(Drawn { page, bottom: bottom + 3.0, nanos, shows_bytes: !matches!(layout.scale, Scale::Flat(_)) })
}

/// The legend of the signs in this picture.
fn legend(panels: &[Panel<'_>], part: Part, layout: &Layout, dense: bool) -> Vec<String> {
    let streams = || panels.iter().flat_map(|panel| &panel.streams);
    let width = match layout.scale {
        Scale::Linear(_) => "The width of a mark is its number of bytes",
        Scale::Root(_) => "A mark with more bytes is wider",
        Scale::Flat(_) => "A mark is one call of any size",
    };
    let of = if streams().any(|stream| stream.messages.count() > 0) { "message" } else { "connection" };
    let held = |held: bool| {
        let holds = |outcome| {
            let unproven = [BarrierOutcome::WitnessedOnce, BarrierOutcome::NotVisible, BarrierOutcome::Abandoned];
            !unproven.contains(&outcome)
        };
        streams().flat_map(|stream| stream.barriers).any(|(_, outcome)| holds(*outcome) == held)
    };
    let ends = matches!(part, Part::Whole) && streams().any(|stream| stream.shutdown.or(stream.eof).is_some());
    let layered = streams().any(|stream| stream.messages.count() > 0 && stream.calls(RowKind::Records).is_some());
    let sentences = [
        (true, format!("{width}; the colour is the {of}.")),
        (layered, "Grey bytes are in no message: the handshake of TLS, and its close.".to_owned()),
        (dense, "Many messages: colours run from the first to the last.".to_owned()),
        (true, "Bands connect the same bytes.".to_owned()),
        (!layout.axis.linear, "Time is stretched where marks need space.".to_owned()),
        (layout.axis.restarts(), "A time with + counts from the last pause.".to_owned()),
        (held(true), "A green dot is a confirmed barrier.".to_owned()),
        (held(false), "An orange ring is a barrier without proof.".to_owned()),
        (ends, "A grey stroke is where a side closes.".to_owned()),
    ];
    sentences.into_iter().filter_map(|(is_there, sentence)| is_there.then_some(sentence)).collect()
}

/// Sentences, wrapped into lines.
fn lines(sentences: &[String]) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for sentence in sentences {
        match lines.last_mut() {
            Some(line) if line.len() + 1 + sentence.len() <= LINE => *line = format!("{line} {sentence}"),
            _ => lines.push(sentence.clone()),
        }
    }
    lines
}

fn draw_stream(canvas: &mut Canvas, stream: &Stream<'_>, rows: &[&[Placed]], y: f64, origin: u64, part: Part) -> f64 {
    canvas.above.text("dim", LEFT, y + 12.0, &stream.caption);
    let top = y + if stream.messages.count() > 0 { 38.0 } else { 20.0 };
    let y_of = |at: usize| (0..at).fold(top, |y, _| y + LANE + FLOW);
    canvas.block(top, y_of(stream.rows.len()) - FLOW);
    for (at, row) in stream.rows.iter().enumerate() {
        canvas.lane(row, y_of(at), LANE);
        if let Some(next) = rows.get(at + 1) {
            draw_flow(&mut canvas.above, rows[at], next, stream, (y_of(at) + LANE, FLOW));
        }
    }
    if let Some(first) = rows.first() {
        draw_brackets(&mut canvas.above, first, stream, top - 6.0);
    }
    for (at, row) in stream.rows.iter().enumerate() {
        for placed in rows[at] {
            draw_mark(&mut canvas.above, placed, row.kind, stream, (y_of(at), LANE), origin);
        }
        if row.kind == RowKind::Writes {
            draw_between(&mut canvas.above, rows[at], stream, part, y_of(at));
        }
        let end = match row.kind {
            RowKind::Writes => stream.shutdown.map(|t| (t, "end of what is sent")),
            RowKind::Reads => stream.eof.map(|t| (t, "end of file")),
            RowKind::Records | RowKind::Segments => None,
        };
        if let (Some((t, about)), Part::Whole) = (end, part) {
            let x = rows[at].last().map_or(LEFT, |last| last.x + last.width) + 4.0;
            let about = format!("{about}, at {}", time(t.saturating_sub(origin)));
            canvas.above.line("fin", [x.min(RIGHT), y_of(at) + 3.0, x.min(RIGHT), y_of(at) + LANE - 3.0], &about);
        }
    }
    y_of(stream.rows.len()) - FLOW + 12.0
}

/// Draws a line with the number of the message over the marks of each message, or over a mark of many messages with
/// their numbers.
fn draw_brackets(svg: &mut Svg, marks: &[Placed], stream: &Stream<'_>, y: f64) {
    let mut spans: BTreeMap<(u64, u64), (f64, f64)> = BTreeMap::new();
    for placed in marks {
        let mut add = |numbers, low, high| spans.entry(numbers).or_insert((low, high)).1 = high;
        if is_dense(stream, placed) {
            draw_strokes(svg, placed, stream, y);
            if let Some(numbers) = numbers(stream, placed) {
                add(numbers, placed.x, placed.x + placed.width);
            }
            continue;
        }
        for (number, from, to) in stream.messages.split(placed.mark.start, placed.mark.end) {
            if let Some(number) = number {
                add((number, number), placed.at(from), placed.at(to));
            }
        }
    }
    let mut free = f64::MIN;
    for ((first, last), (low, high)) in spans {
        if first == last {
            // The line continues over the gaps between the pieces.
            svg.rect(hue(Some(first), stream), [low, y, high - low, 2.5], "");
        }
        let short = if first == last { grouped(first) } else { format!("{}\u{2013}{}", grouped(first), grouped(last)) };
        let long = format!("{} {short}", if first == last { "message" } else { "messages" });
        let text = if fits(&long, high - low) { long } else { short };
        let half = text_width(&text) / 2.0;
        let middle = f64::midpoint(low, high);
        if middle - half >= free {
            svg.text("mid", middle, y - 4.0, &text);
            free = middle + half + 8.0;
        }
    }
}

/// Draws the events between writes: pauses as dotted lines, barriers as dots.
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
                BarrierOutcome::Read => ("yes", "the peer had read all bytes before"),
                BarrierOutcome::RecordRead => ("yes", "record read: the peer had taken it from its kernel"),
                BarrierOutcome::Witnessed => ("yes", "the witness saw that the peer had read all bytes before"),
                BarrierOutcome::RecordWitnessed => ("yes", "record read: the witness saw that the peer had taken it"),
                BarrierOutcome::WitnessedOnce => ("no", "read from a socket that may be the peer's"),
                BarrierOutcome::Acked => ("yes", "the peer's kernel had all bytes before"),
                BarrierOutcome::NotVisible => ("no", "acknowledged; not visible whether it was read"),
                BarrierOutcome::Abandoned => ("no", "the connection ended first"),
            };
            svg.dot(class, [placed.x + placed.width, y + LANE, 2.6], about);
        }
    }
}
