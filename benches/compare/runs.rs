//! Whole runs of a program: how long one takes, and how evenly it sends.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::peers::{self, Server};
use crate::{Bench, Outcome, median, note, table};

pub(crate) fn start(bench: &Bench) -> Outcome {
    let server = Server::secretcat("secretcat", &[])?;
    let question = std::env::temp_dir().join(format!("secretcat-question-{}", std::process::id()));
    std::fs::write(&question, server.question)?;
    let (host, port) = (server.addr.ip().to_string(), server.addr.port().to_string());
    let address = server.addr.to_string();
    let secretcat = env!("CARGO_BIN_EXE_secretcat");
    let programs: [(&str, &str, &[&str], &[&str]); 2] = [
        ("secretcat", secretcat, &["--version"], &["connect", &address]),
        ("nc-openbsd", "nc.openbsd", &["-h"], &["-N", &host, &port]),
    ];
    let (mut start, mut asked) = (Vec::new(), Vec::new());
    for _ in 0..bench.runs * 40 {
        for (name, program, hello, ask) in programs.iter().filter(|it| it.0 == "secretcat" || peers::is_installed(it.1))
        {
            // Both run beside the load: starting taskset first would be half of what is measured.
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
    table("start and end", "ms", &start);
    table("one question from a script", "ms", &asked);
    Ok(())
}

pub(crate) fn delay(bench: &Bench) -> Outcome {
    const PIECES: usize = 500;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let addr = listener.local_addr()?;
    let (mut near, mut far, mut alone) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..bench.runs {
        let mut ours = peers::secretcat();
        ours.args(["connect", "--raw", "--chunk", "1", "--delay", "1ms", &addr.to_string()]).stdin(Stdio::piped());
        let mut programs = vec![("secretcat", ours)];
        if peers::is_installed("python3") {
            programs.push(("Python time.sleep", peers::python_sleeper(addr)));
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
            drop(stream); // it waits for our end
            peers::end(child)?;
            let mut late: Vec<f64> =
                times.windows(2).map(|pair| ((pair[1] - pair[0]).as_secs_f64() * 1e6 - 1e3).abs()).collect();
            late.sort_by(f64::total_cmp);
            note(&mut near, name, median(&late));
            note(&mut far, name, late.get(late.len() * 99 / 100).copied().unwrap_or(f64::NAN));
            note(&mut alone, name, times.len() as f64);
        }
    }
    table("--delay 1ms, 500 pieces: distance from 1 ms, median", "us", &near);
    table("the same, 99th percentile", "us", &far);
    table("reads they arrived in", "", &alone);
    Ok(())
}
