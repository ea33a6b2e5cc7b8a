//! One run of a client: its process, its connections, and what comes of it.

use std::ffi::OsStr;
use std::ops::ControlFlow;
use std::os::unix::ffi::OsStrExt;
use std::time::{Duration, Instant};

use crate::error::Error;
use crate::io::command::{Command, CommandEnd, Input, Keep, Start};
use crate::io::reactor::Reactor;
use crate::io::temporary::TemporaryDir;
use crate::peer::outbox::Proofs;
use crate::plan::{Barrier, Cutting, Plan, Trial};
use crate::service::PeerId;
use crate::service::stand_in::Recording;
use crate::session::account::Account;
use crate::value::Offsets;
use crate::verdict::{Ending, Outcome};

/// How long the connections of a client that has exited are waited for: they end by themselves, unless another process
/// holds them.
const SETTLE: Duration = Duration::from_millis(100);
/// The time that a cut may add to a run.
const CUT: Duration = Duration::from_millis(50);
/// The part of stderr that is kept.
const STDERR: usize = 2000;

/// A running client.
pub(super) struct Run {
    trial: Trial,
    command: Command,
    _dir: TemporaryDir,
    /// What its stdout has in the place of something else in another run.
    own: Vec<(Vec<u8>, &'static str)>,
    begun: Instant,
    /// The last time that bytes of a reply were written.
    progressed: Instant,
    /// When the client has exited: until when its connections are waited for.
    settles: Option<Instant>,
    is_killed: bool,
    /// Its open connections, and the bytes written on each.
    open: Vec<(PeerId, u64)>,
    /// Its cuts in the stream of all replies, and what was proven of them.
    cuts: Vec<usize>,
    proofs: Proofs,
    /// Why the server was not reached.
    pub(super) unreachable: Option<Error>,
}

/// A run that has ended.
pub(super) struct Done {
    pub(super) trial: Trial,
    pub(super) outcome: Outcome,
    /// What the client and its server sent; `None` if it was too much.
    pub(super) recording: Option<Recording>,
    /// The bytes of stdout that were dropped.
    pub(super) dropped: u64,
    /// The time that the client took.
    pub(super) took: Duration,
    /// Why the server was not reached.
    pub(super) unreachable: Option<Error>,
}

impl Run {
    /// Starts the client of this trial, which makes these cuts inside replies. At most `most` bytes of its stdout are
    /// kept.
    pub(super) fn start(
        line: &OsStr,
        trial: Trial,
        cuts: Vec<usize>,
        most: usize,
        number: usize,
        reactor: &Reactor,
        now: Instant,
    ) -> Result<Run, Error> {
        let dir = TemporaryDir::new()?;
        let start = Start {
            line,
            directory: Some(dir.path()),
            input: Input::Nothing,
            stdout: Keep::First(most),
            stderr: Keep::Last(STDERR),
        };
        let command = Command::start(&start, number, reactor)?;
        Ok(Run {
            trial,
            command,
            own: vec![(dir.path().as_os_str().as_bytes().to_vec(), "{directory}")],
            _dir: dir,
            begun: now,
            progressed: now,
            settles: None,
            is_killed: false,
            open: Vec::new(),
            cuts,
            proofs: Proofs::default(),
            unreachable: None,
        })
    }

    /// Has this port shown by its name: other runs have another one.
    pub(super) fn hide_port(&mut self, port: u16) {
        self.own.push((port.to_string().into_bytes(), "{port}"));
    }

    /// The plan of a connection, whose replies begin and end here in the stream of all replies.
    pub(super) fn plan(&self, (begin, end): (usize, usize)) -> Plan {
        let inside = self.cuts.iter().filter(|cut| (begin + 1..end).contains(cut));
        let offsets = inside.filter_map(|&cut| i64::try_from(cut - begin).ok());
        match Offsets::new(offsets) {
            Ok(offsets) => Plan { cutting: Cutting::Cut(offsets), barrier: Barrier::PeerRead, ..Plan::default() },
            Err(_) => Plan::default(),
        }
    }

    /// Adds a connection.
    pub(super) fn open(&mut self, id: PeerId) {
        self.open.push((id, 0));
    }

