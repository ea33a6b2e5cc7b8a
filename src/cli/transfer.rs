//! The flags of `secretcat send` and `secretcat receive`.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use clap::{Args, ValueHint};

use super::output::EventFlags;
use super::retry::RetryFlags;
use super::socket::{BacklogFlag, ShowFlag, SocketFlags};
use super::tls::PeerTlsFlags;
use super::traffic::{self, Limits};
use super::words::words;
use super::{fragmentation::FragmentationFlags, proxy};
use crate::config::{ConfigError, ConnectLimit, LinkConfig, Meeting, Overwrite, ReceiveConfig, SendConfig, SentFile};
use crate::error::shown_path;
use crate::io::transfer::TAR;
use crate::transfer::{self, BadName, Checksum, FileName};
use crate::value::{Count, Size, Span};

/// The send buffer of a sender to this host. The system lets the buffer grow to megabytes, which no delay needs here, and
/// more bytes on their way than the caches of a processor hold are slow: with 256 KiB a file takes a tenth less time,
/// without a hash a sixth less.
const LOCAL_SEND_BUFFER: usize = 256 * 1024;

/// Send files, until the receiver has confirmed each
#[derive(Debug, Args)]
pub(super) struct SendFlags {
    /// Send these files (-: stdin, with --name)
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath, required = true)]
    files: Vec<PathBuf>,
    /// Connect to the receiver at ADDRESS
    ///
    /// HOST:PORT, HOST, :PORT (loopback), [V6]:PORT, unix:PATH or unix:@NAME. HOST alone is port 4500. The default is
    /// 127.0.0.1:4500.
    #[arg(long = "to", value_name = "ADDRESS", env = traffic::ADDRESS_VARIABLE)]
    address: Option<OsString>,
    /// Give the file the name NAME at the receiver
    ///
    /// The default is the last component of FILE. A name has at most 249 bytes, no control characters, and does not begin
    /// with a dot.
    #[arg(long, value_name = "NAME")]
    name: Option<OsString>,
    /// Verify each file by sha256, or by none
    ///
    /// The receiver verifies the SHA-256 of a file before it saves it. A receiver accepts none only with --checksum none.
    #[arg(long, value_name = "TYPE", value_parser = words::<Checksum>(), default_value = "sha256")]
    checksum: Checksum,
    #[command(flatten)]
    link: LinkFlags,
}

/// Receive files, and verify each before it gets its name
#[derive(Debug, Args)]
pub(super) struct ReceiveFlags {
    /// Connect to the sender at ADDRESS
    ///
    /// HOST:PORT, HOST, :PORT (loopback), [V6]:PORT, unix:PATH or unix:@NAME. HOST alone is port 4500. The default is
    /// 127.0.0.1:4500.
    #[arg(long = "from", value_name = "ADDRESS", env = traffic::ADDRESS_VARIABLE)]
    address: Option<OsString>,
    /// Save the files in DIR
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, default_value = ".")]
    dir: PathBuf,
    /// Choose whether files that exist are replaced
    #[arg(long, value_name = "WHEN", value_parser = words::<Overwrite>(), default_value = "never")]
    overwrite: Overwrite,
    /// Refuse files of more than SIZE bytes
    ///
    /// By default there is no limit.
    #[arg(long, value_name = "SIZE", allow_hyphen_values = true)]
    max_size: Option<Size>,
    /// Require a sha256 of each file, or none
    ///
    /// With none, files of a sender with --checksum none are saved too.
    #[arg(long, value_name = "TYPE", value_parser = words::<Checksum>(), default_value = "sha256")]
    checksum: Checksum,
    #[command(flatten)]
    link: LinkFlags,
}

#[derive(Debug, Args)]
struct LinkFlags {
    /// Listen on ADDRESS, and wait for the other side to connect
    ///
    /// One transfer is served. ADDRESS is HOST:PORT, :PORT (loopback), *:PORT (all) or unix:PATH. The default is
    /// 127.0.0.1:4500.
    #[arg(long, value_name = "ADDRESS", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    listen: Option<OsString>,
    /// Serve one transfer after the other, until SIGINT or SIGTERM
    #[arg(short = 'k', long, requires = "listen")]
    keep_open: bool,

