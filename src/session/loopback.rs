//! The private message listener of `--loopback`, in this process: everything can be tried with one command.

use std::net::SocketAddr;
use std::sync::mpsc::channel;

use super::{Context, listen};
use crate::config::{ConnectConfig, ListenConfig, Proxies, ServerTls};
use crate::error::{Error, Operation};
use crate::frame::Framing;
use crate::io::signal::Signals;
use crate::io::systemd::Manager;
use crate::io::threads::Thread;
use crate::value::{Address, Family, Host, Pin};

/// A private message listener on a thread, for one conversation.
pub(super) struct Loopback {
    pub(super) address: Address,
    /// The pin of its certificate, with TLS.
    pub(super) pin: Option<Pin>,
    signals: Signals,
    thread: Thread,
}

impl Loopback {
    pub(super) fn start(config: &ConnectConfig, context: &Context) -> Result<Self, Error> {
        let ip = if config.family == Family::V6 { "::1" } else { "127.0.0.1" };
        let host = Host::Ip(ip.parse().map_err(|_| Error::Usage("no loopback address".to_owned()))?);
        // Raw bytes have no framing; the service takes them as lines.
        let framing = if config.raw { Framing::Lines } else { config.framing };
        let mut listen = ListenConfig::private(Address::Tcp { host, port: 0 }, framing, config.traffic.max_message);
        listen.tls = config.tls.as_ref().map(|_| ServerTls::default());
        listen.admission.proxies = config.header.as_ref().map(|_| Proxies::default());
        let signals = Signals::default();
        let recorder = context.recorder.without_transcript();
        let theirs = Context { signals: signals.clone(), manager: Manager::default(), recorder, ..context.clone() };
        let (sender, receiver) = channel::<Result<(SocketAddr, Option<Pin>), Error>>();
        let serve = move || {
            let ready = sender.clone();
            let result = listen::run(&listen, &theirs, |listener, pin| {
                if let Some(addr) = listener.local_addr() {
                    // The receiver waits for this address.
                    let _ = ready.send(Ok((addr, pin)));
                }
            });
            if let Err(error) = result {
                let _ = sender.send(Err(error));
            }
        };
        let thread =
            Thread::start("loopback", serve).map_err(Error::local(Operation::Start, "the loopback listener"))?;
        let gave_up = |_| Error::Usage("the loopback listener did not start".to_owned());
        let (addr, pin) = receiver.recv().map_err(gave_up)??;
        let address = Address::Tcp { host: Host::Ip(addr.ip()), port: addr.port() };
        context.recorder.connect_first();
        Ok(Loopback { address, pin, signals, thread })
    }

    pub(super) fn stop(self) {
        self.signals.stop();
        self.thread.join();
    }
}
