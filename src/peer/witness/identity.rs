//! Which socket on the host of a witness is the peer's, and what was seen of it.
//!
//! 1. A socket with the addresses of the connection is looked for, then one that has received as many bytes as were
//!    sent: address translation changes the addresses, and never the number of bytes.
//! 2. Its number of bytes has to agree at two barriers. What was seen at the first one counts when the second agrees.
//! 3. From then on it is known how addresses are translated. Another connection's socket is the one with the translated
//!    addresses, if its number of bytes agrees.
//! 4. Bytes that were acknowledged to us have been received by the peer. A socket that has received fewer is behind a
//!    program that ends the connection and makes another one: no proof reaches through it.

use std::collections::HashSet;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::protocol::{Answer, Ends, Found, Question, Reading, Socket};

/// How long the witness may wait before it answers.
const WAIT: Duration = Duration::from_millis(100);
/// The number of connections in a row without a socket after which the witness is not asked any more.
const MOST_REFUSALS: u32 = 3;

/// What is known about the peer's socket of one connection.
#[derive(Debug)]
pub struct Identity {
    /// The ends of the peer's socket, if no address is translated.
    ends: Ends,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// It is looked for by its addresses: these, once that was asked.
    Unknown(Option<Expected>),
    /// No socket has the addresses. It is looked for by its number of bytes.
    Translated,
    /// This may be it.
    Found {
        socket: Socket,
        /// The last number of bytes that it had received, and that was less than what was sent.
        after: u64,
        agreed: Agreed,
        by_route: bool,
    },
    /// It is another socket, or none.
    Refused,
}

/// The addresses that the peer's socket should have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Expected {
    ends: Ends,
    /// They are those that a known translation gives.
    by_route: bool,
}

/// How often the number of bytes agreed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Agreed {
    Never,
    /// At this number.
    Once(u64),
    Twice,
}

/// What a barrier has brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// Nothing yet: ask again.
    Again,
    /// The socket's program has read everything. The socket may be the peer's: its number of bytes agrees for the first
    /// time.
    ReadOnce,
    /// The peer's program has read everything.
    Read,
    /// Nothing is visible, for this reason.
    Nothing(Refusal),
}

/// Why a witness does not see the peer's socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No socket has received as many bytes.
    NotFound,
    /// This number of sockets has.
    Ambiguous(usize),
    /// Acknowledged bytes have not reached the socket.
    Behind,
    /// A socket with the right addresses has received other bytes.
    Miscounted,
    /// The socket was closed.
    Closed,
    /// The witness reports an error.
    Failed(String),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::NotFound => f.write_str(
                "the witness sees no socket that has received these bytes (does it run where the server runs?)",
            ),
            Refusal::Ambiguous(number) => {
                write!(f, "the witness sees {number} sockets that have received as many bytes")
            }
            Refusal::Behind => f.write_str(
                "a program between here and the server ends the connection (docker-proxy, ssh -L, socat): acknowledged \
                 bytes had not reached the server",
            ),
            Refusal::Miscounted => f.write_str("the socket that the witness sees has received other bytes"),
            Refusal::Closed => f.write_str("the server had closed its socket before the witness saw it twice"),
            Refusal::Failed(text) => write!(f, "the witness reports: {text}"),
        }
    }
}

/// What is known for all connections of a run.
#[derive(Debug, Default)]
pub struct Knowledge {
    route: Option<Route>,
    /// The sockets that belong to other connections.
    claimed: HashSet<u64>,
    /// The connections in a row whose socket was not found.
    refused: u32,
    /// Why the witness is not asked any more.
    given_up: Option<Refusal>,
}

/// How the addresses of connections to one address are translated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Route {
    /// The address that we connect to.
    to: SocketAddr,
    /// The server's address, as its host sees it.
    local: SocketAddr,
    ours: OurEnd,
}

/// What becomes of our address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OurEnd {
    Kept,
    /// It becomes this one, and the port is kept.
    Moved(IpAddr),
    /// The port is another one on each connection.
    Unknown,
}

