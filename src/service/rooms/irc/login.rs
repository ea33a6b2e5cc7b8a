//! Logins of IRC clients: `AUTHENTICATE` (<https://ircv3.net/specs/extensions/sasl-3.2>).

use data_encoding::BASE64;

use super::message::Message;
use super::numeric::{
    ERR_SASLABORTED, ERR_SASLALREADY, ERR_SASLFAIL, ERR_SASLTOOLONG, RPL_LOGGEDIN, RPL_SASLMECHS, RPL_SASLSUCCESS,
};
use super::seat::{Seat, Then};
use super::show::mask;
use crate::auth::{Answer, Login, Mechanism, Method, Policy, Rejection, Step, UserName};

/// The most failures of a client.
const ATTEMPTS: u32 = 3;
/// The length of a part of a message; a shorter one is the last.
const PART: usize = 400;
/// The largest length of a message, before it is decoded.
const LONGEST: usize = 8 * PART;
/// The works of this service have larger numbers than those of a gate before it.
const FIRST_TICKET: u64 = 1 << 63;

/// The login of a client.
#[derive(Debug, Default)]
pub(super) struct Exchange {
    login: Option<Login>,
    /// The parts of a message so far.
    message: Vec<u8>,
    /// The work that it waits for.
    pub(super) ticket: Option<u64>,
    /// It has proven to be this user, and has not confirmed the last message yet.
    accepted: Option<UserName>,
    failures: u32,
    /// The client has not asked for it: its connection proves who it is.
    is_implicit: bool,
}

impl Exchange {
    /// Whether a login has begun and has not ended.
    pub(super) fn is_open(&self) -> bool {
        self.login.is_some() || self.accepted.is_some()
    }

    fn end(&mut self) {
        *self = Exchange { failures: self.failures, ..Exchange::default() };
    }
}

