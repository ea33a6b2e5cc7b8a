//! Requests of members, whatever front end they come from.

use super::engine::{Engine, Outcome};
use super::event::{Effect, Request};
use super::journal::RecordedLine;
use super::settings::Settings;
use crate::service::{Context, PeerId};

/// Asks the engine, and records the line that follows. The record comes before what follows from it.
pub(super) fn ask(
    engine: &mut Engine,
    settings: &Settings,
    context: &mut Context,
    effects: &mut Vec<Effect>,
    peer: PeerId,
    request: Request<'_>,
) -> Outcome {
    let event = engine.handle(peer, request, context.now(), effects)?;
    let line = event.as_ref().filter(|_| settings.recorded);
    if let Some(line) = line.and_then(|event| RecordedLine::of(peer, event)) {
        context.store(&line.encode());
    }
    Ok(event)
}
