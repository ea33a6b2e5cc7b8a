//! The login of a connection that was just made, before its first message: `AUTH` lines with SCRAM-SHA-256.

use std::ops::ControlFlow;
use std::time::Instant;

use data_encoding::BASE64;

use crate::auth::scram::{Awaiting, Binding, Client, Flaw, Nonce, Verifying};
use crate::auth::{Evidence, Mechanism, Password};
use crate::config::{ConnectConfig, ConnectLimit, ConnectUser};
use crate::error::{Endpoint, Error, Operation};
use crate::frame::{Framing, Inbox, Role};
use crate::io::conn::Conn;
use crate::io::key::Key;
use crate::io::reactor::{Handler, Reactor, Ready};
use crate::io::signal::Signals;
use crate::io::{Flush, Incoming, private, prompt, random};
use crate::value::escape;

/// The longest line of a server during a login.
const LONGEST: usize = 8192;

/// Reads the password of a user, or asks for it.
///
/// # Errors
/// When the file or the terminal has none.
pub(super) fn password(user: &ConnectUser) -> Result<Password, Error> {
    match &user.password {
        Some(path) => private::read_password(path),
        None => prompt::password(&format!("Password of {}: ", user.name), "add --password-file FILE"),
    }
}

/// Whom to log in as, on each connection of a run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Credentials<'a> {
    pub(super) user: &'a ConnectUser,
    pub(super) password: &'a Password,
}

/// Why a login has failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// The connection was lost, or the server did not answer: another attempt may succeed.
    Lost(Error),
    /// The login was refused, or the server is not to be trusted.
    Refused(Error),
}

/// Of the event loop.
impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::Refused(error)
    }
}

/// Logs in on a connection before anything else is done. Returns it, with what the server has sent after the login.
///
/// # Errors
/// The login has failed, and the connection is closed.
pub(super) fn run(
    config: &ConnectConfig,
    credentials: Credentials<'_>,
    endpoint: Endpoint,
    conn: Conn,
    reactor: &mut Reactor,
    signals: &Signals,
) -> Result<(Conn, Vec<u8>), Failure> {
    let login = Login::begin(config, credentials, endpoint, conn, reactor)?;
    let mut alone = Alone { login, reactor, signals };
    let ended = Reactor::run(&mut alone);
    let Alone { login, reactor, .. } = alone;
    match ended {
        Ok(()) => Ok(login.finish(reactor)),
        Err(failure) => {
            login.close(reactor);
            Err(failure)
        }
    }
}

/// A login on a connection.
#[derive(Debug)]
pub(super) struct Login<'a> {
    user: &'a ConnectUser,
    limit: ConnectLimit,
    endpoint: Endpoint,
    conn: Conn,
    until: Instant,
    mechanism: Mechanism,
    state: State,
    /// What the server has sent.
    inbox: Inbox,
}

#[derive(Debug)]
enum State {
    /// The first message is sent.
    Awaiting(Awaiting),
    /// The proof is sent.
    Verifying(Verifying),
    /// The server has proven that it knows the password; its last line is awaited.
    Verified,
    /// The login is over.
    Over,
}

impl<'a> Login<'a> {
    /// Sends the first message.
    ///
    /// # Errors
    /// Others could read the connection, or it fails. It is closed.
    pub(super) fn begin(
        config: &ConnectConfig,
        Credentials { user, password }: Credentials<'a>,
        endpoint: Endpoint,
        conn: Conn,
        reactor: &Reactor,
    ) -> Result<Self, Failure> {
        let Evidence { is_encrypted, is_local, binding, .. } = conn.evidence();
        // A proxy on this host is only the first part of the way.
        let is_safe = is_encrypted || (is_local && !endpoint.is_proxied());
        let mechanism = if binding.is_some() { Mechanism::ScramSha256Plus } else { Mechanism::ScramSha256 };
        let (limit, until) = (config.connect_limit, reactor.now() + config.connect_limit.time);
        let inbox = Inbox::new(Framing::Lines, Role::Responses, LONGEST);
        let mut login = Login { user, limit, endpoint, conn, until, mechanism, state: State::Over, inbox };
        match login.start(password, binding, is_safe || user.cleartext, reactor) {
            Ok(()) => Ok(login),
            Err(failure) => {
                login.close(reactor);
                Err(failure)
            }
        }
    }

    fn start(
        &mut self,
        password: &Password,
        binding: Option<Binding>,
        is_allowed: bool,
        reactor: &Reactor,
    ) -> Result<(), Failure> {
        if !is_allowed {
            let how = "others can read this connection, and guess the password: add --tls (or --auth-cleartext)";
            return Err(self.refused(how));
        }
        let nonce: Nonce = random::draw().map_err(Failure::Refused)?;
        let (awaiting, first) = Client::new(&self.user.name, password.clone(), binding, nonce).begin();
        self.state = State::Awaiting(awaiting);
        self.conn.register(reactor, Key::Login).map_err(self.network())?;
        self.send(&format!("AUTH {} ", self.mechanism.name()), &first)
    }

    /// Ends the connection.
    pub(super) fn close(self, reactor: &Reactor) {
        self.conn.close(reactor);
    }

    /// The connection after the login, with what the server has sent after it.
    pub(super) fn finish(mut self, reactor: &Reactor) -> (Conn, Vec<u8>) {
        self.conn.deregister(reactor);
        (self.conn, self.inbox.into_held())
    }

    /// Notes an event of the reactor.
    pub(super) fn on_ready(&mut self, ready: Ready) {
        if ready.key == Key::Login {
            self.conn.on_ready(ready);
        }
    }

