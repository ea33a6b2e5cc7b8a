//! A conversation at a terminal: the user types messages and sees the replies.
//!
//! The service sends and prints at once. This file has what depends on time: the prompt without a reply, incomplete
//! lines, late replies after the user has quit, and a new connection after one was lost.

use std::time::{Duration, Instant};

use super::super::call::Caller;
use super::login::{self, Login};
use super::replies::{ReplyClock, USERS_ONLY, how_lost, lost, too_long};
use super::{Failure, Link, Mode, Run, call_terms};
use crate::config::{ConnectConfig, HalfClose};
use crate::editor::{Manner, Words};
use crate::error::{Error, Operation};
use crate::frame::{FrameError, Framing, Inbox, Role};
use crate::io::conn::Conn;
use crate::io::console::Console;
use crate::io::key::Key;
use crate::io::reactor::Ready;
use crate::io::report::Report;
use crate::io::{clock, terminal};
use crate::peer::life::CloseReason;
use crate::service::PeerId;
use crate::service::chat_client::{self, ChatClient, Known, Look};
use crate::service::rooms::member_commands;
use crate::service::talk::Talk;
use crate::service::wire::{Flaw, Wire};
use crate::value::counted;

/// The prompt, as in the original.
const PROMPT: &str = "Enter Message: ";
/// The time after which the prompt is shown without a reply, and after which the run ends once the user has quit.
const PROMPT_DELAY: Duration = Duration::from_millis(300);
/// The time after which an incomplete line is printed.
const LINE_DELAY: Duration = Duration::from_millis(200);

/// Runs until the user quits, or the server closes the connection.
pub(super) fn run(link: Link<'_>) -> Result<(), Failure> {
    let config = link.config;
    let wire = Wire { framing: config.framing, crlf: config.crlf };
    let mut talk = Talk::new(wire, config.half_close == HalfClose::AtOnce).cut(&config.traffic.plan.cuts_of_messages());
    if !config.quit_words {
        talk = talk.without_quit_words();
    }
    if config.reconnect {
        talk = talk.reconnecting();
    }
    if let Some(place) = &config.place {
        let look = Look { has_colors: terminal::has_colors(), utc_offset: clock::utc_offset() };
        talk = talk.in_room(ChatClient::new(place.clone(), look));
    }
    link.context.signals.handle_terminal().map_err(Error::local(Operation::Handle, "signals"))?;
    announce(config, &link.context.report, link.conn.peer());
    let console = Run::<Talk>::console(&link)?;
    let prompt = if config.place.is_some() { (chat_client::PROMPT, Manner::Chat) } else { (PROMPT, Manner::Questions) };
    let mut run = Run::start_asking(link, talk, Talk::TRAITS, console, inbox(config), prompt)?;
    let has_editor = run.exchange.peers.console().is_some_and(Console::has_editor);
    if let Some(chat) = run.exchange.hosted.service.chat().filter(|_| !has_editor) {
        chat.leave_own_to_terminal();
    }
    run.go(&mut Conversation::default())
}

fn inbox(config: &ConnectConfig) -> Inbox {
    Inbox::new(config.framing, Role::Responses, config.traffic.max_message)
}

/// Prints the address of the server, and how to quit.
fn announce(config: &ConnectConfig, report: &Report, peer: &str) {
    if report.is_terminal() && !config.output.quiet {
        let quit_key = match config.place {
            Some(_) => "/quit",
            None if config.quit_words => "q",
            None => "Ctrl-D",
        };
        report.line(&format!("connected to {peer} ({quit_key} quits)"));
    }
}

/// A value, and the time since when it has not changed.
#[derive(Debug)]
struct Since<T>(Option<(T, Instant)>);

impl<T> Default for Since<T> {
    fn default() -> Self {
        Since(None)
    }
}

impl<T: PartialEq> Since<T> {
    /// Notes the current value; returns the time since when it has not changed.
    fn note(&mut self, value: T, now: Instant) -> Instant {
        match &self.0 {
            Some((before, since)) if *before == value => *since,
            _ => self.0.insert((value, now)).1,
        }
    }
}

