//! Makes the connection to the other side, or accepts it.

use std::ops::ControlFlow;
use std::time::Instant;

use super::arrivals::Arrivals;
use super::peer::Peer;
use super::wire::Wire;
use crate::config::{LinkConfig, Meeting};
use crate::error::{Error, Operation};
use crate::io::encoding;
use crate::io::key::Key;
use crate::io::listener::Listener;
use crate::io::reactor::{Handler, Reactor, Ready};
use crate::peer::codec::OptionNames;
use crate::session::Context;
use crate::session::call::{CallTerms, Caller};
use crate::transfer::Role;
use crate::value::Address;

/// Runs one transfer, or with `-k` one after the other until a signal.
///
/// # Errors
/// When there is no connection, or the transfer fails.
pub(super) fn run(
    config: &LinkConfig,
    role: Role,
    context: &Context,
    mut transfer: impl FnMut(Peer<'_, '_>) -> Result<(), Error>,
) -> Result<(), Error> {
    crate::session::check_platform(&config.traffic)?;
    match &config.meeting {
        Meeting::Connect { address, tls, limit, retry, .. } => {
            let encoding =
                encoding::client(tls.as_ref(), address, OptionNames::TLS, &context.report, &context.recorder)?;
            encoding::warn_of(tls.as_ref(), "--tls-insecure", &context.report);
            let terms = CallTerms {
                traffic: &config.traffic,
                raw: true,
                family: config.family,
                limit: *limit,
                retry: *retry,
                header: None,
                output: &config.output,
            };
            let mut caller = Caller::new(terms, address, context, encoding.as_deref());
            let mut lost = None;
            loop {
                let (mut reactor, wire) = connect(&mut caller, lost, config, address, context)?;
                match transfer(Peer::new(config, role, context, &mut reactor, wire)) {
                    Err(error @ Error::Lost { .. }) if caller.may_try_again() => lost = Some(error),
                    result => return result,
                }
            }
        }
        Meeting::Listen { keep_open, .. } => {
            let (mut reactor, mut arrivals) = match listen(config, role, context) {
                Err(Error::Interrupted) if *keep_open => return Ok(()),
                other => other?,
            };
            let result = loop {
                let accepted = accept(&mut arrivals, &mut reactor, context);
                let result = accepted.and_then(|(wire, received)| {
                    transfer(Peer::new(config, role, context, &mut reactor, wire).accepted(&mut arrivals, received))
                });
                match result {
                    Err(Error::Interrupted) if *keep_open => break Ok(()),
                    // After a signal too: a transfer that has failed counts as those before it.
                    Err(error) if *keep_open => context.report.warning(&error.to_string()),
                    Ok(()) if *keep_open => {}
                    other => break other,
                }
                arrivals.resume(&mut reactor);
            };
            arrivals.close(&reactor);
            result
        }
    }
}

/// Connects; `lost` is the error of a connection that ended before the other side had sent anything.
fn connect(
    caller: &mut Caller<'_>,
    lost: Option<Error>,
    config: &LinkConfig,
    address: &Address,
    context: &Context,
) -> Result<(Reactor, Wire), Error> {
    let (reactor, conn) = caller.connect(lost)?;
    if config.output.show_options {
        crate::session::show_options(conn.stream(), None, &config.traffic.socket, context);
        conn.session().into_iter().for_each(|session| crate::session::show_session(&session, &context.report));
    }
    let endpoint = context.proxy.as_ref().map_or_else(|| address.into(), |proxy| proxy.endpoint(address));
    let wire = Wire::new(conn, Key::Conn(0), endpoint, &reactor);
    Ok((reactor, wire.map_err(Error::network(Operation::Connect, address))?))
}

fn listen<'a>(config: &'a LinkConfig, role: Role, context: &'a Context) -> Result<(Reactor, Arrivals<'a>), Error> {
    let Meeting::Listen { address, tls, .. } = &config.meeting else { return Err(Error::Interrupted) };
    let encoding = encoding::server(tls.as_ref(), address, false, &context.report, &context.recorder)?;
    let mut reactor =
        Reactor::new(config.traffic.busy_poll).map_err(Error::local(Operation::Start, "the event loop"))?;
    context.signals.watch(&reactor.waker());
    let mut listener = Listener::bind(address, config.family, &config.traffic.socket, &mut reactor, &context.signals)?;
    listener.register(&mut reactor).map_err(Error::network(Operation::Listen, address))?;
    if !config.output.quiet {
        context.report.line(&format!("listening on {}", listener.shown()));
        if let Some(pin) = encoding.as_ref().and_then(|encoding| encoding.pin) {
            let text = "signed a certificate for this run; the other side verifies it with --tls-pin";
            context.report.line(&format!("{text} {pin}"));
        }
    }
    Ok((reactor, Arrivals::new(config, context, role, listener, encoding)))
}

/// Waits for the other side.
fn accept(arrivals: &mut Arrivals<'_>, reactor: &mut Reactor, context: &Context) -> Result<(Wire, Vec<u8>), Error> {
    Reactor::run(&mut Accepting { arrivals, reactor, context })
}

struct Accepting<'r, 'a> {
    arrivals: &'r mut Arrivals<'a>,
    reactor: &'r mut Reactor,
    context: &'r Context,
}

impl Handler for Accepting<'_, '_> {
    type Output = (Wire, Vec<u8>);
    type Error = Error;

    fn reactor(&mut self) -> &mut Reactor {
        self.reactor
    }

    fn on_event(&mut self, ready: Ready, _: Instant) -> Result<(), Error> {
        self.arrivals.on_ready(ready);
        Ok(())
    }

    fn end_turn(&mut self, _: Instant) -> Result<ControlFlow<Self::Output>, Error> {
        if self.context.signals.stopped() {
            return Err(Error::Interrupted);
        }
        let accepted = self.arrivals.next(self.reactor)?;
        Ok(accepted.map_or(ControlFlow::Continue(()), ControlFlow::Break))
    }
}