impl Seat<'_> {
    /// The mechanisms for this client, with commas between them; none: there is no login here.
    pub(super) fn mechanisms(&self) -> String {
        let offered = self.policy.into_iter().flat_map(|policy| policy.mechanisms(&self.client.evidence));
        offered.map(Mechanism::name).collect::<Vec<_>>().join(",")
    }

    /// Handles `AUTHENTICATE`.
    pub(super) fn authenticate(&mut self, policy: &Policy, message: &Message<'_>) -> Then {
        let Some(part) = message.param(0) else { return self.needs_more("AUTHENTICATE") };
        if self.context.user(self.peer).is_some() {
            self.reply(ERR_SASLALREADY, &[], "You have already logged in");
            return Then::Stays;
        }
        if part == b"*" {
            self.client.login.end();
            self.reply(ERR_SASLABORTED, &[], "SASL authentication aborted");
            return Then::Stays;
        }
        if !self.client.login.is_open() {
            return self.begin(policy, part);
        }
        let login = &mut self.client.login;
        let is_last = part.len() < PART;
        if part != b"+" {
            login.message.extend_from_slice(part);
        }
        if part.len() > PART || login.message.len() > LONGEST {
            login.end();
            self.reply(ERR_SASLTOOLONG, &[], "SASL message too long");
            return Then::Stays;
        }
        if !is_last {
            return Then::Stays;
        }
        let Ok(message) = BASE64.decode(&std::mem::take(&mut login.message)) else { return self.fail() };
        if let Some(user) = login.accepted.take() {
            return self.succeed(user);
        }
        let Some(login) = &mut login.login else { return Then::Stays };
        let step = login.on_message(&message, &self.client.evidence, policy);
        self.follow(step)
    }

    fn begin(&mut self, policy: &Policy, name: &[u8]) -> Then {
        let is_offered = |one: &Mechanism| policy.mechanisms(&self.client.evidence).any(|offered| offered == *one);
        if let Some(mechanism) = Mechanism::of(name).filter(is_offered) {
            self.client.login.login = Some(Login::new(mechanism));
            self.send("AUTHENTICATE", &["+"], None);
            return Then::Stays;
        }
        let offered = self.mechanisms();
        self.reply(RPL_SASLMECHS, &[&offered], "are available SASL mechanisms");
        self.fail()
    }

    /// Logs a client in as the user that its connection proves.
    pub(super) fn begin_implicit(&mut self, policy: &Policy) -> Then {
        let mut login = Login::new(Mechanism::External);
        let step = login.on_message(b"", &self.client.evidence, policy);
        self.client.login.login = Some(login);
        self.client.login.is_implicit = true;
        self.follow(step)
    }

    /// Continues with the result of the work.
    pub(in super::super) fn on_answer(&mut self, answer: &Answer) -> Then {
        self.client.login.ticket = None;
        let Some(login) = &mut self.client.login.login else { return Then::Stays };
        let step = login.on_answer(answer);
        self.follow(step)
    }

    /// Does what follows from a step of a login.
    fn follow(&mut self, step: Step) -> Then {
        match step {
            Step::Challenge(message) => self.challenge(&message),
            Step::Compute(work) => {
                self.network.tickets += 1;
                let ticket = FIRST_TICKET + self.network.tickets;
                self.client.login.ticket = Some(ticket);
                self.context.compute(self.peer, ticket, work);
            }
            Step::Accepted { name, last: None } => return self.succeed(name),
            Step::Accepted { name, last: Some(message) } => {
                self.client.login.login = None;
                self.client.login.accepted = Some(name);
                self.challenge(&message);
            }
            Step::Rejected(why) => return self.reject(why),
        }
        Then::Stays
    }

    fn reject(&mut self, why: Rejection) -> Then {
        if let Some(text) = why.for_log(self.client.login.login.as_ref()) {
            self.context.login_failed(self.peer, &text);
        }
        match why {
            Rejection::Busy => Then::refused("too many logins at once: try again later"),
            _ if self.client.login.is_implicit => Then::refused("the connection proves no user name"),
            _ => self.fail(),
        }
    }

    fn challenge(&mut self, message: &[u8]) {
        let text = BASE64.encode(message);
        for part in text.as_bytes().chunks(PART) {
            self.send("AUTHENTICATE", &[std::str::from_utf8(part).unwrap_or_default()], None);
        }
        if text.len() % PART == 0 {
            self.send("AUTHENTICATE", &["+"], None); // the last part is empty
        }
    }

    fn succeed(&mut self, user: UserName) -> Then {
        let is_implicit = self.client.login.is_implicit;
        self.client.login.end();
        let nick = self.nick();
        self.reply(RPL_LOGGEDIN, &[&mask(&nick), user.as_str()], &format!("You are now logged in as {user}"));
        if !is_implicit {
            self.reply(RPL_SASLSUCCESS, &[], "SASL authentication successful");
        }
        self.context.set_user(self.peer, user);
        self.complete()
    }

    fn fail(&mut self) -> Then {
        let login = &mut self.client.login;
        login.end();
        login.failures += 1;
        let is_last = login.failures >= ATTEMPTS;
        self.reply(ERR_SASLFAIL, &[], "SASL authentication failed");
        if is_last { Then::refused("too many attempts") } else { Then::Stays }
    }

    /// Closes a client that is to log in and does not.
    pub(super) fn refuse_stranger(&mut self) -> Then {
        let offered = self.mechanisms();
        self.reply(ERR_SASLFAIL, &[], "this server is for users only: log in with SASL");
        Then::refused(format!("log in with SASL {offered}"))
    }

    /// Closes a client that has no way to log in.
    pub(in super::super) fn admit(&self) -> Then {
        let by_password = self.policy.filter(|policy| matches!(policy.method(), Method::Password(_)));
        match by_password {
            Some(_) if self.mechanisms().is_empty() => Then::refused("this connection is not encrypted"),
            _ => Then::Stays,
        }
    }
}
