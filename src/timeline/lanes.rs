//! The part of the picture that shows every mark: when it was, its bytes, and what was waited for.

use std::collections::BTreeMap;

use super::axis::{Axis, pixels, time};
use super::canvas::{Canvas, END, LEFT, MARGIN, RIGHT, START};
use super::labels::{Label, room};
use super::lane::Mark;
use super::marks::{Placed, draw_flow, draw_mark, hue, is_dense, numbers};
use super::observed::Sign;
use super::scene::{Panel, Part, Row, RowKind, Stream};
use super::svg::{Svg, text_width};
use super::waits::{Cause, Wait, is_proven};
use crate::trace::units::{grouped, size};

/// The height of a lane, and of the space below it for the bands.
const LANE: f64 = 48.0;
const FLOW: f64 = 22.0;
/// The largest height of a mark, and the smallest.
const TALLEST: f64 = 42.0;
const LOWEST: f64 = 3.0;
/// The width of an instant.
const INSTANT: f64 = 4.0;
/// The largest number of marks in a lane that are drawn one by one.
const MOST: usize = 140;
/// The ratio of sizes up to which heights are in proportion.
const RATIO: u64 = 24;
/// What a gap that is cut out costs, as a part of the labels.
const COST: f64 = 0.02;
/// The line of the words of waits in a lane.
const WORDS: f64 = 39.0;
/// The shortest wait that is drawn, in pixels.
const SHORTEST: f64 = 6.0;

/// A part of the picture that shows every mark.
#[derive(Debug)]
pub(super) struct Drawn {
    pub(super) page: Svg,
    /// Its lower edge.
    pub(super) bottom: f64,
    /// The time from the start of the axis to its end, in nanoseconds.
    pub(super) nanos: u64,
    /// How much of the labels can be read, from 0 to 1.
    pub(super) legibility: f64,
}

/// The lanes with their times and labels, without positions.
struct Plan<'a> {
    lanes: Vec<PlannedLane<'a>>,
    times: Vec<u64>,
    heights: Heights,
}

struct PlannedLane<'a> {
    marks: Vec<Mark>,
    signs: Vec<Sign>,
    /// The marks and signs in the order of time: start, end, label.
    items: Vec<(u64, u64, Label)>,
    row: &'a Row<'a>,
}

/// The height of a mark by its bytes.
#[derive(Clone, Copy, Debug)]
struct Heights {
    most: u64,
    is_root: bool,
}

