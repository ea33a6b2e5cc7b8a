//! `secretcat connect`: one connection, from the first attempt to its end.
//!
//! Each purpose of a connection ends differently: [`stream`] (bytes in both directions), [`messages`] (a filter in a
//! script) and [`conversation`] (a user at a terminal).

mod conversation;
mod login;
mod messages;
mod replies;
mod rounds;
mod stream;

use login::Credentials;

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use super::Context;
use super::account::Missing;
use super::call::{CallTerms, Caller};
use super::exchange::{Ended, Exchange};
use super::loopback::Loopback;
use super::meter::Meter;
use crate::config::{ClientTls, ConnectConfig, HalfClose, Input, Target};
use crate::editor::Manner;
use crate::error::{Endpoint, Error, Operation};
use crate::frame::{FrameError, Framing, Inbox};
use crate::io::conn::Conn;
use crate::io::connector::Encoding;
use crate::io::console::{Console, Kept};
use crate::io::encoding;
use crate::io::key::Key;
use crate::io::reactor::{Handler, Reactor, Ready};
use crate::io::terminal;
use crate::peer::codec::OptionNames;
use crate::peer::life::CloseReason;
use crate::service::{Event, NoStore, PeerId, Service, Traits};
use crate::value::Address;

/// The time limit at the end of a run for writing bytes and for their acknowledgement.
const CLOSE_TIME: Duration = Duration::from_secs(1);

/// Connects, and runs the connection to its end.
///
/// # Errors
/// When the connection cannot be made, is lost with messages unanswered, or exceeds a limit; when
/// stdin or stdout fail.
pub fn run(config: &ConnectConfig, context: &Context) -> Result<(), Error> {
    super::check_platform(&config.traffic)?;
    let loopback = match &config.target {
        Target::Server(_) => None,
        Target::Loopback => Some(Loopback::start(config, context)?),
    };
    let address = match (&config.target, &loopback) {
        (Target::Server(address), _) => address.clone(),
        (Target::Loopback, Some(loopback)) => loopback.address.clone(),
        (Target::Loopback, None) => Address::default(),
    };
    let pin = loopback.as_ref().and_then(|loopback| loopback.pin);
    let tls = config.tls.clone().map(|tls| tls.trusting(pin));
    let ended = connect(config, &address, tls.as_ref(), context);
    if let Some(loopback) = loopback {
        loopback.stop();
    }
    ended
}

fn connect(config: &ConnectConfig, address: &Address, tls: Option<&ClientTls>, context: &Context) -> Result<(), Error> {
    // A member of a room reads at a terminal, too: others would get times and colours.
    let is_shown = config.place.is_none() || terminal::is_stdout();
    let person = !config.raw && config.input == Input::Stdin && terminal::is_stdin() && is_shown;
    if config.reconnect && !person {
        let stream = if terminal::is_stdin() { "stdout" } else { "stdin" };
        return Err(Error::Usage(format!("--reconnect is for a conversation: {stream} is no terminal")));
    }
    if let Some(option) = config.probe.option().filter(|_| person) {
        return Err(Error::Usage(format!(
            "{option} is for a script, and stdin is a terminal: give the message with -m"
        )));
    }
    let encoding = encoding::client(tls, address, OptionNames::TLS, &context.report, &context.recorder)?;
    encoding::warn_of(tls, "--tls-insecure", &context.report);
    let encoding = encoding.as_deref();
    let password = config.user.as_ref().map(login::password).transpose()?;
    let logs_in = config.user.as_ref().zip(password.as_ref());
    let credentials = logs_in.map(|(user, password)| Credentials { user, password });
    let mut caller = Caller::new(call_terms(config), address, context, encoding);
    let (mut kept, mut lost) = (Kept::default(), None);
    loop {
        let (mut reactor, conn) = caller.connect(lost)?;
        let conn = prepare(config, context, conn);
        if config.check {
            conn.close(&reactor);
            return Ok(());
        }
        let (conn, received) = match credentials {
            None => (conn, Vec::new()),
            Some(credentials) => {
                let endpoint = endpoint(address, context);
                match login::run(config, credentials, endpoint, conn, &mut reactor, &context.signals) {
                    Ok(done) => done,
                    Err(login::Failure::Lost(error)) => {
                        lost = Some(error);
                        continue;
                    }
                    Err(login::Failure::Refused(error)) => return Err(error),
                }
            }
        };
        let may_be_made_again = caller.may_try_again();
        let link =
            Link { config, address, context, encoding, credentials, reactor, conn, received, kept, may_be_made_again };
        let ended = match () {
            () if config.raw => stream::run(link),
            () if person => conversation::run(link),
            () => messages::run(link),
        };
        match ended {
            Err(Failure { error, input: Some(input) }) => (kept, lost) = (input, Some(error)),
            other => return other.map_err(|failure| failure.error),
        }
    }
}

