//! The endings of a connection, each bug of an ending that was fixed once, and any sequence of inputs.

mod any_inputs;

use super::*;

const LINGER: Duration = Duration::from_secs(1);
const ACK: Duration = Duration::from_secs(5);

fn at(now: Instant) -> At {
    At { now, linger: LINGER, ack_timeout: None, is_receipt: false }
}

fn acked(now: Instant) -> At {
    At { ack_timeout: Some(ACK), ..at(now) }
}

fn reset_by_peer() -> io::Error {
    io::Error::from_raw_os_error(libc::ECONNRESET)
}

fn reason(life: Life) -> String {
    match life.into_reason() {
        CloseReason::Failed(error) => format!("failed: {}", error.kind()),
        other => format!("{other:?}"),
    }
}

fn end_peer(life: &mut Life, now: Instant) -> Step {
    life.note_peer_end();
    life.on(Input::Turn, at(now))
}

/// A connection that is being closed in order and has written everything.
fn lingering(now: Instant) -> Life {
    let mut life = Life::new(false);
    assert_eq!(life.on(Input::Close, at(now)), Step::Idle);
    assert_eq!(life.on(Input::Written, at(now)), Step::HalfClose);
    assert_eq!(life.on(Input::HalfClosed(true), at(now)), Step::Until(now + LINGER));
    life
}

#[test]
fn a_polite_close_writes_half_closes_and_waits_for_the_peer() {
    let now = Instant::now();
    let mut life = lingering(now);
    assert_eq!((life.reading(), life.is_fin_sent()), (Reading::Discard, true));
    assert_eq!(end_peer(&mut life, now), Step::Close);
    assert!(!life.resets() && !life.is_ended_by_peer());
    assert_eq!(reason(life), "Done");
}

#[test]
fn a_half_close_leaves_the_connection_open() {
    let now = Instant::now();
    let mut life = Life::new(false);
    assert_eq!(life.on(Input::Finish, at(now)), Step::Idle);
    assert_eq!(life.on(Input::Written, at(now)), Step::HalfClose);
    assert_eq!(life.on(Input::HalfClosed(true), at(now)), Step::Idle);
    assert_eq!((life.reading(), life.is_open()), (Reading::Process, false));
    assert_eq!(end_peer(&mut life, now), Step::Idle);
    assert_eq!(life.on(Input::Close, at(now)), Step::Close, "both directions have ended");
}

/// 2ec02b9: with --reset-on-close an ordinary end sent a FIN first, and then there was nothing left to reset.
#[test]
fn reset_on_close_sends_no_fin() {
    let now = Instant::now();
    let mut life = Life::new(true);
    assert_eq!(life.on(Input::Close, at(now)), Step::Idle);
    assert_eq!(life.on(Input::Written, at(now)), Step::Close);
    assert!(life.resets() && !life.is_fin_sent());
}

/// 096c973: a reset drops what is in flight, so it waits for the acknowledgement of everything.
#[test]
fn a_reset_waits_until_everything_is_acknowledged() {
    let now = Instant::now();
    let mut life = Life::new(false);
    assert_eq!(life.on(Input::Reset, at(now)), Step::Idle);
    assert_eq!(life.on(Input::Written, at(now)), Step::AskForAcknowledgements { since: now });
    let again = now + Duration::from_millis(1);
    let waiting = Input::Acknowledgements { outstanding: 5, again: Some(again) };
    assert_eq!(life.on(waiting, at(now)), Step::Until(again));
    assert_eq!(life.on(Input::Written, at(again)), Step::AskForAcknowledgements { since: now });
    let all = Input::Acknowledgements { outstanding: 0, again: None };
    assert_eq!(life.on(all, at(again)), Step::Close);
    assert!(life.resets() && !life.is_fin_sent());
}

/// b97752d: the count of unacknowledged bytes stays after a reset, so the error has to end the wait.
#[test]
fn an_error_ends_the_wait_for_acknowledgements() {
    let now = Instant::now();
    let mut life = Life::new(false);
    life.on(Input::Close, acked(now));
    life.on(Input::Written, acked(now));
    assert_eq!(life.on(Input::HalfClosed(true), acked(now)), Step::AskForAcknowledgements { since: now });
    assert_eq!(life.on(Input::Failed(reset_by_peer()), acked(now)), Step::Close);
    assert_eq!(reason(life), "failed: connection reset");
}

