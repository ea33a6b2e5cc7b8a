//! The outbox without a connection: tables of plans and steps, and any plan under any writes.

mod any_plan;

use std::fmt::Write;
use std::num::NonZeroUsize;

use super::*;
use crate::plan::Cutting;

const UNSEEN: Channel = Channel { number: 0, raw: false, has_barriers: false, joins: false };

/// A plan and its channel from words: `raw chunk 4 delay 10ms barrier acked`.
fn plan(text: &str) -> (Plan, Channel) {
    let (mut plan, mut channel) = (Plan::default(), Channel { has_barriers: true, ..UNSEEN });
    let mut words = text.split_whitespace();
    while let Some(word) = words.next() {
        let mut value = || words.next().unwrap();
        match word {
            "raw" => channel.raw = true,
            "joins" => channel.joins = true,
            "unseen" => channel.has_barriers = false,
            "chunk" => plan.cutting = Cutting::Chunk(value().parse().unwrap()),
            "cut" => plan.cutting = Cutting::Cut(value().parse().unwrap()),
            "coalesce" => plan.coalesce = NonZeroUsize::new(value().parse().unwrap()).unwrap(),
            "delay" => plan.delay = Some(value().parse().unwrap()),
            "acked" => plan.barrier = Barrier::Acked,
            "peer-read" => plan.barrier = Barrier::PeerRead,
            _ => panic!("{word}"),
        }
    }
    (plan, channel)
}

fn outbox(text: &str) -> Outbox {
    let (plan, channel) = plan(text);
    Outbox::new(&plan, channel)
}

/// Runs a script against a kernel that takes everything, or the bytes that `room N` has left, and
/// returns the steps as text. `|` in it is where `run` came to its end; times count from the start.
fn steps(text: &str, script: &str) -> String {
    let mut outbox = outbox(text);
    let start = Instant::now();
    let (mut now, mut room, mut shown) = (start, usize::MAX, String::new());
    for command in script.split(", ") {
        let (word, value) = command.split_once(' ').unwrap_or((command, ""));
        match word {
            "send" => {
                let lengths: Vec<usize> = value.split('+').map(|length| length.parse().unwrap()).collect();
                outbox.push(&vec![0; lengths.iter().sum()], lengths.into_iter());
            }
            "header" => {
                let (length, cuts) = value.split_once(' ').unwrap_or((value, ""));
                let (length, cuts) = (length.parse().unwrap(), cuts.parse().ok());
                let pieces = HeaderPieces::new(&plan(text).0, 0, length, cuts.as_ref()).unwrap();
                outbox.push_header(&vec![1; length], pieces);
            }
            "room" => room = value.parse().unwrap(),
            "wait" => now += Duration::from_millis(value.parse().unwrap()),
            "hold" => outbox.hold_last(),
            "end" => outbox.end_group(),
            "read" => outbox.passed(BarrierOutcome::Read),
            "acked" => outbox.passed(BarrierOutcome::Acked),
            "clear" => write!(shown, " clear {:?}", outbox.clear()).unwrap(),
            "run" => run(&mut outbox, start, now, &mut room, &mut shown),
            _ => panic!("{command}"),
        }
    }
    shown.trim_start().to_owned()
}

fn run(outbox: &mut Outbox, start: Instant, now: Instant, room: &mut usize, shown: &mut String) {
    loop {
        match outbox.next(now) {
            Step::Write { bytes, pin } => {
                let (asked, taken) = (bytes.len(), bytes.len().min(*room));
                *room = room.saturating_sub(taken);
                outbox.wrote(taken, pin);
                write!(shown, " {asked}").unwrap();
                shown.push_str(match pin {
                    Pin::Own => "",
                    Pin::Free => "free",
                    Pin::Hold => "held",
                });
                if taken < asked {
                    write!(shown, "/{taken} |").unwrap();
                    return;
                }
            }
            Step::Release => {
                outbox.released();
                shown.push_str(" release");
            }
            step => {
                let at = |at: Instant| (at - start).as_millis();
                return match step {
                    Step::Pause { until, length } => write!(shown, " pause {} to {} |", length.as_millis(), at(until)),
                    Step::Until(until) => write!(shown, " to {} |", at(until)),
                    Step::Barrier { offset, .. } => write!(shown, " barrier {offset} |"),
                    _ => write!(shown, " idle |"),
                }
                .unwrap();
            }
        }
    }
}

