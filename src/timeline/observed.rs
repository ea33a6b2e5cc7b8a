//! What was observed of the two ends of a connection: their beginnings and ends, and bytes that wait for the reader.

use super::tape::Tape;
use super::waits::{Cause, Wait};
use crate::trace::Side;

/// A beginning or an end that was observed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sign {
    pub(super) t: u64,
    pub(super) word: &'static str,
    pub(super) about: &'static str,
}

/// The times in which bytes had arrived and were not read: by the counters of the reader's kernel, and by what the
/// writer's kernel had acknowledged.
pub(super) fn reader_waits(from: Option<&Tape>, to: &Tape) -> Vec<Wait> {
    let mut waits: Vec<Wait> = to.waits_in.iter().copied().collect();
    let acks = from.map_or(&[][..], |from| &from.acks).iter();
    if !to.reads.is_exact() {
        return waits;
    }
    let mut acks = acks.peekable();
    let mut before = 0;
    for read in to.reads.marks() {
        while acks.next_if(|(_, end)| *end <= read.start).is_some() {}
        let Some((acked, _)) = acks.peek() else { break };
        let wait = Wait { from: (*acked).max(before), to: read.t0, cause: Cause::Reader };
        before = read.t0;
        if wait.from >= wait.to {
            continue;
        }
        match waits.iter_mut().find(|other| other.to == wait.to) {
            Some(other) => other.from = other.from.min(wait.from),
            None => waits.push(wait),
        }
    }
    waits.sort_by_key(|wait| wait.from);
    waits
}

/// The beginning and the end of what an end sends.
pub(super) fn signs_out(tape: &Tape) -> Vec<Sign> {
    let mut signs = Vec::new();
    if tape.side == Side::Connect {
        let [word, about] = if tape.is_tcp {
            ["SYN", "connected: SYN, SYN+ACK and ACK were exchanged by then"]
        } else {
            ["connect", "connected"]
        };
        signs.push(Sign { t: tape.opened, word, about });
    }
    if let Some(t) = tape.shutdown {
        let [word, about] = if tape.is_tcp {
            ["FIN", "half-close: the kernel sends FIN after the last byte"]
        } else {
            ["end", "half-close: no more bytes are sent"]
        };
        signs.push(Sign { t, word, about });
    }
    if let Some(closed) = &tape.closed {
        if closed.reset {
            signs.push(Sign { t: closed.t, word: "RST", about: "closed with a reset" });
        } else if tape.shutdown.is_none() && closed.error.is_none() {
            signs.push(Sign { t: closed.t, word: "closed", about: "closed: the kernel ends the connection" });
        }
    }
    signs
}

/// The beginning and the end of what an end receives.
pub(super) fn signs_in(tape: &Tape) -> Vec<Sign> {
    let mut signs = Vec::new();
    if tape.side == Side::Listen {
        let [word, about] = if tape.is_tcp {
            ["SYN", "accepted: SYN, SYN+ACK and ACK were exchanged by then"]
        } else {
            ["accept", "accepted"]
        };
        signs.push(Sign { t: tape.opened, word, about });
    }
    if let Some(t) = tape.eof {
        let [word, about] = if tape.is_layered() {
            ["end", "end of what the peer sends: the close of TLS, which comes before the FIN, or the FIN"]
        } else if tape.is_tcp {
            ["FIN", "end of file: the peer's FIN has arrived by then"]
        } else {
            ["end", "end of file"]
        };
        signs.push(Sign { t, word, about });
    }
    if let Some(closed) = tape.closed.as_ref().filter(|closed| tape.is_tcp && closed.was_reset()) {
        signs.push(Sign { t: closed.t, word: "RST", about: "the peer's reset has arrived by then" });
    }
    signs
}
