//! How an exchange carries out what its service asks for: all that goes to one peer in one write.

use std::io;
use std::time::Instant;

use super::super::peer::{Link, Passed, Peer, Stage};
use super::{Exchange, SHED, Why, peer_of};
use crate::io::Flush;
use crate::io::conn::Conn;
use crate::io::key::Key;
use crate::service::{Action, Context, PeerId, Service};
use crate::trace::{Direction, What};

impl<S: Service> Exchange<S> {
    /// A peer's connection, where it has one.
    pub(in crate::session) fn conn(&self, id: PeerId) -> Option<&Conn> {
        self.peer(id)?.link.conn()
    }

    /// Whether stdout is a terminal on which a line stands that has not ended.
    pub(in crate::session) fn console_is_mid_line(&self) -> bool {
        let console = self.peer(PeerId::Console).map(|peer| &peer.link);
        matches!(console, Some(Link::Console(console)) if console.is_mid_line())
    }

    /// Does what the service has asked for, until it asks for nothing more.
    #[inline]
    pub(super) fn apply(&mut self, now: Instant) {
        while !self.context.is_empty() {
            self.apply_once(now);
        }
    }

    #[inline(never)] // mostly nothing is asked for
    fn apply_once(&mut self, now: Instant) {
        let mut context = std::mem::take(&mut self.context);
        let mut touched = std::mem::take(&mut self.touched); // its memory is kept from turn to turn
        self.carry_out(&context, now, &mut touched);
        context.clear();
        let later = std::mem::replace(&mut self.context, context);
        if !later.is_empty() {
            self.context = later; // a peer was lost, and the service had something to say to that
        }
        for id in touched.drain(..) {
            self.write_out(id, now);
        }
        self.touched = touched;
    }

    fn carry_out(&mut self, context: &Context, now: Instant, touched: &mut Vec<PeerId>) {
        let (list, mut bytes) = context.parts();
        let mut rest = list;
        while let Some((&action, after)) = rest.split_first() {
            let Action::Send(to, _) = action else {
                match action {
                    Action::Flush(id) => self.with(id, |peer| peer.link.end_group()),
                    Action::Finish(id) => self.with(id, |peer| peer.link.finish()),
                    Action::Close(id) => self.leave(id),
                    Action::Reset(id) => self.reset(id, now),
                    Action::Dial(id) => self.dials.push(id),
                    Action::Prompt => self.with(PeerId::Console, |peer| peer.link.prompt()),
                    Action::Stop => self.stopped = true,
                    Action::Timer { id, after } => self.set_timer(id, now.checked_add(after)),
                    Action::CancelTimer { id } => self.cancel_timer(id),
                    Action::Store(len) => {
                        let (record, others) = bytes.split_at(len);
                        self.store.append(record);
                        bytes = others;
                    }
                    Action::Upgrade(id, framing) => {
                        self.with(id, |peer| peer.inbox.reframe(framing));
                        self.reactor.again(id); // what it has sent may be whole messages now
                    }
                    Action::Interim(to, len) => {
                        let (mine, theirs) = bytes.split_at(len);
                        self.send_to(to, mine, std::iter::once(len), now);
                        touched.push(to);
                        bytes = theirs;
                    }
                    Action::Send(..) => {}
                }
                if action == Action::Prompt {
                    touched.push(PeerId::Console);
                }
                if let Action::Flush(id) | Action::Finish(id) | Action::Close(id) | Action::Reset(id) = action {
                    touched.push(id);
                }
                rest = after;
                continue;
            };
            // All that goes to one peer is one write.
            let run = rest.iter().take_while(|next| matches!(next, Action::Send(id, _) if *id == to)).count();
            let (sends, others) = rest.split_at(run);
            let lengths = sends.iter().map(|send| if let Action::Send(_, len) = send { *len } else { 0 });
            let (mine, theirs) = bytes.split_at(lengths.clone().sum());
            self.note_sent(to, mine, lengths.clone());
            self.send_to(to, mine, lengths, now);
            if touched.last() != Some(&to) {
                touched.push(to);
            }
            (rest, bytes) = (others, theirs);
        }
    }

