//! The flags that all connections have, made or accepted.

use std::ffi::{OsStr, OsString};
use std::net::Ipv6Addr;
use std::time::Duration;

use clap::Args;

use crate::config::{ConfigError, Traffic};
use crate::io::services;
use crate::value::{Address, DEFAULT_PORT, Family, Host, Invalid, Size, Span, abstract_name, read_port};

use super::fragmentation::FragmentationFlags;
use super::hint;
use super::socket::SocketFlags;

/// The environment variable that holds the default address of `listen` and `connect`.
pub(super) const ADDRESS_VARIABLE: &str = "SECRETCAT_ADDRESS";

/// The longest path of a unix socket: `sun_path` (unix(7)) without the NUL at its end.
const LONGEST_PATH: usize = if cfg!(any(target_os = "linux", target_os = "android")) { 107 } else { 103 };

#[derive(Debug, Args)]
#[command(next_help_heading = "Limits")]
pub(super) struct Limits {
    /// Limit a message to SIZE bytes, its line ending not counted
    #[arg(long, value_name = "SIZE", default_value = "1M", allow_hyphen_values = true)]
    pub(super) max_message: Size,
    /// Close a connection after TIME without a byte in or out
    ///
    /// The status of connect is then 0 if stdin had ended and nothing is missing: every byte is acknowledged,
    /// or every expected reply was received. Otherwise it is 1.
    #[arg(short = 'w', long, value_name = "TIME", allow_hyphen_values = true)]
    pub(super) idle_timeout: Option<Span>,
    /// Poll for events for TIME before sleeping (0: sleep at once)
    ///
    /// Polling stops when it finds no events: an idle program sleeps.
    #[arg(long, value_name = "TIME", default_value_t = BUSY_POLL, allow_hyphen_values = true)]
    pub(super) busy_poll: Span,
}

/// The value that Linux recommends for its own busy polling (Documentation/admin-guide/sysctl/net.rst).
const BUSY_POLL: Span = Span(Duration::from_micros(50));

impl Default for Limits {
    fn default() -> Self {
        Limits { max_message: Size(1 << 20), idle_timeout: None, busy_poll: BUSY_POLL }
    }
}

/// The configuration of connections, not checked yet.
pub(super) fn traffic(
    socket: SocketFlags,
    limits: &Limits,
    fragmentation: &FragmentationFlags,
) -> Result<Traffic, ConfigError> {
    let too_large = |_| ConfigError::new("--max-message is larger than the address space of this machine");
    Ok(Traffic {
        quick_ack: false,
        plan: fragmentation.plan()?,
        reading: fragmentation.reading()?,
        socket: socket.into_config()?,
        max_message: usize::try_from(limits.max_message.0).map_err(too_large)?,
        idle_timeout: limits.idle_timeout.map(|Span(time)| time),
        busy_poll: limits.busy_poll.0,
    })
}

/// Parses ADDRESS: one word, two words, a path with `-U`, or the default. An error in an address from the
/// environment names the variable.
pub(super) fn address(words: &[OsString], typed: bool, unix: bool, family: Family) -> Result<Address, ConfigError> {
    let place = |error| if typed { error } else { ConfigError::new(format!("{ADDRESS_VARIABLE}: {error}")) };
    parsed(words, unix, family).map_err(place)
}

fn parsed(words: &[OsString], unix: bool, family: Family) -> Result<Address, ConfigError> {
    if let Some(word) = words.iter().find(|word| *word == "on" || *word == "off") {
        // "--keepalive off": an optional value has to be joined to its option.
        let word = word.to_string_lossy();
        return Err(ConfigError::new(format!(
            "'{word}' is not an address; to give an option a value, write --option={word}"
        )));
    }
    let address = match words {
        [] => Address::default(),
        [path] if unix => {
            let mut address = OsString::from("unix:");
            address.push(path);
            one_word(&address)?
        }
        [_, _, ..] if unix => return Err(ConfigError::new("-U takes one path: remove the others")),
        [word] => one_word(word)?,
        [host, port, ..] => {
            Address::from_words(host, port, &services::port).map_err(|invalid| ConfigError::new(invalid.to_string()))?
        }
    };
    match address {
        // No host is given: it is this one, in the requested address family.
        Address::Tcp { port, .. } if family == Family::V6 && names_no_host(words) => {
            Ok(Address::Tcp { host: Host::Ip(Ipv6Addr::LOCALHOST.into()), port })
        }
        address => Ok(address),
    }
}

/// Parses an address in one word; the error has a hint.
pub(super) fn one_word(word: &OsStr) -> Result<Address, ConfigError> {
    with_port(word, DEFAULT_PORT)
}

/// Parses an address in one word, where this is the port of a host without one.
pub(super) fn with_port(word: &OsStr, default: u16) -> Result<Address, ConfigError> {
    let refused = |invalid: Invalid| hint::address(word).unwrap_or_else(|| invalid.to_string());
    let address = Address::parse_with(word, default, &services::port);
    address.map_err(|invalid| ConfigError::new(refused(invalid))).and_then(supported)
}

/// Parses a port.
pub(super) fn port(text: &str) -> Result<u16, Invalid> {
    read_port(text, &services::port)
}

/// Refuses a path that is too long for a unix socket, and an abstract name on systems without them.
fn supported(address: Address) -> Result<Address, ConfigError> {
    if let Address::Unix(path) = &address {
        let len = abstract_name(path).unwrap_or(path.as_os_str().as_encoded_bytes()).len();
        if len > LONGEST_PATH {
            let limit = format!("a unix socket has a path of at most {LONGEST_PATH} bytes, and this one has {len}");
            return Err(ConfigError::new(format!("{address}: {limit}")));
        }
    }
    if address.is_abstract() && !cfg!(any(target_os = "linux", target_os = "android")) {
        return Err(ConfigError::new(format!("{address}: abstract unix sockets exist on Linux only: use unix:PATH")));
    }
    Ok(address)
}

fn names_no_host(words: &[OsString]) -> bool {
    let [first, ..] = words else { return true };
    first.as_encoded_bytes().strip_prefix(b":").is_some_and(|rest| !rest.starts_with(b":"))
}