    /// Continues. True: the login is over. False: poll again in a later turn, which the reactor wakes.
    ///
    /// # Errors
    /// The login has failed.
    pub(super) fn poll(&mut self, reactor: &mut Reactor, now: Instant) -> Result<bool, Failure> {
        let is_over = self.read(reactor, now)?;
        self.flush(reactor, now)?;
        if !is_over && now >= self.until {
            return Err(Failure::Lost(Error::Timeout {
                operation: Operation::Connect,
                address: self.endpoint.clone(),
                what: "answer to the login",
                limit: self.limit.time,
                option: self.limit.option,
            }));
        }
        reactor.wake_at(Key::Clock, self.until);
        Ok(is_over)
    }

    fn failed(&self, how: &str) -> Error {
        let how = format!("login as {}: {how}", self.user.name);
        Error::Lost { address: self.endpoint.clone(), how, unanswered: 0 }
    }

    fn refused(&self, how: &str) -> Failure {
        Failure::Refused(self.failed(how))
    }

    fn network(&self) -> impl FnOnce(std::io::Error) -> Failure + use<> {
        let network = Error::network(Operation::Connect, self.endpoint.clone());
        |error| Failure::Lost(network(error))
    }

    fn send(&mut self, begin: &str, message: &[u8]) -> Result<(), Failure> {
        let line = format!("{begin}{}\n", BASE64.encode(message));
        let sent = self.conn.send(line.as_bytes());
        sent.map_err(self.network())?;
        self.conn.end_group();
        Ok(())
    }

    /// Writes what is queued.
    fn flush(&mut self, reactor: &mut Reactor, now: Instant) -> Result<(), Failure> {
        match self.conn.flush(now).map_err(self.network())? {
            Flush::Until(at) => reactor.wake_at(Key::Clock, at),
            Flush::More => reactor.again(Key::Login),
            Flush::Blocked | Flush::Idle => {}
        }
        Ok(())
    }

    /// Handles a line of the server.
    fn on_line(&mut self, line: &[u8]) -> Result<(), Failure> {
        let Some(rest) = line.strip_prefix(b"AUTH ") else {
            let shown = escape(&line[..line.len().min(80)]);
            return Err(self.refused(&format!("the server does not know the login: \"{shown}\"")));
        };
        if let Some(why) = rest.strip_prefix(b"FAILED") {
            let why = escape(why.trim_ascii());
            let how = if why.is_empty() { Flaw::Credentials.to_string() } else { format!("refused: {why}") };
            return Err(self.refused(&how));
        }
        if let Some(offered) = rest.strip_prefix(b"REQUIRED") {
            let (name, offered) = (self.mechanism.name(), escape(offered.trim_ascii()));
            return Err(self.refused(&format!("the server offers \"{offered}\", and not {name}")));
        }
        let is_end = rest.starts_with(b"OK ");
        let message = if is_end { Vec::new() } else { BASE64.decode(rest).map_err(|_| self.flaw(Flaw::Malformed))? };
        match std::mem::replace(&mut self.state, State::Over) {
            State::Awaiting(awaiting) if !is_end => {
                let (verifying, proof) = awaiting.answer(&message).map_err(|flaw| self.flaw(flaw))?;
                self.send("AUTH ", &proof)?;
                self.state = State::Verifying(verifying);
            }
            State::Verifying(verifying) if !is_end => {
                verifying.verify(&message).map_err(|flaw| self.flaw(flaw))?;
                self.state = State::Verified;
            }
            State::Verified if is_end => {}
            // It has not proven that it knows the password.
            State::Awaiting(_) | State::Verifying(_) => return Err(self.flaw(Flaw::Signature)),
            State::Verified | State::Over => return Err(self.flaw(Flaw::Malformed)),
        }
        Ok(())
    }

    fn flaw(&self, flaw: Flaw) -> Failure {
        self.refused(&flaw.to_string())
    }

    /// Reads what has come. True: the login is over.
    fn read(&mut self, reactor: &mut Reactor, now: Instant) -> Result<bool, Failure> {
        let mut buf = vec![0; LONGEST];
        loop {
            let mut fresh = match self.conn.read(&mut buf, now).map_err(self.network())? {
                Incoming::Bytes(n) => &buf[..n],
                Incoming::Undecoded => continue,
                Incoming::Blocked => return Ok(false),
                Incoming::Until(at) => {
                    reactor.wake_at(Key::Clock, at);
                    return Ok(false);
                }
                Incoming::Eof => return Err(Failure::Lost(self.failed("closed by the server"))),
            };
            loop {
                let line = match self.inbox.pull(&mut fresh) {
                    Ok(Some(line)) => line.body.into_owned(),
                    Ok(None) => break,
                    Err(_) => return Err(self.flaw(Flaw::Malformed)),
                };
                self.on_line(&line)?;
                if matches!(self.state, State::Over) {
                    self.inbox.keep(fresh);
                    return Ok(true);
                }
            }
        }
    }
}

/// A login that is all that the event loop does.
struct Alone<'l, 'a> {
    login: Login<'a>,
    reactor: &'l mut Reactor,
    signals: &'l Signals,
}

impl Handler for Alone<'_, '_> {
    type Output = ();
    type Error = Failure;

    fn reactor(&mut self) -> &mut Reactor {
        self.reactor
    }

    fn on_event(&mut self, ready: Ready, _: Instant) -> Result<(), Failure> {
        self.login.on_ready(ready);
        Ok(())
    }

    fn end_turn(&mut self, now: Instant) -> Result<ControlFlow<()>, Failure> {
        if self.signals.stopped() {
            return Err(Failure::Refused(Error::Interrupted));
        }
        let is_over = self.login.poll(self.reactor, now)?;
        Ok(if is_over { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    }
}
