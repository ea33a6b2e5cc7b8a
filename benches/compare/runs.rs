//! Whole runs of a program: their duration, and the regularity of their sending.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::figures::{Better, median, note};
use crate::peers::{self, Server};
use crate::{Bench, Outcome, alternate};

pub(crate) fn start(bench: &Bench) -> Outcome {
    let server = Server::secretcat(&bench.ours[0], &[])?;
    let question = std::env::temp_dir().join(format!("secretcat-question-{}", std::process::id()));
    std::fs::write(&question, server.question)?;
    let (host, port) = (server.addr.ip().to_string(), server.addr.port().to_string());
    let address = server.addr.to_string();
    let (version, connect): (&[&str], &[&str]) = (&["--version"], &["connect", &address]);
    let (help, nc_address): (&[&str], &[&str]) = (&["-h"], &["-N", &host, &port]);
    let mut programs: Vec<_> = bench.ours.iter().map(|it| (it.name, it.path.as_path(), version, connect)).collect();
    if bench.peers && peers::is_installed("nc.openbsd") {
        programs.push(("nc-openbsd", Path::new("nc.openbsd"), help, nc_address));
    }
    let (mut start, mut asked) = (Vec::new(), Vec::new());
    for run in 0..bench.runs * 40 {
        for (name, program, hello, ask) in alternate(&programs, run) {
            // Both run on the core of the load: starting taskset first would be half of the measured time.
            let begun = Instant::now();
            Command::new(program).args(*hello).stdin(Stdio::null()).output()?;
            note(&mut start, name, begun.elapsed().as_secs_f64() * 1e3);
            let begun = Instant::now();
            let out = Command::new(program).args(*ask).stdin(File::open(&question)?).output()?;
            note(&mut asked, name, begun.elapsed().as_secs_f64() * 1e3);
            if out.stdout != server.answer {
                return Err(format!("{name}: a wrong answer").into());
            }
        }
    }
    std::fs::remove_file(question)?;
    bench.figures.table("start and end", "ms", Better::Lower, &start);
    bench.figures.table("one question from a script", "ms", Better::Lower, &asked);
    Ok(())
}

pub(crate) fn delay(bench: &Bench) -> Outcome {
    const PIECES: usize = 500;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let addr = listener.local_addr()?;
    let (mut near, mut far, mut alone) = (Vec::new(), Vec::new(), Vec::new());
    for run in 0..bench.runs {
        let mut programs = Vec::new();
        for ours in &bench.ours {
            let mut command = peers::secretcat(ours);
            command.args(["connect", "--raw", "--chunk", "1", "--delay", "1ms", &addr.to_string()]);
            command.stdin(Stdio::piped());
            programs.push((ours.name, command));
        }
        if bench.peers && peers::is_installed("python3") {
            programs.push(("Python time.sleep", peers::python_sleeper(addr)));
        }
        if run % 2 == 1 {
            programs.reverse(); // as `alternate`
        }
        for (name, mut command) in programs {
            let mut child = command.stdout(Stdio::null()).spawn()?;
            if let Some(mut stdin) = child.stdin.take() {
                stdin.write_all(&[b'x'; PIECES])?;
            }
            let (mut stream, _) = listener.accept()?;
            let mut times = Vec::new();
            while stream.read(&mut [0; 64])? > 0 {
                times.push(Instant::now());
            }
            drop(stream); // it waits for the half-close
            peers::end(child)?;
            let mut late: Vec<f64> =
                times.windows(2).map(|pair| ((pair[1] - pair[0]).as_secs_f64() * 1e6 - 1e3).abs()).collect();
            late.sort_by(f64::total_cmp);
            note(&mut near, name, median(&late));
            note(&mut far, name, late.get(late.len() * 99 / 100).copied().unwrap_or(f64::NAN));
            note(&mut alone, name, times.len() as f64);
        }
    }
    let title = "--delay 1ms, 500 pieces: distance from 1 ms";
    bench.figures.table(&format!("{title}, median"), "us", Better::Lower, &near);
    bench.figures.table(&format!("{title}, 99th percentile"), "us", Better::Lower, &far);
    bench.figures.table("--delay 1ms, 500 pieces: reads they arrived in", "", Better::Higher, &alone);
    Ok(())
}