/// c5a2f2d: the end of the wait for the peer was set once, and the alarm of an earlier read replaced it.
#[test]
fn every_turn_sets_the_end_of_the_wait_for_the_peer() {
    let now = Instant::now();
    let mut life = lingering(now);
    for millis in [1, 500, 999] {
        let later = now + Duration::from_millis(millis);
        assert_eq!(life.on(Input::Received(4), at(later)), Step::Until(now + LINGER));
        assert_eq!(life.on(Input::Turn, at(later)), Step::Until(now + LINGER));
    }
    assert_eq!(life.on(Input::Turn, at(now + LINGER)), Step::Close);
}

/// a7cb8e6: a source kept a client that could not be written to and had ended.
#[test]
fn a_broken_connection_closes_at_the_peers_end() {
    let now = Instant::now();
    let mut life = Life::new(false);
    let failed = Input::WriteFailed { error: reset_by_peer(), unsent: 7 };
    assert_eq!(life.on(failed, at(now)), Step::Idle, "received bytes can still be read");
    assert_eq!((life.reading(), life.is_open(), life.is_broken()), (Reading::Process, false, true));
    life.on(Input::Refused(3), at(now));
    assert_eq!(end_peer(&mut life, now), Step::Close);
    assert_eq!(life.unsent(), 10);
    assert_eq!(reason(life), "failed: connection reset");
}

#[test]
fn a_write_that_fails_after_the_peers_end_closes() {
    let now = Instant::now();
    let mut life = Life::new(false);
    assert_eq!(end_peer(&mut life, now), Step::Idle);
    let failed = Input::WriteFailed { error: reset_by_peer(), unsent: 1 };
    assert_eq!(life.on(failed, at(now)), Step::Close);
    assert_eq!(reason(life), "failed: connection reset");
}

/// A barrier or a write took the reset from the kernel, and the next read found an end: it counted as a FIN, and as a
/// reset where the read was faster.
#[test]
fn end_that_is_read_after_a_reset_is_no_fin() {
    let now = Instant::now();
    let fails = |life: &mut Life, kind: io::ErrorKind| {
        life.on(Input::WriteFailed { error: kind.into(), unsent: 7 }, at(now));
    };
    for (kind, is_fin) in [(io::ErrorKind::ConnectionReset, false), (io::ErrorKind::BrokenPipe, true)] {
        let mut life = Life::new(false);
        fails(&mut life, kind);
        assert_eq!((end_peer(&mut life, now), life.is_closed_by_fin()), (Step::Close, is_fin), "{kind}");
        let mut life = Life::new(false);
        end_peer(&mut life, now);
        fails(&mut life, kind);
        assert!(life.is_closed_by_fin(), "{kind}");
    }
}

#[test]
fn a_broken_connection_has_nothing_to_reset() {
    let now = Instant::now();
    let mut life = Life::new(false);
    life.on(Input::WriteFailed { error: reset_by_peer(), unsent: 0 }, at(now));
    assert_eq!(life.on(Input::Reset, at(now)), Step::Close);
    assert_eq!(reason(life), "failed: connection reset");
}

/// A relay read and dropped what a client sent, until it had the last bytes of a server that was gone.
#[test]
fn reset_after_our_fin_reads_nothing_more_from_the_peer() {
    let now = Instant::now();
    let not_acknowledged = |outstanding, at| Input::Acknowledgements { outstanding, again: Some(at) };
    for fin_sent in [false, true] {
        let mut life = Life::new(false);
        if fin_sent {
            life.on(Input::Finish, at(now));
            assert_eq!(life.on(Input::Written, at(now)), Step::HalfClose);
            life.on(Input::HalfClosed(true), at(now));
        }
        life.on(Input::Reset, at(now));
        assert_eq!(life.on(Input::Written, at(now)), Step::AskForAcknowledgements { since: now });
        assert_eq!(life.reading(), if fin_sent { Reading::Nothing } else { Reading::Discard });
        // The peer may wait for its own bytes to be read: without progress, the wait after a FIN has an end.
        for (outstanding, seconds) in [(9, 0), (5, 1), (5, 2)] {
            let later = now + seconds * LINGER;
            let step = life.on(not_acknowledged(outstanding, later + LINGER), at(later));
            let is_over = fin_sent && seconds == 2;
            assert_eq!(step, if is_over { Step::Close } else { Step::Until(later + LINGER) }, "{fin_sent} {seconds}");
        }
        life.on(Input::Acknowledgements { outstanding: 0, again: None }, at(now + 2 * LINGER));
        assert!(life.is_closed() && life.resets());
    }
}

