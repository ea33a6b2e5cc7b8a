//! Why a handshake fails, in plain words, with the option that would help.

use rustls::{AlertDescription, CertificateError, Error, PeerIncompatible};

use super::super::{OptionNames, Violation};
use crate::value::escape;

/// The end of a connection that this is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Client {
        /// The name that the server's certificate must have.
        name: String,
        options: OptionNames,
        /// It presents a certificate, if the server asks for one.
        has_certificate: bool,
    },
    Server,
}

/// Why a verifier of certificates refuses one, in words for the user.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refused(pub String);

/// The first bytes that are shown of a peer that does not speak TLS.
const SHOWN: usize = 32;

/// What is wrong if the first bytes of a peer are no TLS record.
pub(super) fn not_tls(bytes: &[u8], side: &Side) -> Option<Violation> {
    // The types of records are 20 to 24 (RFC 8446, section 5.1); all versions begin with 3.
    if matches!(bytes, [] | [20..=24] | [20..=24, 3, ..]) {
        return None;
    }
    let shown = escape(&bytes[..bytes.len().min(SHOWN)]);
    Some(Violation(match side {
        Side::Client { options, .. } => {
            format!("the server does not speak TLS: it sent \"{shown}\" ({})", options.without)
        }
        Side::Server => format!("the client does not speak TLS: it sent \"{shown}\""),
    }))
}

/// A failure of the handshake or of a record.
pub(super) fn explain(error: &Error, side: &Side) -> Violation {
    Violation(match (error, side) {
        (Error::InvalidCertificate(error), Side::Client { name, options, .. }) => {
            server_certificate(error, name, options.prefix)
        }
        (Error::InvalidCertificate(error), Side::Server) => {
            format!("the client's certificate is not accepted: {}", certificate(error))
        }
        (Error::NoCertificatesPresented, Side::Server) => {
            "the client has sent no certificate, and --tls-client-ca requires one".to_owned()
        }
        (Error::NoCertificatesPresented, Side::Client { .. }) => "the server has sent no certificate".to_owned(),
        (Error::AlertReceived(alert), side) => format!("the {} ended TLS: {}", other(side), alert_text(*alert, side)),
        (Error::NoApplicationProtocol, side) => {
            format!("the {} offers no protocol of --tls-alpn", other(side))
        }
        (Error::PeerIncompatible(why), side) => format!("the {} {}", other(side), incompatible(why)),
        (Error::DecryptError, side) => format!("a record of the {} cannot be decrypted", other(side)),
        (Error::PeerSentOversizedRecord, side) => format!("the {} has sent a record that is too long", other(side)),
        (error, side) => format!("the {} violates TLS: {}", other(side), escape(error.to_string().as_bytes())),
    })
}

fn other(side: &Side) -> &'static str {
    if *side == Side::Server { "client" } else { "server" }
}

fn server_certificate(error: &CertificateError, name: &str, options: &str) -> String {
    let hint = match error {
        CertificateError::UnknownIssuer => format!("{options}-ca FILE trusts its issuer, {options}-pin PIN its key"),
        error if is_of_authority(error) => format!("{options}-ca FILE trusts it, {options}-pin PIN its key"),
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            return match error {
                CertificateError::NotValidForNameContext { presented, .. } if !presented.is_empty() => {
                    let names: Vec<&str> = presented.iter().map(|name| bare(name)).collect();
                    let names = escape(names.join(", ").as_bytes());
                    format!("the server's certificate is not for {name}, but for {names} ({options}-name NAME)")
                }
                _ => format!("the server's certificate is not for {name} ({options}-name NAME)"),
            };
        }
        CertificateError::Other(error) if error.0.is::<Refused>() => return error.0.to_string(),
        CertificateError::ApplicationVerificationFailure => {
            return format!("the server's key has none of the pins of {options}-pin");
        }
        CertificateError::Expired
        | CertificateError::ExpiredContext { .. }
        | CertificateError::NotValidYet
        | CertificateError::NotValidYetContext { .. }
        | CertificateError::Other(_) => {
            format!("{options}-pin PIN trusts its key, {options}-insecure any certificate")
        }
        _ => return format!("the server's certificate is not accepted: {}", certificate(error)),
    };
    format!("the server's certificate is not accepted: {} ({hint})", certificate(error))
}

