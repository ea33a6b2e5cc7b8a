//! What was measured: a row for each program, ratios run by run, and how sure those are.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::io::{self, Write as _};

use rand_core::Rng as _;
use rand_pcg::Pcg32;

/// Below this, with the whole interval, a figure counts as worse.
const WORSE: f64 = 0.95;
/// Samples that an interval is drawn from.
const SAMPLES: usize = 2000;

/// One program's figures, one for each run.
pub(crate) struct Row {
    name: String,
    figures: Vec<f64>,
}

/// Which of two figures is the better one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Better {
    Higher,
    Lower,
}

/// The tables that were printed, and which of their figures are worse than the old program's.
pub(crate) struct Figures {
    /// With two programs of ours, the name of the old one.
    old: Option<&'static str>,
    compared: RefCell<usize>,
    worse: RefCell<Vec<String>>,
}

impl Figures {
    pub(crate) fn new(old: Option<&'static str>) -> Self {
        Figures { old, compared: RefCell::default(), worse: RefCell::default() }
    }

    /// Prints a line for each program. Ratios are taken run by run, the first row's figure over the
    /// other's; the interval covers their median with a probability of 95 %.
    pub(crate) fn table(&self, title: &str, unit: &str, better: Better, rows: &[Row]) {
        let Some(first) = rows.first() else { return };
        let mut out = format!("\n{title}\n");
        for row in rows {
            let ratios: Vec<f64> = first.figures.iter().zip(&row.figures).map(|(ours, its)| ours / its).collect();
            let (low, high) = interval(&ratios);
            let _ = write!(
                out,
                "  {:<28} {:>12.3} {unit:<10} ours/its {:>7.2}  [{low:.2} .. {high:.2}]",
                row.name,
                median(&row.figures),
                median(&ratios)
            );
            if self.old.is_some_and(|old| old == row.name) {
                let gain = if better == Better::Higher { high } else { 1.0 / low };
                *self.compared.borrow_mut() += 1;
                if gain < WORSE {
                    self.worse.borrow_mut().push(title.to_owned());
                }
                out += if gain < WORSE { "  WORSE" } else { "  not worse" };
            }
            out.push('\n');
        }
        print(&out);
    }

    /// Prints which figures are worse than those of the old program.
    pub(crate) fn verdict(&self) {
        if self.old.is_none() {
            return;
        }
        let worse = self.worse.borrow();
        let mut out =
            format!("\n{} of {} figures are worse than the old program's", worse.len(), self.compared.borrow());
        for title in worse.iter() {
            out += &format!("\n  {title}");
        }
        print(&(out + "\n"));
    }
}

/// Prints text that ends with a newline. Somebody may have closed the pipe.
pub(crate) fn print(text: &str) {
    let _ = io::stdout().write_all(text.as_bytes());
}

pub(crate) fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The 95 % interval of the median, by the bootstrap: of samples drawn with replacement, always the
/// same ones, 95 % have their median in it.
fn interval(figures: &[f64]) -> (f64, f64) {
    let mut random = Pcg32::new(1, 1);
    let mut sample = vec![0.0; figures.len()];
    let mut medians: Vec<f64> = (0..SAMPLES)
        .map(|_| {
            for drawn in &mut sample {
                *drawn = figures[random.next_u32() as usize % figures.len()];
            }
            median(&sample)
        })
        .collect();
    medians.sort_by(f64::total_cmp);
    (medians[SAMPLES / 40], medians[SAMPLES - 1 - SAMPLES / 40])
}

/// One row for each name, in the order they come.
pub(crate) fn note(rows: &mut Vec<Row>, name: &str, figure: f64) {
    match rows.iter_mut().find(|row| row.name == name) {
        Some(row) => row.figures.push(figure),
        None => rows.push(Row { name: name.to_owned(), figures: vec![figure] }),
    }
}
