//! The messages of a sweep, and the PROXY header that they may begin with.

use crate::config::{DialogSource, ProxyHeader, SweepConfig};
use crate::dialog::Dialog;
use crate::error::Error;
use crate::frame::{Role, split_all};
use crate::io::{files, terminal};
use crate::session::Context;
use crate::value::counted;

/// What is sent.
pub(super) struct Input {
    /// The messages, and what is known of the replies.
    pub(super) dialog: Dialog,
    /// The messages were read from stdin.
    pub(super) from_stdin: bool,
    /// The PROXY header that they begin with, and that is not among the messages.
    pub(super) header: Option<ProxyHeader>,
}

/// Takes the messages of the command line, or reads stdin.
///
/// # Errors
/// stdin cannot be read, or split into messages; or there are none.
pub(super) fn read(config: &SweepConfig, context: &Context) -> Result<Input, Error> {
    let mut dialog = config.dialog.clone();
    let is_given = config.source == DialogSource::Given;
    // With TLS and no messages, the handshake is swept alone; a terminal is then not asked for any.
    let from_stdin = is_given && dialog.steps.is_empty() && !(config.tls.is_some() && terminal::is_stdin());
    let mut header = None;
    if from_stdin {
        if !config.quiet && terminal::is_stdin() {
            context.report.event("type the messages, one per line; Ctrl-D ends the input");
        }
        let bytes = files::read_stdin(|| context.signals.stopped())?;
        let mut rest = &bytes[..];
        header = take_header(&mut rest, true, config, context);
        let garbled = |error| Error::Usage(format!("stdin: {error} (--framing {})", dialog.framing));
        let messages = split_all(dialog.framing, Role::Requests, rest).map_err(garbled)?;
        if messages.is_empty() && config.tls.is_none() {
            return Err(Error::Usage("sweep has no messages to send: give -m TEXT, or messages on stdin".to_owned()));
        }
        dialog.steps = Dialog::of_messages(messages, dialog.framing).steps;
    } else if is_given && !dialog.steps.is_empty() {
        let mut rest = &dialog.steps[0].send[..];
        let is_alone = dialog.steps.len() == 1;
        header = take_header(&mut rest, is_alone, config, context);
        match (&header, rest.to_vec()) {
            (Some(_), rest) if rest.is_empty() => drop(dialog.steps.remove(0)),
            (_, rest) => dialog.steps[0].send = rest,
        }
    }
    Ok(Input { dialog, from_stdin, header })
}

/// The PROXY header at the start of the messages: servers read it in another way than messages, so that it is cut by a
/// family of its own. With TLS it would be inside of the encryption, where it is a message. A header without a message
/// is one as well; `is_alone`: no other messages follow these bytes.
fn take_header(bytes: &mut &[u8], is_alone: bool, config: &SweepConfig, context: &Context) -> Option<ProxyHeader> {
    if config.header.is_some() || config.tls.is_some() {
        return None;
    }
    let mut rest = *bytes;
    let found = ProxyHeader::at_start(&mut rest).filter(|_| !is_alone || !rest.is_empty())?;
    let length = counted((bytes.len() - rest.len()) as u64, "byte");
    let note = match &found {
        Ok(header) => {
            *bytes = rest;
            format!("it is cut by the family header, as that of {}", header.words().join(" "))
        }
        Err(error) => format!("{error}, so it is cut as a part of the first message"),
    };
    if !config.quiet {
        context.report.event(&format!("the messages begin with a PROXY header of {length}: {note}"));
    }
    found.ok()
}
