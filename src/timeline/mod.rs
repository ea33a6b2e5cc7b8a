//! The `--timeline` picture: when bytes were written, in which segments they were sent, and when they were
//! read. Pure: events go in (`tape`), conversations are made of them (`scene`) and drawn (`lanes`, `density`).

mod axis;
mod canvas;
mod density;
mod head;
mod labels;
mod ladder;
mod lane;
mod lanes;
mod marks;
mod observed;
mod scene;
mod svg;
mod tape;
mod texts;
mod waits;
mod wire;

use self::axis::time;
use self::canvas::MARGIN;
use self::head::Head;
use self::lanes::Drawn;
use self::scene::{Panel, Part, Row, RowKind};
use self::svg::Svg;
use self::tape::Tape;
use crate::trace::units::{counted, size, total};
use crate::trace::{Event, EventKind, Sink, Start};
use crate::value::View;

/// The largest number of connection ends that are kept; later ones are only counted.
const TAPES: usize = 16;
/// The largest number of conversations that are drawn as lanes, whole and enlarged.
const PANELS: usize = 6;
const ENLARGED: usize = 2;
/// The smallest number of marks in a lane of an enlarged part.
const FEWEST: usize = 5;
/// How much of the labels must be readable in the whole, so that no part is enlarged; and in an enlarged part.
const READABLE: f64 = 0.55;
const CLEAR: f64 = 0.75;

/// The data of a run for its picture, in bounded memory.
#[derive(Clone, Debug, Default)]
pub struct Timeline {
    start: Option<Start>,
    /// How the trace ends that is drawn; `None` for a run of this program.
    ending: Option<Ending>,
    tapes: Vec<Tape>,
    more: More,
}

/// How a trace ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Whole,
    Torn,
}

/// The connections that are not kept.
#[derive(Clone, Copy, Debug, Default)]
struct More {
    connections: u64,
    written: u64,
    read: u64,
}

impl Timeline {
    /// A timeline without events.
    #[must_use]
    pub fn new() -> Timeline {
        Timeline::default()
    }

    /// Takes the start of the run: its command line and its time.
    pub fn begin(&mut self, start: Start) {
        self.start = Some(start);
    }

    /// Takes one event.
    pub fn note(&mut self, event: &Event) {
        if let Some(tape) = self.tapes.iter_mut().find(|tape| tape.conn == event.conn) {
            return tape.note(event);
        }
        match &event.what {
            EventKind::Open { side, local, peer, made_for } if self.tapes.len() < TAPES => {
                self.tapes.push(Tape::new(event, *side, local, peer, *made_for));
            }
            // The second connection of a relay belongs to the first.
            EventKind::Open { made_for: None, .. } => self.more.connections += 1,
            EventKind::Write { accepted, .. } => self.more.written = self.more.written.saturating_add(*accepted),
            EventKind::Read { len, .. } => self.more.read = self.more.read.saturating_add(*len),
            _ => {}
        }
    }

    /// Takes the end of a trace, which may be within a line.
    pub fn end_trace(&mut self, is_torn: bool) {
        self.ending = Some(if is_torn { Ending::Torn } else { Ending::Whole });
    }

    /// What is missing at the end of the trace that is drawn.
    #[must_use]
    pub fn incomplete(&self) -> Option<&'static str> {
        match self.ending? {
            Ending::Torn => Some("the trace is incomplete: it ends within a line"),
            Ending::Whole if self.tapes.iter().any(|tape| tape.closed.is_none()) => {
                Some("the trace is incomplete: it ends before its connections are closed")
            }
            Ending::Whole => None,
        }
    }

    /// The picture as an SVG document: 1000 units wide, for light and dark, without scripts.
    #[must_use]
    pub fn render(&self, view: View) -> String {
        let mut panels = scene::panels(&self.tapes);
        let of = panels.len() as u64 + self.more.connections;
        let most = match view {
            View::Lanes => PANELS,
            View::Ladder => ladder::PANELS,
        };
        let hidden = panels.split_off(panels.len().min(most));
        let origin = panels.iter().map(|panel| panel.opened).min().unwrap_or(0);
        let summary = summary(&panels, origin);

        let mut page = Svg::default();
        let about = Head {
            start: self.start.as_ref(),
            drawn: panels.len() as u64,
            of,
            summary: &summary,
            warning: self.incomplete(),
        };
        let mut y = about.draw(&mut page);
        if panels.iter().flat_map(Panel::rows).any(|row| row.lane.count() > 0) {
            y = match view {
                View::Lanes => draw(&mut page, &panels, y, origin),
                View::Ladder => ladder::draw(&mut page, &panels, y, origin),
            };
        }
        if let Some(text) = self.left_out(&hidden) {
            page.text("", MARGIN, y + 16.0, &text);
            y += 22.0;
        }
        page.finish(y + 10.0, &format!("{}: {summary}", head::TITLE))
    }

    /// The note about connections that are not drawn.
    fn left_out(&self, hidden: &[Panel<'_>]) -> Option<String> {
        let connections = self.more.connections + hidden.len() as u64;
        let bytes = |more, kind| size(total(rows(hidden, kind).map(|row| row.lane.bytes()).chain([more])));
        let (written, read) = (bytes(self.more.written, RowKind::Writes), bytes(self.more.read, RowKind::Reads));
        (connections > 0).then(|| {
            format!("Not drawn: {}, {written} written and {read} read.", counted(connections, "more connection"))
        })
    }
}

