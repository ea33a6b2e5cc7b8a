//! What a conversation at a terminal asks of its exchange.

use std::time::Instant;

use super::super::peer::{Link, Peer};
use super::Exchange;
use crate::frame::{Framing, Inbox, Role};
use crate::io::console::Console;
use crate::io::terminal::EditedRow;
use crate::service::{Context, PeerId, Service};

impl<S: Service> Exchange<S> {
    /// Has the service do something that no event asks for: its time has come.
    pub(in crate::session) fn act(&mut self, act: impl FnOnce(&mut S, &mut Context)) {
        act(&mut self.service, &mut self.context);
        self.apply(Instant::now());
    }

    /// What has come from a peer and is no whole message yet.
    pub(in crate::session) fn unfinished(&self, id: PeerId) -> &[u8] {
        self.peer(id).map_or(&[], |peer| peer.inbox.held())
    }

    /// Takes what is no whole message: no more are expected, and what comes from now on is bytes.
    pub(in crate::session) fn take_unfinished(&mut self, id: PeerId) -> Vec<u8> {
        let bytes = || Inbox::new(Framing::Raw, Role::Responses, 0);
        let inbox = self.peer_mut(id).map(|peer| std::mem::replace(&mut peer.inbox, bytes()));
        inbox.map(Inbox::into_held).unwrap_or_default()
    }

    /// Asks the person at the console for each line, with a line editor where one is possible.
    pub(in crate::session) fn converse(&mut self, prompt: &'static str) -> Option<EditedRow> {
        self.at_console(|console| console.converse(prompt)).flatten()
    }

    /// Draws the line anew that is being edited.
    pub(in crate::session) fn redraw(&mut self) {
        self.at_console(Console::redraw);
        self.write_out(PeerId::Console, Instant::now());
    }

    /// Goes to a new row, where a prompt stands in this one.
    pub(in crate::session) fn leave_row(&mut self) {
        self.at_console(Console::leave_row);
        self.write_out(PeerId::Console, Instant::now());
    }

    /// Goes to a new row, where a prompt stands in this one and no line editor can move it down.
    pub(in crate::session) fn leave_cooked_row(&mut self) {
        self.at_console(Console::leave_cooked_row);
        self.write_out(PeerId::Console, Instant::now());
    }

    pub(super) fn at_console<T>(&mut self, act: impl FnOnce(&mut Console) -> T) -> Option<T> {
        match &mut self.console {
            Some(Peer { link: Link::Console(console), .. }) => Some(act(console)),
            _ => None,
        }
    }
}
