//! `secretcat listen`: any number of clients at once, until a signal says otherwise.

mod access;
mod pipe_end;
mod server;

use std::thread;

use server::Server;

use super::Context;
use super::room::{Room, loops};
use crate::config::{Direction, ListenConfig};
use crate::error::Error;
use crate::io::console;
use crate::io::driver::{Driver, LISTENER};
use crate::io::listener::Listener;
use crate::io::sys;
use crate::io::systemd::Manager;
use crate::service::chat::Chat;
use crate::service::pipe::{Pipe, SendsEnd, Terms};
use crate::service::relay::Relay;
use crate::service::secret::Secret;
use crate::service::standard::{Discard, Echo, Source};
use crate::service::{Service, ServiceKind};

/// Listens, and serves until it is stopped. `ready` is called once, when connections are accepted.
///
/// # Errors
/// When the address cannot be had, an option cannot be set, or the listening socket fails.
pub fn run(config: &ListenConfig, context: &Context, ready: impl FnOnce(&Listener)) -> Result<(), Error> {
    super::check_platform(&config.traffic.socket)?;
    // More descriptors are more clients; where there are none to be had, those there are must do.
    let _ = sys::raise_descriptor_limit();
    let mut driver = Driver::new(config.traffic.busy_poll).map_err(Error::local("start", "the event loop"))?;
    context.signals.watch(&driver.waker());
    let options = &config.traffic.socket;
    let mut listener = match Listener::inherited(&context.manager, options)? {
        Some(listener) => listener,
        None => match Listener::bind(&config.address, config.family, options, &mut driver, &context.signals) {
            Err(Error::Interrupted) => return Ok(()), // there is nobody to answer yet
            bound => bound?,
        },
    };
    listener.register(&mut driver, LISTENER).map_err(Error::network("listen", &config.address))?;
    let only_client = listener.only_client();
    let single; // one connection is served by one loop, and the run ends with it
    let mut config = config;
    if let Some(peer) = &only_client {
        single = ListenConfig { threads: 1, once: true, keep_open: false, ..config.clone() };
        config = &single;
        tell(context, context.manager.serving(peer));
    } else {
        if !config.seeing.quiet {
            context.report.line(&format!("listening on {}", listener.shown()));
        }
        tell(context, context.manager.ready(listener.shown()));
    }
    ready(&listener);
    let room = &Room::default();
    thread::scope(|scope| {
        let mut others = Vec::new();
        let mut result = (1..loops(config)).try_for_each(|_| {
            let listener = listener.again().map_err(Error::local("share", "the listening socket"))?;
            // One loop that cannot go on is the end of all.
            let serve = move || beside(config, context, listener, room).inspect_err(|_| context.signals.stop());
            let thread = thread::Builder::new().name("loop".to_owned()).spawn_scoped(scope, serve);
            others.push(thread.map_err(Error::local("start", "a thread"))?);
            Ok(())
        });
        if result.is_ok() {
            result = serve(config, context, driver, listener, room);
        }
        if result.is_err() {
            context.signals.stop();
        }
        for thread in others {
            // What a thread has panicked with has been shown.
            result = result.and(thread.join().unwrap_or(Ok(())));
        }
        result
    })
}

/// A further loop over the same listening socket.
fn beside(config: &ListenConfig, context: &Context, mut listener: Listener, room: &Room) -> Result<(), Error> {
    let mut driver = Driver::new(config.traffic.busy_poll).map_err(Error::local("start", "the event loop"))?;
    context.signals.watch(&driver.waker());
    listener.register(&mut driver, LISTENER).map_err(Error::network("listen", &config.address))?;
    let quiet = Context { manager: Manager::default(), ..context.clone() }; // one tells of the end
    serve(config, &quiet, driver, listener, room)
}

/// One loop, to its end.
fn serve(
    config: &ListenConfig,
    context: &Context,
    driver: Driver,
    listener: Listener,
    room: &Room,
) -> Result<(), Error> {
    let service: Box<dyn Service> = match config.service {
        _ if config.relay.is_some() => Box::new(Relay::default()),
        ServiceKind::Secret => {
            // A loop with this service compiled into it: called through a table, its functions that
            // only say "no" cost more than those that answer.
            let secret = Secret::new(config.bug, config.framing);
            return Server::new(secret, config, context, driver, listener, room)?.run();
        }
        ServiceKind::Echo => Box::new(Echo),
        ServiceKind::Discard => Box::new(Discard),
        ServiceKind::Source => Box::new(Source::new(config.count)),
        ServiceKind::Chat => Box::new(Chat::default()),
        ServiceKind::Pipe => {
            let sends_end = if config.shutdown_always { SendsEnd::Always } else { SendsEnd::AfterInput };
            let source = match config.stream.direction {
                Direction::Receive => console::Source::Nothing,
                Direction::Both | Direction::Send => console::Source::of_stdin(),
            };
            let terms = super::pipe_terms(&config.stream, sends_end, source);
            Box::new(Pipe::new(Terms { listens: true, keep_open: config.keep_open, ..terms }))
        }
    };
    Server::new(service, config, context, driver, listener, room)?.run()
}

/// A service manager that cannot be told has to find out: that is said, and no reason to end.
fn tell(context: &Context, told: Result<(), Error>) {
    if let Err(error) = told {
        context.report.warning(&error.to_string());
    }
}
