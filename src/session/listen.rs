//! `secretcat listen`: serves any number of clients until a signal.

mod acceptor;
mod access;
mod answering;
mod listeners;
mod login;
mod losses;
mod operator;
mod phase;
mod pipe_end;
mod room_list;
mod server;

use answering::Answering;
use listeners::Listeners;
use server::Server;

use super::Context;
use super::shared::{Shared, loops};
use crate::config::{Direction, ListenConfig, Mode, PipeMode, RoomsMode};
use crate::error::{Error, Operation};
use crate::frame::Framing;
use crate::io::console;
use crate::io::encoding;
use crate::io::history;
use crate::io::listener::Listener;
use crate::io::reactor::Reactor;
use crate::io::reads::Reads;
use crate::io::sys;
use crate::io::systemd::Manager;
use crate::io::threads::run_together;
use crate::service::gate::Gate;
use crate::service::pipe::{Pipe, SendsEnd, Terms};
use crate::service::relay::Relay;
use crate::service::rooms::{RecordedLine, RoomService, Settings, Tone, restored};
use crate::service::secret::Secret;
use crate::service::standard::Source;
use crate::service::{NoStore, PeerId, Port, Service, Store};
use crate::transcript::{Line, Record};
use crate::value::{Pin, Timestamp};

/// Listens, and serves until a signal. `ready` is called once, when connections are accepted.
///
/// # Errors
/// When the address cannot be bound, an option cannot be set, or the listening socket fails.
pub fn run(config: &ListenConfig, context: &Context, ready: impl FnOnce(&Listener, Option<Pin>)) -> Result<(), Error> {
    super::check_platform(&config.traffic)?;
    let defers = config.relay().is_some_and(|relay| relay.tls.is_some());
    let encoding = encoding::server(config.tls.as_ref(), &config.address, defers, &context.report, &context.recorder)?;
    let tls_of_server = config.relay().and_then(|relay| relay.tls.as_deref());
    encoding::warn_of(tls_of_server, "--relay-tls-insecure", &context.report);
    let tls_of_broker = config.rooms().and_then(|rooms| rooms.via.as_deref()).and_then(|via| via.tls.as_ref());
    encoding::warn_of(tls_of_broker, "--via-tls-insecure", &context.report);
    let policy = login::policy(config)?;
    if policy.is_some() {
        context.recorder.add_failed_logins(0);
    }
    // More descriptors allow more clients; if the limit cannot be raised, the current one has to suffice.
    let _ = sys::raise_descriptor_limit();
    let mut reactor =
        Reactor::new(config.traffic.busy_poll).map_err(Error::local(Operation::Start, "the event loop"))?;
    context.signals.watch(&reactor.waker());
    let listeners = match Listeners::open(config, context, &mut reactor) {
        Err(Error::Interrupted) => return Ok(()), // there are no clients yet
        opened => opened?,
    };
    let counts = config.answer_witness.as_ref().map(|_| Reads::default());
    let asked = config.answer_witness.as_ref().zip(counts.as_ref());
    let answering = match asked.map(|(address, reads)| Answering::start(address, config, context, reads)).transpose() {
        Ok(answering) => answering,
        Err(error) => {
            listeners.close(&reactor); // the file of a unix socket is removed
            return if matches!(error, Error::Interrupted) { Ok(()) } else { Err(error) };
        }
    };
    let listener = &listeners.main;
    let only_client = listener.only_client();
    let single; // one connection needs one loop, and the run ends with it
    let mut config = config;
    if let Some(peer) = &only_client {
        single = config.for_one_client();
        config = &single;
        warn_of(context, context.manager.serving(peer));
    } else {
        if !config.output.quiet {
            context.report.line(&format!("listening on {}", listener.shown()));
        }
        if let Some(irc) = listeners.irc.as_ref().filter(|_| !config.output.quiet) {
            context.report.line(&format!("listening on {} for IRC", irc.shown()));
        }
        warn_of(context, context.manager.ready(listener.shown()));
    }
    if let Some(answering) = answering.as_ref().filter(|_| !config.output.quiet) {
        context.report.line(&format!("answering --witness on {}", answering.shown()));
    }
    let pin = encoding.as_ref().and_then(|encoding| encoding.pin);
    if let Some(pin) = pin.filter(|_| !config.output.quiet) {
        context.report.line(&format!("signed a certificate for this run; clients verify it with --tls-pin {pin}"));
    }
    ready(listener, pin);
    let shared = &Shared::new(encoding, policy, counts);
    let again: Result<Vec<_>, Error> = (1..loops(config))
        .map(|_| listener.again().map_err(Error::local(Operation::Share, "the listening socket")))
        .collect();
    let others = again?.into_iter().map(|listener| move || beside(config, context, listener, shared));
    let own = || serve(config, context, reactor, listeners.into_all(), shared, Box::new(NoStore));
    let result = run_together("loop", own, others, || context.signals.stop());
    drop(answering); // until the end, clients may ask what was read
    result
}

/// Starts a further loop over the same listening socket.
fn beside(config: &ListenConfig, context: &Context, mut listener: Listener, shared: &Shared) -> Result<(), Error> {
    let mut reactor =
        Reactor::new(config.traffic.busy_poll).map_err(Error::local(Operation::Start, "the event loop"))?;
    context.signals.watch(&reactor.waker());
    listener.register(&mut reactor).map_err(Error::network(Operation::Listen, &config.address))?;
    let quiet = Context { manager: Manager::default(), ..context.clone() }; // only one loop notifies the service manager
    serve(config, &quiet, reactor, vec![listener], shared, Box::new(NoStore))
}

