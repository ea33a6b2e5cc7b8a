//! The programs that are compared: how each is started, on the server's core, and what the kernel says of it.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

/// The core that what is measured runs on; the load runs on the first.
const SERVER_CORE: &str = "1";

/// `program` on the server's core.
pub(crate) fn command(program: &str) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", SERVER_CORE, program]).stderr(Stdio::null());
    command
}

pub(crate) fn secretcat() -> Command {
    command(env!("CARGO_BIN_EXE_secretcat"))
}

pub(crate) fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|dir| dir.join(program).is_file())
}

/// A running server that answers questions. It is ended when this goes.
pub(crate) struct Server {
    pub(crate) name: &'static str,
    pub(crate) question: &'static [u8],
    pub(crate) answer: &'static [u8],
    pub(crate) addr: SocketAddr,
    child: Child,
}

const QUESTION: &[u8] = b"SECRET 12345\n";
const ANSWER: &[u8] = b"Digits: 12345   Count: 5\n";

impl Server {
    pub(crate) fn secretcat(name: &'static str, args: &[&str]) -> io::Result<Server> {
        let mut command = secretcat();
        let mut child = command.args(["listen", "127.0.0.1:0"]).args(args).stderr(Stdio::piped()).spawn()?;
        let line = first_line(child.stderr.take())?;
        let addr = line.trim().rsplit(' ').next().and_then(|addr| addr.parse().ok());
        let addr = addr.ok_or_else(|| io::Error::other(line))?;
        Ok(Server { name, question: QUESTION, answer: ANSWER, addr, child })
    }

    pub(crate) fn python(kind: &'static str) -> io::Result<Server> {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/compare/servers.py");
        let mut child = command("python3").args([script, kind]).stdout(Stdio::piped()).spawn()?;
        let line = first_line(child.stdout.take())?;
        let port: u16 = line.trim().parse().map_err(io::Error::other)?;
        let name = if kind == "asyncio" { "Python asyncio" } else { "Python socketserver" };
        Ok(Server { name, question: QUESTION, answer: ANSWER, addr: ([127, 0, 0, 1], port).into(), child })
    }

    pub(crate) fn redis() -> io::Result<Server> {
        let addr = TcpListener::bind("127.0.0.1:0")?.local_addr()?; // free a moment ago
        let port = addr.port().to_string();
        let args =
            ["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--maxclients", "12000", "--port", &port];
        let child = command("redis-server").args(args).stdout(Stdio::null()).spawn()?;
        let begun = Instant::now();
        while TcpStream::connect(addr).is_err() {
            if begun.elapsed() > Duration::from_secs(10) {
                return Err(io::Error::other("redis-server does not listen"));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(Server { name: "redis PING inline", question: b"PING\r\n", answer: b"+PONG\r\n", addr, child })
    }

    /// Bytes of memory that are its own.
    pub(crate) fn memory(&self) -> io::Result<u64> {
        let text = std::fs::read_to_string(format!("/proc/{}/smaps_rollup", self.child.id()))?;
        let lines = text.lines().filter(|line| line.starts_with("Private_") || line.starts_with("Swap:"));
        Ok(lines.filter_map(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok()).sum::<u64>() * 1024)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn first_line(stream: Option<impl Read>) -> io::Result<String> {
    let mut line = String::new();
    BufReader::new(stream.ok_or(io::ErrorKind::NotFound)?).read_line(&mut line)?;
    Ok(line)
}

/// Waits for the end of a child; the seconds of processor time it has used.
pub(crate) fn end(mut child: Child) -> io::Result<(bool, f64)> {
    // Not reaped yet, it can still be asked.
    waitid(WaitId::Pid(Pid::from_child(&child)), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT)?;
    let text = std::fs::read_to_string(format!("/proc/{}/schedstat", child.id()))?;
    let nanos: u64 = text.split(' ').next().and_then(|n| n.parse().ok()).unwrap_or(0);
    Ok((child.wait()?.success(), Duration::from_nanos(nanos).as_secs_f64()))
}

/// The programs that send their stdin to an address, each with its name.
pub(crate) fn senders(addr: SocketAddr) -> Vec<(&'static str, Command)> {
    let (host, port) = (addr.ip().to_string(), addr.port().to_string());
    let mut all = Vec::new();
    let mut add = |name, mut command: Command, args: &[&str]| {
        command.args(args);
        all.push((name, command));
    };
    add("secretcat", secretcat(), &["connect", "--raw", &addr.to_string()]);
    if is_installed("nc.openbsd") {
        add("nc-openbsd", command("nc.openbsd"), &["-N", &host, &port]);
    }
    if is_installed("socat") {
        add("socat -b1M", command("socat"), &["-u", "-b1048576", "STDIN", &format!("TCP:{addr}")]);
    }
    if is_installed("ncat") {
        add("ncat", command("ncat"), &["--send-only", &host, &port]);
    }
    let myself = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("compare"));
    let mut bare = command(&myself.to_string_lossy());
    bare.arg0("bare");
    add("a bare splice loop", bare, &["--bare-splice", &addr.to_string()]);
    all
}

/// The least code that sends stdin to an address within the kernel.
pub(crate) fn bare_splice(addr: &str) -> io::Result<()> {
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
