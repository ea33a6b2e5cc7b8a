//! Services and clients over a layer that encodes their bytes, on the real engine and over real sockets.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::ops::ControlFlow;

use super::*;
use crate::config::Traffic;
use crate::error::Error;
use crate::frame::{Framing, Role};
use crate::io::conn::Origin;
use crate::io::reactor::Handler;
use crate::io::sockopt::Family;
use crate::io::stream::Stream;
use crate::peer::codec::{Protocol, Rotor, kind, record};
use crate::peer::life::CloseReason;
use crate::peer::outbox::Proofs;
use crate::plan::Plan;
use crate::service::secret::Secret;
use crate::service::{NoStore, standard};
use crate::trace::Side;

/// The longest wait for anything that must happen.
const DEADLINE: Duration = Duration::from_secs(120);
const SERVER: PeerId = PeerId::conn(0);
const CLIENT: PeerId = PeerId::conn(1);

const PLAIN: &str = r#"{"cutting":"whole"}"#;
const EVERY_BYTE: &str = r#"{"cutting":{"chunk":"1"},"barrier":"acked","layer":"tcp"}"#;
/// Each byte is a record.
const RECORDS: &str = r#"{"cutting":{"chunk":"1"},"barrier":"acked"}"#;
/// No message is sent before there are three.
const THREE: &str = r#"{"cutting":"whole","coalesce":3}"#;

/// A service and its client, on one event loop.
#[derive(Debug)]
struct Pair<S> {
    server: S,
    /// The messages that the client sends at once.
    messages: Vec<Vec<u8>>,
    /// When the client half-closes.
    finish: Finish,
    replies: Vec<u8>,
    client_saw_end: bool,
    /// Nobody wants to read before the server has received a message.
    waits_for_message: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Finish {
    AtOnce,
    /// After this many bytes of replies.
    After(usize),
}

impl<S: Service> Pair<S> {
    fn new(server: S, messages: &[&[u8]], finish: Finish) -> Self {
        let messages = messages.iter().map(|message| message.to_vec()).collect();
        Pair { server, messages, finish, replies: Vec::new(), client_saw_end: false, waits_for_message: false }
    }
}

impl<S: Service> Service for Pair<S> {
    fn on(&mut self, event: Event<'_>, context: &mut Context) {
        match event {
            Event::Open { peer: CLIENT } => {
                self.messages.iter().for_each(|message| context.send(CLIENT, message));
                if self.finish == Finish::AtOnce {
                    context.finish(CLIENT);
                }
            }
            Event::Message { peer: CLIENT, bytes } => {
                let before = self.replies.len();
                self.replies.extend_from_slice(bytes);
                let is_last = |count| (before + 1..=self.replies.len()).contains(&count);
                if matches!(self.finish, Finish::After(count) if is_last(count)) {
                    context.finish(CLIENT);
                }
            }
            Event::Eof { peer: CLIENT } => {
                self.client_saw_end = true;
                context.close(CLIENT);
            }
            Event::Drained { peer: CLIENT } | Event::Closed { peer: CLIENT } | Event::Failed { peer: CLIENT, .. } => {}
            other => {
                self.waits_for_message &= !matches!(other, Event::Message { .. });
                self.server.on(other, context);
            }
        }
    }

    fn wants(&self, from: PeerId) -> bool {
        // The server side reads once the handshake has brought it to reading: then its message is there.
        !self.waits_for_message || from == SERVER
    }
}

/// An exchange that runs until it has no peers.
struct Running<S> {
    exchange: Exchange<S>,
    until: Option<Instant>,
}

impl<S: Service> Handler for Running<S> {
    type Output = ();
    type Error = Error;

    fn reactor(&mut self) -> &mut Reactor {
        &mut self.exchange.reactor
    }

    fn on_event(&mut self, ready: Ready, _: Instant) -> Result<(), Error> {
        self.exchange.serve(ready);
        Ok(())
    }

