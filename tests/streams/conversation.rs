//! Runs one cell: starts the programs, and feeds and ends each one when its event has happened.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::cell::{Cell, Direction, End, Peer, Side, Size, Stdin};
use crate::check;
use crate::contract::Expected;
use crate::programs::{EARLY, Mode, Role, redirected};
use crate::stdio::{Feeder, Files, From, Input, Output, Watcher, bytes_of};
use crate::support::sockets::{self, Socket};
use crate::support::{Outcome, Proc};

/// The time limit of a cell, far above its duration on a busy machine.
pub const LIMIT: Duration = Duration::from_secs(60);

/// The interval at which the state of a socket is checked.
const LOOK: Duration = Duration::from_millis(2);

/// A program with the test's ends of its streams.
struct Program {
    proc: Proc,
    feeder: Feeder,
    watcher: Watcher,
}

impl Program {
    fn start(command: &mut std::process::Command, input: Input, output: Output) -> Program {
        let proc = Proc::start_on(command, input.stdio, output.stdio, std::process::Stdio::piped());
        Program { proc, feeder: input.feeder, watcher: output.watcher }
    }
}

/// A cell with its programs.
struct Conversation {
    cell: Cell,
    until: Instant,
    /// The addresses of this side's connection and of the peer's; with a relay they differ.
    near: SocketAddrV4,
    far: SocketAddrV4,
    ours: Program,
    peer: Option<Program>,
    relay: Option<Proc>,
}

/// How all programs of a cell ended.
pub struct Ended {
    pub ours: Outcome,
    pub peer: Option<Outcome>,
    pub relay: Option<Outcome>,
}

/// Runs one cell; the error describes a wrong result. The number distinguishes the cells of a run.
pub fn run(cell: Cell, number: u16, files: &Files) -> Result<(), String> {
    let mut conversation = Conversation::start(cell, number, files)?;
    if let Err(wrong) = conversation.drive().and_then(|()| conversation.ends()) {
        return Err(wrong + &conversation.stderrs());
    }
    let Conversation { ours, peer, relay, .. } = conversation;
    let ended = Ended { ours: ours.proc.end(), peer: peer.map(|peer| peer.proc.end()), relay: relay.map(Proc::end) };
    check::check(cell, &ended)
}

impl Conversation {
    fn start(cell: Cell, number: u16, files: &Files) -> Result<Conversation, String> {
        let until = Instant::now() + LIMIT;
        // An address of this process and ports of this cell, which nothing else uses.
        let [.., high, low] = std::process::id().to_be_bytes();
        let address = |port| SocketAddrV4::new(Ipv4Addr::new(127, high, low, 1), port);
        let near = address(10_000 + 2 * number);
        let far = if cell.side == Side::Relay { address(10_001 + 2 * number) } else { near };
        let role = if cell.peer_listens() { Role::Listen } else { Role::Connect };
        let start_peer = || -> Result<Option<Program>, String> {
            if cell.end == End::Refused {
                return Ok(None);
            }
            let (input, mode) = peer_input(cell, files);
            let mut command = cell.peer.command(role, far, mode);
            if cell.end == End::PeerClosesEarly && cell.peer == Peer::Python {
                command.args(["--close-after", &EARLY.to_string()]);
            }
            let peer = Program::start(&mut command, input, peer_output(cell));
            while role == Role::Listen && !sockets::listens(far) {
                if peer.proc.ends_by(Instant::now() + LOOK) || Instant::now() > until {
                    return Err(format!("the peer does not listen: {:?}", peer.proc.output_so_far()));
                }
            }
            Ok(Some(peer))
        };
        let (ours, peer, relay);
        if cell.peer_listens() {
            peer = start_peer()?;
            relay = if cell.side == Side::Relay {
                let args = ["listen", &near.to_string(), "--relay", &far.to_string()];
                let proc = Proc::start(&mut redirected(&args, ""));
                proc.wait_for_stderr("listening on");
                Some(proc)
            } else {
                None
            };
            ours = start_ours(cell, near, files);
        } else {
            ours = start_ours(cell, near, files);
            ours.proc.wait_for_stderr("listening on");
            (peer, relay) = (start_peer()?, None);
        }
        Ok(Conversation { cell, until, near, far, ours, peer, relay })
    }

