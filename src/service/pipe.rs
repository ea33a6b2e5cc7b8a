//! Bytes both ways between the console and one connection, as nc does.

use super::{Action, Actions, CONSOLE, Event, PeerId, Service};

/// The console on one end, a connection on the other.
#[derive(Debug)]
pub struct Pipe {
    peer: Option<PeerId>,
    half_close: bool,
    keep_open: bool,
    input_ended: bool,
    stage: Stage,
}

/// How far the one connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Both sides talk, or nobody is there.
    Talking,
    /// The peer has ended its side; what stands ready on stdin still goes to it.
    Heard,
    /// It is parted from, and what stdin has from now on is for the next.
    Leaving,
}

impl Pipe {
    /// A pipe that waits for its connection. With `half_close` the end of stdin is passed on.
    #[must_use]
    pub fn new(half_close: bool) -> Self {
        Pipe { peer: None, half_close, keep_open: false, input_ended: false, stage: Stage::Talking }
    }

    /// A pipe that goes on with the next connection when one has ended.
    #[must_use]
    pub fn kept_open(half_close: bool) -> Self {
        Pipe { keep_open: true, ..Pipe::new(half_close) }
    }

    /// Whether stdin has ended.
    #[must_use]
    pub fn input_ended(&self) -> bool {
        self.input_ended
    }
}

impl Service for Pipe {
    fn on(&mut self, event: Event<'_>, actions: &mut Actions) {
        match event {
            Event::Open(CONSOLE)
            | Event::Request(..)
            | Event::Expects(_)
            | Event::Malformed(..)
            | Event::Drained(_)
            | Event::Linked(..)
            | Event::Failed(_)
            | Event::Unreachable(_) => {}
            Event::Open(peer) => {
                self.peer = Some(peer);
                if self.input_ended && self.half_close {
                    actions.push(Action::Finish(peer));
                }
            }
            Event::Eof(CONSOLE) => {
                self.input_ended = true;
                if let Some(peer) = self.peer.filter(|_| self.half_close) {
                    actions.push(Action::Finish(peer));
                }
            }
            Event::Eof(_) if self.keep_open => self.stage = Stage::Heard,
            Event::Exhausted(_) => {
                if let Some(peer) = self.peer.filter(|_| self.stage == Stage::Heard) {
                    self.stage = Stage::Leaving;
                    actions.push(Action::Close(peer));
                }
            }
            Event::Closed(peer) if self.keep_open && peer != CONSOLE => {
                self.peer = None;
                self.stage = Stage::Talking;
            }
            Event::Message(CONSOLE, bytes) | Event::Last(CONSOLE, bytes) => {
                if let Some(peer) = self.peer {
                    actions.send(peer, bytes);
                }
            }
            Event::Message(_, bytes) | Event::Last(_, bytes) => actions.send(CONSOLE, bytes),
            // What stands ready on stdin still goes to a peer that has only ended its own side.
            Event::Eof(_) => actions.push(Action::Stop),
            Event::TooLong(_) | Event::Closed(_) => {
                self.peer = None;
                actions.push(Action::Stop);
            }
        }
    }

    fn sink(&self, from: PeerId) -> PeerId {
        if from == CONSOLE { self.peer.unwrap_or(CONSOLE) } else { CONSOLE }
    }

    fn forwards(&self) -> bool {
        true
    }

    fn wants(&self, from: PeerId) -> bool {
        from != CONSOLE || (self.peer.is_some() && self.stage != Stage::Leaving)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_cross_and_ends_are_passed_on() {
        let (mut pipe, mut actions) = (Pipe::new(true), Actions::default());
        assert!(!pipe.wants(CONSOLE));
        for event in [
            Event::Open(3),
            Event::Message(CONSOLE, b"up"),
            Event::Message(3, b"down"),
            Event::Eof(CONSOLE),
            Event::Eof(3),
        ] {
            pipe.on(event, &mut actions);
        }
        let script: Vec<_> = actions.script().into_iter().map(|(action, _)| action).collect();
        assert_eq!(script, [Action::Send(3, 2), Action::Send(CONSOLE, 4), Action::Finish(3), Action::Stop]);
    }

    #[test]
    fn without_half_close_the_connection_stays_open() {
        let (mut pipe, mut actions) = (Pipe::new(false), Actions::default());
        pipe.on(Event::Open(3), &mut actions);
        pipe.on(Event::Eof(CONSOLE), &mut actions);
        assert!(actions.is_empty() && pipe.input_ended());
    }

    #[test]
    fn a_kept_pipe_sends_what_stands_ready_to_who_has_ended_and_the_rest_to_the_next() {
        let (mut pipe, mut actions) = (Pipe::kept_open(true), Actions::default());
        for event in [
            Event::Open(3),
            Event::Exhausted(CONSOLE),
            Event::Eof(3),
            Event::Message(CONSOLE, b"ready"),
            Event::Exhausted(CONSOLE),
        ] {
            assert!(!matches!(event, Event::Message(..)) || pipe.wants(CONSOLE));
            pipe.on(event, &mut actions);
        }
        let script: Vec<_> = actions.script().into_iter().map(|(action, _)| action).collect();
        assert_eq!(script, [Action::Send(3, 5), Action::Close(3)]);
        assert!(!pipe.wants(CONSOLE));
        pipe.on(Event::Closed(3), &mut actions);
        pipe.on(Event::Open(4), &mut actions);
        assert!(pipe.wants(CONSOLE) && actions.is_empty());
    }
}