    fn end_turn(&mut self, now: Instant) -> Result<ControlFlow<()>, Error> {
        let until = *self.until.get_or_insert(now + DEADLINE);
        assert!(now < until, "not at its end in time: {:?}", self.exchange.peers);
        self.exchange.reactor.wake_at(Key::Clock, until);
        Ok(if self.exchange.peers.connections() == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    }
}

/// Both ends of a new connection over loopback: the server's and the client's.
fn connected() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect_timeout(&listener.local_addr().unwrap(), DEADLINE).unwrap();
    client.set_read_timeout(Some(DEADLINE)).unwrap();
    (listener.accept().unwrap().0, client)
}

fn conn(stream: TcpStream, side: Side, plan: &str, raw: bool, protocol: Box<dyn Protocol>) -> Conn {
    stream.set_nonblocking(true).unwrap();
    let plan: Plan = serde_json::from_str(plan).unwrap();
    let traffic = Traffic { plan, ..Traffic::default() };
    let origin =
        Origin { side, peer: format!("{side:?}"), number: 0, made_for: None, sent_to_proxy: None, witness: None };
    let stream = Stream::from_socket(stream.into(), Family::V4);
    Conn::encoded(stream, origin, &traffic, raw, &Recorder::default(), protocol)
}

impl<S: Service> Running<S> {
    fn new(service: S, traits: Traits) -> Self {
        let reactor = Reactor::new(Duration::ZERO).unwrap();
        let exchange = Exchange::new(reactor, service, traits, Box::new(NoStore), None, &Recorder::default());
        Running { exchange, until: None }
    }

    fn add(&mut self, conn: Conn, framing: Framing) {
        self.exchange.add(conn, Inbox::new(framing, Role::Requests, 1024 * 1024)).unwrap();
    }

