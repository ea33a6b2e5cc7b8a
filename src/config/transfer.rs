//! The checked configuration of `secretcat send` and `secretcat receive`.

use std::path::PathBuf;

use super::traffic::check_family;
use super::{Bytes, ClientTls, ConfigError, ConnectLimit, Output, ProxyConfig, Retry, ServerTls, Traffic};
use crate::transfer::{Checksum, FileName, Limits};
use crate::value::{Address, Family, Named, Word};

/// The checked configuration of `secretcat send`.
#[derive(Clone, Debug)]
pub struct SendConfig {
    /// The files, in order.
    pub files: Vec<SentFile>,
    /// Whether they are hashed.
    pub checksum: Checksum,
    /// The other side.
    pub link: LinkConfig,
}

/// A file that is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentFile {
    /// Its path; `None` is stdin.
    pub path: Option<PathBuf>,
    /// Its name at the receiver.
    pub name: FileName,
}

/// The checked configuration of `secretcat receive`.
#[derive(Clone, Debug)]
pub struct ReceiveConfig {
    /// The directory for the files.
    pub dir: PathBuf,
    /// Which files are replaced.
    pub overwrite: Overwrite,
    /// What is accepted.
    pub limits: Limits,
    /// The other side.
    pub link: LinkConfig,
}

/// Which files a receiver replaces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overwrite {
    /// None.
    #[default]
    Never,
    /// Those that were modified before the file that is sent.
    Newer,
    /// All.
    Always,
}

impl Named for Overwrite {
    const ALL: &'static [Self] = &[Overwrite::Never, Overwrite::Newer, Overwrite::Always];

    fn word(self) -> Word {
        match self {
            Overwrite::Never => Word::new("never", "Refuse a file whose name exists, unless it is the same file"),
            Overwrite::Newer => Word::new("newer", "Replace older files, and skip files that are not newer"),
            Overwrite::Always => Word::new("always", "Replace files"),
        }
    }
}

/// How the other side is reached, and what its connection is like.
#[derive(Clone, Debug)]
pub struct LinkConfig {
    /// Connect or listen.
    pub meeting: Meeting,
    /// Which addresses of a name are used.
    pub family: Family,
    /// The options of the connection.
    pub traffic: Traffic,
    /// What is printed and recorded.
    pub output: Output,
}

/// Which side connects.
#[derive(Clone, Debug)]
pub enum Meeting {
    /// This side connects.
    Connect {
        /// The address.
        address: Address,
        /// Encrypt with TLS.
        tls: Option<ClientTls>,
        /// The proxy on the way.
        proxy: Option<ProxyConfig>,
        /// The time limit for connecting.
        limit: ConnectLimit,
        /// How failed connections are retried.
        retry: Retry,
    },
    /// This side listens.
    Listen {
        /// The address.
        address: Address,
        /// Encrypt with TLS.
        tls: Option<ServerTls>,
        /// Serve one peer after the other, until a signal.
        keep_open: bool,
    },
}

impl LinkConfig {
    /// The address to connect to, or to listen on.
    #[must_use]
    pub fn address(&self) -> &Address {
        match &self.meeting {
            Meeting::Connect { address, .. } | Meeting::Listen { address, .. } => address,
        }
    }

    /// Whether this side serves peers until a signal.
    #[must_use]
    pub fn keeps_open(&self) -> bool {
        matches!(self.meeting, Meeting::Listen { keep_open: true, .. })
    }

    /// The proxy on the way.
    #[must_use]
    pub fn proxy(&self) -> Option<&ProxyConfig> {
        match &self.meeting {
            Meeting::Connect { proxy, .. } => proxy.as_ref(),
            Meeting::Listen { .. } => None,
        }
    }

    /// Checks the options against each other.
    ///
    /// # Errors
    /// Names the options that contradict each other, and what would be right.
    pub fn check(mut self) -> Result<Self, ConfigError> {
        let address = self.address().clone();
        check_family(self.family, &address)?;
        self.proxy().map_or(Ok(()), |proxy| proxy.check(&address))?;
        let unix = matches!(address, Address::Unix(_));
        if unix {
            self.traffic.socket.check_unix()?;
        }
        let tls = match &self.meeting {
            Meeting::Connect { tls, .. } => tls.is_some(),
            Meeting::Listen { tls, .. } => tls.is_some(),
        };
        self.traffic = self.traffic.check(Bytes { raw: true, unix, tls })?;
        if !unix {
            // Short lines follow each other, and each side waits for those of the other.
            self.traffic.socket.prefer_nodelay();
        }
        Ok(self)
    }
}

impl SendConfig {
    /// Checks the files against each other.
    ///
    /// # Errors
    /// When two files would have one name, or stdin would be read twice.
    pub fn check(mut self) -> Result<Self, ConfigError> {
        let has_stdin = self.files.iter().any(|file| file.path.is_none());
        if has_stdin && self.link.keeps_open() {
            return Err(ConfigError::new("-k sends the files to each receiver, and stdin can be read once: remove it"));
        }
        for (at, file) in self.files.iter().enumerate() {
            if self.files[..at].iter().any(|other| other.name == file.name) {
                let name = &file.name;
                return Err(ConfigError::new(format!(
                    "two files have the name {name}: send one of them by itself, with --name NAME"
                )));
            }
        }
        self.link = self.link.check()?;
        Ok(self)
    }
}

impl ReceiveConfig {
    /// Checks the options against each other.
    ///
    /// # Errors
    /// Names the options that contradict each other, and what would be right.
    pub fn check(mut self) -> Result<Self, ConfigError> {
        self.link = self.link.check()?;
        Ok(self)
    }
}
