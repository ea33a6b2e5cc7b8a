//! secretcat beside its peers, interleaved in one run, every answer checked: ratios with their spread.
//!
//! `cargo bench --bench compare -- [WORD…] [--runs N]` runs the measurements whose names contain a
//! word. The load runs on core 0, what is measured on core 1; nothing is installed.
#![allow(clippy::cast_precision_loss, clippy::format_push_string, reason = "figures are rounded, and printed")]

mod bulk;
mod load;
mod peers;
mod slopes;

use std::io::{self, Write};
use std::net::TcpListener;
use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_setaffinity};

use bulk::Feed;
use load::Crowd;
use peers::Server;

type Measure = fn(&Bench) -> Outcome;
type Outcome = Result<(), Box<dyn std::error::Error>>;

fn main() -> Outcome {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    if let [flag, addr] = &args[..] {
        if flag == "--bare-splice" {
            return Ok(peers::bare_splice(addr)?);
        }
    }
    let runs = args.iter().position(|arg| arg == "--runs").and_then(|at| args.get(at + 1)?.parse().ok());
    let words: Vec<&String> = args.iter().take_while(|arg| *arg != "--runs").collect();
    let bench = Bench { runs: runs.unwrap_or(5) };
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit })?;
    let mut core = CpuSet::new();
    core.set(0);
    sched_setaffinity(None, &core)?;
    let all: [(&str, Measure); 9] = [
        ("bulk", Bench::bulk),
        ("round-trips", Bench::round_trips),
        ("visits", Bench::visits),
        ("idle", idle),
        ("beside", Bench::beside_idle),
        ("start", Bench::start),
        ("delay", Bench::delay),
        ("threads", Bench::threads),
        ("slopes", slopes::print),
    ];
    for (name, measure) in all {
        if words.is_empty() || words.iter().any(|word| name.contains(word.as_str())) {
            measure(&bench)?;
        }
    }
    Ok(())
}

/// How often each figure is taken.
pub(crate) struct Bench {
    runs: usize,
}

/// One program's figures, a run each.
struct Row {
    name: String,
    figures: Vec<f64>,
}

pub(crate) fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

