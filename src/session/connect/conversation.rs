//! A conversation at a terminal: a person types messages and sees the replies.

use std::time::Instant;

use super::super::exchange::Why;
use super::replies::{ReplyClock, how_lost, left_early, lost, too_long};
use super::{Link, Mode, Run};
use crate::config::HalfClose;
use crate::error::{Error, bytes};
use crate::frame::{FrameError, Framing, Inbox, Role};
use crate::io::driver::CLOCK;
use crate::service::CONSOLE;
use crate::service::talk::Talk;
use crate::service::wire::{Flaw, Wire};

/// Talks until the person leaves, or the server does.
pub(super) fn run(link: Link<'_>) -> Result<(), Error> {
    let config = link.config;
    let wire = Wire { framing: config.framing, crlf: config.crlf };
    let talk = Talk::new(wire, config.half_close == HalfClose::AtOnce).cut(&config.traffic.plan.cutting);
    let inbox = Inbox::new(config.framing, Role::Responses, config.traffic.max_message);
    // What is typed is lines, whatever framing they are sent in.
    let run = Run::start(link, talk, Framing::Lines, inbox)?;
    run.go(&mut Conversation::default())
}

#[derive(Debug, Default)]
struct Conversation {
    replies: ReplyClock,
    quit_at: Option<Instant>,
}

impl Mode<Talk> for Conversation {
    fn ending(&mut self, run: &mut Run<'_, Talk>, now: Instant) -> Option<Result<(), Error>> {
        if run.exchange.console_closed() {
            return Some(Err(Error::OutputGone));
        }
        if run.exchange.backlog(CONSOLE) > 0 {
            return None; // what has come is written out, whatever has become of the connection
        }
        if run.exchange.stopped || run.lost.is_some() {
            return run.show_the_rest().then(|| verdict(run));
        }
        if run.exchange.service.input_ended() {
            if let Some(pause) = run.config.quit_after {
                let at = *self.quit_at.get_or_insert(now + pause);
                if now >= at {
                    let unsent = run.exchange.backlog(run.server);
                    return Some(verdict(run).and_then(|()| left(run, unsent)));
                }
                run.exchange.driver.wake_at(CLOCK, at);
            }
        }
        let tally = (run.exchange.service.sent(), run.exchange.service.answered());
        self.replies.overdue(run, tally, now).map(Err)
    }

    fn input_too_long(&self, run: &Run<'_, Talk>, error: &FrameError) -> Error {
        let number = run.exchange.service.sent() + 1;
        Error::Usage(format!("message {number} of stdin: {error} (--max-message sets the limit)"))
    }
}

/// Whether all was as it should be when the connection ended.
fn verdict(run: &mut Run<'_, Talk>) -> Result<(), Error> {
    let talk = &run.exchange.service;
    let (unanswered, flaw, input_ended) = (talk.unanswered(), talk.flaw(), talk.input_ended());
    if flaw == Some(Flaw::Refused) {
        let text = format!("message {}: too long for --framing {}", talk.sent() + 1, run.config.framing);
        return Err(Error::Usage(text));
    }
    let why = run.lost.take();
    if let Some(how) = why.as_ref().and_then(how_lost) {
        return Err(lost(run, how, unanswered));
    }
    if flaw == Some(Flaw::TooLong) {
        return Err(lost(run, too_long(run), unanswered));
    }
    match why {
        Some(Why::Idle) => Err(Error::idle("talk to", run.address.to_string(), run.config.traffic.idle_timeout)),
        _ if unanswered == 0 && input_ended => Ok(()),
        None if !run.exchange.stopped => {
            Err(lost(run, left_early(run.config.quit_after.unwrap_or_default()), unanswered))
        }
        _ if flaw == Some(Flaw::CutShort) => {
            Err(lost(run, "closed by the server in the middle of a reply".to_owned(), unanswered))
        }
        _ => Err(lost(run, "closed by the server".to_owned(), unanswered)),
    }
}

/// What is thrown away by leaving is a failure, also where nobody owes a reply to it.
fn left(run: &Run<'_, Talk>, unsent: usize) -> Result<(), Error> {
    if unsent == 0 {
        return Ok(());
    }
    let how = format!("{}, {} unsent", left_early(run.config.quit_after.unwrap_or_default()), bytes(unsent));
    Err(lost(run, how, 0))
}
