//! Bytes both ways between the standard streams and a server, as nc does.

use std::io::{self, IsTerminal};
use std::time::Instant;

use super::super::exchange::Why;
use super::replies::{how_lost, left_early, lost};
use super::{Link, Mode, Run};
use crate::config::{HalfClose, Input};
use crate::error::{Error, bytes};
use crate::frame::{FrameError, Framing, Inbox, Role};
use crate::io::driver::CLOCK;
use crate::service::CONSOLE;
use crate::service::pipe::Pipe;

/// Passes bytes on until one side has ended.
pub(super) fn run(link: Link<'_>) -> Result<(), Error> {
    let config = link.config;
    let pipe = Pipe::new(config.half_close != HalfClose::Never);
    let inbox = Inbox::new(Framing::Raw, Role::Responses, config.traffic.max_message);
    let mut run = Run::start(link, pipe, Framing::Raw, inbox)?;
    run.start_meter_of_input();
    run.go(&mut Stream::default())
}

#[derive(Debug, Default)]
struct Stream {
    quit_at: Option<Instant>,
}

impl Mode<Pipe> for Stream {
    fn ending(&mut self, run: &mut Run<'_, Pipe>, now: Instant) -> Option<Result<(), Error>> {
        if run.exchange.console_closed() {
            return Some(Err(Error::OutputGone));
        }
        if run.exchange.backlog(CONSOLE) > 0 {
            return None; // what has come is written out, whatever has become of the connection
        }
        if (run.exchange.stopped && !run.exchange.has_last_input()) || run.lost.is_some() {
            return run.show_the_rest().then(|| verdict(run));
        }
        if run.exchange.service.input_ended() {
            if let Some(pause) = run.config.quit_after {
                let at = *self.quit_at.get_or_insert(now + pause);
                if now >= at {
                    let unsent = run.exchange.backlog(run.server);
                    if unsent > 0 {
                        let how = format!("{}, {} unsent", left_early(pause), bytes(unsent));
                        return Some(Err(lost(run, how, 0)));
                    }
                    return Some(verdict(run));
                }
                run.exchange.driver.wake_at(CLOCK, at);
            }
        }
        None
    }

    fn input_too_long(&self, _: &Run<'_, Pipe>, error: &FrameError) -> Error {
        Error::Usage(error.to_string()) // raw bytes have no length that could be too much
    }
}

impl<S: crate::service::Service> Run<'_, S> {
    /// Has it reported how much of stdin has gone, unless a person types it.
    pub(super) fn start_meter_of_input(&mut self) {
        let typed = self.config.input != Input::Stdin || (!self.config.raw && io::stdin().is_terminal());
        if !typed {
            self.exchange.start_meter(&self.config.seeing, &self.context.report);
        }
    }
}

fn verdict(run: &mut Run<'_, Pipe>) -> Result<(), Error> {
    match run.lost.take() {
        Some(Why::Idle) => Err(Error::idle("talk to", run.address.to_string(), run.config.traffic.idle_timeout)),
        Some(why) => how_lost(&why).map_or(Ok(()), |how| Err(lost(run, how, 0))),
        None => Ok(()),
    }
}
