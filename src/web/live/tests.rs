//! Tests of what the page shows.

use serde_json::Value;

use super::*;
use crate::trace::samples::{event, every_kind};
use crate::trace::{Direction, Side};

fn open(conn: ConnId) -> Event {
    let what = EventKind::Open { side: Side::Listen, local: "a".into(), peer: "<b>".into(), made_for: None };
    event(conn, conn, what)
}

fn close(conn: ConnId) -> Event {
    event(
        conn,
        conn,
        every_kind().into_iter().rfind(|event| matches!(event.what, EventKind::Close { .. })).unwrap().what,
    )
}

/// The data of an update.
fn json(update: &Update) -> Value {
    let text = String::from_utf8(update.encode("run")).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let [id, "event: update", data, ""] = lines[..] else { panic!("{text}") };
    assert_eq!(id, format!("id: run-{}", update.number()));
    serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap()
}

fn conns(update: &Value) -> Vec<u64> {
    update["rows"].as_array().unwrap().iter().map(|row| row["conn"].as_u64().unwrap()).collect()
}

#[test]
fn update_has_only_the_changes() {
    let mut live = Live::default();
    live.note(&open(1), b"");
    assert!(live.take(5, Totals::default()).is_none(), "nobody watches");
    live.set_watched(true);
    assert_eq!(conns(&json(&live.snapshot(6, Totals::default()))), [1]);
    live.note(&event(7, 1, EventKind::Write { offset: 0, asked: 9, accepted: 3, pinned: false }), b"a\xff\n");
    live.note(&open(2), b"");
    let update = json(&live.take(8, Totals::default()).unwrap());
    assert_eq!((&update["t"], &update["reset"], conns(&update)), (&8.into(), &false.into(), vec![1, 2]));
    let expected = serde_json::json!([
        { "t": 7, "conn": 1, "kind": "write", "offset": 0, "len": 3, "bytes": "Yf8K" },
        { "t": 2, "conn": 2, "kind": "open" },
    ]);
    assert_eq!(update["events"], expected);
    assert_eq!(update["rows"][0]["out"]["bytes"], 3);
    assert_eq!(update["totals"]["listen"]["bytes"]["out"], 0);
    assert!(live.take(9, Totals::default()).is_none());
}

#[test]
fn page_is_bounded_and_counts_the_rest() {
    let mut live = Live::default();
    live.set_watched(true);
    for conn in 1..=300 {
        live.note(&open(conn), b"");
    }
    let read = |live: &mut Live, conn: ConnId, times: usize| {
        for _ in 0..times {
            live.note(&event(9, conn, EventKind::Read { offset: 0, len: 99 }), &[b'x'; 99]);
        }
    };
    read(&mut live, 1, 1500);
    assert!(!live.has_room(1));
    let update = json(&live.take(9, Totals::default()).unwrap());
    assert!(live.has_room(1));
    assert_eq!(update["events"].as_array().unwrap().len(), OTHER_EVENTS);
    assert_eq!((&update["left_out"], &update["others"]), (&800.into(), &100.into()));
    assert_eq!((conns(&update), &update["rows"][0]["left_out"]), ((1..=40).collect(), &800.into()));
    // The rest of the connections follows.
    let rest: Vec<_> = (0..4).flat_map(|_| conns(&json(&live.take(9, Totals::default()).unwrap()))).collect();
    assert_eq!((rest, live.take(9, Totals::default()).is_none()), ((41..=200).collect(), true));
    // A place that is free goes to the next connection.
    live.note(&close(7), b"");
    assert_eq!(conns(&json(&live.take(9, Totals::default()).unwrap())), [7, 201]);
    for conn in 1..=300 {
        live.note(&close(conn), b"");
    }
    let update = json(&live.take_all(9, Totals::default()).unwrap());
    assert_eq!((update["gone"].as_array().unwrap().len(), live.rows.len()), (251, ENDED_ROWS));
    assert_eq!(conns(&json(&live.snapshot(9, Totals::default()))).len(), ENDED_ROWS);
}

#[test]
fn chosen_connection_is_shown_whole_beside_many_others() {
    let mut live = Live::default();
    live.set_watched(true);
    live.set_chosen([2].into());
    let shown = |live: &mut Live, others: usize, chosen: usize| {
        for number in 0..others.max(chosen) {
            for (conn, times) in [(1, others), (2, chosen)] {
                if number < times {
                    live.note(&event(9, conn, EventKind::Read { offset: 0, len: 1 }), b"x");
                }
            }
        }
        let update = json(&live.take(9, Totals::default()).unwrap());
        let of = |conn: u64| update["events"].as_array().unwrap().iter().filter(|event| event["conn"] == conn).count();
        (of(1), of(2), update["left_out"].as_u64().unwrap())
    };
    live.note(&open(1), b"");
    live.note(&open(2), b"");
    assert_eq!(shown(&mut live, 400, 20), (401, 21, 0), "a burst is shown");
    let many: Vec<_> = (0..9).map(|_| shown(&mut live, 1000, 20)).collect();
    assert_eq!(many[0], (699, 20, 301), "the rest of the places, and 100 new ones");
    assert_eq!(many[8], (OTHERS_AT_LENGTH, 20, 900));
    assert_eq!(shown(&mut live, 0, 1500), (0, EVENTS + OTHERS_AT_LENGTH, 400));
    // Another choice.
    live.set_chosen([1].into());
    assert_eq!(shown(&mut live, 300, 300), (300, OTHERS_AT_LENGTH, 200));
    // A burst is shown again after updates with few events.
    for _ in 0..10 {
        live.take(9, Totals::default());
    }
    assert_eq!(shown(&mut live, 1, 700), (1, 700, 0));
}

#[test]
fn page_that_is_opened_late_has_the_latest_messages() {
    let mut live = Live::default();
    live.note(&open(1), b"");
    for number in 1..=150 {
        let what = EventKind::Message { dir: Direction::In, number, start: 0, end: 300 };
        live.note(&event(number, 1, what), &[b'x'; 300]);
    }
    live.note(&event(151, 1, EventKind::Read { offset: 0, len: 1 }), b"x");
    let snapshot = json(&live.snapshot(200, Totals::default()));
    let events = snapshot["events"].as_array().unwrap();
    assert_eq!((events.len(), &events[0]["number"], &events[99]["number"]), (RECENT, &51.into(), &150.into()));
    assert_eq!(events[0]["bytes"].as_str().unwrap().len(), 344, "256 bytes");
    assert_eq!(live.snapshot(0, Totals::default()).number(), 152, "what nobody saw is counted");
}

#[test]
fn rooms_and_sweep_are_sent_when_they_change() {
    let mut live = Live::default();
    live.set_watched(true);
    let room = |members| vec![RoomView { name: "lab".into(), members }];
    live.set_rooms(room(1));
    assert_eq!(
        json(&live.take(1, Totals::default()).unwrap())["rooms"],
        serde_json::json!([{ "name": "lab", "members": 1 }])
    );
    live.set_rooms(room(1));
    assert!(live.take(2, Totals::default()).is_none());
    live.set_sweep(SweepView { done: 1, of: 2, ..SweepView::default() });
    let update = json(&live.take(3, Totals::default()).unwrap());
    assert_eq!((&update["sweep"]["done"], update.get("rooms")), (&1.into(), None));
    assert_eq!(json(&live.snapshot(4, Totals::default()))["rooms"][0]["members"], 1);
}
