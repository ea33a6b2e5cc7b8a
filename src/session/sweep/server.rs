//! The server that a sweep starts with `--server`, and starts again when it has stopped.

use std::ffi::{OsStr, OsString};
use std::ops::ControlFlow;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::time::{Duration, Instant};

use super::pool::{Done, Pool};
use crate::error::Error;
use crate::io::command::{Command, CommandEnd, Input, Keep, Start};
use crate::io::key::Key;
use crate::io::reactor::{Handler, Reactor, Ready};
use crate::plan::{Layout, Trial};
use crate::value::{Address, Span, escape, fill, last_line};
use crate::verdict::Ending;

/// The number of bytes of the command's stderr that a finding shows.
const STDERR: usize = 200;

/// The time after which a server that can be started again counts as stopped if it reads nothing.
pub(super) const HANGS: Duration = Duration::from_secs(2);
/// The time within which it has to accept a connection after its start, and how often that is tried.
const STARTS: Duration = Duration::from_secs(10);
const RETRY: Duration = Duration::from_millis(20);
/// The time within which a process ends whose connections are closed.
const ENDS: Duration = Duration::from_millis(500);

/// The command of a server, and the process that runs it.
#[derive(Debug)]
pub(super) struct Server {
    /// The command, with the address in it.
    line: OsString,
    command: Option<Command>,
    /// The number of the next command.
    number: usize,
    /// It was started, and has not accepted a connection yet.
    pub(super) is_starting: bool,
    /// How often it stopped on a trial.
    pub(super) stops: usize,
}

impl Server {
    /// The server of this command, in which `{address}`, `{host}` and `{port}` are those of the address. It is not
    /// started yet.
    pub(super) fn new(template: &OsStr, address: &Address) -> Server {
        let line = with_address(template.as_bytes(), address);
        Server { line: OsString::from_vec(line), command: None, number: 0, is_starting: false, stops: 0 }
    }

    /// Starts it, unless it runs.
    pub(super) fn start(&mut self, reactor: &mut Reactor) -> Result<(), Error> {
        if self.command.is_some() {
            return Ok(());
        }
        let start = Start {
            line: &self.line,
            directory: None,
            input: Input::Nothing,
            stdout: Keep::Last(1),
            stderr: Keep::Last(STDERR),
        };
        let mut command = Command::start(&start, self.number, reactor)?;
        command.turn(reactor);
        self.number += 1;
        (self.command, self.is_starting) = (Some(command), true);
        Ok(())
    }

    /// Takes an event of its process.
    pub(super) fn on_event(&mut self, ready: Ready, reactor: &mut Reactor) {
        if let (Key::Command { number, .. }, Some(command)) = (ready.key, &mut self.command) {
            if number + 1 == self.number {
                command.turn(reactor);
            }
        }
    }

    /// Kills its process group.
    pub(super) fn kill(&mut self, reactor: &mut Reactor) {
        if let Some(command) = &mut self.command {
            command.kill(reactor.now());
            command.turn(reactor);
        }
    }

    /// Whether its process has ended.
    pub(super) fn has_ended(&self) -> bool {
        self.command.as_ref().is_none_or(|command| command.status().is_some())
    }

    /// Forgets the process, which has ended or is killed now, and returns how it ended.
    pub(super) fn forget(&mut self) -> String {
        let Some(mut command) = self.command.take() else { return "not started".to_owned() };
        self.is_starting = false;
        let how = match command.status() {
            Some(CommandEnd::Exited(status)) => format!("ended with status {status}"),
            Some(CommandEnd::Signaled(signal)) => format!("was killed by signal {signal}"),
            None => "did not end".to_owned(),
        };
        format!("{how}{}", last_words(command.stderr().bytes()))
    }
}

