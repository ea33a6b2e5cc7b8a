//! One transfer over a connection, as both sides have it: its turns and its end.

use std::ops::ControlFlow;
use std::path::Path;
use std::time::Instant;

use super::peer::Peer;
use crate::error::{Error, Target, cause, shown_path};
use crate::io::reactor::{Handler, Reactor, Ready};
use crate::io::transfer::FileWriter;

/// What is done in one turn at most, before the signals are looked at.
pub(super) const STEPS: usize = 64;

/// A sender or a receiver.
pub(super) trait Side {
    /// Appends the first line.
    fn greet(&self, line: &mut Vec<u8>);

    /// Sends and receives as far as it goes.
    ///
    /// # Errors
    /// When the transfer cannot go on.
    fn advance(&mut self, peer: &mut Peer<'_, '_>) -> Result<(), Error>;

    /// Sends the reason for which the transfer ends.
    fn fail(&mut self, reason: &str, peer: &mut Peer<'_, '_>);

    /// Has what came of a file written. The writer has been told to abandon the file.
    fn abandon(&mut self) -> Option<&mut FileWriter>;
}

/// Runs a transfer to its end.
///
/// # Errors
/// When it has failed, or a file was refused.
pub(super) fn run(side: impl Side, mut peer: Peer<'_, '_>) -> Result<(), Error> {
    peer.send(|line| side.greet(line));
    let mut exchange = Exchange { side, peer };
    let result = Reactor::run(&mut exchange);
    let Exchange { mut side, mut peer } = exchange;
    peer.meter.end();
    if let Some(reason) = peer.broken.take().or_else(|| result.as_ref().err().and_then(reason)) {
        side.fail(&reason, &mut peer);
    }
    let closed = peer.close(side.abandon());
    result.and(closed)
}

/// What the other side is told of an error; `None`: it knows. Of a path it is told the name only.
fn reason(error: &Error) -> Option<String> {
    Some(match error {
        Error::Local { operation, target, source } => {
            let name = match target {
                Target::File(path) => shown_path(Path::new(path.file_name().unwrap_or_default())),
                other => other.to_string(),
            };
            format!("{operation} {name}: {}", cause(source))
        }
        Error::Interrupted => "interrupted".to_owned(),
        Error::Timeout { .. } => "a time limit has passed".to_owned(),
        _ => return None,
    })
}

struct Exchange<'r, 'a, S> {
    side: S,
    peer: Peer<'r, 'a>,
}

impl<S: Side> Handler for Exchange<'_, '_, S> {
    type Output = ();
    type Error = Error;

    fn reactor(&mut self) -> &mut Reactor {
        self.peer.reactor
    }

    fn on_event(&mut self, ready: Ready, _: Instant) -> Result<(), Error> {
        self.peer.on_ready(ready);
        Ok(())
    }

    fn end_turn(&mut self, _: Instant) -> Result<ControlFlow<()>, Error> {
        self.peer.begin_turn()?;
        self.side.advance(&mut self.peer)?;
        self.peer.wire.flush(self.peer.reactor);
        if self.peer.is_over {
            return Ok(ControlFlow::Break(()));
        }
        self.peer.end_turn()?;
        Ok(ControlFlow::Continue(()))
    }
}
