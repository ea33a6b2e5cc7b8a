//! Draws a mark and the bands to the next lane: the bytes of each message in its colour, or those of many messages as a
//! range of colours.

use super::axis::{pixels, time};
use super::density::ramp;
use super::lane::{Mark, Messages};
use super::scene::{Row, Stream};
use super::svg::Svg;
use crate::trace::units::counted;

/// The smallest height of a message in a mark, in pixels, so that messages are distinguishable.
const LOWEST: f64 = 2.5;
/// The size of one step of a range of colours, in pixels.
const STEP: f64 = 4.0;

/// A mark with its position: its time from left to right, its bytes from top to bottom.
#[derive(Clone, Copy, Debug)]
pub(super) struct Placed {
    pub(super) mark: Mark,
    pub(super) x0: f64,
    pub(super) x1: f64,
    pub(super) top: f64,
    pub(super) bottom: f64,
}

/// The paint of some bytes.
enum Paint {
    /// The colour of their message.
    Class(&'static str),
    /// A colour between those of the first and the last message.
    Fill(String),
}

impl Placed {
    /// The height of a byte of this mark.
    fn y(&self, offset: u64) -> f64 {
        self.top + (self.bottom - self.top) * self.share(offset)
    }

    /// The place of a byte of this mark at its edge, from left to right.
    fn x(&self, offset: u64) -> f64 {
        self.x0 + (self.x1 - self.x0) * self.share(offset)
    }

    fn share(&self, offset: u64) -> f64 {
        pixels(offset - self.mark.start) / pixels((self.mark.end - self.mark.start).max(1))
    }

    fn height(&self) -> f64 {
        self.bottom - self.top
    }
}

/// Draws a mark in the colours of its messages.
pub(super) fn draw_mark(svg: &mut Svg, placed: &Placed, row: &Row<'_>, stream: &Stream<'_>, origin: u64) {
    let mark = &placed.mark;
    let about = describe(placed, row, stream, origin);
    let paints = paints(stream, mark.start, mark.end, placed.height());
    let joins = paints.len() > 1;
    let width = placed.x1 - placed.x0;
    for (paint, from, to) in paints {
        let (y0, y1) = (placed.y(from), placed.y(to));
        let place = [placed.x0, y0, width, (y1 - y0).max(0.8)];
        match paint {
            Paint::Class(class) if mark.t0 < mark.t1 => svg.rect(&format!("span {class}"), place, &about),
            Paint::Class(class) => svg.rect(class, place, &about),
            Paint::Fill(fill) => svg.bar(&fill, place, &about),
        }
    }
    if joins {
        svg.rect("edge", [placed.x0 - 1.0, placed.top - 1.0, width + 2.0, placed.height() + 2.0], &about);
    }
}

/// Draws bands between the bytes in one lane and the same bytes in the next lane.
pub(super) fn draw_flow(svg: &mut Svg, upper: &[Placed], lower: &[Placed], stream: &Stream<'_>) {
    let mut lower = lower.iter().peekable();
    for from in upper {
        while let Some(to) = lower.peek() {
            let (start, end) = (from.mark.start.max(to.mark.start), from.mark.end.min(to.mark.end));
            if start < end {
                for (paint, start, end) in paints(stream, start, end, from.height().min(to.height())) {
                    let corners = [
                        (from.x(start), from.bottom),
                        (from.x(end).max(from.x(start) + 1.0), from.bottom),
                        (to.x(end).max(to.x(start) + 1.0), to.top),
                        (to.x(start), to.top),
                    ];
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

/// Whether a mark has too many messages to distinguish them.
pub(super) fn is_dense(stream: &Stream<'_>, placed: &Placed) -> bool {
    are_dense(stream, placed.mark.start, placed.mark.end, placed.height())
}

fn are_dense(stream: &Stream<'_>, start: u64, end: u64, height: f64) -> bool {
    if stream.messages.are_beyond(end) {
        return true;
    }
    let parts = stream.messages.split(start, end).len();
    parts > 1 && height < LOWEST * pixels(parts as u64)
}

/// The bytes from `start` to `end` in order, in runs of one colour.
fn paints(stream: &Stream<'_>, start: u64, end: u64, height: f64) -> Vec<(Paint, u64, u64)> {
    if !are_dense(stream, start, end, height) {
        let parts = stream.messages.split(start, end).into_iter();
        return parts.map(|(number, from, to)| (Paint::Class(hue(number, stream)), from, to)).collect();
    }
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // some pixels
    let steps = ((height / STEP) as u64).clamp(1, 16);
    let at =
        |step: u64| start + u64::try_from(u128::from(end - start) * u128::from(step) / u128::from(steps)).unwrap_or(0);
    let runs = (0..steps).map(|step| (at(step), at(step + 1))).filter(|(from, to)| from < to);
    let share = |offset| pixels(stream.messages.near(offset).unwrap_or(0)) / pixels(stream.messages.count().max(1));
    runs.map(|(from, to)| (Paint::Fill(ramp(share(from + (to - from) / 2))), from, to)).collect()
}

/// The tooltip of a mark.
pub(super) fn describe(placed: &Placed, row: &Row<'_>, stream: &Stream<'_>, origin: u64) -> String {
    let mark = &placed.mark;
    let noun = row.kind.noun();
    let what = if mark.count == 1 { noun.to_owned() } else { counted(mark.count, noun) };
    let of = match numbers(stream, placed) {
        None => String::new(),
        Some((first, last)) if first == last => format!(", message {first}"),
        Some((first, last)) => format!(", messages {first} to {last}"),
    };
    let at = |t: u64| time(t.saturating_sub(origin));
    let times = if mark.t0 == mark.t1 {
        format!("at {}", at(mark.t0))
    } else {
        format!("from {} to {}", at(mark.t0), at(mark.t1))
    };
    let text = row
        .text(mark.start, mark.end)
        .map_or_else(String::new, |text| format!(": \"{}\"{}", text.escaped, if text.is_whole { "" } else { "..." }));
    format!("{what}: {}, {} to {}{of}, {times}{text}", counted(mark.end - mark.start, "byte"), mark.start, mark.end)
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

/// The style class for the colour of a message, or of a connection without messages.
pub(super) fn hue(number: Option<u64>, stream: &Stream<'_>) -> &'static str {
    class_of(if stream.messages.count() == 0 { Some(stream.conn) } else { number })
}

/// The same for the byte at an offset.
pub(super) fn hue_of(conn: u64, messages: &Messages, offset: u64) -> &'static str {
    let number = messages.split(offset, offset + 1).first().and_then(|part| part.0);
    class_of(if messages.count() == 0 { Some(conn) } else { number })
}

fn class_of(number: Option<u64>) -> &'static str {
    const CLASSES: [&str; 8] = ["m0", "m1", "m2", "m3", "m4", "m5", "m6", "m7"];
    let Some(number) = number else { return "m" };
    CLASSES.iter().zip(0..).find(|(_, hue)| number.wrapping_sub(1) % 8 == *hue).map_or("m", |(class, _)| class)
}
