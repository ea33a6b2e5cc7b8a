//! Clients of a stand-in: live, recorded and given replies.

use super::*;
use crate::service::Action::{self, Close, Dial, Finish, Reset, Send};

const CLIENT: PeerId = PeerId::conn(1);
const SERVER: PeerId = PeerId::conn(2);
const ROOM: usize = 1000;

fn after(bytes: usize) -> After {
    After { bytes, end: false }
}

/// The actions of a stand-in for each of these events of its run 7, as text.
struct Script(StandIn);

impl Script {
    fn new(replies: Replies) -> Self {
        let mut stand_in = StandIn::default();
        stand_in.begin(7, replies, ROOM);
        stand_in.accept(7);
        Script(stand_in)
    }

    fn on(&mut self, event: Event<'_>) -> Vec<(Action, String)> {
        let mut context = Context::default();
        self.0.on(event, &mut context);
        context.script()
    }

    fn sends(&mut self, peer: PeerId, bytes: &[u8]) -> Vec<(Action, String)> {
        self.on(Event::Message { peer, bytes })
    }
}

fn send(to: PeerId, text: &str) -> (Action, String) {
    (Send(to, text.len()), text.to_owned())
}

fn act(action: Action) -> (Action, String) {
    (action, String::new())
}

/// Requests `ab` and `c`, replies to each, and the end of the server.
fn recording() -> Recording {
    let reply = |at, text: &str| Reply { after: after(at), bytes: text.into() };
    let replies = vec![reply(0, "hi"), reply(2, "AB"), reply(3, "C")];
    let first = Recorded { requests: b"abc".to_vec(), replies, end: ServerEnd::Closed(after(3)) };
    let second = Recorded { end: ServerEnd::Reset(after(1)), ..Recorded::default() };
    Recording { connections: vec![first, second] }
}

#[test]
fn live_replies_are_relayed_and_recorded() {
    let mut script = Script::new(Replies::Live);
    assert_eq!(script.on(Event::Open { peer: CLIENT }), [act(Dial(CLIENT))]);
    assert!(!script.0.wants(CLIENT));
    assert_eq!(script.on(Event::Linked { client: CLIENT, server: SERVER }), []);
    assert_eq!((script.0.sink(CLIENT), script.0.sink(SERVER)), (SERVER, CLIENT));
    assert_eq!(script.sends(SERVER, b"h"), [send(CLIENT, "h")]);
    assert_eq!(script.sends(SERVER, b"i"), [send(CLIENT, "i")]);
    assert_eq!(script.sends(CLIENT, b"ab"), [send(SERVER, "ab")]);
    assert_eq!(script.sends(SERVER, b"AB"), [send(CLIENT, "AB")]);
    assert_eq!(script.sends(CLIENT, b"c"), [send(SERVER, "c")]);
    assert_eq!(script.sends(SERVER, b"C"), [send(CLIENT, "C")]);
    assert_eq!(script.on(Event::Eof { peer: SERVER }), [act(Finish(CLIENT))]);
    assert_eq!(script.on(Event::Eof { peer: CLIENT }), [act(Close(SERVER)), act(Close(CLIENT))]);
    let Recording { connections } = script.0.end(7).unwrap();
    assert_eq!(connections, recording().connections[..1]);
}

#[test]
fn end_of_the_client_comes_before_the_reply_to_it() {
    let mut script = Script::new(Replies::Live);
    script.on(Event::Open { peer: CLIENT });
    script.on(Event::Linked { client: CLIENT, server: SERVER });
    script.sends(CLIENT, b"a");
    assert_eq!(script.on(Event::Eof { peer: CLIENT }), [act(Finish(SERVER))]);
    script.sends(SERVER, b"A");
    assert_eq!(script.on(Event::Eof { peer: SERVER }), [act(Close(SERVER)), act(Close(CLIENT))]);
    let recording = script.0.end(7).unwrap();
    let ended = After { bytes: 1, end: true };
    assert_eq!(recording.connections[0].replies, [Reply { after: ended, bytes: b"A".to_vec() }]);

    let mut replayed = Script::new(Replies::Recorded(recording));
    assert_eq!(replayed.on(Event::Open { peer: CLIENT }), []);
    assert_eq!(replayed.sends(CLIENT, b"a"), []);
    assert_eq!(replayed.on(Event::Eof { peer: CLIENT }), [send(CLIENT, "A"), act(Finish(CLIENT)), act(Close(CLIENT))]);
}

