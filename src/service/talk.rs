//! A conversation at a terminal: sends typed lines as messages, and prints replies.
//!
//! Neither side waits: a line is sent when it is entered, and a reply is printed when it arrives. The prompt is
//! shown when every message has its reply; the session shows it earlier if a reply is slow, and prints the
//! start of a line whose end does not arrive.

use super::chat_client::{ChatClient, Typed};
use super::wire::{Flaw, Wire, asks_for_login, line};
use super::{Clients, Context, Event, PeerId, Service, Traits};
use crate::plan::Cutting;

/// The words that end a conversation.
const QUIT_WORDS: [&str; 5] = ["q", "quit", "quit()", "close", "close()"];

/// A conversation with one server, and the number of messages and replies.
#[derive(Debug)]
#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Talk {
    wire: Wire,
    half_close: bool,
    /// Where messages are cut.
    cutting: Cutting,
    /// The quit words end the conversation; otherwise they are messages.
    quit_words: bool,
    /// The end of the connection does not end the conversation.
    reconnects: bool,
    /// It is a conversation with others in a room: nothing is a reply.
    chat: Option<Box<ChatClient>>,
    server: Option<PeerId>,
    sent: u64,
    answered: u64,
    /// The number of bytes of an incomplete reply that were printed.
    shown: usize,
    prompted: bool,
    input_ended: bool,
    flaw: Option<Flaw>,
}

impl Talk {
    /// The traits of a conversation. stdin is lines, whatever framing they are sent in.
    pub const TRAITS: Traits = Traits { stateful: true, clients: Clients::One, ..Traits::PLAIN };

    /// A conversation without a connection yet. With `half_close` it half-closes when the person leaves.
    #[must_use]
    pub fn new(wire: Wire, half_close: bool) -> Self {
        Talk {
            wire,
            half_close,
            cutting: Cutting::Whole,
            quit_words: true,
            reconnects: false,
            chat: None,
            server: None,
            sent: 0,
            answered: 0,
            shown: 0,
            prompted: false,
            input_ended: false,
            flaw: None,
        }
    }

    /// The same, with messages that are cut; a message that a cut does not fit is refused.
    #[must_use]
    pub fn cut(self, cutting: &Cutting) -> Self {
        Talk { cutting: cutting.clone(), ..self }
    }

    /// The same, with quit words that are ordinary messages.
    #[must_use]
    pub fn without_quit_words(self) -> Self {
        Talk { quit_words: false, ..self }
    }

    /// The same, with another connection after one that has ended.
    #[must_use]
    pub fn reconnecting(self) -> Self {
        Talk { reconnects: true, ..self }
    }

    /// The same, as a member of a room. There are no quit words.
    #[must_use]
    pub fn in_room(self, client: ChatClient) -> Self {
        Talk { chat: Some(Box::new(client)), quit_words: false, ..self }
    }

    /// The member of a room.
    pub fn chat(&mut self) -> Option<&mut ChatClient> {
        self.chat.as_deref_mut()
    }

