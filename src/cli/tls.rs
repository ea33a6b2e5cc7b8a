//! The flags of TLS: of a client, of a server, and of the server's side of a relay.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::task_files::output_name;
use super::words::words;
use crate::config::{
    ClientCa, ClientNeed, ClientTls, ConfigError, KeyPair, ServerTls, TlsGroup, TlsTerms, TlsVersion, Trust,
};
use crate::value::Pin;

#[derive(Debug, Default, Args)]
#[command(next_help_heading = "TLS")]
pub(super) struct ClientTlsFlags {
    /// Encrypt with TLS, and verify the server's certificate
    ///
    /// Each other --tls option implies this one.
    #[arg(long)]
    tls: bool,
    /// Send NAME as the server name, and verify it
    ///
    /// The default is the host of ADDRESS.
    #[arg(long, value_name = "NAME")]
    tls_name: Option<String>,
    /// Trust the certificates in FILE instead of the system's
    ///
    /// FILE is PEM. Without this option, the roots of the system are trusted, or those of $SSL_CERT_FILE.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    tls_ca: Option<PathBuf>,
    /// Send the certificate in FILE to the server
    ///
    /// FILE is PEM: the certificate, and after it those that lead to its root. It may contain the key as well.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    tls_cert: Option<PathBuf>,
    /// Take the private key of --tls-cert from FILE
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    tls_key: Option<PathBuf>,
    /// Trust the server whose key has this PIN, and no other (repeatable)
    ///
    /// PIN is sha256//BASE64, as curl has it. The chain and the name are not verified. A listener with --tls
    /// prints its pin.
    #[arg(long, value_name = "PIN")]
    tls_pin: Vec<Pin>,
    /// Trust the server's key that FILE has; note it there the first time
    ///
    /// As ssh does. The chain and the name are not verified. If the server has another key later, the exit status is 1.
    /// FILE has a line for each HOST:PORT, with the pin of its key; it is created. This option implies --tls.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    known: Option<PathBuf>,
    /// Accept any certificate: the server may be anybody
    #[arg(long)]
    tls_insecure: bool,
    #[command(flatten)]
    terms: TermsFlags,
}

#[derive(Debug, Default, Args)]
#[command(next_help_heading = "TLS")]
pub(super) struct ServerTlsFlags {
    /// Encrypt with TLS; without --tls-cert, sign a certificate at the start
    ///
    /// The pin of such a certificate is printed: the other side takes it with --tls-pin. Each other --tls option
    /// implies this one.
    #[arg(long)]
    tls: bool,
    /// Send the certificate in FILE to clients
    ///
    /// FILE is PEM: the certificate, and after it those that lead to its root. It may contain the key as well.
    /// A changed file is used for the next connection.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    tls_cert: Option<PathBuf>,
    /// Take the private key of --tls-cert from FILE
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    tls_key: Option<PathBuf>,
    /// Ask clients for a certificate that one in FILE has signed
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    tls_client_ca: Option<PathBuf>,
    /// Choose whether a client needs a certificate (default: required)
    #[arg(long, value_name = "NEED", value_parser = words::<ClientNeed>(), requires = "tls_client_ca")]
    tls_client: Option<ClientNeed>,
    #[command(flatten)]
    terms: TermsFlags,
}

impl ServerTlsFlags {
    /// The file of `--tls-keylog`.
    pub(super) fn keylog(&self) -> Option<PathBuf> {
        self.terms.tls_keylog.clone()
    }
}

/// The flags of a side that connects or listens.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "TLS")]
pub(super) struct PeerTlsFlags {
    #[command(flatten)]
    client: ClientTlsFlags,
    /// Ask the other side for a certificate that one in FILE has signed
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    tls_client_ca: Option<PathBuf>,
    /// Choose whether it needs a certificate (default: required)
    #[arg(long, value_name = "NEED", value_parser = words::<ClientNeed>(), requires = "tls_client_ca")]
    tls_client: Option<ClientNeed>,
}

