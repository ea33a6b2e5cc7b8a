//! The compared programs: how each is started on the server's core, and its figures from the kernel.

use std::io::{self, BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::{Bench, Ours};
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

/// The core of the measured program; the load uses the first core.
const SERVER_CORE: &str = "1";

/// `program` on the server's core.
pub(crate) fn command(program: &str) -> Command {
    command_on(SERVER_CORE, program)
}

/// `program` on a core.
pub(crate) fn command_on(core: &str, program: &str) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", core, program]).stderr(Stdio::null());
    command
}

/// One of our programs, on the server's core.
pub(crate) fn secretcat(ours: &Ours) -> Command {
    command(&ours.path.to_string_lossy())
}

pub(crate) fn is_installed(program: &str) -> bool {
    find(program).is_some()
}

/// The path of a program: servers may be in directories that only root has in its path.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let dirs = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    dirs.map(|dir| dir.join(program)).find(|path| path.is_file())
}

/// A running server that replies to requests. It is killed when this value is dropped.
pub(crate) struct Server {
    pub(crate) name: &'static str,
    pub(crate) question: &'static [u8],
    pub(crate) answer: &'static [u8],
    pub(crate) addr: SocketAddr,
    /// It has a process or thread for each connection.
    pub(crate) forks: bool,
    child: Child,
}

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/compare/peers.py");
const QUESTION: &[u8] = b"SECRET 12345\n";
pub(crate) const ANSWER: &[u8] = b"Digits: 12345   Count: 5\n";

impl Server {
    pub(crate) fn secretcat(ours: &Ours, args: &[&str]) -> io::Result<Server> {
        let mut command = secretcat(ours);
        let mut child = command.args(["listen", "127.0.0.1:0"]).args(args).stderr(Stdio::piped()).spawn()?;
        let addr = announced(&mut child)?;
        Ok(Server { name: ours.name, question: QUESTION, answer: ANSWER, addr, forks: false, child })
    }

    pub(crate) fn python(kind: &'static str) -> io::Result<Server> {
        let mut child = command("python3").args([SCRIPT, kind]).stdout(Stdio::piped()).spawn()?;
        let line = first_line(child.stdout.take())?;
        let port: u16 = line.trim().parse().map_err(io::Error::other)?;
        let name = if kind == "asyncio" { "Python asyncio" } else { "Python socketserver" };
        let addr = ([127, 0, 0, 1], port).into();
        Ok(Server { name, question: QUESTION, answer: ANSWER, addr, forks: kind == "socketserver", child })
    }

    pub(crate) fn redis() -> io::Result<Server> {
        let addr = free_address()?;
        let port = addr.port().to_string();
        let args =
            ["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--maxclients", "12000", "--port", &port];
        let mut command = command("redis-server");
        command.args(args).stdout(Stdio::null());
        Server::listening("redis PING inline", command, addr, (b"PING\r\n", b"+PONG\r\n"))
    }

    /// The minimal server, which shows the cost of the kernel.
    pub(crate) fn bare() -> io::Result<Server> {
        let addr = free_address()?;
        let mut command = myself();
        command.args(["--bare-answers", &addr.to_string()]);
        Server::listening("a bare epoll loop", command, addr, (QUESTION, ANSWER))
    }

    /// haproxy(1) as a relay to an address, with one thread.
    pub(crate) fn haproxy(name: &'static str, to: SocketAddr) -> io::Result<Server> {
        let addr = free_address()?;
        let config = std::env::temp_dir().join(format!("secretcat-haproxy-{}.cfg", std::process::id()));
        let text = format!(
            "global\n nbthread 1\n maxconn 1000\ndefaults\n mode tcp\n option splice-auto\n timeout connect 10s\n \
             timeout client 60s\n timeout server 60s\nlisten relay\n bind {addr}\n server to {to}\n"
        );
        std::fs::write(&config, text)?;
        let program = find("haproxy").ok_or(io::ErrorKind::NotFound)?;
        let mut command = command(&program.to_string_lossy());
        command.args(["-db", "-q", "-f"]).arg(&config).stdout(Stdio::null());
        let server = Server::listening(name, command, addr, (QUESTION, ANSWER));
        std::fs::remove_file(config)?; // the server has read it
        server
    }

    /// The minimal relay to an address; `flag` selects which one.
    pub(crate) fn bare_relay(name: &'static str, flag: &str, to: SocketAddr) -> io::Result<Server> {
        let addr = free_address()?;
        let mut command = myself();
        command.args([flag, &addr.to_string(), &to.to_string()]);
        Server::listening(name, command, addr, (QUESTION, ANSWER))
    }

    /// socat and ncat as echo servers, with a process for each connection.
    pub(crate) fn socat() -> io::Result<Server> {
        let addr = free_address()?;
        let mut command = command("socat");
        command.args([&format!("TCP-LISTEN:{},bind=127.0.0.1,fork,backlog=128", addr.port()), "PIPE"]);
        let mut server = Server::listening("socat PIPE (echo)", command, addr, (QUESTION, QUESTION))?;
        server.forks = true;
        Ok(server)
    }