    /// Runs it until all peers are gone. How the connections ended, the server's first.
    fn run(&mut self) -> Vec<Ended> {
        Reactor::run(self).unwrap();
        let mut ended = std::mem::take(&mut self.exchange.ended);
        ended.sort_by_key(|ended| ended.id);
        ended
    }
}

/// Runs a service and its client over a layer, each with this plan.
fn converse<S: Service>(pair: Pair<S>, traits: Traits, plan: &str) -> (Pair<S>, Vec<Ended>) {
    let (server, client) = connected();
    let mut running = Running::new(pair, traits);
    running.add(conn(server, Side::Listen, plan, traits.raw, Rotor::end(false)), traits.framing);
    running.add(conn(client, Side::Connect, plan, traits.raw, Rotor::end(true)), Framing::Raw);
    let ended = running.run();
    (running.exchange.hosted.service, ended)
}

/// Has a client that is a mere socket write these bytes to the service, and half-close if it `ends`. How the
/// connection ended, and the bytes that the client got.
fn serve_bytes(sent: &[u8], ends: bool) -> (Ended, Vec<u8>) {
    let (server, mut client) = connected();
    client.write_all(sent).unwrap();
    if ends {
        client.shutdown(Shutdown::Write).unwrap();
    }
    let mut running = Running::new(Secret::new(None, Framing::Lines), Secret::TRAITS);
    running.add(conn(server, Side::Listen, PLAIN, false, Rotor::end(false)), Framing::Lines);
    let ended = running.run().remove(0);
    drop(running);
    let mut received = Vec::new();
    client.read_to_end(&mut received).unwrap();
    (ended, received)
}

fn records(list: &[(u8, &[u8])]) -> Vec<u8> {
    let mut wire = Vec::new();
    for (kind, body) in list {
        record(*kind, body, &mut wire);
    }
    wire
}

fn is_done(ended: &[Ended]) -> bool {
    ended.iter().all(|ended| matches!(ended.reason, CloseReason::Done))
}

fn failure(ended: &Ended) -> (io::ErrorKind, String) {
    let CloseReason::Failed(error) = &ended.reason else { panic!("{:?}", ended.reason) };
    (error.kind(), error.to_string())
}

const MESSAGES: [&[u8]; 3] = [b"SECRET 12\n", b"none\n", b"a longer SECRET than one record holds: 345\n"];
const REPLIES: &[u8] = b"Digits: 12   Count: 2\nSecret code not found.\nDigits: 345   Count: 3\n";

#[test]
fn messages_pass_a_layer_both_ways_however_the_wire_is_cut() {
    for (plan, finish) in [
        (PLAIN, Finish::After(REPLIES.len())),
        (EVERY_BYTE, Finish::After(REPLIES.len())),
        (RECORDS, Finish::After(REPLIES.len())),
        (THREE, Finish::After(REPLIES.len())),
        // Asked for within the handshake.
        (PLAIN, Finish::AtOnce),
        (EVERY_BYTE, Finish::AtOnce),
        (RECORDS, Finish::AtOnce),
        (THREE, Finish::AtOnce),
    ] {
        let pair = Pair::new(Secret::new(None, Framing::Lines), &MESSAGES, finish);
        let (pair, ended) = converse(pair, Secret::TRAITS, plan);
        assert_eq!(pair.replies, REPLIES, "{plan} {finish:?}");
        assert!(pair.client_saw_end && is_done(&ended), "{ended:?}");
        // All figures count plaintext.
        let sent = MESSAGES.concat().len() as u64;
        let figures = ended.iter().map(|ended| ended.account.unwrap()).map(|it| (it.bytes_in, it.bytes_out, it.eof));
        assert_eq!(
            figures.collect::<Vec<_>>(),
            [(sent, REPLIES.len() as u64, true), (REPLIES.len() as u64, sent, true)]
        );
        assert!(ended.iter().all(|ended| ended.account.unwrap().sending.unsent == 0));
    }
}

#[test]
fn barriers_prove_bytes_of_the_wire() {
    let pair = Pair::new(Secret::new(None, Framing::Lines), &[b"SECRET 1\n"], Finish::AtOnce);
    let (_, ended) = converse(pair, Secret::TRAITS, EVERY_BYTE);
    let proofs = ended[1].account.unwrap().sending.proofs;
    // The hello, the message and the close; the barrier after the last byte that was queued divides nothing.
    let wire = records(&[(kind::HELLO, b"hello"), (kind::DATA, b"SECRET 1\n"), (kind::CLOSE, b"")]).len() as u64;
    assert_eq!(proofs.confirmed, 0);
    assert!((wire - 2..wire).contains(&proofs.unconfirmed), "{proofs:?} of {wire} bytes");
    assert_ne!(proofs, Proofs::default());
}

#[test]
fn handshake_needs_no_wish_to_read() {
    let pair = Pair::new(Secret::new(None, Framing::Lines), &MESSAGES, Finish::After(REPLIES.len()));
    let pair = Pair { waits_for_message: true, ..pair };
    let (pair, ended) = converse(pair, Secret::TRAITS, PLAIN);
    assert_eq!(pair.replies, REPLIES);
    assert!(is_done(&ended), "{ended:?}");
}

#[test]
fn more_than_may_be_queued_waits_for_the_handshake() {
    // The client's echo goes to itself: all of it is queued before the first byte is read.
    let large: Vec<u8> = (0..1_000_000u32).map(|n| n.to_le_bytes()[0]).collect();
    let entry = standard::Echo::ENTRY;
    let pair = Pair::new(standard::Echo, &[&large], Finish::After(large.len()));
    let (pair, ended) = converse(pair, entry.traits, PLAIN);
    assert_eq!(pair.replies.len(), large.len());
    assert!(pair.replies == large && pair.client_saw_end && is_done(&ended), "{ended:?}");
}

#[test]
fn source_streams_over_a_layer_to_its_end() {
    let pair = Pair::new(standard::Source::new(Some(300_000)), &[], Finish::After(300_000));
    let (pair, ended) = converse(pair, standard::Source::TRAITS, PLAIN);
    assert_eq!(pair.replies.len(), 300_000);
    assert!(pair.client_saw_end && is_done(&ended), "{ended:?}");
}

#[test]
fn close_of_the_layer_is_an_end_before_the_fin() {
    let sent = records(&[(kind::HELLO, b"hello"), (kind::DATA, b"SECRET 7"), (kind::CLOSE, b"")]);
    for ends in [true, false] {
        let (ended, received) = serve_bytes(&sent, ends);
        // The rest without a line feed is a last message.
        let (first, second) = (b"Digits: 7   Coun", b"t: 1\n");
        let replies = records(&[(kind::WELCOME, b""), (kind::DATA, first), (kind::DATA, second), (kind::CLOSE, b"")]);
        assert_eq!(received, replies);
        assert!(matches!(ended.reason, CloseReason::Done), "{ended:?}");
    }
}

#[test]
fn fin_without_a_close_of_the_layer_is_a_failure() {
    let sent = records(&[(kind::HELLO, b"hello"), (kind::DATA, b"SECRET 7\nSECRET 8")]);
    let (ended, received) = serve_bytes(&sent, true);
    let text = "the connection was cut off: FIN without a close of Rotor (data may be missing)";
    assert_eq!(failure(&ended), (io::ErrorKind::UnexpectedEof, text.to_owned()));
    // The rest is no message.
    assert_eq!(ended.unfinished, b"SECRET 8");
    let replies = records(&[(kind::WELCOME, b""), (kind::DATA, b"Digits: 7   Coun"), (kind::DATA, b"t: 1\n")]);
    assert_eq!(received, replies);
}

#[test]
fn fin_within_the_handshake_is_a_failure() {
    for sent in [&b""[..], b"\x01", b"\x01\x05hell"] {
        let (ended, received) = serve_bytes(sent, true);
        let text = "the peer closed the connection within the Rotor handshake (does it speak Rotor?)";
        assert_eq!(failure(&ended), (io::ErrorKind::UnexpectedEof, text.to_owned()));
        assert_eq!(received, b"");
    }
}

#[test]
fn violation_is_answered_and_ends_the_connection() {
    // More than the kernel of the server was asked for in one read: closing with unread bytes would reset.
    let rest = vec![b'G'; 200_000];
    let greeting = records(&[(kind::HELLO, b"hello"), (kind::DATA, b"SECRET 7\n")]);
    let welcome = records(&[(kind::WELCOME, b"")]);
    for (before, answered) in [(Vec::new(), Vec::new()), (greeting, welcome)] {
        let (ended, received) = serve_bytes(&[before.as_slice(), &rest].concat(), true);
        let text = "a record of kind 71 does not belong here";
        assert_eq!(failure(&ended), (io::ErrorKind::InvalidData, text.to_owned()));
        assert_eq!(received, [answered, records(&[(kind::ALERT, b"")])].concat());
    }
}

/// Counts the events of a service.
#[derive(Debug, Default)]
struct Count(usize);

impl Service for Count {
    fn on(&mut self, _: Event<'_>, _: &mut Context) {
        self.0 += 1;
    }
}

#[test]
fn stalled_handshake_ends_and_no_service_learns_of_it() {
    for sent in [&b""[..], b"\x01\x05hell"] {
        let (server, mut client) = connected();
        client.write_all(sent).unwrap();
        let mut running = Running::new(Count::default(), Secret::TRAITS);
        running.exchange.limit_openings(Duration::from_millis(1));
        running.add(conn(server, Side::Listen, PLAIN, false, Rotor::end(false)), Framing::Lines);
        let ended = running.run().remove(0);
        assert_eq!(failure(&ended), (io::ErrorKind::TimedOut, "no handshake within 1ms".to_owned()));
        assert_eq!(running.exchange.hosted.service.0, 0);
    }
}

#[test]
fn stalled_header_ends_and_no_service_learns_of_it() {
    for sent in [&b""[..], b"PROXY TCP4 192."] {
        let (server, mut client) = connected();
        client.write_all(sent).unwrap();
        let mut running = Running::new(Count::default(), Secret::TRAITS);
        running.exchange.limit_openings(Duration::from_millis(1));
        let mut conn = conn(server, Side::Listen, PLAIN, false, Rotor::end(false));
        conn.expect_header();
        running.add(conn, Framing::Lines);
        let ended = running.run().remove(0);
        assert_eq!(failure(&ended), (io::ErrorKind::TimedOut, "no PROXY header within 1ms".to_owned()));
        assert_eq!(running.exchange.hosted.service.0, 0);
    }
}
