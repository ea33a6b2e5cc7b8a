//! The speed of `send` and `receive` from file to file over loopback, beside `openssl dgst -sha256` on one core and
//! `nc -N`: in memory (/dev/shm) and on the disk ($TMPDIR).
//!
//! `cargo bench --bench files` prints the median speed of each, the ratios of each round with their median and range
//! (which contains the true median with 98 % after seven rounds), and the processor time of both sides. In a round
//! each runs once, so that what else the machine does meets all of them. On the disk everybody ends when the file is
//! there: nc is followed by fsync(2). Each file is new: no time goes into freeing an old one.
//!
//! Both sides hash, read, send, receive and write: together they want four cores. Therefore each side is also measured
//! alone, with a [peer](ends) that neither hashes nor has a file. The bench fails if a median is below its bound: 0.85
//! of openssl for each side alone, and with four cores for both together; 0.95 of nc without a hash.
//!
//! `--size MIB` is the size of the file (512), `--rounds N` the number of rounds (7), `--seconds S` the time after which
//! no round begins in a place (75), `--program PATH` another secretcat.
#![allow(clippy::unwrap_used, reason = "what is unexpected ends the benchmark")]
#![allow(clippy::cast_precision_loss, reason = "figures are rounded, and printed")]

mod ends;

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

const NAMES: [&str; 7] = [
    "openssl dgst -sha256",
    "send to receive",
    "send alone",
    "receive alone",
    "nc -N",
    "nc -N, another time",
    "send to receive, --checksum none",
];

/// Two of [`NAMES`] that are compared, and the least ratio.
const RATIOS: [(usize, usize, f64); 6] =
    [(1, 0, 0.85), (2, 0, 0.85), (3, 0, 0.85), (1, 4, 0.0), (5, 4, 0.0), (6, 4, 0.95)];

/// What one program of a round has taken, in seconds.
struct Run {
    wall: f64,
    processor: f64,
}

/// What is measured.
struct Bench {
    program: PathBuf,
    mebibytes: usize,
    rounds: usize,
    limit: Duration,
}

