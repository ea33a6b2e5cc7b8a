//! secretcat beside its peers, interleaved in one run, every answer checked: ratios with their spread.
//!
//! `cargo bench --bench compare -- [WORD…] [--runs N] [--congestion NAME]` runs the measurements whose
//! names contain a word. The load runs on core 0, what is measured on core 1; nothing is installed.
//! Printed is the middle of the ratios of all runs, with its 95 % interval.
//!
//! `--old PATH` compares with an older secretcat instead of with its peers, in 15 runs or more. A
//! figure is worse where the whole interval is below 0.95 of the old one.
//!
//! `--congestion` measures over a loopback of its own, where every connection has that congestion
//! control. It matters: bbr paces with a timer a segment, which on a virtual machine is a call of the
//! host, and then that is most of what is measured.
#![allow(clippy::cast_precision_loss, clippy::format_push_string, reason = "figures are rounded, and printed")]

mod answers;
mod bare;
mod bare_relay;
mod bulk;
mod figures;
mod load;
mod peers;
mod relay;
mod runs;
mod slopes;

use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use figures::Figures;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_setaffinity};

/// The name of the program that ours is compared with.
const OLD: &str = "secretcat, the old one";
/// Runs where an old program is compared: fewer prove little on a machine that others use as well.
const PAIRS: usize = 15;

type Measure = fn(&Bench) -> Outcome;
type Outcome = Result<(), Box<dyn std::error::Error>>;

fn main() -> Outcome {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    match &args[..] {
        [flag, addr] if flag == "--bare-splice" => return Ok(bare::splice_to(addr)?),
        [flag, addr] if flag == "--bare-answers" => return Ok(bare::answer_at(addr.parse()?)?),
        [flag, at, to] if flag == "--bare-splice-relay" => return Ok(bare_relay::run(at.parse()?, to.parse()?, true)?),
        [flag, at, to] if flag == "--bare-copy-relay" => return Ok(bare_relay::run(at.parse()?, to.parse()?, false)?),
        _ => {}
    }
    let place = |name: &str| args.iter().position(|arg| arg == name);
    let option = |name: &str| args.get(place(name)? + 1);
    if let (Some(at), Some(congestion)) = (place("--congestion"), option("--congestion")) {
        return on_a_loopback_of_its_own(congestion, args[..at].iter().chain(args.iter().skip(at + 2)));
    }
    build_what_ships()?;
    let words: Vec<&String> = args.iter().take_while(|arg| !arg.starts_with("--")).collect();
    let old = option("--old");
    let runs = option("--runs").map_or(Ok(if old.is_some() { PAIRS } else { 5 }), |runs| runs.parse())?;
    let mut ours = vec![Ours { name: "secretcat", path: env!("CARGO_BIN_EXE_secretcat").into() }];
    ours.extend(old.map(|path| Ours { name: OLD, path: path.into() }));
    let figures = Figures::new(old.map(|_| OLD));
    let bench = Bench { runs, ours, peers: old.is_none(), figures };
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit })?;
    let mut core = CpuSet::new();
    core.set(0);
    sched_setaffinity(None, &core)?;
    let all: [(&str, Measure); 10] = [
        ("bulk", bulk::print),
        ("round-trips", answers::round_trips),
        ("visits", answers::visits),
        ("relay", relay::lock_step),
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
    bench.figures.verdict();
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

/// One of the programs that are ours: the one just built, and an old one where that was named.
pub(crate) struct Ours {
    pub(crate) name: &'static str,
    pub(crate) path: PathBuf,
}

/// What is measured, and how often each figure is taken.
pub(crate) struct Bench {
    pub(crate) runs: usize,
    /// The one just built is the first.
    pub(crate) ours: Vec<Ours>,
    /// Whether the programs of others are measured as well.
    pub(crate) peers: bool,
    pub(crate) figures: Figures,
}

/// The programs of one run: in their order, and in every other run the other way round, so that what
/// drifts with time is not to the good of one of them.
pub(crate) fn alternate<T>(programs: &[T], run: usize) -> impl Iterator<Item = &T> {
    let last = programs.len().saturating_sub(1);
    (0..programs.len()).map(move |at| &programs[if run % 2 == 0 { at } else { last - at }])
}
