//! Bulk: a program reads a stream from a pipe or a file, and sends it to a socket that is always read.

use std::fs::File;
use std::io::{self, Read, Write};
use std::mem::MaybeUninit;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use socket2::SockRef;

use crate::figures::{Better, note};
use crate::peers::{self, end};
use crate::{Bench, Outcome};

const BLOCK: usize = 64 * 1024;
/// The length of the stream.
pub(crate) const SIZE: usize = 1 << 30;
/// Receives without copying (`MSG_TRUNC` of TCP, recv(2)), so that the load does not limit the rate.
const FORGET: i32 = 0x20;
/// With the timer slack of the kernel (prctl(2)) this is about 50 us; at 500 us windows fill up.
const GLANCE: Duration = Duration::from_micros(1);

pub(crate) fn print(bench: &Bench) -> Outcome {
    let path = stream_in_a_file()?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let addr = listener.local_addr()?;
    for (title, feed) in [("from a pipe", Feed::Pipe(SIZE)), ("from a file", Feed::File(&path, SIZE))] {
        for (_, command) in peers::senders(bench, addr) {
            run(command, &listener, feed, true)?;
        }
        let (mut rate, mut cpu) = (Vec::new(), Vec::new());
        for turn in 0..bench.runs {
            let mut senders = peers::senders(bench, addr);
            if turn % 2 == 1 {
                senders.reverse(); // as `alternate`
            }
            for (name, command) in senders {
                let (took, used) = run(command, &listener, feed, false)?;
                note(&mut rate, name, SIZE as f64 / took / f64::from(1 << 30));
                note(&mut cpu, name, used);
            }
        }
        bench.figures.table(&format!("bulk {title}, rate"), "GiB/s", Better::Higher, &rate);
        bench.figures.table(&format!("bulk {title}, processor time"), "s/GiB", Better::Lower, &cpu);
    }
    std::fs::remove_file(path)?;
    Ok(())
}

/// A file with the stream.
pub(crate) fn stream_in_a_file() -> io::Result<PathBuf> {
    let path = std::env::temp_dir().join(format!("secretcat-bench-{}", std::process::id()));
    let block = block();
    let mut file = File::create(&path)?;
    (0..SIZE / block.len()).try_for_each(|_| file.write_all(&block))?;
    Ok(path)
}

/// The block that the stream repeats.
fn block() -> Vec<u8> {
    (0..BLOCK).map(|n| (n.wrapping_mul(2_654_435_761) >> 13).to_le_bytes()[0]).collect()
}

/// The source of the stream.
#[derive(Clone, Copy)]
enum Feed<'a> {
    Pipe(usize),
    File(&'a Path, usize),
}

/// Runs one program over the stream; returns the seconds it took, and its seconds of processor time. With `check` every
/// byte is compared; otherwise bytes are only counted.
fn run(mut command: Command, listener: &TcpListener, feed: Feed<'_>, check: bool) -> io::Result<(f64, f64)> {
    let (stdin, size) = match feed {
        Feed::Pipe(size) => (Stdio::piped(), size),
        Feed::File(path, size) => (File::open(path)?.into(), size),
    };
    let begun = Instant::now();
    let mut child = command.stdin(stdin).stdout(Stdio::null()).spawn()?;
    let input = child.stdin.take();
    let feeder = thread::spawn(move || -> io::Result<()> {
        let block = block();
        let Some(mut input) = input else { return Ok(()) };
        (0..size / BLOCK).try_for_each(|_| input.write_all(&block))
    });
    let (stream, _) = listener.accept()?;
    let got = if check { compare(&stream)? } else { count(&stream)? };
    drop(stream); // secretcat waits for the half-close
    let took = begun.elapsed().as_secs_f64();
    let (well, cpu) = end(child)?;
    feeder.join().map_err(|_| io::Error::other("the feeder has failed"))??;
    if got != size || !well {
        return Err(io::Error::other(format!("{got} bytes of {size} arrived; ended well: {well}")));
    }
    Ok((took, cpu))
}

/// Receives the available bytes, then sleeps briefly. A receiver that waits in recv(2) is woken by every segment, and
/// these wake-ups would be a third of the work of the sender, for all programs.
pub(crate) fn count(stream: &TcpStream) -> io::Result<usize> {
    let mut buf = vec![MaybeUninit::uninit(); 4 << 20];
    let mut sum = 0;
    stream.set_nonblocking(true)?;
    loop {
        match SockRef::from(stream).recv_with_flags(&mut buf, FORGET) {
            Ok(0) => return Ok(sum),
            Ok(n) => sum += n,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => thread::sleep(GLANCE),
            Err(error) => return Err(error),
        }
    }
}

fn compare(mut stream: &TcpStream) -> io::Result<usize> {
    let (block, mut buf, mut sum) = (block(), vec![0; BLOCK], 0);
    loop {
        let n = stream.read(&mut buf)?;
        if n == 0 {
            return Ok(sum);
        }
        let at = sum % BLOCK;
        let first = n.min(BLOCK - at);
        if buf[..first] != block[at..at + first] || buf[first..n] != block[..n - first] {
            return Err(io::Error::other(format!("a wrong byte behind the {sum}th")));
        }
        sum += n;
    }
}
