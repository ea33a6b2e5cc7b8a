//! The part of the picture for marks that cannot be drawn one by one: their number over time.

use super::axis::{Axis, pixels};
use super::canvas::{Canvas, END, LEFT, MARGIN, RIGHT, START};
use super::lane::Mark;
use super::scene::{Panel, Part, Row, RowKind, Stream};
use super::svg::Svg;
use crate::trace::units::{counted, grouped};

/// Columns in a lane.
const COLUMNS: u32 = 187;
/// The height of a lane, and of the space between two.
const LANE: f64 = 44.0;
const SPACE: f64 = 6.0;

/// The largest ratio between the counts of two lanes that are drawn to the same scale.
const VANISHES: f64 = 12.0;

/// The marks in one column of one lane.
#[derive(Clone, Copy, Debug, Default)]
struct Column {
    count: f64,
    /// The sum of the offsets of its marks, weighted by their counts.
    offsets: f64,
}

/// Draws the panels from `y` on, with times since `origin`; returns where they end.
pub(super) fn draw(panels: &[Panel<'_>], y: f64, origin: u64) -> (Svg, f64) {
    let axis = axis(panels);
    let mut canvas = Canvas::new(&axis);
    let mut bottom = y + Canvas::axis_height();
    for panel in panels {
        bottom = canvas.panel(panel, bottom);
        for stream in &panel.streams {
            bottom = draw_stream(&mut canvas, stream, &axis, bottom);
        }
        bottom += 12.0;
    }
    let mut page = canvas.finish(y, origin);
    let legend = [
        "A column counts the calls or segments of its time; lanes of one direction share a scale unless one would vanish.",
        "Colours run from the first message to the last:",
    ];
    for line in legend {
        page.text("dim", MARGIN, bottom + 14.0, line);
        bottom += 17.0;
    }
    for step in 0..36_u32 {
        let share = f64::from(step) / 35.0;
        page.bar(&ramp(share), [370.0 + f64::from(step) * 4.0, bottom - 12.0, 4.0, 10.0], "");
    }
    (page, bottom + 8.0)
}

/// The axis of all marks; the gap of a long pause is skipped.
fn axis(panels: &[Panel<'_>]) -> Axis {
    let mut times: Vec<u64> = panels.iter().flat_map(Panel::marks).flat_map(|mark| [mark.t0, mark.t1]).collect();
    times.extend(panels.iter().map(|panel| panel.opened));
    times.sort_unstable();
    times.dedup();
    // A gap is skipped only if it would take more than a third of the width.
    let all = times.first().zip(times.last()).map_or(0, |(first, last)| last - first);
    let is_long = |axis: &Axis| axis.breaks.iter().all(|gap| gap.nanos >= all / 3);
    Axis::candidates(&times, END - START, &|_, _| 0.0).into_iter().rev().find(is_long).unwrap_or_default()
}

fn draw_stream(canvas: &mut Canvas<'_>, stream: &Stream<'_>, axis: &Axis, y: f64) -> f64 {
    canvas.above.clipped("", LEFT, y + 14.0, &stream.caption, RIGHT - LEFT);
    let lanes: Vec<Vec<Column>> = stream.rows.iter().map(|row| columns(stream, row, axis)).collect();
    let peaks: Vec<f64> = lanes.iter().map(|lane| lane.iter().map(|column| column.count).fold(0.0, f64::max)).collect();
    let (least, most) = peaks.iter().fold((f64::MAX, 0.0), |(least, most), &peak| (peak.min(least), peak.max(most)));
    let shared = most <= VANISHES * least;
    let step = (END - START) / f64::from(COLUMNS);
    let mut top = y + 22.0;
    for ((row, columns), peak) in stream.rows.iter().zip(&lanes).zip(peaks) {
        let most = if shared { most } else { peak };
        canvas.lane(row, top, LANE);
        for (at, column) in (0_u32..).zip(columns) {
            if column.count > 0.0 {
                let height = ((LANE - 2.0) * column.count / most).max(1.0);
                let x = START + f64::from(at) * step;
                let (share, number) = message(stream, row, column.offsets / column.count);
                let number = number.map_or_else(String::new, |number| format!(", around message {}", grouped(number)));
                let about = format!("{}{number}", about(row, column.count));
                canvas.above.bar(&ramp(share), [x, top + LANE - height, step - 0.5, height], &about);
            }
        }
        top += LANE + SPACE;
    }
    canvas.block(y + 22.0, top - SPACE);
    top + 4.0
}

/// Distributes the marks of a lane over the columns, a joined mark evenly over its time.
fn columns(stream: &Stream<'_>, row: &Row<'_>, axis: &Axis) -> Vec<Column> {
    let number = COLUMNS as usize;
    let mut columns = vec![Column::default(); number];
    let step = (END - START) / f64::from(COLUMNS);
    for (mark, count) in row.marks(Part::Whole).iter().flat_map(|mark| parts(stream, row, *mark)) {
        let (from, to) = (axis.x(mark.t0) / step, axis.x(mark.t1) / step);
        let (first, last) = (index(from).min(number - 1), index(to).min(number - 1));
        let parts = pixels((last - first + 1) as u64);
        for (step, column) in (0_u32..).zip(&mut columns[first..=last]) {
            let count = count / parts;
            let share = (f64::from(step) + 0.5) / parts;
            column.count += count;
            column.offsets += count * (pixels(mark.start) + share * pixels(mark.end - mark.start));
        }
    }
    columns
}

/// A mark in parts, each with its share of the count. Segments that were counted late are distributed by their
/// bytes: none was sent before its write, and none arrived after its read.
fn parts(stream: &Stream<'_>, row: &Row<'_>, mark: Mark) -> Vec<(Mark, f64)> {
    let reads = stream.calls(RowKind::Reads).filter(|_| row.kind == RowKind::Segments && mark.count > 1);
    let writes = stream.calls(RowKind::Writes).unwrap_or_default();
    let bytes = pixels(mark.end.saturating_sub(mark.start));
    let mut parts: Vec<(Mark, f64)> = Vec::new();
    let mut start = mark.start;
    let first = reads.map_or(0, |reads| reads.partition_point(|read| read.end <= mark.start));
    for read in reads.unwrap_or_default().iter().skip(first) {
        let end = read.end.min(mark.end);
        if end <= start {
            break;
        }
        let written = writes.get(writes.partition_point(|write| write.end <= start)).map_or(0, |write| write.t0);
        let t0 = mark.t0.max(written).min(read.t1);
        let part = Mark { t0, t1: mark.t1.min(read.t1).max(t0), start, end, ..mark };
        parts.push((part, pixels(mark.count) * pixels(end - start) / bytes));
        start = end;
    }
    if start < mark.end || parts.is_empty() {
        let share = if parts.is_empty() { 1.0 } else { pixels(mark.end - start) / bytes };
        parts.push((Mark { start, ..mark }, pixels(mark.count) * share));
    }
    parts
}

/// The position of a byte in the order of messages, from 0 to 1, and its message; without messages, its
/// position in the stream.
fn message(stream: &Stream<'_>, row: &Row<'_>, offset: f64) -> (f64, Option<u64>) {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // an average of offsets, not negative
    let number = stream.messages.near(offset as u64);
    match number {
        Some(number) => (pixels(number) / pixels(stream.messages.count().max(1)), Some(number)),
        None => (offset / pixels(row.lane.bytes().max(1)), None),
    }
}

fn about(row: &Row<'_>, count: f64) -> String {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // a share of a count, not negative
    let count = count.round().max(1.0) as u64;
    counted(count, row.kind.noun())
}

/// The index of the column at this distance from the left, in columns.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // a place on the page
fn index(columns: f64) -> usize {
    columns.max(0.0) as usize
}

/// Colours from blue over violet and red to orange, with a brightness for light and dark backgrounds.
pub(super) fn ramp(share: f64) -> String {
    format!("hsl({:.0},62%,60%)", (212.0 + 180.0 * share.clamp(0.0, 1.0)) % 360.0)
}

#[cfg(test)]
mod tests {
    use super::super::scene::panels;
    use super::super::tape::Tape;
    use super::*;
    use crate::trace::{Event, EventKind, Side, TcpSample};

    /// Writes of a byte each that are read at once, and counted by the kernel long after.
    #[test]
    fn segments_counted_late_are_between_write_and_read() {
        const MICRO: u64 = 1_000;
        let tape = |conn, side, local: &str, peer: &str| {
            let open = EventKind::Open { side, local: local.into(), peer: peer.into(), made_for: None };
            Tape::new(&Event::new(0, conn, open), side, local, peer, None)
        };
        let mut ends = [tape(1, Side::Connect, "a", "b"), tape(2, Side::Listen, "b", "a")];
        for offset in 0..1_000 {
            let t = MICRO * (offset + offset / 500 * 4_000);
            ends[0].note(&Event::new(t, 1, EventKind::Write { offset, asked: 1, accepted: 1, pinned: false }));
        }
        for (half, t) in [(0, 1_000), (1, 6_000)] {
            ends[1].note(&Event::new(MICRO * t, 2, EventKind::Read { offset: 500 * half, len: 500 }));
        }
        let (data_segs_out, total_retrans, notsent_bytes) = (Some(1_000), Some(0), Some(0));
        let late = TcpSample { data_segs_out, total_retrans, notsent_bytes, ..TcpSample::default() };
        ends[0].note(&Event::new(MICRO * 20_000, 1, EventKind::Sample(late)));
        let panels = panels(&ends);
        let (axis, stream) = (axis(&panels), &panels[0].streams[0]);
        let [writes, segments, reads] = &stream.rows[..] else { panic!("{stream:?}") };
        let places = |row: &Row<'_>| -> Vec<usize> {
            let columns = columns(stream, row, &axis).into_iter().enumerate();
            columns.filter(|(_, column)| column.count > 0.0).map(|(at, _)| at).collect()
        };
        let (written, sent, read) = (places(writes), places(segments), places(reads));
        assert_eq!((sent.first(), sent.last()), (written.first(), read.last()));
        let pause = written.windows(2).find(|pair| pair[1] - pair[0] > 9).unwrap();
        assert!(!sent.iter().any(|at| read[0] < *at && *at < pause[1]), "{written:?} {sent:?} {read:?}");
        let counted: f64 = columns(stream, segments, &axis).iter().map(|column| column.count).sum();
        assert!((counted - 1_000.0).abs() < 0.1, "{counted}");
    }
}