/// Draws the panels from `y` on, with times since `origin`; `None` if there are too many marks.
pub(super) fn draw(panels: &[Panel<'_>], part: Part, y: f64, origin: u64) -> Option<Drawn> {
    let plan = plan(panels, part)?;
    let (axis, legibility) = best_axis(&plan)?;
    let mut canvas = Canvas::new(&axis);
    let mut lanes = plan.lanes.iter();
    let mut bottom = y + Canvas::axis_height();
    let mut dense = false;
    for panel in panels {
        let of_panel: usize = panel.streams.iter().map(|stream| stream.rows.len()).sum();
        let is_later = lanes.clone().take(of_panel).all(|lane| lane.marks.is_empty());
        if matches!(part, Part::Until(_)) && is_later {
            lanes.by_ref().take(of_panel).for_each(drop);
            continue;
        }
        bottom = canvas.panel(panel, bottom);
        for stream in &panel.streams {
            let lanes: Vec<&PlannedLane<'_>> = lanes.by_ref().take(stream.rows.len()).collect();
            if lanes.iter().all(|lane| lane.marks.is_empty()) {
                continue; // it is drawn later
            }
            let drawing = Drawing { stream, part, origin, heights: plan.heights };
            bottom = drawing.draw(&mut canvas, &lanes, bottom, &mut dense);
        }
        bottom += 12.0;
    }
    let mut page = canvas.finish(y, origin);
    for line in super::wrapped(&legend(panels, part, &axis, plan.heights, dense)) {
        page.text("dim", MARGIN, bottom + 12.0, &line);
        bottom += 17.0;
    }
    let nanos = axis.times().map_or(0, |(_, last)| last.saturating_sub(origin));
    Some(Drawn { page, bottom: bottom + 3.0, nanos, legibility })
}

/// Collects what is drawn.
fn plan<'a>(panels: &'a [Panel<'a>], part: Part) -> Option<Plan<'a>> {
    let mut lanes = Vec::new();
    let mut times = Vec::new();
    for stream in panels.iter().flat_map(|panel| &panel.streams) {
        for row in &stream.rows {
            if matches!(part, Part::Whole) && (!row.lane.is_exact() || row.lane.marks().len() > MOST) {
                return None;
            }
            let marks = stream.marks(row, part).iter().map(|mark| stream.ended_by_reads(row, *mark));
            let marks: Vec<Mark> = marks.collect();
            let signs: Vec<Sign> = row.signs.iter().copied().filter(|sign| part.holds(sign.t)).collect();
            let of_marks = marks.iter().map(|mark| (mark.t0, mark.t1, Label::of_mark(mark, row, stream)));
            let of_signs = signs.iter().map(|sign| (sign.t, sign.t, Label::of_sign(sign.word)));
            let mut items: Vec<(u64, u64, Label)> = of_marks.chain(of_signs).collect();
            items.sort_by_key(|(t0, ..)| *t0);
            times.extend(items.iter().flat_map(|(t0, t1, _)| [*t0, *t1]));
            let waits = row.waits.iter().filter(|wait| part.holds(wait.to));
            times.extend(waits.filter(|wait| matches!(wait.cause, Cause::Barrier(_))).map(|wait| wait.to));
            lanes.push(PlannedLane { marks, signs, items, row });
        }
    }
    times.sort_unstable();
    times.dedup();
    let sizes = || lanes.iter().flat_map(|lane| &lane.marks).map(|mark| (mark.end - mark.start).max(1));
    let (least, most) = (sizes().min()?, sizes().max()?);
    let heights = Heights { most, is_root: most / least > RATIO };
    Some(Plan { lanes, times, heights })
}

/// The axis on which most labels can be read, and how much of them.
fn best_axis(plan: &Plan<'_>) -> Option<(Axis, f64)> {
    let labels: usize = plan.lanes.iter().map(|lane| lane.items.len()).sum();
    let legibility = |axis: &Axis| {
        let of_lane = |lane: &PlannedLane<'_>| -> f64 {
            let next = lane.items.iter().skip(1).map(|(t0, ..)| Some(START + axis.x(*t0))).chain([None]);
            let rooms = lane
                .items
                .iter()
                .zip(next)
                .map(|((_, t1, label), next)| label.legibility(room(START + axis.x(*t1) + INSTANT, next)));
            rooms.sum()
        };
        plan.lanes.iter().map(of_lane).sum::<f64>() / pixels(labels.max(1) as u64)
    };
    let waits = || plan.lanes.iter().flat_map(|lane| &lane.row.waits);
    let needs = |from: u64, to: u64| {
        // A wait may begin a moment after the call that begins the gap.
        let over = waits().filter(|wait| wait.to.min(to).saturating_sub(wait.from.max(from)) > (to - from) / 2);
        let words = over.filter_map(|wait| wait.words().into_iter().next());
        words.map(|word| text_width("word", &word) + 16.0).fold(0.0, f64::max)
    };
    let axes = Axis::candidates(&plan.times, END - START, &needs).into_iter();
    let rated = axes.map(|axis| {
        let legibility = legibility(&axis);
        let rating = legibility - COST * pixels(axis.breaks.len() as u64);
        (axis, legibility, rating)
    });
    // The first one of equal ones has the fewest gaps.
    let best = rated.reduce(|best, next| if next.2 > best.2 { next } else { best })?;
    Some((best.0, best.1))
}

impl Heights {
    fn of(self, bytes: u64) -> f64 {
        let share = pixels(bytes) / pixels(self.most);
        (TALLEST * if self.is_root { share.sqrt() } else { share }).max(LOWEST)
    }
}

/// What the drawing of a stream needs.
struct Drawing<'a> {
    stream: &'a Stream<'a>,
    part: Part,
    origin: u64,
    heights: Heights,
}

