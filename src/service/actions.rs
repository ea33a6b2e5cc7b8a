//! What a service wants done, gathered in one place so that a batch of answers becomes one write.

use super::PeerId;

/// One thing to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Send the next `len` bytes of [`Actions::bytes`] to this peer, as one message.
    Send(PeerId, usize),
    /// Send the next `len` bytes: an interim response, which is not a message but belongs to the next.
    Interim(PeerId, usize),
    /// No further message for this peer comes soon: what was held back to be joined goes now.
    Flush(PeerId),
    /// Half-close towards this peer when all is sent; go on reading.
    Finish(PeerId),
    /// Part politely: send what is pending, half-close, wait a while for the peer's end, close.
    Close(PeerId),
    /// Part by a reset, when what is pending is sent and has arrived.
    Reset(PeerId),
    /// Make a connection to the server on behalf of this peer.
    Dial(PeerId),
    /// Ask the person at the terminal for the next line.
    Prompt,
    /// The whole session has done its work.
    Stop,
}

/// The actions of one turn, in order. The memory is kept from turn to turn.
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

    /// Sends the message that `write` appends, where writing may fail: nothing of the message is sent then.
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

    /// Asks for something else than sending.
    pub fn push(&mut self, action: Action) {
        self.list.push(action);
    }

    /// How many bytes wait to be sent.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.bytes.len()
    }

    /// Whether the last thing to do is to part from this peer: nothing more that it says is heard.
    #[must_use]
    pub fn closes(&self, peer: PeerId) -> bool {
        self.list.last() == Some(&Action::Close(peer))
    }

    /// Whether nothing is to be done.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The actions and the bytes that their sends refer to, one after the other.
    #[must_use]
    pub fn parts(&self) -> (&[Action], &[u8]) {
        (&self.list, &self.bytes)
    }

    /// Forgets everything. A buffer that one giant answer has blown up is given back.
    pub fn clear(&mut self) {
        const KEPT: usize = 256 * 1024;
        self.list.clear();
        self.bytes.clear();
        self.bytes.shrink_to(KEPT);
    }

    /// Each action with the bytes it sends, for tests that read like a script.
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