/// The flags of both sides.
#[derive(Debug, Default, Args)]
#[allow(clippy::struct_field_names, reason = "clap takes the names of options from them")]
#[command(next_help_heading = "TLS")]
struct TermsFlags {
    /// Offer the application protocols LIST, such as h2,http/1.1
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    tls_alpn: Vec<String>,
    /// Refuse versions before 1.2 or 1.3 (default: 1.2)
    #[arg(long, value_name = "VERSION", value_parser = words::<TlsVersion>())]
    tls_min: Option<TlsVersion>,
    /// Use the key-exchange groups LIST, the preferred one first
    ///
    /// The default is X25519MLKEM768, X25519, secp256r1, secp384r1.
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = words::<TlsGroup>())]
    tls_groups: Vec<TlsGroup>,
    /// Append the secrets of each connection to FILE, for Wireshark
    ///
    /// Whoever reads FILE can decrypt the connections. The default is $SSLKEYLOGFILE.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, value_parser = output_name())]
    tls_keylog: Option<PathBuf>,
}

/// The flags of the server's side of a relay, whose address begins with `tls:`.
#[derive(Debug, Default, Args)]
#[allow(clippy::struct_field_names, reason = "clap takes the names of options from them")]
#[command(next_help_heading = "TLS")]
pub(super) struct RelayTlsFlags {
    /// Send NAME to the server of --relay, and verify it
    ///
    /// The default is the name that the client has sent, or the host of --relay.
    #[arg(long, value_name = "NAME")]
    relay_tls_name: Option<String>,
    /// Trust the certificates in FILE for the server of --relay
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    relay_tls_ca: Option<PathBuf>,
    /// Send the certificate in FILE to the server of --relay
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    relay_tls_cert: Option<PathBuf>,
    /// Take the private key of --relay-tls-cert from FILE
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    relay_tls_key: Option<PathBuf>,
    /// Trust the server of --relay by this PIN (repeatable)
    #[arg(long, value_name = "PIN")]
    relay_tls_pin: Vec<Pin>,
    /// Trust the key that FILE has of the server of --relay (--known)
    ///
    /// It is noted there the first time.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    relay_known: Option<PathBuf>,
    /// Accept any certificate of the server of --relay
    #[arg(long)]
    relay_tls_insecure: bool,
    /// Offer the protocols LIST to the server of --relay
    ///
    /// The default is what the client has offered.
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    relay_tls_alpn: Vec<String>,
    /// Refuse versions before 1.2 or 1.3 of the server of --relay
    #[arg(long, value_name = "VERSION", value_parser = words::<TlsVersion>())]
    relay_tls_min: Option<TlsVersion>,
}

/// The flags of connections to the broker of rooms, whose URL begins with `tls://`.
#[derive(Debug, Default, Args)]
#[allow(clippy::struct_field_names, reason = "clap takes the names of options from them")]
#[command(next_help_heading = "TLS")]
pub(super) struct ViaTlsFlags {
    /// Send NAME to the broker of --rooms-via, and verify it
    ///
    /// The default is the host of each broker. This option, like each other --via-tls option, implies tls://.
    #[arg(long, value_name = "NAME", requires = "rooms_via")]
    via_tls_name: Option<String>,
    /// Trust the certificates in FILE for the broker of --rooms-via
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "rooms_via")]
    via_tls_ca: Option<PathBuf>,
    /// Send the certificate in FILE to the broker of --rooms-via
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "rooms_via")]
    via_tls_cert: Option<PathBuf>,
    /// Take the private key of --via-tls-cert from FILE
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "rooms_via")]
    via_tls_key: Option<PathBuf>,
    /// Trust the broker of --rooms-via by this PIN (repeatable)
    #[arg(long, value_name = "PIN", requires = "rooms_via")]
    via_tls_pin: Vec<Pin>,
    /// Trust the key that FILE has of the broker of --rooms-via (--known)
    ///
    /// It is noted there the first time.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "rooms_via")]
    via_known: Option<PathBuf>,
    /// Accept any certificate of the broker of --rooms-via
    #[arg(long, requires = "rooms_via")]
    via_tls_insecure: bool,
    /// Begin TLS at once, for a broker with handshake_first
    ///
    /// Without this option, the broker first sends INFO in plain text.
    #[arg(long, requires = "rooms_via")]
    via_tls_first: bool,
}

impl ClientTlsFlags {
    /// Encrypts, and accepts any certificate, unless a flag says how it is verified.
    pub(super) fn accept_any(&mut self) {
        let is_trusted = self.tls_ca.is_some() || !self.tls_pin.is_empty() || self.known.is_some();
        let verifies = self.tls || self.tls_name.is_some() || is_trusted;
        (self.tls, self.tls_insecure) = (true, self.tls_insecure || !verifies);
    }

