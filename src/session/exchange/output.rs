//! What a service has asked for, carried out: everything that goes to one peer is one write.

use std::io;
use std::time::Duration;

use super::super::peer::Peer;
use super::Exchange;
use crate::io::Flush;
use crate::io::conn::Conn;
use crate::io::key::Key;
use crate::peer::flow::SHED;
use crate::peer::life::Input;
use crate::service::{Action, Context, PeerId, Service};

impl<S: Service> Exchange<S> {
    /// Carries out what the service has asked for, until it asks for nothing more.
    #[inline]
    pub(super) fn apply(&mut self) {
        while !self.context.is_empty() {
            self.apply_once();
        }
    }

    #[inline(never)] // mostly nothing is asked for
    fn apply_once(&mut self) {
        let mut context = std::mem::take(&mut self.context);
        let mut written_to = std::mem::take(&mut self.written_to); // its memory is kept from turn to turn
        self.carry_out(&context, &mut written_to);
        context.clear();
        let later = std::mem::replace(&mut self.context, context);
        if !later.is_empty() {
            self.context = later; // a peer was lost, and the service reacted to that
        }
        for id in written_to.drain(..) {
            self.write_out(id);
        }
        self.written_to = written_to;
    }

    fn carry_out(&mut self, context: &Context, written_to: &mut Vec<PeerId>) {
        let (mut rest, mut bytes) = context.parts();
        while let Some((&action, after)) = rest.split_first() {
            let Action::Send(to, _) = action else {
                let (mine, theirs) = bytes.split_at(action.bytes());
                written_to.extend(self.carry_out_one(action, mine));
                (rest, bytes) = (after, theirs);
                continue;
            };
            // Everything that goes to one peer is one write.
            let run = rest.iter().take_while(|next| matches!(next, Action::Send(id, _) if *id == to)).count();
            let (sends, others) = rest.split_at(run);
            let lengths = sends.iter().map(|send| if let Action::Send(_, len) = send { *len } else { 0 });
            let (mine, theirs) = bytes.split_at(lengths.clone().sum());
            if self.recorder.is_on() {
                if let Some(peer) = self.peers.get_mut(to) {
                    peer.note_sent(mine, lengths.clone(), &self.recorder);
                }
            }
            self.send(to, mine, lengths);
            if written_to.last() != Some(&to) {
                written_to.push(to);
            }
            (rest, bytes) = (others, theirs);
        }
    }

    /// Carries out an action that sends no message. Returns the peer that has something to write now.
    fn carry_out_one(&mut self, action: Action, bytes: &[u8]) -> Option<PeerId> {
        match action {
            Action::Interim(to, len) => self.send(to, bytes, std::iter::once(len)),
            Action::Flush(id) => self.peers.get_mut(id)?.link.end_group(),
            Action::Finish(id) => self.on(id, Input::Finish),
            Action::Close(id) => self.begin_close(id, Input::Close),
            Action::Reset(id) => self.on(id, Input::Reset),
            Action::Prompt => self.peers.console_mut()?.prompt(),
            Action::Upgrade(id, framing) => {
                self.peers.get_mut(id)?.inbox.reframe(framing);
                self.reactor.again(id); // what it has sent may be complete messages now
            }
            Action::Dial(id) => self.dials.push(id),
            Action::Stop => self.stopped = true,
            Action::Timer { id, nanos } => {
                self.set_timer(id, self.reactor.now().checked_add(Duration::from_nanos(nanos)));
            }
            Action::CancelTimer { id } => self.cancel_timer(id),
            Action::Store(_) => self.store.append(bytes),
            Action::Send(..) => {} // sent with the others of its peer
        }
        match action {
            Action::Interim(id, _) | Action::Flush(id) | Action::Finish(id) | Action::Close(id) | Action::Reset(id) => {
                Some(id)
            }
            Action::Prompt => Some(PeerId::Console),
            _ => None,
        }
    }

    /// Sends messages of these lengths: at once as far as that is possible, the rest is queued.
    fn send(&mut self, to: PeerId, bytes: &[u8], lengths: impl Iterator<Item = usize>) {
        let Some(peer) = self.peers.get_mut(to) else { return };
        peer.flow.note_activity(self.reactor.now());
        if to == PeerId::Console {
            self.shown += bytes.len() as u64;
        }
        let written = |peer: &Peer| peer.link.conn().map_or(0, Conn::written);
        let (before, waiting) = (written(peer), peer.link.backlog() + bytes.len());
        match peer.link.send_all(bytes, lengths) {
            Ok(()) if to != PeerId::Console && peer.is_broken() => self.on(to, Input::Refused(bytes.len() as u64)),
            Ok(()) => {}
            Err(error) => {
                let unsent = (waiting as u64).saturating_sub(written(peer) - before);
                return self.fail_write(to, error, unsent);
            }
        }
        if self.traits.sheds && self.peers.backlog(to) > SHED {
            self.fail(to, io::Error::other("client reads too slowly"));
        }
    }

    /// Writes what is queued for a peer, and drives its end if it is due.
    pub(super) fn write_out(&mut self, id: PeerId) {
        let Some(peer) = self.peers.get_mut(id) else { return };
        if peer.link.has_queued() {
            self.flush(id);
        }
        match self.service.sink(id) {
            // Several peers may have waited for the console.
            PeerId::Console if id == PeerId::Console => {
                self.peers.ids().into_iter().for_each(|peer| self.resume(peer));
                self.resume(PeerId::Console);
            }
            source => self.resume(source), // its reading may have paused because this one was full
        }
        if self.peers.conn(id).is_some_and(|conn| conn.life().is_ending()) {
            self.drive(id);
        }
    }

    fn flush(&mut self, id: PeerId) {
        let now = self.reactor.now();
        let Some(peer) = self.peers.get_mut(id) else { return };
        let before = peer.link.backlog();
        let flush = peer.link.flush(now);
        if peer.link.backlog() < before {
            peer.flow.note_activity(now);
        }
        match flush {
            Err(error) => return self.fail_write(id, error, 0),
            Ok(Flush::Until(at)) => {
                if !peer.link.is_awaiting() {
                    peer.flow.note_activity(at); // the pause is ours
                }
                self.reactor.wake_at(if id == PeerId::Console { Key::Stdout } else { id.into() }, at);
            }
            Ok(Flush::More) => self.reactor.again(id),
            Ok(Flush::Blocked | Flush::Idle) => {}
        }
        if before > 0 && self.traits.streams && flush.is_ok_and(|flush| flush == Flush::Idle) {
            self.reactor.again(id);
        }
    }
}
