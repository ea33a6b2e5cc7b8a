//! Compares the result of a cell with the contract.

use crate::cell::{Cell, Direction, End, Peer, Side, Size, Stdin};
use crate::contract::{Expected, Seen};
use crate::conversation::Ended;
use crate::programs::EARLY;
use crate::stdio::{From, bytes_of};
use crate::support::Outcome;

/// Checks the result; the error names the difference, with the output of all programs.
pub fn check(cell: Cell, ended: &Ended) -> Result<(), String> {
    let checked = this_side(cell, ended).and_then(|()| other_side(cell, ended)).and_then(|()| bytes(cell, ended));
    checked.map_err(|wrong| {
        let describe = |name: &str, outcome: Option<&Outcome>| match outcome {
            Some(Outcome { status, signal, stdout, stderr }) => {
                let end = signal.map_or_else(|| format!("status {status:?}"), |signal| format!("signal {signal}"));
                format!("\n    {name}: {end}, {} bytes on stdout, stderr {stderr:?}", stdout.len())
            }
            None => String::new(),
        };
        let Ended { ours, peer, relay } = ended;
        wrong + &describe("ours", Some(ours)) + &describe("peer", peer.as_ref()) + &describe("relay", relay.as_ref())
    })
}

fn this_side(cell: Cell, Ended { ours, relay, .. }: &Ended) -> Result<(), String> {
    if let Some(relay) = relay {
        ensure(relay.status == Some(0), "the relay must end with status 0")?;
    }
    let expected = cell.expected();
    match cell.client() {
        Peer::Python if cell.side == Side::Relay => {
            let end = if matches!(expected, Expected::Seen(_)) { "end: reset\n" } else { "end: eof\n" };
            return ensure(ours.stderr == end, &format!("the client of the relay must see {end:?}"));
        }
        client if cell.side == Side::Relay && client != Peer::Secretcat => return Ok(()),
        _ => {}
    }
    match expected {
        Expected::Equal | Expected::Unseen(_) => {
            ensure(ours.status == Some(0), "the status must be 0")?;
            ensure(lines(cell, ours).is_empty(), "stderr must be quiet")
        }
        Expected::Seen(seen) => shows(cell, ours, seen),
    }
}

/// Checks that a loss is reported as required.
fn shows(cell: Cell, outcome: &Outcome, seen: Seen) -> Result<(), String> {
    let lines = lines(cell, outcome);
    match seen {
        Seen::Counted => {
            ensure(outcome.status == Some(1), "the status must be 1")?;
            // With --keep-open, the last line has the number of connections that lost bytes.
            let after = if cell.side == Side::Keep && outcome.stderr.starts_with("listening on ") {
                &["secretcat: 1 connection lost bytes"][..]
            } else {
                &[]
            };
            let counted = lines.split_first().is_some_and(|(first, rest)| counts(first) && rest == after);
            ensure(counted, "stderr must be one line that counts what was not sent")
        }
        Seen::StdoutFailed => {
            ensure(outcome.status == Some(2), "the status must be 2")?;
            ensure(lines.len() == 1 && lines[0].contains("stdout"), "stderr must be one line that names stdout")
        }
        Seen::ReaderGone => {
            ensure(outcome.signal == Some(13), "it must die of SIGPIPE")?;
            ensure(lines.is_empty(), "stderr must be quiet")
        }
    }
}

/// Checks the observation of the peer, if it reports one.
fn other_side(cell: Cell, Ended { peer, .. }: &Ended) -> Result<(), String> {
    let Some(peer) = peer else { return Ok(()) };
    match (cell.peer, cell.expected()) {
        (Peer::Secretcat, Expected::Equal) => {
            ensure(peer.status == Some(0), "the peer's status must be 0")?;
            ensure(lines(cell, peer).is_empty(), "the peer's stderr must be quiet")
        }
        (Peer::Python, Expected::Equal) => ensure(peer.stderr == "end: eof\n", "the peer must see the end"),
        (Peer::Secretcat, _) if cell.end == End::PeerCannotWrite => shows(cell, peer, Seen::StdoutFailed),
        (Peer::Secretcat, _) if cell.end == End::PeerClosesEarly => shows(cell, peer, Seen::ReaderGone),
        // If our end arrived, the peer waits for nothing once the kernel has all its bytes. If everything was received,
        // there is nothing to reset.
        _ if cell.sends_its_end() && (cell.end == End::OursReaderGone || cell.size == Size::Line) => Ok(()),
        _ if cell.end == End::OursReaderGone && cell.size == Size::Line => Ok(()),
        (Peer::Python, _) if cell.cannot_write() => ensure(peer.stderr == "end: reset\n", "the peer must see a reset"),
        (Peer::Secretcat, _) if cell.cannot_write() => shows(cell, peer, Seen::Counted),
        _ => Ok(()),
    }
}

/// Checks the received bytes: all, or a prefix.
fn bytes(cell: Cell, Ended { ours, peer, .. }: &Ended) -> Result<(), String> {
    let whole = cell.expected() == Expected::Equal;
    let from_peer = if cell.receives() { bytes_of(From::Peer, cell.size) } else { b"" };
    arrived("this side", &ours.stdout, from_peer, whole)?;
    let from_ours = match cell.direction {
        Direction::FromPeer => b"",
        _ if cell.in_parts() => &bytes_of(From::Ours, Size::Big)[..EARLY],
        _ => bytes_of(From::Ours, cell.size),
    };
    peer.as_ref().map_or(Ok(()), |peer| arrived("the peer", &peer.stdout, from_ours, whole))
}

/// The words of a result that lacks bytes.
const RECEIVED: &str = "has received";

/// Whether this result lacks bytes that one side has sent.
pub fn lacks_bytes(wrong: &str) -> bool {
    wrong.lines().next().is_some_and(|wrong| wrong.contains(RECEIVED))
}

fn arrived(at: &str, got: &[u8], sent: &[u8], whole: bool) -> Result<(), String> {
    let same = got.iter().zip(sent).take_while(|(got, sent)| got == sent).count();
    ensure(same == got.len(), &format!("{at} {RECEIVED} something else from byte {same} on"))?;
    ensure(!whole || got.len() == sent.len(), &format!("{at} {RECEIVED} {} bytes of {}", got.len(), sent.len()))
}

/// The lines on stderr, without those that are not failures.
fn lines(cell: Cell, outcome: &Outcome) -> Vec<&str> {
    let waits =
        "peer closed its side; still waiting for stdin (--recv-only does not read it, --end-with-peer leaves now)";
    let lines = outcome.stderr.lines().filter(|line| !line.starts_with("listening on "));
    // For a side with a pipe: its writer may be slow.
    let has_pipe = matches!(cell.stdin, Stdin::PipeNow | Stdin::PipeLate) || cell.end == End::OursFirst;
    lines.filter(|line| !has_pipe || !line.ends_with(waits)).collect()
}

/// Whether this is `N bytes not sent, M sent but not acknowledged`, and why.
fn counts(line: &str) -> bool {
    let Some((before, after)) = line.split_once(" not sent, ") else { return false };
    let Some((unacknowledged, why)) = after.split_once(" sent but not acknowledged") else { return false };
    let before = before.trim_end_matches(" bytes").trim_end_matches(" byte");
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let whole = line.len() - before.len() > after.len() && before.rsplit(' ').next().is_some_and(is_number);
    // The cause is before the numbers, or after a colon.
    whole && is_number(unacknowledged) && (!why.is_empty() || before.contains(": "))
}

fn ensure(holds: bool, what: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what.to_owned()) }
}