    /// The client's side of TLS, if one of these flags asks for it.
    pub(super) fn into_config(self) -> Result<Option<ClientTls>, ConfigError> {
        let config = ClientTls {
            name: self.tls_name,
            trust: Trust::of(self.tls_ca, self.tls_pin, self.known, self.tls_insecure, "tls")?,
            identity: KeyPair::of(self.tls_cert, self.tls_key, "tls")?,
            terms: self.terms.into_config()?,
        };
        Ok((self.tls || config != ClientTls::default()).then_some(config))
    }
}

impl ServerTlsFlags {
    /// The server's side of TLS, if one of these flags asks for it.
    pub(super) fn into_config(self) -> Result<Option<ServerTls>, ConfigError> {
        let need = self.tls_client.unwrap_or_default();
        let config = ServerTls {
            identity: KeyPair::of(self.tls_cert, self.tls_key, "tls")?,
            clients: self.tls_client_ca.map(|ca| ClientCa { ca, need }),
            terms: self.terms.into_config()?,
        };
        Ok((self.tls || config != ServerTls::default()).then_some(config))
    }
}

impl PeerTlsFlags {
    /// TLS of the side that connects, if one of these flags asks for it.
    pub(super) fn into_client(self) -> Result<Option<ClientTls>, ConfigError> {
        self.client.into_config()
    }

    /// TLS of the side that listens, if one of these flags asks for it.
    pub(super) fn into_server(self) -> Result<Option<ServerTls>, ConfigError> {
        let ClientTlsFlags { tls, tls_cert, tls_key, terms, .. } = self.client;
        let PeerTlsFlags { tls_client_ca, tls_client, .. } = self;
        ServerTlsFlags { tls, tls_cert, tls_key, tls_client_ca, tls_client, terms }.into_config()
    }
}

impl TermsFlags {
    fn into_config(self) -> Result<TlsTerms, ConfigError> {
        let terms = TlsTerms {
            alpn: self.tls_alpn.into_iter().map(String::into_bytes).collect(),
            min: self.tls_min.unwrap_or_default(),
            groups: self.tls_groups,
            keylog: self.tls_keylog,
        };
        terms.check("tls")
    }
}

impl RelayTlsFlags {
    /// TLS toward the server of a relay, whose secrets go to the file `keylog`. `is_tls`: its address begins with
    /// `tls:`.
    pub(super) fn into_config(self, is_tls: bool, keylog: Option<PathBuf>) -> Result<Option<ClientTls>, ConfigError> {
        let terms = TlsTerms {
            alpn: self.relay_tls_alpn.into_iter().map(String::into_bytes).collect(),
            min: self.relay_tls_min.unwrap_or_default(),
            ..TlsTerms::default()
        };
        let config = ClientTls {
            name: self.relay_tls_name,
            trust: Trust::of(
                self.relay_tls_ca,
                self.relay_tls_pin,
                self.relay_known,
                self.relay_tls_insecure,
                "relay-tls",
            )?,
            identity: KeyPair::of(self.relay_tls_cert, self.relay_tls_key, "relay-tls")?,
            terms: terms.check("relay-tls")?,
        };
        let is_tls = is_tls || config != ClientTls::default();
        let terms = TlsTerms { keylog, ..config.terms };
        Ok(is_tls.then_some(ClientTls { terms, ..config }))
    }
}

impl ViaTlsFlags {
    /// TLS toward a broker, and whether it begins at once. `is_tls`: its URL begins with `tls://`.
    pub(super) fn into_config(self, is_tls: bool) -> Result<(Option<ClientTls>, bool), ConfigError> {
        let config = ClientTls {
            name: self.via_tls_name,
            trust: Trust::of(self.via_tls_ca, self.via_tls_pin, self.via_known, self.via_tls_insecure, "via-tls")?,
            identity: KeyPair::of(self.via_tls_cert, self.via_tls_key, "via-tls")?,
            terms: TlsTerms::default(),
        };
        let is_tls = is_tls || self.via_tls_first || config != ClientTls::default();
        Ok((is_tls.then_some(config), self.via_tls_first))
    }
}