fn check(table: &[(&str, &str, &str)]) {
    for (plan, script, expected) in table {
        assert_eq!(steps(plan, script), *expected, "{plan:?}: {script}");
    }
}

#[test]
fn writes_are_cut_at_the_offsets_of_the_plan() {
    check(&[
        ("", "run, send 3+4, run", "idle | 7free idle |"),
        ("chunk 4", "run, send 10, run", "idle | 4 4 2 idle |"),
        ("chunk 4", "send 6+6, run", "4 2 4 2 idle |"),
        ("cut 1,-1", "send 5+0+5, run", "1 3 1 1 3 1 idle |"),
        ("raw chunk 4", "send 3, run, send 3, run", "3 idle | 1 2 idle |"),
        ("raw cut 2", "send 1, run, send 9, run", "1 idle | 1 8 idle |"),
        ("joins chunk 4", "send 10, run", "4free 4free 2free idle |"),
        ("joins chunk 4", "hold, send 6, run", "4free 2held idle |"),
    ]);
}

#[test]
fn piece_is_finished_after_a_short_write() {
    check(&[
        ("", "room 5, send 7, run, room 9, run", "7free/5 | 2free idle |"),
        ("chunk 4", "room 3, send 10, run, room 9, run", "4/3 | 1 4 2 idle |"),
        ("chunk 4", "room 0, send 6, run, run, room 9, run", "4/0 | 4/0 | 4 2 idle |"),
        ("chunk 4 acked", "room 3, send 6, run, room 9, run", "4/3 | 1 barrier 4 |"),
        ("chunk 4", "room 1, hold, send 4, run, send 4, room 9, run", "4held/1 | 3 4held idle |"),
    ]);
}

#[test]
fn messages_wait_until_their_group_is_full() {
    check(&[
        ("coalesce 2 cut 1", "send 5, run, send 5, run", "idle | 1 5 4 idle |"),
        ("coalesce 3", "send 5, run, end, run, send 6, run", "idle | 5 idle | idle |"),
        ("coalesce 2", "send 1+2+3+4+5, run, end, run", "3 7 idle | 5 idle |"),
        ("coalesce 9", "send 1048575, run, send 1, run", "idle | 1048576 idle |"),
        ("raw coalesce 9 chunk 4", "send 5, run", "4 1 idle |"),
    ]);
}

#[test]
fn pause_starts_when_the_last_write_was_due() {
    check(&[
        ("chunk 4 delay 10ms", "send 8, run, wait 9, run, wait 1, run", "4 pause 10 to 10 | to 10 | 4 idle |"),
        (
            "chunk 1 delay 10ms",
            "send 3, run, wait 13, run, wait 7, run",
            "1 pause 10 to 10 | 1 pause 10 to 20 | 1 idle |",
        ),
        ("chunk 1 delay 10ms", "send 3, run, wait 20, run", "1 pause 10 to 10 | 1 pause 10 to 30 |"),
        ("delay 10ms", "send 3, run, wait 50, send 3, run", "3 idle | pause 10 to 60 |"),
        ("chunk 4 delay 0ms", "send 8, run", "4 4 idle |"),
    ]);
}

