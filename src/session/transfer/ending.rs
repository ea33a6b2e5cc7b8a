//! The end of a connection: the other side can read the last line, however much it still sends.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use super::peer::Peer;
use crate::error::Error;
use crate::io::key::Key;
use crate::io::reactor::{Handler, Reactor, Ready};
use crate::io::transfer::{Answer, FileWriter, Kept};

/// How long the last line may take.
const CLOSES: Duration = Duration::from_secs(2);
/// How long the disk may take for what has come.
const WRITES: Duration = Duration::from_secs(10);

/// Closes the connection in order. Returns what was kept of a file, if the writer has abandoned one.
pub(super) fn close(mut peer: Peer<'_, '_>, writer: Option<&mut FileWriter>) -> Option<Kept> {
    peer.wire.begin_close(peer.reactor);
    let begun = peer.reactor.now();
    let mut ending = Ending { peer, writer, begun, is_closed: false, kept: None };
    // It fails only if the event loop does.
    let _ = Reactor::run(&mut ending);
    let Ending { peer: Peer { wire, reactor, .. }, kept, .. } = ending;
    wire.close(reactor);
    kept
}

struct Ending<'r, 'l, 'w> {
    /// The other connections of a listener wait for their turn: their events are noted.
    peer: Peer<'r, 'l>,
    /// A writer that has been told to abandon its file.
    writer: Option<&'w mut FileWriter>,
    begun: Instant,
    is_closed: bool,
    kept: Option<Kept>,
}

impl Handler for Ending<'_, '_, '_> {
    type Output = ();
    type Error = Error;

    fn reactor(&mut self) -> &mut Reactor {
        self.peer.reactor
    }

    fn on_event(&mut self, ready: Ready, _: Instant) -> Result<(), Error> {
        self.peer.on_ready(ready);
        Ok(())
    }

    fn end_turn(&mut self, now: Instant) -> Result<ControlFlow<()>, Error> {
        while let Some(answer) = self.writer.as_mut().and_then(|writer| writer.answer()) {
            if let Answer::Kept(kept) = answer {
                (self.kept, self.writer) = (kept, None);
            }
        }
        let Peer { wire, reactor, .. } = &mut self.peer;
        self.is_closed = self.is_closed || wire.drive_close(reactor) || now >= self.begun + CLOSES;
        if self.is_closed && (self.writer.is_none() || now >= self.begun + WRITES) {
            return Ok(ControlFlow::Break(()));
        }
        reactor.wake_at(Key::Clock, self.begun + if self.is_closed { WRITES } else { CLOSES });
        Ok(ControlFlow::Continue(()))
    }
}
