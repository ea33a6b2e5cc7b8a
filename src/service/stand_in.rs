//! Stands in for a server before a client under test: relays to the real server and records its replies, replays a
//! recording, or answers with given replies.

mod recording;

use std::collections::{HashMap, VecDeque};

pub use recording::{After, Recorded, Recording, Reply, ServerEnd, Unlike};

use super::{Context, Event, PeerId, Service, Traits};
use crate::frame::{Framing, Inbox, Role};

/// Where the replies to the clients of one run come from.
#[derive(Clone, Debug)]
pub enum Replies {
    /// From the server, over a connection of its own for each client's.
    Live,
    /// From a recording. Further connections than it has are reset.
    Recorded(Recording),
    /// These, in order over all connections.
    Given(Given),
}

/// Replies of a file.
#[derive(Clone, Debug)]
pub struct Given {
    /// The replies that are left.
    pub replies: VecDeque<Vec<u8>>,
    /// How the requests are delimited: each gets the next reply. A raw client gets it for the first bytes it sends.
    pub framing: Framing,
    /// The number of replies that the first connection begins with.
    pub greeting: usize,
    /// The longest request.
    pub max_message: usize,
}

/// A server for any number of runs of clients at once.
#[derive(Debug, Default)]
pub struct StandIn {
    /// The running clients, by the number of their run.
    runs: HashMap<usize, Run>,
    /// The run of the next connection.
    next: usize,
    talks: HashMap<PeerId, Talk>,
    /// The clients of the connections to the real server.
    servers: HashMap<PeerId, PeerId>,
}

/// One run of a client.
#[derive(Debug)]
struct Run {
    replies: Replies,
    recording: Recording,
    /// The number of bytes that the recording may have.
    room: usize,
    unreachable: bool,
    is_cut_off: bool,
}

/// One connection of a client.
#[derive(Debug)]
struct Talk {
    run: usize,
    /// Its number in the run.
    number: usize,
    source: Source,
    /// What the client has sent so far.
    seen: After,
}

/// Where the replies on one connection come from.
#[derive(Debug)]
enum Source {
    /// From this connection to the real server, once it is made.
    Live(Option<PeerId>),
    /// From a recording; `sent` replies were sent.
    Recorded { recorded: Recorded, sent: usize, has_ended: bool },
    /// Each request gets the next reply of the run; `unanswered` have none yet.
    Given { inbox: Box<Inbox>, framing: Framing, unanswered: usize },
}

impl StandIn {
    /// The traits of this service.
    pub const TRAITS: Traits =
        Traits { framing: Framing::Raw, raw: true, answers: true, stateful: true, ..Traits::PLAIN };

    /// Begins a run, whose connections are recorded up to this number of bytes.
    pub fn begin(&mut self, run: usize, replies: Replies, room: usize) {
        let recording = Recording::default();
        self.runs.insert(run, Run { replies, recording, room, unreachable: false, is_cut_off: false });
    }

    /// The next connection belongs to this run. Returns its number in the run.
    pub fn accept(&mut self, run: usize) -> usize {
        self.next = run;
        self.runs.get(&run).map_or(0, |run| run.recording.connections.len())
    }

    /// Ends a run. Returns what was recorded; `None` if there was more than was to be recorded.
    pub fn end(&mut self, run: usize) -> Option<Recording> {
        self.talks.retain(|_, talk| talk.run != run);
        let run = self.runs.remove(&run)?;
        (!run.is_cut_off).then_some(run.recording)
    }

    /// Whether a connection to the server was not made in this run.
    #[must_use]
    pub fn was_unreachable(&self, run: usize) -> bool {
        self.runs.get(&run).is_some_and(|run| run.unreachable)
    }

    fn open(&mut self, peer: PeerId, context: &mut Context) {
        let Some(run) = self.runs.get_mut(&self.next) else { return context.reset(peer) };
        let number = run.recording.connections.len();
        run.recording.connections.push(Recorded::default());
        let source = match &run.replies {
            Replies::Live => {
                context.dial(peer);
                Source::Live(None)
            }
            Replies::Recorded(recording) => match recording.connections.get(number) {
                None => return context.reset(peer),
                Some(recorded) => Source::Recorded { recorded: recorded.clone(), sent: 0, has_ended: false },
            },
            Replies::Given(given) => {
                let inbox = Inbox::new(given.framing, Role::Requests, given.max_message);
                let unanswered = if number == 0 { given.greeting } else { 0 };
                Source::Given { inbox: Box::new(inbox), framing: given.framing, unanswered }
            }
        };
        self.talks.insert(peer, Talk { run: self.next, number, source, seen: After::default() });
        self.answer(peer, context);
    }

