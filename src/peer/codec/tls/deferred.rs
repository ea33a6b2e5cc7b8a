//! A server's end that waits after the `ClientHello`, until it is known what the client gets: a relay connects to its
//! server first.

use std::ops::Range;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::server::{Accepted, Acceptor};

use super::refusal::{Side, explain, not_tls};
use super::{Protocol, Session, Tls, Violation, WRONG_VERSION};
use crate::peer::codec::Hello;

/// The most that a client may send before it has an answer; a `ClientHello` has at most 64 KiB in what follows it.
const PENDING: usize = 128 * 1024;

/// The server's end of a connection, first without an answer to the client.
#[derive(Debug)]
pub struct Deferred {
    config: Arc<ServerConfig>,
    stage: Stage,
    /// A byte was received.
    has_begun: bool,
}

enum Stage {
    /// The `ClientHello` is not complete.
    Listening(Box<Acceptor>),
    /// It is, and bytes may have come after it.
    Waiting {
        accepted: Box<Accepted>,
        hello: Hello,
        pending: Vec<u8>,
    },
    Running(Box<Tls>),
    Failed,
}

impl std::fmt::Debug for Stage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Stage::Listening(_) => "Listening",
            Stage::Waiting { .. } => "Waiting",
            Stage::Running(_) => "Running",
            Stage::Failed => "Failed",
        })
    }
}

impl Deferred {
    /// Waits for a client.
    #[must_use]
    pub fn new(config: Arc<ServerConfig>) -> Self {
        Deferred { config, stage: Stage::Listening(Box::default()), has_begun: false }
    }

    fn running(&self) -> Option<&Tls> {
        if let Stage::Running(tls) = &self.stage { Some(tls) } else { None }
    }

    fn running_mut(&mut self) -> Option<&mut Tls> {
        if let Stage::Running(tls) = &mut self.stage { Some(tls) } else { None }
    }

    /// Reads the `ClientHello`.
    fn listen(mut acceptor: Box<Acceptor>, mut bytes: &[u8], wire: &mut Vec<u8>) -> Result<Stage, Violation> {
        while !bytes.is_empty() {
            if acceptor.read_tls(&mut bytes).is_err() {
                return Err(Violation("the client's ClientHello is too long".to_owned()));
            }
            match acceptor.accept() {
                Ok(None) => {}
                Ok(Some(accepted)) => {
                    let client = accepted.client_hello();
                    let hello = Hello {
                        server_name: client.server_name().map(str::to_owned),
                        alpn: client.alpn().into_iter().flatten().map(<[u8]>::to_vec).collect(),
                    };
                    return Ok(Stage::Waiting { accepted: Box::new(accepted), hello, pending: bytes.to_vec() });
                }
                Err((error, mut alert)) => {
                    let _ = alert.write_all(wire); // a vector takes everything
                    return Err(explain(&error, &Side::Server));
                }
            }
        }
        Ok(Stage::Listening(acceptor))
    }
}

impl Protocol for Deferred {
    fn name(&self) -> &'static str {
        "TLS"
    }

    fn start(&mut self, _: &mut Vec<u8>) {}

    fn open(&mut self, bytes: &[u8], plain: &mut Vec<u8>, wire: &mut Vec<u8>) -> Result<(), Violation> {
        if !self.has_begun {
            self.has_begun = true;
            if let Some(violation) = not_tls(bytes, &Side::Server) {
                wire.extend_from_slice(&WRONG_VERSION);
                return Err(violation);
            }
        }
        match std::mem::replace(&mut self.stage, Stage::Failed) {
            Stage::Listening(acceptor) => self.stage = Deferred::listen(acceptor, bytes, wire)?,
            Stage::Waiting { accepted, hello, mut pending } => {
                pending.extend_from_slice(bytes);
                if pending.len() > PENDING {
                    return Err(Violation("the client sends before it has an answer to its ClientHello".to_owned()));
                }
                self.stage = Stage::Waiting { accepted, hello, pending };
            }
            Stage::Running(mut tls) => {
                let opened = tls.open(bytes, plain, wire);
                self.stage = Stage::Running(tls);
                return opened;
            }
            Stage::Failed => {}
        }
        Ok(())
    }

    fn open_within(
        &mut self,
        buf: &mut [u8],
        come: Range<usize>,
        plain: &mut Vec<u8>,
        wire: &mut Vec<u8>,
    ) -> (usize, Result<(), Violation>) {
        match self.running_mut() {
            Some(tls) => tls.open_within(buf, come, plain, wire),
            None => (0, self.open(&buf[come], plain, wire)),
        }
    }

    fn choose(&mut self, alpn: Option<&[u8]>, plain: &mut Vec<u8>, wire: &mut Vec<u8>) -> Result<(), Violation> {
        let (accepted, pending) = match std::mem::replace(&mut self.stage, Stage::Failed) {
            Stage::Waiting { accepted, pending, .. } => (accepted, pending),
            other => {
                self.stage = other; // nothing waits for the choice
                return Ok(());
            }
        };
        let mut config = self.config.clone();
        if config.alpn_protocols.is_empty() {
            if let Some(alpn) = alpn {
                Arc::make_mut(&mut config).alpn_protocols = vec![alpn.to_vec()];
            }
        }
        let connection = accepted.into_connection(config).map_err(|(error, mut alert)| {
            let _ = alert.write_all(wire); // a vector takes everything
            explain(&error, &Side::Server)
        })?;
        let mut tls = Box::new(Tls::accepted(connection));
        tls.start(wire);
        let opened = tls.open(&pending, plain, wire);
        self.stage = Stage::Running(tls);
        opened
    }

    fn hello(&self) -> Option<Hello> {
        if let Stage::Waiting { hello, .. } = &self.stage { Some(hello.clone()) } else { None }
    }

    fn seal(&mut self, plain: &[u8], wire: &mut Vec<u8>) {
        if let Some(tls) = self.running_mut() {
            tls.seal(plain, wire);
        }
    }

    fn close(&mut self, wire: &mut Vec<u8>) {
        if let Some(tls) = self.running_mut() {
            tls.close(wire);
        }
    }

    fn record_size(&self) -> usize {
        super::RECORD
    }

    fn is_handshaking(&self) -> bool {
        self.running().is_none_or(Protocol::is_handshaking)
    }

    /// The service has to connect before the handshake goes on.
    fn is_presentable(&self) -> bool {
        matches!(self.stage, Stage::Waiting { .. } | Stage::Running(_))
    }

    fn is_closed_by_peer(&self) -> bool {
        self.running().is_some_and(Protocol::is_closed_by_peer)
    }

    fn session(&self) -> Option<Session> {
        self.running()?.session()
    }

    fn binding(&self) -> Option<[u8; 32]> {
        self.running()?.binding()
    }
}
