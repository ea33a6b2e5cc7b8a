//! Events as the lines that `-v` puts on stderr.

use super::event::{BarrierOutcome, Direction, Event, EventKind, Side, TcpSample};
use super::units::{counted, grouped, span};
use crate::plan::Plan;
use crate::value::escape;

/// The line for `event` at this verbosity (the number of `-v`), without a line feed; `None` if that verbosity
/// leaves it out. Text from outside is escaped.
#[must_use]
pub fn describe(event: &Event, verbosity: u8) -> Option<String> {
    if verbosity < least_verbosity(&event.what) {
        return None;
    }
    let text = match &event.what {
        EventKind::Open { side: Side::Connect, local, peer, made_for } => {
            let client = made_for.map_or_else(String::new, |client| format!(" for #{client}"));
            format!("connected {} -> {}{client}", shown(local), shown(peer))
        }
        EventKind::Open { side: Side::Listen, local, peer, .. } => {
            format!("accepted {} -> {}", shown(peer), shown(local))
        }
        EventKind::ProxyHeader { dir, source, destination } => {
            let verb = match dir {
                Direction::Out => "sends",
                Direction::In => "received",
            };
            format!("{verb} PROXY header: {} -> {}", shown(source), shown(destination))
        }
        EventKind::Plan(plan) => format!("plan {}", plan_flags(plan)),
        EventKind::Option { name, requested, effective } => option(name, requested.as_deref(), effective.as_deref()),
        EventKind::Tls(session) => session.line(),
        EventKind::Record { dir, offset, len, start, end } => {
            let verb = match dir {
                Direction::Out => "encoded",
                Direction::In => "decoded",
            };
            let plaintext = match end.saturating_sub(*start) {
                0 => "no plaintext".to_owned(),
                n => format!("{} of plaintext at {start}", counted(n, "byte")),
            };
            format!("{verb} a record: {} at {offset}, {plaintext}", counted(*len, "byte"))
        }
        EventKind::Write { offset, asked, accepted, .. } => {
            format!("wrote {accepted} of {} at {offset}{}", counted(*asked, "byte"), bytes(event, *accepted))
        }
        EventKind::Read { offset, len } => format!("read {} at {offset}{}", counted(*len, "byte"), bytes(event, *len)),
        EventKind::Message { dir, number, start, end } => {
            let verb = match dir {
                Direction::Out => "sends",
                Direction::In => "received",
            };
            let len = end.saturating_sub(*start);
            format!("{verb} message {number}: {} at {start}{}", counted(len, "byte"), bytes(event, len))
        }
        EventKind::Reply { number, nanos } => format!("reply to message {number} after {}", span(*nanos)),
        EventKind::Pause { offset, nanos } => format!("pause of {} before byte {offset}", span(*nanos)),
        EventKind::Barrier { offset, outcome } => format!("barrier at {offset}: {}", established(*outcome)),
        EventKind::Sample(sample) => tcp(sample),
        EventKind::Eof { offset, plaintext } => {
            format!("peer closed its side ({} received{})", counted(*offset, "byte"), of_plaintext(*plaintext))
        }
        EventKind::Shutdown { offset, plaintext } => {
            format!("closed our side ({} sent{})", counted(*offset, "byte"), of_plaintext(*plaintext))
        }
        EventKind::Close { error: None, reset: false } => "closed".to_owned(),
        EventKind::Close { error: None, reset: true } => "closed with a reset".to_owned(),
        EventKind::Close { error: Some(error), .. } => format!("ended: {}", shown(error)),
    };
    Some(if event.conn == 0 { text } else { format!("#{} {text}", event.conn) })
}

/// The plaintext in bytes on the wire, where a layer encodes them.
fn of_plaintext(plaintext: Option<u64>) -> String {
    plaintext.map_or_else(String::new, |plaintext| format!(", {} of plaintext", grouped(plaintext)))
}

/// The first of the bytes that an event of `len` bytes carries, if it carries any.
fn bytes(event: &Event, len: u64) -> String {
    event.data.as_ref().map_or_else(String::new, |data| format!(": {}", data.shown(len)))
}