    /// A client has sent bytes.
    fn receive(&mut self, peer: PeerId, mut bytes: &[u8], context: &mut Context) {
        let Some(talk) = self.talks.get_mut(&peer) else { return };
        let is_first = talk.seen.bytes == 0;
        talk.seen.bytes += bytes.len();
        if let Some(recorded) = self.runs.get_mut(&talk.run).and_then(|run| run.record(talk.number, bytes.len())) {
            recorded.requests.extend_from_slice(bytes);
        }
        match &mut talk.source {
            Source::Live(Some(server)) => context.send(*server, bytes),
            Source::Live(None) | Source::Recorded { .. } => {}
            Source::Given { framing: Framing::Raw, unanswered, .. } => *unanswered += usize::from(is_first),
            // What is no request gets no reply: the client shows what it makes of that.
            Source::Given { inbox, unanswered, .. } => {
                while let Ok(Some(_)) = inbox.pull(&mut bytes) {
                    *unanswered += 1;
                }
            }
        }
        self.answer(peer, context);
    }

    /// Sends the replies that are due, and after the last one the end.
    fn answer(&mut self, peer: PeerId, context: &mut Context) {
        let Some(talk) = self.talks.get_mut(&peer) else { return };
        match &mut talk.source {
            Source::Live(_) => {}
            Source::Recorded { recorded, sent, has_ended } => {
                while let Some(reply) = recorded.replies.get(*sent).filter(|reply| reply.after <= talk.seen) {
                    context.send(peer, &reply.bytes);
                    *sent += 1;
                }
                if *sent < recorded.replies.len() || *has_ended {
                    return;
                }
                match recorded.end {
                    ServerEnd::Closed(after) if after <= talk.seen => context.finish(peer),
                    ServerEnd::Reset(after) if after <= talk.seen => context.reset(peer),
                    ServerEnd::Closed(_) | ServerEnd::Reset(_) | ServerEnd::Open => return,
                }
                *has_ended = true;
            }
            Source::Given { unanswered, .. } => {
                let Some(run) = self.runs.get_mut(&talk.run) else { return };
                let Replies::Given(Given { replies, .. }) = &mut run.replies else { return };
                while *unanswered > 0 {
                    *unanswered -= 1;
                    let Some(reply) = replies.pop_front() else { return };
                    context.send(peer, &reply);
                    let Some(recorded) = run.recording.connections.get_mut(talk.number) else { return };
                    recorded.add_reply(talk.seen, &reply);
                    if replies.is_empty() {
                        recorded.end = ServerEnd::Closed(talk.seen);
                        return context.finish(peer);
                    }
                }
            }
        }
    }

    /// A server has sent bytes to this client.
    fn forward(&mut self, client: PeerId, bytes: &[u8], context: &mut Context) {
        context.send(client, bytes);
        let Some(talk) = self.talks.get(&client) else { return };
        if let Some(recorded) = self.runs.get_mut(&talk.run).and_then(|run| run.record(talk.number, bytes.len())) {
            recorded.add_reply(talk.seen, bytes);
        }
    }

    /// The server of this client has half-closed.
    fn on_server_end(&mut self, client: PeerId, context: &mut Context) {
        let Some(seen) = self.talks.get(&client).map(|talk| talk.seen) else { return };
        self.note_end(client, ServerEnd::Closed(seen));
        if seen.end { self.close_pair(client, context) } else { context.finish(client) }
    }