/// A directory with the file, its hash, and a directory for files that are received.
struct Place {
    dir: PathBuf,
    mebibytes: usize,
    digest: String,
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let program = env!("CARGO_BIN_EXE_secretcat").into();
    let mut bench = Bench { program, mebibytes: 512, rounds: 7, limit: Duration::from_secs(75) };
    while let Some(argument) = arguments.next() {
        let mut number = || arguments.next().and_then(|text| text.parse().ok()).unwrap();
        match argument.as_str() {
            "--size" => bench.mebibytes = number(),
            "--rounds" => bench.rounds = number(),
            "--seconds" => bench.limit = Duration::from_secs(number() as u64),
            "--program" => bench.program = arguments.next().unwrap().into(),
            _ => {} // cargo adds --bench
        }
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let places = [("in memory", PathBuf::from("/dev/shm")), ("on the disk", std::env::temp_dir())];
    let mut holds = true;
    for (name, dir) in places {
        let dir = dir.join(format!("secretcat-bench-{}", std::process::id()));
        let place = Place::new(dir, bench.mebibytes);
        let runs = bench.run(&place);
        std::fs::remove_dir_all(&place.dir).unwrap();
        holds &= report(name, &bench, cores, &runs);
    }
    if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

impl Bench {
    /// The runs of each program of [`NAMES`].
    fn run(&self, place: &Place) -> [Vec<Run>; 7] {
        let (program, begun) = (self.program.as_path(), Instant::now());
        let measures: [&dyn Fn() -> Run; 7] = [
            &|| openssl(place),
            &|| transfer(program, place, "sha256"),
            &|| ends::send(program, place),
            &|| ends::receive(program, place),
            &|| netcat(place),
            &|| netcat(place),
            &|| transfer(program, place, "none"),
        ];
        let mut runs = [const { Vec::new() }; 7];
        for round in 0..self.rounds {
            if round > 2 && begun.elapsed() > self.limit {
                break;
            }
            for (measure, runs) in measures.iter().zip(&mut runs) {
                runs.push(measure());
                place.clear();
            }
        }
        runs
    }
}

/// Prints the figures of a place. Whether the bounds hold.
fn report(place: &str, bench: &Bench, cores: usize, runs: &[Vec<Run>; 7]) -> bool {
    let mut out = std::io::stdout().lock();
    let mebibytes = bench.mebibytes as f64;
    writeln!(out, "{place}, {} MiB, {} rounds, {cores} cores", bench.mebibytes, runs[0].len()).unwrap();
    for (name, runs) in NAMES.iter().zip(runs) {
        let speed = median(runs.iter().map(|run| mebibytes / run.wall)).1;
        let processor = median(runs.iter().map(|run| run.processor / mebibytes * 1024.0)).1;
        writeln!(out, "  {name:33} {speed:6.0} MiB/s  {processor:5.2} s of processor time a GiB").unwrap();
    }
    let mut all_hold = true;
    for (ours, other, bound) in RATIOS {
        let ratios = runs[ours].iter().zip(&runs[other]).map(|(ours, other)| other.wall / ours.wall);
        let (low, middle, high) = median(ratios);
        let is_judged = bound > 0.0 && (ours != 1 || cores >= 4);
        let verdict = match (is_judged, middle >= bound) {
            (false, _) => String::new(),
            (true, true) => format!("  at least {bound}: yes"),
            (true, false) => format!("  at least {bound}: NO"),
        };
        all_hold &= !is_judged || middle >= bound;
        let what = format!("{} / {}", NAMES[ours], NAMES[other]);
        writeln!(out, "  {what:54} {middle:.2} ({low:.2} to {high:.2}){verdict}").unwrap();
    }
    all_hold
}

/// The lowest figure, the median and the highest.
fn median(figures: impl Iterator<Item = f64>) -> (f64, f64, f64) {
    let mut figures: Vec<_> = figures.collect();
    figures.sort_by(f64::total_cmp);
    (figures[0], figures[figures.len() / 2], figures[figures.len() - 1])
}

impl Place {
    /// Makes a file of this size without a pattern.
    fn new(dir: PathBuf, mebibytes: usize) -> Place {
        std::fs::create_dir_all(dir.join("in")).unwrap();
        let mut block = vec![0; 1 << 20];
        getrandom::fill(&mut block).unwrap();
        let mut file = File::create(dir.join("file")).unwrap();
        for number in 0..mebibytes {
            Place::number(&mut block, number);
            file.write_all(&block).unwrap();
        }
        file.sync_all().unwrap();
        let hashed = Command::new("openssl").args(["dgst", "-sha256", "-r"]).arg(dir.join("file")).output().unwrap();
        let digest = String::from_utf8(hashed.stdout).unwrap().split(' ').next().unwrap().to_owned();
        Place { dir, mebibytes, digest }
    }

    /// The first MiB of the file. The others differ from it in their number only.
    fn block(&self) -> Vec<u8> {
        let mut block = vec![0; 1 << 20];
        File::open(self.file()).unwrap().read_exact(&mut block).unwrap();
        block
    }

    /// Makes this the block of this number.
    fn number(block: &mut [u8], number: usize) {
        block[..8].copy_from_slice(&number.to_le_bytes());
    }

    fn file(&self) -> PathBuf {
        self.dir.join("file")
    }

    fn received(&self) -> PathBuf {
        self.dir.join("in/file")
    }

    /// Removes what was received.
    fn clear(&self) {
        let _ = std::fs::remove_file(self.received()); // not everybody writes one
    }
}

fn openssl(place: &Place) -> Run {
    let mut command = Command::new("openssl");
    command.args(["dgst", "-sha256"]).arg(place.file()).stdout(Stdio::null());
    time(|| end(command.spawn().unwrap()))
}

/// From the start of the sender to the end of both.
fn transfer(program: &Path, place: &Place, checksum: &str) -> Run {
    let (receiver, address) = receiver(program, place, checksum);
    time(|| {
        let mut send = Command::new(program);
        send.args(["send", "--quiet", "--checksum", checksum, "--to", &address]).arg(place.file());
        end(send.spawn().unwrap());
        end(receiver);
    })
}

/// A receiver, and its address.
fn receiver(program: &Path, place: &Place, checksum: &str) -> (Child, String) {
    let mut receive = Command::new(program);
    receive.args(["receive", "--listen=127.0.0.1:0", "--checksum", checksum, "--dir"]).arg(place.dir.join("in"));
    let mut receiver = receive.stderr(Stdio::piped()).spawn().unwrap();
    let mut ready = String::new();
    let mut stderr = BufReader::new(receiver.stderr.take().unwrap());
    stderr.read_line(&mut ready).unwrap();
    receiver.stderr = Some(stderr.into_inner()); // open until its end
    (receiver, ready.trim_end().strip_prefix("listening on ").unwrap().to_owned())
}

/// From the start of the sender to the end of both.
fn netcat(place: &Place) -> Run {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let output = File::create(place.received()).unwrap();
    let stdout = output.try_clone().unwrap();
    let receiver = Command::new("nc").args(["-l", "127.0.0.1", &port]).stdout(stdout).spawn().unwrap();
    // It prints nothing when it is ready.
    let listens = || {
        std::fs::read_to_string("/proc/net/tcp")
            .unwrap()
            .contains(&format!(":{:04X} 00000000:0000 0A", port.parse::<u16>().unwrap()))
    };
    while !listens() {
        std::thread::yield_now();
    }
    time(|| {
        let input = File::open(place.file()).unwrap();
        end(Command::new("nc").args(["-N", "127.0.0.1", &port]).stdin(input).spawn().unwrap());
        end(receiver);
        output.sync_all().unwrap();
    })
}

fn end(mut child: Child) {
    assert!(child.wait().unwrap().success());
}

/// Does this; the programs that it waits for count.
fn time(work: impl FnOnce()) -> Run {
    let (begun, before) = (Instant::now(), processor_time());
    work();
    Run { wall: begun.elapsed().as_secs_f64(), processor: processor_time() - before }
}

/// The processor time of the programs that were waited for (`proc_pid_stat(5)`, in hundredths of a second).
fn processor_time() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields = stat.rsplit(')').next().unwrap().split_whitespace();
    fields.skip(13).take(2).map(|ticks| ticks.parse::<f64>().unwrap()).sum::<f64>() / 100.0
}
