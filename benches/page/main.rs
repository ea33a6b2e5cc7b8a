//! Whether the live page costs the clients of a listener anything.
//!
//! `cargo bench --bench page` starts a listener without `--web`, with it and no viewer, and with it and a viewer that
//! reads, 15 times each and in changing order. Each has a load of 1,000 connections with 100 events a second each. One
//! more client measures round trips meanwhile. A row has the median round trip, and the ratio of a listener without
//! `--web` to it, with the 95 % interval: with 1 in the interval, the page costs nothing that can be measured. It takes 3
//! minutes, and needs a machine that has no other work. The processor time of the listener (Linux) and the bytes that the
//! viewer gets show the cost on other machines too: `cargo bench --bench page 3` measures 3 times.
#![allow(clippy::unwrap_used, reason = "what is unexpected ends the benchmark")]

#[path = "../compare/figures.rs"]
#[allow(dead_code, clippy::format_push_string, reason = "two versions are not compared here")]
mod figures;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use figures::{Better, Figures, median, note, print};

/// How often each is measured, if no number is given.
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

/// What one run measures.
#[derive(Clone, Copy, Default)]
struct Measured {
    /// The median round trip, in microseconds.
    trip: f64,
    /// The messages a second of the load.
    load: f64,
    /// The processor time of the threads that serve clients, in microseconds a message.
    serving: f64,
    /// That of the thread of the page, in milliseconds a second.
    page: f64,
    /// The bytes a second that the viewer gets, in KiB.
    viewed: f64,
}

fn main() {
    let rounds = std::env::args().find_map(|arg| arg.parse().ok()).unwrap_or(ROUNDS);
    let (mut rows, mut pages, mut views) = ([const { Vec::new() }; 3], Vec::new(), Vec::new());
    for round in 0..rounds {
        // The first row is the one that the others are compared with.
        let mut measured = Watched::ALL.map(|watched| (watched, Measured::default()));
        for at in 0..measured.len() {
            let one = &mut measured[(round + at) % Watched::ALL.len()];
            one.1 = measure(one.0);
        }
        for (watched, Measured { trip, load, serving, page, viewed }) in measured {
            for (rows, figure) in rows.iter_mut().zip([trip, load, serving]) {
                note(rows, watched.name(), figure);
            }
            if watched == Watched::Viewer {
                pages.push(page);
                views.push(viewed);
            }
        }
    }
    let figures = Figures::new(None);
    let [trips, loads, serving] = rows;
    figures.table("round trip of another client", "us", Better::Lower, &trips);
    figures.table("load that was reached", "messages/s", Better::Higher, &loads);
    figures.table("processor time of the loop that serves clients", "us/message", Better::Lower, &serving);
    let (page, viewed) = (median(&pages), median(&views));
    print(&format!(
        "\nasked for: {MESSAGES_A_SECOND} messages/s on {CONNECTIONS} connections\nwith a viewer, the thread of the page takes \
         {page:.1} ms/s of a processor, and the viewer gets {viewed:.0} KiB/s\n"
    ));
}

/// Measures a listener under load.
fn measure(watched: Watched) -> Measured {
    let (mut server, stderr, address, link) = listen(watched);
    let stop = Arc::new(AtomicBool::new(false));
    let viewer = (watched == Watched::Viewer).then(|| view(&std::fs::read_to_string(link.as_ref().unwrap()).unwrap()));
    let load = start_load(address, Arc::clone(&stop));
    let mut client = open(address);
    let mut trips = Vec::new();
    let (begun, before) = (Instant::now(), processor_time(&server));
    while begun.elapsed() < MEASURED {
        let asked = Instant::now();
        exchange(&mut client);
        trips.push(asked.elapsed().as_secs_f64() * 1e6);
        std::thread::sleep(PAUSE);
    }
    let (after, seconds) = (processor_time(&server), begun.elapsed().as_secs_f64());
    stop.store(true, Ordering::Relaxed);
    let load = load.join().unwrap();
    server.kill().unwrap();
    server.wait().unwrap();
    if let Some(file) = link {
        std::fs::remove_file(file).unwrap(); // a listener that is killed leaves it
    }
    drop(stderr);
    let bytes = viewer.map_or(0, |viewer| viewer.join().unwrap());
    assert_eq!(bytes > 0, watched == Watched::Viewer, "the viewer has read {bytes} bytes");
    let used = |after: Duration, before: Duration| after.saturating_sub(before).as_secs_f64() / seconds;
    Measured {
        trip: median(&trips),
        load,
        serving: used(after.0, before.0) * 1e6 / load,
        page: used(after.1, before.1) * 1e3,
        viewed: f64::from(u32::try_from(bytes / 1024).unwrap()) / seconds,
    }
}

/// The time that the threads of a process have had a processor (Linux): those that serve clients, and that of the page.
fn processor_time(process: &Child) -> (Duration, Duration) {
    let (mut serving, mut page) = (Duration::ZERO, Duration::ZERO);
    for task in std::fs::read_dir(format!("/proc/{}/task", process.id())).into_iter().flatten().flatten() {
        let read = |name: &str| std::fs::read_to_string(task.path().join(name)).unwrap_or_default();
        let is_page = read("comm").trim_end() == "web";
        let time = read("schedstat").split(' ').next().and_then(|nanos| nanos.parse().ok()).unwrap_or(0);
        *if is_page { &mut page } else { &mut serving } += Duration::from_nanos(time);
    }
    (serving, page)
}

/// A listener, its address, and the file with the link to its page.
#[allow(clippy::zombie_processes, reason = "what is unexpected ends the benchmark")]
fn listen(watched: Watched) -> (Child, BufReader<ChildStderr>, SocketAddr, Option<PathBuf>) {
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
            link = Some(PathBuf::from(file));
        }
        if let Some((_, address)) = text.split_once("listening on ") {
            return (server, lines, address.trim_end().parse().unwrap(), link);
        }
    }
}

/// Opens the page, and reads its events until the listener ends; the thread returns how many bytes.
fn view(link: &str) -> JoinHandle<u64> {
    let (site, path) = link.trim_end().strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut welcome = String::new();
    let mut stream = TcpStream::connect(site).unwrap();
    stream.write_all(format!("GET /{path} HTTP/1.1\r\nHost: {site}\r\n\r\n").as_bytes()).unwrap();
    stream.read_to_string(&mut welcome).unwrap();
    let cookie = welcome.lines().find_map(|line| line.strip_prefix("Set-Cookie: ")).unwrap();
    let cookie = cookie.split(';').next().unwrap();
    let mut stream = TcpStream::connect(site).unwrap();
    let ask = |stream: &mut TcpStream, path: &str| {
        let request = format!("GET {path} HTTP/1.1\r\nHost: {site}\r\nCookie: {cookie}\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
    };
    ask(&mut stream, "/events");
    assert_ne!(stream.peek(&mut [0]).unwrap(), 0, "the events have begun");
    // As the page does, it wants all events of one connection.
    let mut choice = TcpStream::connect(site).unwrap();
    ask(&mut choice, "/choose?viewer=1&conn=1");
    choice.read_to_string(&mut welcome).unwrap();
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
