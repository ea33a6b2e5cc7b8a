//! A minimal relay: the cost of the kernel alone, which no relay can beat by much.

use std::io::{self, Read as _, Write as _};
use std::net::SocketAddr;
use std::os::fd::OwnedFd;

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, SpliceFlags, pipe_with, splice};
use slab::Slab;

const MOST: usize = 64 * 1024;

/// One connection, and the key of the other one.
struct End {
    stream: TcpStream,
    other: usize,
    pipe: Option<(OwnedFd, OwnedFd)>,
}

/// Relays connections until it is killed, through pipes within the kernel or through a buffer. It assumes that writes
/// are complete, and closes both connections when one ends, which a real relay must not do.
pub(crate) fn run(at: SocketAddr, to: SocketAddr, splices: bool) -> io::Result<()> {
    const LISTENER: Token = Token(usize::MAX);
    let mut listener = TcpListener::bind(at)?;
    let (mut poll, mut events) = (Poll::new()?, Events::with_capacity(1024));
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let (mut ends, mut buf) = (Slab::new(), vec![0; MOST]);
    loop {
        poll.poll(&mut events, None)?;
        for event in &events {
            if event.token() != LISTENER {
                if !forward(&mut ends, event.token().0, &mut buf) {
                    let other = ends.try_remove(event.token().0).map(|end: End| end.other);
                    other.and_then(|other| ends.try_remove(other));
                }
                continue;
            }
            while let Ok((client, _)) = listener.accept() {
                let server = TcpStream::from_std(connect(to)?);
                client.set_nodelay(true)?;
                let first = ends.vacant_key();
                let second = ends.insert(End { stream: client, other: 0, pipe: pipe(splices)? });
                let second = ends.insert(End { stream: server, other: second, pipe: pipe(splices)? });
                ends[first].other = second;
                for key in [first, second] {
                    poll.registry().register(&mut ends[key].stream, Token(key), Interest::READABLE)?;
                }
            }
        }
    }
}

fn connect(to: SocketAddr) -> io::Result<std::net::TcpStream> {
    let stream = std::net::TcpStream::connect(to)?;
    stream.set_nodelay(true)?;
    stream.set_nonblocking(true)?;
    Ok(stream)
}

fn pipe(splices: bool) -> io::Result<Option<(OwnedFd, OwnedFd)>> {
    if splices { Ok(Some(pipe_with(PipeFlags::CLOEXEC)?)) } else { Ok(None) }
}

/// Forwards the received bytes of one end. False: it has ended, or one of the two has failed.
fn forward(ends: &mut Slab<End>, key: usize, buf: &mut [u8]) -> bool {
    let Some(end) = ends.get(key) else { return true };
    let Some(other) = ends.get(end.other) else { return false };
    loop {
        let n = match &end.pipe {
            Some((out, into)) => match splice(&end.stream, None, into, None, MOST, SpliceFlags::MOVE) {
                Ok(n) => through(out, &other.stream, n).map(|()| n),
                Err(error) => Err(error.into()),
            },
            None => (&end.stream).read(buf).and_then(|n| whole(&other.stream, &buf[..n]).map(|()| n)),
        };
        match n {
            Ok(0) => return false,
            Ok(n) if n < MOST && end.pipe.is_none() => return true,
            Ok(n) if n < MOST / 4 => return true, // small segments may fill a pipe with fewer bytes
            Ok(_) => {}
            Err(error) => return error.kind() == io::ErrorKind::WouldBlock,
        }
    }
}

/// Empties a pipe, and retries while the socket is full.
fn through(out: &OwnedFd, to: &TcpStream, mut left: usize) -> io::Result<()> {
    while left > 0 {
        match splice(out, None, to, None, left, SpliceFlags::MOVE) {
            Ok(n) => left -= n,
            Err(Errno::AGAIN) => std::thread::yield_now(),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// As [`through`], from a buffer.
fn whole(mut to: &TcpStream, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match to.write(bytes) {
            Ok(n) => bytes = &bytes[n..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => std::thread::yield_now(),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