/// How the connections of this command are made.
fn call_terms(config: &ConnectConfig) -> CallTerms<'_> {
    CallTerms {
        traffic: &config.traffic,
        raw: config.raw,
        family: config.family,
        limit: config.connect_limit,
        retry: config.retry,
        header: config.header.as_ref(),
        output: &config.output,
    }
}

/// Prepares a connection that was just made.
fn prepare(config: &ConnectConfig, context: &Context, mut conn: Conn) -> Conn {
    if config.output.show_options {
        super::show_options(conn.stream(), None, &config.traffic.socket, context);
        conn.session().into_iter().for_each(|session| super::show_session(&session, &context.report));
    }
    if config.half_close == HalfClose::WithLast {
        conn.hold_last();
    }
    conn
}

/// An established connection, with its context.
struct Link<'a> {
    config: &'a ConnectConfig,
    address: &'a Address,
    context: &'a Context,
    encoding: Option<&'a dyn Encoding>,
    credentials: Option<Credentials<'a>>,
    reactor: Reactor,
    conn: Conn,
    /// What the server has sent after the login.
    received: Vec<u8>,
    /// The bytes that an earlier run has read from stdin.
    kept: Kept,
    /// If the connection is lost before a byte of the server arrives, another run follows.
    may_be_made_again: bool,
}

/// The failure of a run.
#[derive(Debug)]
struct Failure {
    error: Error,
    /// The bytes read from stdin, if the run may be repeated.
    input: Option<Kept>,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure { error, input: None }
    }
}

/// One connection, the standard streams, and the service between them.
struct Run<'a, S> {
    config: &'a ConnectConfig,
    address: &'a Address,
    context: &'a Context,
    encoding: Option<&'a dyn Encoding>,
    credentials: Option<Credentials<'a>>,
    exchange: Exchange<S>,
    server: PeerId,
    /// How the connection ended, if it has ended.
    lost: Option<Ended>,
    /// The server closed or reset the connection before it sent a byte.
    ended_unheard: bool,
    /// With TLS: what was missing when the server closed the connection, if it has ended.
    missing: Option<Missing>,
    meter: Meter,
}

/// The server for errors, with the proxy on the way to it.
fn endpoint(address: &Address, context: &Context) -> Endpoint {
    context.proxy.as_ref().map_or_else(|| address.into(), |proxy| proxy.endpoint(address))
}

/// Decides when a run ends.
trait Mode<'a, S> {
    /// Checks the run after a turn of the loop. `Some` ends it; `Ok` closes the connection in order.
    fn ending(&mut self, run: &mut Run<'a, S>, now: Instant) -> Option<Result<(), Error>>;

    /// Notes an event of the loop that may be for the mode only.
    fn on_ready(&mut self, event: Ready) {
        let _ = event;
    }

    /// A peer has had its turn, and in the same turn of the loop another one may follow.
    fn served(&mut self, run: &mut Run<'a, S>) {
        let _ = run;
    }

    /// The error for a message of stdin that exceeds the limit.
    fn input_too_long(&self, run: &Run<'_, S>, error: &FrameError) -> Error;
}

impl<S> Run<'_, S> {
    /// The server for errors, with the proxy on the way to it.
    fn endpoint(&self) -> Endpoint {
        endpoint(self.address, self.context)
    }
}

impl<'a, S: Service> Run<'a, S> {
    /// The standard streams, with stdin only if messages come from it.
    fn console(link: &Link<'_>) -> Result<Console, Error> {
        let from_stdin = link.config.input == Input::Stdin;
        Console::open(&link.reactor, from_stdin).map_err(Error::local(Operation::Open, "stdin and stdout"))
    }