/// A line a program; ratios are taken run by run, the first row over the other.
fn table(title: &str, unit: &str, rows: &[Row]) {
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
fn note(rows: &mut Vec<Row>, name: &str, figure: f64) {
    match rows.iter_mut().find(|row| row.name == name) {
        Some(row) => row.figures.push(figure),
        None => rows.push(Row { name: name.to_owned(), figures: vec![figure] }),
    }
}

/// Every server that is installed, secretcat first.
fn servers() -> io::Result<Vec<Server>> {
    let mut all = vec![Server::secretcat("secretcat", &[])?];
    if peers::is_installed("redis-server") {
        all.push(Server::redis()?);
    }
    if peers::is_installed("python3") {
        all.push(Server::python("asyncio")?);
        all.push(Server::python("socketserver")?);
    }
    Ok(all)
}

impl Bench {
    fn bulk(&self) -> Outcome {
        const SIZE: usize = 1 << 30;
        let path = std::env::temp_dir().join(format!("secretcat-bench-{}", std::process::id()));
        let block = bulk::block();
        let mut file = std::fs::File::create(&path)?;
        (0..SIZE / block.len()).try_for_each(|_| file.write_all(&block))?;
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let addr = listener.local_addr()?;
        for (title, feed) in [("from a pipe", Feed::Pipe(SIZE)), ("from a file", Feed::File(&path, SIZE))] {
            for (_, command) in peers::senders(addr) {
                bulk::run(command, &listener, feed, true)?;
            }
            let (mut rate, mut cpu) = (Vec::new(), Vec::new());
            for _ in 0..self.runs {
                for (name, command) in peers::senders(addr) {
                    let (took, used) = bulk::run(command, &listener, feed, false)?;
                    note(&mut rate, name, SIZE as f64 / took / f64::from(1 << 30));
                    note(&mut cpu, name, used);
                }
            }
            table(&format!("bulk {title}, rate"), "GiB/s", &rate);
            table(&format!("bulk {title}, processor time"), "s/GiB", &cpu);
        }
        std::fs::remove_file(path)?;
        Ok(())
    }

    fn round_trips(&self) -> Outcome {
        for (size, depth) in [(1, 1), (50, 1), (1000, 1), (1, 100), (50, 100)] {
            let servers = servers()?;
            let mut rows = Vec::new();
            for _ in 0..self.runs {
                for server in &servers {
                    let ask = (server.question, server.answer);
                    let rate = Crowd::gather(server.addr, size, depth, ask)?.rate(Duration::from_millis(400))?;
                    note(&mut rows, server.name, rate / 1e3);
                }
            }
            table(&format!("round trips, {size} connections, {depth} deep"), "thousand/s", &rows);
        }
        Ok(())
    }

    fn visits(&self) -> Outcome {
        let servers = servers()?;
        let mut rows = Vec::new();
        for _ in 0..self.runs {
            for server in &servers {
                let rate = load::visits(server.addr, 3000, (server.question, server.answer))?;
                note(&mut rows, server.name, rate / 1e3);
            }
        }
        table("connect, ask, close", "thousand/s", &rows);
        Ok(())
    }

    fn beside_idle(&self) -> Outcome {
        let mut rows = Vec::new();
        let server = Server::secretcat("secretcat", &[])?;
        let ask = (server.question, server.answer);
        let mut active = Crowd::gather(server.addr, 100, 1, ask)?;
        for _ in 0..self.runs {
            let mut idle = Crowd::gather(server.addr, 9_500, 1, ask)?;
            idle.round()?;
            note(&mut rows, "beside 9,500 idle", active.rate(Duration::from_secs(1))? / 1e3);
            drop(idle);
            active.rate(Duration::from_millis(300))?; // their ends are dealt with
            note(&mut rows, "alone", active.rate(Duration::from_secs(1))? / 1e3);
        }
        table("100 active connections", "thousand/s", &rows);
        Ok(())
    }

    fn start(&self) -> Outcome {
        let server = Server::secretcat("secretcat", &[])?;
        let question = std::env::temp_dir().join(format!("secretcat-question-{}", std::process::id()));
        std::fs::write(&question, server.question)?;
        let (host, port) = (server.addr.ip().to_string(), server.addr.port().to_string());
        let address = server.addr.to_string();
        let (mut start, mut asked) = (Vec::new(), Vec::new());
        for _ in 0..self.runs * 20 {
            for (name, mut command, hello, ask) in [
                ("secretcat", peers::secretcat(), vec!["--version"], vec!["connect", &*address]),
                ("nc-openbsd", peers::command("nc.openbsd"), vec!["-h"], vec!["-N", &*host, &*port]),
            ] {
                let mut other = peers::command(&command.get_args().nth(2).unwrap_or_default().to_string_lossy());
                let begun = Instant::now();
                command.args(hello).stdin(Stdio::null()).output()?;
                note(&mut start, name, begun.elapsed().as_secs_f64() * 1e3);
                let begun = Instant::now();
                let out = other.args(ask).stdin(std::fs::File::open(&question)?).output()?;
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

    fn delay(&self) -> Outcome {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?.to_string();
        let mut rows = Vec::new();
        for _ in 0..self.runs {
            let mut command = peers::secretcat();
            command.args(["connect", "--raw", "--chunk", "1", "--delay", "1ms", &address]).stdin(Stdio::piped());
            let mut child = command.stdout(Stdio::null()).spawn()?;
            if let Some(mut stdin) = child.stdin.take() {
                stdin.write_all(&[b'x'; 500])?;
            }
            let (mut stream, _) = listener.accept()?;
            let mut times = Vec::new();
            while io::Read::read(&mut stream, &mut [0; 64])? > 0 {
                times.push(Instant::now());
            }
            drop(stream); // it waits for our end
            peers::end(child)?;
            let mut late: Vec<f64> =
                times.windows(2).map(|pair| ((pair[1] - pair[0]).as_secs_f64() * 1e6 - 1e3).abs()).collect();
            late.sort_by(f64::total_cmp);
            note(&mut rows, "median distance from 1 ms", median(&late));
            note(&mut rows, "99th percentile", late.get(late.len() * 99 / 100).copied().unwrap_or(f64::NAN));
            note(&mut rows, "pieces that arrived alone", times.len() as f64);
        }
        table("--delay 1ms, 500 pieces", "us", &rows);
        Ok(())
    }

    fn threads(&self) -> Outcome {
        // The load has core 0, so what a second thread gains here is small; that it costs little is seen.
        let one = Server::secretcat("--threads 1", &["--threads", "1"])?;
        let two = Server::secretcat("--threads 2", &["--threads", "2"])?;
        let mut rows = Vec::new();
        for _ in 0..self.runs {
            for server in [&one, &two] {
                let rate = Crowd::gather(server.addr, 50, 1, (server.question, server.answer))?;
                note(&mut rows, server.name, { rate }.rate(Duration::from_millis(400))? / 1e3);
            }
        }
        table("round trips, 50 connections, on one core", "thousand/s", &rows);
        Ok(())
    }
}

fn idle(_: &Bench) -> Outcome {
    const CROWD: usize = 9_900; // both ends of 10,000 and more must fit the limit of descriptors
    let mut rows = Vec::new();
    for server in servers()?.into_iter().filter(|server| server.name != "Python socketserver") {
        let ask = (server.question, server.answer);
        Crowd::gather(server.addr, 100, 1, ask)?.round()?;
        let before = server.memory()?;
        let mut crowd = Crowd::gather(server.addr, CROWD, 1, ask)?;
        crowd.round()?;
        note(&mut rows, server.name, server.memory()?.saturating_sub(before) as f64 / CROWD as f64);
    }
    table("memory of an idle connection that was answered once", "bytes", &rows);
    Ok(())
}
