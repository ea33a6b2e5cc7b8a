//! The login of a connection that was just made, before its first message: `AUTH` lines with SCRAM-SHA-256.

use std::ops::ControlFlow;
use std::time::Instant;

use data_encoding::BASE64;

use crate::auth::scram::{Awaiting, Client, Flaw, Nonce, Verifying};
use crate::auth::{Evidence, Mechanism, Password};
use crate::config::{ConnectConfig, ConnectUser};
use crate::error::{Endpoint, Error, Operation};
use crate::io::conn::Conn;
use crate::io::key::Key;
use crate::io::reactor::{Handler, Reactor, Ready};
use crate::io::{Flush, Incoming, private, prompt, random};
use crate::value::escape;

/// The longest line of a server during a login.
const LONGEST: usize = 8192;
/// The key of the connection in the reactor.
const KEY: Key = Key::Conn(0);

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

/// Logs in on a connection. Returns what the server has sent after that.
///
/// # Errors
/// The login is refused, the server cannot prove that it knows the password, or the connection fails.
pub(super) fn run(
    config: &ConnectConfig,
    (user, password): (&ConnectUser, &Password),
    endpoint: Endpoint,
    conn: &mut Conn,
    reactor: &mut Reactor,
) -> Result<Vec<u8>, Error> {
    let Evidence { is_encrypted, is_local, binding, .. } = conn.evidence();
    // A proxy on this host is only the first part of the way.
    let is_safe = is_encrypted || (is_local && !endpoint.is_proxied());
    if !is_safe && !user.cleartext {
        let how = "others can read this connection, and guess the password: add --tls (or --auth-cleartext)";
        return Err(lost(&endpoint, user, how));
    }
    let nonce: Nonce = random::draw()?;
    let (awaiting, first) = Client::new(&user.name, password.clone(), binding, nonce).begin();
    let mechanism = if binding.is_some() { Mechanism::ScramSha256Plus } else { Mechanism::ScramSha256 };
    conn.register(reactor, KEY).map_err(Error::network(Operation::Connect, endpoint.clone()))?;
    let until = reactor.now() + config.connect_limit.time;
    let mut login = Login {
        user,
        endpoint,
        conn,
        reactor,
        config,
        until,
        mechanism,
        state: State::Awaiting(awaiting),
        received: Vec::new(),
    };
    login.send(&format!("AUTH {} ", mechanism.name()), &first)?;
    Reactor::run(&mut login)?;
    let Login { conn, reactor, received, .. } = login;
    conn.deregister(reactor);
    Ok(received)
}

fn lost(endpoint: &Endpoint, user: &ConnectUser, how: &str) -> Error {
    Error::Lost { address: endpoint.clone(), how: format!("login as {}: {how}", user.name), unanswered: 0 }
}

struct Login<'a> {
    user: &'a ConnectUser,
    endpoint: Endpoint,
    conn: &'a mut Conn,
    reactor: &'a mut Reactor,
    config: &'a ConnectConfig,
    until: Instant,
    mechanism: Mechanism,
    state: State,
    /// What the server has sent and is not read yet.
    received: Vec<u8>,
}

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

impl Login<'_> {
    fn failed(&self, how: &str) -> Error {
        lost(&self.endpoint, self.user, how)
    }

    fn network(&self) -> impl FnOnce(std::io::Error) -> Error + use<> {
        Error::network(Operation::Connect, self.endpoint.clone())
    }

    fn send(&mut self, begin: &str, message: &[u8]) -> Result<(), Error> {
        let line = format!("{begin}{}\n", BASE64.encode(message));
        let sent = self.conn.send(line.as_bytes());
        sent.map_err(self.network())?;
        self.conn.end_group();
        Ok(())
    }

    /// Writes what is queued.
    fn flush(&mut self, now: Instant) -> Result<(), Error> {
        match self.conn.flush(now).map_err(self.network())? {
            Flush::Until(at) => self.reactor.wake_at(Key::Clock, at),
            Flush::More => self.reactor.again(KEY),
            Flush::Blocked | Flush::Idle => {}
        }
        Ok(())
    }

    /// The next line of the server, without its ending.
    fn line(&mut self) -> Option<Vec<u8>> {
        let end = self.received.iter().position(|&byte| byte == b'\n')?;
        let mut line: Vec<u8> = self.received.drain(..=end).collect();
        line.pop();
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        Some(line)
    }

    /// Handles a line of the server.
    fn on_line(&mut self, line: &[u8]) -> Result<(), Error> {
        let Some(rest) = line.strip_prefix(b"AUTH ") else {
            let shown = escape(&line[..line.len().min(80)]);
            return Err(self.failed(&format!("the server does not know the login: \"{shown}\"")));
        };
        if let Some(why) = rest.strip_prefix(b"FAILED") {
            let why = escape(why.trim_ascii());
            let how = if why.is_empty() { Flaw::Credentials.to_string() } else { format!("refused: {why}") };
            return Err(self.failed(&how));
        }
        if let Some(offered) = rest.strip_prefix(b"REQUIRED") {
            let (name, offered) = (self.mechanism.name(), escape(offered.trim_ascii()));
            return Err(self.failed(&format!("the server offers \"{offered}\", and not {name}")));
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

    fn flaw(&self, flaw: Flaw) -> Error {
        self.failed(&flaw.to_string())
    }

    /// Reads what has come. True: the login is over.
    fn read(&mut self, now: Instant) -> Result<bool, Error> {
        let mut buf = vec![0; LONGEST * 4];
        loop {
            while let Some(line) = self.line() {
                self.on_line(&line)?;
                if matches!(self.state, State::Over) {
                    return Ok(true);
                }
            }
            if self.received.len() > LONGEST {
                return Err(self.flaw(Flaw::Malformed));
            }
            match self.conn.read(&mut buf, now).map_err(self.network())? {
                Incoming::Bytes(n) => self.received.extend_from_slice(&buf[..n]),
                Incoming::Undecoded => {}
                Incoming::Blocked => return Ok(false),
                Incoming::Until(at) => {
                    self.reactor.wake_at(Key::Clock, at);
                    return Ok(false);
                }
                Incoming::Eof => return Err(self.failed("closed by the server")),
            }
        }
    }
}

impl Handler for Login<'_> {
    type Output = ();
    type Error = Error;

    fn reactor(&mut self) -> &mut Reactor {
        self.reactor
    }

    fn on_event(&mut self, ready: Ready, _: Instant) -> Result<(), Error> {
        if ready.key == KEY {
            self.conn.on_ready(ready);
        }
        Ok(())
    }

    fn end_turn(&mut self, now: Instant) -> Result<ControlFlow<()>, Error> {
        let is_over = self.read(now)?;
        self.flush(now)?;
        if is_over {
            return Ok(ControlFlow::Break(()));
        }
        if now >= self.until {
            return Err(Error::Timeout {
                operation: Operation::Connect,
                address: self.endpoint.clone(),
                what: "answer to the login",
                limit: self.config.connect_limit.time,
                option: self.config.connect_limit.option,
            });
        }
        self.reactor.wake_at(Key::Clock, self.until);
        Ok(ControlFlow::Continue(()))
    }
}
