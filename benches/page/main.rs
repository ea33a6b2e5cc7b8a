//! Whether the live page costs the clients of a listener anything.
//!
//! `cargo bench --bench page` starts a listener without `--web`, with it and no viewer, and with it and a viewer that
//! reads, 15 times each and in changing order. Each has a load of 1,000 connections with 100 events a second each. One
//! more client measures round trips meanwhile. A row has the median round trip, and the ratio of a listener without
//! `--web` to it, with the 95 % interval: with 1 in the interval, the page costs nothing that can be measured. It takes 3
//! minutes, and needs a machine that has no other work.
#![allow(clippy::unwrap_used, reason = "what is unexpected ends the benchmark")]

#[path = "../compare/figures.rs"]
#[allow(dead_code, clippy::format_push_string, reason = "two versions are not compared here")]
mod figures;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use figures::{Better, Figures, median, note, print};

const ROUNDS: usize = 15;
const CONNECTIONS: usize = 1000;
/// A message and its reply are five events of a listener: read, message, reply, message, write.
const MESSAGES_A_SECOND: u32 = 100 / 5 * 1000;
/// How long round trips are measured.
const MEASURED: Duration = Duration::from_millis(2500);
/// The pause between two of them.
const PAUSE: Duration = Duration::from_millis(1);
/// The longest wait for anything that must happen.
const DEADLINE: Duration = Duration::from_secs(30);
const REQUEST: &[u8] = b"SECRET 42\n";
const REPLY: &[u8] = b"Digits: 42   Count: 2\n";

/// How a run is watched.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Watched {
    NoPage,
    NoViewer,
    Viewer,
}

impl Watched {
    const ALL: [Watched; 3] = [Watched::NoPage, Watched::NoViewer, Watched::Viewer];

    fn name(self) -> &'static str {
        match self {
            Watched::NoPage => "without --web",
            Watched::NoViewer => "--web, no viewer",
            Watched::Viewer => "--web, a viewer",
        }
    }
}

fn main() {
    let (mut trips, mut loads) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        // The first row is the one that the others are compared with.
        let mut figures = Watched::ALL.map(|watched| (watched, 0.0, 0.0));
        for at in 0..figures.len() {
            let figure = &mut figures[(round + at) % Watched::ALL.len()];
            (figure.1, figure.2) = measure(figure.0);
        }
        for (watched, trip, load) in figures {
            note(&mut trips, watched.name(), trip);
            note(&mut loads, watched.name(), load);
        }
    }
    let figures = Figures::new(None);
    figures.table("round trip of another client", "us", Better::Lower, &trips);
    figures.table("load that was reached", "messages/s", Better::Higher, &loads);
    print(&format!("\nasked for: {MESSAGES_A_SECOND} messages/s on {CONNECTIONS} connections\n"));
}

/// The median round trip in microseconds under load, and the messages a second of the load.
fn measure(watched: Watched) -> (f64, f64) {
    let (mut server, stderr, address, link) = listen(watched);
    let stop = Arc::new(AtomicBool::new(false));
    let viewer = (watched == Watched::Viewer).then(|| view(&link.unwrap()));
    let load = start_load(address, Arc::clone(&stop));
    let mut client = open(address);
    let mut trips = Vec::new();
    let begun = Instant::now();
    while begun.elapsed() < MEASURED {
        let asked = Instant::now();
        exchange(&mut client);
        trips.push(asked.elapsed().as_secs_f64() * 1e6);
        std::thread::sleep(PAUSE);
    }
    stop.store(true, Ordering::Relaxed);
    let reached = load.join().unwrap();
    server.kill().unwrap();
    server.wait().unwrap();
    drop(stderr);
    if let Some(viewer) = viewer {
        assert!(viewer.join().unwrap() > 0, "the viewer has read nothing");
    }
    (median(&trips), reached)
}

/// A listener, its address, and the link to its page.
#[allow(clippy::zombie_processes, reason = "what is unexpected ends the benchmark")]
fn listen(watched: Watched) -> (Child, BufReader<ChildStderr>, SocketAddr, Option<String>) {
    let web = (watched != Watched::NoPage).then_some("--web=127.0.0.1:0");
    let mut server = Command::new(env!("CARGO_BIN_EXE_secretcat"))
        .args(["listen", "127.0.0.1:0", "--backlog", "4096", "--max-connections", "2000"])
        .args(web)
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(server.stderr.take().unwrap());
    let mut link = None;
    loop {
        let mut text = String::new();
        assert!(lines.read_line(&mut text).unwrap() > 0, "the listener has not started");
        if let Some((_, file)) = text.split_once("its link, which works once, is in ") {
            let file = file.trim_end();
            link = Some(std::fs::read_to_string(file).unwrap().trim_end().to_owned());
            std::fs::remove_file(file).unwrap(); // a listener that is killed leaves it
        }
        if let Some((_, address)) = text.split_once("listening on ") {
            return (server, lines, address.trim_end().parse().unwrap(), link);
        }
    }
}

/// Opens the page, and reads its events until the listener ends; the thread returns how many bytes.
fn view(link: &str) -> JoinHandle<u64> {
    let (site, path) = link.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut welcome = String::new();
    let mut stream = TcpStream::connect(site).unwrap();
    stream.write_all(format!("GET /{path} HTTP/1.1\r\nHost: {site}\r\n\r\n").as_bytes()).unwrap();
    stream.read_to_string(&mut welcome).unwrap();
    let cookie = welcome.lines().find_map(|line| line.strip_prefix("Set-Cookie: ")).unwrap();
    let cookie = cookie.split(';').next().unwrap();
    let mut stream = TcpStream::connect(site).unwrap();
    let request = format!("GET /events HTTP/1.1\r\nHost: {site}\r\nCookie: {cookie}\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    std::thread::spawn(move || {
        let (mut buffer, mut total) = (vec![0; 64 * 1024], 0);
        while let Ok(len @ 1..) = stream.read(&mut buffer) {
            total += len as u64;
        }
        total
    })
}

/// Connects the load, and then sends messages at its rate until it is stopped; the thread returns the rate.
fn start_load(address: SocketAddr, stop: Arc<AtomicBool>) -> JoinHandle<f64> {
    let mut connections: Vec<TcpStream> = (0..CONNECTIONS).map(|_| open(address)).collect();
    for connection in &mut connections {
        connection.write_all(REQUEST).unwrap();
    }
    std::thread::spawn(move || {
        let (begun, mut sent) = (Instant::now(), 0_u32);
        let mut turns = (0..CONNECTIONS).cycle();
        while !stop.load(Ordering::Relaxed) {
            let due = u128::from(MESSAGES_A_SECOND) * begun.elapsed().as_micros() / 1_000_000;
            // At most 20 at a time: the rate that was reached is printed.
            for at in turns.by_ref().take(usize::from(due > u128::from(sent)) * 20) {
                take_reply(&mut connections[at]);
                connections[at].write_all(REQUEST).unwrap();
                sent += 1;
            }
            std::thread::sleep(Duration::from_micros(200));
        }
        f64::from(sent) / begun.elapsed().as_secs_f64()
    })
}

fn exchange(client: &mut TcpStream) {
    client.write_all(REQUEST).unwrap();
    take_reply(client);
}

fn take_reply(client: &mut TcpStream) {
    let mut reply = [0; REPLY.len()];
    client.read_exact(&mut reply).unwrap();
    assert_eq!(reply, REPLY);
}

fn open(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream
}
