//! Messages in a script: sends stdin, writes the replies, and checks that none is missing.

use std::time::{Duration, Instant};

use super::super::account::Missing;
use super::super::input_wait::InputWait;
use super::replies::{ReplyClock, UNHEARD, USERS_ONLY, how_lost, left_early, lost, too_long};
use super::rounds::RoundsLeft;
use super::{Failure, Link, Mode, Run};
use crate::config::HalfClose;
use crate::error::Error;
use crate::frame::{FrameError, Framing, Inbox, Role};
use crate::io::key::Key;
use crate::peer::life::{Acknowledged, CloseReason};
use crate::service::PeerId;
use crate::service::chat_client::Place;
use crate::service::filter::{Filter, SendsEnd, Terms};
use crate::service::wire::{Flaw, Wire};
use crate::value::{Count, Replies};

/// The shortest silence after the last expected reply that ends a run.
const SHORTEST_SILENCE: Duration = Duration::from_millis(100);
/// The longest wait after the last expected reply.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// Sends all messages, and waits for all replies.
pub(super) fn run(link: Link<'_>) -> Result<(), Failure> {
    let config = link.config;
    let terms = Terms {
        wire: Wire { framing: config.framing, crlf: config.crlf },
        cutting: config.traffic.plan.cuts_of_messages(),
        replies: config.replies,
        greeting: config.greeting,
        expect: config.probe.expect.clone(),
        json: config.probe.json,
        repeats: config.probe.rounds.is_some(),
        sends_end: match config.half_close {
            HalfClose::AtOnce | HalfClose::WithLast => SendsEnd::AfterInput,
            // After a half-close the connection might end before it can be reset.
            HalfClose::AfterReplies if link.conn.life().resets() => SendsEnd::Never,
            // Many servers drop what they have still to send after a close_notify. If replies are not counted, nothing
            // else makes the server end.
            HalfClose::AfterReplies if config.tls.is_some() && config.replies != Replies::Any => SendsEnd::Never,
            HalfClose::AfterReplies => SendsEnd::AfterReplies,
            HalfClose::Never => SendsEnd::Never,
        },
        opening: config.place.as_ref().map(Place::lines).unwrap_or_default(),
    };
    let console = Run::<Filter>::console(&link)?;
    let inbox = Inbox::new(config.framing, Role::Responses, config.traffic.max_message).verbatim();
    let mut run = Run::start(link, Filter::new(terms), Filter::TRAITS, console, inbox)?;
    run.start_meter_of_input();
    let rounds = config.probe.rounds.map(|rounds| RoundsLeft::new(rounds, run.exchange.now()));
    run.go(&mut Messages {
        rounds,
        clock: ReplyClock::default(),
        quit_at: None,
        pace: Pace::default(),
        rest: None,
        input_wait: InputWait::of_messages(),
        input_was_asked: false,
    })
}

#[derive(Debug)]
struct Messages {
    rounds: Option<RoundsLeft>,
    clock: ReplyClock,
    quit_at: Option<Instant>,
    pace: Pace,
    rest: Option<Rest>,
    input_wait: InputWait,
    /// stdin got a turn after the server's end.
    input_was_asked: bool,
}

/// The time that the server takes for its replies.
#[derive(Debug, Default)]
struct Pace {
    answered: u64,
    /// The time since when the next reply is due.
    since: Option<Instant>,
    slowest: Duration,
}

impl Pace {
    fn note(&mut self, sent: u64, answered: u64, now: Instant) {
        if answered != self.answered {
            let took = self.since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
            (self.slowest, self.since) = (self.slowest.max(took), None);
            self.answered = answered;
        }
        if sent > answered {
            self.since.get_or_insert(now);
        }
    }

    /// The silence after which a server with these reply times counts as finished.
    fn silence(&self) -> Duration {
        (self.slowest * 2).clamp(SHORTEST_SILENCE, LONGEST_WAIT)
    }
}

/// The wait for bytes after the last expected reply: they are written until the server is silent.
#[derive(Debug)]
struct Rest {
    until: Instant,
    /// The number of bytes received so far, and the time of the last one.
    received: u64,
    last: Instant,
    /// The time since when stdout is blocked. Time with a blocked stdout does not count.
    held: Option<Instant>,
}