impl Pool<'_> {
    /// Whether the server was started for the sweep, and its process has ended.
    pub(super) fn has_server_ended(&self) -> bool {
        self.server.as_ref().is_some_and(Server::has_ended)
    }

    /// Whether the server is started again when it has stopped.
    pub(super) fn can_restart(&self) -> bool {
        self.server.is_some()
    }

    /// Notes that the server has stopped while several trials were running; returns how often it has.
    pub(super) fn note_stop(&mut self) -> Result<usize, Error> {
        let stops = self.server.as_mut().map_or(0, |server| {
            server.stops += 1;
            server.stops
        });
        self.stop_server()?;
        Ok(stops)
    }

    /// Kills the server, unless it has ended, and returns how it ended.
    pub(super) fn stop_server(&mut self) -> Result<String, Error> {
        let is_hung = !self.has_server_ended();
        if let Some(server) = &mut self.server {
            server.kill(&mut self.exchange.reactor);
        }
        self.pause(ENDS, true)?;
        let how = self.server.as_mut().map(Server::forget).unwrap_or_default();
        Ok(if is_hung { format!("read nothing for {}", Span(HANGS)) } else { how })
    }

    /// Waits, if asked for only as long as the process of the server runs.
    fn pause(&mut self, time: Duration, for_end: bool) -> Result<(), Error> {
        let until = self.now() + time;
        Reactor::run(&mut Pause { pool: self, until, for_end })
    }

    /// Runs one trial alone, on a server that runs; `None` if the sweep is interrupted meanwhile.
    pub(super) fn alone(&mut self, trial: &Trial) -> Result<Option<Done>, Error> {
        let begun = self.now();
        loop {
            if let Some(server) = &mut self.server {
                server.start(&mut self.exchange.reactor)?;
            }
            let Some(done) = self.converse(trial.clone())? else { return Ok(None) };
            let Some(server) = &mut self.server else { return Ok(Some(done)) };
            let is_refused = matches!(done.outcome.ending, Ending::Unreachable(_));
            if !is_refused || !server.is_starting {
                server.is_starting = false;
                return self.with_stop(done).map(Some);
            }
            let failed = |how: &str| Error::Usage(format!("--server: the command {how}"));
            if server.has_ended() {
                return Err(failed(&format!("{}, before it accepted a connection", server.forget())));
            }
            if self.now() >= begun + STARTS {
                let address = &self.config.address;
                return Err(failed(&format!("accepts no connection at {address} within {}", Span(STARTS))));
            }
            if self.signals.stopped() {
                return Ok(None);
            }
            self.pause(RETRY, false)?;
        }
    }

    /// The same outcome, or that the server has stopped, if it is incomplete.
    fn with_stop(&mut self, mut done: Done) -> Result<Done, Error> {
        let is_whole = done.learned.len() > self.dialog().steps.len();
        if is_whole || self.dialog().is_guess() {
            return Ok(done);
        }
        let is_open = done.outcome.ending == Ending::Open;
        if !is_open {
            self.pause(ENDS, true)?;
        }
        if !self.has_server_ended() && (!is_open || self.serves_others()?) {
            return Ok(done);
        }
        done.outcome.ending = Ending::ServerStopped(self.stop_server()?);
        Ok(done)
    }

    /// Whether the server serves another connection. True if the sweep is interrupted meanwhile.
    fn serves_others(&mut self) -> Result<bool, Error> {
        let whole = Layout::new(&self.dialog().lengths()).whole();
        let Some(Done { outcome: other, .. }) = self.converse(whole)? else { return Ok(true) };
        let serves = other.received > 0 || other.confirmed > 0 || !other.unread;
        Ok(serves && !matches!(other.ending, Ending::Unreachable(_)) && !self.has_server_ended())
    }
}

/// A wait without a trial.
struct Pause<'p, 'a> {
    pool: &'p mut Pool<'a>,
    until: Instant,
    /// It ends with the process of the server.
    for_end: bool,
}

impl Handler for Pause<'_, '_> {
    type Output = ();
    type Error = Error;

    fn reactor(&mut self) -> &mut Reactor {
        self.pool.reactor()
    }

    fn on_event(&mut self, ready: Ready, now: Instant) -> Result<(), Error> {
        self.pool.on_event(ready, now);
        Ok(())
    }

    fn end_turn(&mut self, now: Instant) -> Result<ControlFlow<()>, Error> {
        self.pool.end_turn();
        if now >= self.until || (self.for_end && self.pool.has_server_ended()) || self.pool.signals.stopped() {
            return Ok(ControlFlow::Break(()));
        }
        self.pool.reactor().wake_at(Key::Clock, self.until);
        Ok(ControlFlow::Continue(()))
    }
}

/// The last line on stderr, for a report.
fn last_words(stderr: &[u8]) -> String {
    let line = last_line(stderr).trim_ascii_start();
    if line.is_empty() { String::new() } else { format!(" (stderr: {})", escape(line)) }
}

/// The command with the parts of the address in it.
fn with_address(template: &[u8], address: &Address) -> Vec<u8> {
    let (host, port) = match address {
        Address::Tcp { host, port } => (host.to_string(), port.to_string()),
        Address::Unix(path) => (path.to_string_lossy().into_owned(), String::new()),
    };
    fill(template, &[("{address}", &address.to_string()), ("{host}", &host), ("{port}", &port)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_has_the_parts_of_the_address() {
        let address = Address::Tcp { host: crate::value::Host::Ip(std::net::Ipv4Addr::LOCALHOST.into()), port: 70 };
        let filled = |template: &[u8]| String::from_utf8(with_address(template, &address)).unwrap();
        assert_eq!(
            filled(b"run {port} at {host} ({address}) {x} ${HOME}"),
            "run 70 at 127.0.0.1 (127.0.0.1:70) {x} ${HOME}"
        );
        let unix = Address::Unix("/tmp/a b".into());
        assert_eq!(with_address(b"run {host}", &unix), b"run /tmp/a b");
    }

    #[test]
    fn last_line_of_stderr_is_shown_escaped() {
        assert_eq!(last_words(b"one\ntwo\x1b[1m\r\n\n"), " (stderr: two\\x1b[1m)");
        assert_eq!(last_words(b"\n"), "");
    }
}
