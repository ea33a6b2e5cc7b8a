//! `secretcat connect`: one conversation, from the first attempt to the last reply.

use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use super::Context;
use super::call::Caller;
use super::exchange::{Ended, Exchange, Why};
use super::loopback::Loopback;
use crate::config::{ConnectConfig, HalfClose, Input, Target};
use crate::error::{Error, bytes, cause};
use crate::frame::{FrameError, Framing, Inbox, Role};
use crate::io::conn::{Conn, Origin};
use crate::io::console::Console;
use crate::io::driver::{CLOCK, Driver, WOKEN};
use crate::service::pipe::Pipe;
use crate::service::talk::{Flaw, Style, Talk, Wire};
use crate::service::{CONSOLE, Event, Service};
use crate::trace::Side;
use crate::value::{Address, Span};

/// How long the orderly end of a conversation may wait for the server's end.
const PARTING: Duration = Duration::from_secs(1);

/// Connects, talks, and parts.
///
/// # Errors
/// When the connection cannot be made, is lost with messages unanswered, or exceeds a limit; when
/// stdin or stdout fail.
pub fn run(config: &ConnectConfig, context: &Context) -> Result<(), Error> {
    super::check_platform(&config.traffic.socket)?;
    let loopback = match &config.target {
        Target::Server(_) => None,
        Target::Loopback => Some(Loopback::start(config, context)?),
    };
    let address = match (&config.target, &loopback) {
        (Target::Server(address), _) => address.clone(),
        (Target::Loopback, Some(loopback)) => loopback.address.clone(),
        (Target::Loopback, None) => Address::default(),
    };
    let ended = converse(config, &address, context);
    if let Some(loopback) = loopback {
        loopback.stop();
    }
    ended
}

fn converse(config: &ConnectConfig, address: &Address, context: &Context) -> Result<(), Error> {
    let driver = Driver::new(config.traffic.busy_poll).map_err(Error::local("start", "the event loop"))?;
    context.signals.watch(driver.waker());
    let (driver, stream, name) = Caller { config, address, context, driver }.connect()?;
    if config.seeing.show_options {
        super::show_options(&stream, None, &config.traffic.socket, context);
    }
    let origin = Origin { side: Side::Connect, peer: name, number: 0, made_for: None };
    let mut conn = Conn::new(stream, origin, &config.traffic, config.raw, &context.recorder);
    if config.check {
        conn.close(&driver, None);
        return Ok(());
    }
    if config.half_close == HalfClose::WithLast {
        conn.hold_last();
    }
    if config.raw {
        let pipe = Pipe::new(config.half_close != HalfClose::Never);
        Conversation::new(config, address, context, driver, pipe).run(conn)
    } else {
        let person = config.input == Input::Stdin && io::stdin().is_terminal();
        let style = if person { Style::Conversation } else { Style::Filter };
        let talk = Talk::new(
            style,
            Wire { framing: config.framing, crlf: config.crlf },
            config.half_close != HalfClose::Never,
        )
        .cut(&config.traffic.plan.cutting);
        Conversation::new(config, address, context, driver, talk).run(conn)
    }
}

/// What a conversation is asked about how it stands.
trait Account: Service {
    /// Messages sent, replies received.
    fn tally(&self) -> (u64, u64);
    fn input_ended(&self) -> bool;
    /// Whether the end of the connection, with nothing owed, is how it should end.
    fn may_be_ended_by_peer(&self) -> bool;
    /// What went wrong within the conversation itself.
    fn flaw(&self) -> Option<Flaw> {
        None
    }
}

impl Account for Talk {
    fn tally(&self) -> (u64, u64) {
        (self.sent(), self.answered())
    }

    fn input_ended(&self) -> bool {
        Talk::input_ended(self)
    }

    fn may_be_ended_by_peer(&self) -> bool {
        Talk::input_ended(self)
    }

    fn flaw(&self) -> Option<Flaw> {
        Talk::flaw(self)
    }
}

impl Account for Pipe {
    fn tally(&self) -> (u64, u64) {
        (0, 0)
    }

    fn input_ended(&self) -> bool {
        Pipe::input_ended(self)
    }

    fn may_be_ended_by_peer(&self) -> bool {
        true
    }
}

/// What begins the time of the next reply anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Progress {
    answered: u64,
    /// Bytes that wait, while the message that is to be answered next has not left whole.
    waiting: usize,
}