    /// Abort connecting after TIME, name lookup included
    #[arg(long, value_name = "TIME", help_heading = "Limits", default_value = "10s", allow_hyphen_values = true)]
    connect_timeout: Span,
    #[command(flatten)]
    retry: RetryFlags,
    /// Abort the transfer after TIME without a byte in or out
    ///
    /// A side that hashes what it has of a large file is silent meanwhile.
    #[arg(short = 'w', long, value_name = "TIME", help_heading = "Limits", allow_hyphen_values = true)]
    idle_timeout: Option<Span>,

    #[command(flatten)]
    proxy: proxy::ProxyFlags,
    #[command(flatten)]
    tls: PeerTlsFlags,
    #[command(flatten)]
    socket: SocketFlags,
    #[command(flatten)]
    show: ShowFlag,
    #[command(flatten)]
    backlog: BacklogFlag,
    #[command(flatten)]
    output: EventFlags,
}

impl SendFlags {
    pub(super) fn into_config(self, address_was_typed: bool) -> Result<SendConfig, ConfigError> {
        if self.name.is_some() && self.files.len() != 1 {
            return Err(ConfigError::new("--name is the name of one file: give one FILE"));
        }
        let given = self.name.as_deref().map(|name| {
            let bytes = name.as_encoded_bytes();
            FileName::new(bytes).map_err(|bad| ConfigError::new(format!("--name: the name {bad}")))
        });
        let given = given.transpose()?;
        let files = self.files.into_iter().map(|path| sent_file(path, given.as_ref())).collect::<Result<_, _>>()?;
        let mut link = self.link.into_config(self.address, address_was_typed, "--to")?;
        link.traffic.socket.sndbuf_within_host = Some(LOCAL_SEND_BUFFER);
        SendConfig { files, checksum: self.checksum, link }.check()
    }
}

fn sent_file(path: PathBuf, given: Option<&FileName>) -> Result<SentFile, ConfigError> {
    if path.as_os_str() == "-" {
        let name = given.cloned().ok_or_else(|| ConfigError::new("- is stdin, which has no name: add --name NAME"))?;
        return Ok(SentFile { path: None, name });
    }
    if Path::file_name(&path).is_none() && !path.as_os_str().is_empty() {
        return Err(ConfigError::new(format!("{}: it is a directory ({TAR})", shown_path(&path))));
    }
    let refused = |bad: BadName| {
        ConfigError::new(format!("{}: the name {bad}: give another one with --name NAME", shown_path(&path)))
    };
    let last = Path::file_name(&path).map(OsStr::as_encoded_bytes).unwrap_or_default();
    let name = given.cloned().map_or_else(|| FileName::new(last).map_err(refused), Ok)?;
    Ok(SentFile { path: Some(path), name })
}

impl ReceiveFlags {
    pub(super) fn into_config(self, address_was_typed: bool) -> Result<ReceiveConfig, ConfigError> {
        let limits = transfer::Limits { max_size: self.max_size.map(|Size(bytes)| bytes), checksum: self.checksum };
        let link = self.link.into_config(self.address, address_was_typed, "--from")?;
        ReceiveConfig { dir: self.dir, overwrite: self.overwrite, limits, link }.check()
    }
}

impl LinkFlags {
    fn into_config(self, address: Option<OsString>, typed: bool, option: &str) -> Result<LinkConfig, ConfigError> {
        let family = self.socket.family();
        let limits = Limits { idle_timeout: self.idle_timeout, ..Limits::default() };
        let mut traffic = traffic::traffic(self.socket, &limits, &FragmentationFlags::default())?;
        traffic.socket.backlog = self.backlog.backlog.map(|Count(n)| n);
        let parsed = |word: Option<OsString>, typed| {
            let words: Vec<OsString> = word.into_iter().collect();
            traffic::address(&words, typed, false, family)
        };
        let meeting = match self.listen {
            Some(_) if typed => {
                return Err(ConfigError::new(format!("{option} connects and --listen waits: remove one of them")));
            }
            Some(here) => {
                let is_given = !here.is_empty();
                Meeting::Listen {
                    address: parsed(if is_given { Some(here) } else { address }, is_given)?,
                    tls: self.tls.into_server()?,
                    keep_open: self.keep_open,
                }
            }
            None => Meeting::Connect {
                address: parsed(address, typed)?,
                tls: self.tls.into_client()?,
                proxy: self.proxy.into_config()?,
                limit: ConnectLimit { time: self.connect_timeout.0, option: "--connect-timeout" },
                retry: self.retry.into_config(),
            },
        };
        let output = self.output.into_config(self.show.show_options);
        Ok(LinkConfig { meeting, family, traffic, output })
    }
}
