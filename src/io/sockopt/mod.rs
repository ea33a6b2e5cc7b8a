//! Sets socket options, and reports each as requested and as in effect.

mod platform;
mod table;

use std::fmt::Write;
use std::io;
use std::net::IpAddr;

use socket2::{Domain, SockRef, Socket};

use crate::config::socket::SocketOptions;
use crate::error::cause;
use crate::value::escape;

use self::table::{Row, TABLE};

/// The stage in the life of a socket at which an option is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// After socket(2): options that affect bind(2).
    BeforeBind,
    /// After bind(2), before connect(2) or listen(2): options that the handshake carries, and that accepted
    /// connections inherit.
    BeforeConnect,
    /// After connect(2) or accept(2). They are set on a listener too, so that its report shows what its
    /// connections will have.
    Connected,
}

/// The address family of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6, which may have IPv4 peers too.
    V6,
    /// A Unix socket.
    Unix,
}

impl Family {
    /// The family of a socket with this address; a socket without one is a Unix socket.
    #[must_use]
    pub fn of(ip: Option<IpAddr>) -> Self {
        match ip {
            Some(IpAddr::V4(_)) => Family::V4,
            Some(IpAddr::V6(_)) => Family::V6,
            None => Family::Unix,
        }
    }
}

/// An option that this system does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("--{name} is not available on {}", std::env::consts::OS)]
pub struct Unsupported {
    /// The option's name on the command line, without the dashes.
    pub name: &'static str,
}

/// An option that the kernel refused to set.
#[derive(Debug, thiserror::Error)]
#[error("set --{name} {}: {}", escape(requested.as_bytes()), reason(*words, source))]
pub struct OptionError {
    /// The option's name on the command line, without the dashes.
    pub name: &'static str,
    /// The words of the refusal.
    pub words: Words,
    /// The requested value.
    pub requested: String,
    /// The error of setsockopt(2).
    pub source: io::Error,
}

/// The words for a refused option: what it names decides what the error of the kernel means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Words {
    /// Those of the kernel.
    Common,
    /// It names a congestion control.
    Congestion,
    /// It names a network interface.
    Interface,
    /// It is an address to connect from.
    Source,
    /// It is a port to connect from.
    SourcePort,
}

/// One option of one socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// The option's name on the command line, without the dashes.
    pub name: &'static str,
    /// The requested value, if any.
    pub requested: Option<String>,
    /// The value in effect; `None` if it cannot be read, or has no meaning here.
    pub effective: Option<String>,
}

/// Finds the first requested option that this system does not have, before anything is opened.
pub fn check_platform(options: &SocketOptions) -> Result<(), Unsupported> {
    let missing = TABLE.iter().find(|row| !row.available && (row.asked)(options).is_some());
    missing.map_or(Ok(()), |row| Err(Unsupported { name: row.name }))
}

/// Sets the requested options of this stage. Options of another address family are left out; a value that the
/// kernel changes is no error, see [`effective`].
#[allow(clippy::needless_pass_by_value, reason = "a SockRef is a borrow already")]
pub fn apply(socket: SockRef<'_>, options: &SocketOptions, stage: Stage, family: Family) -> Result<(), OptionError> {
    for row in TABLE.iter().filter(|row| row.stage == stage && row.fits.has(family)) {
        let (Some(set), Some(asked)) = (row.set, (row.asked)(options)) else { continue };
        set(&socket, &asked, family).map_err(|source| OptionError {
            name: row.name,
            words: row.words,
            requested: asked.to_string(),
            source,
        })?;
    }
    Ok(())
}

/// All options in the order of the help text: the requested value, and the value that the kernel reports now.
#[must_use]
#[allow(clippy::needless_pass_by_value, reason = "a SockRef is a borrow already")]
pub fn effective(socket: SockRef<'_>, options: &SocketOptions) -> Vec<Shown> {
    let family = family(&socket);
    let get = |row: &Row| {
        let family = family.filter(|family| row.fits.has(*family))?;
        (row.get)(&socket, family).ok().map(|setting| setting.to_string())
    };
    let asked = |row: &Row| (row.asked)(options).map(|setting| setting.to_string());
    TABLE.iter().map(|row| Shown { name: row.name, requested: asked(row), effective: get(row) }).collect()
}

/// The rows as an aligned table with a line of titles; an absent value is a dash.
#[must_use]
pub fn show(rows: &[Shown]) -> String {
    let cell = |value: &Option<String>| value.as_ref().map_or("-".into(), |value| escape(value.as_bytes()));
    let titles = ["option".to_owned(), "requested".to_owned(), "effective".to_owned()];
    let lines = rows.iter().map(|row| [row.name.to_owned(), cell(&row.requested), cell(&row.effective)]);
    let lines: Vec<_> = std::iter::once(titles).chain(lines).collect();
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let (first, second) = (width(0), width(1));
    let mut text = String::new();
    for [name, requested, effective] in &lines {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{name:first$}  {requested:second$}  {effective}");
    }
    text
}

impl OptionError {
    /// A hint about the next step, if there is one.
    #[must_use]
    pub fn advice(&self) -> Option<String> {
        let text = match (self.words, self.source.kind()) {
            (Words::Congestion, _) => return self.congestions(),
            (Words::Source | Words::SourcePort, io::ErrorKind::AddrInUse) => {
                "another socket has that port: use another one"
            }
            (Words::Source | Words::SourcePort, io::ErrorKind::PermissionDenied) => "ports below 1024 need privileges",
            (Words::Source, io::ErrorKind::AddrNotAvailable) => "not an address of this host: ip addr lists them",
            _ => return None,
        };
        Some(text.to_owned())
    }

    /// The available congestion control algorithms.
    fn congestions(&self) -> Option<String> {
        let file = if self.source.kind() == io::ErrorKind::PermissionDenied { "allowed" } else { "available" };
        let names = std::fs::read_to_string(format!("/proc/sys/net/ipv4/tcp_{file}_congestion_control")).ok()?;
        Some(format!("{file} here: {}", names.trim_end()))
    }
}

/// The kernel's error in words that fit the option: "no such file" for a name that is not a file is misleading.
fn reason(words: Words, error: &io::Error) -> String {
    match (words, error.raw_os_error()) {
        (Words::Congestion, Some(libc::ENOENT)) => "no such congestion control on this system".into(),
        (Words::Interface, Some(libc::ENODEV)) => "no such interface".into(),
        _ => cause(error),
    }
}

/// The family of a socket, bound or not.
#[must_use]
pub fn family(socket: &Socket) -> Option<Family> {
    match socket.local_addr().ok()?.domain() {
        Domain::IPV4 => Some(Family::V4),
        Domain::IPV6 => Some(Family::V6),
        Domain::UNIX => Some(Family::Unix),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
