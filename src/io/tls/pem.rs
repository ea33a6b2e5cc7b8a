//! Certificates and keys from PEM files (RFC 7468), with errors that say what a file is instead.

use std::path::Path;

use rustls::CertificateError;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::config::KeyPair;
use crate::error::{Error, Operation, shown_path};
use crate::peer::codec::tls::certificate;

/// A certificate chain, that of this side first, and its key.
pub(super) struct Identity {
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) key: PrivateKeyDer<'static>,
}

/// Reads a chain and its key.
///
/// # Errors
/// When a file cannot be read, or does not contain what it should.
pub(super) fn identity(files: &KeyPair) -> Result<Identity, Error> {
    Ok(Identity { chain: certificates(&files.cert)?, key: key(&files.key)? })
}

/// Reads the certificates of a file; there is at least one.
///
/// # Errors
/// When the file cannot be read, or has none.
pub(super) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let bytes = read(path)?;
    let found: Result<Vec<_>, pem::Error> = CertificateDer::pem_slice_iter(&bytes).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) => Err(wrong(path, "certificate", &bytes)),
        Err(error) => Err(broken(path, &error)),
    }
}

/// Reads the private key of a file.
///
/// # Errors
/// When the file cannot be read, or has none that can be used.
fn key(path: &Path) -> Result<PrivateKeyDer<'static>, Error> {
    let bytes = read(path)?;
    match PrivateKeyDer::from_pem_slice(&bytes) {
        Ok(key) => Ok(key),
        Err(_) if is_encrypted(&bytes) => Err(wrong(path, "private key", &bytes)),
        Err(pem::Error::NoItemsFound) => Err(wrong(path, "private key", &bytes)),
        Err(error) => Err(broken(path, &error)),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(path).map_err(Error::file(Operation::Read, path))
}

fn contains(bytes: &[u8], text: &str) -> bool {
    memchr::memmem::find(bytes, text.as_bytes()).is_some()
}

/// Whether a key is encrypted, in the form of PKCS #8 or in the one of OpenSSL (RFC 1421).
fn is_encrypted(bytes: &[u8]) -> bool {
    contains(bytes, "BEGIN ENCRYPTED PRIVATE KEY") || contains(bytes, "Proc-Type: 4,ENCRYPTED")
}

/// Whether it is one SEQUENCE of DER, whose length takes one, two or three bytes (X.690).
fn is_der(bytes: &[u8]) -> bool {
    match *bytes {
        [0x30, length, ref content @ ..] if length < 0x80 => content.len() == usize::from(length),
        [0x30, 0x81 | 0x82, ..] => true,
        _ => false,
    }
}

fn wrong(path: &Path, wanted: &str, bytes: &[u8]) -> Error {
    let what = match () {
        () if bytes.is_empty() => "it is empty",
        () if is_encrypted(bytes) => "its key is encrypted (openssl pkey -in FILE -out PLAIN decrypts it)",
        () if is_der(bytes) => "it is DER, and PEM is expected (openssl x509 or pkey -inform DER converts it)",
        () if contains(bytes, "-----BEGIN ") => "it contains other PEM items",
        () => "it is not PEM (-----BEGIN …-----)",
    };
    Error::Usage(format!("{}: no {wanted}: {what}", shown_path(path)))
}

fn broken(path: &Path, error: &pem::Error) -> Error {
    Error::Usage(format!("{}: PEM that cannot be read: {error}", shown_path(path)))
}

/// Whether a certificate has no extensions: what `openssl x509 -req` makes, unless told otherwise.
fn is_version_1(error: &CertificateError) -> bool {
    let CertificateError::Other(error) = error else { return false };
    matches!(error.0.downcast_ref(), Some(webpki::Error::UnsupportedCertVersion))
}

/// A chain and a key that cannot be used together, or not at all.
pub(super) fn unusable(files: &KeyPair, error: &rustls::Error) -> Error {
    let (cert, key) = (shown_path(&files.cert), shown_path(&files.key));
    Error::Usage(match error {
        rustls::Error::InconsistentKeys(_) => format!("{key}: the key does not belong to the certificate {cert}"),
        rustls::Error::InvalidCertificate(error) if is_version_1(error) => {
            format!("{cert}: {} (openssl x509 -req -extfile FILE makes one)", certificate(error))
        }
        error => format!("{cert} with the key {key}: {error}"),
    })
}
