//! The speed of `send` and `receive` from file to file over loopback, beside `openssl dgst -sha256` on one core and
//! `nc -N`.
//!
//! `cargo bench --bench files` prints the medians of five rounds and their ratios. It fails if the transfer with its
//! hash has less than 0.85 of the speed of openssl, or the one without less than 0.95 of that of nc. A round runs all
//! four once, so that what else the machine does meets all of them. The files are in $TMPDIR, and are overwritten in
//! each round; secretcat forces them to the disk, nc does not. Each side of a transfer wants a core and a half.
//!
//! `--size MIB` is the size of the file (1024), `--program PATH` another secretcat.
#![allow(clippy::unwrap_used, reason = "what is unexpected ends the benchmark")]
#![allow(clippy::cast_precision_loss, reason = "figures are rounded, and printed")]

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Instant;

const ROUNDS: usize = 5;
const BOUNDS: [f64; 2] = [0.85, 0.95];

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let (mut mebibytes, mut program) = (1024, PathBuf::from(env!("CARGO_BIN_EXE_secretcat")));
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--size" => mebibytes = arguments.next().and_then(|text| text.parse().ok()).unwrap(),
            "--program" => program = arguments.next().unwrap().into(),
            _ => {} // cargo adds --bench
        }
    }
    let dir = std::env::temp_dir().join(format!("secretcat-bench-{}", std::process::id()));
    std::fs::create_dir_all(dir.join("in")).unwrap();
    let file = dir.join("file");
    make(&file, mebibytes);
    let measures: [&dyn Fn() -> f64; 4] = [
        &|| seconds(|| end(Command::new("openssl").args(["dgst", "-sha256"]).arg(&file).stdout(Stdio::null()).spawn())),
        &|| transfer(&program, &dir, "sha256"),
        &|| netcat(&dir),
        &|| transfer(&program, &dir, "none"),
    ];
    let mut times = [const { Vec::new() }; 4];
    for _ in 0..ROUNDS {
        measures.iter().zip(&mut times).for_each(|(measure, times)| times.push(measure()));
    }
    std::fs::remove_dir_all(&dir).unwrap();
    let speeds = times.map(|mut times| {
        times.sort_by(f64::total_cmp);
        mebibytes as f64 / times[ROUNDS / 2]
    });
    let mut out = std::io::stdout().lock();
    for (name, speed) in
        ["openssl dgst -sha256", "send, receive", "nc -N", "the same, --checksum none"].iter().zip(speeds)
    {
        writeln!(out, "{name:26} {speed:7.0} MiB/s").unwrap();
    }
    let ratios = [speeds[1] / speeds[0], speeds[3] / speeds[2]];
    writeln!(out, "{:.2} of openssl (at least 0.85), {:.2} of nc (at least 0.95)", ratios[0], ratios[1]).unwrap();
    let holds = ratios.iter().zip(BOUNDS).all(|(ratio, bound)| *ratio >= bound);
    if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Makes a file of this size without a pattern.
fn make(path: &Path, mebibytes: usize) {
    let mut block = vec![0; 1 << 20];
    getrandom::fill(&mut block).unwrap();
    let mut file = File::create(path).unwrap();
    for number in 0..mebibytes {
        block[..8].copy_from_slice(&number.to_le_bytes());
        file.write_all(&block).unwrap();
    }
    file.sync_all().unwrap();
}

/// From the start of the sender to the end of both.
fn transfer(program: &Path, dir: &Path, checksum: &str) -> f64 {
    let mut receive = Command::new(program);
    receive.args(["receive", "--listen=127.0.0.1:0", "--overwrite", "always", "--checksum", checksum, "--dir"]);
    let mut receiver = receive.arg(dir.join("in")).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(receiver.stderr.take().unwrap());
    let mut ready = String::new();
    lines.read_line(&mut ready).unwrap();
    let address = ready.trim_end().strip_prefix("listening on ").unwrap();
    seconds(|| {
        let mut send = Command::new(program);
        send.args(["send", "--quiet", "--checksum", checksum, "--to", address]).arg(dir.join("file"));
        end(send.spawn());
        end(Ok(receiver));
    })
}

/// From the start of the sender to the end of both.
fn netcat(dir: &Path) -> f64 {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let output = File::create(dir.join("in/file")).unwrap();
    let receiver = Command::new("nc").args(["-l", "127.0.0.1", &port]).stdout(output).spawn();
    // It prints nothing when it is ready.
    let listens = || {
        std::fs::read_to_string("/proc/net/tcp")
            .unwrap()
            .contains(&format!(":{:04X} 00000000:0000 0A", port.parse::<u16>().unwrap()))
    };
    while !listens() {
        std::thread::yield_now();
    }
    seconds(|| {
        let input = File::open(dir.join("file")).unwrap();
        end(Command::new("nc").args(["-N", "127.0.0.1", &port]).stdin(input).spawn());
        end(receiver);
    })
}

fn end(child: std::io::Result<Child>) {
    assert!(child.unwrap().wait().unwrap().success());
}

fn seconds(work: impl FnOnce()) -> f64 {
    let begun = Instant::now();
    work();
    begun.elapsed().as_secs_f64()
}
