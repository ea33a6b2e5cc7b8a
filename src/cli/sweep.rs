//! The flags of `secretcat sweep`.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::fragmentation::FragmentationFlags;
use super::framing::Framings;
use super::proxy_header::{CutHeaderFlag, ProxyHeaderFlags};
use super::socket::SocketFlags;
use super::tls::ClientTlsFlags;
use super::words::FamiliesParser;
use super::{proxy, traffic};
use crate::config::{ConfigError, Reports, SweepConfig, check_is_one};
use crate::dialog::{Dialog, Pipelining};
use crate::frame::{Framing, Role, encode};
use crate::plan::{Choice, Families};
use crate::value::{Count, Seed, Size, Span};
use crate::verdict::Masks;

/// Send the same messages under every cut and compare the replies
#[derive(Debug, Args)]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(super) struct SweepFlags {
    /// Connect to HOST:PORT, HOST, :PORT (loopback) or unix:PATH
    ///
    /// Also [V6]:PORT, HOST PORT as two words, and unix:@NAME. PORT is a number or the name of a service. HOST alone is
    /// port 4500. The default is 127.0.0.1:4500.
    #[arg(value_name = "ADDRESS", num_args = 0..=2, env = traffic::ADDRESS_VARIABLE)]
    address: Vec<OsString>,

    /// Send TEXT as a message (repeatable); by default stdin is read
    ///
    /// With TLS, a terminal is not read; without messages, the handshake is swept alone.
    #[arg(short, long, value_name = "TEXT", help_heading = "Messages", allow_hyphen_values = true)]
    message: Vec<OsString>,
    /// Split messages: lines, http, length:FIELD, delimiter:BYTES, raw
    ///
    /// A length FIELD is u8, u16be (DNS over TCP), 4:u16be (after a header of 4 bytes: Modbus), 1:varint (MQTT),
    /// 1:u32be-4 (counts itself: PostgreSQL), or another one of FRAMINGS in secretcat(1). BYTES is 1 to 16 bytes of
    /// text, with the escapes of --cut-at.
    #[arg(long, value_name = "FRAMING", value_parser = Framings, hide_possible_values = true, default_value = "lines", help_heading = "Messages")]
    framing: Framing,
    /// End the messages of -m with CR LF
    #[arg(short = 'C', long, help_heading = "Messages")]
    crlf: bool,
    /// Send no message before the last reply, and join none
    #[arg(long, help_heading = "Messages", conflicts_with = "pipelining")]
    lock_step: bool,
    /// Count it as a difference if messages in one write get other replies
    ///
    /// Without this option, plans that join messages are left out where all messages in one write get other replies:
    /// not every protocol allows that.
    #[arg(long, help_heading = "Messages")]
    pipelining: bool,
    /// Ignore what matches REGEX when comparing replies (repeatable)
    ///
    /// Flags stand in REGEX: (?m) lets ^ and $ match at each line, (?i) ignores case. A line on stderr says so if REGEX
    /// matches nothing in the expected replies.
    #[arg(long, value_name = "REGEX", help_heading = "Messages")]
    mask: Vec<String>,

    /// Try the plans of the families LIST (default: all but half-close)
    ///
    /// LIST has names with commas, such as cut,pair: only these are tried. Names after + and - change the default:
    /// +half-close,-pair. A server may take the client's end of stream for the end of the connection and send no more,
    /// and be right about cuts, so half-close is tried only if LIST has it.
    #[arg(long, value_name = "LIST", value_parser = FamiliesParser, help_heading = "Limits", allow_hyphen_values = true)]
    families: Option<Families>,
    /// Try at most N plans (default: 1000, or all single cuts and 500)
    ///
    /// Single cuts are tried first, then the other families. The default is 1000, or, if that is more, the number of
    /// single cuts and 500.
    #[arg(long, value_name = "N", help_heading = "Limits", allow_hyphen_values = true)]
    max_plans: Option<Count>,
    /// Begin no plan after TIME; 0 is no limit
    ///
    /// TIME counts from the start. Differences that were found by then are still repeated and shrunk.
    #[arg(long, value_name = "TIME", default_value = "60s", help_heading = "Limits", allow_hyphen_values = true)]
    max_time: Span,
    /// Draw the plans from seed N, if there are more than --max-plans
    #[arg(long, value_name = "N", default_value = "0", help_heading = "Limits", allow_hyphen_values = true)]
    seed: Seed,
    /// Run N conversations at once
    #[arg(short, long, value_name = "N", default_value_t = Count(4), help_heading = "Limits", allow_hyphen_values = true)]
    jobs: Count,
    /// Abort a conversation after TIME without progress
    #[arg(long, value_name = "TIME", default_value = "5s", help_heading = "Limits", allow_hyphen_values = true)]
    timeout: Span,
    /// Limit a reply to SIZE bytes
    #[arg(long, value_name = "SIZE", default_value = "1M", help_heading = "Limits", allow_hyphen_values = true)]
    max_message: Size,

    /// Print the findings as JSON
    #[arg(long, help_heading = "Output")]
    json: bool,
    /// Write the findings as JUnit XML to FILE as well
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Output")]
    junit: Option<PathBuf>,
    /// Print no progress
    #[arg(long, help_heading = "Output")]
    quiet: bool,

    #[command(flatten)]
    tls: ClientTlsFlags,

    #[command(flatten)]
    header: ProxyHeaderFlags,

    #[command(flatten)]
    proxy: proxy::ProxyFlags,

    #[command(flatten)]
    socket: SocketFlags,
}

