//! TLS from the options: reads certificates, keys and roots, and begins the protocol of each connection.

mod client;
mod keylog;
mod known;
mod pem;
mod server;
mod verify;

use std::sync::Arc;

use rustls::crypto::{CryptoProvider, SupportedKxGroup, ring};
use rustls::version::{TLS12, TLS13};
use rustls::{KeyLog, SupportedProtocolVersion};

pub use client::Client;
pub use server::Server;

use crate::config::{TlsGroup, TlsTerms, TlsVersion};
use crate::error::Error;
use crate::io::recorder::Recorder;
use crate::peer::codec::tls::mlkem::X25519_MLKEM768;

/// The cryptography, with the groups of these options.
fn provider(terms: &TlsTerms) -> Arc<CryptoProvider> {
    let group = |group: TlsGroup| -> &'static dyn SupportedKxGroup {
        match group {
            TlsGroup::X25519MlKem768 => X25519_MLKEM768,
            TlsGroup::X25519 => ring::kx_group::X25519,
            TlsGroup::P256 => ring::kx_group::SECP256R1,
            TlsGroup::P384 => ring::kx_group::SECP384R1,
        }
    };
    let all = [TlsGroup::X25519MlKem768, TlsGroup::X25519, TlsGroup::P256, TlsGroup::P384];
    let groups = if terms.groups.is_empty() { all.as_slice() } else { terms.groups.as_slice() };
    let kx_groups = groups.iter().copied().map(group).collect();
    Arc::new(CryptoProvider { kx_groups, ..ring::default_provider() })
}

fn versions(terms: &TlsTerms) -> &'static [&'static SupportedProtocolVersion] {
    static BOTH: [&SupportedProtocolVersion; 2] = [&TLS13, &TLS12];
    match terms.min {
        TlsVersion::V12 => &BOTH,
        TlsVersion::V13 => &BOTH[..1],
    }
}

/// Where the secrets of connections are written, if anywhere.
fn key_log(terms: &TlsTerms, recorder: &Recorder) -> Result<Option<Arc<dyn KeyLog>>, Error> {
    keylog::open(terms.keylog.as_deref(), recorder)
}

/// A failure of the options that only rustls finds.
fn refused(error: &rustls::Error) -> Error {
    Error::Usage(format!("TLS: {error}"))
}
