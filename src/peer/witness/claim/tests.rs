//! A listener with connections answers the questions about them.

use proptest::prelude::*;

use super::super::stream::{Bytes, Candidates, Found, Stream, find};
use super::*;

/// The connections of a listener.
#[derive(Default)]
struct Listener(Vec<Stream>);

fn ends() -> Ends {
    Ends::of_peer("192.0.2.1:50000".parse().unwrap(), "192.0.2.2:80".parse().unwrap())
}

fn sent(bytes: &[u8]) -> Bytes {
    let mut sent = Bytes::default();
    sent.add(bytes);
    sent
}

impl Listener {
    fn accept(&mut self) -> usize {
        let cookie = self.0.len() as u64;
        self.0.push(Stream { cookie, ends: None, bytes: Bytes::default(), has_ended: false });
        self.0.len() - 1
    }

    fn read(&mut self, connection: usize, bytes: &[u8]) {
        self.0[connection].bytes.add(bytes);
    }

    fn answer(&self, question: &Question) -> Answer {
        let Question::Stream { cookie, ends, hash, .. } = question else { panic!("{question:?}") };
        match find(*cookie, ends, *hash, &self.0) {
            Found::Known(taken) => Answer::Known(taken, Duration::ZERO),
            Found::Any(progress) => Answer::Stream(progress, Duration::ZERO),
            Found::Gone => Answer::Gone,
        }
    }
}

/// One question at a barrier after these bytes, which has been waited at for this time.
fn ask_late(claim: &mut Claim, bytes: &[u8], waited: Duration, listener: &Listener, known: &mut Claims) -> Seen {
    let question = claim.question(&sent(bytes), known);
    let answer = listener.answer(&question);
    assert!(answer.fits(&question), "{answer:?}");
    claim.take(&answer, &sent(bytes), waited, known)
}

fn ask(claim: &mut Claim, bytes: &[u8], listener: &Listener, known: &mut Claims) -> Seen {
    ask_late(claim, bytes, Duration::ZERO, listener, known)
}

#[test]
fn connection_is_proven_at_its_second_barrier() {
    let (mut listener, mut known, mut claim) = (Listener::default(), Claims::default(), Claim::new(ends()));
    let ours = listener.accept();
    assert_eq!(ask(&mut claim, b"ab", &listener, &mut known), Seen::Again);
    listener.read(ours, b"a");
    assert_eq!(ask(&mut claim, b"ab", &listener, &mut known), Seen::Again, "one byte is not read");
    listener.read(ours, b"b");
    assert_eq!(ask(&mut claim, b"ab", &listener, &mut known), Seen::ReadOnce);
    assert_eq!(ask(&mut claim, b"ab", &listener, &mut known), Seen::ReadOnce, "the same barrier proves nothing more");
    assert_eq!(ask(&mut claim, b"abc", &listener, &mut known), Seen::Again);
    listener.read(ours, b"c");
    assert_eq!(ask(&mut claim, b"abc", &listener, &mut known), Seen::Read);
    assert!(claim.is_accepted() && known.has_proof());
    // The listener remembers a connection that it has closed, for a time.
    listener.0[ours].has_ended = true;
    assert_eq!(ask(&mut claim, b"abc", &listener, &mut known), Seen::Read);
    listener.0.clear();
    assert_eq!(ask(&mut claim, b"abcd", &listener, &mut known), Seen::Nothing(Refusal::Closed));
}

#[test]
fn connection_of_another_client_is_no_proof() {
    let (mut listener, mut known, mut claim) = (Listener::default(), Claims::default(), Claim::new(ends()));
    let (other, ours) = (listener.accept(), listener.accept());
    listener.read(other, b"ab");
    assert_eq!(ask(&mut claim, b"ab", &listener, &mut known), Seen::Again, "ours has read nothing");
    listener.read(ours, b"ab");
    // Whichever is ours has read them.
    assert_eq!(ask(&mut claim, b"ab", &listener, &mut known), Seen::ReadOnce);
    listener.read(other, b"cd");
    assert_eq!(ask(&mut claim, b"abc", &listener, &mut known), Seen::Again);
    listener.read(ours, b"c");
    assert_eq!(ask(&mut claim, b"abc", &listener, &mut known), Seen::Read);
}