impl SweepFlags {
    pub(super) fn into_config(self, address_was_typed: bool) -> Result<SweepConfig, ConfigError> {
        let family = self.socket.family();
        let limits = traffic::Limits { max_message: self.max_message, ..traffic::Limits::default() };
        let traffic = traffic::traffic(self.socket, &limits, &FragmentationFlags::default())?;
        let mut messages = Vec::new();
        for text in self.message {
            messages.push(on_the_wire(self.framing, self.crlf, &text.into_vec())?);
        }
        let pipelining = match (self.pipelining, self.lock_step, self.framing) {
            (_, true, _) => Pipelining::Never,
            (true, ..) | (_, _, Framing::Http) => Pipelining::Allowed,
            _ => Pipelining::Unknown,
        };
        let bad_mask = |error| ConfigError::new(format!("--mask {error}"));
        let (Span(timeout), Span(max_time)) = (self.timeout, self.max_time);
        let plans = Choice {
            families: self.families.unwrap_or_default(),
            max_plans: self.max_plans.map(Count::in_memory),
            seed: self.seed,
        };
        let config = SweepConfig {
            address: traffic::address(&self.address, address_was_typed, false, family)?,
            proxy: self.proxy.into_config()?,
            family,
            dialog: Dialog { pipelining, ..Dialog::of_messages(messages, self.framing) },
            masks: Masks::new(&self.mask).map_err(bad_mask)?,
            plans,
            max_time: Some(max_time).filter(|time| !time.is_zero()),
            jobs: self.jobs.in_memory(),
            timeout,
            tls: self.tls.into_config()?,
            header: self.header.into_config(CutHeaderFlag::default())?,
            traffic,
            reports: Reports { json: self.json, junit: self.junit },
            quiet: self.quiet,
        };
        config.check()
    }
}

fn on_the_wire(framing: Framing, crlf: bool, text: &[u8]) -> Result<Vec<u8>, ConfigError> {
    check_is_one(framing, text)?;
    if crlf && framing != Framing::Lines {
        return Err(ConfigError::new("--crlf applies to --framing lines: remove it"));
    }
    let mut body = text.to_vec();
    if crlf {
        body.push(b'\r');
    }
    let mut wire = Vec::new();
    encode(framing, Role::Requests, &body, &mut wire)
        .map_err(|error| ConfigError::new(format!("-m: {error} (--framing {framing})")))?;
    Ok(wire)
}
