//! A host with sockets answers the questions about them, as `secretcat witness` does.

use super::super::protocol::MOST_SOCKETS;
use super::*;

/// A host with a witness: its sockets, each with its bytes received and not read.
#[derive(Default)]
struct Host(Vec<(Socket, u64, u64)>);

fn ends(local: &str, remote: &str) -> Ends {
    Ends { local: local.parse().unwrap(), remote: remote.parse().unwrap() }
}

impl Host {
    fn add(&mut self, cookie: u64, local: &str, remote: &str) {
        self.0.push((Socket { cookie, ends: ends(local, remote) }, 0, 0));
    }

    fn set(&mut self, cookie: u64, received: u64, unread: u64) {
        let socket = self.0.iter_mut().find(|(socket, ..)| socket.cookie == cookie).unwrap();
        (socket.1, socket.2) = (received, unread);
    }

    fn answer(&self, question: &Question) -> Answer {
        match question {
            Question::Stream { .. } => panic!("{question:?}"),
            Question::Sockets { received, .. } => {
                let all = self.0.iter().filter(|(_, bytes, _)| bytes == received).map(|(socket, ..)| *socket);
                let all: Vec<_> = all.collect();
                Answer::Sockets(Found { first: all.len(), total: all.len(), sockets: all })
            }
            Question::Read { cookie, ends, after, .. } => {
                let is_it =
                    |socket: &Socket| socket.ends == *ends && cookie.is_none_or(|cookie| cookie == socket.cookie);
                self.0.iter().find(|(socket, ..)| is_it(socket)).map_or(Answer::Gone, |&(socket, received, unread)| {
                    let unread = (received > *after).then_some(unread);
                    let waited = Duration::ZERO;
                    Answer::Read(Reading { cookie: socket.cookie, first: received, received, unread, waited })
                })
            }
        }
    }
}

const OURS: &str = "192.0.2.1:50000";
const SERVER: &str = "192.0.2.2:80";

/// A connection from this address to the server.
fn from(ours: &str) -> Identity {
    Identity::new(ends(SERVER, ours))
}

/// Asks at a barrier until the answer settles it, with all bytes acknowledged; `Again` after ten questions.
fn barrier(identity: &mut Identity, sent: u64, host: &Host, known: &mut Knowledge) -> Seen {
    for _ in 0..10 {
        let Some(question) = identity.question(sent, true, known) else { break };
        let answer = host.answer(&question);
        assert!(answer.fits(&question));
        match identity.take(&answer, sent, true, false, known) {
            Seen::Again => {}
            seen => return seen,
        }
    }
    Seen::Again
}

#[test]
fn socket_is_accepted_at_the_second_barrier() {
    let (mut host, mut known, mut identity) = (Host::default(), Knowledge::default(), from(OURS));
    host.add(1, SERVER, OURS);
    host.set(1, 4, 0);
    assert_eq!(barrier(&mut identity, 4, &host, &mut known), Seen::ReadOnce);
    assert_eq!(barrier(&mut identity, 4, &host, &mut known), Seen::Again, "the same barrier proves nothing more");
    host.set(1, 9, 2);
    assert_eq!(barrier(&mut identity, 9, &host, &mut known), Seen::Again, "two bytes are not read");
    host.set(1, 9, 0);
    assert_eq!(barrier(&mut identity, 9, &host, &mut known), Seen::Read);
    // The way is known now.
    host.add(2, SERVER, "192.0.2.1:50001");
    host.set(2, 4, 0);
    assert_eq!(barrier(&mut from("192.0.2.1:50001"), 4, &host, &mut known), Seen::Read);
}

#[test]
fn translated_socket_is_found_by_its_bytes() {
    for remote in [OURS, "172.17.0.1:50000", "172.17.0.1:33333"] {
        let (mut host, mut known, mut identity) = (Host::default(), Knowledge::default(), from(OURS));
        host.add(1, "172.17.0.2:8080", "10.9.9.9:1000");
        host.add(2, "172.17.0.2:8080", remote);
        host.set(1, 3, 0);
        host.set(2, 4, 0);
        assert_eq!(barrier(&mut identity, 4, &host, &mut known), Seen::ReadOnce, "{remote}");
        host.set(2, 9, 0);
        assert_eq!(barrier(&mut identity, 9, &host, &mut known), Seen::Read, "{remote}");
        // The next connection is translated in the same way, unless its port is another one each time.
        let (port, first) = if remote.ends_with("33333") { ("33334", Seen::ReadOnce) } else { ("50001", Seen::Read) };
        let (ip, _) = remote.split_once(':').unwrap();
        host.add(3, "172.17.0.2:8080", &format!("{ip}:{port}"));
        host.set(3, 4, 0);
        assert_eq!(barrier(&mut from("192.0.2.1:50001"), 4, &host, &mut known), first, "{remote}");
    }
}

#[test]
fn several_sockets_with_as_many_bytes_prove_nothing() {
    let (mut host, mut known) = (Host::default(), Knowledge::default());
    for cookie in 1..=3 {
        host.add(cookie, "172.17.0.2:8080", &format!("172.17.0.1:{}", 40_000 + cookie));
        host.set(cookie, 4, 0);
    }
    let mut identity = from(OURS);
    assert_eq!(barrier(&mut identity, 4, &host, &mut known), Seen::Nothing(Refusal::Ambiguous(3)));
    host.set(2, 9, 0);
    assert_eq!(barrier(&mut identity, 9, &host, &mut known), Seen::ReadOnce, "one barrier later there is only one");
    // The socket of a connection is not that of another one.
    host.set(1, 9, 0);
    host.set(3, 5, 0);
    assert_eq!(barrier(&mut from("192.0.2.1:50001"), 9, &host, &mut known), Seen::ReadOnce);
    // More than an answer lists may be there.
    let listed = vec![host.0[0].0; MOST_SOCKETS];
    let many = Answer::Sockets(Found { first: 70, total: 70, sockets: listed });
    let mut third = from("192.0.2.1:50002");
    third.take(&Answer::Gone, 4, true, false, &mut known);
    assert_eq!(third.take(&many, 4, true, false, &mut known), Seen::Nothing(Refusal::Ambiguous(70)));
}