#[test]
fn own_connections_with_equal_bytes_are_distinguished() {
    let (mut listener, mut known) = (Listener::default(), Claims::default());
    let (mut one, mut other) = (Claim::new(ends()), Claim::new(ends()));
    // A program between has connected only one of them so far.
    let first = listener.accept();
    assert_eq!(ask(&mut one, b"ab", &listener, &mut known), Seen::Again);
    listener.read(first, b"ab");
    other.question(&sent(b"ab"), &mut known);
    assert_eq!(ask(&mut one, b"ab", &listener, &mut known), Seen::Again);
    assert_eq!(ask(&mut other, b"ab", &listener, &mut known), Seen::Again);
    let second = listener.accept();
    assert_eq!(ask(&mut other, b"ab", &listener, &mut known), Seen::Again);
    listener.read(second, b"ab");
    assert_eq!(ask(&mut other, b"ab", &listener, &mut known), Seen::ReadOnce);
    assert_eq!(ask(&mut one, b"ab", &listener, &mut known), Seen::ReadOnce);
    // Their next bytes tell them apart.
    listener.read(second, b"c");
    assert_eq!(ask(&mut one, b"abcd", &listener, &mut known), Seen::Again);
    assert_eq!(ask(&mut other, b"abc", &listener, &mut known), Seen::Again, "the first one may be it, too");
    listener.read(first, b"cd");
    assert_eq!(ask(&mut one, b"abcd", &listener, &mut known), Seen::Again, "the second one may be it, too");
    assert_eq!(ask(&mut other, b"abc", &listener, &mut known), Seen::Read);
    assert_eq!(ask(&mut one, b"abcd", &listener, &mut known), Seen::Read);
}

#[test]
fn ambiguous_connection_is_refused_after_a_time() {
    let (mut listener, mut known) = (Listener::default(), Claims::default());
    let mut claim = Claim::new(ends());
    let late = |claim: &mut Claim, waited, listener: &Listener, known: &mut Claims| {
        ask_late(claim, b"ab", waited, listener, known)
    };
    let just = |limit: Duration| limit.saturating_sub(Duration::from_millis(1));
    assert_eq!(late(&mut claim, just(NOT_FOUND), &listener, &mut known), Seen::Again);
    assert_eq!(late(&mut claim, NOT_FOUND, &listener, &mut known), Seen::Nothing(Refusal::NotFound));
    assert!(claim.is_refused() && known.unknown.len() == 1, "it may still be any");
    claim.release(&mut known);
    let (first, _silent) = (listener.accept(), listener.accept());
    listener.read(first, b"ab");
    let mut claim = Claim::new(ends());
    assert_eq!(late(&mut claim, just(AMBIGUOUS), &listener, &mut known), Seen::Again);
    assert_eq!(late(&mut claim, AMBIGUOUS, &listener, &mut known), Seen::Nothing(Refusal::Ambiguous(2)));
    claim.release(&mut known);
    assert_eq!(known.given_up(), None);
    assert_eq!(late(&mut Claim::new(ends()), AMBIGUOUS, &listener, &mut known), Seen::Nothing(Refusal::Ambiguous(2)));
    assert_eq!(known.given_up(), Some(&Refusal::Ambiguous(2)));
    // A listener that has the addresses of the connection may read as late as it likes.
    listener.0[1].ends = Some(ends());
    assert_eq!(late(&mut Claim::new(ends()), 10 * NOT_FOUND, &listener, &mut Claims::default()), Seen::Again);
}

