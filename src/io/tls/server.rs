//! A server's side of TLS, with a certificate that may be replaced while it serves.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rcgen::{CertificateParams, DnType, KeyPair as NewKey};
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};

use super::super::connector::Encoding;
use super::super::report::Report;
use super::client::roots_among;
use super::pem::{self, Identity};
use super::verify::pin_of;
use super::{key_log, provider, refused, versions};
use crate::config::{ClientCa, ClientNeed, KeyPair, ServerTls};
use crate::error::Error;
use crate::io::recorder::Recorder;
use crate::peer::codec::tls::{Deferred, Tls};
use crate::peer::codec::{Hello, Protocol};
use crate::value::Pin;

/// How often the files of the certificate are checked, at most.
const CHECK: Duration = Duration::from_secs(1);

/// Begins TLS as a server.
#[derive(Debug)]
pub struct Server {
    options: ServerTls,
    current: Mutex<Current>,
    report: Report,
    recorder: Recorder,
    /// The pin of a certificate that was made here.
    pin: Option<Pin>,
    defers: bool,
}

/// The configuration of new connections, and the files it was read from.
#[derive(Debug)]
struct Current {
    config: Arc<ServerConfig>,
    files: Option<Stamp>,
    checked: Instant,
}

/// What tells a changed pair of files: the device and inode, the size and the time of the last change of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp([Option<FileStamp>; 2]);

/// The device, the inode, the size, and the time of the last change in seconds and nanoseconds.
type FileStamp = (u64, u64, u64, i64, i64);

impl Server {
    /// A server that is reached by these names. With `defers`, each handshake waits after the `ClientHello`.
    ///
    /// # Errors
    /// When a file cannot be read or used.
    pub fn new(
        options: &ServerTls,
        names: Vec<String>,
        defers: bool,
        report: &Report,
        recorder: &Recorder,
    ) -> Result<Self, Error> {
        let files = options.identity.as_ref().map(Stamp::of);
        let (identity, pin) = if let Some(files) = &options.identity {
            (pem::identity(files)?, None)
        } else {
            let identity = sign(names)?;
            let pin = identity.chain.first().map(pin_of).transpose().map_err(|error| refused(&error))?;
            (identity, pin)
        };
        let config = configure(options, identity, recorder)?;
        let current = Mutex::new(Current { config, files, checked: Instant::now() });
        let (report, recorder) = (report.clone(), recorder.clone());
        Ok(Server { options: options.clone(), current, report, recorder, pin, defers })
    }

    /// The pin of the certificate that was made at the start; `None` if it came from a file.
    #[must_use]
    pub fn pin(&self) -> Option<Pin> {
        self.pin
    }

    /// The configuration of a new connection. If the files have changed, they are read again; those that cannot be used
    /// are reported once, and the old certificate stays.
    fn config(&self) -> Arc<ServerConfig> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(pair) = self.options.identity.as_ref().filter(|_| current.checked.elapsed() >= CHECK) else {
            return current.config.clone();
        };
        current.checked = Instant::now();
        let stamp = Stamp::of(pair);
        if current.files != Some(stamp) {
            current.files = Some(stamp);
            match pem::identity(pair).and_then(|identity| configure(&self.options, identity, &self.recorder)) {
                Ok(config) => current.config = config,
                Err(error) => self.report.warning(&format!("{error}; the previous certificate stays in use")),
            }
        }
        current.config.clone()
    }
}

impl Encoding for Server {
    fn begin(&self, _: Option<&Hello>) -> Result<Box<dyn Protocol>, Error> {
        if self.defers {
            return Ok(Box::new(Deferred::new(self.config())));
        }
        Ok(Box::new(Tls::server(self.config()).map_err(|error| refused(&error))?))
    }
}

impl Stamp {
    fn of(pair: &KeyPair) -> Self {
        let of = |path: &Path| {
            let data = std::fs::metadata(path).ok()?;
            Some((data.dev(), data.ino(), data.size(), data.mtime(), data.mtime_nsec()))
        };
        Stamp([of(&pair.cert), of(&pair.key)])
    }
}

fn configure(
    options: &ServerTls,
    Identity { chain, key }: Identity,
    recorder: &Recorder,
) -> Result<Arc<ServerConfig>, Error> {
    let provider = provider(&options.terms);
    let builder = ServerConfig::builder_with_provider(provider.clone());
    let builder = builder.with_protocol_versions(versions(&options.terms)).map_err(|error| refused(&error))?;
    let builder = match &options.clients {
        None => builder.with_no_client_auth(),
        Some(clients) => builder.with_client_cert_verifier(client_verifier(clients, &provider)?),
    };
    let mut config = builder.with_single_cert(chain, key).map_err(|error| match &options.identity {
        Some(files) => pem::unusable(files, &error),
        None => refused(&error),
    })?;
    config.alpn_protocols.clone_from(&options.terms.alpn);
    // No session is resumed: each connection has the whole handshake, and a message is the first record after it.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    if let Some(key_log) = key_log(&options.terms, recorder)? {
        config.key_log = key_log;
    }
    Ok(Arc::new(config))
}

fn client_verifier(
    ClientCa { ca, need }: &ClientCa,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, Error> {
    let roots = roots_among(pem::certificates(ca)?, ca)?;
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone());
    let verifier = match need {
        ClientNeed::Optional => verifier.allow_unauthenticated(),
        ClientNeed::Required => verifier,
    };
    verifier.build().map_err(|error| Error::Usage(format!("--tls-client-ca: {error}")))
}

/// Makes a key, and a certificate for these names that it signs itself.
fn sign(names: Vec<String>) -> Result<Identity, Error> {
    let made = || {
        let key = NewKey::generate()?;
        let mut params = CertificateParams::new(names)?;
        params.distinguished_name.push(DnType::CommonName, "secretcat");
        Ok((params.self_signed(&key)?.der().clone(), PrivatePkcs8KeyDer::from(key.serialize_der())))
    };
    let (certificate, key) =
        made().map_err(|error: rcgen::Error| Error::Usage(format!("cannot make a certificate: {error}")))?;
    Ok(Identity { chain: vec![certificate], key: PrivateKeyDer::Pkcs8(key) })
}
