//! The growth of cost: with the length of a message, connections, pieces of a plan, events of a trace.

use std::io::{self, Write};
use std::net::TcpListener;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::figures::{Better, median, note, print as print_text};
use crate::load::Crowd;
use crate::peers::{self, Server};
use crate::{Bench, Ours, Outcome, alternate};

const MESSAGES: [usize; 5] = [40, 1 << 10, 1 << 16, 1 << 20, 1 << 24];

/// Prints a line for each size, and the exponent of the growth: 1 is linear.
fn slope(title: &str, unit: &str, points: &[(f64, f64)]) {
    let mut out = format!("\n{title}\n");
    for (size, seconds) in points {
        out += &format!("  {size:>12} {:>12.6} s {:>12.2} ns/{unit}\n", seconds, seconds / size * 1e9);
    }
    if let [.., (n1, t1), (n2, t2)] = points {
        out += &format!("  grows by the power {:.2} at the end\n", (t2 / t1).ln() / (n2 / n1).ln());
    }
    print_text(&out);
}

pub(crate) fn print(bench: &Bench) -> Outcome {
    if !bench.peers {
        return compare(bench);
    }
    let ours = &bench.ours[0];
    let server = Server::secretcat(ours, &["--max-message", "32M"])?;
    let mut points = Vec::new();
    for size in MESSAGES {
        points.push((size as f64, message(&server, size)?));
    }
    slope("one message of so many bytes", "byte", &points);

    let mut points = Vec::new();
    for size in [1, 10, 100, 1000, 10_000] {
        let mut crowd = Crowd::gather(server.addr, size, 1, (server.question, server.answer))?;
        let rate = crowd.rate(Duration::from_millis(500))?;
        points.push((size as f64, size as f64 / rate));
    }
    slope("one round of so many connections", "connection", &points);

    for (title, trace) in [("a plan of so many pieces", None), ("the same, traced", Some("/dev/null"))] {
        let (mut points, mut peaks) = (Vec::new(), Vec::new());
        for size in [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000] {
            let (seconds, peak) = pieces(ours, size, trace)?;
            points.push((size as f64, seconds));
            peaks.push(format!("{peak:.1}"));
        }
        slope(title, "piece", &points);
        print_text(&format!("  peak memory, MiB: {}\n", peaks.join(", ")));
    }
    Ok(())
}

/// The same for an old and a new program, without a million pieces, which take seconds.
fn compare(bench: &Bench) -> Outcome {
    let mut servers = Vec::new();
    for ours in &bench.ours {
        servers.push(Server::secretcat(ours, &["--max-message", "32M"])?);
    }
    for size in MESSAGES {
        let mut rows = Vec::new();
        for run in 0..bench.runs {
            for server in alternate(&servers, run) {
                note(&mut rows, server.name, message(server, size)? * 1e3);
            }
        }
        bench.figures.table(&format!("one message of {size} bytes"), "ms", Better::Lower, &rows);
    }
    for size in [10, 10_000] {
        let mut rows = Vec::new();
        for run in 0..bench.runs {
            for server in alternate(&servers, run) {
                let mut crowd = Crowd::gather(server.addr, size, 1, (server.question, server.answer))?;
                note(&mut rows, server.name, crowd.rate(Duration::from_millis(400))? / 1e3);
            }
        }
        bench.figures.table(&format!("round trips, {size} connections"), "thousand/s", Better::Higher, &rows);
    }
    for (title, trace) in [("a plan", None), ("a plan, traced,", Some("/dev/null"))] {
        for count in [1, 1_000, 30_000] {
            let (mut times, mut peaks) = (Vec::new(), Vec::new());
            for run in 0..bench.runs {
                for ours in alternate(&bench.ours, run) {
                    let (seconds, peak) = pieces(ours, count, trace)?;
                    note(&mut times, ours.name, seconds * 1e3);
                    note(&mut peaks, ours.name, peak);
                }
            }
            bench.figures.table(&format!("{title} of {count} pieces"), "ms", Better::Lower, &times);
            bench.figures.table(&format!("{title} of {count} pieces: peak memory"), "MiB", Better::Lower, &peaks);
        }
    }
    Ok(())
}

/// The seconds that one message of this size takes: the median of nine.
fn message(server: &Server, size: usize) -> io::Result<f64> {
    let question = [vec![b'x'; size - 1], b"\n".to_vec()].concat();
    let mut crowd = Crowd::gather(server.addr, 1, 1, (&question, b"Secret code not found.\n"))?;
    let times: io::Result<Vec<f64>> = (0..9)
        .map(|_| {
            let begun = Instant::now();
            crowd.round().map(|()| begun.elapsed().as_secs_f64())
        })
        .collect();
    Ok(median(&times?))
}

/// Sends this number of one-byte pieces to a listener that reads them; returns the seconds, and its peak memory in MiB.
fn pieces(ours: &Ours, count: usize, trace: Option<&str>) -> io::Result<(f64, f64)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let mut command = peers::secretcat(ours);
    command.args(["connect", "--raw", "--chunk", "1", &listener.local_addr()?.to_string()]);
    if let Some(trace) = trace {
        command.args(["--trace", trace]);
    }
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn()?;
    let mut input = child.stdin.take().ok_or(io::ErrorKind::NotFound)?;
    let feeder = std::thread::spawn(move || input.write_all(&vec![b'x'; count]));
    let (mut stream, _) = listener.accept()?;
    let begun = Instant::now();
    let got = io::copy(&mut stream, &mut io::sink())?;
    let took = begun.elapsed().as_secs_f64();
    let peak = peers::peak_memory(&child)?; // it waits for the half-close
    drop(stream);
    let (well, _) = peers::end(child)?;
    let fed = feeder.join().map_err(|_| io::Error::other("the feeder has failed"))?;
    fed?;
    if got != count as u64 || !well {
        return Err(io::Error::other(format!("{got} pieces of {count} arrived; ended well: {well}")));
    }
    Ok((took, peak))
}