struct Conversation<'a, S> {
    config: &'a ConnectConfig,
    address: &'a Address,
    context: &'a Context,
    exchange: Exchange<S>,
    /// How far it was when the clock of the next reply was set, and when that was.
    reply_clock: Option<(Progress, Instant)>,
    quit_at: Option<Instant>,
    /// How the connection ended, when it did so by itself.
    lost: Option<Why>,
}

impl<'a, S: Account> Conversation<'a, S> {
    fn new(config: &'a ConnectConfig, address: &'a Address, context: &'a Context, driver: Driver, service: S) -> Self {
        let exchange = Exchange::new(driver, service, config.traffic.idle_timeout, &context.recorder);
        Conversation { config, address, context, exchange, reply_clock: None, quit_at: None, lost: None }
    }

    fn run(mut self, conn: Conn) -> Result<(), Error> {
        let server = self.open(conn)?;
        let typed = self.config.input != Input::Stdin || (!self.config.raw && io::stdin().is_terminal());
        if !typed {
            self.exchange.start_meter(&self.config.seeing, &self.context.report);
        }
        let mut ready = Vec::new();
        loop {
            match self.ending(server, Instant::now()) {
                Some(Ok(())) => {
                    self.exchange.end_meter();
                    return self.part();
                }
                Some(Err(error)) => {
                    self.exchange.end_meter();
                    self.exchange.abandon();
                    return Err(error);
                }
                None => {}
            }
            ready.clear();
            self.exchange.driver.wait(&mut ready).map_err(Error::local("wait in", "the event loop"))?;
            let now = Instant::now();
            for &event in ready.iter().filter(|event| event.key != WOKEN && event.key != CLOCK) {
                self.exchange.serve(event, now);
            }
            self.exchange.measure(now);
        }
    }

    fn open(&mut self, conn: Conn) -> Result<usize, Error> {
        let limit = self.config.traffic.max_message;
        // What is typed is lines, whatever framing they are sent in.
        let (typed, framing) =
            if self.config.raw { (Framing::Raw, Framing::Raw) } else { (Framing::Lines, self.config.framing) };
        let from_stdin = self.config.input == Input::Stdin;
        let console =
            Console::open(&self.exchange.driver, from_stdin).map_err(Error::local("open", "stdin and stdout"))?;
        self.exchange.add_console(console, typed, limit);
        let inbox = Inbox::new(framing, Role::Responses, limit);
        let server = self.exchange.add(conn, inbox).map_err(Error::network("connect", self.address))?;
        if let Input::Given(messages) = &self.config.input {
            for message in messages {
                self.exchange.tell(Event::Message(CONSOLE, message));
            }
            self.exchange.tell(Event::Eof(CONSOLE));
        }
        Ok(server)
    }

    /// All the ways in which a conversation ends, in one place.
    fn ending(&mut self, server: usize, now: Instant) -> Option<Result<(), Error>> {
        for Ended { id, why, .. } in std::mem::take(&mut self.exchange.ended) {
            match (id, why) {
                (CONSOLE, Why::Failed(error)) => return Some(Err(Error::local("read", "stdin")(error))),
                (CONSOLE, Why::Unwritable(error)) => return Some(Err(Error::local("write to", "stdout")(error))),
                (CONSOLE, Why::Garbled(error)) => return Some(Err(self.input_too_long(&error))),
                (id, why) if id == server => self.lost = Some(why),
                _ => {}
            }
        }
        if self.context.signals.stopped() {
            return Some(Err(Error::Interrupted));
        }
        if self.exchange.console_closed() {
            return Some(Ok(()));
        }
        if self.exchange.backlog(CONSOLE) > 0 {
            return None; // what has come is written out, whatever has become of the connection
        }
        if (self.exchange.stopped && !self.exchange.has_last_input()) || self.lost.is_some() {
            self.exchange.end_output();
            let all_is_shown = self.exchange.ended.is_empty() && self.exchange.backlog(CONSOLE) == 0;
            return if all_is_shown { Some(self.verdict()) } else { self.ending(server, now) };
        }
        if self.exchange.service.input_ended() {
            if let Some(pause) = self.config.quit_after {
                let at = *self.quit_at.get_or_insert(now + pause);
                if now >= at {
                    let unsent = self.exchange.backlog(server);
                    return Some(self.verdict().and_then(|()| self.left(unsent)));
                }
                self.exchange.driver.wake_at(CLOCK, at);
            }
        }
        self.watch_reply(server, now).map(Err)
    }

