//! Why a proxy did not make a connection.

use std::fmt;

/// Why a proxy did not make a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProxyError {
    /// It answered that it does not connect to this server.
    Refused(Cause),
    /// It wants other credentials.
    Credentials(Cause),
    /// Its answer does not fit the protocol.
    Malformed(Cause),
    /// It closed the connection before it had answered.
    Closed(Cause),
}

/// A cause in words, and a hint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// The cause; empty if the kind of the error says everything.
    pub what: String,
    /// The hint; empty if there is none.
    pub hint: &'static str,
}

impl Cause {
    pub(super) fn new(what: impl Into<String>, hint: &'static str) -> Self {
        Cause { what: what.into(), hint }
    }
}

impl ProxyError {
    /// Whether the proxy might connect to another address of the same server.
    #[must_use]
    pub fn is_about_the_server(&self) -> bool {
        matches!(self, ProxyError::Refused(_))
    }
}

impl fmt::Display for ProxyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, Cause { what, hint }) = match self {
            ProxyError::Refused(cause) => ("refused by the proxy", cause),
            ProxyError::Credentials(cause) => ("rejected by the proxy", cause),
            ProxyError::Malformed(cause) => ("invalid answer of the proxy", cause),
            ProxyError::Closed(cause) => ("closed by the proxy before it had answered", cause),
        };
        f.write_str(kind)?;
        if !what.is_empty() {
            write!(f, ": {what}")?;
        }
        if hint.is_empty() { Ok(()) } else { write!(f, " ({hint})") }
    }
}

impl std::error::Error for ProxyError {}
