//! secretcat beside its peers, interleaved in one run, every answer checked: ratios with their spread.
//!
//! `cargo bench --bench compare -- [WORD…] [--runs N] [--congestion NAME]` runs the measurements whose
//! names contain a word. The load runs on core 0, what is measured on core 1; nothing is installed.
//!
//! `--congestion` measures over a loopback of its own, where every connection has that congestion
//! control. It matters: bbr paces with a timer a segment, which on a virtual machine is a call of the
//! host, and then that is most of what is measured.
#![allow(clippy::cast_precision_loss, clippy::format_push_string, reason = "figures are rounded, and printed")]

mod answers;
mod bare;
mod bulk;
mod load;
mod peers;
mod runs;
mod slopes;

use std::io::{self, Write};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_setaffinity};

type Measure = fn(&Bench) -> Outcome;
type Outcome = Result<(), Box<dyn std::error::Error>>;

fn main() -> Outcome {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    match &args[..] {
        [flag, addr] if flag == "--bare-splice" => return Ok(bare::splice_to(addr)?),
        [flag, addr] if flag == "--bare-answers" => return Ok(bare::answer_at(addr.parse()?)?),
        _ => {}
    }
    let place = |name: &str| args.iter().position(|arg| arg == name);
    let option = |name: &str| args.get(place(name)? + 1);
    if let (Some(at), Some(congestion)) = (place("--congestion"), option("--congestion")) {
        return on_a_loopback_of_its_own(congestion, args[..at].iter().chain(args.iter().skip(at + 2)));
    }
    build_what_ships()?;
    let words: Vec<&String> = args.iter().take_while(|arg| !arg.starts_with("--")).collect();
    let bench = Bench { runs: option("--runs").map_or(Ok(5), |runs| runs.parse())? };
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit })?;
    let mut core = CpuSet::new();
    core.set(0);
    sched_setaffinity(None, &core)?;
    let all: [(&str, Measure); 9] = [
        ("bulk", bulk::print),
        ("round-trips", answers::round_trips),
        ("visits", answers::visits),
        ("idle", answers::idle),
        ("beside", answers::beside_idle),
        ("threads", answers::threads),
        ("start", runs::start),
        ("delay", runs::delay),
        ("slopes", slopes::print),
    ];
    for (name, measure) in all {
        if words.is_empty() || words.iter().any(|word| name.contains(word.as_str())) {
            measure(&bench)?;
        }
    }
    Ok(())
}

/// Starts all anew in a network namespace that has nothing but a loopback (unshare(1), ip-route(8)).
/// It returns if that fails.
fn on_a_loopback_of_its_own<'a>(congestion: &str, args: impl Iterator<Item = &'a String>) -> Outcome {
    const SET_UP: &str = "ip link set lo up && for to in 127.0.0.0/8 127.0.0.1; do \
        ip route replace local $to dev lo table local proto kernel scope host src 127.0.0.1 congctl $0 || exit; \
        done && exec \"$@\"";
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--net", "sh", "-c", SET_UP, congestion]);
    Err(command.arg(std::env::current_exe()?).args(args).exec().into())
}

/// Builds the program anew where it is taken from. The one that cargo has just built for this
/// benchmark shares its crates with the dev-dependencies, and has what those ask of them as well: all
/// of regex's tables, for one. It is larger by an eighth than what ships, and slower to start.
fn build_what_ships() -> Outcome {
    let target_dir = Path::new(env!("CARGO_BIN_EXE_secretcat")).ancestors().nth(2).ok_or("no target directory")?;
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--release", "--locked", "--bin", "secretcat", "--target-dir"]).arg(target_dir);
    let status = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).status()?;
    if status.success() { Ok(()) } else { Err(format!("cargo build: {status}").into()) }
}

/// How often each figure is taken.
pub(crate) struct Bench {
    pub(crate) runs: usize,
}

/// One program's figures, a run each.
pub(crate) struct Row {
    name: String,
    figures: Vec<f64>,
}

pub(crate) fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

/// A line a program; ratios are taken run by run, the first row over the other.
pub(crate) fn table(title: &str, unit: &str, rows: &[Row]) {
    let mut out = format!("\n{title}\n");
    for row in rows {
        let ratios: Vec<f64> = rows[0].figures.iter().zip(&row.figures).map(|(ours, its)| ours / its).collect();
        let least = ratios.iter().copied().fold(f64::INFINITY, f64::min);
        let most = ratios.iter().copied().fold(0.0, f64::max);
        out += &format!(
            "  {:<28} {:>12.3} {unit:<10} ours/its {:>7.2}  [{least:.2} .. {most:.2}]\n",
            row.name,
            median(&row.figures),
            median(&ratios)
        );
    }
    // Somebody may have closed the pipe.
    let _ = io::stdout().write_all(out.as_bytes());
}

/// One row for each name, in the order they come.
pub(crate) fn note(rows: &mut Vec<Row>, name: &str, figure: f64) {
    match rows.iter_mut().find(|row| row.name == name) {
        Some(row) => row.figures.push(figure),
        None => rows.push(Row { name: name.to_owned(), figures: vec![figure] }),
    }
}