/// The name in rustls' `DnsName("name")` or `IpAddress(name)`.
fn bare(name: &str) -> &str {
    let inner = name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')')).unwrap_or(name);
    inner.trim_matches('"')
}

/// What is wrong with a certificate.
#[must_use]
pub fn certificate(error: &CertificateError) -> String {
    match error {
        CertificateError::UnknownIssuer => "its issuer is unknown".to_owned(),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "it has expired".to_owned(),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => "it is not valid yet".to_owned(),
        CertificateError::BadEncoding => "it is no certificate".to_owned(),
        CertificateError::BadSignature => "its signature is wrong".to_owned(),
        CertificateError::Revoked => "it was revoked".to_owned(),
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "it is for another purpose".to_owned()
        }
        error if is_of_authority(error) => "it is the certificate of an authority, not of a server".to_owned(),
        CertificateError::Other(error) => match error.0.downcast_ref::<webpki::Error>() {
            Some(webpki::Error::UnsupportedCertVersion) => {
                "it is of X.509 version 1, and TLS takes version 3".to_owned()
            }
            Some(error) => spaced(variant(&format!("{error:?}"))),
            None => escape(error.0.to_string().as_bytes()),
        },
        other => spaced(variant(&format!("{other:?}"))),
    }
}

/// Whether an authority's own certificate is that of a server: what `openssl req -x509` makes, unless told otherwise.
fn is_of_authority(error: &CertificateError) -> bool {
    let CertificateError::Other(error) = error else { return false };
    matches!(error.0.downcast_ref(), Some(webpki::Error::CaUsedAsEndEntity))
}

/// The name in the debug text of an enum, without its fields.
fn variant(text: &str) -> &str {
    text.split(|letter: char| !letter.is_alphanumeric()).next().unwrap_or_default()
}

fn alert_text(alert: AlertDescription, side: &Side) -> String {
    let options = if let Side::Client { options, .. } = side { options.prefix } else { OptionNames::TLS.prefix };
    let hint = match (alert, side) {
        // Programs in Go that get none send "bad certificate".
        (AlertDescription::CertificateRequired, Side::Client { .. })
        | (AlertDescription::BadCertificate, Side::Client { has_certificate: false, .. }) => {
            format!(" (it wants a certificate of this client: {options}-cert and {options}-key)")
        }
        (AlertDescription::BadCertificate, Side::Client { has_certificate: true, .. }) => {
            format!(" (the server does not accept the one of {options}-cert)")
        }
        (AlertDescription::HandshakeFailure, Side::Client { .. }) => {
            format!(" (it may want another group, --tls-groups, or a certificate of this client, {options}-cert)")
        }
        (AlertDescription::UnknownCA, Side::Server) => " (the client does not trust our certificate)".to_owned(),
        (AlertDescription::UnknownCA, Side::Client { .. }) => {
            format!(" (the server does not trust the one of {options}-cert)")
        }
        (AlertDescription::NoApplicationProtocol, _) => format!(" ({options}-alpn)"),
        (AlertDescription::UnrecognisedName, Side::Client { .. }) => format!(" ({options}-name)"),
        (AlertDescription::ProtocolVersion, _) => format!(" ({options}-min)"),
        _ => String::new(),
    };
    let name = alert.as_str().map_or_else(|| format!("alert {}", u8::from(alert)), spaced);
    format!("{name}{hint}")
}

/// `HandshakeFailure` as `handshake failure`.
fn spaced(name: &str) -> String {
    let mut text = String::new();
    let mut was_lower = false;
    for letter in name.chars() {
        if letter.is_uppercase() && was_lower {
            text.push(' ');
        }
        was_lower = letter.is_lowercase();
        text.push(letter.to_ascii_lowercase());
    }
    text
}