#[derive(Default)]
struct Conversation<'a> {
    replies: ReplyClock,
    /// The number of sent messages whose replies the prompt waits for.
    sent: Since<u64>,
    /// The number of bytes of an incomplete line.
    unfinished: Since<usize>,
    /// The time after which missing replies are not waited for, once the user has quit.
    left_at: Option<Instant>,
    /// Connects again after the connection was lost (`--reconnect`), while the user can type.
    caller: Option<Caller<'a>>,
    /// Logs in again on the new connection.
    login: Option<Login<'a>>,
    connections: u64,
}

impl<'a> Mode<'a, Talk> for Conversation<'a> {
    fn ending(&mut self, run: &mut Run<'a, Talk>, now: Instant) -> Option<Result<(), Error>> {
        let ended = self.step(run, now)?;
        run.exchange.at_console(Console::leave_row);
        if ended.is_err() {
            terminal::flush_input(); // text that was typed at a lost connection must not reach the shell
        }
        Some(ended)
    }

    fn on_ready(&mut self, event: Ready) {
        if let Some(caller) = &mut self.caller {
            caller.on_ready(event);
        }
        if let Some(login) = &mut self.login {
            login.on_ready(event);
        }
    }

    /// What is typed next may be read in this turn already, when the terminal has taken what was printed.
    fn served(&mut self, run: &mut Run<'a, Talk>) {
        help_typing(run);
    }

    fn input_too_long(&self, run: &Run<'_, Talk>, error: &FrameError) -> Error {
        let number = run.exchange.hosted.service.sent() + 1;
        Error::Usage(format!("message {number} of stdin: {error} (--max-message sets the limit)"))
    }
}

impl<'a> Conversation<'a> {
    fn step(&mut self, run: &mut Run<'a, Talk>, now: Instant) -> Option<Result<(), Error>> {
        if terminal::take_stale() {
            run.exchange.at_console(Console::redraw);
        }
        if run.exchange.peers.is_console_closed() {
            return Some(Err(Error::OutputGone));
        }
        self.prompt(run, now);
        help_typing(run);
        self.show_unfinished(run, now);
        if run.exchange.peers.backlog(PeerId::Console) > 0 {
            return None; // received bytes are written first, however the connection ended
        }
        if run.lost.is_some() && self.begins_anew(run, now) {
            return None;
        }
        if let Err(error) = self.connect_again(run, now) {
            return Some(Err(error));
        }
        if run.exchange.hosted.stopped || run.lost.is_some() {
            return run.show_the_rest().then(|| verdict(run));
        }
        if run.exchange.hosted.service.input_ended() {
            let pause = run.config.quit_after.unwrap_or(PROMPT_DELAY);
            let at = *self.left_at.get_or_insert(now + pause);
            if now >= at {
                return Some(verdict(run));
            }
            run.exchange.reactor.wake_at(Key::Clock, at);
        }
        let tally = (run.exchange.hosted.service.sent(), run.exchange.hosted.service.answered());
        self.replies.overdue(run, tally, now).map(Err)
    }

    /// Shows the prompt without the reply, if the reply is late.
    fn prompt(&mut self, run: &mut Run<'a, Talk>, now: Instant) {
        let talk = &run.exchange.hosted.service;
        if !talk.is_unprompted() {
            return;
        }
        let at = self.sent.note(talk.sent(), now) + PROMPT_DELAY;
        if now >= at {
            run.exchange.act(Talk::prompt);
        } else {
            run.exchange.reactor.wake_at(Key::Clock, at);
        }
    }

    /// Prints an incomplete line, if its end is late.
    fn show_unfinished(&mut self, run: &mut Run<'a, Talk>, now: Instant) {
        if run.config.framing != Framing::Lines {
            return;
        }
        let held = run.exchange.peers.unfinished(run.server);
        if held.len() <= run.exchange.hosted.service.shown() {
            return;
        }
        let at = self.unfinished.note(held.len(), now) + LINE_DELAY;
        if now >= at {
            let held = held.to_vec();
            run.exchange.act(|talk, context| talk.show_unfinished(&held, context));
        } else {
            run.exchange.reactor.wake_at(Key::Clock, at);
        }
    }

    /// Prints how the connection was lost; returns whether a new one is made.
    fn begins_anew(&mut self, run: &mut Run<'a, Talk>, now: Instant) -> bool {
        if !run.config.reconnect || run.exchange.hosted.service.input_ended() || run.exchange.hosted.stopped {
            return false;
        }
        let Err(error) = verdict(run) else { return false };
        run.exchange.act(|talk, _| talk.forget_server());
        self.call_again(&error, run, now);
        true
    }