#[test]
fn barrier_follows_every_whole_piece() {
    check(&[
        ("chunk 4 acked", "send 6, run, run, acked, run, acked, run", "4 barrier 4 | barrier 4 | 2 barrier 6 | idle |"),
        ("raw chunk 4 acked", "send 3, run, send 3, run, acked, run", "3 idle | 1 barrier 4 | 2 idle |"),
        ("chunk 4 delay 10ms acked", "send 8, run, wait 4, acked, run", "4 barrier 4 | pause 10 to 14 |"),
        ("unseen chunk 4 acked", "send 6, run", "4 2 idle |"),
        (
            "chunk 4 delay 10ms acked",
            "send 8, run, wait 50, acked, run, wait 10, run",
            "4 barrier 4 | pause 10 to 60 | 4 barrier 8 |",
        ),
        ("chunk 4 acked", "send 6, run, clear, run, clear", "4 barrier 4 | clear Some(4) idle | clear None"),
        ("chunk 4", "room 1, send 6, run, clear, run", "4/1 | clear None idle |"),
    ]);
}

#[test]
fn last_piece_waits_for_the_end_of_the_stream() {
    check(&[
        ("", "hold, send 6, run", "6held idle |"),
        ("chunk 4", "hold, send 6, run, send 2, run", "4 2held idle | release 2held idle |"),
        (
            "chunk 4 acked",
            "hold, send 4, run, send 2, run, acked, run",
            "4held idle | release barrier 4 | 2held idle |",
        ),
        ("raw chunk 4 acked", "hold, send 2, run, send 4, run", "2held idle | release 2 barrier 4 |"),
        ("coalesce 2", "hold, send 2+2+2, run, end, run", "4 idle | 2held idle |"),
        ("chunk 4", "hold, send 4, run, send 1, run", "4held idle | release 1held idle |"),
        ("chunk 4 delay 10ms", "hold, send 4, run, send 2, run", "4held idle | release pause 10 to 10 |"),
    ]);
}

#[test]
fn barrier_proves_a_cut_only_between_two_pieces() {
    let proofs = |outcome| {
        let mut outbox = outbox("chunk 4 peer-read");
        outbox.push(&[0; 8], std::iter::once(8));
        for _ in 0..2 {
            outbox.next(Instant::now());
            outbox.wrote(4, Pin::Own);
            outbox.passed(outcome);
        }
        outbox.clear();
        outbox.proofs() // kept when the rest was forgotten
    };
    assert_eq!(step_of_barrier("chunk 4 peer-read"), Barrier::PeerRead);
    assert_eq!(step_of_barrier("chunk 4 acked"), Barrier::Acked);
    assert_eq!(proofs(BarrierOutcome::Read), Proofs { confirmed: 1, unconfirmed: 0 });
    assert_eq!(proofs(BarrierOutcome::Acked), Proofs { confirmed: 0, unconfirmed: 1 });
    assert_eq!(proofs(BarrierOutcome::NotVisible), Proofs { confirmed: 0, unconfirmed: 1 });
    assert_eq!(proofs(BarrierOutcome::Witnessed), Proofs { confirmed: 1, unconfirmed: 0 });
    assert_eq!(proofs(BarrierOutcome::WitnessedOnce), Proofs { confirmed: 0, unconfirmed: 1 });
}

/// The write after it fails where the peer has reset the connection: the cut has divided nothing.
#[test]
fn barrier_without_a_later_write_proves_no_missing_cut() {
    let mut outbox = outbox("chunk 4 peer-read");
    outbox.push(&[0; 8], std::iter::once(8));
    outbox.next(Instant::now());
    outbox.wrote(4, Pin::Own);
    outbox.passed(BarrierOutcome::NotVisible);
    assert_eq!(outbox.proofs(), Proofs::default());
    outbox.next(Instant::now());
    outbox.wrote(4, Pin::Own);
    assert_eq!(outbox.proofs(), Proofs { confirmed: 0, unconfirmed: 1 });
}