    /// Records messages that are about to be sent. An interim response before one belongs to it.
    fn note_sent(&mut self, to: PeerId, mut bytes: &[u8], lengths: impl Iterator<Item = usize>) {
        if !self.recorder.is_on() {
            return;
        }
        let Some(peer) = peer_of(&mut self.peers, &mut self.console, to) else { return };
        let Some(conn) = peer.link.conn().filter(|conn| !conn.is_raw()) else { return };
        let mut end = conn.offsets().0;
        for length in lengths {
            let (message, rest) = bytes.split_at(length);
            end += length as u64;
            let (number, start) = (peer.told.messages + 1, peer.told.bytes);
            peer.told = Passed { messages: number, bytes: end };
            self.recorder.note_bytes(conn.id(), message, || What::Message { dir: Direction::Out, number, start, end });
            bytes = rest;
        }
    }

    fn send_to(&mut self, to: PeerId, bytes: &[u8], lengths: impl Iterator<Item = usize> + Clone, now: Instant) {
        let Some(peer) = peer_of(&mut self.peers, &mut self.console, to) else { return };
        peer.active = now;
        if to == PeerId::Console {
            self.shown += bytes.len() as u64;
        }
        let before = peer.link.conn().map_or(0, Conn::written);
        let waiting = peer.link.backlog() + bytes.len();
        match peer.link.send_all(bytes, lengths) {
            Ok(()) if peer.broken.is_some() => peer.stream_end_mut().unsent += bytes.len() as u64,
            Ok(()) => {}
            Err(error) => {
                let written = peer.link.conn().map_or(0, Conn::written) - before;
                peer.stream_end_mut().unsent = (waiting as u64).saturating_sub(written);
                return self.fail_write(to, error);
            }
        }
        if self.traits.sheds && self.backlog(to) > SHED {
            self.remove(to, Why::Failed(io::Error::other("client reads too slowly")));
        }
    }

    /// Writes what waits for a peer, and has it called again when there is more to do.
    pub(super) fn write_out(&mut self, id: PeerId, now: Instant) {
        let Some(peer) = peer_of(&mut self.peers, &mut self.console, id) else { return };
        let leaving = peer.stage != Stage::Talking;
        if peer.link.has_to_write() {
            self.flush(id, now);
        }
        match self.service.sink(id) {
            // The console is nobody's answer: everybody may have waited for the screen.
            PeerId::Console if id == PeerId::Console => {
                self.ids().into_iter().for_each(|peer| self.resume(peer));
                self.resume(PeerId::Console);
            }
            sink => self.resume(sink), // whoever was stopped because this one did not read
        }
        if leaving {
            self.part(id, now);
        }
    }

    fn flush(&mut self, id: PeerId, now: Instant) {
        let Some(peer) = peer_of(&mut self.peers, &mut self.console, id) else { return };
        let before = peer.link.backlog();
        let flush = peer.link.flush(now);
        if peer.link.backlog() < before {
            peer.active = now;
        }
        match flush {
            Err(error) => return self.fail_write(id, error),
            Ok(Flush::Until(at)) => {
                if !peer.link.is_awaiting() {
                    peer.active = at; // the pause is ours
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

    /// A write has failed: the peer takes no more. What it said before may still be there to be
    /// read, the reason among it perhaps; reading comes to its end by itself.
    pub(super) fn fail_write(&mut self, id: PeerId, error: io::Error) {
        match self.peer_mut(id) {
            // It was still sent to after its end: there is nothing left to be read.
            Some(Peer { link: Link::Conn(conn), .. }) if conn.eof() => self.remove(id, Why::Failed(error)),
            Some(Peer { link: Link::Conn(conn), broken, stream_end, .. }) => {
                let end = stream_end.get_or_insert_default();
                end.unsent = end.unsent.max(conn.backlog() as u64);
                conn.break_off();
                broken.get_or_insert(error);
                self.reactor.again(id);
            }
            _ => self.remove(id, Why::Unwritable(error)),
        }
    }
}
