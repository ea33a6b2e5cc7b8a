//! An event on the page.

use data_encoding::BASE64;
use serde::{Serialize, Serializer};

use crate::trace::{BarrierOutcome, ConnId, Direction, Event, EventKind, TcpSample};

/// The first bytes of a write or a read that the page shows.
const HEAD: usize = 64;
/// The first bytes of a message that it shows.
const MESSAGE_HEAD: usize = 256;

/// An event on the page.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Shown {
    t: u64,
    conn: ConnId,
    #[serde(flatten)]
    what: What,
    /// The first bytes. They become base64 when an update is encoded, which nothing that is recorded waits for.
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<Head>,
}

/// The first bytes of an event.
#[derive(Clone, Debug, Default)]
struct Head(Vec<u8>);

impl Serialize for Head {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64.encode(&self.0))
    }
}

#[derive(Clone, Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum What {
    Open,
    Write {
        offset: u64,
        len: u64,
    },
    Read {
        offset: u64,
        len: u64,
    },
    Message {
        dir: Direction,
        number: u64,
        len: u64,
    },
    /// Segments since the last sample.
    Segments {
        out: u64,
        r#in: u64,
        again: u64,
    },
    Pause {
        nanos: u64,
    },
    Barrier {
        outcome: BarrierOutcome,
    },
    PeerClosed,
    OwnClosed,
    Close {
        failed: bool,
    },
}

/// What the page shows of an event, and the number of bytes that it shows.
pub(super) struct Sight {
    what: What,
    head: usize,
}

impl Sight {
    /// The event with its bytes. The buffer of an event that is no longer shown may be used again.
    pub(super) fn shown(self, event: &Event, bytes: &[u8], used: Option<Shown>) -> Shown {
        let Head(mut buffer) = used.and_then(|shown| shown.bytes).unwrap_or_default();
        buffer.clear();
        buffer.extend_from_slice(bytes.get(..self.head).unwrap_or(bytes));
        let bytes = (self.head > 0).then_some(Head(buffer));
        Shown { t: event.t, conn: event.conn, what: self.what, bytes }
    }
}

/// What the page shows of the event; `None` if it shows nothing of it.
pub(super) fn sight(event: &Event, before: &TcpSample) -> Option<Sight> {
    let (what, head) = match &event.what {
        EventKind::Open { .. } => (What::Open, 0),
        EventKind::Write { offset, accepted, .. } => (What::Write { offset: *offset, len: *accepted }, HEAD),
        EventKind::Read { offset, len } => (What::Read { offset: *offset, len: *len }, HEAD),
        EventKind::Message { dir, number, start, end } => {
            (What::Message { dir: *dir, number: *number, len: end.saturating_sub(*start) }, MESSAGE_HEAD)
        }
        EventKind::Sample(sample) => (segments(sample, before)?, 0),
        EventKind::Pause { nanos, .. } => (What::Pause { nanos: *nanos }, 0),
        EventKind::Barrier { outcome, .. } => (What::Barrier { outcome: *outcome }, 0),
        EventKind::Eof { .. } => (What::PeerClosed, 0),
        EventKind::Shutdown { .. } => (What::OwnClosed, 0),
        EventKind::Close { error, .. } => (What::Close { failed: error.is_some() }, 0),
        _ => return None,
    };
    Some(Sight { what, head })
}

/// What the kernel has counted since an earlier sample, if there is anything.
fn segments(sample: &TcpSample, before: &TcpSample) -> Option<What> {
    let since = |now: Option<u64>, before: Option<u64>| now.unwrap_or(0).saturating_sub(before.unwrap_or(0));
    let out = since(sample.first_segments(), before.first_segments());
    let r#in = since(sample.data_segs_in, before.data_segs_in);
    let again = since(sample.total_retrans, before.total_retrans);
    (out + r#in + again > 0).then_some(What::Segments { out, r#in, again })
}
