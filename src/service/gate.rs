//! A service that only users reach: a client logs in first, by one exchange of lines or by what its connection proves.
//!
//! The client sends `AUTH MECHANISM BASE64`. The answer is `AUTH BASE64`, to which the client replies in the same way,
//! or `AUTH OK NAME`, or `AUTH FAILED`. Any other line is answered with `AUTH REQUIRED` and the mechanisms. A login after
//! the login is refused: it may have a password, which is no message for others.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use data_encoding::BASE64;

use super::{Client, Context, Event, OnShutdown, PeerId, Port, RoomSize, Service};
use crate::auth::{Evidence, Login, Mechanism, Method, Policy, Rejection, Step, UserName};

/// The most lines of a client that do not log it in.
const ATTEMPTS: u32 = 3;
/// How long a client may take to log in.
const LIMIT: Duration = Duration::from_secs(60);
/// The timers of this service; those of the service within have smaller numbers.
const TIMER: u64 = 1 << 63;

/// A service behind a login.
#[derive(Debug)]
pub struct Gate<S> {
    inner: S,
    policy: Arc<Policy>,
    /// The clients that have not logged in.
    visitors: HashMap<PeerId, Visitor>,
    /// The clients that have logged in here.
    users: HashSet<PeerId>,
    /// The number of works so far.
    tickets: u64,
}

/// A client that has not logged in.
#[derive(Debug)]
struct Visitor {
    evidence: Evidence,
    client: Client,
    /// The login that it has begun.
    login: Option<Login>,
    /// The work that it waits for.
    ticket: Option<u64>,
    failures: u32,
}

impl<S: Service> Gate<S> {
    /// The service `inner` for those whom this policy lets in.
    #[must_use]
    pub fn new(inner: S, policy: Arc<Policy>) -> Self {
        Gate { inner, policy, visitors: HashMap::new(), users: HashSet::new(), tickets: 0 }
    }

    /// Whether clients log in with a password; otherwise their connection proves who they are.
    fn asks(&self) -> bool {
        matches!(self.policy.method(), Method::Password(_))
    }

    /// Whether this line begins a login of a client that has logged in.
    fn is_late(&self, peer: PeerId, line: &[u8]) -> bool {
        self.users.contains(&peer) && begins_login(line)
    }

    fn open(&mut self, peer: PeerId, context: &mut Context) {
        let Some(visitor) = self.visitors.get_mut(&peer) else { return self.inner.on(Event::Open { peer }, context) };
        context.timer(timer(peer), LIMIT);
        if matches!(self.policy.method(), Method::Password(_)) {
            if self.policy.mechanisms(&visitor.evidence).next().is_none() {
                return close(peer, "this connection is not encrypted", context);
            }
            return;
        }
        let mut login = Login::new(Mechanism::External);
        let step = login.on_message(b"", &visitor.evidence, &self.policy);
        visitor.login = Some(login);
        self.follow(peer, step, context);
    }

    /// Handles a line of a client that has not logged in.
    fn on_line(&mut self, peer: PeerId, line: &[u8], context: &mut Context) {
        let Some(visitor) = self.visitors.get_mut(&peer) else { return };
        let step = match (words(line), &mut visitor.login) {
            (Some((None, message)), Some(login)) => login.on_message(&message, &visitor.evidence, &self.policy),
            (Some((Some(name), message)), None) => {
                let mechanism = Mechanism::of(name).filter(|&mechanism| mechanism != Mechanism::External);
                match mechanism {
                    Some(mechanism) => {
                        let login = visitor.login.insert(Login::new(mechanism));
                        login.on_message(&message, &visitor.evidence, &self.policy)
                    }
                    None => Step::Rejected(Rejection::NotOffered),
                }
            }
            _ => Step::Rejected(Rejection::Unexpected),
        };
        self.follow(peer, step, context);
    }