    /// Begins to connect again, after this error.
    fn call_again(&mut self, error: &Error, run: &mut Run<'a, Talk>, now: Instant) {
        if !run.config.output.quiet {
            run.exchange.at_console(Console::leave_cooked_row);
            run.context.report.error(&format!("{error}; connecting again"));
        }
        self.connections += 1;
        let caller =
            Caller::without_end(call_terms(run.config), run.address, run.context, run.encoding, self.connections, now);
        self.caller = Some(caller);
        run.exchange.reactor.again(Key::Clock); // it begins in the next turn
    }

    /// Continues to connect and to log in again.
    ///
    /// # Errors
    /// No further attempt would succeed.
    fn connect_again(&mut self, run: &mut Run<'a, Talk>, now: Instant) -> Result<(), Error> {
        if let Some(caller) = &mut self.caller {
            let Some(conn) = caller.poll(&mut run.exchange.reactor, now)? else { return Ok(()) };
            self.caller = None;
            let Some(credentials) = run.credentials else { return Self::take(conn, &[], run) };
            match Login::begin(run.config, credentials, run.endpoint(), conn, &run.exchange.reactor) {
                Ok(login) => self.login = Some(login),
                Err(login::Failure::Lost(error)) => self.call_again(&error, run, now),
                Err(login::Failure::Refused(error)) => return Err(error),
            }
        }
        let Some(mut login) = self.login.take() else { return Ok(()) };
        let reactor = &mut run.exchange.reactor;
        match login.poll(reactor, now) {
            Ok(false) => self.login = Some(login),
            Ok(true) => {
                let (conn, received) = login.finish(reactor);
                return Self::take(conn, &received, run);
            }
            Err(failure) => {
                login.close(reactor);
                match failure {
                    login::Failure::Lost(error) => self.call_again(&error, run, now),
                    login::Failure::Refused(error) => return Err(error),
                }
            }
        }
        Ok(())
    }

    /// Continues with the new connection, and what the server has sent already.
    fn take(conn: Conn, received: &[u8], run: &mut Run<'_, Talk>) -> Result<(), Error> {
        let config = run.config;
        announce(config, &run.context.report, conn.peer());
        let mut inbox = inbox(config);
        inbox.keep(received);
        run.server = run.exchange.add(conn, inbox).map_err(Error::network(Operation::Connect, run.address))?;
        Ok(())
    }
}

/// Has the line editor know what a member of a room has read since the last turn.
fn help_typing(run: &mut Run<'_, Talk>) {
    let known = run.exchange.hosted.service.chat().and_then(ChatClient::take_changed);
    if let Some(Known { prompt, names, rooms }) = known {
        run.exchange.at_console(|console| {
            console.set_prompt(&prompt);
            console.set_words(Words { commands: member_commands(), names, rooms });
        });
    }
}

/// The result at the end of the connection. After the user has quit, replies may be missing, but all typed input must
/// have been sent.
fn verdict(run: &mut Run<'_, Talk>) -> Result<(), Error> {
    let talk = &run.exchange.hosted.service;
    let (unanswered, flaw, input_ended) = (talk.unanswered(), talk.flaw(), talk.input_ended());
    let why = run.lost.take().map(|ended| ended.reason);
    if flaw == Some(Flaw::UsersOnly) {
        return Err(lost(run, USERS_ONLY.to_owned(), 0));
    }
    if let Some(how) = why.as_ref().and_then(how_lost) {
        return Err(lost(run, how, unanswered));
    }
    if flaw == Some(Flaw::TooLong) {
        return Err(lost(run, too_long(run), unanswered));
    }
    let unsent = run.exchange.peers.backlog(run.server);
    match why {
        Some(CloseReason::Idle) => Err(Error::idle(run.endpoint(), run.config.traffic.idle_timeout)),
        _ if input_ended && unsent > 0 => {
            Err(lost(run, format!("ended with {} not sent", counted(unsent as u64, "byte")), 0))
        }
        _ if input_ended => Ok(()),
        _ if flaw == Some(Flaw::CutShort) => {
            Err(lost(run, "closed by the server in the middle of a reply".to_owned(), unanswered))
        }
        _ => Err(lost(run, "closed by the server".to_owned(), unanswered)),
    }
}