/// The end of this wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RestEnd {
    Silent,
    StillSending,
}

impl Messages {
    /// Waits for bytes after the last expected reply.
    fn wait_for_rest(&mut self, run: &mut Run<'_, Filter>, now: Instant) -> Option<RestEnd> {
        let received = run.exchange.peers.conn(run.server).map_or(0, |conn| conn.offsets().1);
        let rest = self.rest.get_or_insert(Rest { until: now + LONGEST_WAIT, received, last: now, held: None });
        if let Some(since) = rest.held.take() {
            rest.until += now.saturating_duration_since(since);
            rest.last = now;
        }
        if rest.received != received {
            (rest.received, rest.last) = (received, now);
        }
        let silent_at = rest.last + self.pace.silence();
        let at = silent_at.min(rest.until);
        if now < at {
            run.exchange.reactor.wake_at(Key::Clock, at);
            return None;
        }
        Some(if now >= silent_at { RestEnd::Silent } else { RestEnd::StillSending })
    }

    /// Whether `--quit-after` has passed since the end of the input.
    fn has_to_quit(&mut self, run: &mut Run<'_, Filter>, now: Instant) -> bool {
        let Some(pause) = run.config.quit_after else { return false };
        let at = *self.quit_at.get_or_insert(now + pause);
        if now < at {
            run.exchange.reactor.wake_at(Key::Clock, at);
        }
        now >= at
    }

    /// stdout is blocked: the time until it is not does not count.
    fn hold(&mut self, now: Instant) {
        if let Some(rest) = &mut self.rest {
            rest.held.get_or_insert(now);
        }
    }
}

impl Mode<'_, Filter> for Messages {
    fn ending(&mut self, run: &mut Run<'_, Filter>, now: Instant) -> Option<Result<(), Error>> {
        let ended = self.step(run, now)?;
        if run.config.framing == Framing::Lines {
            let start = run.exchange.peers.take_unfinished(run.server);
            run.print_unfinished(&start);
        }
        Some(ended.and_then(|()| mismatch(run)))
    }

    fn input_too_long(&self, run: &Run<'_, Filter>, error: &FrameError) -> Error {
        let number = run.exchange.hosted.service.sent() + 1;
        Error::Usage(format!("message {number} of stdin: {error} (--max-message sets the limit)"))
    }
}

impl Messages {
    fn step(&mut self, run: &mut Run<'_, Filter>, now: Instant) -> Option<Result<(), Error>> {
        if run.exchange.peers.is_console_closed() {
            return Some(Err(Error::OutputGone));
        }
        if let Some(rounds) = &mut self.rounds {
            rounds.report(run, now);
            rounds.advance(run, now);
        }
        let filter = &run.exchange.hosted.service;
        let (sent, answered) = (filter.sent(), filter.answered());
        self.pace.note(sent, answered, now);
        if run.exchange.peers.backlog(PeerId::Console) > 0 {
            self.hold(now);
            return None; // received bytes are written first, however the connection ended
        }
        if run.exchange.hosted.stopped || run.lost.is_some() {
            return run.show_the_rest().then(|| verdict(run, RestEnd::Silent));
        }
        let (input_ended, counts) = (filter.input_ended(), filter.counts_replies());
        let (is_complete, server_ended) = (filter.is_complete(), filter.server_ended());
        if server_ended && !input_ended && filter.unanswered() == 0 && !self.input_was_asked {
            // The end of an empty stdin may still be unread: the status must not depend on which end was read first.
            self.input_was_asked = true;
            run.exchange.read_now(PeerId::Console);
            return self.step(run, now);
        }
        // If the server sends no replies, sending continues after its half-close, as in a stream.
        let owes_nothing = run.config.replies == Replies::Each(Count(0));
        let is_over = if owes_nothing { input_ended } else { server_ended };
        if is_over || (input_ended && self.has_to_quit(run, now)) {
            if input_ended && !counts {
                match arrival(run) {
                    Some(Ok(())) => {}
                    pending_or_lost => return pending_or_lost,
                }
            }
            return run.show_the_rest().then(|| verdict(run, RestEnd::Silent));
        }
        let (report, quiet) = (&run.context.report, run.config.output.quiet);
        self.input_wait.check(&mut run.exchange, report, quiet, now);
        if is_complete {
            return self.wait_for_rest(run, now).map(|end| verdict(run, end));
        }
        self.clock.overdue(run, (sent, answered), now).map(Err)
    }
}

