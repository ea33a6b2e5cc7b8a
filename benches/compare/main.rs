//! Compares secretcat with other programs, alternating in one run, with every reply checked. The results are ratios
//! with their intervals.
//!
//! `cargo bench --bench compare -- [WORD…] [--runs N] [--congestion NAME]` runs the measurements whose names contain a
//! word. The load uses core 0, the measured program core 1; nothing is installed. The output has the median of the
//! ratios of all runs, with its 95 % interval.
//!
//! `--old PATH` compares with an older secretcat instead of other programs, in at least 15 runs. A figure is worse if
//! the whole interval is below 0.97 of the old one.
//!
//! `--congestion` measures in a new network namespace, where every connection uses this congestion control. This
//! matters: bbr sets a timer for each segment, which on a virtual machine is an expensive call to the host.
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
#[cfg(feature = "tls")]
mod tls;

use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use figures::Figures;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_setaffinity};

/// The name of the old program.
const OLD: &str = "secretcat, the old one";
/// The number of runs when an old program is compared: fewer prove little on a shared machine.
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
    let all: &[(&str, Measure)] = &[
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
        #[cfg(feature = "tls")]
        ("tls-bulk", tls::bulk),
        #[cfg(feature = "tls")]
        ("tls-handshakes", tls::handshakes),
        #[cfg(feature = "tls")]
        ("tls-idle", tls::idle),
    ];
    for (name, measure) in all {
        if words.is_empty() || words.iter().any(|word| name.contains(word.as_str())) {
            measure(&bench)?;
        }
    }
    bench.figures.verdict();
    Ok(())
}

/// Restarts the benchmark in a network namespace with only a loopback interface (unshare(1), ip-route(8)). Returns only
/// if that fails.
fn on_a_loopback_of_its_own<'a>(congestion: &str, args: impl Iterator<Item = &'a String>) -> Outcome {
    const SET_UP: &str = "ip link set lo up && for to in 127.0.0.0/8 127.0.0.1; do \
        ip route replace local $to dev lo table local proto kernel scope host src 127.0.0.1 congctl $0 || exit; \
        done && exec \"$@\"";
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--net", "sh", "-c", SET_UP, congestion]);
    Err(command.arg(std::env::current_exe()?).args(args).exec().into())
}

/// Builds the program as it ships. The build of cargo for this benchmark shares crates with the dev-dependencies, and
/// so has their features too, such as all tables of regex: it is an eighth larger, and starts more slowly.
fn build_what_ships() -> Outcome {
    let target_dir = Path::new(env!("CARGO_BIN_EXE_secretcat")).ancestors().nth(2).ok_or("no target directory")?;
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--release", "--locked", "--bin", "secretcat", "--target-dir"]).arg(target_dir);
    let status = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).status()?;
    if status.success() { Ok(()) } else { Err(format!("cargo build: {status}").into()) }
}

/// One version of secretcat: the current build, or an old one.
pub(crate) struct Ours {
    pub(crate) name: &'static str,
    pub(crate) path: PathBuf,
}

/// The measured programs, and the number of runs.
pub(crate) struct Bench {
    pub(crate) runs: usize,
    /// The current build is the first.
    pub(crate) ours: Vec<Ours>,
    /// Whether other programs are measured as well.
    pub(crate) peers: bool,
    pub(crate) figures: Figures,
}

/// The programs of one run, in the reverse order in every second run, so that a drift over time favors none of them.
pub(crate) fn alternate<T>(programs: &[T], run: usize) -> impl Iterator<Item = &T> {
    let last = programs.len().saturating_sub(1);
    (0..programs.len()).map(move |at| &programs[if run % 2 == 0 { at } else { last - at }])
}
