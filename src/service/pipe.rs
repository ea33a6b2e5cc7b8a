//! Streams between stdin, stdout and one connection, as with nc: two directions, each with its own end.

use super::{Clients, Context, Event, OnShutdown, PeerId, Service, Traits};
use crate::frame::Framing;

/// When the pipe half-closes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SendsEnd {
    /// When stdin has ended. If stdin is no input: when the peer has ended and stdout has taken its last byte,
    /// so that the FIN is a receipt.
    #[default]
    AfterInput,
    /// When stdin has ended, even if it is no input (`-N`).
    Always,
    /// Never before the connection is closed.
    Never,
}

/// The kind of stdin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Input {
    /// No input: nothing is sent.
    Nothing,
    /// A terminal: the peer's end ends the connection.
    Typed,
    /// A pipe or a file.
    #[default]
    Bytes,
}

/// The settings of a pipe.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "each is an option of its own")]
pub struct Terms {
    /// The kind of stdin.
    pub input: Input,
    /// When the pipe half-closes.
    pub sends_end: SendsEnd,
    /// The connection was accepted. A listener whose stdin ends without a byte has nothing to send, and holds
    /// its FIN back as a receipt.
    pub listens: bool,
    /// The peer's end ends the connection, even if stdin has not ended.
    pub end_with_peer: bool,
    /// Received bytes are dropped, and the connection ends with stdin.
    pub send_only: bool,
    /// When a connection has ended, wait for the next one.
    pub keep_open: bool,
}

/// A pipe between the console and a connection.
#[derive(Debug)]
#[allow(clippy::struct_excessive_bools, reason = "each is an event that has happened or not")]
pub struct Pipe {
    terms: Terms,
    peer: Option<PeerId>,
    /// stdin has ended.
    input_ended: bool,
    /// At least one byte was read from stdin.
    had_input: bool,
    /// The peer has closed its side.
    peer_ended: bool,
    /// stdout has taken all bytes of the peer.
    all_written: bool,
    end_sent: bool,
    closing: bool,
}

impl Pipe {
    /// The traits of a pipe in both directions, or towards stdout only.
    pub const TRAITS: Traits = Traits {
        framing: Framing::Raw,
        raw: true,
        stateful: true,
        clients: Clients::One,
        forwards: true,
        ..Traits::PLAIN
    };
    /// The traits of a pipe that drops what it receives: that cannot be moved to stdout.
    pub const SEND_ONLY: Traits = Traits { forwards: false, ..Self::TRAITS };

    /// A pipe without a connection yet.
    #[must_use]
    pub fn new(terms: Terms) -> Self {
        Pipe {
            terms,
            peer: None,
            input_ended: false,
            had_input: false,
            peer_ended: false,
            all_written: false,
            end_sent: false,
            closing: false,
        }
    }

    /// Whether stdin has ended.
    #[must_use]
    pub fn input_ended(&self) -> bool {
        self.input_ended
    }

    fn on_open(&mut self, peer: PeerId) {
        (self.peer, self.peer_ended, self.all_written) = (Some(peer), false, false);
        (self.end_sent, self.closing) = (false, false);
    }

    /// Whether the peer has closed its side and stdout has taken all its bytes.
    fn has_received(&self) -> bool {
        self.peer_ended && self.all_written
    }

    /// Whether to half-close now.
    fn is_end_due(&self) -> bool {
        let is_input = self.terms.input != Input::Nothing && (!self.terms.listens || self.had_input);
        match self.terms.sends_end {
            SendsEnd::Never => false,
            SendsEnd::Always => self.input_ended,
            SendsEnd::AfterInput => self.input_ended && (is_input || self.has_received()),
        }
    }

    /// Whether the connection is to be closed.
    fn is_over(&self) -> bool {
        match () {
            () if self.terms.send_only => self.input_ended,
            () if self.terms.end_with_peer || self.terms.input == Input::Typed => self.peer_ended && self.all_written,
            () => self.input_ended && self.has_received(),
        }
    }

