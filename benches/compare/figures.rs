//! The results: a row for each program, the ratios of each run, and their confidence intervals.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::io::{self, Write as _};

use rand_core::Rng as _;
use rand_pcg::Pcg32;

/// A figure counts as worse if its whole interval is below this.
const WORSE: f64 = 0.97;
/// The number of bootstrap samples.
const SAMPLES: usize = 2000;

/// One program's figures, one for each run.
pub(crate) struct Row {
    name: String,
    figures: Vec<f64>,
}

/// Whether larger or smaller figures are better.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Better {
    Higher,
    Lower,
}

/// The printed tables, and the figures that are worse than those of the old program.
pub(crate) struct Figures {
    /// The name of the old program, if two versions are compared.
    old: Option<&'static str>,
    compared: RefCell<usize>,
    worse: RefCell<Vec<String>>,
}

impl Figures {
    pub(crate) fn new(old: Option<&'static str>) -> Self {
        Figures { old, compared: RefCell::default(), worse: RefCell::default() }
    }

    /// Prints a line for each program. The ratio of each run is the figure of the first row over that of the other row;
    /// the interval contains their median with a probability of 95 %.
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

/// Prints text that ends with a newline. stdout may be a closed pipe.
pub(crate) fn print(text: &str) {
    let _ = io::stdout().write_all(text.as_bytes());
}

pub(crate) fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The 95 % interval of the median, by the bootstrap: 95 % of the samples, drawn with replacement from a fixed seed,
/// have their median in it.
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

/// Adds a figure to the row with this name.
pub(crate) fn note(rows: &mut Vec<Row>, name: &str, figure: f64) {
    match rows.iter_mut().find(|row| row.name == name) {
        Some(row) => row.figures.push(figure),
        None => rows.push(Row { name: name.to_owned(), figures: vec![figure] }),
    }
}