impl Drawing<'_> {
    fn draw(&self, canvas: &mut Canvas<'_>, lanes: &[&PlannedLane<'_>], y: f64, dense: &mut bool) -> f64 {
        let stream = self.stream;
        canvas.above.clipped("", LEFT, y + 14.0, &stream.caption, RIGHT - LEFT);
        let top = y + if stream.messages.count() > 0 { 42.0 } else { 22.0 };
        let mut y_of = Vec::new();
        let mut at = top;
        for lane in lanes {
            y_of.push(at);
            at += LANE + if lane.row.continues { FLOW } else { FLOW / 2.0 };
        }
        let bottom = y_of.last().map_or(top, |y| y + LANE);
        canvas.block(top, bottom);
        let placed: Vec<Vec<Placed>> = lanes.iter().zip(&y_of).map(|(lane, y)| self.place(canvas, lane, *y)).collect();
        *dense |= placed.iter().flatten().any(|placed| is_dense(stream, placed));
        for (at, lane) in lanes.iter().enumerate() {
            canvas.lane(lane.row, y_of[at], LANE);
            if let Some(next) = placed.get(at + 1).filter(|_| lane.row.continues) {
                draw_flow(&mut canvas.above, &placed[at], next, stream);
            }
        }
        if let Some(first) = placed.first() {
            draw_brackets(&mut canvas.above, first, stream, top - 6.0);
        }
        for (at, lane) in lanes.iter().enumerate() {
            for sign in &lane.signs {
                let x = canvas.x(sign.t) + INSTANT / 2.0;
                let about = format!("{}, at {}", sign.about, time(sign.t.saturating_sub(self.origin)));
                canvas.above.line("sign", [x, y_of[at] + 1.0, x, y_of[at] + LANE - 1.0], &about);
            }
            self.draw_waits(canvas, lane, y_of[at]);
            for placed in &placed[at] {
                draw_mark(&mut canvas.above, placed, lane.row, stream, self.origin);
            }
            if lane.marks.is_empty() && matches!(self.part, Part::Until(_)) {
                canvas.above.text("word", LEFT + 6.0, y_of[at] + 15.0, "after this part");
            } else {
                draw_labels(canvas, lane, y_of[at]);
            }
        }
        bottom + 12.0
    }

    fn place(&self, canvas: &Canvas<'_>, lane: &PlannedLane<'_>, y: f64) -> Vec<Placed> {
        let place = |mark: &Mark| {
            let x0 = canvas.x(mark.t0);
            let bottom = y + LANE - 1.0;
            let height = self.heights.of(mark.end - mark.start);
            Placed { mark: *mark, x0, x1: canvas.x(mark.t1).max(x0 + INSTANT), top: bottom - height, bottom }
        };
        lane.marks.iter().map(place).collect()
    }

    /// Draws the times of waiting: a dotted line with a word above it, and a dot at the end of a barrier.
    fn draw_waits(&self, canvas: &mut Canvas<'_>, lane: &PlannedLane<'_>, y: f64) {
        let base = y + LANE - 5.0;
        let last = lane.items.last().map_or(0, |(_, t1, _)| *t1);
        let place = |wait: &Wait| {
            let to = wait.to.min(last.max(wait.from));
            (canvas.x(wait.from) + INSTANT + 1.0, canvas.x(to) - 1.0)
        };
        let waits: Vec<(&Wait, f64, f64)> = lane
            .row
            .waits
            .iter()
            .filter(|wait| self.part.holds(wait.to))
            .map(|wait| (wait, place(wait).0, place(wait).1))
            .filter(|(_, from, to)| to - from >= SHORTEST)
            .collect();
        let marks: Vec<(f64, f64)> =
            lane.items.iter().map(|(t0, t1, _)| (canvas.x(*t0), canvas.x(*t1).max(canvas.x(*t0) + INSTANT))).collect();
        let mut free = LEFT;
        for (at, (wait, from, to)) in waits.iter().enumerate() {
            canvas.above.line("wait", [*from, base, *to, base], &wait.about());
            // The word may be longer than the line, if nothing else is there.
            let next = waits.get(at + 1).map_or(RIGHT, |(_, next, _)| *next - 2.0);
            let words: Vec<(f64, String)> =
                wait.words().into_iter().map(|word| (text_width("word", &word), word)).collect();
            // Within the line, a word is as long as it can be; elsewhere it has to be whole.
            let within =
                words.iter().map(|(width, word)| (*from, *width, word)).find(|(from, width, _)| from + width <= *to);
            let beyond =
                words.iter().map(|(width, word)| (*from, *width, word)).find(|(from, width, _)| from + width <= next);
            let before =
                words.iter().map(|(width, word)| (*to - *width, *width, word)).find(|(from, ..)| *from >= free);
            let is_clear = |x: f64, width: f64| !marks.iter().any(|(x0, x1)| *x1 > x && *x0 < x + width);
            let outside = before.or(beyond).filter(|(x, width, _)| is_clear(*x, *width));
            let place = within.or(outside).filter(|(x, ..)| *x >= free);
            if let Some((x, width, word)) = place {
                canvas.above.text("word halo", x, y + WORDS, word);
                free = x + width + 4.0;
            }
        }
        let mut dot = f64::MIN;
        for wait in lane.row.waits.iter().filter(|wait| self.part.holds(wait.to)) {
            if let Cause::Barrier(outcome) = wait.cause {
                let x = canvas.x(wait.to);
                if x - dot >= 8.0 {
                    let class = if is_proven(outcome) { "yes" } else { "no" };
                    canvas.above.dot(class, [x, base, 3.0], &wait.about());
                    dot = x;
                }
            }
        }
    }
}