#[test]
fn lie_is_no_proof() {
    let list = |cookies: &[u64]| Candidates::of(cookies.iter().copied());
    let first = |count| {
        let progress = Progress { count, equal: list(&[7]), ..Progress::default() };
        Answer::Stream(progress, Duration::ZERO)
    };
    let later = |count, is_equal| Answer::Known(Taken { cookie: 7, count, is_equal }, Duration::ZERO);
    let miscounted = Seen::Nothing(Refusal::Miscounted);
    for (count, seen) in [(1, miscounted.clone()), (3, miscounted.clone()), (2, Seen::ReadOnce)] {
        let (mut claim, known) = (Claim::new(ends()), &mut Claims::default());
        claim.question(&sent(b"ab"), known);
        assert_eq!(claim.take(&first(count), &sent(b"ab"), Duration::ZERO, known), seen, "{count}");
    }
    for (answer, seen) in [
        (later(2, true), miscounted.clone()),
        (later(4, true), miscounted.clone()),
        (later(3, false), miscounted.clone()), // other bytes
        (later(4, false), miscounted),
        (later(2, false), Seen::Again),
        (later(3, true), Seen::Read),
        (Answer::Failed("why".into()), Seen::Nothing(Refusal::Failed("why".into()))),
    ] {
        let (mut claim, known) = (Claim::new(ends()), &mut Claims::default());
        claim.question(&sent(b"ab"), known);
        assert_eq!(claim.take(&first(2), &sent(b"ab"), Duration::ZERO, known), Seen::ReadOnce, "{answer:?}");
        claim.question(&sent(b"abc"), known);
        assert_eq!(claim.take(&answer, &sent(b"abc"), Duration::ZERO, known), seen, "{answer:?}");
    }
    // More connections than an answer lists may be there.
    let mut many = list(&[7]);
    many.total = 2;
    let answer =
        Answer::Stream(Progress { count: 2, equal: list(&[8]), behind: many, ..Progress::default() }, Duration::ZERO);
    let (mut claim, known) = (Claim::new(ends()), &mut Claims::default());
    claim.question(&sent(b"ab"), known);
    assert_eq!(claim.take(&answer, &sent(b"ab"), Duration::ZERO, known), Seen::Again);
}

/// What happens next in a run with several connections, through a program that holds bytes back.
#[derive(Clone, Copy, Debug)]
enum Next {
    /// The program makes the connection that belongs to this one of ours.
    Connect(usize),
    /// The listener reads at most this number of bytes of it.
    Read(usize, usize),
    /// It asks.
    Ask(usize),
    /// It asks after it has waited for a long time.
    AskLate(usize),
}

fn steps() -> impl Strategy<Value = Vec<Next>> {
    let step = prop_oneof![
        (0..3_usize).prop_map(Next::Connect),
        (0..3_usize, 1..3_usize).prop_map(|(one, most)| Next::Read(one, most)),
        (0..3_usize).prop_map(Next::Ask),
        (0..3_usize).prop_map(Next::AskLate),
    ];
    proptest::collection::vec(step, 0..100)
}

proptest! {
    /// Three connections of a run send the same bytes in pieces, each piece when a proof has come. No proof may come
    /// while the listener has not read all of it.
    #[test]
    fn proof_never_comes_before_the_bytes_are_read(steps in steps(), pieces in [1..4_usize, 1..4_usize, 1..4_usize]) {
        const BYTES: &[u8] = b"abababababababababababababababab";
        let (mut listener, mut known) = (Listener::default(), Claims::default());
        let mut claims = [(); 3].map(|()| Claim::new(ends()));
        let (mut lengths, mut made) = (pieces, [None; 3]);
        for (claim, length) in claims.iter_mut().zip(&lengths) {
            claim.question(&sent(&BYTES[..*length]), &mut known);
        }
        for step in steps {
            match step {
                Next::Connect(one) => {
                    made[one].get_or_insert_with(|| listener.accept());
                }
                Next::Read(one, most) => if let Some(connection) = made[one] {
                    let read = usize::try_from(listener.0[connection].bytes.digest.count).unwrap();
                    listener.read(connection, &BYTES[read..lengths[one].min(read + most)]);
                },
                Next::Ask(one) | Next::AskLate(one) => {
                    let waited = if let Next::AskLate(_) = step { NOT_FOUND } else { Duration::ZERO };
                    let bytes = &BYTES[..lengths[one]];
                    let seen = if claims[one].is_refused() {
                        Seen::Nothing(Refusal::NotFound)
                    } else {
                        ask_late(&mut claims[one], bytes, waited, &listener, &mut known)
                    };
                    let read = made[one].map_or(0, |connection| listener.0[connection].bytes.digest.count);
                    if seen == Seen::Read {
                        prop_assert_eq!(read, lengths[one] as u64);
                    }
                    // Without a proof, the acknowledgement of the program between is enough.
                    if seen != Seen::Again && lengths[one] + pieces[one] <= BYTES.len() {
                        lengths[one] += pieces[one];
                        if !claims[one].is_refused() {
                            claims[one].question(&sent(&BYTES[..lengths[one]]), &mut known);
                        }
                    }
                }
            }
        }
    }
}