    /// The number of messages sent.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.sent
    }

    /// The number of complete replies received.
    #[must_use]
    pub fn answered(&self) -> u64 {
        self.answered
    }

    /// The number of messages without a complete reply.
    #[must_use]
    pub fn unanswered(&self) -> u64 {
        self.sent.saturating_sub(self.answered)
    }

    /// Whether the input has ended, by end of file or by a quit word.
    #[must_use]
    pub fn input_ended(&self) -> bool {
        self.input_ended
    }

    /// Whether the prompt is not shown yet.
    #[must_use]
    pub fn is_unprompted(&self) -> bool {
        !self.prompted && !self.input_ended
    }

    /// The number of bytes of an incomplete reply that were printed.
    #[must_use]
    pub fn shown(&self) -> usize {
        self.shown
    }

    /// The problem with a message or a reply, if any.
    #[must_use]
    pub fn flaw(&self) -> Option<Flaw> {
        self.flaw
    }

    /// Shows the prompt, unless the input has ended.
    pub fn prompt(&mut self, context: &mut Context) {
        if !self.input_ended {
            self.prompted = true;
            context.prompt();
        }
    }

    /// Prints the start of a reply whose end does not arrive. A server that prompts (`login: `) waits for
    /// input, and the person must see the prompt.
    pub fn show_unfinished(&mut self, reply: &[u8], context: &mut Context) {
        if self.chat.is_some() {
            return; // lines of a room are sent whole
        }
        if let Some(fresh @ [_, ..]) = reply.get(self.shown..) {
            labelled("Received: ", fresh, context);
            self.shown = reply.len();
            self.prompt(context);
        }
    }

    /// Removes the lost connection: no reply is expected from it.
    pub fn forget_server(&mut self) {
        (self.server, self.shown, self.flaw) = (None, 0, None);
        self.answered = self.sent;
    }

    fn on_open(&mut self, server: PeerId, context: &mut Context) {
        self.server = Some(server);
        if self.chat.is_some() {
            let (now, mut lines) = (context.now().time, Vec::new());
            self.show(context, |chat, out| lines = chat.connected(now, out));
            for line in lines {
                context.send_with(server, |out| self.wire.encode_line(line.as_bytes(), out));
            }
            context.flush(server);
        }
        self.prompt(context);
    }

    /// Handles a line that was typed in a chat.
    fn on_chat(&mut self, line: &[u8], context: &mut Context) {
        let typed = ChatClient::typed(line);
        if typed != Typed::Nothing {
            let sent = self.send(line, context);
            self.answered = self.sent; // nothing is a reply to it
            let now = context.now().time;
            self.show(context, |chat, out| match sent {
                Ok(()) => chat.sent(line, now, out),
                Err(_) if typed == Typed::Quit => {}
                Err(why) => chat.notice(&format!("not sent: {why}"), now, out),
            });
        }
        if typed == Typed::Quit { self.end_input(context) } else { self.prompt(context) }
    }

    /// Prints what the member of a room sees, if it sees something.
    fn show(&mut self, context: &mut Context, write: impl FnOnce(&mut ChatClient, &mut Vec<u8>)) {
        let mut text = Vec::new();
        if let Some(chat) = &mut self.chat {
            write(chat, &mut text);
        }
        if !text.is_empty() {
            context.send(PeerId::Console, &text);
        }
    }

    /// Sends a message.
    fn send(&mut self, message: &[u8], context: &mut Context) -> Result<(), String> {
        let Some(server) = self.server else { return Err("there is no connection (Up recalls the line)".into()) };
        let (wire, cutting, number) = (self.wire, &self.cutting, self.sent + 1);
        let sent = context.try_send_with(server, |out| wire.encode_cut(cutting, number, message, out));
        sent.map_err(|why| why.to_string())?;
        self.sent += 1;
        context.flush(server); // each message is sent alone: the next one is not typed yet
        Ok(())
    }

    fn on_input(&mut self, message: &[u8], context: &mut Context) {
        self.prompted = false;
        if self.chat.is_some() {
            return self.on_chat(message, context);
        }
        if self.quit_words && is_quit(message) {
            return self.end_input(context);
        }
        let message = match message.strip_prefix(b"\\") {
            Some(word) if self.quit_words && is_quit(word) => word,
            _ => message,
        };
        if let Err(why) = self.send(message, context) {
            labelled("Not sent: ", why.as_bytes(), context);
            return self.prompt(context);
        }
        labelled("Sent: ", message, context);
    }

    fn on_reply(&mut self, reply: &[u8], context: &mut Context) {
        if self.chat.is_some() {
            let now = context.now().time;
            return self.show(context, |chat, out| chat.received(reply, now, out));
        }
        let shown = std::mem::take(&mut self.shown);
        match reply.get(shown..) {
            Some([]) if shown > 0 => {} // all of it was printed before
            rest => labelled("Received: ", rest.unwrap_or_default(), context),
        }
    }

    fn end_input(&mut self, context: &mut Context) {
        if self.input_ended {
            return;
        }
        self.input_ended = true;
        if let Some(server) = self.server {
            if self.half_close { context.finish(server) } else { context.flush(server) }
        }
    }

    fn stop_when_done(&self, context: &mut Context) {
        if self.input_ended && (self.unanswered() == 0 || self.server.is_none()) {
            context.stop();
        }
    }
}

impl Service for Talk {
    fn on(&mut self, event: Event<'_>, context: &mut Context) {
        match event {
            Event::Open { peer: server } if server != PeerId::Console => self.on_open(server, context),
            Event::Message { peer: PeerId::Console, bytes: message }
            | Event::Rest { peer: PeerId::Console, bytes: message } => {
                if !self.input_ended {
                    self.on_input(message, context);
                }
            }
            Event::Message { bytes: line, .. } if self.chat.is_some() && asks_for_login(line) => {
                self.flaw = Some(Flaw::UsersOnly);
                return context.stop();
            }
            Event::Message { bytes: reply, .. } => {
                self.on_reply(reply, context);
                // An unexpected reply answers no message, not the next one either.
                self.answered = self.sent.min(self.answered + 1);
                if self.unanswered() == 0 {
                    self.prompt(context);
                }
            }
            Event::Rest { bytes: rest, .. } => {
                self.flaw = Some(Flaw::CutShort);
                self.on_reply(rest, context);
            }
            Event::Eof { peer: PeerId::Console } => self.end_input(context),
            // Whether that is a failure depends on missing replies; the session decides.
            Event::TooLong { .. } => {
                self.flaw = Some(Flaw::TooLong);
                return context.stop();
            }
            Event::Eof { peer: server } if self.reconnects && !self.input_ended => return context.close(server),
            Event::Closed { .. } if self.reconnects && !self.input_ended => return,
            Event::Eof { .. } | Event::Closed { .. } => return context.stop(),
            _ => return,
        }
        self.stop_when_done(context);
    }

    /// The terminal is always read, even if the server does not read: otherwise the person could not quit.
    fn sink(&self, _: PeerId) -> PeerId {
        PeerId::Console
    }

    fn wants(&self, from: PeerId) -> bool {
        from != PeerId::Console || !self.input_ended
    }
}

/// Whether a line typed at the prompt ends the conversation.
fn is_quit(message: &[u8]) -> bool {
    QUIT_WORDS.iter().any(|word| message.eq_ignore_ascii_case(word.as_bytes()))
}

fn labelled(label: &str, text: &[u8], context: &mut Context) {
    context.send_with(PeerId::Console, |out| line(label, text, out));
}

#[cfg(test)]
mod tests;