    pub(crate) fn ncat() -> io::Result<Server> {
        let addr = free_address()?;
        let mut command = command("ncat");
        command.args(["-l", "-k", "-m", "1000", "127.0.0.1", &addr.port().to_string(), "-e", "/bin/cat"]);
        let mut server = Server::listening("ncat -e cat (echo)", command, addr, (QUESTION, QUESTION))?;
        server.forks = true;
        Ok(server)
    }

    /// A server that is ready when it accepts connections.
    pub(crate) fn listening(
        name: &'static str,
        mut command: Command,
        addr: SocketAddr,
        (question, answer): (&'static [u8], &'static [u8]),
    ) -> io::Result<Server> {
        let server = Server { name, question, answer, addr, forks: false, child: command.spawn()? };
        let begun = Instant::now();
        while TcpStream::connect(addr).is_err() {
            if begun.elapsed() > Duration::from_secs(10) {
                return Err(io::Error::other(format!("{name} does not listen")));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(server)
    }

    /// The request and the reply.
    pub(crate) fn ask(&self) -> (&'static [u8], &'static [u8]) {
        (self.question, self.answer)
    }

    /// The seconds of processor time that it has used; `None` if other processes work for it.
    pub(crate) fn processor_time(&self) -> io::Result<Option<f64>> {
        if self.forks {
            return Ok(None);
        }
        let mut sum = 0.0;
        for task in std::fs::read_dir(format!("/proc/{}/task", self.child.id()))? {
            sum += scheduled(&task?.path())?;
        }
        Ok(Some(sum))
    }

    /// Its private memory in bytes.
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

/// The address in the ready line of our listener.
pub(crate) fn announced(child: &mut Child) -> io::Result<SocketAddr> {
    let line = first_line(child.stderr.take())?;
    let addr = line.trim().rsplit(' ').next().and_then(|addr| addr.parse().ok());
    addr.ok_or_else(|| io::Error::other(line))
}

fn first_line(stream: Option<impl Read>) -> io::Result<String> {
    let mut line = String::new();
    BufReader::new(stream.ok_or(io::ErrorKind::NotFound)?).read_line(&mut line)?;
    Ok(line)
}

/// Waits for the end of a child; returns whether it succeeded, and its seconds of processor time.
pub(crate) fn end(mut child: Child) -> io::Result<(bool, f64)> {
    // It is not reaped yet, so its figures are available.
    waitid(WaitId::Pid(Pid::from_child(&child)), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT)?;
    let used = scheduled(Path::new(&format!("/proc/{}", child.id())))?;
    Ok((child.wait()?.success(), used))
}

/// The largest resident memory of a child so far, in MiB.
pub(crate) fn peak_memory(child: &Child) -> io::Result<f64> {
    let text = std::fs::read_to_string(format!("/proc/{}/status", child.id()))?;
    let line =
        text.lines().find_map(|line| line.strip_prefix("VmHWM:")?.split_whitespace().next()?.parse::<f64>().ok());
    line.map(|kib| kib / 1024.0).ok_or_else(|| io::ErrorKind::NotFound.into())
}

/// The seconds that a task was on a processor, from its directory in /proc.
fn scheduled(task: &Path) -> io::Result<f64> {
    let text = std::fs::read_to_string(task.join("schedstat"))?;
    let nanos: u64 = text.split(' ').next().and_then(|n| n.parse().ok()).unwrap_or(0);
    Ok(Duration::from_nanos(nanos).as_secs_f64())
}

/// An address that was just free.
pub(crate) fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind("127.0.0.1:0")?.local_addr()
}

/// Repeatedly sends a byte and sleeps for a millisecond.
pub(crate) fn python_sleeper(addr: SocketAddr) -> Command {
    let mut command = command("python3");
    command.args([SCRIPT, "sleeper", &addr.port().to_string()]).stdin(Stdio::piped());
    command
}

/// The programs that send their stdin to an address, each with its name.
pub(crate) fn senders(bench: &Bench, addr: SocketAddr) -> Vec<(&'static str, Command)> {
    let (host, port) = (addr.ip().to_string(), addr.port().to_string());
    let mut all = Vec::new();
    let mut add = |name, mut command: Command, args: &[&str]| {
        command.args(args);
        all.push((name, command));
    };
    for ours in &bench.ours {
        add(ours.name, secretcat(ours), &["connect", "--raw", &addr.to_string()]);
    }
    if !bench.peers {
        return all;
    }
    if is_installed("nc.openbsd") {
        add("nc-openbsd", command("nc.openbsd"), &["-N", &host, &port]);
    }
    if is_installed("socat") {
        add("socat -b1M", command("socat"), &["-u", "-b1048576", "STDIN", &format!("TCP:{addr}")]);
    }
    if is_installed("ncat") {
        add("ncat", command("ncat"), &["--send-only", &host, &port]);
    }
    add("a bare splice loop", myself(), &["--bare-splice", &addr.to_string()]);
    all
}

/// This program, which contains the minimal programs for two of the jobs.
fn myself() -> Command {
    let path = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("compare"));
    command(&path.to_string_lossy())
}
