//! The actions of a service, collected so that several replies become one write.

use super::PeerId;

/// One action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Send the next `len` bytes of [`Actions::bytes`] to this peer, as one message.
    Send(PeerId, usize),
    /// Send the next `len` bytes: an interim response, which is not a message but belongs to the next.
    Interim(PeerId, usize),
    /// No further message for this peer follows soon: send what was held back to be joined.
    Flush(PeerId),
    /// Half-close towards this peer when everything is sent; continue reading.
    Finish(PeerId),
    /// Close in order: send what is pending, half-close, wait for the peer's end for a limited time, close.
    Close(PeerId),
    /// Reset the connection after what is pending was sent and acknowledged.
    Reset(PeerId),
    /// Connect to the server for this peer.
    Dial(PeerId),
    /// Show the prompt at the terminal.
    Prompt,
    /// End the whole session.
    Stop,
}

/// The actions of one turn, in order. The memory is reused in the next turn.
#[derive(Debug, Default)]
pub struct Actions {
    bytes: Vec<u8>,
    list: Vec<Action>,
}

impl Actions {
    /// Sends `message`, framing included, to `to`.
    pub fn send(&mut self, to: PeerId, message: &[u8]) {
        self.send_with(to, |out| out.extend_from_slice(message));
    }

    /// Sends the message that `write` appends, framing included, to `to`.
    #[inline]
    pub fn send_with(&mut self, to: PeerId, write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.bytes.len();
        write(&mut self.bytes);
        self.list.push(Action::Send(to, self.bytes.len() - start));
    }

    /// Sends the interim response that `write` appends to `to`.
    pub fn send_interim(&mut self, to: PeerId, write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.bytes.len();
        write(&mut self.bytes);
        self.list.push(Action::Interim(to, self.bytes.len() - start));
    }

    /// Sends the message that `write` appends. If `write` fails, nothing is sent.
    ///
    /// # Errors
    /// That of `write`.
    pub fn try_send_with<E>(&mut self, to: PeerId, write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>) -> Result<(), E> {
        let start = self.bytes.len();
        if let Err(error) = write(&mut self.bytes) {
            self.bytes.truncate(start);
            return Err(error);
        }
        self.list.push(Action::Send(to, self.bytes.len() - start));
        Ok(())
    }

    /// Adds an action other than sending.
    pub fn push(&mut self, action: Action) {
        self.list.push(action);
    }

    /// The number of bytes to send.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.bytes.len()
    }

    /// Whether the last action closes or resets this peer, so that no more input of it is processed.
    #[must_use]
    pub fn closes(&self, peer: PeerId) -> bool {
        self.list.last() == Some(&Action::Close(peer))
    }

    /// Whether there are no actions.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The actions, and the bytes of all sends in order.
    #[must_use]
    pub fn parts(&self) -> (&[Action], &[u8]) {
        (&self.list, &self.bytes)
    }

    /// Removes all actions. A buffer that a very large reply has enlarged is freed.
    pub fn clear(&mut self) {
        const KEPT: usize = 256 * 1024;
        self.list.clear();
        self.bytes.clear();
        self.bytes.shrink_to(KEPT);
    }

    /// Each action with the bytes it sends, for tests.
    #[cfg(test)]
    pub(crate) fn script(&mut self) -> Vec<(Action, String)> {
        let mut rest = &self.bytes[..];
        let script = self
            .list
            .iter()
            .map(|&action| {
                let len = if let Action::Send(_, len) | Action::Interim(_, len) = action { len } else { 0 };
                let (mine, others) = rest.split_at(len);
                rest = others;
                (action, String::from_utf8_lossy(mine).into_owned())
            })
            .collect();
        self.clear();
        script
    }
}
