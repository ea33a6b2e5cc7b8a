//! The command lines of the programs of the table: each listens or connects, with something to send or without.

use std::net::SocketAddrV4;
use std::process::Command;
use std::sync::OnceLock;

use crate::cell::Peer;
use crate::support::{clear_env, has, shell, skip};

/// The role in making the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Listen,
    Connect,
}

/// What the program at the other end sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It sends its input, then half-closes.
    Sends,
    /// It sends nothing and ends after the other side.
    Receives,
}

/// The number of bytes after which a peer closes early, and the length of the first part of a stream of two.
pub const EARLY: usize = 5000;

impl Peer {
    /// Whether this machine has the program; where not, that is printed.
    pub fn is_here(self) -> bool {
        let program = match self {
            Peer::Secretcat => return true,
            Peer::Nc => "nc",
            Peer::Ncat => "ncat",
            Peer::Socat => "socat",
            Peer::Python => "python3",
        };
        let here = has(program);
        if !here {
            skip::skip(program);
        }
        here
    }

    /// Whether the program drops the rest of a write that is cut short: of ncat 7.93, what its pipe or socket had not
    /// taken when it was stopped, or frozen with the machine, is missing.
    pub fn drops_rest_of_write(self) -> bool {
        self == Peer::Ncat
    }

    /// The command that listens at this address or connects to it.
    pub fn command(self, role: Role, address: SocketAddrV4, mode: Mode) -> Command {
        let (host, port) = (address.ip().to_string(), address.port().to_string());
        let sends = mode == Mode::Sends;
        let listens = role == Role::Listen;
        let pick = |yes: bool, words: &'static [&'static str]| if yes { words } else { &[] };
        let mut command;
        match self {
            Peer::Secretcat => {
                let listen: &[&str] = &["listen", &address.to_string(), "--service", "pipe"];
                let connect: &[&str] = &["connect", &address.to_string(), "--raw"];
                return redirected(if listens { listen } else { connect }, "");
            }
            Peer::Nc => {
                command = Command::new("nc");
                command.arg("-n").args(pick(sends, &["-N"])).args(pick(listens, &["-l"])).args([host, port]);
            }
            Peer::Ncat => {
                command = Command::new("ncat");
                // A listener with --recv-only ends its side at once: it has a stdin that does not end.
                command.arg("-n").args(pick(!sends && !listens, &["--recv-only"]));
                command.args(pick(listens, &["-l"])).args([host, port]);
            }
            Peer::Socat => {
                command = Command::new("socat");
                let end = match role {
                    Role::Listen => format!("TCP-LISTEN:{port},bind={host},reuseaddr"),
                    Role::Connect => format!("TCP:{host}:{port}"),
                };
                // -t: the time that the other direction may continue after one has ended.
                match mode {
                    Mode::Sends => command.args(["-t", "60", "-", &end]),
                    Mode::Receives => command.args(["-u", &end, "STDOUT"]),
                };
            }
            Peer::Python => {
                command = Command::new(python());
                command.args(["-I", "-S", concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/stream.py")]);
                command.args([if listens { "listen" } else { "connect" }, &host, &port]);
                command.args(pick(!sends, &["--no-input"]));
            }
        }
        clear_env(&mut command);
        command
    }
}

/// secretcat with redirections in the words of the shell, such as `<&-`.
pub fn redirected(args: &[&str], redirections: &str) -> Command {
    shell(&format!("exec \"$0\" \"$@\" {redirections}"), args)
}

/// The interpreter itself: what is first in `$PATH` may be a script that looks for it.
fn python() -> &'static str {
    static PATH: OnceLock<String> = OnceLock::new();
    PATH.get_or_init(|| {
        let out = Command::new("python3").args(["-c", "import sys; print(sys.executable)"]).output().unwrap();
        String::from_utf8(out.stdout).unwrap().trim().to_owned()
    })
}
