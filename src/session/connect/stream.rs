//! Bytes in both directions between the standard streams and a server, as with nc.

use std::time::Instant;

use super::super::account::Missing;
use super::super::input_wait::InputWait;
use super::super::meter::Meter;
use super::super::pipe_terms;
use super::replies::{UNHEARD, lost};
use super::{Failure, Link, Mode, Run};
use crate::config::{Direction, HalfClose, Input};
use crate::error::{Error, Operation};
use crate::frame::{FrameError, Framing, Inbox, Role};
use crate::io::console::{Console, Source};
use crate::io::key::Key;
use crate::io::terminal;
use crate::service::PeerId;
use crate::service::Service;
use crate::service::pipe::{Pipe, SendsEnd};

/// Forwards bytes until both directions have ended.
pub(super) fn run(link: Link<'_>) -> Result<(), Failure> {
    let config = link.config;
    let read_input = config.stream.direction != Direction::Receive;
    let mut console =
        Console::open(&link.reactor, read_input).map_err(Error::local(Operation::Open, "stdin and stdout"))?;
    if config.crlf {
        console.end_lines_with_crlf();
    }
    let source = console.source();
    let terms = pipe_terms(
        &config.stream,
        match config.half_close {
            HalfClose::Never => SendsEnd::Never,
            _ if config.shutdown_always => SendsEnd::Always,
            HalfClose::AtOnce | HalfClose::AfterReplies | HalfClose::WithLast => SendsEnd::AfterInput,
        },
        source,
    );
    let inbox = Inbox::new(Framing::Raw, Role::Responses, config.traffic.max_message);
    let traits = if terms.send_only { Pipe::SEND_ONLY } else { Pipe::TRAITS };
    let mut run = Run::start(link, Pipe::new(terms), traits, console, inbox)?;
    run.exchange.peers.ack_timeout = Some(config.stream.ack_timeout());
    if source != Source::Terminal {
        run.exchange.peers.arm(run.server);
    }
    run.start_meter_of_input();
    run.go(&mut Stream { quit_at: None, input_wait: InputWait::of_stream() })
}

#[derive(Debug)]
struct Stream {
    quit_at: Option<Instant>,
    input_wait: InputWait,
}

impl Mode<'_, Pipe> for Stream {
    fn ending(&mut self, run: &mut Run<'_, Pipe>, now: Instant) -> Option<Result<(), Error>> {
        if run.exchange.peers.is_console_closed() {
            run.exchange.end_without_output();
            return Some(Err(Error::OutputGone));
        }
        if run.exchange.peers.backlog(PeerId::Console) > 0 {
            return None; // received bytes are written first, however the connection ended
        }
        if let Some(ended) = &run.lost {
            let expects_reply = run.config.stream.direction == Direction::Both;
            let unheard =
                (expects_reply && run.missing() == Some(Missing::Reply)).then(|| lost(run, UNHEARD.to_owned(), 0));
            let loss = unheard.or_else(|| ended.delivery.loss(run.endpoint(), &ended.reason));
            return run.show_the_rest().then(|| loss.map_or(Ok(()), Err));
        }
        if run.exchange.hosted.service.input_ended() {
            if let Some(pause) = run.config.quit_after {
                let at = *self.quit_at.get_or_insert(now + pause);
                if now >= at {
                    run.exchange.close_now(run.server);
                } else {
                    run.exchange.reactor.wake_at(Key::Clock, at);
                }
            }
        }
        let (report, quiet) = (&run.context.report, run.config.output.quiet);
        self.input_wait.check(&mut run.exchange, report, quiet, now);
        None
    }

    fn input_too_long(&self, _: &Run<'_, Pipe>, error: &FrameError) -> Error {
        Error::Usage(error.to_string()) // raw bytes have no limit
    }
}

impl<S: Service> Run<'_, S> {
    /// Starts the progress report about stdin, unless a user types it.
    pub(super) fn start_meter_of_input(&mut self) {
        let typed = self.config.input != Input::Stdin || (!self.config.raw && terminal::is_stdin());
        if !typed {
            self.meter = Meter::start(&self.config.output, &self.context.report, &mut self.exchange);
        }
    }
}