    /// Notes the bytes written on a connection.
    pub(super) fn note_written(&mut self, id: PeerId, bytes: u64, now: Instant) {
        let open = self.open.iter_mut().find(|(open, _)| *open == id);
        if let Some((_, written)) = open.filter(|(_, written)| *written != bytes) {
            *written = bytes;
            self.progressed = now;
        }
    }

    /// Takes the figures of a connection that has ended.
    pub(super) fn close(&mut self, id: PeerId, account: Option<Account>) {
        self.open.retain(|(open, _)| *open != id);
        if let Some(account) = account {
            self.proofs.confirmed += account.sending.proofs.confirmed;
            self.proofs.unconfirmed += account.sending.proofs.unconfirmed;
        }
    }

    /// The connections that are still open.
    pub(super) fn left_open(&self) -> Vec<PeerId> {
        self.open.iter().map(|(id, _)| *id).collect()
    }

    /// Whether the client has exited.
    pub(super) fn has_exited(&self) -> bool {
        self.command.status().is_some()
    }

    /// Reads its output, and kills it when its time is over. Returns when to look again, unless the run is over.
    pub(super) fn turn(&mut self, limit: Duration, reactor: &mut Reactor, now: Instant) -> ControlFlow<(), Instant> {
        self.command.turn(reactor);
        if self.has_exited() {
            let until = *self.settles.get_or_insert(now + SETTLE);
            return if self.open.is_empty() || now >= until {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(until)
            };
        }
        // What the cuts take does not count; a client must not run for ever for that.
        let cuts = u32::try_from(self.cuts.len()).unwrap_or(u32::MAX);
        let until = (self.progressed + limit).min(self.begun + limit * 2 + CUT.saturating_mul(cuts));
        if now >= until && !self.is_killed {
            self.is_killed = true;
            self.command.kill(now);
        }
        ControlFlow::Continue(if self.is_killed { now + SETTLE } else { until })
    }

    /// The outcome, when the run is over.
    pub(super) fn end(mut self, recording: Option<Recording>, now: Instant) -> Done {
        let ending = match (&self.unreachable, self.command.status()) {
            (Some(error), _) => Ending::Unreachable(error.into()),
            _ if self.is_killed => Ending::Unended,
            (None, Some(CommandEnd::Exited(status))) => Ending::Exited(status),
            (None, Some(CommandEnd::Signaled(signal))) => Ending::Signaled(signal),
            (None, None) => Ending::Unended,
        };
        let own = self.own.iter();
        let stdout = own.fold(self.command.stdout().take(), |bytes, (own, name)| replace(&bytes, own, name.as_bytes()));
        let dropped = self.command.stdout().dropped();
        let rest = if dropped > 0 { format!("{dropped} more bytes").into_bytes() } else { Vec::new() };
        let outcome = Outcome {
            received: stdout.len(),
            replies: vec![stdout],
            rest,
            ending,
            stderr: self.command.stderr().take(),
            confirmed: self.proofs.confirmed,
            // A cut after the end of a reply was not made.
            unconfirmed: self.proofs.unconfirmed.max((self.cuts.len() as u64).saturating_sub(self.proofs.confirmed)),
            ..Outcome::default()
        };
        let took = now.saturating_duration_since(self.begun);
        Done { trial: self.trial, outcome, recording, dropped, took, unreachable: self.unreachable }
    }
}

/// The bytes with `new` in the place of each `old`.
fn replace(bytes: &[u8], old: &[u8], new: &[u8]) -> Vec<u8> {
    let mut replaced = Vec::with_capacity(bytes.len());
    let mut from = 0;
    for at in memchr::memmem::find_iter(bytes, old) {
        replaced.extend_from_slice(&bytes[from..at]);
        replaced.extend_from_slice(new);
        from = at + old.len();
    }
    replaced.extend_from_slice(&bytes[from..]);
    replaced
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_names_are_replaced() {
        assert_eq!(replace(b"a /tmp/x/b /tmp/x", b"/tmp/x", b"{d}"), b"a {d}/b {d}");
        assert_eq!(replace(b"", b"x", b"y"), b"");
    }
}