impl Sink for Timeline {
    fn note(&mut self, event: &Event) {
        Timeline::note(self, event);
    }
}

/// Draws every mark if there is room, or else all marks as columns; and enlarges the first ones if the whole
/// does not show the bytes.
fn draw(page: &mut Svg, panels: &[Panel<'_>], y: f64, origin: u64) -> f64 {
    let mut bottom = if let Some(whole) = lanes::draw(panels, Part::Whole, y, origin) {
        page.append(&whole.page);
        if whole.legibility >= READABLE {
            return whole.bottom;
        }
        whole.bottom
    } else {
        let (columns, bottom) = density::draw(panels, y, origin);
        page.append(&columns);
        bottom
    };
    let enlarged = &panels[..panels.len().min(ENLARGED)];
    if let Some(first) = enlarge(enlarged, bottom + 34.0, origin) {
        page.text("title", MARGIN, bottom + 26.0, &format!("The first {}, enlarged", time(first.nanos)));
        page.append(&first.page);
        bottom = first.bottom;
    }
    bottom
}

/// As many of the first marks as can be drawn with most of their labels, up to the end of a message.
fn enlarge(panels: &[Panel<'_>], y: f64, origin: u64) -> Option<Drawn> {
    let streams = || panels.iter().flat_map(|panel| &panel.streams);
    let calls = |row: &&Row<'_>| row.kind != RowKind::Records; // records are drawn with their calls
    let rows = || streams().flat_map(|stream| stream.rows.iter().filter(calls).map(|row| (row, stream.messages)));
    let heads = || rows().map(|(row, messages)| (row.lane.head(), messages));
    // After the end of the shortest full head, marks would be missing from its lane.
    let full = heads().filter(|(head, _)| head.len() == lane::HEAD);
    let known = full.filter_map(|(head, _)| head.last()).map(|mark| mark.t0).min().unwrap_or(u64::MAX);
    // If several are equally busy, the topmost one, because the others continue its bytes.
    let (busiest, messages) = heads().reduce(|best, lane| if lane.0.len() > best.0.len() { lane } else { best })?;
    let starts: Vec<u64> =
        busiest.iter().skip(FEWEST).filter(|mark| messages.begins(mark.start)).map(|mark| mark.t0).collect();
    let mut ends = starts.iter().rev().map(|start| start.saturating_sub(1).min(known));
    ends.find_map(|until| lanes::draw(panels, Part::Until(until), y, origin).filter(|part| part.legibility >= CLEAR))
}

/// Sentences, wrapped into lines.
fn wrapped(sentences: &[String]) -> Vec<String> {
    let width = canvas::RIGHT - MARGIN;
    let mut lines: Vec<String> = Vec::new();
    for sentence in sentences {
        match lines.last_mut() {
            Some(line) if svg::text_width("dim", &format!("{line} {sentence}")) <= width => {
                *line = format!("{line} {sentence}");
            }
            _ => lines.push(sentence.clone()),
        }
    }
    lines
}

/// What is drawn, in one line.
fn summary(panels: &[Panel<'_>], origin: u64) -> String {
    let sum = |kind: RowKind| total(rows(panels, kind).map(|row| row.lane.count()));
    let messages = total(panels.iter().flat_map(|panel| &panel.streams).map(|stream| stream.messages.count()));
    let counts = [
        (messages, "message"),
        (sum(RowKind::Records), "record"),
        (sum(RowKind::Writes), "write"),
        (sum(RowKind::Segments), "segment"),
        (sum(RowKind::Reads), "read"),
    ];
    let parts = counts.iter().filter(|(count, _)| *count > 0).map(|(count, noun)| counted(*count, noun));
    let parts: Vec<String> = parts.collect();
    let end = panels.iter().flat_map(Panel::marks).map(|mark| mark.t1).max();
    match end {
        Some(end) => format!("{}, the last byte at {}", parts.join(", "), time(end.saturating_sub(origin))),
        None => "no byte was written or read".to_owned(),
    }
}

/// The sentence of a legend about the colours of bytes.
fn colour(panels: &[Panel<'_>]) -> String {
    let has_messages = panels.iter().flat_map(|panel| &panel.streams).any(|stream| stream.messages.count() > 0);
    format!("Its colour is the {}.", if has_messages { "message" } else { "connection" })
}

/// The lanes of one kind.
fn rows<'a>(panels: &'a [Panel<'a>], kind: RowKind) -> impl Iterator<Item = &'a Row<'a>> {
    panels.iter().flat_map(Panel::rows).filter(move |row| row.kind == kind)
}

#[cfg(test)]
mod tests;