    /// Everything between the start and the end.
    fn drive(&mut self) -> Result<(), String> {
        let Cell { stdin, end, direction, size, .. } = self.cell;
        let all_of_ours = if self.cell.sends() { bytes_of(From::Ours, size) } else { b"" };
        let comes_late = stdin == Stdin::PipeLate && !self.cell.cannot_write();
        let typed = stdin == Stdin::Terminal && (self.cell.sends() || end == End::OursFirst);
        let first_part = &bytes_of(From::Ours, Size::Big)[..EARLY];
        let stays_open = self.cell.end_may_come_before_reset();
        if typed || comes_late || stays_open {
            // It may be over already.
            self.wait("connection", |this| this.our_socket().is_some() || this.peer_is_gone())?;
        }
        if typed {
            self.ours.feeder.feed(all_of_ours);
        }
        let in_parts = self.cell.in_parts();
        if in_parts {
            self.ours.feeder.feed_part(first_part);
        }
        if end == End::PeerKilled && direction == Direction::Both {
            self.peer_feeder().feed_open(bytes_of(From::Peer, size));
        }
        match end {
            End::PeerFirst if comes_late => self.wait("FIN of the peer", Conversation::peer_has_ended)?,
            End::PeerKilled if direction == Direction::FromPeer => {
                self.peer_feeder().feed_part(&bytes_of(From::Peer, Size::Big)[..EARLY]);
                self.wait("first bytes of the peer", |this| this.ours.proc.output_so_far().0.len() >= EARLY)?;
                self.kill_peer();
            }
            End::PeerKilled if in_parts => {
                self.wait("first part at the peer", |this| this.peer_proc().output_so_far().0.len() >= EARLY)?;
                self.kill_peer();
                self.wait("end of the killed peer", Conversation::peer_has_ended)?;
            }
            End::PeerKilled => {
                self.wait("bytes that the peer cannot write", Conversation::peer_is_stuck)?;
                self.kill_peer();
            }
            End::PeerClosesEarly if in_parts && self.cell.peer == Peer::Python => {
                self.wait("FIN of the peer", Conversation::peer_has_ended)?;
            }
            End::PeerClosesEarly if in_parts => {
                self.wait("end of the peer's reader", |this| this.peer.as_ref().unwrap().watcher.has_left())?;
            }
            _ => {}
        }
        if stays_open {
            self.ours.feeder.feed_open(all_of_ours);
            self.wait("reset at the client", |this| this.our_socket().is_none())?;
            self.ours.feeder = Feeder::Nothing;
        } else if comes_late {
            self.ours.feeder.feed(all_of_ours);
        }
        if end == End::OursFirst && self.cell.receives() {
            self.wait("FIN of this side", |this| this.peer_socket().is_some_and(|socket| socket.peer_has_ended()))?;
            self.peer_feeder().feed(bytes_of(From::Peer, size));
        }
        Ok(())
    }

    /// Waits until all programs have ended.
    fn ends(&mut self) -> Result<(), String> {
        let Cell { side, peer: kind, .. } = self.cell;
        if side == Side::Keep {
            if !self.cell.cannot_write() {
                self.wait("end of the peer", Conversation::peer_is_gone)?;
                self.wait("close of the connection", |this| {
                    this.our_socket().is_none() && this.our_socket().is_none()
                })?;
            }
            if !self.cell.cannot_write() && !self.ours.proc.ends_by(Instant::now()) {
                self.ours.proc.signal(Signal::TERM);
            }
        }
        if !self.ours.proc.ends_by(self.until) {
            return Err(format!("this side does not end within {LIMIT:?}"));
        }
        if let Some(peer) = &mut self.peer {
            peer.feeder = Feeder::Nothing;
            let watched = self.cell.expected() == Expected::Equal || matches!(kind, Peer::Secretcat | Peer::Python);
            if !watched {
                peer.proc.signal(Signal::KILL);
            }
            if !peer.proc.ends_by(self.until) {
                return Err(format!("the peer does not end within {LIMIT:?}"));
            }
        }
        if let Some(relay) = &self.relay {
            relay.signal(Signal::TERM);
            if !relay.ends_by(self.until) {
                return Err(format!("the relay does not end within {LIMIT:?}"));
            }
        }
        Ok(())
    }

    /// Waits for an event, or for the end of this side, which is judged later.
    fn wait(&mut self, what: &str, happened: impl Fn(&Conversation) -> bool) -> Result<(), String> {
        while !happened(self) && !self.ours.proc.ends_by(Instant::now() + LOOK) {
            if Instant::now() > self.until {
                return Err(format!("no {what} within {LIMIT:?}"));
            }
        }
        Ok(())
    }