/// A plan as the options that repeat it, or that there are no cuts.
pub(crate) fn plan_flags(plan: &Plan) -> String {
    let options = plan.options();
    if options.is_empty() { "no cuts".to_owned() } else { options.join(" ") }
}

/// A string from outside, escaped.
pub(crate) fn shown(text: &str) -> String {
    escape(text.as_bytes())
}

/// The number of `-v` from which an event is printed.
fn least_verbosity(what: &EventKind) -> u8 {
    match what {
        EventKind::Plan(plan) if plan.is_plain() => 2,
        // The default values of the system are many lines for every connection.
        EventKind::Option { requested: None, .. } | EventKind::Reply { .. } => 3,
        // That the peer is not visible is printed once for all barriers.
        EventKind::Barrier { outcome: BarrierOutcome::Abandoned, .. }
        | EventKind::Open { .. }
        | EventKind::ProxyHeader { .. }
        | EventKind::Tls(_)
        | EventKind::Plan(_)
        | EventKind::Eof { .. }
        | EventKind::Shutdown { .. }
        | EventKind::Close { .. } => 1,
        _ => 2,
    }
}

fn option(name: &str, requested: Option<&str>, effective: Option<&str>) -> String {
    let effective = effective.map_or_else(|| "unknown".to_owned(), shown);
    match requested {
        Some(requested) => format!("option {name}: requested {}, effective {effective}", shown(requested)),
        None => format!("option {name}: effective {effective}"),
    }
}

/// What a barrier has established about its bytes.
pub(crate) fn established(outcome: BarrierOutcome) -> &'static str {
    match outcome {
        BarrierOutcome::Acked => "acknowledged",
        BarrierOutcome::Read => "read by the peer",
        BarrierOutcome::RecordRead => "record read by the peer",
        BarrierOutcome::Witnessed => "read by the peer, seen by the witness",
        BarrierOutcome::RecordWitnessed => "record read by the peer, seen by the witness",
        BarrierOutcome::WitnessedOnce => "read from a socket that may be the peer's, seen by the witness",
        BarrierOutcome::NotVisible => "acknowledged, but not visible whether the peer has read it",
        BarrierOutcome::Abandoned => "the connection ended first",
    }
}

