//! The map of a page: a cell for each offset where a message can be cut.

use std::fmt::Write;

use super::super::{Findings, Mark, Part, Stretch};
use crate::value::{counted, escape_xml};

/// The largest number of cells on a page.
const CELLS: usize = 10_000;
/// The cells of a row.
const ROW: usize = 32;
/// The cells at each end of a stretch that is not drawn whole, on a page that would have too many.
const ENDS: usize = 8;
/// From this number of parts on, those whose offsets are all the same are folded.
const MANY: usize = 12;

/// The maps of all parts.
pub(super) fn map(findings: &Findings) -> String {
    let Findings { subject, tally, .. } = *findings;
    let parts = subject.parts();
    let whole = parts.iter().map(|(_, length)| length).sum::<usize>() <= CELLS;
    let mut left = CELLS;
    let mut html = String::new();
    let mut folded = false;
    for (part, length) in &parts {
        let stretches = tally.stretches(*part, *length);
        let bytes = match part {
            Part::Message(number) => subject.messages.get(number - 1).map(Vec::as_slice),
            _ => None,
        };
        let fold = parts.len() >= MANY && stretches.iter().all(|stretch| stretch.mark == Some(Mark::Same));
        if fold != folded {
            html.push_str(if fold {
                "<details><summary>Parts whose offsets are all the same</summary>\n"
            } else {
                "</details>\n"
            });
            folded = fold;
        }
        Drawing { part: *part, length: *length, bytes, whole, left: &mut left, html: &mut html }.draw(&stretches);
    }
    if folded {
        html.push_str("</details>\n");
    }
    html
}

/// The map of one part.
struct Drawing<'a> {
    part: Part,
    length: usize,
    /// The bytes, where they are the same on each connection.
    bytes: Option<&'a [u8]>,
    /// Every offset has a cell.
    whole: bool,
    /// The cells that may still be drawn.
    left: &'a mut usize,
    html: &'a mut String,
}

impl Drawing<'_> {
    fn draw(&mut self, stretches: &[Stretch]) {
        let name = name(self.part);
        let summary = summary(stretches);
        let bytes = counted(self.length as u64, "byte");
        let _ = writeln!(self.html, "<div class=\"part\"><h3>{name} <span>{bytes}: {summary}</span></h3>");
        if stretches.iter().any(|stretch| stretch.mark.is_some()) && *self.left > 0 {
            let _ = writeln!(
                self.html,
                "<div class=\"map\" role=\"grid\" aria-readonly=\"true\" aria-label=\"Offsets of {name}: {summary}\">"
            );
            self.rows(stretches);
            self.html.push_str("</div>\n");
        }
        self.html.push_str("</div>\n");
    }

    fn rows(&mut self, stretches: &[Stretch]) {
        let mut row = Row::default();
        if let Some(&byte) = self.bytes.and_then(|bytes| bytes.first()) {
            row.begin(0, self.html);
            let (shown, name) = (escape_xml(&glyph(byte)), escape_xml(&byte_name(byte)));
            let label = format!("{}: begins with {name}", self::name(self.part));
            let _ = write!(self.html, "<i class=\"cell first\" role=\"gridcell\" aria-label=\"{label}\">{shown}</i>");
        }
        for Stretch { from, to, mark } in stretches {
            if *self.left == 0 {
                row.end(self.html);
                let rest = self.length - from;
                let _ = writeln!(self.html, "<p class=\"note\">{rest} more offsets are not drawn</p>");
                return;
            }
            if self.whole || to - from < 2 * ENDS + 1 {
                self.cells(*from, *to, *mark, &mut row);
                continue;
            }
            self.cells(*from, from + ENDS - 1, *mark, &mut row);
            row.end(self.html);
            row.begin(from + ENDS, self.html);
            let (first, last) = (from + ENDS, to - ENDS);
            let words = words(*mark);
            let _ = write!(
                self.html,
                "<i class=\"cell run {}\" role=\"gridcell\" tabindex=\"0\" aria-label=\"offsets {first} to {last}: {words}\">\
                 {first} to {last}: {words}</i>",
                class(*mark)
            );
            row.end(self.html);
            self.cells(last + 1, *to, *mark, &mut row);
        }
        row.end(self.html);
    }

    fn cells(&mut self, from: usize, to: usize, mark: Option<Mark>, row: &mut Row) {
        for offset in from..=to {
            if *self.left == 0 {
                return;
            }
            *self.left -= 1;
            if offset % ROW == 0 {
                row.end(self.html);
            }
            row.begin(offset, self.html);
            let (shown, between) = match self.bytes {
                Some(bytes) => {
                    let [before, after] = [offset - 1, offset].map(|at| byte_name(bytes[at]));
                    (glyph(bytes[offset]), format!(", between {before} and {after}"))
                }
                None => (String::new(), String::new()),
            };
            let (shown, between) = (escape_xml(&shown), escape_xml(&between));
            let _ = write!(
                self.html,
                "<i class=\"cell {}\" role=\"gridcell\" tabindex=\"0\" aria-label=\"offset {offset}{between}: {}\">{shown}</i>",
                class(mark),
                words(mark)
            );
        }
    }
}