/// Runs one loop to its end.
fn serve(
    config: &ListenConfig,
    context: &Context,
    reactor: Reactor,
    listeners: Vec<Listener>,
    shared: &Shared,
    store: Box<dyn Store>,
) -> Result<(), Error> {
    let recording; // rooms record their lines with room and sender
    let mut context = context;
    if matches!(config.mode, Mode::Rooms(_)) {
        recording = Context { recorder: context.recorder.only_stored(), ..context.clone() };
        context = &recording;
    }
    // A loop for this type of service: through a trait object, its functions that only return false would cost
    // more than those that reply.
    let messages = |secret, store, reactor, listeners| {
        Server::<Secret>::new(secret, store, config, context, reactor, listeners, shared)
    };
    let is_open = shared.policy.is_none();
    let service: Box<dyn Service> = match &config.mode {
        Mode::Messages { framing } if is_open => {
            return messages(Secret::new(None, *framing), store, reactor, listeners)?.run();
        }
        Mode::Buggy { bug } if is_open => {
            return messages(Secret::new(Some(*bug), Framing::Lines), store, reactor, listeners)?.run();
        }
        Mode::Messages { framing } => Box::new(Secret::new(None, *framing)),
        Mode::Buggy { bug } => Box::new(Secret::new(Some(*bug), Framing::Lines)),
        Mode::Source { count } => Box::new(Source::new(*count)),
        Mode::Pipe(pipe) => Box::new(Pipe::new(pipe_terms(pipe))),
        Mode::Rooms(rooms) => Box::new(room_service(rooms, config, context, &listeners, shared)?),
        Mode::Relay(_) => Box::new(Relay::default()),
        Mode::Plain(entry) => (entry.new)(),
    };
    let service = match &shared.policy {
        Some(policy) => Box::new(Gate::new(service, policy.clone())),
        None => service,
    };
    Server::new(service, store, config, context, reactor, listeners, shared)?.run()
}

/// The bytes at the end of a transcript that the rooms are filled from: a start takes as long whatever its size.
const RESTORED: u64 = 32 << 20;

/// The service of rooms, with the history of earlier runs.
fn room_service(
    rooms: &RoomsMode,
    config: &ListenConfig,
    context: &Context,
    listeners: &[Listener],
    shared: &Shared,
) -> Result<RoomService, Error> {
    let transcript = config.output.transcript.as_ref();
    let mut settings = room_settings(rooms, config);
    let irc = listeners.iter().find(|listener| listener.port() == Port::Irc);
    settings.irc = irc.map(|listener| listener.shown().to_owned());
    let keeps_lines = settings.limits.history > 0;
    let mut service = RoomService::new(settings).admitting(shared.policy.clone());
    if let Some(via) = &rooms.via {
        service.share(super::broker::broker(via)?);
    }
    let Some(transcript) = transcript.filter(|_| keeps_lines) else { return Ok(service) };
    let mut next = 1;
    let read = history::read_last(&transcript.path, RESTORED, |line, _| {
        let Line::Message(Record { time, user: Some(user), room: Some(room), is_notice, payload, .. }) = line else {
            return Ok(());
        };
        let tone = if *is_notice { Tone::Notice } else { Tone::Message };
        let line = RecordedLine { peer: PeerId::Console, room, user, tone, text: payload.bytes() };
        let event = Timestamp::from_rfc3339(time).and_then(|at| restored(next, at, &line));
        if let Some(event) = event {
            next = event.id + 1;
            service.restore(event);
        }
        Ok(())
    });
    if let Err(error) = read {
        context.report.warning(&format!("{error}; its messages are not in the history of the rooms"));
    }
    Ok(service)
}

fn room_settings(rooms: &RoomsMode, config: &ListenConfig) -> Settings {
    let mut settings = Settings { recorded: config.output.transcript.is_some(), ..Settings::default() };
    if let Some(replay) = rooms.replay {
        settings.replay = replay;
        settings.limits.history = match replay {
            0 => 0, // nothing is kept
            replay => settings.limits.history.max(replay),
        };
    }
    let limits = &mut settings.limits;
    limits.history_bytes = rooms.history_memory.unwrap_or(limits.history_bytes);
    limits.members = rooms.members.unwrap_or(limits.members);
    limits.rooms = rooms.rooms.unwrap_or(limits.rooms);
    limits.rooms_of_member = rooms.rooms_of_member.unwrap_or(limits.rooms_of_member);
    limits.actions = rooms.rate.unwrap_or(limits.actions);
    settings
}

fn pipe_terms(pipe: &PipeMode) -> Terms {
    let sends_end = if pipe.shutdown_always { SendsEnd::Always } else { SendsEnd::AfterInput };
    let source = match pipe.stream.direction {
        Direction::Receive => console::Source::Nothing,
        Direction::Both | Direction::Send => console::Source::of_stdin(),
    };
    let terms = super::pipe_terms(&pipe.stream, sends_end, source);
    Terms { listens: true, keep_open: pipe.keep_open, ..terms }
}

/// A failed notification of the service manager is printed, and does not end the run.
fn warn_of(context: &Context, notified: Result<(), Error>) {
    if let Err(error) = notified {
        context.report.warning(&error.to_string());
    }
}

#[cfg(test)]
mod tests;