/// fa6e9a0: a peer that had ended its side lost what was still queued for it.
#[test]
fn the_peers_end_does_not_cut_off_queued_bytes() {
    let now = Instant::now();
    let mut life = Life::new(false);
    end_peer(&mut life, now);
    assert_eq!(life.on(Input::Close, at(now)), Step::Idle, "bytes are still queued");
    assert_eq!(life.on(Input::Turn, at(now + 9 * LINGER)), Step::Idle);
    assert_eq!(life.on(Input::Written, at(now + 9 * LINGER)), Step::HalfClose);
    life.on(Input::HalfClosed(true), at(now + 9 * LINGER));
    assert_eq!(life.on(Input::Turn, at(now + 9 * LINGER)), Step::Close);
    assert!(life.is_ended_by_peer());
}

/// 4d62f03: a stream that was cut off by --idle-timeout ended like a complete one.
#[test]
fn an_idle_connection_that_is_incomplete_is_reset() {
    let now = Instant::now();
    for is_complete in [true, false] {
        let mut life = Life::new(false);
        assert_eq!(life.on(Input::Idle { is_complete }, at(now)), Step::Close);
        assert_eq!(life.resets(), !is_complete);
        assert_eq!(reason(life), "Idle");
    }
}

/// 4d62f03 and 1020422: whoever is cut off by a shutdown gets a reset and is counted; others get everything.
#[test]
fn shutdown_resets_only_incomplete_connections() {
    let now = Instant::now();
    let mut life = Life::new(false);
    life.on(Input::Shutdown { limit: 10 }, at(now));
    life.on(Input::Received(4), at(now));
    assert_eq!((life.drains(), life.reading()), (Some(6), Reading::Process));
    life.on(Input::Received(400), at(now));
    assert_eq!(life.drains(), Some(0));
    assert_eq!(life.on(Input::Drained(AfterDrain::Abort), at(now)), Step::Idle, "queued bytes go first");
    assert_eq!(life.on(Input::Written, at(now)), Step::Close);
    assert!(life.resets() && life.is_aborted_by_shutdown() && !life.is_fin_sent());

    let mut life = Life::new(false);
    life.on(Input::Shutdown { limit: 10 }, at(now));
    assert_eq!(life.on(Input::Drained(AfterDrain::Close), at(now)), Step::Idle);
    assert_eq!(life.on(Input::Written, at(now)), Step::HalfClose);
    assert!(!life.resets() && !life.is_aborted_by_shutdown());

    let mut life = Life::new(false);
    life.on(Input::Shutdown { limit: 10 }, at(now));
    life.on(Input::Drained(AfterDrain::TreatAsEof), at(now));
    assert_eq!((life.drains(), life.reading()), (None, Reading::Process));

    let mut life = Life::new(false);
    assert_eq!(life.on(Input::AbortByShutdown, at(now)), Step::Idle);
    assert!(life.is_processing() && life.resets() && life.is_aborted_by_shutdown());
}

#[test]
fn a_drop_with_queued_bytes_resets() {
    let now = Instant::now();
    for (unsent, resets) in [(0, false), (1, true)] {
        let mut life = Life::new(false);
        assert_eq!(life.on(Input::Drop { unsent }, at(now)), Step::Close);
        assert_eq!(life.resets(), resets);
    }
    let mut life = Life::new(false);
    assert_eq!(life.on(Input::Abort, at(now)), Step::Close);
    assert!(life.resets());
}

#[test]
fn discarded_bytes_of_a_stream_end_it_with_a_reset() {
    let now = Instant::now();
    for is_receipt in [false, true] {
        let mut life = lingering(now);
        life.on(Input::Received(1), At { is_receipt, ..at(now) });
        assert_eq!(life.resets(), is_receipt);
    }
}

#[test]
fn acknowledgements_are_awaited_while_they_arrive() {
    let now = Instant::now();
    let mut life = Life::new(false);
    life.on(Input::CloseNow, acked(now));
    life.on(Input::Written, acked(now));
    assert_eq!(life.on(Input::HalfClosed(true), acked(now)), Step::AskForAcknowledgements { since: now });
    let again = |at: Instant| Some(at + Duration::from_millis(1));
    let ask = |outstanding, at| Input::Acknowledgements { outstanding, again: again(at) };
    assert_eq!(life.on(ask(100, now), acked(now)), Step::Until(now + Duration::from_millis(1)));
    let later = now + ACK / 2; // fewer bytes are outstanding: the time begins anew
    assert_eq!(life.on(ask(40, later), acked(later)), Step::Until(later + Duration::from_millis(1)));
    let late = now + ACK;
    assert_eq!(life.on(ask(40, late), acked(late)), Step::Until(late + Duration::from_millis(1)));
    let too_late = later + ACK;
    assert_eq!(life.on(ask(40, too_late), acked(too_late)), Step::Close);
    assert_eq!(reason(life), "Unacknowledged");
}