/// The error if replies did not match `--expect`.
fn mismatch(run: &Run<'_, Filter>) -> Result<(), Error> {
    let Some((first, count)) = run.exchange.hosted.service.mismatches() else { return Ok(()) };
    Err(Error::Unexpected { address: run.endpoint(), count, first: first.to_owned() })
}

/// Waits until everything is acknowledged. If replies are not counted, only this shows that a message has arrived.
fn arrival(run: &mut Run<'_, Filter>) -> Option<Result<(), Error>> {
    let now = run.exchange.now();
    let Some(conn) = run.exchange.peers.conn_mut(run.server) else { return Some(Ok(())) };
    let why = match conn.await_acknowledgements(run.config.stream.ack_timeout(), now) {
        Ok(Acknowledged::All) => return Some(Ok(())),
        Ok(Acknowledged::AskAt(at)) => {
            run.exchange.reactor.wake_at(Key::Clock, at);
            return None;
        }
        Ok(Acknowledged::TimedOut) => CloseReason::Unacknowledged,
        Err(error) => CloseReason::Failed(error),
    };
    let loss = run.exchange.peers.delivery(run.server, now).loss(run.endpoint(), &why);
    Some(loss.map_or(Ok(()), Err))
}

/// The result at the end of the run.
fn verdict(run: &mut Run<'_, Filter>, end: RestEnd) -> Result<(), Error> {
    let filter = &run.exchange.hosted.service;
    let (unanswered, flaw, counts) = (filter.unanswered(), filter.flaw(), filter.counts_replies());
    let (surplus, server_ended, input_ended) = (filter.surplus(), filter.server_ended(), filter.input_ended());
    match flaw {
        Some(Flaw::Refused(why)) => {
            let text = format!("message {}: {why} (--framing {})", filter.sent() + 1, run.config.framing);
            return Err(Error::Usage(text));
        }
        Some(Flaw::Uncut(outside)) => return Err(Error::Usage(outside.to_string())),
        Some(Flaw::UsersOnly) => return Err(lost(run, USERS_ONLY.to_owned(), 0)),
        Some(Flaw::CutShort | Flaw::TooLong) | None => {}
    }
    if run.missing() == Some(Missing::Reply) && run.config.replies != Replies::Each(Count(0)) {
        return Err(lost(run, UNHEARD.to_owned(), unanswered));
    }
    let lost_connection = run.lost.take();
    let delivery = lost_connection.as_ref().map(|ended| ended.delivery).unwrap_or_default();
    let why = lost_connection.map(|ended| ended.reason);
    if let (Some(CloseReason::Failed(_)), false) = (&why, counts) {
        return why.and_then(|why| delivery.loss(run.endpoint(), &why)).map_or(Ok(()), Err);
    }
    if let Some(how) = why.as_ref().and_then(how_lost) {
        return Err(lost(run, how, unanswered));
    }
    if flaw == Some(Flaw::TooLong) {
        return Err(lost(run, too_long(run), unanswered));
    }
    if surplus > 0 && unanswered == 0 {
        let address = run.endpoint();
        return Err(Error::Surplus { address, surplus, still_sending: end == RestEnd::StillSending });
    }
    let all_there = unanswered == 0 && input_ended;
    match why {
        Some(CloseReason::Idle) if all_there && delivery.nothing_is_missing() => Ok(()),
        Some(CloseReason::Idle) => Err(Error::idle(run.endpoint(), run.config.traffic.idle_timeout)),
        _ if flaw == Some(Flaw::CutShort) => {
            Err(lost(run, "closed by the server in the middle of a reply".to_owned(), unanswered))
        }
        _ if all_there => Ok(()),
        None if !server_ended => Err(lost(run, left_early(run.config.quit_after.unwrap_or_default()), unanswered)),
        _ => Err(lost(run, "closed by the server".to_owned(), unanswered)),
    }
}