fn incompatible(why: &PeerIncompatible) -> String {
    match why {
        PeerIncompatible::NoKxGroupsInCommon | PeerIncompatible::NamedGroupsExtensionRequired => {
            "has no key-exchange group in common with us (--tls-groups)".to_owned()
        }
        PeerIncompatible::NoCipherSuitesInCommon => "has no cipher suite in common with us".to_owned(),
        PeerIncompatible::Tls12NotOffered
        | PeerIncompatible::Tls12NotOfferedOrEnabled
        | PeerIncompatible::Tls13RequiredForQuic
        | PeerIncompatible::SupportedVersionsExtensionRequired
        | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
        | PeerIncompatible::ServerDoesNotSupportTls12Or13 => {
            "has no version of TLS in common with us (--tls-min)".to_owned()
        }
        other => format!("is incompatible: {}", escape(format!("{other:?}").as_bytes())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(has_certificate: bool) -> Side {
        Side::Client { name: "a".to_owned(), options: OptionNames::TLS, has_certificate }
    }

    #[test]
    fn client_reads_the_alert_about_its_certificate() {
        for (alert, has_certificate, text) in [
            (
                AlertDescription::CertificateRequired,
                false,
                "certificate required (it wants a certificate of this client: --tls-cert and --tls-key)",
            ),
            (
                AlertDescription::BadCertificate,
                false,
                "bad certificate (it wants a certificate of this client: --tls-cert and --tls-key)",
            ),
            (
                AlertDescription::BadCertificate,
                true,
                "bad certificate (the server does not accept the one of --tls-cert)",
            ),
        ] {
            assert_eq!(alert_text(alert, &client(has_certificate)), text);
        }
        assert_eq!(alert_text(AlertDescription::BadCertificate, &Side::Server), "bad certificate");
    }

    #[test]
    fn first_bytes_that_are_no_record_are_named() {
        let client = client(false);
        for bytes in [&b""[..], b"\x16", b"\x16\x03\x01", b"\x15\x03\x03\0\x02"] {
            assert_eq!(not_tls(bytes, &client), None);
        }
        let text = |bytes, side| not_tls(bytes, side).map(|violation| violation.0).unwrap_or_default();
        assert_eq!(
            text(b"GET / HTTP/1.1\r\n", &Side::Server),
            r#"the client does not speak TLS: it sent "GET / HTTP/1.1\r\n""#
        );
        assert!(text(b"\x16\x04", &client).ends_with("(connect without --tls)"));
    }

    #[test]
    fn names_and_alerts_are_spelled_as_words() {
        let names = ["DnsName(\"localhost\")", "IpAddress(127.0.0.1)", "other"].map(bare);
        assert_eq!(names, ["localhost", "127.0.0.1", "other"]);
        assert_eq!(spaced("HandshakeFailure"), "handshake failure");
        assert_eq!(spaced("UnknownCA"), "unknown ca");
    }

    #[test]
    fn certificates_are_refused_in_words() {
        let other = |error: webpki::Error| CertificateError::Other(rustls::OtherError(std::sync::Arc::new(error)));
        for (error, text) in [
            (
                other(webpki::Error::CaUsedAsEndEntity),
                "it is the certificate of an authority, not of a server (--tls-ca FILE trusts it, --tls-pin PIN its key)",
            ),
            (
                other(webpki::Error::PathLenConstraintViolated),
                "path len constraint violated (--tls-pin PIN trusts its key, --tls-insecure any certificate)",
            ),
            (
                other(webpki::Error::UnsupportedCertVersion),
                "it is of X.509 version 1, and TLS takes version 3 (--tls-pin PIN trusts its key, --tls-insecure any certificate)",
            ),
            (CertificateError::UnhandledCriticalExtension, "unhandled critical extension"),
            (CertificateError::Revoked, "it was revoked"),
        ] {
            let expected = format!("the server's certificate is not accepted: {text}");
            assert_eq!(server_certificate(&error, "a", "--tls"), expected);
        }
    }
}