impl Route {
    fn learn(ends: &Ends, seen: &Ends) -> Route {
        let ours = match seen.remote {
            remote if remote == ends.remote => OurEnd::Kept,
            remote if remote.port() == ends.remote.port() => OurEnd::Moved(remote.ip()),
            _ => OurEnd::Unknown,
        };
        Route { to: ends.local, local: seen.local, ours }
    }

    /// The translated addresses of another connection.
    fn of(&self, ends: &Ends) -> Option<Ends> {
        let remote = match self.ours {
            OurEnd::Kept => ends.remote,
            OurEnd::Moved(ip) => SocketAddr::new(ip, ends.remote.port()),
            OurEnd::Unknown => return None,
        };
        (ends.local == self.to).then_some(Ends { local: self.local, remote })
    }
}

impl Knowledge {
    /// Why the witness is not asked any more.
    #[must_use]
    pub fn given_up(&self) -> Option<&Refusal> {
        self.given_up.as_ref()
    }

    /// Whether a socket was accepted.
    #[must_use]
    pub fn has_route(&self) -> bool {
        self.route.is_some()
    }

    /// The socket of a connection that has ended belongs to nobody.
    pub fn release(&mut self, identity: &Identity) {
        if let State::Found { socket, .. } = &identity.state {
            self.claimed.remove(&socket.cookie);
        }
    }

    fn accept(&mut self, ends: &Ends, socket: &Socket) {
        self.route = Some(Route::learn(ends, &socket.ends));
        self.refused = 0;
    }

    fn refuse(&mut self, refusal: &Refusal) {
        self.refused += 1;
        if *refusal == Refusal::Behind || self.refused >= MOST_REFUSALS {
            self.given_up.get_or_insert_with(|| refusal.clone());
        }
    }
}

impl Identity {
    /// Nothing is known about the peer's socket, which has these ends if no address is translated.
    #[must_use]
    pub fn new(ends: Ends) -> Identity {
        Identity { ends, state: State::Unknown(None) }
    }

    /// Whether the number of bytes has agreed at two barriers.
    #[must_use]
    pub fn is_accepted(&self) -> bool {
        matches!(self.state, State::Found { agreed: Agreed::Twice, .. })
    }

    /// The next question at a barrier after this number of bytes. `None`: ask when they are acknowledged.
    #[must_use]
    pub fn question(&mut self, sent: u64, is_acknowledged: bool, known: &Knowledge) -> Option<Question> {
        let read = |cookie, ends, after| Question::Read { cookie, ends, after, wait: WAIT };
        match &mut self.state {
            State::Unknown(asked) => {
                let translated = known.route.and_then(|route| route.of(&self.ends));
                let ends = translated.unwrap_or(self.ends);
                *asked = Some(Expected { ends, by_route: translated.is_some() });
                Some(read(None, ends, 0))
            }
            State::Found { socket, after, .. } => Some(read(Some(socket.cookie), socket.ends, *after)),
            // Until then the right socket may be one of those that have received less.
            State::Translated if !is_acknowledged => None,
            State::Translated => Some(Question::Sockets { received: sent, wait: WAIT }),
            State::Refused => None,
        }
    }