#[test]
fn first_barrier_of_a_witness_counts_with_a_later_one() {
    for (later, proofs) in [
        (BarrierOutcome::Witnessed, Proofs { confirmed: 1, unconfirmed: 0 }),
        (BarrierOutcome::RecordWitnessed, Proofs { confirmed: 1, unconfirmed: 0 }),
        (BarrierOutcome::NotVisible, Proofs { confirmed: 0, unconfirmed: 1 }),
    ] {
        let mut outbox = outbox("chunk 4 peer-read");
        outbox.push(&[0; 8], std::iter::once(8));
        for outcome in [BarrierOutcome::WitnessedOnce, later] {
            outbox.next(Instant::now());
            outbox.wrote(4, Pin::Own);
            outbox.passed(outcome);
        }
        assert_eq!(outbox.proofs(), proofs, "{later:?}"); // the second barrier is after the last piece
    }
}

#[test]
fn barrier_before_the_next_message_proves_its_cut_too() {
    let mut outbox = outbox("raw cut 4 peer-read");
    for confirmed in [0, 1] {
        outbox.push(&[0; 4], std::iter::once(4));
        outbox.next(Instant::now());
        outbox.wrote(0, Pin::Own);
        assert_eq!(outbox.proofs(), Proofs::default());
        outbox.wrote(4, Pin::Own);
        assert_eq!(outbox.proofs(), Proofs { confirmed, unconfirmed: 0 });
        if confirmed == 0 {
            outbox.passed(BarrierOutcome::Read);
        }
    }
}

fn step_of_barrier(plan: &str) -> Barrier {
    let mut outbox = outbox(plan);
    outbox.push(&[0; 4], std::iter::once(4));
    outbox.next(Instant::now());
    outbox.wrote(4, Pin::Own);
    match outbox.next(Instant::now()) {
        Step::Barrier { offset: 4, barrier } => barrier,
        step => panic!("{step:?}"),
    }
}

#[test]
fn bytes_bypass_the_queue_only_when_it_is_empty() {
    let mut plain = outbox("");
    assert_eq!((plain.direct(), plain.is_plain()), (Some(Pin::Free), true));
    plain.wrote_directly(3);
    plain.push(b"xy", std::iter::once(5));
    assert_eq!((plain.direct(), plain.is_plain(), plain.offset(), plain.queued()), (None, false, 3, 2));
    plain.wrote(2, Pin::Free);
    plain.hold_last();
    assert_eq!((plain.direct(), plain.is_plain(), plain.offset()), (Some(Pin::Hold), false, 5));
    assert_eq!((outbox("chunk 4").direct(), outbox("chunk 4").is_idle()), (None, false));
}

#[test]
fn waiting_bytes_are_counted() {
    let mut outbox = outbox("coalesce 2 chunk 4 acked");
    let counts = |outbox: &Outbox| (outbox.queued(), outbox.backlog(), outbox.held_back(), outbox.unwritten());
    outbox.push(&[0; 5], std::iter::once(5));
    assert_eq!(counts(&outbox), (5, 0, 5, 1));
    outbox.push(&[0; 3], [3, 0].into_iter());
    assert_eq!(counts(&outbox), (8, 8, 0, 2));
    assert!(matches!(outbox.next(Instant::now()), Step::Write { bytes: [0, 0, 0, 0], pin: Pin::Own }));
    assert!(outbox.is_between_barriers() && !outbox.is_at_barrier());
    outbox.wrote(4, Pin::Own);
    assert_eq!(counts(&outbox), (4, 4, 0, 2));
    assert!(!outbox.is_between_barriers() && outbox.is_at_barrier());
}

#[test]
fn everything_is_written_once_the_last_barrier_is_passed() {
    let mut outbox = outbox("acked");
    assert!(outbox.is_written());
    outbox.push(&[0; 5], std::iter::once(5));
    assert!(!outbox.is_written());
    outbox.next(Instant::now());
    outbox.wrote(5, Pin::Own);
    assert_eq!((outbox.queued(), outbox.is_written()), (0, false), "the barrier is not passed");
    outbox.passed(BarrierOutcome::Acked);
    assert!(outbox.is_written());
}