    /// Does what follows from a step of a login.
    fn follow(&mut self, peer: PeerId, step: Step, context: &mut Context) {
        let Some(visitor) = self.visitors.get_mut(&peer) else { return };
        match step {
            Step::Challenge(message) => send(peer, &message, context),
            Step::Compute(work) => {
                self.tickets += 1;
                visitor.ticket = Some(self.tickets);
                context.compute(peer, self.tickets, work);
            }
            Step::Accepted { name, last } => {
                if let Some(last) = last {
                    send(peer, &last, context);
                }
                self.accept(peer, name, context);
            }
            Step::Rejected(why) => self.reject(peer, why, context),
        }
    }

    fn accept(&mut self, peer: PeerId, name: UserName, context: &mut Context) {
        if self.asks() {
            answer(peer, &format!("OK {name}"), context);
        }
        context.cancel_timer(timer(peer));
        context.set_user(peer, name);
        self.users.insert(peer);
        if let Some(Visitor { client, .. }) = self.visitors.remove(&peer) {
            self.inner.introduce(peer, &|| client);
        }
        self.inner.on(Event::Open { peer }, context);
    }

    fn reject(&mut self, peer: PeerId, why: Rejection, context: &mut Context) {
        let Some(visitor) = self.visitors.get_mut(&peer) else { return };
        let login = visitor.login.take();
        visitor.failures += 1;
        if let Some(text) = why.for_log(login.as_ref()) {
            context.login_failed(peer, &text);
        }
        if why == Rejection::Busy {
            return close(peer, "too many logins at once: try again later", context);
        }
        if !matches!(self.policy.method(), Method::Password(_)) {
            return close(peer, "the connection proves no user name", context);
        }
        if visitor.failures >= ATTEMPTS {
            return close(peer, "too many attempts", context);
        }
        if matches!(why, Rejection::NotOffered | Rejection::Unexpected) {
            let offered = self.policy.mechanisms(&visitor.evidence).map(|mechanism| format!(" {}", mechanism.name()));
            return answer(peer, &format!("REQUIRED{}", offered.collect::<String>()), context);
        }
        answer(peer, "FAILED", context);
    }
}

/// Reads `AUTH [MECHANISM] BASE64`. `=` stands for an empty message.
fn words(line: &[u8]) -> Option<(Option<&[u8]>, Vec<u8>)> {
    let mut words = line.split(|&byte| byte == b' ');
    if !words.next()?.eq_ignore_ascii_case(b"AUTH") {
        return None;
    }
    let (first, second) = (words.next()?, words.next());
    let (name, message) = second.map_or((None, first), |message| (Some(first), message));
    let message = if message == b"=" { Vec::new() } else { BASE64.decode(message).ok()? };
    words.next().is_none().then_some((name, message))
}

/// Whether a line is `AUTH MECHANISM` with one word or none after it.
fn begins_login(line: &[u8]) -> bool {
    let words: Vec<_> = line.split(|&byte| byte == b' ').filter(|word| !word.is_empty()).take(4).collect();
    let ([auth, name] | [auth, name, _]) = words[..] else { return false };
    auth.eq_ignore_ascii_case(b"AUTH") && Mechanism::of(name).is_some()
}

fn timer(peer: PeerId) -> u64 {
    match peer {
        PeerId::Console => TIMER,
        PeerId::Conn(number) => TIMER + 1 + number.index() as u64,
    }
}

fn send(peer: PeerId, message: &[u8], context: &mut Context) {
    let text = if message.is_empty() { "=".to_owned() } else { BASE64.encode(message) };
    answer(peer, &text, context);
}

/// Answers a line of a login. It is no message of the service: no record has it.
fn answer(peer: PeerId, text: &str, context: &mut Context) {
    context.send_interim(peer, |out| {
        out.extend_from_slice(b"AUTH ");
        out.extend_from_slice(text.as_bytes());
        out.push(b'\n');
    });
}