    /// Registers the standard streams and the connection.
    fn start(link: Link<'a>, service: S, traits: Traits, console: Console, inbox: Inbox) -> Result<Self, Error> {
        Self::start_with(link, service, traits, console, inbox, None)
    }

    /// The same, with a prompt for each line.
    fn start_asking(
        link: Link<'a>,
        service: S,
        traits: Traits,
        console: Console,
        inbox: Inbox,
        prompt: (&str, Manner),
    ) -> Result<Self, Error> {
        Self::start_with(link, service, traits, console, inbox, Some(prompt))
    }

    fn start_with(
        link: Link<'a>,
        service: S,
        traits: Traits,
        console: Console,
        mut inbox: Inbox,
        prompt: Option<(&str, Manner)>,
    ) -> Result<Self, Error> {
        let Link { config, address, context, encoding, credentials, reactor, conn, received, kept, may_be_made_again } =
            link;
        let mut exchange =
            Exchange::new(reactor, service, traits, Box::new(NoStore), config.traffic.idle_timeout, &context.recorder);
        exchange.add_console(console, config.traffic.max_message);
        if prompt.is_none() {
            if let Some(console) = exchange.peers.console_mut() {
                console.replay(kept, may_be_made_again);
            }
        }
        if let (Some((prompt, manner)), Some(console)) = (prompt, exchange.peers.console_mut()) {
            if let Some(row) = console.converse(prompt, manner) {
                context.report.keep_below(row);
            }
        }
        inbox.keep(&received);
        let server = exchange.add(conn, inbox).map_err(Error::network(Operation::Connect, address))?;
        if let Input::Given(messages) = &config.input {
            for message in messages {
                exchange.emit(Event::Message { peer: PeerId::Console, bytes: message });
            }
            exchange.emit(Event::Eof { peer: PeerId::Console });
        }
        Ok(Run {
            config,
            address,
            context,
            encoding,
            credentials,
            exchange,
            server,
            lost: None,
            ended_unheard: false,
            missing: None,
            meter: Meter::default(),
        })
    }

    /// Runs until the mode ends it.
    fn go(mut self, mode: &mut impl Mode<'a, S>) -> Result<(), Failure> {
        let ended = Reactor::run(&mut Turns { run: &mut self, mode })?;
        let Err(error) = ended else {
            self.meter.end(&self.exchange);
            self.note_cut_off();
            return Ok(self.close()?);
        };
        let input = self.input_of_next(&error);
        self.meter.end(&self.exchange);
        match error {
            // Received bytes cannot be written: the server must not take them for received.
            Error::Local { .. } => self.exchange.abort_all(),
            _ => self.exchange.drop_all(),
        }
        Err(Failure { error, input })
    }

    /// With TLS: what is missing if the run ends now.
    fn missing(&self) -> Option<Missing> {
        self.missing.or_else(|| Missing::of(self.exchange.peers.conn(self.server)?))
    }

    /// Prints with -v that the server did not close TLS, although every reply is complete.
    fn note_cut_off(&self) {
        if self.missing() == Some(Missing::Close) && self.config.output.verbosity > 0 {
            self.context.report.event("the server closed the connection without a close_notify of TLS");
        }
    }

    /// Whether the server has sent a byte.
    fn has_answered(&self) -> bool {
        self.exchange.peers.conn(self.server).is_some_and(|conn| conn.received() > 0)
    }

    /// The bytes read from stdin, if the run may be repeated: the connection ended before the server sent a byte.
    fn input_of_next(&mut self, error: &Error) -> Option<Kept> {
        let ended_unheard = match self.exchange.peers.conn(self.server) {
            Some(conn) => conn.life().has_peer_ended() && conn.received() == 0,
            None => self.ended_unheard,
        };
        let lost = matches!(error, Error::Lost { .. } | Error::Undelivered { .. });
        if lost && ended_unheard { self.exchange.peers.console_mut()?.take_kept() } else { None }
    }

