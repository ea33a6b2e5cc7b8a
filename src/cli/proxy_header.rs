//! The flags of the PROXY header that is sent before the first message.

use clap::Args;
use clap::builder::{OsStringValueParser, TypedValueParser};

use super::words::words;
use crate::config::{ConfigError, ProxyHeader};
use crate::frame::proxy_header::Version;
use crate::value::{Endpoint, Offsets, Tlv};

#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "PROXY protocol")]
#[allow(clippy::struct_field_names, reason = "they are the names of the options")]
pub(super) struct ProxyHeaderFlags {
    /// Send a PROXY header first
    ///
    /// The header names the ends of the connection, as a proxy does that forwards it. It is sent before TLS, as a
    /// write and a segment of its own: --cut, --chunk and --coalesce do not count it. A relay sends the header to
    /// its server and names the ends of the client's connection in it.
    #[arg(long, value_name = "VERSION", value_parser = words::<Version>())]
    proxy_protocol: Option<Version>,
    /// Send ADDR as the client's address in the PROXY header
    ///
    /// ADDR is IP:PORT, [IPV6]:PORT, unix:PATH, unix:@NAME, or unknown: the receiver then keeps the addresses of the
    /// connection.
    #[arg(long, value_name = "ADDR", value_parser = OsStringValueParser::new().try_map(|text| Endpoint::parse_os(&text)), requires = "proxy_protocol")]
    proxy_source: Option<Endpoint>,
    /// Send ADDR as the address that the client has connected to
    #[arg(long, value_name = "ADDR", value_parser = OsStringValueParser::new().try_map(|text| Endpoint::parse_os(&text)), requires = "proxy_protocol")]
    proxy_dest: Option<Endpoint>,
    /// Add a TLV to the PROXY header (repeatable; v2)
    ///
    /// TYPE is a number from 0 to 255, such as 2 for a host name or 0xE0, and HEX is the value as pairs of hex digits.
    #[arg(long, value_name = "TYPE=HEX", requires = "proxy_protocol")]
    proxy_tlv: Vec<Tlv>,
}

/// The cuts of the header; a sweep makes its own.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "PROXY protocol")]
pub(super) struct CutHeaderFlag {
    /// Cut the PROXY header at OFFSETS
    ///
    /// OFFSETS is a list such as 1,5,-1, as for --cut. Each piece is a segment of its own, with the pauses and
    /// barriers of --delay and --barrier between the pieces. An offset that does not cut the header is an error.
    #[arg(long, value_name = "OFFSETS", allow_hyphen_values = true, requires = "proxy_protocol")]
    cut_header: Option<Offsets>,
}

impl ProxyHeaderFlags {
    /// Sends a header of this version, unless the flags name another one.
    pub(super) fn send(&mut self, version: Version) {
        self.proxy_protocol.get_or_insert(version);
    }

    /// The checked header of these flags; `None` if none is sent.
    pub(super) fn into_config(self, cuts: CutHeaderFlag) -> Result<Option<ProxyHeader>, ConfigError> {
        let Some(version) = self.proxy_protocol else { return Ok(None) };
        let header = ProxyHeader {
            version,
            source: self.proxy_source,
            destination: self.proxy_dest,
            tlvs: self.proxy_tlv,
            cuts: cuts.cut_header,
        };
        header.check().map(Some)
    }
}