    /// Whether the socket is known not to be visible.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        self.state == State::Refused
    }

    /// Takes the answer to a question at a barrier after this number of bytes. `was_acknowledged`: they were, when the
    /// question was asked. `is_last`: nothing is queued after the barrier, so the server may have closed its socket.
    pub fn take(
        &mut self,
        answer: &Answer,
        sent: u64,
        was_acknowledged: bool,
        is_last: bool,
        known: &mut Knowledge,
    ) -> Seen {
        match (answer, self.state) {
            (Answer::Failed(text), _) => self.refuse(Refusal::Failed(text.clone()), known),
            (Answer::Gone, State::Unknown(_)) => {
                self.state = State::Translated;
                Seen::Again
            }
            (Answer::Gone, _) => {
                // Many servers close their socket as soon as they have replied: this says nothing about the way.
                known.release(self);
                self.state = State::Refused;
                Seen::Nothing(Refusal::Closed)
            }
            (Answer::Sockets(found), _) => match self.choose(found, known) {
                Ok(socket) => {
                    known.claimed.insert(socket.cookie);
                    self.state = State::Found { socket, after: 0, agreed: Agreed::Never, by_route: false };
                    Seen::Again
                }
                Err(refusal @ Refusal::Behind) => self.refuse(refusal, known),
                Err(refusal @ Refusal::NotFound) if !is_last => self.refuse(refusal, known),
                Err(refusal) => {
                    self.state = State::Unknown(None);
                    Seen::Nothing(refusal)
                }
            },
            (Answer::Read(reading), _) => self.take_reading(reading, sent, was_acknowledged, known),
            (Answer::Known(..) | Answer::Stream(..), _) => Seen::Again, // it answers no question of this kind
        }
    }

    fn take_reading(&mut self, reading: &Reading, sent: u64, was_acknowledged: bool, known: &mut Knowledge) -> Seen {
        let Reading { cookie, first, received, unread, .. } = *reading;
        let (socket, mut after, mut agreed, by_route) = match self.state {
            State::Found { socket, after, agreed, by_route } => (socket, after, agreed, by_route),
            State::Unknown(_) | State::Translated | State::Refused => {
                let State::Unknown(Some(Expected { ends, by_route })) = self.state else { return Seen::Again };
                known.claimed.insert(cookie);
                (Socket { cookie, ends }, 0, Agreed::Never, by_route)
            }
        };
        self.state = State::Found { socket, after, agreed, by_route };
        if was_acknowledged && first < sent {
            return self.refuse(Refusal::Behind, known);
        }
        if received > sent {
            return self.refuse(Refusal::Miscounted, known);
        }
        if received < sent {
            after = after.max(received);
        } else {
            agreed = match agreed {
                Agreed::Never if !by_route => Agreed::Once(sent),
                Agreed::Once(before) if before == sent => agreed,
                _ => Agreed::Twice,
            };
        }
        let is_read = received == sent && unread == Some(0);
        if is_read {
            after = sent;
        }
        self.state = State::Found { socket, after, agreed, by_route };
        if agreed == Agreed::Twice {
            known.accept(&self.ends, &socket);
        }
        match (is_read, agreed) {
            (false, _) | (_, Agreed::Never) => Seen::Again,
            (true, Agreed::Once(_)) => Seen::ReadOnce,
            (true, Agreed::Twice) => Seen::Read,
        }
    }

    fn refuse(&mut self, refusal: Refusal, known: &mut Knowledge) -> Seen {
        known.release(self);
        known.refuse(&refusal);
        self.state = State::Refused;
        Seen::Nothing(refusal)
    }

    /// The only socket that can be the peer's. If several have received as many bytes, those with more of the right
    /// addresses are preferred.
    fn choose(&self, found: &Found, known: &Knowledge) -> Result<Socket, Refusal> {
        // Translation keeps connections whole: the peer's socket had received the acknowledged bytes at the first look.
        if found.first == 0 && found.total > 0 {
            return Err(Refusal::Behind);
        }
        if found.total > found.sockets.len() {
            return Err(Refusal::Ambiguous(found.total));
        }
        let (ours, route) = (self.ends.remote, known.route.filter(|route| route.to == self.ends.local));
        // Ours has the same addresses the other way round.
        let is_ours = |ends: &Ends| ends.local == ours && ends.remote == self.ends.local;
        let rank = |ends: &Ends| match ends.remote {
            remote if remote == ours => 0,
            remote if remote.port() == ours.port() => 1,
            _ if route.is_some_and(|route| route.local == ends.local) => 2,
            _ => 3,
        };
        let free = found.sockets.iter().filter(|socket| !known.claimed.contains(&socket.cookie));
        let free: Vec<_> = free.filter(|socket| !is_ours(&socket.ends)).collect();
        let best = free.iter().map(|socket| rank(&socket.ends)).min().ok_or(Refusal::NotFound)?;
        let mut best = free.iter().filter(|socket| rank(&socket.ends) == best);
        match (best.next(), best.count()) {
            (Some(&&socket), 0) => Ok(socket),
            (_, others) => Err(Refusal::Ambiguous(others + 1)),
        }
    }
}

#[cfg(test)]
mod tests;