    /// The failures that end every run. How the connection was lost is kept for the mode.
    fn failure(&mut self, mode: &impl Mode<'a, S>) -> Option<Error> {
        for mut ended in std::mem::take(&mut self.exchange.ended) {
            let unfinished = std::mem::take(&mut ended.unfinished);
            match (ended.id, ended.reason) {
                (PeerId::Console, CloseReason::Failed(error)) => {
                    return Some(Error::local(Operation::Read, "stdin")(error));
                }
                (PeerId::Console, CloseReason::Unwritable(error)) => {
                    return Some(Error::local(Operation::WriteTo, "stdout")(error));
                }
                (PeerId::Console, CloseReason::Garbled(error)) => return Some(mode.input_too_long(self, &error)),
                (id, why) if id == self.server => {
                    self.ended_unheard = ended.account.is_some_and(|account| {
                        let has_ended = account.ended_by_peer || matches!(why, CloseReason::Failed(_));
                        has_ended && account.bytes_in == 0 && account.missing != Some(Missing::Reply)
                    });
                    self.missing = ended.account.and_then(|account| account.missing);
                    self.lost = Some(Ended { reason: why, ..ended });
                    self.print_unfinished(&unfinished);
                }
                _ => {}
            }
        }
        self.context.signals.stopped().then_some(Error::Interrupted)
    }

    /// Prints an incomplete line of the server.
    fn print_unfinished(&mut self, start: &[u8]) {
        if !start.is_empty() && matches!(self.config.framing, Framing::Lines | Framing::Raw) {
            self.exchange.emit(Event::Rest { peer: self.server, bytes: start });
        }
    }

    /// Prints what is incomplete at the end of the output. True: stdout has taken everything.
    fn show_the_rest(&mut self) -> bool {
        self.exchange.end_output();
        self.exchange.ended.is_empty() && self.exchange.peers.backlog(PeerId::Console) == 0
    }

    /// Closes the connection in order: sends the remaining bytes, then half-closes. It does not wait for the server to
    /// close, because everything expected has been received.
    fn close(mut self) -> Result<(), Error> {
        self.exchange.shut_down();
        self.exchange.peers.ack_timeout = Some(CLOSE_TIME);
        self.exchange.close_now(self.server);
        Reactor::run(&mut Closing { run: &mut self, until: None })?;
        self.exchange.drop_all();
        Ok(())
    }
}

/// A run, until its mode ends it.
struct Turns<'r, 'a, S, M> {
    run: &'r mut Run<'a, S>,
    mode: &'r mut M,
}

impl<'a, S: Service, M: Mode<'a, S>> Handler for Turns<'_, 'a, S, M> {
    type Output = Result<(), Error>;
    type Error = Error;

    fn reactor(&mut self) -> &mut Reactor {
        &mut self.run.exchange.reactor
    }

    fn on_event(&mut self, ready: Ready, _: Instant) -> Result<(), Error> {
        self.mode.on_ready(ready);
        self.run.exchange.serve(ready);
        self.mode.served(self.run);
        Ok(())
    }

    fn end_turn(&mut self, now: Instant) -> Result<ControlFlow<Result<(), Error>>, Error> {
        let Turns { run, mode } = self;
        if run.has_answered() {
            // What was read from stdin is not sent again, because the server has begun to answer it.
            run.exchange.peers.console_mut().map(Console::forget);
        }
        run.meter.measure(&mut run.exchange);
        run.exchange.end_turn();
        let ended = run.failure(*mode).map(Err).or_else(|| mode.ending(run, now));
        Ok(ended.map_or(ControlFlow::Continue(()), ControlFlow::Break))
    }
}

/// The orderly end of a run.
struct Closing<'r, 'a, S> {
    run: &'r mut Run<'a, S>,
    /// The time limit.
    until: Option<Instant>,
}

impl<S: Service> Handler for Closing<'_, '_, S> {
    type Output = ();
    type Error = Error;

    fn reactor(&mut self) -> &mut Reactor {
        &mut self.run.exchange.reactor
    }

    fn on_event(&mut self, ready: Ready, _: Instant) -> Result<(), Error> {
        self.run.exchange.serve(ready);
        Ok(())
    }

    fn end_turn(&mut self, now: Instant) -> Result<ControlFlow<()>, Error> {
        let exchange = &mut self.run.exchange;
        exchange.end_turn();
        let until = *self.until.get_or_insert(now + CLOSE_TIME);
        let is_busy = exchange.peers.connections() > 0 || exchange.peers.backlog(PeerId::Console) > 0;
        if !is_busy || now >= until || self.run.context.signals.stopped() {
            return Ok(ControlFlow::Break(()));
        }
        exchange.reactor.wake_at(Key::Clock, until);
        Ok(ControlFlow::Continue(()))
    }
}