fn close(peer: PeerId, why: &str, context: &mut Context) {
    answer(peer, &format!("FAILED {why}"), context);
    context.close(peer);
}

impl<S: Service> Service for Gate<S> {
    fn begin(&mut self, context: &mut Context) {
        self.inner.begin(context);
    }

    fn on(&mut self, event: Event<'_>, context: &mut Context) {
        match event {
            Event::Open { peer } => self.open(peer, context),
            Event::Message { peer, bytes } | Event::Rest { peer, bytes } if self.visitors.contains_key(&peer) => {
                self.on_line(peer, bytes, context);
            }
            Event::Message { peer, bytes } | Event::Rest { peer, bytes } if self.is_late(peer, bytes) => {
                let name = context.user(peer).map(ToString::to_string).unwrap_or_default();
                answer(peer, &format!("FAILED you are logged in as {name}"), context);
            }
            Event::Eof { peer } | Event::TooLong { peer } | Event::Malformed { peer, .. }
                if self.visitors.contains_key(&peer) =>
            {
                context.close(peer);
            }
            Event::Computed { peer, ticket, answer } => {
                // The client may have gone, and another one have its number.
                let visitor = self.visitors.get_mut(&peer).filter(|visitor| visitor.ticket == Some(ticket));
                let Some(visitor) = visitor else { return self.inner.on(event, context) };
                visitor.ticket = None;
                let Some(login) = &mut visitor.login else { return };
                let step = login.on_answer(answer);
                self.follow(peer, step, context);
            }
            Event::Timer { id } if id >= TIMER => {
                let late = self.visitors.keys().copied().find(|&peer| timer(peer) == id);
                if let Some(peer) = late {
                    close(peer, "no login in time", context);
                }
            }
            Event::Closed { peer } => {
                if self.visitors.remove(&peer).is_some() {
                    return context.cancel_timer(timer(peer));
                }
                self.users.remove(&peer);
                self.inner.on(event, context);
                context.forget_user(peer);
            }
            Event::Failed { peer, .. } | Event::Drained { peer } | Event::Moved { peer }
                if self.visitors.contains_key(&peer) => {}
            event => self.inner.on(event, context),
        }
    }

    /// The service gets to know a client when it has logged in.
    fn introduce(&mut self, peer: PeerId, client: &dyn Fn() -> Client) {
        match self.visitors.get_mut(&peer) {
            Some(visitor) => visitor.client = client(),
            None => self.inner.introduce(peer, client),
        }
    }

    fn sink(&self, from: PeerId) -> PeerId {
        if self.visitors.contains_key(&from) { from } else { self.inner.sink(from) }
    }

    fn wants(&self, from: PeerId) -> bool {
        self.visitors.get(&from).map_or_else(|| self.inner.wants(from), |visitor| visitor.ticket.is_none())
    }

    fn waits_for_input(&self) -> bool {
        self.inner.waits_for_input()
    }

    fn on_shutdown(&self, peer: PeerId) -> OnShutdown {
        if self.visitors.contains_key(&peer) { OnShutdown::Close } else { self.inner.on_shutdown(peer) }
    }

    fn wants_evidence(&self) -> bool {
        true
    }

    /// The clients of another protocol log in with its own messages, to the service itself.
    fn meet(&mut self, peer: PeerId, port: Port, evidence: Evidence) {
        if port != Port::Main {
            return self.inner.meet(peer, port, evidence);
        }
        self.visitors
            .insert(peer, Visitor { evidence, client: Client::default(), login: None, ticket: None, failures: 0 });
    }

    fn hides(&self, peer: PeerId, message: &[u8]) -> bool {
        self.visitors.contains_key(&peer) || self.is_late(peer, message) || self.inner.hides(peer, message)
    }

    fn rooms(&self) -> Vec<RoomSize> {
        self.inner.rooms()
    }
}

#[cfg(test)]
mod tests;
