//! No stream loses bytes silently: one table of commands, inputs, peers and endings.
//!
//! `cargo test` runs cells that cover every pair of values of two columns. With `SECRETCAT_MATRIX=all` every cell runs,
//! and the table is printed.
#![allow(clippy::unwrap_used, clippy::missing_panics_doc, reason = "what is unexpected ends the test")]
#![allow(unreachable_pub, reason = "files shared between test binaries")]

#[path = "../support/mod.rs"]
mod support;

mod cell;
mod check;
mod contract;
mod conversation;
mod faults;
mod messages;
mod pairs;
mod programs;
mod stdio;
mod unreadable_stdin;
mod waiting;

use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use cell::{Cell, Peer};
use contract::{Expected, Unseen};
use stdio::Files;

/// The number of cells that run at once. Most of the time of a cell is the start of programs.
const AT_A_TIME: usize = 4;

/// What is added to the number of a cell that runs again: more than there are cells.
const OTHER_PORTS: u16 = 4000;

#[test]
fn every_cell_ends_as_the_contract_requires() {
    let mut cells: Vec<Cell> = Cell::all().filter(|cell| cell.left_out().is_none()).collect();
    let all = std::env::var_os("SECRETCAT_MATRIX").is_some_and(|value| value == "all");
    if !all {
        cells = pairs::covering(&cells);
    }
    // To run only some cells: parts of names, all of which a name must contain.
    if let Ok(only) = std::env::var("SECRETCAT_CELLS") {
        cells = Cell::all().filter(|cell| cell.left_out().is_none()).collect();
        cells.retain(|cell| only.split_whitespace().all(|part| cell.to_string().contains(part)));
    }
    let here: Vec<Peer> = Peer::ALL.iter().copied().filter(|peer| peer.is_here()).collect();
    cells.retain(|cell| here.contains(&cell.peer));
    let results = run_all(&cells);
    if all {
        print(&cells, &results).unwrap();
    }
    let wrong: Vec<String> = cells.iter().zip(&results).filter_map(|(cell, result)| failure(*cell, result)).collect();
    assert!(wrong.is_empty(), "{} of {} cells:\n{}", wrong.len(), cells.len(), wrong.join("\n"));
}

#[test]
fn undetectable_losses_are_the_listed_ones() {
    let mut cells: Vec<(Unseen, String)> = Vec::new();
    for cell in Cell::all().filter(|cell| cell.left_out().is_none()) {
        if let Expected::Unseen(why) = cell.expected() {
            cells.push((why, cell.to_string()));
        }
    }
    cells.sort();
    let mut list = String::new();
    for same in cells.chunk_by(|one, next| one.0 == next.0) {
        list = list + same[0].0.reason() + ":\n";
        list.extend(same.iter().map(|(_, name)| format!("  {name}\n")));
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cases/unseen.txt");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(path, &list).unwrap();
    }
    let listed = std::fs::read_to_string(path).unwrap_or_default();
    assert!(listed == list, "UPDATE=1 writes {path} anew, for you to judge");
}

type CellResult = Result<(), String>;

fn failure(cell: Cell, result: &CellResult) -> Option<String> {
    let wrong = result.as_ref().err()?;
    Some(format!("{cell}: {wrong}"))
}

/// Runs all cells, several at a time; their results in the same order.
fn run_all(cells: &[Cell]) -> Vec<CellResult> {
    let files = Files::new("streams");
    let next = AtomicUsize::new(0);
    let results: Mutex<Vec<CellResult>> = Mutex::new(vec![Err("did not run".to_owned()); cells.len()]);
    std::thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::SeqCst);
                    let Some(cell) = cells.get(number) else { break };
                    let run = || run(*cell, u16::try_from(number).unwrap(), &files);
                    let result =
                        catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_| Err("a panic, see above".into()));
                    results.lock().unwrap()[number] = result;
                }
            });
        }
    });
    results.into_inner().unwrap()
}

/// Runs one cell. Where only bytes of a program that may drop them are missing, it runs again. A fault of ours that is
/// not there each time could pass here, but not in the cells of the other programs.
fn run(cell: Cell, number: u16, files: &Files) -> CellResult {
    let first = conversation::run(cell, number, files);
    match first {
        Err(wrong) if cell.peer.drops_rest_of_write() && check::lacks_bytes(&wrong) => {
            let text = format!("again, because {} may have dropped bytes: {cell}: {wrong}\n", cell.peer);
            io::stderr().write_all(text.as_bytes()).unwrap();
            conversation::run(cell, number + OTHER_PORTS, files)
        }
        other => other,
    }
}

/// Prints the table: one line per cell with the required result, and whether it was met.
fn print(cells: &[Cell], results: &[CellResult]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for (cell, result) in cells.iter().zip(results) {
        let expected = match cell.expected() {
            Expected::Equal => "equal",
            Expected::Seen(_) => "seen",
            Expected::Unseen(_) => "unseen",
        };
        writeln!(out, "{} {expected:<6} {cell}", if result.is_ok() { "ok  " } else { "FAIL" })?;
    }
    out.flush()
}
