//! The flags of logins: of a listener, and of `connect`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::passwd::user_name;
use crate::config::{AuthMethod, ConfigError, ConnectUser, ListenAuth};

#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Login")]
pub(super) struct ListenAuthFlags {
    /// Serve users only: scram:FILE (passwords), cert or unix
    ///
    /// scram:FILE: a client logs in by SCRAM-SHA-256 or PLAIN as a user of FILE, which secretcat passwd writes;
    /// connect has --user. cert: the name is that of the client's certificate (--tls-client-ca). unix: it is the
    /// user that the client runs as, on a unix socket.
    #[arg(long, value_name = "METHOD")]
    auth: Option<AuthMethod>,
    /// Let passwords be proven over connections that others can read
    ///
    /// Without TLS, users log in over loopback addresses and unix sockets only. With this option they can use
    /// SCRAM-SHA-256 on other addresses, but not PLAIN. Whoever reads such a login can guess the password.
    #[arg(long, requires = "auth")]
    auth_cleartext: bool,
}

#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Login")]
pub(super) struct ConnectAuthFlags {
    /// Log in as NAME, with a password (listen --auth scram:FILE)
    ///
    /// The login is SCRAM-SHA-256: the password is not sent, and the server must prove that it knows it. With TLS 1.3
    /// the login is bound to the connection. The password is asked for at the terminal, or that of --password-file.
    #[arg(long, value_name = "NAME")]
    user: Option<OsString>,
    /// Read the password of --user from FILE
    ///
    /// FILE has one line, and must be readable by its owner only.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "user")]
    password_file: Option<PathBuf>,
    /// Prove the password over a connection that others can read
    ///
    /// Without TLS, it is proven over loopback addresses and unix sockets only. Whoever reads such a login can guess
    /// the password.
    #[arg(long, requires = "user")]
    auth_cleartext: bool,
}

impl ListenAuthFlags {
    pub(super) fn into_config(self) -> Option<ListenAuth> {
        self.auth.map(|method| ListenAuth { method, cleartext: self.auth_cleartext })
    }
}

impl ConnectAuthFlags {
    pub(super) fn into_config(self) -> Result<Option<ConnectUser>, ConfigError> {
        let user = |name| {
            Ok(ConnectUser { name: user_name(&name)?, password: self.password_file, cleartext: self.auth_cleartext })
        };
        self.user.map(user).transpose()
    }
}