/// Whether a row has begun.
#[derive(Default)]
struct Row(bool);

impl Row {
    fn begin(&mut self, offset: usize, html: &mut String) {
        if !std::mem::replace(&mut self.0, true) {
            let _ =
                write!(html, "<div class=\"row\" role=\"row\"><span class=\"at\" role=\"rowheader\">{offset}</span>");
        }
    }

    fn end(&mut self, html: &mut String) {
        if std::mem::take(&mut self.0) {
            html.push_str("</div>\n");
        }
    }
}

/// The meaning of the cells, for the legend.
pub(super) fn legend() -> String {
    let marks = [Some(Mark::Same), Some(Mark::Different), Some(Mark::NotProven), None];
    let item = |mark| format!("<li><i class=\"cell {}\" aria-hidden=\"true\">a</i>{}</li>", class(mark), words(mark));
    format!("<ul class=\"legend\">{}</ul>\n", marks.map(item).concat())
}

fn class(mark: Option<Mark>) -> &'static str {
    match mark {
        Some(Mark::Same) => "s",
        Some(Mark::Different) => "d",
        Some(Mark::NotProven) => "u",
        None => "n",
    }
}

fn words(mark: Option<Mark>) -> &'static str {
    match mark {
        Some(Mark::Same) => "same",
        Some(Mark::Different) => "different",
        Some(Mark::NotProven) => "not proven",
        None => "not tried",
    }
}

fn name(part: Part) -> String {
    match part {
        Part::Message(number) => format!("Message {number}"),
        part => part.to_string(),
    }
}

/// The number of offsets for each result.
fn summary(stretches: &[Stretch]) -> String {
    let marks = [Some(Mark::Different), Some(Mark::NotProven), Some(Mark::Same), None];
    let texts = marks.into_iter().filter_map(|mark| {
        let its = stretches.iter().filter(|stretch| stretch.mark == mark);
        let offsets: usize = its.map(|stretch| stretch.to + 1 - stretch.from).sum();
        (offsets > 0).then(|| format!("{offsets} {}", words(mark)))
    });
    let texts: Vec<_> = texts.collect();
    if texts.is_empty() { "no offset to cut at".to_owned() } else { texts.join(", ") }
}

/// A byte in a cell: at most two characters.
fn glyph(byte: u8) -> String {
    match byte {
        b'\r' => "\\r".to_owned(),
        b'\n' => "\\n".to_owned(),
        b'\t' => "\\t".to_owned(),
        b' ' => "\u{b7}".to_owned(),
        0x21..=0x7e => char::from(byte).to_string(),
        _ => format!("{byte:02x}"),
    }
}

/// A byte in a sentence.
fn byte_name(byte: u8) -> String {
    match byte {
        b' ' => "space".to_owned(),
        b'\r' => "CR".to_owned(),
        b'\n' => "LF".to_owned(),
        b'\t' => "TAB".to_owned(),
        0x21..=0x7e => char::from(byte).to_string(),
        _ => format!("\\x{byte:02x}"),
    }
}
