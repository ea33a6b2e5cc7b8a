//! The listening sockets of a run: the one of every listener, and that of `--irc`.

use super::super::Context;
use crate::config::{ListenConfig, RoomsMode};
use crate::error::{Error, Operation};
use crate::io::listener::Listener;
use crate::io::reactor::Reactor;
use crate::service::Port;
use crate::value::Address;

/// The listening sockets of a run.
#[derive(Debug)]
pub(super) struct Listeners {
    /// The one for the address of the command line, or the one of a service manager.
    pub(super) main: Listener,
    /// The one of `--irc`.
    pub(super) irc: Option<Listener>,
}

impl Listeners {
    /// Binds the sockets, or takes the first one over from the service manager.
    ///
    /// # Errors
    /// When an address cannot be bound, or an option cannot be set; `Interrupted` when a signal arrives during a name
    /// lookup.
    pub(super) fn open(config: &ListenConfig, context: &Context, reactor: &mut Reactor) -> Result<Self, Error> {
        let main = match Listener::inherited(&context.manager, &config.traffic.socket)? {
            Some(listener) => listener,
            None => bind(&config.address, config, context, reactor)?,
        };
        let mut listeners = Listeners { main, irc: None };
        let opened = listeners.open_irc(config, context, reactor).and_then(|()| listeners.register(config, reactor));
        match opened {
            Ok(()) => Ok(listeners),
            Err(error) => {
                listeners.close(reactor); // the file of a unix socket is removed
                Err(error)
            }
        }
    }

    fn open_irc(&mut self, config: &ListenConfig, context: &Context, reactor: &mut Reactor) -> Result<(), Error> {
        let Some(RoomsMode { irc: Some(address), .. }) = config.rooms() else { return Ok(()) };
        if self.main.only_client().is_some() {
            return Err(Error::Usage(
                "--irc listens, but the service manager has passed a connection: remove it".into(),
            ));
        }
        self.irc = Some(bind(address, config, context, reactor)?.for_port(Port::Irc));
        Ok(())
    }

    fn register(&mut self, config: &ListenConfig, reactor: &mut Reactor) -> Result<(), Error> {
        for listener in std::iter::once(&mut self.main).chain(&mut self.irc) {
            listener.register(reactor).map_err(Error::network(Operation::Listen, &config.address))?;
        }
        Ok(())
    }

    /// Closes them.
    pub(super) fn close(self, reactor: &Reactor) {
        self.into_all().into_iter().for_each(|listener| listener.close(reactor));
    }

    /// All of them.
    pub(super) fn into_all(self) -> Vec<Listener> {
        std::iter::once(self.main).chain(self.irc).collect()
    }
}

fn bind(address: &Address, config: &ListenConfig, context: &Context, reactor: &mut Reactor) -> Result<Listener, Error> {
    Listener::bind(address, config.family, &config.traffic.socket, reactor, &context.signals)
}
