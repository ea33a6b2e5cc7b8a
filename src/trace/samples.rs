//! Made-up events for the tests of this layer.

use super::event::{BarrierOutcome, ConnId, Direction, Event, Side, TcpSample, What};
use crate::plan::Plan;

/// One event.
pub(super) fn event(t: u64, conn: ConnId, what: What) -> Event {
    Event { t, conn, what }
}

/// A plan as its JSON says it.
pub(super) fn plan(json: &str) -> Plan {
    serde_json::from_str(json).unwrap()
}

/// At least one event of every kind, with every optional field both there and absent.
pub(super) fn every_kind() -> Vec<Event> {
    let full = TcpSample {
        data_segs_out: Some(12),
        data_segs_in: Some(3),
        segs_out: Some(14),
        segs_in: Some(11),
        total_retrans: Some(1),
        unacked: Some(0),
        notsent_bytes: Some(0),
        bytes_acked: Some(58),
        bytes_received: Some(81),
        bytes_retrans: Some(1),
        snd_mss: Some(32_768),
        snd_wnd: Some(65_536),
        snd_cwnd: Some(10),
        rtt: Some(36),
        rwnd_limited: Some(0),
    };
    let option = |requested: Option<&str>, effective: Option<&str>| What::Option {
        name: "sndbuf",
        requested: requested.map(Into::into),
        effective: effective.map(Into::into),
    };
    let barrier = |outcome| What::Barrier { offset: 17, outcome };
    let kinds = vec![
        What::Open { side: Side::Connect, local: "127.0.0.1:51234".into(), peer: "127.0.0.1:4500".into() },
        What::Open { side: Side::Listen, local: "[::1]:4500".into(), peer: "[::1]:51234".into() },
        What::Plan(plan(
            r#"{"cutting":{"cut":"1,5,-1"},"coalesce":2,"delay":"1ms..3ms","barrier":"peer-read","seed":7}"#,
        )),
        What::Plan(plan(r#"{"cutting":{"chunk":"1..7"},"barrier":"acked","seed":18446744073709551615}"#)),
        What::Plan(Plan::default()),
        option(Some("4k"), Some("8192")),
        option(None, Some("8192")),
        option(Some("4k"), None),
        option(None, None),
        What::Write { offset: 10, asked: 5, accepted: 5 },
        What::Read { offset: 0, len: 17 },
        What::Message { dir: Direction::Out, number: 1, start: 0, end: 17 },
        What::Message { dir: Direction::In, number: 1, start: 0, end: 27 },
        What::Pause { offset: 15, nanos: 20_000_000 },
        barrier(BarrierOutcome::Acked),
        barrier(BarrierOutcome::Read),
        barrier(BarrierOutcome::NotVisible),
        barrier(BarrierOutcome::TimedOut),
        What::Sample(full),
        What::Sample(TcpSample::default()),
        What::Eof { offset: 81 },
        What::Shutdown { offset: 57 },
        What::Close { error: None },
        What::Close { error: Some("connection reset".into()) },
    ];
    kinds.into_iter().zip(0..).map(|(what, k)| event(k * 125_000, 1, what)).collect()
}
