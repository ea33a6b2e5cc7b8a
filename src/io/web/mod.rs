//! Serves the live page and the metrics while a run goes on, on a thread of its own: no loop of the run waits for a browser.

mod client;
mod link;
mod server;
mod viewer;

use std::time::Duration;

use self::link::Link;
use self::server::Front;
use super::listener::Listener;
use super::private;
use super::random::draw;
use super::reactor::Reactor;
use super::recorder::Recorder;
use super::report::Report;
use super::signal::Signals;
use super::threads::{Thread, yield_to_others};
use crate::config::{SocketOptions, Watch};
use crate::error::{Error, Operation, shown_path};
use crate::value::{Address, Family, Host};
use crate::web::{Door, Hosts, Secret, Site};

/// What the kernel keeps for a browser that does not read.
const SEND_BUFFER: usize = 128 * 1024;
/// The largest file with a token.
const LONGEST_TOKEN: usize = 4096;

/// The threads that serve, until they are stopped.
#[derive(Debug, Default)]
pub struct Web {
    servers: Vec<Server>,
}

/// A run that can be watched.
#[derive(Debug)]
pub struct Watched<'a> {
    /// What it records.
    pub recorder: &'a Recorder,
    /// The signals that end it.
    pub signals: &'a Signals,
    /// stderr.
    pub report: &'a Report,
    /// Only errors are printed there.
    pub quiet: bool,
}

#[derive(Debug)]
struct Server {
    /// Stops the thread.
    stop: Signals,
    thread: Option<Thread>,
}

impl Web {
    /// Serves what was requested.
    ///
    /// # Errors
    /// When an address cannot be bound, a file cannot be read, or a thread cannot be started; `Interrupted` when a signal
    /// arrives during the name lookup.
    pub fn start(watch: &Watch, run: &Watched<'_>) -> Result<Web, Error> {
        let mut servers = Vec::new();
        let bearer = watch.metrics_token.as_deref().map(|path| {
            let missing = || Error::Usage(format!("{}: no token in the first line", shown_path(path)));
            Secret::of_line(&private::read(path, LONGEST_TOKEN)?).ok_or_else(missing)
        });
        let bearer = bearer.transpose()?;
        if let Some(address) = &watch.page {
            let (listener, reactor) = bind(address, run.signals)?;
            if !address.is_loopback() {
                let warning = "--web: the page is not encrypted, and whoever is on the path can read it";
                run.report.warning(warning);
            }
            let port = listener.local_addr().map_or(0, |address| address.port());
            let mut site = Site::of_page(hosts(address, &listener), Door::new(port, draw()?, draw()?), bearer.clone());
            let path = site.door().map(|door| door.path()).unwrap_or_default();
            let link = Link::show(url(address, &listener), &path, run.report)?;
            let front = Front::new(site, listener, reactor, run.recorder).with_page(link, draw()?);
            servers.push(Server::start("web", front, run.report)?);
        }
        if let Some(address) = &watch.metrics {
            let (listener, reactor) = bind(address, run.signals)?;
            if !run.quiet {
                run.report.line(&format!("metrics on {}", listener.shown()));
            }
            let site = Site::of_metrics(hosts(address, &listener), bearer);
            servers.push(Server::start("metrics", Front::new(site, listener, reactor, run.recorder), run.report)?);
        }
        Ok(Web { servers })
    }

    /// Serves nothing from now on.
    pub fn stop(self) {
        drop(self.servers);
    }
}

/// Binds an address on a reactor of its own.
fn bind(address: &Address, signals: &Signals) -> Result<(Listener, Reactor), Error> {
    let mut reactor = Reactor::new(Duration::ZERO).map_err(Error::local(Operation::Start, "the event loop"))?;
    signals.watch(&reactor.waker());
    let options = SocketOptions { nodelay: Some(true), sndbuf: Some(SEND_BUFFER), ..SocketOptions::default() };
    let mut listener = Listener::bind(address, Family::Any, &options, &mut reactor, signals)?;
    listener.register(&mut reactor).map_err(Error::network(Operation::Listen, address))?;
    Ok((listener, reactor))
}

/// The beginning of a link to a site at this address. Of all addresses of this host, it names that of loopback.
fn url(address: &Address, listener: &Listener) -> String {
    match (address, listener.local_addr()) {
        (Address::Tcp { host: Host::Name(name), .. }, Some(local)) => format!("http://{name}:{}", local.port()),
        (_, Some(local)) if local.ip().is_unspecified() => format!("http://127.0.0.1:{}", local.port()),
        (_, Some(local)) => format!("http://{local}"),
        (_, None) => "http://localhost".to_owned(), // a unix socket
    }
}

/// The names of a site at this address.
fn hosts(address: &Address, listener: &Listener) -> Hosts {
    let name = match address {
        Address::Tcp { host: Host::Name(name), .. } => Some(name.clone()),
        _ => None,
    };
    Hosts { ip: listener.local_addr().map(|address| address.ip()), name }
}

impl Server {
    fn start(name: &'static str, mut front: Front, report: &Report) -> Result<Server, Error> {
        let (stop, report) = (front.stop.clone(), report.clone());
        let run = move || {
            yield_to_others(); // pages and metrics can wait, clients cannot
            if let Err(error) = Reactor::run(&mut front) {
                report.warning(&format!("--{name}: {error}"));
            }
        };
        let thread = Thread::start(name, run).map_err(Error::local(Operation::Start, "a thread"))?;
        Ok(Server { stop, thread: Some(thread) })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.stop();
        self.thread.take().into_iter().for_each(Thread::join);
    }
}