    /// Half-closes and closes when that is due.
    fn advance(&mut self, context: &mut Context) {
        let Some(peer) = self.peer.filter(|_| !self.closing) else { return };
        if !self.end_sent && self.is_end_due() {
            self.end_sent = true;
            context.finish(peer);
        }
        if self.is_over() {
            self.closing = true;
            context.close(peer);
        }
    }
}

impl Service for Pipe {
    fn on(&mut self, event: Event<'_>, context: &mut Context) {
        match event {
            Event::Open { peer } if peer != PeerId::Console => self.on_open(peer),
            Event::Message { peer: PeerId::Console, bytes } | Event::Rest { peer: PeerId::Console, bytes } => {
                self.had_input = true;
                if let Some(peer) = self.peer {
                    context.send(peer, bytes);
                }
            }
            Event::Moved { peer: PeerId::Console } => self.had_input = true,
            Event::Message { bytes, .. } | Event::Rest { bytes, .. } if !self.terms.send_only => {
                context.send(PeerId::Console, bytes);
            }
            Event::Eof { peer: PeerId::Console } => self.input_ended = true,
            Event::Eof { .. } => self.peer_ended = true,
            Event::Drained { peer: PeerId::Console } => self.all_written = self.peer_ended,
            // stdout takes no more, or stdin has failed: reset, because a FIN would look like a receipt.
            Event::Closed { peer: PeerId::Console } => {
                if let Some(peer) = self.peer.filter(|_| !std::mem::replace(&mut self.closing, true)) {
                    context.reset(peer);
                }
                context.stop();
            }
            Event::Closed { .. } => {
                self.peer = None;
                if !self.terms.keep_open {
                    context.stop();
                }
            }
            _ => {}
        }
        self.advance(context);
    }

    fn sink(&self, from: PeerId) -> PeerId {
        if from == PeerId::Console { self.peer.unwrap_or(PeerId::Console) } else { PeerId::Console }
    }

    fn wants(&self, from: PeerId) -> bool {
        from != PeerId::Console || (self.peer.is_some() && !self.closing)
    }

    fn waits_for_input(&self) -> bool {
        self.peer.is_some() && !self.closing && !self.input_ended && self.has_received()
    }

