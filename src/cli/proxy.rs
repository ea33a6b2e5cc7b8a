//! The flags of connections that are made through a proxy.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, ValueHint};

use crate::config::{ConfigError, ProxyConfig};
use crate::value::{Invalid, ProxyUrl};

#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Proxy")]
pub(super) struct ProxyFlags {
    /// Connect through the proxy at URL: socks5://, socks5h:// or http://
    ///
    /// The URL has the form of curl, with an optional user before the host; its port is 1080 by default. With
    /// socks5:// this host looks up the name of the server, with socks5h:// and http:// (HTTP CONNECT) the
    /// proxy does. Environment variables such as ALL_PROXY are not used.
    // Parsed by us: clap's error would show a password that is in the URL.
    #[arg(long, value_name = "URL")]
    proxy: Option<OsString>,
    /// Read USER:PASSWORD for the proxy from FILE
    ///
    /// FILE has one line. A warning is printed if other users can read it.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "proxy")]
    proxy_credentials: Option<PathBuf>,
}

impl ProxyFlags {
    pub(super) fn into_config(self) -> Result<Option<ProxyConfig>, ConfigError> {
        let Some(url) = self.proxy else { return Ok(None) };
        // A URL is ASCII: what is replaced does not parse.
        let invalid = |invalid: Invalid| ConfigError::new(format!("--proxy: {invalid}"));
        let url: ProxyUrl = url.to_string_lossy().parse().map_err(invalid)?;
        Ok(Some(ProxyConfig { url, credentials: self.proxy_credentials }))
    }
}
