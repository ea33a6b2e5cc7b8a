//! Who may be read, and when a peer is idle: backpressure, fairness and idleness in one place.
//!
//! The input of each peer goes to a sink: the peer itself, or another one. What the sink does not take stops the
//! reading of what causes it, so that nothing grows without bound. How long a peer was idle counts only time in
//! which it could have sent or taken something: pauses of this program are not the peer's.

use std::time::{Duration, Instant};

/// Reads from one peer in one turn, so that a fast peer leaves the others their turns.
pub const READS_PER_TURN: usize = 4;
/// Queued output of a sink above this stops the reading of what causes it.
pub const HIGH_WATER: usize = 16 * 1024;
/// Queued output above this closes the connection, where no reading stops for it.
pub const SHED: usize = 1024 * 1024;
/// A read of this size is bulk: it is worth moving within the kernel, which takes three calls where a read and a
/// write take two.
pub const BULK: usize = 16 * 1024;

/// The flow of one peer's input, and its idleness.
#[derive(Clone, Copy, Debug)]
pub struct Flow {
    /// When a byte was last received or sent, or a pause of this program ended.
    active: Instant,
    /// Reading is paused: received bytes wait in the inbox or in the kernel.
    paused: bool,
    /// The peer sends in bulk.
    bulk: bool,
    /// The kernel does not splice this peer's bytes, so they are read.
    no_splice: bool,
}

/// What can be known of a sink.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sink {
    /// The number of bytes queued for it.
    pub backlog: usize,
    /// The kernel may take more.
    pub is_writable: bool,
}

/// Whether the idle time of a peer is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Idleness {
    /// It is over.
    Over,
    /// It is not over before this time.
    Until(Instant),
    /// It is never over.
    Never,
}

impl Flow {
    /// The flow of a peer that has just come.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        Flow { active: now, paused: false, bulk: false, no_splice: false }
    }

    /// A byte was received or sent at this time; or a pause of this program ends then, which is no time of the
    /// peer's.
    pub fn note_activity(&mut self, at: Instant) {
        self.active = at;
    }

    /// A read has returned this many bytes.
    pub fn note_read(&mut self, bytes: usize, now: Instant) {
        (self.active, self.bulk) = (now, bytes >= BULK);
    }

    /// No more bytes are ready after these were moved within the kernel.
    pub fn note_moved(&mut self, bytes: usize) {
        self.bulk = bytes >= BULK;
    }

    /// Pauses reading, or ends the pause.
    pub fn pause(&mut self, paused: bool) {
        self.paused = paused;
    }

    /// Whether reading is paused.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.paused
    }

    /// Reading resumes. If it was paused because a sink was full, the idle time counts from when that sink last
    /// took something.
    pub fn resume(&mut self, sink: Option<Flow>) {
        if let Some(sink) = sink {
            self.active = self.active.max(sink.active);
        }
    }

    /// The kernel does not splice this peer's bytes.
    pub fn forbid_splice(&mut self) {
        self.no_splice = true;
    }

    /// Whether moving its bytes within the kernel is allowed.
    #[must_use]
    pub fn may_splice(&self) -> bool {
        !self.no_splice
    }

    /// Whether the peer sends in bulk.
    #[must_use]
    pub fn is_bulk(&self) -> bool {
        self.bulk
    }

    /// Whether its idle time is over. `sink` is the flow of its sink, if reading is paused for it.
    #[must_use]
    pub fn idleness(&self, limit: Duration, sink: Option<Flow>, now: Instant) -> Idleness {
        let active = sink.map_or(self.active, |sink| self.active.max(sink.active));
        match active.checked_add(limit) {
            Some(at) if now >= at => Idleness::Over,
            Some(at) => Idleness::Until(at),
            None => Idleness::Never,
        }
    }
}

impl Sink {
    /// Whether reading that was paused for it may resume. A sink that has nothing queued and takes nothing was
    /// filled within the kernel.
    #[must_use]
    pub fn has_room(self) -> bool {
        if self.backlog == 0 { self.is_writable } else { self.backlog < HIGH_WATER }
    }
}

/// The number of bytes that may be queued for a sink before reading stops.
#[must_use]
pub fn room(backlog: usize) -> usize {
    HIGH_WATER.saturating_sub(backlog)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(10);

    #[test]
    fn a_sink_has_room_below_the_high_water_mark() {
        let cases = [(0, true, true), (0, false, false), (1, false, true), (HIGH_WATER - 1, false, true)];
        for (backlog, is_writable, has_room) in cases {
            assert_eq!(Sink { backlog, is_writable }.has_room(), has_room, "{backlog} {is_writable}");
        }
        assert!(!Sink { backlog: HIGH_WATER, is_writable: true }.has_room());
        assert_eq!((room(0), room(HIGH_WATER - 1), room(HIGH_WATER), room(usize::MAX)), (HIGH_WATER, 1, 0, 0));
    }

    #[test]
    fn idle_time_counts_from_the_last_byte() {
        let start = Instant::now();
        let mut flow = Flow::new(start);
        assert_eq!(flow.idleness(LIMIT, None, start), Idleness::Until(start + LIMIT));
        assert_eq!(flow.idleness(LIMIT, None, start + LIMIT), Idleness::Over);
        flow.note_read(1, start + LIMIT);
        assert_eq!(flow.idleness(LIMIT, None, start + LIMIT), Idleness::Until(start + 2 * LIMIT));
        assert_eq!(flow.idleness(Duration::MAX, None, start), Idleness::Never);
    }

    /// c7fdcc1: a client whose server was still taking its bytes was closed as idle, and so was one that this
    /// program made wait with --delay.
    #[test]
    fn pauses_of_this_program_are_not_idle_time() {
        let start = Instant::now();
        let (mut client, mut server) = (Flow::new(start), Flow::new(start));
        client.note_activity(start + LIMIT); // the end of a pause
        assert_eq!(client.idleness(LIMIT, None, start + LIMIT), Idleness::Until(start + 2 * LIMIT));
        client.pause(true);
        assert!(client.is_paused() && !server.is_paused());
        server.note_activity(start + 2 * LIMIT);
        assert_eq!(client.idleness(LIMIT, None, start + 2 * LIMIT), Idleness::Over);
        assert_eq!(client.idleness(LIMIT, Some(server), start + 2 * LIMIT), Idleness::Until(start + 3 * LIMIT));
        client.resume(Some(server));
        assert_eq!(client.idleness(LIMIT, None, start + 2 * LIMIT), Idleness::Until(start + 3 * LIMIT));
        client.resume(None);
        assert_eq!(client.idleness(LIMIT, None, start + 3 * LIMIT), Idleness::Over);
    }

    #[test]
    fn bulk_depends_on_the_last_read() {
        let start = Instant::now();
        let mut flow = Flow::new(start);
        assert!(!flow.is_bulk() && flow.may_splice() && !flow.is_paused());
        flow.note_read(BULK, start);
        assert!(flow.is_bulk());
        flow.note_read(BULK - 1, start);
        assert!(!flow.is_bulk());
        flow.note_moved(BULK);
        assert!(flow.is_bulk());
        flow.note_moved(BULK - 1);
        flow.forbid_splice();
        assert!(!flow.is_bulk() && !flow.may_splice());
    }
}