fn draw_labels(canvas: &mut Canvas<'_>, lane: &PlannedLane<'_>, y: f64) {
    let mut free = LEFT;
    for (at, (t0, t1, label)) in lane.items.iter().enumerate() {
        let (x0, x1) = (canvas.x(*t0), canvas.x(*t1).max(canvas.x(*t0) + INSTANT));
        let next = lane.items.get(at + 1).map(|(t0, ..)| canvas.x(*t0));
        let end = label.draw(&mut canvas.above, [x0, x1], y, room(x1, next), x0 - 2.0 * super::labels::GAP - free);
        free = end.unwrap_or(x1);
    }
}

/// Draws a line with the number of the message over the marks of each message, or their numbers over a mark of several
/// messages.
fn draw_brackets(svg: &mut Svg, marks: &[Placed], stream: &Stream<'_>, y: f64) {
    let mut spans: BTreeMap<(u64, u64), (f64, f64)> = BTreeMap::new();
    for placed in marks {
        let mut add = |numbers| spans.entry(numbers).or_insert((placed.x0, placed.x1)).1 = placed.x1;
        if is_dense(stream, placed) {
            if let Some(numbers) = numbers(stream, placed) {
                add(numbers);
            }
            continue;
        }
        for (number, ..) in stream.messages.split(placed.mark.start, placed.mark.end) {
            if let Some(number) = number {
                add((number, number));
            }
        }
    }
    // Messages whose bytes are all in the same marks share their numbers.
    let mut joined: Vec<((u64, u64), (f64, f64))> = Vec::new();
    for ((first, last), place) in spans {
        match joined.last_mut() {
            Some((numbers, other)) if *other == place => numbers.1 = last,
            _ => joined.push(((first, last), place)),
        }
    }
    let mut free = f64::MIN;
    for ((first, last), (low, high)) in joined {
        let short = if first == last { grouped(first) } else { format!("{}\u{2013}{}", grouped(first), grouped(last)) };
        let long = format!("{} {short}", if first == last { "message" } else { "messages" });
        let room = RIGHT - low;
        let text = [long, short].into_iter().find(|text| text_width("small", text) <= room && low >= free);
        if let Some(text) = text {
            if first == last {
                svg.rect(hue(Some(first), stream), [low, y, high - low, 2.5], "");
            }
            svg.text("small", low, y - 4.0, &text);
            free = low + text_width("small", &text) + 8.0;
        } else if first == last {
            svg.rect(hue(Some(first), stream), [low, y, high - low, 2.5], "");
        }
    }
}

/// The legend of the signs in this picture.
fn legend(panels: &[Panel<'_>], part: Part, axis: &Axis, heights: Heights, dense: bool) -> Vec<String> {
    let streams = || panels.iter().flat_map(|panel| &panel.streams);
    let rows = || streams().flat_map(|stream| &stream.rows);
    let most = size(heights.most);
    let height = if heights.is_root {
        format!("Its height grows with the root of its bytes (full: {most}).")
    } else {
        format!("Its height is its number of bytes (full: {most}).")
    };
    let waits = || rows().flat_map(|row| &row.waits).filter(|wait| part.holds(wait.to));
    let has_barrier = |proven: bool| {
        waits().any(|wait| matches!(wait.cause, Cause::Barrier(outcome) if is_proven(outcome) == proven))
    };
    let has_many =
        rows().any(|row| row.kind == RowKind::Segments && row.lane.marks().iter().any(|mark| mark.count > 1));
    let has_signs = rows().flat_map(|row| &row.signs).any(|sign| part.holds(sign.t));
    let layered = streams().any(|stream| stream.messages.count() > 0 && stream.is_layered);
    let sentences = [
        (true, "A stroke is a call or segment at its time.".to_owned()),
        (true, height),
        (true, super::colour(panels)),
        (layered, "Grey bytes are in no message: the handshake of TLS, and its close.".to_owned()),
        (dense, "Many messages: colours run from the first to the last.".to_owned()),
        (true, "Bands connect the same bytes.".to_owned()),
        (has_many, "A wide mark with \u{d7} is a number of segments that were sent within that time.".to_owned()),
        (!axis.breaks.is_empty(), "Time is to scale except where it is skipped.".to_owned()),
        (has_barrier(true), "A green dot is a confirmed barrier.".to_owned()),
        (has_barrier(false), "An orange ring is a barrier without proof.".to_owned()),
        (has_signs, "Red lines are the start and the end of a side, when this program saw them.".to_owned()),
    ];
    sentences.into_iter().filter_map(|(is_there, sentence)| is_there.then_some(sentence)).collect()
}