#[test]
fn socket_with_the_right_port_is_preferred() {
    let (mut host, mut known, mut identity) = (Host::default(), Knowledge::default(), from(OURS));
    host.add(1, "172.17.0.2:8080", "172.17.0.1:33333");
    host.add(2, "172.17.0.2:8080", "172.17.0.1:50000");
    host.set(1, 4, 0);
    host.set(2, 4, 3);
    assert_eq!(barrier(&mut identity, 4, &host, &mut known), Seen::Again, "its program has not read");
    host.set(2, 4, 0);
    assert_eq!(barrier(&mut identity, 4, &host, &mut known), Seen::ReadOnce);
}

#[test]
fn acknowledged_bytes_that_are_missing_refuse_the_way() {
    let (mut host, mut known, mut identity) = (Host::default(), Knowledge::default(), from(OURS));
    host.add(1, "172.17.0.2:8080", "172.17.0.1:33333");
    host.set(1, 4, 0);
    assert_eq!(barrier(&mut identity, 4, &host, &mut known), Seen::ReadOnce);
    assert_eq!(barrier(&mut identity, 9, &host, &mut known), Seen::Nothing(Refusal::Behind));
    assert_eq!(known.given_up(), Some(&Refusal::Behind));
    assert_eq!(identity.question(20, true, &known), None);
}

#[test]
fn socket_that_comes_late_is_behind_another_program() {
    let (mut known, mut identity) = (Knowledge::default(), from(OURS));
    assert_eq!(identity.take(&Answer::Gone, 4, true, false, &mut known), Seen::Again);
    let socket = Socket { cookie: 1, ends: ends("127.0.0.1:80", "127.0.0.1:33333") };
    let late = Answer::Sockets(Found { first: 0, total: 1, sockets: vec![socket] });
    assert_eq!(identity.take(&late, 4, true, false, &mut known), Seen::Nothing(Refusal::Behind));
}

#[test]
fn bytes_under_way_are_waited_for() {
    let (mut host, mut known, mut identity) = (Host::default(), Knowledge::default(), from(OURS));
    host.add(1, SERVER, OURS);
    host.set(1, 2, 0);
    let ask = |identity: &mut Identity, host: &Host, known: &mut Knowledge| {
        let question = identity.question(4, false, known).unwrap();
        identity.take(&host.answer(&question), 4, false, false, known)
    };
    assert_eq!(ask(&mut identity, &host, &mut known), Seen::Again);
    host.set(1, 4, 0);
    assert_eq!(ask(&mut identity, &host, &mut known), Seen::ReadOnce);
    // Before they are acknowledged, no socket is looked for by its bytes.
    let mut other = from("192.0.2.1:50001");
    assert_eq!(ask(&mut other, &host, &mut known), Seen::Again);
    assert_eq!(other.question(4, false, &known), None);
}

#[test]
fn socket_that_has_received_other_bytes_is_refused() {
    let (mut host, mut known, mut identity) = (Host::default(), Knowledge::default(), from(OURS));
    host.add(1, SERVER, OURS);
    host.set(1, 4, 0);
    assert_eq!(barrier(&mut identity, 4, &host, &mut known), Seen::ReadOnce);
    host.set(1, 10, 0);
    assert_eq!(barrier(&mut identity, 9, &host, &mut known), Seen::Nothing(Refusal::Miscounted));
}

#[test]
fn witness_without_the_sockets_is_given_up() {
    let (host, mut known) = (Host::default(), Knowledge::default());
    for port in 1..=MOST_REFUSALS {
        assert_eq!(known.given_up(), None);
        let mut identity = from(&format!("192.0.2.1:{port}"));
        assert_eq!(barrier(&mut identity, 4, &host, &mut known), Seen::Nothing(Refusal::NotFound));
        assert!(identity.is_refused());
    }
    assert_eq!(known.given_up(), Some(&Refusal::NotFound));
}

#[test]
fn server_that_closes_at_once_does_not_count_against_the_way() {
    let (mut host, mut known) = (Host::default(), Knowledge::default());
    for _ in 0..2 * MOST_REFUSALS {
        let mut identity = from(OURS);
        // The last barrier of a message that was not cut.
        identity.take(&Answer::Gone, 9, true, true, &mut known);
        let none = Answer::Sockets(Found { first: 0, total: 0, sockets: Vec::new() });
        assert_eq!(identity.take(&none, 9, true, true, &mut known), Seen::Nothing(Refusal::NotFound));
        assert!(!identity.is_refused());
        host.add(1, SERVER, OURS);
        host.set(1, 4, 0);
        assert_eq!(barrier(&mut identity, 4, &host, &mut known), Seen::ReadOnce);
        host.0.clear();
        assert_eq!(barrier(&mut identity, 9, &host, &mut known), Seen::Nothing(Refusal::Closed));
    }
    assert_eq!(known.given_up(), None);
}
