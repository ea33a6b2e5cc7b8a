//! A client's side of TLS.

use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, GetRandomFailed, SecureRandom, ring};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};

use super::super::connector::Encoding;
use super::super::report::Report;
use super::known::Known;
use super::verify::{Rule, Verifier};
use super::{key_log, pem, provider, refused, versions};
use crate::config::{ClientTls, Trust};
use crate::error::{Error, shown_path};
use crate::io::recorder::Recorder;
use crate::peer::codec::tls::Tls;
use crate::peer::codec::{Hello, OptionNames, Protocol};
use crate::value::{Address, Host, escape};

/// Begins TLS as a client.
#[derive(Clone, Debug)]
pub struct Client {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
    /// Whether the options name the server, and its application protocols.
    names_server: bool,
    names_alpn: bool,
    options: OptionNames,
}

impl Client {
    /// A client of the server at this address, with these options.
    ///
    /// # Errors
    /// When a file cannot be read or used, or there is no name to verify.
    pub fn new(
        options: &ClientTls,
        address: &Address,
        names: OptionNames,
        report: &Report,
        recorder: &Recorder,
    ) -> Result<Self, Error> {
        let is_verified = matches!(options.trust, Trust::System | Trust::Ca(_));
        let name = server_name(options.name.as_deref(), address, is_verified)?;
        let mut provider = provider(&options.terms);
        Arc::make_mut(&mut provider).secure_random = &*SAME_ORDER;
        let builder = ClientConfig::builder_with_provider(provider.clone());
        let builder = builder.with_protocol_versions(versions(&options.terms)).map_err(|error| refused(&error))?;
        let chain = |roots| by_chain(roots, &provider);
        let rule = match &options.trust {
            Trust::System => Rule::Chain { chain: chain(system_roots()?)?, trusted: Vec::new() },
            Trust::Ca(path) => {
                let trusted = pem::certificates(path)?;
                Rule::Chain { chain: chain(roots_among(trusted.clone(), path)?)?, trusted }
            }
            Trust::Pins(pins) => Rule::Pins(pins.clone()),
            Trust::Known(path) => Rule::Known(Known::open(path, address, options.name.as_deref(), report)?),
            Trust::Anybody => Rule::Anybody,
        };
        let builder = builder.dangerous().with_custom_certificate_verifier(Arc::new(Verifier { rule, provider }));
        let mut config = match &options.identity {
            None => builder.with_no_client_auth(),
            Some(files) => {
                let identity = pem::identity(files)?;
                let unusable = |error: rustls::Error| pem::unusable(files, &error);
                builder.with_client_auth_cert(identity.chain, identity.key).map_err(unusable)?
            }
        };
        config.enable_sni = name.is_some();
        let name = name.unwrap_or(ServerName::IpAddress(Ipv4Addr::LOCALHOST.into()));
        config.alpn_protocols.clone_from(&options.terms.alpn);
        // Each connection has the whole handshake: what is cut, and what is compared, is always the same.
        config.resumption = Resumption::disabled();
        if let Some(key_log) = key_log(&options.terms, recorder)? {
            config.key_log = key_log;
        }
        let (names_server, names_alpn) = (options.name.is_some(), !options.terms.alpn.is_empty());
        Ok(Client { config: Arc::new(config), name, names_server, names_alpn, options: names })
    }
}

/// The random numbers of each client.
static SAME_ORDER: LazyLock<SameOrder> = LazyLock::new(|| SameOrder(ring::default_provider().secure_random));

/// Random numbers with which the extensions of each `ClientHello` have the same order: a cut at an offset is then in
/// the same field on each connection. rustls draws the order from two bytes, and no secret is that short.
#[derive(Debug)]
struct SameOrder(&'static dyn SecureRandom);

impl SecureRandom for SameOrder {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), GetRandomFailed> {
        if let [_, _] = bytes {
            bytes.fill(0);
            return Ok(());
        }
        self.0.fill(bytes)
    }
}

impl Encoding for Client {
    fn begin(&self, hello: Option<&Hello>) -> Result<Box<dyn Protocol>, Error> {
        let (config, name) = match hello {
            None => (self.config.clone(), self.name.clone()),
            Some(hello) => self.passing_on(hello),
        };
        Ok(Box::new(Tls::client(config, name, self.options).map_err(|error| refused(&error))?))
    }
}