/// The segments and unacknowledged bytes of a sample; `--trace` has the other fields.
fn tcp(sample: &TcpSample) -> String {
    let parts = [
        sample.first_segments().map(|n| format!("{} out", counted(n, "segment"))),
        sample.total_retrans.map(|n| format!("{n} retransmitted")),
        sample.data_segs_in.map(|n| format!("{} in", counted(n, "segment"))),
        sample.unacked.map(|n| format!("{n} not acknowledged")),
        sample.notsent_bytes.filter(|n| *n > 0).map(|n| format!("{} not sent", counted(n, "byte"))),
        sample.snd_wnd.filter(|n| *n == 0).map(|_| "window closed".to_owned()),
        sample.rtt.map(|micros| format!("rtt {}", span(micros.saturating_mul(1_000)))),
    ];
    let known: Vec<String> = parts.into_iter().flatten().collect();
    if known.is_empty() { "tcp: no data".to_owned() } else { format!("tcp: {}", known.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::samples::{event, every_kind, plan};

    #[test]
    fn every_event_is_one_line() {
        let lines: Vec<String> = every_kind().iter().filter_map(|event| describe(event, 3)).collect();
        let expected = [
            "#1 connected 127.0.0.1:51234 -> 127.0.0.1:4500",
            "#1 accepted [::1]:51234 -> [::1]:4500",
            "#1 sends PROXY header: 192.0.2.7:44444 -> 192.0.2.8:80",
            "#1 received PROXY header: unknown -> unknown",
            "#1 plan --cut 1,5,-1 --coalesce 2 --delay 1ms..3ms --barrier peer-read --seed 7",
            "#1 plan --chunk 1..7 --barrier acked --seed 18446744073709551615",
            "#1 plan --cut 1 --cut-layer tcp",
            "#1 plan no cuts",
            "#1 option sndbuf: requested 4k, effective 8192",
            "#1 option sndbuf: effective 8192",
            "#1 option sndbuf: requested 4k, effective unknown",
            "#1 option sndbuf: effective unknown",
            "#1 TLS 1.3, TLS_AES_256_GCM_SHA384, X25519MLKEM768, ALPN h2, server name example.test, client Alice",
            "#1 TLS 1.2, TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
            "#1 encoded a record: 1,450 bytes at 0, no plaintext",
            "#1 decoded a record: 34 bytes at 1450, 12 bytes of plaintext at 17",
            "#1 wrote 5 of 5 bytes at 10",
            "#1 read 17 bytes at 0",
            "#1 sends message 1: 17 bytes at 0",
            "#1 received message 1: 27 bytes at 0",
            "#1 reply to message 1 after 36 us",
            "#1 pause of 20 ms before byte 15",
            "#1 barrier at 17: acknowledged",
            "#1 barrier at 17: read by the peer",
            "#1 barrier at 17: record read by the peer",
            "#1 barrier at 17: read by the peer, seen by the witness",
            "#1 barrier at 17: record read by the peer, seen by the witness",
            "#1 barrier at 17: read from a socket that may be the peer's, seen by the witness",
            "#1 barrier at 17: acknowledged, but not visible whether the peer has read it",
            "#1 barrier at 17: the connection ended first",
            "#1 tcp: 11 segments out, 1 retransmitted, 3 segments in, 0 not acknowledged, rtt 36 us",
            "#1 tcp: no data",
            "#1 peer closed its side (81 bytes received)",
            "#1 peer closed its side (1,813 bytes received, 81 of plaintext)",
            "#1 closed our side (57 bytes sent)",
            "#1 closed our side (1,594 bytes sent, 57 of plaintext)",
            "#1 closed",
            "#1 ended: connection reset",
            "#1 closed with a reset",
            "#4 connected 10.0.0.2:55010 -> 10.0.0.3:80 for #3",
            r#"#4 wrote 10 of 12 bytes at 0: "SECRET 42\n""#,
            r#"#4 read 3 bytes at 17: "\xff\x00\n""#,
            &format!("#4 received message 2: 80 bytes at 17: \"{}\"...", "x".repeat(64)),
        ];
        assert_eq!(lines, expected);
    }

    #[test]
    fn v_prints_main_events_and_without_v_none() {
        let lines: Vec<String> = every_kind().iter().filter_map(|event| describe(event, 1)).collect();
        let verbs: Vec<&str> = lines.iter().map(|line| line.split(' ').nth(1).unwrap()).collect();
        let expected = "connected accepted sends received plan plan plan TLS TLS barrier peer peer closed closed closed \
                        ended: closed connected";
        assert_eq!(verbs.join(" "), expected);
        assert!(every_kind().iter().all(|event| describe(event, 0).is_none()));
    }

    #[test]
    fn lines_have_no_control_characters() {
        let hostile = "\u{1b}]0;owned\u{7}\r\n\u{9b}2J";
        for what in [
            EventKind::Open { side: Side::Connect, local: hostile.into(), peer: hostile.into(), made_for: None },
            EventKind::ProxyHeader { dir: Direction::In, source: hostile.into(), destination: hostile.into() },
            EventKind::Close { error: Some(hostile.into()), reset: false },
            EventKind::Option { name: "congestion", requested: Some(hostile.into()), effective: Some(hostile.into()) },
        ] {
            let line = describe(&event(0, 1, what), 2).unwrap();
            assert!(!line.chars().any(char::is_control), "{line:?}");
        }
    }

    #[test]
    fn plan_line_has_no_unused_seed_and_no_number() {
        let fixed = plan(r#"{"cutting":{"cut":"1,5"},"seed":7}"#);
        assert_eq!(describe(&event(0, 0, EventKind::Plan(fixed)), 1).unwrap(), "plan --cut 1,5");
    }
}
