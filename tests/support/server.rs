//! A message listener of its own for a test, and what it is asked.

use std::net::{SocketAddr, TcpStream};
use std::process::Command;

use rustix::process::Signal;

use super::{Outcome, Proc, converse, secretcat, tcp};

/// The answer of the service to one message.
pub(crate) fn digits(digits: &str) -> String {
    format!("Digits: {digits}   Count: {}\n", digits.len())
}

pub(crate) const NOT_FOUND: &str = "Secret code not found.\n";

/// A message listener of its own for one test.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) proc: Proc,
    pub(crate) addr: SocketAddr,
    /// The line that said so.
    pub(crate) said: String,
}

impl Server {
    /// `secretcat listen 127.0.0.1:0` with these arguments besides.
    #[track_caller]
    pub(crate) fn start(args: &[&str]) -> Server {
        Server::at("127.0.0.1:0", args)
    }

    #[track_caller]
    pub(crate) fn at(address: &str, args: &[&str]) -> Server {
        Server::from_command(secretcat(["listen", address]).args(args))
    }

    /// Whatever says `listening on ADDR:PORT` on its stderr.
    #[track_caller]
    pub(crate) fn from_command(command: &mut Command) -> Server {
        Server::from_proc(Proc::start(command))
    }

    #[track_caller]
    pub(crate) fn from_proc(proc: Proc) -> Server {
        let heard = proc.stderr.wait(|bytes, over| over || listening_on(bytes).is_some()).0;
        let Some((said, addr)) = listening_on(&heard) else {
            panic!("{} does not listen: {:?}", proc.name, String::from_utf8_lossy(&heard));
        };
        Server { proc, addr, said }
    }

    pub(crate) fn port(&self) -> String {
        self.addr.port().to_string()
    }

    pub(crate) fn address(&self) -> String {
        self.addr.to_string()
    }

    /// A connection with the deadline on its reads and writes.
    #[track_caller]
    pub(crate) fn open(&self) -> TcpStream {
        tcp(self.addr)
    }

    /// Sends this, half-closes, and returns all that comes back until the end of file.
    #[track_caller]
    pub(crate) fn say(&self, bytes: impl AsRef<[u8]>) -> String {
        String::from_utf8_lossy(&converse(self.open(), bytes.as_ref())).into_owned()
    }

    /// Asks it to end with SIGTERM, and waits.
    #[track_caller]
    pub(crate) fn stop(self) -> Outcome {
        self.proc.signal(Signal::TERM);
        self.proc.end()
    }

    /// Ends it and compares all that it has said besides the line of its address.
    #[track_caller]
    pub(crate) fn stops_with(self, stderr: &str) {
        let expected = format!("{}{stderr}", self.said);
        self.stop().is(0, "", expected);
    }
}

fn listening_on(bytes: &[u8]) -> Option<(String, SocketAddr)> {
    let text = String::from_utf8_lossy(bytes);
    let mut lines = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
    lines.find_map(|line| {
        // The journal gets the level before it.
        let text = line.trim_end().trim_start_matches("<6>");
        Some((line.to_owned(), text.strip_prefix("listening on ")?.parse().ok()?))
    })
}
