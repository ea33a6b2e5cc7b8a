//! Minimal programs for two of the jobs: the cost of the kernel alone, which no program can beat by much.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsFd;

use mio::net::TcpListener;
use mio::{Events, Interest, Poll, Token};

use crate::peers::ANSWER;

/// Sends stdin to an address within the kernel.
pub(crate) fn splice_to(addr: &str) -> io::Result<()> {
    use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice};
    const MOST: usize = 256 * 1024; // faster than 64 KiB and than 1 MiB
    let stream = TcpStream::connect(addr)?;
    let stdin = io::stdin();
    let is_file = File::from(stdin.as_fd().try_clone_to_owned()?).metadata()?.is_file();
    let move_all = |from: &dyn Fn() -> io::Result<usize>| -> io::Result<()> {
        while from()? > 0 {}
        Ok(())
    };
    let flags = SpliceFlags::MOVE;
    if !is_file {
        return move_all(&|| Ok(splice(stdin.as_fd(), None, &stream, None, MOST, flags)?));
    }
    let (out, into) = pipe_with(PipeFlags::CLOEXEC)?;
    fcntl_setpipe_size(&into, MOST)?;
    move_all(&|| {
        let taken = splice(stdin.as_fd(), None, &into, None, MOST, flags)?;
        let mut left = taken;
        while left > 0 {
            left -= splice(&out, None, &stream, None, left, flags)?;
        }
        Ok(taken)
    })
}

/// Sends the same reply to each line, until it is killed. It assumes that a read contains whole lines and that a write
/// is complete, which a real server must not assume.
pub(crate) fn answer_at(addr: SocketAddr) -> io::Result<()> {
    const LISTENER: Token = Token(usize::MAX);
    let mut listener = TcpListener::bind(addr)?;
    let (mut poll, mut events) = (Poll::new()?, Events::with_capacity(1024));
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let mut streams = slab::Slab::new();
    let (mut buf, answers) = (vec![0; 64 * 1024], ANSWER.repeat(8 * 1024));
    loop {
        poll.poll(&mut events, None)?;
        for event in &events {
            if event.token() == LISTENER {
                while let Ok((mut stream, _)) = listener.accept() {
                    let key = Token(streams.vacant_key());
                    poll.registry().register(&mut stream, key, Interest::READABLE)?;
                    streams.insert(stream);
                }
                continue;
            }
            let Some(stream) = streams.get_mut(event.token().0) else { continue };
            match stream.read(&mut buf) {
                Ok(0) => drop(streams.remove(event.token().0)),
                Ok(n) => {
                    let lines = memchr::memchr_iter(b'\n', &buf[..n]).count();
                    stream.write_all(&answers[..lines * ANSWER.len()])?;
                }
                Err(_) => {} // the next event reports the error
            }
        }
    }
}