    /// A client has half-closed.
    fn on_client_end(&mut self, client: PeerId, context: &mut Context) {
        let Some(talk) = self.talks.get_mut(&client) else { return };
        talk.seen.end = true;
        match talk.source {
            Source::Live(None) => {}
            Source::Live(Some(server)) => match self.recorded_end(client) {
                ServerEnd::Open => context.finish(server),
                ServerEnd::Closed(_) | ServerEnd::Reset(_) => self.close_pair(client, context),
            },
            Source::Recorded { .. } | Source::Given { .. } => {
                self.answer(client, context);
                context.close(client);
            }
        }
    }

    fn close_pair(&self, client: PeerId, context: &mut Context) {
        if let Some(Talk { source: Source::Live(Some(server)), .. }) = self.talks.get(&client) {
            context.close(*server);
        }
        context.close(client);
    }

    /// A connection is gone: its partner ends in the same way.
    fn remove(&mut self, peer: PeerId, end: fn(&mut Context, PeerId), context: &mut Context) {
        if let Some(client) = self.servers.remove(&peer) {
            let Some(talk) = self.talks.get_mut(&client) else { return };
            talk.source = Source::Live(None);
            let seen = talk.seen;
            if self.recorded_end(client) == ServerEnd::Open {
                self.note_end(client, ServerEnd::Reset(seen));
            }
            return end(context, client);
        }
        if let Some(Talk { source: Source::Live(Some(server)), .. }) = self.talks.remove(&peer) {
            self.servers.remove(&server);
            end(context, server);
        }
    }

    fn recorded_end(&self, client: PeerId) -> ServerEnd {
        let recorded = |talk: &Talk| self.runs.get(&talk.run)?.recording.connections.get(talk.number);
        self.talks.get(&client).and_then(recorded).map_or(ServerEnd::Open, |recorded| recorded.end)
    }

    fn note_end(&mut self, client: PeerId, end: ServerEnd) {
        let Some(talk) = self.talks.get(&client) else { return };
        let run = self.runs.get_mut(&talk.run);
        if let Some(recorded) = run.and_then(|run| run.recording.connections.get_mut(talk.number)) {
            recorded.end = end;
        }
    }
}

impl Run {
    /// What is recorded of a connection, if there is room for this number of bytes.
    fn record(&mut self, number: usize, bytes: usize) -> Option<&mut Recorded> {
        match self.room.checked_sub(bytes) {
            Some(room) if !self.is_cut_off => self.room = room,
            _ => {
                self.is_cut_off = true;
                return None;
            }
        }
        self.recording.connections.get_mut(number)
    }
}

impl Service for StandIn {
    fn on(&mut self, event: Event<'_>, context: &mut Context) {
        match event {
            Event::Open { peer } => self.open(peer, context),
            Event::Linked { client, server } => {
                if let Some(talk) = self.talks.get_mut(&client) {
                    talk.source = Source::Live(Some(server));
                    self.servers.insert(server, client);
                } else {
                    context.close(server);
                }
            }
            Event::Unreachable { client } => {
                let run = self.talks.get(&client).and_then(|talk| self.runs.get_mut(&talk.run));
                if let Some(run) = run {
                    run.unreachable = true;
                }
                context.reset(client); // a FIN would look like an empty reply
            }
            Event::Message { peer, bytes } | Event::Rest { peer, bytes } => match self.servers.get(&peer) {
                Some(&client) => self.forward(client, bytes, context),
                None => self.receive(peer, bytes, context),
            },
            Event::Eof { peer } => match self.servers.get(&peer) {
                Some(&client) => self.on_server_end(client, context),
                None => self.on_client_end(peer, context),
            },
            Event::Failed { peer, .. } => self.remove(peer, Context::reset, context),
            Event::Closed { peer } => self.remove(peer, Context::close, context),
            Event::TooLong { peer } | Event::Malformed { peer, .. } => context.close(peer),
            _ => {}
        }
    }

    fn sink(&self, from: PeerId) -> PeerId {
        match (self.servers.get(&from), self.talks.get(&from)) {
            (Some(client), _) => *client,
            (None, Some(Talk { source: Source::Live(Some(server)), .. })) => *server,
            // Requests are read even while the client does not read its replies.
            _ => PeerId::Console,
        }
    }

    fn wants(&self, from: PeerId) -> bool {
        !matches!(self.talks.get(&from), Some(Talk { source: Source::Live(None), .. }))
    }
}

#[cfg(test)]
mod tests;
