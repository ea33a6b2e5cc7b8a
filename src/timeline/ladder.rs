//! The picture as on a blackboard: a line of life for each side, and an arrow for each write, to the read that took its
//! bytes. Rows are in the order of time.

use super::axis::{pixels, time};
use super::canvas::{MARGIN, RIGHT};
use super::lane::{Lane, Mark, Messages};
use super::marks::hue_of;
use super::scene::{Link, Panel};
use super::svg::{Svg, clip, text_width};
use super::tape::Tape;
use super::texts::Text;
use super::waits::{Cause, Wait};
use crate::trace::units::{counted, grouped, size, total};

/// The largest number of conversations that are drawn, and of rows of each.
pub(super) const PANELS: usize = 3;
const ROWS: usize = 120;
/// The lines of life of two sides, and of three.
const LINES: [f64; 3] = [200.0, 520.0, 840.0];
/// The right edge of times.
const TIMES: f64 = 100.0;
/// The height of a row, and of one that only says what is waited for.
const ROW: f64 = 34.0;
const LOW: f64 = 22.0;
/// The distance of the segments of a handshake.
const STEP: f64 = 28.0;
/// The shortest wait that has a row.
const SHORTEST: u64 = 1_000_000;
/// The largest width of the name of a side.
const NAME: f64 = 300.0;
/// Half the size of the mark of a call.
const CALL: f64 = 4.0;
/// The smallest distance in height between the ends of an arrow whose arrival was not seen.
const FALL: f64 = 9.0;

/// Something that happens at one side of a link.
#[derive(Clone, Debug)]
struct Moment<'a> {
    t: u64,
    link: usize,
    /// Whether it happens at the left side.
    is_left: bool,
    what: What<'a>,
}

