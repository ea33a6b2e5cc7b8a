//! How a client verifies a server: by a chain, by the pin of its key, or not at all. Each verifies that the server has
//! the key of its certificate.

use std::sync::Arc;

use ring::digest::{SHA256, digest};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, OtherError, SignatureScheme};

use super::known::Known;
use crate::peer::codec::tls::Refused;
use crate::value::Pin;

/// Verifies servers by this rule.
#[derive(Debug)]
pub(super) struct Verifier {
    pub(super) rule: Rule,
    pub(super) provider: Arc<CryptoProvider>,
}

/// Which servers are accepted.
#[derive(Debug)]
pub(super) enum Rule {
    /// Those with a chain to a root, and the certificates of this file themselves.
    ///
    /// A certificate that signs itself is often one of an authority as well (`openssl req -x509` makes such), which no
    /// chain may end with (RFC 5280, section 6); OpenSSL accepts it if it is trusted, and so does this.
    Chain { chain: Arc<WebPkiServerVerifier>, trusted: Vec<CertificateDer<'static>> },
    /// Those whose key has one of these pins.
    Pins(Vec<Pin>),
    /// The one whose key is known, or any one the first time.
    Known(Known),
    /// All.
    Anybody,
}

/// The pin of the key in a certificate.
///
/// # Errors
/// When it is no certificate.
pub(super) fn pin_of(certificate: &CertificateDer<'_>) -> Result<Pin, Error> {
    let parsed = webpki::EndEntityCert::try_from(certificate);
    let parsed = parsed.map_err(|_| Error::InvalidCertificate(CertificateError::BadEncoding))?;
    let hash = digest(&SHA256, &parsed.subject_public_key_info());
    let hash = hash.as_ref().try_into().map_err(|_| Error::InvalidCertificate(CertificateError::BadEncoding))?;
    Ok(Pin(hash))
}

/// Whether a certificate is valid at this time, as its own dates say.
fn is_valid_at(certificate: &CertificateDer<'_>, now: UnixTime) -> Result<(), CertificateError> {
    use x509_cert::der::Decode;
    let parsed = x509_cert::Certificate::from_der(certificate).map_err(|_| CertificateError::BadEncoding)?;
    let validity = parsed.tbs_certificate().validity();
    if now.as_secs() < validity.not_before.to_unix_duration().as_secs() {
        return Err(CertificateError::NotValidYet);
    }
    if now.as_secs() > validity.not_after.to_unix_duration().as_secs() {
        return Err(CertificateError::Expired);
    }
    Ok(())
}

impl Verifier {
    /// The server has proven, by a signature of this handshake, that it has the key of the certificate.
    fn note(
        &self,
        certificate: &CertificateDer<'_>,
        valid: HandshakeSignatureValid,
    ) -> Result<HandshakeSignatureValid, Error> {
        if let Rule::Known(known) = &self.rule {
            known.note(pin_of(certificate)?).map_err(refuse)?;
        }
        Ok(valid)
    }
}

fn refuse(refused: Refused) -> Error {
    Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(refused))))
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match &self.rule {
            Rule::Chain { chain, trusted } => {
                let verified = chain.verify_server_cert(end_entity, intermediates, name, ocsp, now);
                if verified.is_ok() || !trusted.iter().any(|trusted| trusted == end_entity) {
                    return verified;
                }
                is_valid_at(end_entity, now).map_err(Error::InvalidCertificate)?;
                verify_server_name(&ParsedCertificate::try_from(end_entity)?, name)?;
            }
            Rule::Pins(pins) if pins.contains(&pin_of(end_entity)?) => {}
            Rule::Pins(_) => {
                return Err(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure));
            }
            Rule::Known(known) => known.check(pin_of(end_entity)?).map_err(refuse)?,
            Rule::Anybody => {}
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms).and_then(|valid| self.note(certificate, valid))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms).and_then(|valid| self.note(certificate, valid))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
