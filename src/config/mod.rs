//! Checked configuration: one struct for each command, built by cli/ and read by session/.

mod auth;
mod client_sweep;
mod connect;
mod history;
mod listen;
mod mode;
mod output;
mod passwd;
mod place;
mod print;
mod probe;
mod proxy;
mod proxy_header;
mod rooms;
pub mod socket;
mod source;
mod stream;
mod sweep;
mod timeline;
mod tls;
pub mod tos;
mod traffic;
mod transcript;
mod transfer;
mod watch;

pub use auth::{AuthMethod, ConnectUser, ListenAuth};
pub use client_sweep::{ClientCommand, ClientSweepConfig, Replies};
pub use connect::{ConnectConfig, ConnectLimit, HalfClose, Input, Retry, Target, check_is_one};
pub use history::HistoryConfig;
pub use listen::{Admission, ListenConfig, Proxies};
pub use mode::{Mode, ModeOptions, PipeMode, Relay, RoomsMode, Toward};
pub use output::{Color, Output, Sink, StatsFormat, TraceData};
pub use passwd::{PasswdChange, PasswdConfig};
pub use place::place;
pub use print::PrintConfig;
pub use probe::{Probe, Rounds};
pub use proxy::ProxyConfig;
pub use proxy_header::{OtherHeader, ProxyHeader};
pub use rooms::RoomsVia;
pub use socket::{SocketOptions, SocketOptionsError, Source};
pub use stream::{Direction, StreamConfig};
pub use sweep::{DialogSource, MaxTime, Reports, SweepConfig};
pub use timeline::TimelineConfig;
pub use tls::{ClientCa, ClientNeed, ClientTls, KeyPair, ServerTls, TlsGroup, TlsTerms, TlsVersion, Trust};
pub use traffic::{Bytes, Reading, Traffic};
pub use transcript::{Rotation, Transcript, TranscriptSync, full_file};
pub use transfer::{LinkConfig, Meeting, Overwrite, ReceiveConfig, SendConfig, SentFile};
pub use watch::Watch;

/// A combination of options that is refused, with what would be right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(pub String);

impl ConfigError {
    /// An error with this text.
    pub fn new(text: impl Into<String>) -> Self {
        ConfigError(text.into())
    }
}

impl From<SocketOptionsError> for ConfigError {
    fn from(error: SocketOptionsError) -> Self {
        ConfigError(error.0)
    }
}

impl From<ConfigError> for crate::error::Error {
    fn from(error: ConfigError) -> Self {
        crate::error::Error::Usage(error.0)
    }
}