#[test]
fn server_that_fails_or_is_missing_resets_its_client() {
    let mut script = Script::new(Replies::Live);
    script.on(Event::Open { peer: CLIENT });
    script.on(Event::Linked { client: CLIENT, server: SERVER });
    assert_eq!(script.on(Event::Failed { peer: SERVER, why: "reset" }), [act(Reset(CLIENT))]);
    assert_eq!(script.on(Event::Closed { peer: SERVER }), []);
    assert_eq!(script.0.end(7).unwrap().connections[0].end, ServerEnd::Reset(after(0)));

    let mut script = Script::new(Replies::Live);
    script.on(Event::Open { peer: CLIENT });
    assert!(!script.0.was_unreachable(7));
    assert_eq!(script.on(Event::Unreachable { client: CLIENT }), [act(Reset(CLIENT))]);
    assert!(script.0.was_unreachable(7));
}

#[test]
fn client_that_is_gone_ends_its_server() {
    let mut script = Script::new(Replies::Live);
    script.on(Event::Open { peer: CLIENT });
    script.on(Event::Linked { client: CLIENT, server: SERVER });
    assert_eq!(script.on(Event::Closed { peer: CLIENT }), [act(Close(SERVER))]);
    script.on(Event::Open { peer: CLIENT });
    script.on(Event::Closed { peer: CLIENT });
    assert_eq!(script.on(Event::Linked { client: CLIENT, server: SERVER }), [act(Close(SERVER))]);
}

#[test]
fn recorded_replies_follow_the_bytes_of_the_client() {
    let mut script = Script::new(Replies::Recorded(recording()));
    assert_eq!(script.on(Event::Open { peer: CLIENT }), [send(CLIENT, "hi")]);
    assert_eq!(script.sends(CLIENT, b"a"), []);
    assert_eq!(script.sends(CLIENT, b"b"), [send(CLIENT, "AB")]);
    assert_eq!(script.sends(CLIENT, b"c"), [send(CLIENT, "C"), act(Finish(CLIENT))]);
    assert_eq!(script.sends(CLIENT, b"d"), []);
    let (second, third) = (PeerId::conn(3), PeerId::conn(4));
    assert_eq!(script.0.accept(7), 1);
    assert_eq!(script.on(Event::Open { peer: second }), []);
    assert_eq!(script.sends(second, b"x"), [act(Reset(second))]);
    assert_eq!(script.on(Event::Open { peer: third }), [act(Reset(third))]);
    assert_eq!(script.0.accept(7), 3);
}

#[test]
fn each_request_gets_the_next_given_reply() {
    let replies: Vec<Vec<u8>> = ["hi\n", "A\n", "B\n", "C\n"].map(Into::into).into();
    let given = Given { replies: replies.into(), framing: Framing::Lines, greeting: 1, max_message: 100 };
    let mut script = Script::new(Replies::Given(given));
    assert_eq!(script.on(Event::Open { peer: CLIENT }), [send(CLIENT, "hi\n")]);
    assert_eq!(script.sends(CLIENT, b"a\nb"), [send(CLIENT, "A\n")]);
    assert_eq!(script.sends(CLIENT, b"\n"), [send(CLIENT, "B\n")]);
    let second = PeerId::conn(3);
    assert_eq!(script.on(Event::Open { peer: second }), []);
    assert_eq!(script.sends(second, b"c\n"), [send(second, "C\n"), act(Finish(second))]);
    let Recording { connections } = script.0.end(7).unwrap();
    let shown: Vec<_> = connections.iter().flat_map(|recorded| &recorded.replies).map(|reply| reply.after).collect();
    assert_eq!(shown, [after(0), after(3), after(4), after(2)]);
    assert_eq!(connections[1].end, ServerEnd::Closed(after(2)));
}

#[test]
fn raw_client_gets_the_reply_for_its_first_bytes() {
    let given = Given { replies: [b"all".to_vec()].into(), framing: Framing::Raw, greeting: 0, max_message: 100 };
    let mut script = Script::new(Replies::Given(given));
    assert_eq!(script.on(Event::Open { peer: CLIENT }), []);
    assert_eq!(script.sends(CLIENT, b"a"), [send(CLIENT, "all"), act(Finish(CLIENT))]);
    assert_eq!(script.sends(CLIENT, b"b"), []);
}

#[test]
fn recording_without_room_is_not_used() {
    for (client, server) in [(ROOM, 1), (0, ROOM + 1)] {
        let mut script = Script::new(Replies::Live);
        script.on(Event::Open { peer: CLIENT });
        script.on(Event::Linked { client: CLIENT, server: SERVER });
        script.sends(CLIENT, &vec![0; client]);
        // It is relayed all the same.
        assert_eq!(script.sends(SERVER, &vec![b'x'; server])[0].0, Send(CLIENT, server));
        script.sends(SERVER, b"more");
        assert_eq!(script.0.end(7), None);
    }
}
