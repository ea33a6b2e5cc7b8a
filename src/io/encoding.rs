//! What encodes the bytes of connections by the options: TLS, or nothing.

use super::connector::Encoding;
use super::recorder::Recorder;
use super::report::Report;
use crate::config::{ClientTls, ServerTls, Trust};
use crate::error::Error;
use crate::peer::codec::OptionNames;
#[cfg(feature = "tls")]
use crate::value::Host;
use crate::value::{Address, Pin};

/// A server's encoding.
#[derive(Debug)]
pub struct ServerEncoding {
    /// Begins the protocol of each connection.
    pub encoding: Box<dyn Encoding>,
    /// The pin of a certificate that was made at the start.
    pub pin: Option<Pin>,
}

/// Warns of options with which the server may be anybody. --quiet does not hide that.
pub fn warn_of(options: Option<&ClientTls>, option: &str, report: &Report) {
    if options.is_some_and(|options| options.trust == Trust::Anybody) {
        report.warning(&format!("{option}: the certificate of the server is not verified"));
    }
}

/// The encoding of connections to the server at this address, with options of these names.
///
/// # Errors
/// When a file of the options cannot be read or used.
#[cfg(feature = "tls")]
pub fn client(
    options: Option<&ClientTls>,
    address: &Address,
    names: OptionNames,
    report: &Report,
    recorder: &Recorder,
) -> Result<Option<Box<dyn Encoding>>, Error> {
    let Some(options) = options else { return Ok(None) };
    Ok(Some(Box::new(super::tls::Client::new(options, address, names, report, recorder)?)))
}

/// The encoding of connections to a listener on this address. With `defers`, each handshake waits until it is known
/// what the client gets.
///
/// # Errors
/// When a file of the options cannot be read or used.
#[cfg(feature = "tls")]
pub fn server(
    options: Option<&ServerTls>,
    address: &Address,
    defers: bool,
    report: &Report,
    recorder: &Recorder,
) -> Result<Option<ServerEncoding>, Error> {
    let Some(options) = options else { return Ok(None) };
    let server = super::tls::Server::new(options, names(address), defers, report, recorder)?;
    Ok(Some(ServerEncoding { pin: server.pin(), encoding: Box::new(server) }))
}

/// The names that a certificate for this address is made for.
#[cfg(feature = "tls")]
fn names(address: &Address) -> Vec<String> {
    let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    let host = match address {
        Address::Tcp { host: Host::Ip(ip), .. } if !ip.is_unspecified() => Some(ip.to_string()),
        Address::Tcp { host: Host::Scoped(ip, _), .. } => Some(ip.to_string()),
        Address::Tcp { host: Host::Name(name), .. } => Some(name.clone()),
        Address::Tcp { .. } | Address::Unix(_) => None,
    };
    if let Some(host) = host.filter(|host| !names.contains(host)) {
        names.insert(0, host);
    }
    names
}

/// The encoding of connections to the server at this address, with options of these names.
///
/// # Errors
/// When TLS is asked for.
#[cfg(not(feature = "tls"))]
pub fn client(
    options: Option<&ClientTls>,
    _: &Address,
    _: OptionNames,
    _: &Report,
    _: &Recorder,
) -> Result<Option<Box<dyn Encoding>>, Error> {
    options.map_or(Ok(None), |_| Err(no_tls()))
}

/// The encoding of connections to a listener on this address. With `defers`, each handshake waits until it is known
/// what the client gets.
///
/// # Errors
/// When TLS is asked for.
#[cfg(not(feature = "tls"))]
pub fn server(
    options: Option<&ServerTls>,
    _: &Address,
    _: bool,
    _: &Report,
    _: &Recorder,
) -> Result<Option<ServerEncoding>, Error> {
    options.map_or(Ok(None), |_| Err(no_tls()))
}

#[cfg(not(feature = "tls"))]
fn no_tls() -> Error {
    Error::Usage("this program was built without TLS (cargo feature tls)".to_owned())
}
