//! How clients of a listener log in, and how `connect` does.

use std::path::PathBuf;
use std::str::FromStr;

use super::{ClientCa, ConfigError, ListenConfig, Mode, ServerTls};
use crate::auth::UserName;
use crate::frame::Framing;
use crate::service::Clients;
use crate::value::{Address, Host, Invalid};

const SYNTAX: &str = "scram:FILE, cert or unix";

/// How clients of a listener prove who they are (`--auth`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuthMethod {
    /// By a password, whose keys are in this file.
    Scram(PathBuf),
    /// By the certificate of TLS.
    Cert,
    /// By the user that their process runs as, on a unix socket.
    Unix,
}

impl FromStr for AuthMethod {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        match text.split_once(':') {
            None if text == "cert" => Ok(AuthMethod::Cert),
            None if text == "unix" => Ok(AuthMethod::Unix),
            Some(("scram", file)) if !file.is_empty() => Ok(AuthMethod::Scram(file.into())),
            _ => Err(Invalid::new(text, "a way to log in", SYNTAX)),
        }
    }
}

/// How clients of a listener log in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenAuth {
    /// How they prove who they are.
    pub method: AuthMethod,
    /// Passwords are proven over connections that others can read, too (`--auth-cleartext`).
    pub cleartext: bool,
}

/// The user that `connect` logs in as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectUser {
    /// The name.
    pub name: UserName,
    /// The file with the password; without one, it is asked for at the terminal.
    pub password: Option<PathBuf>,
    /// The password is proven over connections that others can read, too (`--auth-cleartext`).
    pub cleartext: bool,
}

impl ListenAuth {
    /// Checks that clients of this listener can log in so.
    pub(super) fn check(&self, config: &ListenConfig) -> Result<(), ConfigError> {
        let refuse = |text: &str| Err(ConfigError::new(text));
        let traits = config.mode.traits();
        let has_lines = traits.framing == Framing::Lines && !traits.raw && traits.clients == Clients::Many;
        if !has_lines || matches!(config.mode, Mode::Relay(_)) {
            return refuse("--auth is for services whose clients send lines, such as secret and chat: remove it");
        }
        let irc = config.rooms().and_then(|rooms| rooms.irc.as_ref());
        let mut addresses = std::iter::once(&config.address).chain(irc);
        let is_unix = addresses.clone().all(|address| matches!(address, Address::Unix(_)));
        match &self.method {
            AuthMethod::Scram(_) if self.cleartext || config.tls.is_some() || !addresses.any(is_public) => Ok(()),
            AuthMethod::Scram(_) => refuse(
                "--auth scram needs connections that others cannot read: add --tls, or listen on a loopback address or \
                 a unix socket (or allow it with --auth-cleartext)",
            ),
            AuthMethod::Cert => match &config.tls {
                Some(ServerTls { clients: Some(ClientCa { .. }), .. }) => Ok(()),
                _ => refuse("--auth cert takes the name from the client's certificate: add --tls-client-ca FILE"),
            },
            AuthMethod::Unix if !is_unix => {
                refuse("--auth unix asks the kernel for the user of the client: listen on unix:PATH")
            }
            AuthMethod::Unix if config.admission.proxies.is_some() => {
                refuse("--auth unix would ask for the user of the proxy: remove --accept-proxy")
            }
            AuthMethod::Unix => Ok(()),
        }
    }
}

/// Whether connections to this address leave this host, as far as the address shows it; of a name each connection
/// shows it.
pub(super) fn is_public(address: &Address) -> bool {
    match address {
        Address::Unix(_) | Address::Tcp { host: Host::Name(_), .. } => false,
        Address::Tcp { host: Host::Ip(ip), .. } => !ip.to_canonical().is_loopback(),
        Address::Tcp { host: Host::Scoped(..) | Host::Any, .. } => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_are_read_and_others_are_refused_with_the_syntax() {
        assert_eq!("scram:a:b".parse(), Ok(AuthMethod::Scram("a:b".into())));
        assert_eq!(("cert".parse(), "unix".parse()), (Ok(AuthMethod::Cert), Ok(AuthMethod::Unix)));
        for wrong in ["", "scram", "scram:", "cert:x", "unix:/s", "pam", "SCRAM:f"] {
            let error = wrong.parse::<AuthMethod>().unwrap_err().to_string();
            assert_eq!(error, format!("\"{wrong}\" is not a way to log in: expected scram:FILE, cert or unix"));
        }
    }
}
