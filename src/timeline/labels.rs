//! The labels of a lane: the bytes of each mark, and the words of signs and waits, where there is room for them.

use super::canvas::RIGHT;
use super::lane::Mark;
use super::marks::hue;
use super::scene::{Row, Stream};
use super::svg::{Svg, clip, text_width};
use crate::trace::units::{counted, grouped, size};

/// The largest number of messages of a mark whose bytes are labels.
const LINES: usize = 2;
/// The fewest characters of a label that is clipped.
const CLIPPED: f64 = 36.0;
/// The distance between a mark and its label.
pub(super) const GAP: f64 = 4.0;

/// One line of a label.
#[derive(Clone, Debug)]
pub(super) struct Line {
    class: &'static str,
    text: String,
    /// The colour of its message, if the label has several messages.
    hue: Option<&'static str>,
}

/// The label of a mark or of a sign.
#[derive(Clone, Debug, Default)]
pub(super) struct Label {
    lines: Vec<Line>,
    /// What is drawn if there is no room for the lines.
    short: String,
}

/// The width of a square in the colour of a message.
const SQUARE: f64 = 9.0;

impl Label {
    /// The bytes of a mark: its text, if it is readable, and its size.
    pub(super) fn of_mark(mark: &Mark, row: &Row<'_>, stream: &Stream<'_>) -> Label {
        let bytes = size(mark.end - mark.start);
        let plain = |text: String| Line { class: "small", text, hue: None };
        if mark.count > 1 {
            let times = format!("\u{d7}{}", grouped(mark.count));
            return Label { lines: vec![plain(times.clone()), plain(bytes)], short: times };
        }
        let parts = stream.messages.split(mark.start, mark.end);
        if parts.len() > LINES {
            let messages = counted(parts.iter().filter(|part| part.0.is_some()).count() as u64, "message");
            return Label { lines: vec![plain(messages), plain(bytes.clone())], short: bytes };
        }
        let text = |from, to| row.text(from, to).filter(|text| text.is_readable).map(|text| text.dotted());
        let several = parts.len() > 1;
        let mut lines: Vec<Line> = parts
            .iter()
            .filter_map(|(number, from, to)| {
                let hue = several.then(|| hue(*number, stream));
                let text = text(*from, *to).or_else(|| several.then(|| size(to - from)))?;
                Some(Line { class: "code", text, hue })
            })
            .collect();
        if lines.len() < LINES {
            // The room below is for the words of waits.
            lines.push(plain(bytes.clone()));
        }
        Label { lines, short: bytes }
    }

    /// The word of a sign.
    pub(super) fn of_sign(word: &str) -> Label {
        Label { lines: vec![Line { class: "signal", text: word.to_owned(), hue: None }], short: word.to_owned() }
    }

    /// How much of it can be read in this width, from 0 to 1.
    pub(super) fn legibility(&self, room: f64) -> f64 {
        if self.width() <= room {
            1.0
        } else if room >= CLIPPED {
            0.7
        } else if text_width("small", &self.short) <= room {
            0.4
        } else {
            0.0
        }
    }

    /// The width of the widest line.
    fn width(&self) -> f64 {
        self.lines.iter().map(Line::width).fold(0.0, f64::max)
    }

    /// Draws it right of `x1` with `room`, or else left of `x0` if `room_before` is enough for all of it. Returns its
    /// right edge, if that is right of the mark.
    pub(super) fn draw(&self, svg: &mut Svg, [x0, x1]: [f64; 2], y: f64, room: f64, room_before: f64) -> Option<f64> {
        let width = self.width();
        let x = x1 + GAP;
        if width > room && width <= room_before {
            self.lines_at(svg, x0 - GAP - width, y, width);
            return None;
        }
        if width <= room || room >= CLIPPED {
            self.lines_at(svg, x, y, room.min(width));
            return Some(x + room.min(width));
        }
        let is_sign = self.lines.first().is_some_and(|line| line.class == "signal");
        if !is_sign && text_width("small", &self.short) <= room {
            svg.text("small", x, y + 15.0, &self.short);
            return Some(x + text_width("small", &self.short));
        }
        None
    }

    fn lines_at(&self, svg: &mut Svg, x: f64, y: f64, width: f64) {
        let mut base = y + 14.0;
        for line in &self.lines {
            let mut from = x;
            if let Some(hue) = line.hue {
                svg.rect(hue, [from, base - 7.0, 6.0, 6.0], "");
                from += SQUARE;
            }
            // A pixel more, so that a text that has just its own width is not clipped.
            svg.text(line.class, from, base, &clip(line.class, &line.text, width - (from - x) + 1.0));
            base += 13.0;
        }
    }
}

impl Line {
    fn width(&self) -> f64 {
        text_width(self.class, &self.text) + if self.hue.is_some() { SQUARE } else { 0.0 }
    }
}

/// The room for a label between a mark and what follows it.
pub(super) fn room(x1: f64, next: Option<f64>) -> f64 {
    next.map_or(RIGHT - 2.0, |next| next - GAP) - x1 - GAP
}
