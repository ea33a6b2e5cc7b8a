//! A connection on the page.

use serde::Serialize;

use crate::trace::{ConnId, Direction, Event, EventKind, Side, TcpSample};

/// The largest number of characters of an address and of an error. Those of unix sockets are longer.
const LONGEST: usize = 120;

/// A connection.
#[derive(Clone, Debug)]
pub(super) struct Row {
    view: RowView,
    /// The segments that are counted already.
    pub(super) counted: TcpSample,
    /// It is among those that have changed since they were in an update.
    pub(super) is_changed: bool,
    /// It is on the page, not only counted.
    pub(super) is_on_page: bool,
    /// A browser has chosen it.
    pub(super) is_chosen: bool,
}

/// What the page shows of a connection.
#[derive(Clone, Debug, Serialize)]
pub(super) struct RowView {
    conn: ConnId,
    side: Side,
    local: String,
    peer: String,
    #[serde(rename = "for", skip_serializing_if = "Option::is_none")]
    made_for: Option<ConnId>,
    opened: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    closed: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// The peer sends no more.
    peer_closed: bool,
    /// This side sends no more.
    own_closed: bool,
    out: Flow,
    r#in: Flow,
    retransmits: u64,
    /// Its events that are in no update.
    left_out: u64,
}

/// The counts of a direction.
#[derive(Clone, Copy, Debug, Default, Serialize)]
struct Flow {
    bytes: u64,
    messages: u64,
    /// Writes or reads.
    calls: u64,
    segments: u64,
}

impl Row {
    pub(super) fn new(side: Side, local: &str, peer: &str, made_for: Option<ConnId>, opened: u64) -> Row {
        let view = RowView {
            conn: 0,
            side,
            local: clipped(local),
            peer: clipped(peer),
            made_for,
            opened,
            closed: None,
            error: None,
            peer_closed: false,
            own_closed: false,
            out: Flow::default(),
            r#in: Flow::default(),
            retransmits: 0,
            left_out: 0,
        };
        Row { view, counted: TcpSample::default(), is_changed: false, is_on_page: false, is_chosen: false }
    }

    pub(super) fn view(&self, conn: ConnId) -> RowView {
        RowView { conn, ..self.view.clone() }
    }

    /// Counts an event that is in no update.
    pub(super) fn leave_out(&mut self) {
        self.view.left_out += 1;
    }

    /// Counts an event.
    pub(super) fn note(&mut self, event: &Event) {
        let view = &mut self.view;
        match &event.what {
            EventKind::Write { accepted, .. } => {
                view.out.calls += 1;
                view.out.bytes += accepted;
            }
            EventKind::Read { len, .. } => {
                view.r#in.calls += 1;
                view.r#in.bytes += len;
            }
            EventKind::Message { dir: Direction::Out, .. } => view.out.messages += 1,
            EventKind::Message { dir: Direction::In, .. } => view.r#in.messages += 1,
            EventKind::Sample(sample) => {
                view.out.segments = sample.first_segments().unwrap_or(0);
                view.r#in.segments = sample.data_segs_in.unwrap_or(0);
                view.retransmits = sample.total_retrans.unwrap_or(0);
                self.counted = *sample;
            }
            EventKind::Eof { .. } => view.peer_closed = true,
            EventKind::Shutdown { .. } => view.own_closed = true,
            EventKind::Close { error, .. } => {
                view.closed = Some(event.t);
                view.error = error.as_deref().map(clipped);
            }
            _ => {}
        }
    }
}

/// A text of bounded length.
fn clipped(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
