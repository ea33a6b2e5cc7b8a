//! Relays: one thread plays the clients and their server, so that everything except the relay is the same for every
//! program.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use crate::answers::measure;
use crate::figures::{Better, note, print};
use crate::load::{PATIENCE, open};
use crate::peers::{self, Server};
use crate::{Bench, Outcome, alternate};

/// The time limit of one measurement; it also ends after this number of rounds.
const TIME: Duration = Duration::from_millis(400);
const ROUNDS: usize = 100_000;
const REQUEST: &[u8] = b"SECRET 12345\n";
const REPLY: &[u8] = b"Digits: 12345   Count: 5\n";
/// The size of a bulk transfer through a relay.
const BULK: usize = 256 << 20;
const HAPROXY: &str = "HAProxy";
const SPLICE: &str = "a bare splice loop";

/// Every relay that is installed, secretcat first; all of them forward to this address.
fn relays(bench: &Bench, to: SocketAddr) -> io::Result<Vec<Server>> {
    let mut all = Vec::new();
    for ours in &bench.ours {
        all.push(Server::secretcat(ours, &["--relay", &to.to_string()])?);
    }
    if bench.peers {
        if peers::find("haproxy").is_some() {
            all.push(Server::haproxy(HAPROXY, to)?);
        } else {
            print("\nSKIPPED: haproxy is not installed, so the aim of the relay is not known\n");
        }
        all.push(Server::bare_relay(SPLICE, "--bare-splice-relay", to)?);
        all.push(Server::bare_relay("a bare recv and send loop", "--bare-copy-relay", to)?);
    }
    Ok(all)
}

/// Clients of a relay, each with the server's end of its connection.
struct Pairs(Vec<(TcpStream, TcpStream)>);

impl Pairs {
    fn connect(relay: SocketAddr, upstream: &TcpListener, count: usize) -> io::Result<Pairs> {
        (0..count as u64).map(|number| pair(relay, upstream, number)).collect::<io::Result<_>>().map(Pairs)
    }

    /// Every client sends, then every server replies; each waits for all before it.
    fn round(&mut self) -> io::Result<()> {
        let mut buf = [0; REPLY.len()];
        for (client, _) in &mut self.0 {
            client.write_all(REQUEST)?;
        }
        for (_, server) in &mut self.0 {
            expect(server, &mut buf, REQUEST)?;
            server.write_all(REPLY)?;
        }
        for (client, _) in &mut self.0 {
            expect(client, &mut buf, REPLY)?;
        }
        Ok(())
    }

    /// The number of round trips, and the seconds.
    fn run(&mut self) -> io::Result<(f64, f64)> {
        let (begun, mut rounds) = (Instant::now(), 0);
        while begun.elapsed() < TIME && rounds < ROUNDS {
            self.round()?;
            rounds += 1;
        }
        Ok(((rounds * self.0.len()) as f64, begun.elapsed().as_secs_f64()))
    }
}

/// Connects one client. Another connection at the server is that of an earlier client.
fn pair(relay: SocketAddr, upstream: &TcpListener, number: u64) -> io::Result<(TcpStream, TcpStream)> {
    let mut client = open(relay)?;
    client.write_all(&number.to_ne_bytes())?;
    loop {
        let (mut server, _) = upstream.accept()?;
        server.set_nodelay(true)?;
        server.set_read_timeout(Some(PATIENCE))?;
        server.set_write_timeout(Some(PATIENCE))?;
        let mut got = [0; 8];
        match server.read_exact(&mut got) {
            Ok(()) if got == number.to_ne_bytes() => return Ok((client, server)),
            Ok(()) => return Err(io::Error::other("a connection of another client")),
            Err(_) => {} // a client that only checked whether the relay listens
        }
    }
}

fn expect(stream: &mut TcpStream, buf: &mut [u8], bytes: &[u8]) -> io::Result<()> {
    let got = &mut buf[..bytes.len()];
    stream.read_exact(got)?;
    if got == bytes { Ok(()) } else { Err(io::Error::other("the relay has changed a byte")) }
}

pub(crate) fn lock_step(bench: &Bench) -> Outcome {
    for size in [1, 50] {
        let upstream = TcpListener::bind("127.0.0.1:0")?;
        let relays = relays(bench, upstream.local_addr()?)?;
        let (mut rates, mut costs) = (Vec::new(), Vec::new());
        for run in 0..bench.runs {
            let mut lower = f64::INFINITY;
            for relay in alternate(&relays, run) {
                let mut pairs = Pairs::connect(relay.addr, &upstream, size)?;
                pairs.round()?; // warm
                let rate = measure(relay, &mut rates, &mut costs, || pairs.run())?;
                if relay.name == HAPROXY || relay.name == SPLICE {
                    lower = lower.min(rate);
                }
            }
            if lower.is_finite() {
                note(&mut rates, "HAProxy or splice, the lower", lower);
            }
        }
        let connections = if size == 1 { "1 connection" } else { "50 connections" };
        bench.figures.table(&format!("relay in lock-step, {connections}"), "thousand/s", Better::Higher, &rates);
        let title = format!("relay in lock-step, {connections}: its processor time");
        bench.figures.table(&title, "us/answer", Better::Lower, &costs);
    }
    bulk(bench)
}

/// One client sends a long stream.
fn bulk(bench: &Bench) -> Outcome {
    let upstream = TcpListener::bind("127.0.0.1:0")?;
    let relays = relays(bench, upstream.local_addr()?)?;
    let (mut rates, mut costs) = (Vec::new(), Vec::new());
    for run in 0..bench.runs {
        for relay in alternate(&relays, run) {
            let (mut client, server) = pair(relay.addr, &upstream, 0)?;
            let before = relay.processor_time()?;
            let begun = Instant::now();
            let feeder = std::thread::spawn(move || {
                let block = vec![b'x'; 64 * 1024];
                (0..BULK / block.len()).try_for_each(|_| client.write_all(&block)).map(|()| drop(client))
            });
            let got = io::copy(&mut &server, &mut io::sink())?;
            let took = begun.elapsed().as_secs_f64();
            feeder.join().map_err(|_| io::Error::other("the feeder has failed"))??;
            if got != BULK as u64 {
                return Err(format!("{}: {got} bytes of {BULK} arrived", relay.name).into());
            }
            let gib = BULK as f64 / f64::from(1 << 30);
            note(&mut rates, relay.name, gib / took);
            if let Some((before, after)) = before.zip(relay.processor_time()?) {
                note(&mut costs, relay.name, (after - before) / gib);
            }
        }
    }
    bench.figures.table("relay of a stream, rate", "GiB/s", Better::Higher, &rates);
    bench.figures.table("relay of a stream: its processor time", "s/GiB", Better::Lower, &costs);
    Ok(())
}