    /// An incomplete stream is closed with a reset, so that it does not look complete. It is complete if the
    /// input was typed, or the peer was sent our FIN.
    fn on_shutdown(&self, _: PeerId) -> OnShutdown {
        let sent = self.input_ended && (self.peer_ended || self.end_sent);
        let complete = self.closing || self.terms.input == Input::Typed || sent;
        if complete { OnShutdown::Close } else { OnShutdown::Abort }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::Action;

    const PEER: PeerId = PeerId::conn(3);

    /// What a pipe asks for, event by event, in short.
    fn play(terms: Terms, events: &[&str]) -> Vec<String> {
        let (mut pipe, mut context) = (Pipe::new(terms), Context::default());
        let mut told = Vec::new();
        for &event in events {
            pipe.on(
                match event {
                    "open" => Event::Open { peer: PEER },
                    "in" => Event::Message { peer: PeerId::Console, bytes: b"in" },
                    "moved" => Event::Moved { peer: PeerId::Console },
                    "out" => Event::Message { peer: PEER, bytes: b"out" },
                    "in ends" => Event::Eof { peer: PeerId::Console },
                    "peer ends" => Event::Eof { peer: PEER },
                    "written" => Event::Drained { peer: PeerId::Console },
                    _ => Event::Closed { peer: PEER },
                },
                &mut context,
            );
            let asked = context.script().into_iter().map(|(action, text)| match action {
                Action::Send(..) => format!("{event}: send {text}"),
                Action::Finish(_) => format!("{event}: half-close"),
                Action::Close(_) => format!("{event}: close"),
                other => format!("{event}: {other:?}"),
            });
            told.extend(asked);
        }
        told
    }

    #[test]
    fn late_input_is_sent_after_the_peers_fin() {
        let events = ["open", "out", "peer ends", "written", "in", "in ends", "closed"];
        assert_eq!(
            play(Terms::default(), &events),
            ["out: send out", "in: send in", "in ends: half-close", "in ends: close", "closed: Stop"]
        );
    }

    #[test]
    fn half_close_time_depends_on_the_kind_of_input() {
        let terms = |input, sends_end, listens| Terms { input, sends_end, listens, ..Terms::default() };
        let bytes = terms(Input::Bytes, SendsEnd::AfterInput, false);
        let nothing = terms(Input::Nothing, SendsEnd::AfterInput, false);
        let listener = terms(Input::Bytes, SendsEnd::AfterInput, true);
        // terms; whether stdin had a byte; after which event the end is sent
        let cases = [
            (bytes, true, "in ends"),
            (bytes, false, "in ends"),
            (nothing, false, "written"),
            (listener, true, "in ends"),
            (listener, false, "written"),
            (terms(Input::Nothing, SendsEnd::Always, false), false, "in ends"),
            (terms(Input::Bytes, SendsEnd::Always, true), false, "in ends"),
        ];
        for (terms, had_input, at) in cases {
            let events = ["open", if had_input { "moved" } else { "open" }, "in ends", "peer ends", "written"];
            let told = play(terms, &events);
            assert_eq!(told, [format!("{at}: half-close"), "written: close".to_owned()], "{terms:?} {had_input}");
        }
        let never = terms(Input::Bytes, SendsEnd::Never, false);
        assert_eq!(play(never, &["open", "in ends", "peer ends", "written"]), ["written: close"]);
    }

    #[test]
    fn peers_fin_ends_typed_input_and_end_with_peer() {
        let typed = Terms { input: Input::Typed, ..Terms::default() };
        let with_peer = Terms { end_with_peer: true, ..Terms::default() };
        for terms in [typed, with_peer] {
            assert_eq!(play(terms, &["open", "peer ends", "written"]), ["written: close"], "{terms:?}");
        }
    }

    #[test]
    fn received_bytes_are_dropped_with_send_only() {
        let terms = Terms { send_only: true, sends_end: SendsEnd::Always, ..Terms::default() };
        let told = play(terms, &["open", "out", "in", "in ends"]);
        assert_eq!(told, ["in: send in", "in ends: half-close", "in ends: close"]);
    }

    #[test]
    fn kept_pipe_serves_the_next_client() {
        let terms = Terms { keep_open: true, listens: true, ..Terms::default() };
        let events = ["open", "in ends", "peer ends", "written", "closed", "open", "peer ends", "written"];
        assert_eq!(
            play(terms, &events),
            ["written: half-close", "written: close", "written: half-close", "written: close"]
        );
    }

    #[test]
    fn failed_console_resets_the_connection() {
        let (mut pipe, mut context) = (Pipe::new(Terms::default()), Context::default());
        for event in [
            Event::Open { peer: PEER },
            Event::Closed { peer: PeerId::Console },
            Event::Eof { peer: PEER },
            Event::Drained { peer: PeerId::Console },
        ] {
            pipe.on(event, &mut context);
        }
        let script: Vec<_> = context.script().into_iter().map(|(action, _)| action).collect();
        assert_eq!(script, [Action::Reset(PEER), Action::Stop]);
    }

    #[test]
    fn incomplete_stream_is_aborted_at_shutdown() {
        let on_shutdown = |terms, events: &[&str]| {
            let (mut pipe, mut context) = (Pipe::new(terms), Context::default());
            for &event in events {
                let event =
                    if event == "in" { Event::Eof { peer: PeerId::Console } } else { Event::Eof { peer: PEER } };
                pipe.on(event, &mut context);
            }
            pipe.on_shutdown(PEER)
        };
        assert_eq!(on_shutdown(Terms::default(), &[]), OnShutdown::Abort);
        assert_eq!(on_shutdown(Terms::default(), &["in"]), OnShutdown::Abort);
        assert_eq!(on_shutdown(Terms::default(), &["peer"]), OnShutdown::Abort);
        assert_eq!(on_shutdown(Terms::default(), &["in", "peer"]), OnShutdown::Close);
        assert_eq!(on_shutdown(Terms { input: Input::Typed, ..Terms::default() }, &[]), OnShutdown::Close);
    }
}
