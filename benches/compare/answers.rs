//! Servers that reply to requests: the rate, the cost of a reply, and the cost of idle clients.

use std::io;
use std::time::Duration;

use crate::figures::{Better, Row, note};
use crate::load::{self, Crowd};
use crate::peers::{self, Server};
use crate::{Bench, Outcome, alternate};

/// The number of idle connections.
const IDLE: usize = 10_000;

/// Every installed server that supports this number of connections, secretcat first.
fn servers(bench: &Bench, connections: usize) -> io::Result<Vec<Server>> {
    let mut all = Vec::new();
    for ours in &bench.ours {
        all.push(Server::secretcat(ours, &[])?);
    }
    if !bench.peers {
        return Ok(all);
    }
    if peers::is_installed("redis-server") {
        all.push(Server::redis()?);
    }
    if peers::is_installed("python3") {
        all.push(Server::python("asyncio")?);
        all.push(Server::python("socketserver")?);
    }
    // These two start one or two processes for each connection.
    if connections <= 50 && peers::is_installed("socat") {
        all.push(Server::socat()?);
    }
    if connections <= 50 && peers::is_installed("ncat") {
        all.push(Server::ncat()?);
    }
    all.push(Server::bare()?);
    Ok(all)
}

/// Measures `work`; notes and returns its rate in thousands per second, and notes the cost for the server. `work`
/// returns the number of operations and the seconds.
pub(crate) fn measure(
    server: &Server,
    rates: &mut Vec<Row>,
    costs: &mut Vec<Row>,
    work: impl FnOnce() -> io::Result<(f64, f64)>,
) -> io::Result<f64> {
    let before = server.processor_time()?;
    let (count, seconds) = work()?;
    let rate = count / seconds / 1e3;
    note(rates, server.name, rate);
    if let Some((before, after)) = before.zip(server.processor_time()?) {
        note(costs, server.name, (after - before) / count * 1e6);
    }
    Ok(rate)
}

pub(crate) fn round_trips(bench: &Bench) -> Outcome {
    for (size, depth) in [(1, 1), (50, 1), (1000, 1), (1, 100), (50, 100)] {
        let servers = servers(bench, size)?;
        let (mut rates, mut costs) = (Vec::new(), Vec::new());
        for run in 0..bench.runs {
            for server in alternate(&servers, run) {
                let mut crowd = Crowd::gather(server.addr, size, depth, server.ask())?;
                let work = || crowd.ask_for(Duration::from_millis(400));
                measure(server, &mut rates, &mut costs, work)?;
            }
        }
        let title = format!("round trips, {size} connections, {depth} deep");
        bench.figures.table(&title, "thousand/s", Better::Higher, &rates);
        bench.figures.table(&(title + ": the server's processor time"), "us/answer", Better::Lower, &costs);
    }
    Ok(())
}

pub(crate) fn visits(bench: &Bench) -> Outcome {
    let servers = servers(bench, 8)?;
    let (mut rates, mut costs) = (Vec::new(), Vec::new());
    for run in 0..bench.runs {
        for server in alternate(&servers, run) {
            let count = if server.forks { 200 } else { 3000 };
            measure(server, &mut rates, &mut costs, || load::visits(server.addr, count, server.ask()))?;
        }
    }
    bench.figures.table("connect, ask, close", "thousand/s", Better::Higher, &rates);
    bench.figures.table("connect, ask, close: the server's processor time", "us/visit", Better::Lower, &costs);
    Ok(())
}

pub(crate) fn idle(bench: &Bench) -> Outcome {
    let mut rows = Vec::new();
    // A server keeps some memory after its clients have closed, so each run starts new servers. For the ratios to
    // others one run is enough: memory does not vary.
    for run in 0..if bench.peers { 1 } else { bench.runs } {
        // Servers with a thread or process for each connection are left out.
        for server in alternate(&servers(bench, IDLE)?, run).filter(|server| !server.forks) {
            Crowd::gather(server.addr, 100, 1, server.ask())?.round()?;
            let before = server.memory()?;
            let mut crowd = Crowd::gather(server.addr, IDLE, 1, server.ask())?;
            crowd.round()?;
            note(&mut rows, server.name, server.memory()?.saturating_sub(before) as f64 / IDLE as f64);
        }
    }
    bench.figures.table("memory of one of 10,000 idle connections, answered once", "bytes", Better::Lower, &rows);
    Ok(())
}

pub(crate) fn beside_idle(bench: &Bench) -> Outcome {
    let (mut both, mut beside) = (Vec::new(), Vec::new());
    let mut servers = Vec::new();
    for ours in &bench.ours {
        servers.push(Server::secretcat(ours, &[])?);
    }
    for run in 0..bench.runs {
        for server in alternate(&servers, run) {
            let mut active = Crowd::gather(server.addr, 100, 1, server.ask())?;
            let mut idle = Crowd::gather(server.addr, IDLE, 1, server.ask())?;
            idle.round()?;
            let rate = active.rate(Duration::from_secs(1))? / 1e3;
            note(&mut beside, server.name, rate);
            drop(idle);
            active.rate(Duration::from_millis(300))?; // the closes are processed by then
            if server.name == servers[0].name {
                note(&mut both, "beside 10,000 idle", rate);
                note(&mut both, "alone", active.rate(Duration::from_secs(1))? / 1e3);
            }
        }
    }
    bench.figures.table("100 active connections", "thousand/s", Better::Higher, &both);
    if !bench.peers {
        bench.figures.table("100 active connections beside 10,000 idle", "thousand/s", Better::Higher, &beside);
    }
    Ok(())
}

pub(crate) fn threads(bench: &Bench) -> Outcome {
    // The load uses core 0, so a second thread gains little here; the figure shows that it costs little.
    let (mut of_new, mut with_two) = (Vec::new(), Vec::new());
    let mut pairs = Vec::new();
    for ours in &bench.ours {
        pairs.push([Server::secretcat(ours, &["--threads", "1"])?, Server::secretcat(ours, &["--threads", "2"])?]);
    }
    for run in 0..bench.runs {
        for pair in alternate(&pairs, run) {
            for (server, threads) in pair.iter().zip(["--threads 1", "--threads 2"]) {
                let mut crowd = Crowd::gather(server.addr, 50, 1, server.ask())?;
                let rate = crowd.rate(Duration::from_millis(400))? / 1e3;
                if server.name == bench.ours[0].name {
                    note(&mut of_new, threads, rate);
                }
                if threads == "--threads 2" {
                    note(&mut with_two, server.name, rate);
                }
            }
        }
    }
    bench.figures.table("round trips, 50 connections, on one core", "thousand/s", Better::Higher, &of_new);
    if !bench.peers {
        bench.figures.table("the same with two threads", "thousand/s", Better::Higher, &with_two);
    }
    Ok(())
}