    fn our_socket(&self) -> Option<Socket> {
        if matches!(self.cell.side, Side::Listen | Side::Keep) {
            sockets::accepted(self.near)
        } else {
            sockets::connecting(self.near).filter(Socket::is_up)
        }
    }

    fn peer_socket(&self) -> Option<Socket> {
        if self.cell.peer_listens() { sockets::accepted(self.far) } else { sockets::connecting(self.far) }
    }

    /// Whether the peer's FIN or reset has arrived.
    fn peer_has_ended(&self) -> bool {
        self.our_socket().is_none_or(|socket| socket.peer_has_ended())
    }

    /// Whether a peer that cannot write has received what it needs before it is killed: of many bytes, some that it has
    /// not read; of a line, all bytes and our FIN.
    fn peer_is_stuck(&self) -> bool {
        let leaves_it_unread = matches!(self.cell.peer, Peer::Secretcat | Peer::Socat);
        self.peer_socket().is_some_and(|socket| match self.cell.size {
            Size::Big => socket.unread > 1,
            Size::Line => socket.peer_has_ended() && (socket.unread <= 1 || leaves_it_unread),
        })
    }

    fn peer_proc(&self) -> &Proc {
        &self.peer.as_ref().unwrap().proc
    }

    fn peer_is_gone(&self) -> bool {
        self.peer.as_ref().is_none_or(|peer| peer.proc.ends_by(Instant::now()))
    }

    fn peer_feeder(&mut self) -> &mut Feeder {
        &mut self.peer.as_mut().unwrap().feeder
    }

    fn kill_peer(&self) {
        self.peer_proc().signal(Signal::KILL);
    }

    /// The output of all programs so far.
    fn stderrs(&self) -> String {
        let mut text = String::new();
        let peer = self.peer.as_ref().map(|peer| &peer.proc);
        for (name, proc) in [("ours", Some(&self.ours.proc)), ("peer", peer), ("relay", self.relay.as_ref())] {
            if let Some(proc) = proc {
                let (stdout, stderr) = proc.output_so_far();
                let _ = write!(text, "\n    {name}: {} bytes on stdout, stderr {stderr:?}", stdout.len());
            }
        }
        text
    }
}

/// The program of the columns: the side that is tested, or the client of the relay that is.
fn start_ours(cell: Cell, address: SocketAddrV4, files: &Files) -> Program {
    let input =
        if cell.end_may_come_before_reset() { Input::pipe() } else { Input::of_ours(cell.stdin, files, cell.size) };
    let output = match cell.end {
        End::OursFull => Output::full_disk(),
        End::OursClosed => Output::closed(),
        End::OursReaderGone if cell.size == Size::Line => Output::without_reader(),
        End::OursReaderGone => Output::start_only(EARLY),
        _ => Output::collected(),
    };
    let redirections = format!("{} {}", if input.closed { "<&-" } else { "" }, if output.closed { ">&-" } else { "" });
    let address = &address.to_string();
    let mut command = match cell.side {
        Side::Connect => redirected(&["connect", address, "--raw"], &redirections),
        Side::Listen => redirected(&["listen", address, "--service", "pipe"], &redirections),
        Side::Keep => redirected(&["listen", address, "--service", "pipe", "-k"], &redirections),
        Side::Relay => {
            let mode = if cell.sends() { Mode::Sends } else { Mode::Receives };
            cell.client().command(Role::Connect, address.parse().unwrap(), mode)
        }
    };
    Program::start(&mut command, input, output)
}

fn peer_input(cell: Cell, files: &Files) -> (Input, Mode) {
    match cell.end {
        // It sends its bytes after our end, or it is killed before they have ended.
        End::OursFirst | End::PeerKilled if cell.receives() => (Input::pipe(), Mode::Sends),
        _ if cell.receives() => (files.with(From::Peer, cell.size), Mode::Sends),
        End::PeerFirst if cell.peer == Peer::Secretcat => (files.empty(), Mode::Sends),
        End::PeerFirst => (Input::null(), Mode::Sends),
        _ if cell.peer == Peer::Ncat && cell.peer_listens() => (Input::pipe(), Mode::Receives),
        _ => (Input::null(), Mode::Receives),
    }
}

fn peer_output(cell: Cell) -> Output {
    match cell.end {
        End::PeerKilled if cell.sends() && cell.stdin != Stdin::PipeLate => Output::stuck(),
        End::PeerClosesEarly if cell.peer != Peer::Python => Output::start_only(EARLY),
        End::PeerCannotWrite => Output::full_disk(),
        _ => Output::collected(),
    }
}
