//! Draws a mark and the bands to the next lane: the bytes of each message in its colour, or those of many messages as a
//! range of colours.

use super::axis::{pixels, time};
use super::density::ramp;
use super::layout::Placed;
use super::scene::{RowKind, Stream};
use super::svg::{Svg, text_width};
use crate::trace::units::{counted, grouped};

/// The smallest width of a message in a mark, in pixels, so that messages are distinguishable.
const NARROWEST: f64 = 2.5;
/// The width of one step of a range of colours, in pixels.
const STEP: f64 = 4.0;

/// The paint of some bytes.
enum Paint {
    /// The colour of their message.
    Class(&'static str),
    /// A colour between those of the first and the last message.
    Fill(String),
}

/// Draws a mark in the colours of its messages, with the number of bytes if there is space.
pub(super) fn draw_mark(
    svg: &mut Svg,
    placed: &Placed,
    kind: RowKind,
    stream: &Stream<'_>,
    (y, height): (f64, f64),
    origin: u64,
) {
    let mark = &placed.mark;
    let about = describe(placed, kind, stream, origin);
    let paints = paints(stream, mark.start, mark.end, placed.width);
    let edge = paints.len() > 1 && !is_dense(stream, placed);
    for (paint, from, to) in paints {
        let (x0, x1) = (placed.at(from), placed.at(to));
        let place = [x0, y + 1.0, (x1 - x0).max(0.8), height - 2.0];
        match paint {
            Paint::Class(class) => svg.rect(class, place, &about),
            Paint::Fill(fill) => svg.bar(&fill, closed(place, placed), &about),
        }
    }
    if mark.count > 1 && placed.width / pixels(mark.count) >= 3.0 {
        let middle = placed.x + placed.width / 2.0;
        let label = several(placed).map_or(0.0, |text| text_width(&text) / 2.0 + 2.0);
        for cell in 1..mark.count {
            let x = placed.x + placed.width * pixels(cell) / pixels(mark.count);
            if (x - middle).abs() >= label {
                svg.line("seam", [x, y + 1.0, x, y + height - 1.0], "");
            }
        }
    }
    if edge {
        svg.rect("edge", [placed.x, y + 1.0, placed.width, height - 2.0], "");
    }
    label_mark(svg, placed, stream, y + height / 2.0 + 3.6);
}

/// Labels a mark with the bytes of each message, if there is space, and the number of segments if it represents
/// several.
fn label_mark(svg: &mut Svg, placed: &Placed, stream: &Stream<'_>, base: f64) {
    let mark = &placed.mark;
    if mark.count > 1 {
        if let Some(text) = several(placed) {
            svg.text("on", placed.x + placed.width / 2.0, base, &text);
        }
        return;
    }
    let parts = if is_dense(stream, placed) {
        vec![(None, mark.start, mark.end)]
    } else {
        stream.messages.split(mark.start, mark.end)
    };
    for (_, from, to) in parts {
        let (text, x0, x1) = (grouped(to - from), placed.at(from), placed.at(to));
        if fits(&text, x1 - x0) {
            svg.text("on", f64::midpoint(x0, x1), base, &text);
        }
    }
}

/// The number of segments that a mark represents, if there is space for it.
fn several(placed: &Placed) -> Option<String> {
    let text = format!("\u{d7}{}", grouped(placed.mark.count));
    fits(&text, placed.width).then_some(text)
}

/// Draws bands between the bytes in one lane and the same bytes in the next lane.
pub(super) fn draw_flow(
    svg: &mut Svg,
    upper: &[Placed],
    lower: &[Placed],
    stream: &Stream<'_>,
    (y, height): (f64, f64),
) {
    let mut lower = lower.iter().peekable();
    for from in upper {
        while let Some(to) = lower.peek() {
            let (start, end) = (from.mark.start.max(to.mark.start), from.mark.end.min(to.mark.end));
            if start < end {
                let width = (from.at(end) - from.at(start)).max(to.at(end) - to.at(start));
                for (paint, start, end) in paints(stream, start, end, width) {
                    let corners =
                        [(from.at(start), y), (from.at(end), y), (to.at(end), y + height), (to.at(start), y + height)];
                    match paint {
                        Paint::Class(class) => svg.path(&format!("flow {class}"), &corners),
                        Paint::Fill(fill) => svg.band("flow", &fill, &corners),
                    }
                }
            }
            if to.mark.end > from.mark.end {
                break;
            }
            lower.next();
        }
    }
}

/// Draws thin strokes over a mark in its colours.
pub(super) fn draw_strokes(svg: &mut Svg, placed: &Placed, stream: &Stream<'_>, y: f64) {
    for (paint, from, to) in paints(stream, placed.mark.start, placed.mark.end, placed.width) {
        let place = [placed.at(from), y, placed.at(to) - placed.at(from), 2.5];
        match paint {
            Paint::Class(class) => svg.rect(class, place, ""),
            Paint::Fill(fill) => svg.bar(&fill, closed(place, placed), ""),
        }
    }
}

/// A step of a range of colours, slightly wider, so that there is no gap to the next step.
fn closed([x, y, width, height]: [f64; 4], placed: &Placed) -> [f64; 4] {
    [x, y, (width + 0.6).min(placed.x + placed.width - x), height]
}

/// Whether a mark has too many messages to distinguish them.
pub(super) fn is_dense(stream: &Stream<'_>, placed: &Placed) -> bool {
    are_dense(stream, placed.mark.start, placed.mark.end, placed.width)
}

fn are_dense(stream: &Stream<'_>, start: u64, end: u64, width: f64) -> bool {
    if stream.messages.are_beyond(end) {
        return true;
    }
    let parts = stream.messages.split(start, end).len();
    parts > 1 && width < NARROWEST * pixels(parts as u64)
}

/// The bytes from `start` to `end` in order, in runs of one colour.
fn paints(stream: &Stream<'_>, start: u64, end: u64, width: f64) -> Vec<(Paint, u64, u64)> {
    if !are_dense(stream, start, end, width) {
        let parts = stream.messages.split(start, end).into_iter();
        return parts.map(|(number, from, to)| (Paint::Class(hue(number, stream)), from, to)).collect();
    }
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // some pixels
    let steps = ((width / STEP) as u64).clamp(1, 96);
    let at =
        |step: u64| start + u64::try_from(u128::from(end - start) * u128::from(step) / u128::from(steps)).unwrap_or(0);
    let runs = (0..steps).map(|step| (at(step), at(step + 1))).filter(|(from, to)| from < to);
    let share = |offset| pixels(stream.messages.near(offset).unwrap_or(0)) / pixels(stream.messages.count().max(1));
    runs.map(|(from, to)| (Paint::Fill(ramp(share(from + (to - from) / 2))), from, to)).collect()
}

/// The tooltip of a mark.
fn describe(placed: &Placed, kind: RowKind, stream: &Stream<'_>, origin: u64) -> String {
    let mark = &placed.mark;
    let what = if mark.count == 1 { kind.noun().to_owned() } else { counted(mark.count, kind.noun()) };
    let of = match numbers(stream, placed) {
        None => String::new(),
        Some((first, last)) if first == last => format!(", message {first}"),
        Some((first, last)) => format!(", messages {first} to {last}"),
    };
    let at = time(mark.t0.saturating_sub(origin));
    format!("{what}: {}, {} to {}{of}, at {at}", counted(mark.end - mark.start, "byte"), mark.start, mark.end)
}

/// The first and the last message of a mark.
pub(super) fn numbers(stream: &Stream<'_>, placed: &Placed) -> Option<(u64, u64)> {
    let mark = &placed.mark;
    if is_dense(stream, placed) {
        return stream.messages.near(mark.start).zip(stream.messages.near(mark.end.saturating_sub(1)));
    }
    let parts = stream.messages.split(mark.start, mark.end);
    let mut numbers = parts.iter().filter_map(|part| part.0);
    let first = numbers.next()?;
    Some((first, numbers.next_back().unwrap_or(first)))
}

pub(super) fn fits(text: &str, width: f64) -> bool {
    text_width(text) + 0.4 <= width
}

/// The style class for the colour of a message, or of a connection without messages.
pub(super) fn hue(number: Option<u64>, stream: &Stream<'_>) -> &'static str {
    const CLASSES: [&str; 8] = ["m0", "m1", "m2", "m3", "m4", "m5", "m6", "m7"];
    let number = if stream.messages.count() == 0 { Some(stream.conn) } else { number };
    let Some(number) = number else { return "m" };
    CLASSES.iter().zip(0..).find(|(_, hue)| number.wrapping_sub(1) % 8 == *hue).map_or("m", |(class, _)| class)
}
