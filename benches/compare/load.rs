//! The load: requests over any number of connections, from one thread that never polls; every reply is compared.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// The time limit of a reply.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Connections that repeat the same request.
pub(crate) struct Crowd {
    streams: Vec<TcpStream>,
    questions: Vec<u8>,
    answers: Vec<u8>,
    buf: Vec<u8>,
    depth: usize,
}

impl Crowd {
    /// Opens `size` connections, each with `depth` requests at a time.
    pub(crate) fn gather(addr: SocketAddr, size: usize, depth: usize, ask: (&[u8], &[u8])) -> io::Result<Crowd> {
        let streams: io::Result<Vec<_>> = (0..size).map(|_| open(addr)).collect();
        let answers = ask.1.repeat(depth);
        Ok(Crowd { streams: streams?, questions: ask.0.repeat(depth), buf: vec![0; answers.len()], answers, depth })
    }

    /// Every connection sends a request, then every reply is read.
    pub(crate) fn round(&mut self) -> io::Result<()> {
        for stream in &mut self.streams {
            stream.write_all(&self.questions)?;
        }
        for stream in &mut self.streams {
            stream.read_exact(&mut self.buf)?;
            if self.buf != self.answers {
                return Err(io::Error::other("a wrong answer"));
            }
        }
        Ok(())
    }

    /// The replies per second, measured for this time.
    pub(crate) fn rate(&mut self, time: Duration) -> io::Result<f64> {
        self.round()?; // warm
        let (count, seconds) = self.ask_for(time)?;
        Ok(count / seconds)
    }

    /// Sends requests for this time; returns the number of replies and the seconds.
    pub(crate) fn ask_for(&mut self, time: Duration) -> io::Result<(f64, f64)> {
        let (begun, mut rounds) = (Instant::now(), 0);
        while begun.elapsed() < time {
            self.round()?;
            rounds += 1;
        }
        Ok(((rounds * self.streams.len() * self.depth) as f64, begun.elapsed().as_secs_f64()))
    }
}

/// Conversations that connect, send one request and close, eight at a time; returns their number and the seconds.
pub(crate) fn visits(addr: SocketAddr, count: usize, ask: (&[u8], &[u8])) -> io::Result<(f64, f64)> {
    let begun = Instant::now();
    for _ in 0..count / 8 {
        Crowd::gather(addr, 8, 1, ask)?.round()?;
    }
    Ok(((count / 8 * 8) as f64, begun.elapsed().as_secs_f64()))
}

pub(crate) fn open(addr: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(addr)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}
