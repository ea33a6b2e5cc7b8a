//! The `--timeline` picture: when bytes were written, in which segments they went, when they were read.

mod axis;
mod canvas;
mod density;
mod detail;
mod lane;
mod scene;
mod svg;
mod tape;

use self::axis::time;
use self::canvas::MARGIN;
use self::scene::{Kind, Panel, Part};
use self::svg::Svg;
use self::tape::Tape;
use super::event::{Event, Sink, What};
use super::units::{counted, size};

/// Ends of connections that are kept; later ones are only counted.
const TAPES: usize = 16;
/// Connections that are drawn whole, and enlarged.
const PANELS: usize = 6;
const ENLARGED: usize = 2;

/// What a picture of a run needs to know of it, in room that does not grow with the run.
#[derive(Clone, Debug, Default)]
pub struct Timeline {
    tapes: Vec<Tape>,
    more: More,
}

/// Connections that are not drawn.
#[derive(Clone, Copy, Debug, Default)]
struct More {
    connections: u64,
    written: u64,
    read: u64,
}

impl Timeline {
    /// Nothing has happened yet.
    #[must_use]
    pub fn new() -> Timeline {
        Timeline::default()
    }

    /// Takes note of one event.
    pub fn note(&mut self, event: &Event) {
        if let Some(tape) = self.tapes.iter_mut().find(|tape| tape.conn == event.conn) {
            return tape.note(event.t, &event.what);
        }
        match &event.what {
            What::Open { side, local, peer } if self.tapes.len() < TAPES => {
                self.tapes.push(Tape::new(event.conn, *side, local, peer));
            }
            What::Open { .. } => self.more.connections += 1,
            What::Write { accepted, .. } => self.more.written += accepted,
            What::Read { len, .. } => self.more.read += len,
            _ => {}
        }
    }

    /// The picture as an SVG document: 1000 units wide, for light and dark, without scripts.
    #[must_use]
    pub fn render(&self) -> String {
        let mut panels = scene::panels(&self.tapes);
        let summary = summary(&panels);
        let hidden = panels.split_off(panels.len().min(PANELS));

        let mut page = Svg::default();
        page.text("title", MARGIN, 32.0, "How the bytes travelled");
        page.text("dim", MARGIN, 51.0, &summary);
        let mut y = 60.0;
        if panels.iter().flat_map(Panel::rows).next().is_some() {
            y = draw(&mut page, &panels, y);
        }
        if let Some(text) = self.left_out(&hidden) {
            page.text("", MARGIN, y + 14.0, &text);
            y += 20.0;
        }
        page.finish(y + 10.0, &format!("How the bytes travelled: {summary}"))
    }

    /// What is said of connections that are not drawn.
    fn left_out(&self, hidden: &[Panel<'_>]) -> Option<String> {
        let of = |kind: Kind| {
            hidden
                .iter()
                .flat_map(Panel::rows)
                .filter(move |row| row.kind == kind)
                .map(|row| row.lane.bytes())
                .sum::<u64>()
        };
        let connections = self.more.connections + hidden.len() as u64;
        let written = size(self.more.written + of(Kind::Writes));
        let read = size(self.more.read + of(Kind::Reads));
        (connections > 0).then(|| {
            format!("Not drawn: {} more, {written} written and {read} read.", counted(connections, "connection"))
        })
    }
}

impl Sink for Timeline {
    fn note(&mut self, event: &Event) {
        Timeline::note(self, event);
    }
}

/// Every mark where there is room; else all of them as columns, and the first ones enlarged.
fn draw(page: &mut Svg, panels: &[Panel<'_>], y: f64) -> f64 {
    if let Some((part, bottom)) = detail::draw(panels, Part::Whole, y, false) {
        page.append(part);
        return bottom;
    }
    let (part, mut bottom) = density::draw(panels, y);
    page.append(part);
    let enlarged = &panels[..panels.len().min(ENLARGED)];
    if let Some((until, part, end)) = enlarge(enlarged, bottom + 36.0) {
        page.text("title", MARGIN, bottom + 28.0, &format!("The first {}, enlarged", time(until)));
        page.append(part);
        bottom = end;
    }
    bottom
}

/// As many of the first marks as can be told apart, and how long they took.
fn enlarge(panels: &[Panel<'_>], y: f64) -> Option<(u64, Svg, f64)> {
    let heads = || panels.iter().flat_map(Panel::rows).map(|row| row.lane.head());
    let begin = heads().filter_map(|head| head.first()).map(|mark| mark.t0).min()?;
    let busiest = heads().max_by_key(|head| head.len())?;
    // Beyond the end of the shortest full head, something would be missing from its lane.
    let known =
        heads().filter(|head| head.len() == lane::HEAD).filter_map(|head| head.last()).map(|mark| mark.t0).min();
    (1..=busiest.len()).rev().find_map(|marks| {
        let until = busiest[marks - 1].t0.min(known.unwrap_or(u64::MAX));
        let (part, bottom) = detail::draw(panels, Part::Until(until), y, true)?;
        Some((until - begin, part, bottom))
    })
}

/// The run in one line.
fn summary(panels: &[Panel<'_>]) -> String {
    let sum = |kind: Kind| -> u64 {
        panels.iter().flat_map(Panel::rows).filter(|row| row.kind == kind).map(|row| row.lane.count()).sum()
    };
    let messages: u64 = panels.iter().flat_map(|panel| &panel.streams).map(|stream| stream.messages.count()).sum();
    let marks = || panels.iter().flat_map(Panel::rows).flat_map(|row| row.marks(Part::Whole));
    let begin = marks().map(|mark| mark.t0).min();
    let end = marks().map(|mark| mark.t1).max();
    let counts = [
        (messages, "message"),
        (sum(Kind::Writes), "write"),
        (sum(Kind::Segments), "segment"),
        (sum(Kind::Reads), "read"),
    ];
    let mut parts = vec![counted(panels.len() as u64, "connection")];
    parts.extend(counts.iter().filter(|(count, _)| *count > 0).map(|(count, noun)| counted(*count, noun)));
    let time = begin.zip(end).map_or_else(String::new, |(begin, end)| format!(", in {}", time(end - begin)));
    format!("{}{time}", parts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::samples::{bulk, coalesced, loopback, relay, typed};

    fn picture(events: &[Event]) -> String {
        let mut timeline = Timeline::new();
        events.iter().for_each(|event| timeline.note(event));
        timeline.render()
    }

    #[test]
    #[ignore]
    fn dump() {
        for (name, events) in [
            ("three", loopback(3, &[1, 5])),
            ("typed", typed(3, &[1, 5], 4_000_000_000)),
            ("thirty", loopback(30, &[])),
            ("thirtycut", loopback(30, &[1, 5])),
            ("many", loopback(3000, &[1, 5])),
            ("coalesced", coalesced()),
            ("relay", relay()),
            ("bulk", bulk(12)),
            ("bulkmany", bulk(4000)),
            ("empty", vec![]),
        ] {
            std::fs::write(format!("/tmp/tl/{name}.svg"), picture(&events)).unwrap();
        }
    }
}