#[derive(Clone, Debug)]
enum What<'a> {
    /// SYN, SYN+ACK and ACK, which were exchanged by then.
    Handshake,
    Write(Mark),
    Read(Mark),
    /// The end or the reset of what this side sends.
    End(&'static str),
    /// The peer's end or reset, when this side saw it.
    SeenEnd(&'static str),
    Wait(&'a Wait),
}

/// An arrow: where it begins, and its head.
struct Arrow {
    from: (f64, f64),
    to: (f64, f64),
    class: &'static str,
    /// Only one of its ends was seen.
    is_half: bool,
    /// Its label, which is drawn where it begins, or at its head.
    label: Vec<(&'static str, String)>,
}

/// Draws the conversations from `y` on, with times since `origin`; returns where they end.
pub(super) fn draw(page: &mut Svg, panels: &[Panel<'_>], y: f64, origin: u64) -> f64 {
    let mut bottom = y + 6.0;
    let mut is_part = false;
    for panel in panels {
        page.clipped("head", MARGIN, bottom + 17.0, &panel.title, RIGHT - MARGIN);
        bottom += 24.0;
        for note in &panel.notes {
            page.clipped("dim", MARGIN, bottom + 13.0, note, RIGHT - MARGIN);
            bottom += 17.0;
        }
        let ladder = Ladder::new(panel, origin);
        is_part |= ladder.part.is_some();
        if let Some(part) = &ladder.part {
            page.text("dim", MARGIN, bottom + 13.0, part);
            bottom += 17.0;
        }
        bottom = ladder.draw(page, bottom) + 16.0;
    }
    let unseen = if is_part { ", or its other end is not drawn" } else { "" };
    let legend = vec![
        "Rows are in the order of time, not to scale.".to_owned(),
        "An arrow is a write, with its bytes; a square on the line of the other side is a read.".to_owned(),
        super::colour(panels),
        format!("A dashed arrow was seen at one end only{unseen}."),
    ];
    for line in super::wrapped(&legend) {
        page.text("dim", MARGIN, bottom + 12.0, &line);
        bottom += 17.0;
    }
    bottom + 3.0
}

struct Ladder<'a> {
    panel: &'a Panel<'a>,
    /// The number of the connection, for the colour of bytes without messages.
    conn: u64,
    origin: u64,
    moments: Vec<Moment<'a>>,
    /// The height of each moment.
    rows: Vec<f64>,
    /// How much is drawn, if that is not all.
    part: Option<String>,
}

impl<'a> Ladder<'a> {
    fn new(panel: &'a Panel<'a>, origin: u64) -> Ladder<'a> {
        let mut moments: Vec<Moment<'a>> = Vec::new();
        for (link, ends) in panel.links.iter().enumerate() {
            let opened = [ends.left, ends.right].into_iter().flatten().map(|tape| tape.opened).min().unwrap_or(0);
            moments.push(Moment { t: opened, link, is_left: ends.left.is_some(), what: What::Handshake });
            for (tape, is_left) in [(ends.left, true), (ends.right, false)] {
                if let Some(tape) = tape {
                    moments.extend(of_tape(tape).into_iter().map(|(t, what)| Moment { t, link, is_left, what }));
                }
            }
        }
        // The order of equal times is that of the events.
        moments.sort_by_key(|moment| moment.t);
        let tapes = || panel.links.iter().flat_map(|link| [link.left, link.right]).flatten();
        let lanes = || tapes().flat_map(|tape| [&tape.writes, &tape.reads]);
        // After the first marks of a lane that are known, its calls would be missing.
        let known = lanes().filter(|lane| !lane.is_exact()).filter_map(|lane| lane.head().last());
        let until = known.map(|mark| mark.t0).min().unwrap_or(u64::MAX);
        let all = moments.len();
        moments.truncate(moments.partition_point(|moment| moment.t <= until).min(ROWS));
        let calls = |is_call: &dyn Fn(&What<'_>) -> bool| moments.iter().filter(|moment| is_call(&moment.what)).count();
        let of = |drawn: usize, total: u64, noun| format!("{} of {}", grouped(drawn as u64), counted(total, noun));
        let writes = total(tapes().map(|tape| tape.writes.count()));
        let reads = total(tapes().map(|tape| tape.reads.count()));
        let part = (moments.len() < all).then(|| {
            let writes = of(calls(&|what| matches!(what, What::Write(_))), writes, "write");
            let reads = of(calls(&|what| matches!(what, What::Read(_))), reads, "read");
            format!("The beginning is drawn: {writes}, {reads}.")
        });
        let conn = panel.streams.first().map_or(1, |stream| stream.conn);
        Ladder { panel, conn, origin, moments, rows: Vec::new(), part }
    }

    fn draw(mut self, page: &mut Svg, y: f64) -> f64 {
        let names = &self.panel.sides;
        for (at, name) in names.iter().enumerate() {
            page.text("mid", self.line(at), y + 16.0, &clip("", name, NAME));
        }
        let top = y + 22.0;
        let mut bottom = top + 22.0;
        for moment in &self.moments {
            self.rows.push(bottom);
            bottom += match moment.what {
                What::Handshake => 3.0 * STEP + 2.0,
                What::Wait(_) => LOW,
                _ => ROW,
            };
        }
        for at in 0..names.len() {
            page.line("life", [self.line(at), top, self.line(at), bottom], "");
        }
        let mut shown = String::new();
        for (moment, &y) in self.moments.iter().zip(&self.rows) {
            let text = time(moment.t.saturating_sub(self.origin));
            if text != shown {
                page.text("small end", TIMES, y + 4.0, &text);
                shown = text;
            }
        }
        for at in 0..self.moments.len() {
            self.draw_moment(page, at);
        }
        if let Some(part) = &self.part {
            page.text("", MARGIN, bottom + 16.0, part);
            bottom += 22.0;
        }
        bottom
    }

    /// The line of life of a side.
    fn line(&self, side: usize) -> f64 {
        if self.panel.sides.len() == 2 { [LINES[0], LINES[2]][side.min(1)] } else { LINES[side.min(2)] }
    }

    /// The line of the side where a moment happens, and of the other one.
    fn ends(&self, moment: &Moment<'_>) -> (f64, f64) {
        let (left, right) = (self.line(moment.link), self.line(moment.link + 1));
        if moment.is_left { (left, right) } else { (right, left) }
    }

    fn tape(&self, link: usize, is_left: bool) -> Option<&'a Tape> {
        let ends: &Link<'a> = &self.panel.links[link];
        if is_left { ends.left } else { ends.right }
    }

    fn draw_moment(&self, page: &mut Svg, at: usize) {
        let (moment, y) = (&self.moments[at], self.rows[at]);
        let (here, there) = self.ends(moment);
        let tape = self.tape(moment.link, moment.is_left);
        match &moment.what {
            What::Handshake => self.draw_handshake(page, moment, y),
            What::Write(mark) => {
                let Some(tape) = tape else { return };
                let arrivals = self.arrivals(moment, mark);
                let label = label(tape, Way::Out, mark);
                let class = hue_of(self.conn, Way::Out.messages(tape), mark.start);
                draw_call(page, here, y, class, &describe("write", mark, &self.since(mark.t0)));
                if arrivals.is_empty() {
                    arrow(page, &Arrow { from: (here, y), to: (there, y + FALL), class, is_half: true, label });
                    return;
                }
                let mut label = Some(label);
                for to in arrivals {
                    let label = label.take().unwrap_or_default();
                    arrow(page, &Arrow { from: (here, y), to: (there, to), class, is_half: false, label });
                }
            }
            What::Read(mark) => {
                let Some(tape) = tape else { return };
                let class = hue_of(self.conn, Way::In.messages(tape), mark.start);
                if self.tape(moment.link, !moment.is_left).is_none() {
                    let label = label(tape, Way::In, mark);
                    arrow(page, &Arrow { from: (there, y - FALL), to: (here, y), class, is_half: true, label });
                }
                draw_call(page, here, y, class, &describe("read", mark, &self.since(mark.t0)));
                outside(page, here, here > there, y + 4.0, "small", &format!("read {}", size(mark.end - mark.start)));
            }
            What::End(word) => {
                let seen = self.moments.iter().zip(&self.rows).find(|(other, _)| {
                    other.link == moment.link
                        && other.is_left != moment.is_left
                        && other.t >= moment.t
                        && matches!(other.what, What::SeenEnd(seen) if seen == *word)
                });
                let to = seen.map_or(y + FALL, |(_, y)| *y);
                let label = vec![("signal", (*word).to_owned())];
                arrow(
                    page,
                    &Arrow { from: (here, y), to: (there, to), class: "sign-fill", is_half: seen.is_none(), label },
                );
            }
            What::SeenEnd(word) => {
                if self.tape(moment.link, !moment.is_left).is_none() {
                    let label = vec![("signal", (*word).to_owned())];
                    let (from, to) = ((there, y - FALL), (here, y));
                    arrow(page, &Arrow { from, to, class: "sign-fill", is_half: true, label });
                }
                outside(page, here, here > there, y + 4.0, "small", "end read");
            }
            What::Wait(wait) => {
                let word = wait.words().into_iter().next().unwrap_or_default();
                outside(page, here, here > there, y + 4.0, "word", &word);
            }
        }
    }

    /// The three segments of a handshake, or the connection of a unix socket.
    fn draw_handshake(&self, page: &mut Svg, moment: &Moment<'_>, y: f64) {
        let (left, right) = (self.line(moment.link), self.line(moment.link + 1));
        let ends = [self.tape(moment.link, true), self.tape(moment.link, false)];
        let is_tcp = ends.into_iter().flatten().all(|tape| tape.is_tcp);
        let words: &[&str] = if is_tcp { &["SYN", "SYN+ACK", "ACK"] } else { &["connect"] };
        for (at, word) in words.iter().enumerate() {
            let y = y + STEP * pixels(at as u64);
            let (from, to) = if at == 1 { (right, left) } else { (left, right) };
            let label = vec![("signal", (*word).to_owned())];
            let (from, to) = ((from, y), (to, y + FALL));
            arrow(page, &Arrow { from, to, class: "sign-fill", is_half: false, label });
        }
    }

    /// The heights of the reads that took bytes of a write, without repetition.
    fn arrivals(&self, write: &Moment<'_>, mark: &Mark) -> Vec<f64> {
        let is_arrival = |moment: &Moment<'_>| match &moment.what {
            What::Read(read) => {
                moment.link == write.link
                    && moment.is_left != write.is_left
                    && read.start < mark.end
                    && read.end > mark.start
            }
            _ => false,
        };
        self.moments.iter().zip(&self.rows).filter(|(moment, _)| is_arrival(moment)).map(|(_, y)| *y).collect()
    }

    fn since(&self, t: u64) -> String {
        time(t.saturating_sub(self.origin))
    }
}

/// A direction of bytes, seen from the end that records them.
#[derive(Clone, Copy)]
enum Way {
    Out,
    In,
}

impl Way {
    fn messages(self, tape: &Tape) -> &Messages {
        match self {
            Way::Out => &tape.sent,
            Way::In => &tape.received,
        }
    }

    /// The bytes of a call, or the plaintext of its records.
    fn text(self, tape: &Tape, mark: &Mark) -> Option<Text> {
        let (wire, calls, plain) = match self {
            Way::Out => (&tape.wire_out, &tape.texts_out, &tape.texts_sent),
            Way::In => (&tape.wire_in, &tape.texts_in, &tape.texts_received),
        };
        if !wire.is_layered() {
            return calls.of(mark.start, mark.end);
        }
        let (start, end) = wire.plaintext_within(mark.start, mark.end)?;
        plain.of(start, end)
    }
}

/// The moments of one end.
fn of_tape(tape: &Tape) -> Vec<(u64, What<'_>)> {
    let first = |lane: &'_ Lane| -> Vec<Mark> {
        let marks = if lane.is_exact() { lane.marks() } else { lane.head() };
        marks.iter().take(ROWS).copied().collect()
    };
    let mut moments: Vec<(u64, What<'_>)> = Vec::new();
    moments.extend(first(&tape.writes).into_iter().map(|mark| (mark.t0, What::Write(mark))));
    moments.extend(first(&tape.reads).into_iter().map(|mark| (mark.t0, What::Read(mark))));
    let waits = tape.waits_out.iter().chain(tape.waits_in.iter());
    let is_drawn = |wait: &&Wait| {
        wait.cause == Cause::Delay || (wait.to - wait.from >= SHORTEST && !matches!(wait.cause, Cause::Barrier(_)))
    };
    moments.extend(waits.filter(is_drawn).map(|wait| (wait.from, What::Wait(wait))));
    let [fin, rst] = if tape.is_tcp { ["FIN", "RST"] } else { ["end", "end"] };
    moments.extend(tape.shutdown.map(|t| (t, What::End(fin))));
    // The close of TLS ends what is read before the FIN comes.
    let seen = if tape.is_layered() { "end" } else { fin };
    moments.extend(tape.eof.map(|t| (t, What::SeenEnd(seen))));
    if let Some(closed) = &tape.closed {
        if closed.reset {
            moments.push((closed.t, What::End(rst)));
        } else if closed.was_reset() {
            moments.push((closed.t, What::SeenEnd(rst)));
        }
    }
    moments
}

/// The bytes of a call, its size, and its message if it is cut.
fn label(tape: &Tape, way: Way, mark: &Mark) -> Vec<(&'static str, String)> {
    let text = way.text(tape, mark).filter(|text| text.is_readable).map(|text| ("code", text.dotted()));
    let mut about = size(mark.end - mark.start);
    let messages = way.messages(tape).split(mark.start, mark.end);
    let mut numbers: Vec<u64> = messages.iter().filter_map(|(number, ..)| *number).collect();
    numbers.dedup();
    match numbers[..] {
        [] => {}
        [one] => about = format!("{about}, message {one}"),
        [first, .., last] => about = format!("{about}, messages {first} to {last}"),
    }
    text.into_iter().chain([("small", about)]).collect()
}

fn draw_call(page: &mut Svg, x: f64, y: f64, class: &str, about: &str) {
    page.rect(class, [x - CALL, y - CALL, 2.0 * CALL, 2.0 * CALL], about);
}

fn describe(noun: &str, mark: &Mark, at: &str) -> String {
    format!("{noun}: {}, {} to {}, at {at}", counted(mark.end - mark.start, "byte"), mark.start, mark.end)
}

/// Draws words outside of a line of life.
fn outside(page: &mut Svg, x: f64, is_right: bool, y: f64, class: &str, text: &str) {
    let gap = CALL + 5.0;
    if is_right {
        page.clipped(class, x + gap, y, text, RIGHT - x - gap);
    } else {
        let text = clip(class, text, x - gap - TIMES - 2.0);
        page.text(&format!("{class} end"), x - gap, y, &text);
    }
}

/// Draws an arrow with its label above its beginning.
fn arrow(page: &mut Svg, arrow: &Arrow) {
    let ((x0, y0), (x1, y1)) = (arrow.from, arrow.to);
    let (dx, dy) = (x1 - x0, y1 - y0);
    let length = dx.hypot(dy).max(1.0);
    let (ux, uy) = (dx / length, dy / length);
    let class = arrow.class;
    let tip = (x1 - ux * CALL, y1 - uy * CALL);
    let neck = (tip.0 - ux * 11.0, tip.1 - uy * 11.0);
    let dash = if arrow.is_half { 9.0 } else { f64::INFINITY };
    let mut at = 0.0;
    let end = (length - CALL - 11.0).max(0.0);
    while at < end {
        let to = (at + dash * 0.6).min(end);
        page.stroke(class, [x0 + ux * at, y0 + uy * at, x0 + ux * to, y0 + uy * to], "");
        at = if dash.is_finite() { at + dash } else { end };
    }
    let wing = 5.0;
    page.path(class, &[tip, (neck.0 - uy * wing, neck.1 + ux * wing), (neck.0 + uy * wing, neck.1 - ux * wing)]);
    let width = (dx.abs() - 40.0).max(0.0);
    let mut room = width;
    let mut parts: Vec<(&'static str, String)> = Vec::new();
    for (class, text) in arrow.label.iter().rev() {
        let text = clip(class, text, room);
        room = (room - text_width(class, &text) - 8.0).max(0.0);
        parts.insert(0, (*class, text));
    }
    let whole: f64 = parts.iter().map(|(class, text)| text_width(class, text) + 8.0).sum::<f64>() - 8.0;
    let y = y0 - 4.0;
    let mut x = if dx > 0.0 { x0 + 16.0 } else { x0 - 16.0 - whole };
    for (class, text) in parts {
        page.text(&format!("{class} halo"), x, y, &text);
        x += text_width(class, &text) + 8.0;
    }
}
