//! The flags of `sweep` for the messages, and for the replies to them.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::framing::Framings;
use super::protocol::{Protocol, Protocols};
use crate::config::{ConfigError, DialogSource, check_is_one};
use crate::dialog::{Dialog, Pipelining, Preset, Server, Until};
use crate::frame::{Framing, Role, encode};
use crate::io::files;
use crate::value::{Address, Count, Syntax, compile};
use crate::verdict::Masks;

/// The messages, and the replies to them.
#[derive(Debug, Args)]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
#[command(next_help_heading = "Messages")]
pub(super) struct DialogFlags {
    /// Send TEXT as a message (repeatable); by default stdin is read
    ///
    /// With TLS, a terminal is not read; without messages, the handshake is swept alone.
    #[arg(short, long, value_name = "TEXT", allow_hyphen_values = true)]
    message: Vec<OsString>,
    /// Send the requests of a protocol, and wait for its replies
    ///
    /// The requests use the grammar of the protocol. They log in to nothing and change nothing on the server. NAME:SET
    /// is a second set of requests, which may; see --yes.
    ///
    /// With proxy:NAME a PROXY header comes first, of version 2 unless --proxy-protocol names another one. With tls
    /// nothing is sent after the TLS handshake, and any certificate is accepted unless another option decides that.
    #[arg(long, value_name = "NAME[:SET]", value_parser = Protocols)]
    pub(super) protocol: Option<Protocol>,
    /// Send the messages of FILE, and wait for the replies it describes
    ///
    /// DIALOGS describes the file.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with = "protocol")]
    dialog: Option<PathBuf>,
    /// Allow --protocol or --dialog to change the server
    ///
    /// A dialog that logs in, stores or sends something says so, and then needs this option, unless ADDRESS is a
    /// loopback address or a unix socket.
    #[arg(long)]
    yes: bool,
    /// Split messages: lines, http, length:FIELD, delimiter:BYTES, raw
    ///
    /// A length FIELD is u8, u16be (DNS over TCP), 4:u16be (after a header of 4 bytes: Modbus), 1:varint (MQTT),
    /// 1:u32be-4 (counts itself: PostgreSQL), or another one of FRAMINGS in secretcat(1). BYTES is 1 to 16 bytes of
    /// text, with the escapes of --cut-at.
    #[arg(long, value_name = "FRAMING", value_parser = Framings, hide_possible_values = true, default_value = "lines")]
    pub(super) framing: Framing,
    /// End the messages of -m with CR LF
    #[arg(short = 'C', long)]
    crlf: bool,
    /// Expect a greeting of N messages before the first message is sent
    ///
    /// A mail server, for example, sends a line before the client sends anything. With --replies, the first N replies of
    /// FILE are sent before the first request.
    #[arg(long, value_name = "N", default_value_t = Count(0), allow_hyphen_values = true)]
    pub(super) greeting: Count,
    /// Send no message before the last reply, and join none
    #[arg(long, conflicts_with = "pipelining")]
    lock_step: bool,
    /// Count it as a difference if messages in one write get other replies
    ///
    /// Without this option, plans that join messages are left out where all messages in one write get other replies:
    /// not every protocol allows that.
    #[arg(long)]
    pipelining: bool,
    /// Drop lines of the server that match REGEX (repeatable)
    ///
    /// They are not part of any reply. ^ and $ match at the ends of the line.
    #[arg(long, value_name = "REGEX")]
    ignore: Vec<String>,
    /// Ignore what matches REGEX when comparing replies (repeatable)
    ///
    /// Flags stand in REGEX: (?m) lets ^ and $ match at each line, (?i) ignores case. A line on stderr says so if REGEX
    /// matches nothing in the expected replies.
    #[arg(long, value_name = "REGEX")]
    mask: Vec<String>,
}

/// The dialog of these flags.
pub(super) struct Checked {
    pub(super) dialog: Dialog,
    pub(super) source: DialogSource,
    pub(super) masks: Masks,
    /// It may change the server.
    pub(super) yes: bool,
}

impl DialogFlags {
    /// What is masked in the output of a client, which has no dialog.
    pub(super) fn into_masks(self) -> Result<Masks, ConfigError> {
        Masks::new(&self.mask).map_err(bad_mask)
    }

    pub(super) fn into_dialog(self, address: &Address) -> Result<Checked, ConfigError> {
        let server = Server::at(address);
        let mut dialog = if let Some(Protocol::Preset(preset) | Protocol::AfterHeader(preset)) = self.protocol {
            preset.dialog(&server).map_err(|error| ConfigError::new(error.to_string()))?
        } else if let Some(path) = &self.dialog {
            files::read_dialog(path, &server).map_err(|error| ConfigError::new(error.to_string()))?
        } else {
            let messages = self.message.into_iter().map(|text| on_the_wire(self.framing, self.crlf, &text.into_vec()));
            let mut dialog = Dialog::of_messages(messages.collect::<Result<_, _>>()?, self.framing);
            if self.framing == Framing::Http {
                dialog.masks = Preset::http().dialog(&server).map(|http| http.masks).unwrap_or_default();
            }
            if self.greeting.0 > 0 {
                dialog.greeting = Until::Frames(self.greeting.in_memory());
            }
            dialog
        };
        match () {
            () if self.lock_step => dialog.pipelining = Pipelining::Never,
            () if self.pipelining || dialog.framing == Framing::Http => dialog.pipelining = Pipelining::Allowed,
            () => {}
        }
        for pattern in self.ignore {
            let ignored = compile(&pattern, Syntax::Lines);
            dialog.ignore.push(ignored.map_err(|error| ConfigError::new(format!("--ignore {error}")))?);
        }
        let masks = Masks::new(&self.mask).and_then(|masks| masks.with_dialog(&dialog.masks)).map_err(bad_mask)?;
        let source = match (self.protocol, self.dialog) {
            (Some(protocol), _) => DialogSource::Protocol(protocol.name()),
            (None, Some(path)) => DialogSource::File(path),
            (None, None) => DialogSource::Given,
        };
        Ok(Checked { dialog, source, masks, yes: self.yes })
    }
}

fn bad_mask(error: impl std::fmt::Display) -> ConfigError {
    ConfigError::new(format!("--mask {error}"))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Named;

    #[test]
    fn http_presets_ignore_times_and_numbers_of_requests() {
        for name in ["http", "http-chunked"] {
            let preset = Preset::ALL.iter().find(|preset| preset.word().name == name).unwrap();
            let dialog = preset.dialog(&Server { host: "a".to_owned(), port: 80 }).unwrap();
            let masks = Masks::default().with_dialog(&dialog.masks).unwrap();
            let response = |value: &str, body: &str| {
                let mut text = "HTTP/1.1 200 OK\r\n".to_owned();
                let fields =
                    ["Date", "age", "X-Varnish", "X-Request-ID", "Request-Id", "CF-RAY", "X-Amz-Cf-Id", "ETag"];
                text.extend(fields.map(|field| format!("{field}: {value}\r\n")));
                format!("{text}Content-Type: text/plain\r\n\r\n{body}").into_bytes()
            };
            assert!(masks.are_like(&response("1", "a"), &response("22", "a")), "{name}");
            assert!(!masks.are_like(&response("1", "a"), &response("1", "b")), "{name}");
            let page = |number: &str| {
                let body = format!("<h1>Error 503</h1>\n<p>XID: {number}</p>\n");
                format!("HTTP/1.1 503 No\r\nContent-Length: {}\r\nA: b\r\n\r\n{body}", body.len()).into_bytes()
            };
            assert!(masks.are_like(&page("3"), &page("32770")), "{name}");
        }
    }
}