#[test]
fn a_hurried_close_does_not_wait_for_the_peers_end() {
    let now = Instant::now();
    let mut life = Life::new(false);
    assert_eq!(life.on(Input::Close, acked(now)), Step::Idle, "bytes are still queued");
    life.on(Input::CloseNow, acked(now));
    life.on(Input::Close, acked(now)); // does not take the hurry back
    life.on(Input::Written, acked(now));
    life.on(Input::HalfClosed(true), acked(now));
    let all = Input::Acknowledgements { outstanding: 0, again: None };
    assert_eq!(life.on(all, acked(now)), Step::Close);
    assert_eq!(reason(life), "Done");
}

#[test]
fn a_hurried_close_ends_the_wait_for_the_peer() {
    let now = Instant::now();
    let mut life = lingering(now);
    assert_eq!(life.on(Input::CloseNow, acked(now)), Step::AskForAcknowledgements { since: now });
    let all = Input::Acknowledgements { outstanding: 0, again: None };
    assert_eq!(life.on(all, acked(now)), Step::Close);
    assert_eq!(reason(life), "Done");
}

#[test]
fn a_hurried_close_waits_for_bytes_that_are_still_queued() {
    let now = Instant::now();
    let mut life = Life::new(false);
    assert_eq!(life.on(Input::CloseNow, acked(now)), Step::AskForAcknowledgements { since: now });
    let none = Input::Acknowledgements { outstanding: 9, again: None };
    assert_eq!(life.on(none, acked(now)), Step::Until(now + ACK));
    let late = Input::Acknowledgements { outstanding: 9, again: None };
    assert_eq!(life.on(late, acked(now + ACK)), Step::Close);
    assert_eq!(reason(life), "Unacknowledged");
}

#[test]
fn an_error_after_a_close_is_reported_as_the_reason() {
    let now = Instant::now();
    let mut life = lingering(now);
    assert_eq!(life.on(Input::Failed(reset_by_peer()), at(now)), Step::Close);
    assert_eq!(reason(life), "failed: connection reset");
}

#[test]
fn a_peer_that_has_reset_needs_no_fin() {
    let now = Instant::now();
    let mut life = Life::new(false);
    life.on(Input::Finish, at(now));
    life.on(Input::Written, at(now));
    life.on(Input::HalfClosed(false), at(now));
    assert!(!life.is_fin_sent() && !life.is_open() && !life.is_end_due());
}

#[test]
fn the_session_can_ask_for_every_part_of_the_state() {
    let now = Instant::now();
    let state = |life: &Life| {
        let facts = [
            (life.is_open(), "open"),
            (life.is_end_due(), "end due"),
            (life.is_half_close_due(), "half-close due"),
            (life.is_resetting(), "resetting"),
            (life.is_processing(), "processing"),
            (life.is_lingering(), "lingering"),
            (life.is_ending(), "ending"),
            (life.has_peer_ended(), "peer ended"),
            (life.is_violated(), "violated"),
        ];
        facts.iter().filter(|(holds, _)| *holds).map(|(_, word)| *word).collect::<Vec<_>>().join(", ")
    };
    let mut life = Life::new(false);
    assert_eq!(state(&life), "open, processing");
    life.on(Input::Finish, at(now));
    assert_eq!(state(&life), "end due, half-close due, processing, ending");
    life.on(Input::Close, at(now));
    assert_eq!(state(&life), "end due, half-close due, ending");
    life.on(Input::Written, at(now));
    life.on(Input::HalfClosed(true), at(now));
    assert_eq!(state(&life), "lingering, ending");
    end_peer(&mut life, now);
    assert_eq!(state(&life), "ending, peer ended");
    let mut life = Life::new(false);
    life.on(Input::Reset, at(now));
    assert_eq!(state(&life), "end due, resetting, ending");
    let mut life = Life::new(false);
    life.on(Input::Violated, at(now));
    assert_eq!(state(&life), "end due, half-close due, ending, violated");
}
