//! The operator of `listen --service rooms --console`: stdin and stdout as a member of the rooms.

use super::super::Context;
use super::super::exchange::Exchange;
use crate::config::ListenConfig;
use crate::editor::Manner;
use crate::error::{Error, Operation};
use crate::io::console::{Console, Source};
use crate::io::terminal;
use crate::service::Service;

/// What the operator sees before the line that is being typed.
const PROMPT: &str = "> ";

/// Opens stdin and stdout; a terminal gets the line editor.
pub(super) fn open<S: Service>(
    config: &ListenConfig,
    context: &Context,
    exchange: &mut Exchange<S>,
) -> Result<(), Error> {
    let console = Console::open(&exchange.reactor, true).map_err(Error::local(Operation::Open, "stdin and stdout"))?;
    let is_typed = console.source() == Source::Terminal;
    exchange.add_console(console, config.traffic.max_message);
    if is_typed {
        context.signals.handle_terminal().map_err(Error::local(Operation::Handle, "signals"))?;
        if let Some(row) = exchange.peers.console_mut().and_then(|console| console.converse(PROMPT, Manner::Questions))
        {
            context.report.keep_below(row);
        }
        exchange.at_console(Console::prompt);
    }
    Ok(())
}

/// Draws the typed line again after the program was stopped and continued.
pub(super) fn redraw<S: Service>(exchange: &mut Exchange<S>) {
    if terminal::take_stale() {
        exchange.at_console(Console::redraw);
    }
}