    /// Whether all was as it should be when the connection ended.
    fn verdict(&mut self) -> Result<(), Error> {
        let (sent, answered) = self.exchange.service.tally();
        let unanswered = sent.saturating_sub(answered);
        let flaw = self.exchange.service.flaw();
        if flaw == Some(Flaw::Refused) {
            let text = format!("message {}: too long for --framing {}", sent + 1, self.config.framing);
            return Err(Error::Usage(text));
        }
        if let Some(Flaw::Uncut(outside)) = flaw {
            return Err(Error::Usage(outside.to_string()));
        }
        let lost = |how: String| Err(Error::Lost { address: self.address.to_string(), how, unanswered });
        match self.lost.take() {
            Some(Why::Failed(error) | Why::Unwritable(error)) => lost(cause(&error)),
            Some(Why::Garbled(error)) => lost(error.to_string()),
            _ if flaw == Some(Flaw::TooLong) => {
                let limit = self.config.traffic.max_message;
                lost(format!("a reply of more than {limit} bytes (--max-message sets the limit)"))
            }
            Some(Why::Idle) => Err(Error::idle("talk to", self.address.to_string(), self.config.traffic.idle_timeout)),
            Some(Why::Done) | None if unanswered == 0 && self.exchange.service.may_be_ended_by_peer() => Ok(()),
            None if !self.exchange.stopped => lost(self.left_early()),
            Some(Why::Done) | None if flaw == Some(Flaw::CutShort) => {
                lost("closed by the server in the middle of a reply".to_owned())
            }
            Some(Why::Done) | None => lost("closed by the server".to_owned()),
        }
    }

    /// What is thrown away by leaving is a failure, also where nobody owes a reply to it.
    fn left(&self, unsent: usize) -> Result<(), Error> {
        if unsent == 0 {
            return Ok(());
        }
        let how = format!("{}, {} unsent", self.left_early(), bytes(unsent));
        Err(Error::Lost { address: self.address.to_string(), how, unanswered: 0 })
    }

    fn left_early(&self) -> String {
        let pause = Span(self.config.quit_after.unwrap_or_default());
        format!("left {pause} after the end of the input (--quit-after sets the time)")
    }

    /// Each reply has its time, counted from when it became the next one due and its message had
    /// left. While that still leaves, no time is counted but what the server makes it wait.
    fn watch_reply(&mut self, server: usize, now: Instant) -> Option<Error> {
        let limit = self.config.reply_timeout?;
        let (sent, answered) = self.exchange.service.tally();
        let conn = self.exchange.conn(server)?;
        let leaving = sent.saturating_sub(conn.unwritten() as u64) <= answered;
        if sent <= answered || (leaving && conn.is_pausing()) {
            self.reply_clock = None;
            return None;
        }
        let progress = Progress { answered, waiting: if leaving { conn.backlog() } else { 0 } };
        let since = match self.reply_clock {
            Some((before, since)) if before == progress => since,
            _ => now,
        };
        self.reply_clock = Some((progress, since));
        let at = since.checked_add(limit)?;
        if now < at {
            self.exchange.driver.wake_at(CLOCK, at);
            return None;
        }
        Some(Error::Timeout {
            action: "talk to",
            address: self.address.to_string(),
            what: "reply",
            limit,
            option: "--timeout",
        })
    }

    /// Ends the connection politely: our end, then the server's, within limits.
    fn part(mut self) -> Result<(), Error> {
        self.exchange.stop();
        let now = Instant::now();
        let until = now + PARTING;
        let mut ready = Vec::new();
        while self.exchange.connections() > 0 && Instant::now() < until && !self.context.signals.stopped() {
            self.exchange.driver.wake_at(CLOCK, until);
            ready.clear();
            self.exchange.driver.wait(&mut ready).map_err(Error::local("wait in", "the event loop"))?;
            let now = Instant::now();
            for &event in ready.iter().filter(|event| event.key != WOKEN && event.key != CLOCK) {
                self.exchange.serve(event, now);
            }
        }
        self.exchange.abandon();
        Ok(())
    }

    fn input_too_long(&self, error: &FrameError) -> Error {
        let number = self.exchange.service.tally().0 + 1;
        Error::Usage(format!("message {number} of stdin: {error} (--max-message sets the limit)"))
    }
}
