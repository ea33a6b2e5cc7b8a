//! `--transcript-sync each`: nothing is sent before the records of all messages so far are on the disk.

use std::io;

use super::Exchange;
use crate::io::transcript::{Recorded, Transcript};
use crate::service::rooms::{RecordedLine, Tone};
use crate::service::{PeerId, Service};
use crate::trace::Direction;
use crate::transcript::Message;

impl<S: Service> Exchange<S> {
    /// Records messages that are about to be sent, and has them wait for the records so far, if they have to. A peer
    /// whose message must be recorded and cannot be is dropped.
    #[inline]
    pub(super) fn note_sent(&mut self, id: PeerId, bytes: &[u8], lengths: impl Iterator<Item = usize>) {
        if !self.recorder.is_on() && self.recorder.transcript().is_none() {
            return;
        }
        let recorded = self.peers.note_sent(id, bytes, lengths, &self.recorder);
        if recorded == Recorded::MustBe {
            self.hosted.unrecorded.push(id);
        }
        let Some(record) = self.recorder.transcript().and_then(Transcript::awaited) else { return };
        if self.peers.hold(id, record) && self.held.back() != Some(&(record, id)) {
            self.held.push_back((record, id));
        }
    }

    /// Stores a record of the service. A line of a room is in the transcript, too.
    pub(super) fn store(&mut self, record: &[u8]) {
        self.hosted.store.append(record);
        let Some(transcript) = self.recorder.transcript() else { return };
        let Some(RecordedLine { peer: id, room, user, tone, text }) = RecordedLine::decode(record) else { return };
        let (conn, peer) = match self.peers.conn(id) {
            Some(conn) => (conn.id(), conn.peer()),
            None => (0, "console"),
        };
        let direction = Direction::In;
        let notice = tone == Tone::Notice;
        let message = Message { conn, peer, user: Some(user), room: Some(room), direction, notice, bytes: text };
        if transcript.record(&message) == Recorded::MustBe {
            self.hosted.unrecorded.push(id);
        }
    }

    /// Drops the peers with a message that has no record: it must not look as if it had been received.
    pub(super) fn drop_unrecorded(&mut self) {
        for id in std::mem::take(&mut self.hosted.unrecorded) {
            self.fail(id, io::Error::other("no room to record its message"));
        }
    }

    /// Ends a turn of the event loop.
    pub(in crate::session) fn end_turn(&mut self) {
        self.release_recorded();
        self.recorder.end_loop_turn();
    }

    /// Sends what has waited for records that are on the disk now, and reads again from peers that had to wait.
    fn release_recorded(&mut self) {
        if self.held.is_empty() && self.hosted.waiting.is_empty() {
            return;
        }
        let Some(transcript) = self.recorder.transcript() else { return };
        let (kept, is_full) = (transcript.kept(), transcript.is_full());
        while let Some(&(record, id)) = self.held.front().filter(|(record, _)| *record <= kept) {
            self.held.pop_front();
            if self.peers.release(id, record) {
                self.write_out(id);
            }
        }
        if !is_full {
            for id in std::mem::take(&mut self.hosted.waiting) {
                self.resume(id);
            }
        }
        self.apply();
    }
}
