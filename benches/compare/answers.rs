//! Servers that answer questions: how many a second, at what cost, and how many clients they bear.

use std::io;
use std::time::Duration;

use crate::load::{self, Crowd};
use crate::peers::{self, Server};
use crate::{Bench, Outcome, Row, note, table};

/// Connections that say nothing for now.
const IDLE: usize = 10_000;

/// Every server that is installed and bears so many connections, secretcat first.
fn servers(connections: usize) -> io::Result<Vec<Server>> {
    let mut all = vec![Server::secretcat("secretcat", &[])?];
    if peers::is_installed("redis-server") {
        all.push(Server::redis()?);
    }
    if peers::is_installed("python3") {
        all.push(Server::python("asyncio")?);
        all.push(Server::python("socketserver")?);
    }
    // These two start a process, or two, for each connection.
    if connections <= 50 && peers::is_installed("socat") {
        all.push(Server::socat()?);
    }
    if connections <= 50 && peers::is_installed("ncat") {
        all.push(Server::ncat()?);
    }
    all.push(Server::bare()?);
    Ok(all)
}

/// Notes the rate of what is done, a number of times in so many seconds, and what each costs the server.
fn measure(
    server: &Server,
    rates: &mut Vec<Row>,
    costs: &mut Vec<Row>,
    work: impl FnOnce() -> io::Result<(f64, f64)>,
) -> io::Result<()> {
    let before = server.processor_time()?;
    let (count, seconds) = work()?;
    note(rates, server.name, count / seconds / 1e3);
    if let Some((before, after)) = before.zip(server.processor_time()?) {
        note(costs, server.name, (after - before) / count * 1e6);
    }
    Ok(())
}

pub(crate) fn round_trips(bench: &Bench) -> Outcome {
    for (size, depth) in [(1, 1), (50, 1), (1000, 1), (1, 100), (50, 100)] {
        let servers = servers(size)?;
        let (mut rates, mut costs) = (Vec::new(), Vec::new());
        for _ in 0..bench.runs {
            for server in &servers {
                let mut crowd = Crowd::gather(server.addr, size, depth, server.ask())?;
                let work = || crowd.ask_for(Duration::from_millis(400));
                measure(server, &mut rates, &mut costs, work)?;
            }
        }
        table(&format!("round trips, {size} connections, {depth} deep"), "thousand/s", &rates);
        table("the server's processor time", "us/answer", &costs);
    }
    Ok(())
}

pub(crate) fn visits(bench: &Bench) -> Outcome {
    let servers = servers(8)?;
    let (mut rates, mut costs) = (Vec::new(), Vec::new());
    for _ in 0..bench.runs {
        for server in &servers {
            let count = if server.forks { 200 } else { 3000 };
            measure(server, &mut rates, &mut costs, || load::visits(server.addr, count, server.ask()))?;
        }
    }
    table("connect, ask, close", "thousand/s", &rates);
    table("the server's processor time", "us/visit", &costs);
    Ok(())
}

pub(crate) fn idle(_: &Bench) -> Outcome {
    let mut rows = Vec::new();
    // A thread for each of 10,000 is not tried.
    for server in servers(IDLE)?.into_iter().filter(|server| !server.forks) {
        Crowd::gather(server.addr, 100, 1, server.ask())?.round()?;
        let before = server.memory()?;
        let mut crowd = Crowd::gather(server.addr, IDLE, 1, server.ask())?;
        crowd.round()?;
        note(&mut rows, server.name, server.memory()?.saturating_sub(before) as f64 / IDLE as f64);
    }
    table("memory of one of 10,000 idle connections, answered once", "bytes", &rows);
    Ok(())
}

pub(crate) fn beside_idle(bench: &Bench) -> Outcome {
    let mut rows = Vec::new();
    let server = Server::secretcat("secretcat", &[])?;
    let mut active = Crowd::gather(server.addr, 100, 1, server.ask())?;
    for _ in 0..bench.runs {
        let mut idle = Crowd::gather(server.addr, IDLE, 1, server.ask())?;
        idle.round()?;
        note(&mut rows, "beside 10,000 idle", active.rate(Duration::from_secs(1))? / 1e3);
        drop(idle);
        active.rate(Duration::from_millis(300))?; // their ends are dealt with
        note(&mut rows, "alone", active.rate(Duration::from_secs(1))? / 1e3);
    }
    table("100 active connections", "thousand/s", &rows);
    Ok(())
}

pub(crate) fn threads(bench: &Bench) -> Outcome {
    // The load has core 0, so what a second thread gains here is small; that it costs little is seen.
    let one = Server::secretcat("--threads 1", &["--threads", "1"])?;
    let two = Server::secretcat("--threads 2", &["--threads", "2"])?;
    let mut rows = Vec::new();
    for _ in 0..bench.runs {
        for server in [&one, &two] {
            let mut crowd = Crowd::gather(server.addr, 50, 1, server.ask())?;
            note(&mut rows, server.name, crowd.rate(Duration::from_millis(400))? / 1e3);
        }
    }
    table("round trips, 50 connections, on one core", "thousand/s", &rows);
    Ok(())
}