#[test]
fn an_idle_outbox_frees_the_memory_of_a_burst() {
    let mut outbox = outbox("");
    outbox.push(&[0; 4096], std::iter::once(4096));
    outbox.wrote(4096, Pin::Free);
    assert!(outbox.queue.capacity() >= 4096);
    outbox.shrink();
    assert_eq!(outbox.queue.capacity(), 0);
}

#[test]
fn header_is_pieces_of_its_own_and_no_plan_counts_it() {
    check(&[
        ("", "header 6, send 3+4, run", "6 7free idle |"),
        ("", "header 6 2, run, send 3+4, run", "2 4 idle | 7free idle |"),
        ("", "header 6 2, room 1, run, send 3, room 9, run", "2/1 | 1 4 3free idle |"),
        ("chunk 4", "header 6 -1, send 10, run", "5 1 4 4 2 idle |"),
        ("raw cut 4", "send 10, header 6 3, run", "3 3 4 6 idle |"),
        ("coalesce 2", "header 6, send 3, run, send 4, run", "6 idle | 7 idle |"),
        (
            "peer-read",
            "header 6 3, send 5, run, read, run, read, run, read, run",
            "3 barrier 3 | 3 barrier 6 | 5 barrier 11 | idle |",
        ),
        (
            "delay 10ms",
            "header 6 3, send 5, run, wait 10, run, wait 10, run",
            "3 pause 10 to 10 | 3 pause 10 to 20 | 5 idle |",
        ),
        ("", "header 6, hold, send 5, run", "6 5held idle |"),
        ("chunk 4", "header 6 3, hold, run, send 5, run", "3 3 idle | 4 1held idle |"),
    ]);
}

#[test]
fn header_precedes_pieces_that_were_cut_before() {
    for (text, expected) in [("", "2 4 7free idle |"), ("chunk 9", "2 4 3 4 idle |")] {
        let (plan, channel) = plan(text);
        let mut outbox = Outbox::of_given_pieces(&plan, channel);
        let piece = |len| Piece { len, pause: None, is_whole: true };
        outbox.take_pieces(&mut vec![0; 3], [piece(3)].into_iter());
        let cuts = "2".parse().unwrap();
        outbox.push_header(&[1; 6], HeaderPieces::new(&plan, 0, 6, Some(&cuts)).unwrap());
        outbox.take_pieces(&mut vec![0; 4], [piece(4)].into_iter());
        let (now, mut shown) = (Instant::now(), String::new());
        run(&mut outbox, now, now, &mut usize::MAX.clone(), &mut shown);
        assert_eq!(shown.trim_start(), expected);
        assert!(outbox.is_written() && outbox.is_idle() == plan.is_plain());
    }
}

#[test]
fn bytes_of_the_header_are_counted_apart() {
    let mut outbox = outbox("");
    let counts = |outbox: &Outbox| (outbox.offset(), outbox.offset_after_header(), outbox.header_left());
    outbox.push_header(b"header", HeaderPieces::new(&Plan::default(), 0, 6, None).unwrap());
    outbox.push(b"data", [4].into_iter());
    assert_eq!(counts(&outbox), (0, 0, 6));
    assert!(matches!(outbox.next(Instant::now()), Step::Write { bytes: b"header", pin: Pin::Own }));
    outbox.wrote(4, Pin::Own);
    assert_eq!(counts(&outbox), (4, 0, 2));
    outbox.wrote(2, Pin::Own);
    assert!(matches!(outbox.next(Instant::now()), Step::Write { bytes: b"data", pin: Pin::Free }));
    outbox.wrote(3, Pin::Free);
    assert_eq!(counts(&outbox), (9, 3, 0));
    let mut cleared = Outbox::new(&Plan::default(), UNSEEN);
    cleared.push_header(b"header", HeaderPieces::new(&Plan::default(), 0, 6, None).unwrap());
    cleared.clear();
    assert_eq!(counts(&cleared), (0, 0, 0));
}