impl Client {
    /// The configuration and the server's name for a client of a relay that has asked for this.
    fn passing_on(&self, hello: &Hello) -> (Arc<ClientConfig>, ServerName<'static>) {
        let (mut config, mut name) = (self.config.clone(), self.name.clone());
        if !self.names_alpn && config.alpn_protocols != hello.alpn {
            Arc::make_mut(&mut config).alpn_protocols.clone_from(&hello.alpn);
        }
        // rustls has checked the name of a ClientHello.
        let asked = hello.server_name.clone().and_then(|name| ServerName::try_from(name).ok());
        if let Some(asked) = asked.filter(|_| !self.names_server) {
            if !config.enable_sni {
                Arc::make_mut(&mut config).enable_sni = true;
            }
            name = asked;
        }
        (config, name)
    }
}

/// The name that is sent and verified; `None` where no name is verified and there is none to send.
fn server_name(name: Option<&str>, address: &Address, is_verified: bool) -> Result<Option<ServerName<'static>>, Error> {
    let host = match (name, address) {
        (Some(name), _) => name.to_owned(),
        (None, Address::Tcp { host: Host::Ip(ip), .. }) => ip.to_string(),
        (None, Address::Tcp { host: Host::Scoped(ip, _), .. }) => ip.to_string(),
        (None, Address::Tcp { host: Host::Name(name), .. }) => name.trim_end_matches('.').to_owned(),
        (None, Address::Tcp { host: Host::Any, .. } | Address::Unix(_)) => {
            if !is_verified {
                return Ok(None);
            }
            return Err(Error::Usage(format!("{address} has no host name that TLS could verify: add --tls-name NAME")));
        }
    };
    ServerName::try_from(host.clone()).map(Some).map_err(|_| {
        let host = escape(host.as_bytes());
        Error::Usage(format!(
            "\"{host}\" is not a name that TLS can verify: give --tls-name a host name or an IP address"
        ))
    })
}

fn by_chain(roots: RootCertStore, provider: &Arc<CryptoProvider>) -> Result<Arc<WebPkiServerVerifier>, Error> {
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone())
        .build()
        .map_err(|error| Error::Usage(format!("TLS: {error}")))
}

/// The root certificates of the system, or of `$SSL_CERT_FILE` and `$SSL_CERT_DIR`.
fn system_roots() -> Result<RootCertStore, Error> {
    let found = rustls_native_certs::load_native_certs();
    let roots = store(found.certs);
    if roots.is_empty() {
        let why = found.errors.first().map(|error| format!(": {error}")).unwrap_or_default();
        return Err(Error::Usage(format!(
            "no root certificates on this system{why} (install ca-certificates, set SSL_CERT_FILE, or give --tls-ca FILE)"
        )));
    }
    Ok(roots)
}

/// Those of the certificates of this file that can be roots; there is at least one.
pub(super) fn roots_among(certificates: Vec<CertificateDer<'static>>, path: &Path) -> Result<RootCertStore, Error> {
    let roots = store(certificates);
    if roots.is_empty() {
        return Err(Error::Usage(format!("{}: no certificate in it can be a root", shown_path(path))));
    }
    Ok(roots)
}

fn store(certificates: Vec<CertificateDer<'static>>) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(certificates);
    roots
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Color;

    #[test]
    fn each_hello_has_its_fields_at_the_same_offsets() {
        let name = "a-name-that-is-found.test";
        let options = ClientTls { trust: Trust::Anybody, name: Some(name.to_owned()), ..ClientTls::default() };
        let (address, report) = ("127.0.0.1:1".parse().unwrap(), Report::stderr(Color::Never));
        let client = Client::new(&options, &address, OptionNames::TLS, &report, &Recorder::default()).unwrap();
        let hello = || {
            let mut wire = Vec::new();
            client.begin(None).unwrap().start(&mut wire);
            wire
        };
        let found = |hello: &[u8]| memchr::memmem::find(hello, name.as_bytes()).unwrap();
        let first = hello();
        for _ in 0..16 {
            let other = hello();
            assert_eq!((other.len(), found(&other)), (first.len(), found(&first)));
            assert_ne!(other[11..43], first[11..43], "the random number");
        }
    }
}
