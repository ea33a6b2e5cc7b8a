//! Servers with a broker between them that passes messages on, drops them or repeats them.

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::Value;

use super::super::event::{Entrance, MemberId, Request};
use super::super::line::show;
use super::*;

const BROKER: PeerId = PeerId::conn(9);
const ANN: MemberId = PeerId::conn(1);
/// The member's name and number at each server.
const NAME: &[u8] = b"ann";

/// A server with one member in the room lab.
struct Server {
    engine: Engine,
    via: Via,
    context: Context,
    now: Moment,
}

fn secs(secs: u64) -> Moment {
    Moment { elapsed: Duration::from_secs(secs), time: Timestamp::from_millis(1_700_000_000_000 + secs * 1000) }
}

/// The operations of a client in these bytes: the subject and the payload of each PUB, and nothing of the others.
fn published(mut bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    while let Some(end) = bytes.windows(2).position(|end| end == b"\r\n") {
        let line = String::from_utf8(bytes[..end].to_vec()).unwrap();
        bytes = &bytes[end + 2..];
        if let ["PUB", subject, len] = line.split(' ').collect::<Vec<_>>()[..] {
            let len: usize = len.parse().unwrap();
            all.push((subject.to_owned(), bytes[..len].to_vec()));
            bytes = &bytes[len + 2..];
        }
    }
    all
}

impl Server {
    fn new(id: u64) -> Server {
        let mut engine = Engine::new(Limits::default());
        let via = Via::begin(Broker { id: id << 48, login: None, tls: false }, &mut engine, secs(0));
        let mut server = Server { engine, via, context: Context::at(secs(0)), now: secs(0) };
        server.engine.enter(ANN, Entrance { name: Some(NAME), ..Entrance::default() }, secs(0)).unwrap();
        server.ask(Request::Join { room: b"lab" });
        server
    }

    /// Does something at this server. Returns the lines that its member gets, and what is published.
    fn act(&mut self, act: impl FnOnce(&mut Via, &mut Scene<'_>)) -> (Vec<String>, Vec<(String, Vec<u8>)>) {
        self.context.set_now(self.now);
        let mut effects = Vec::new();
        let Server { engine, via, context, .. } = self;
        act(via, &mut Scene { engine, effects: &mut effects, context, recorded: false });
        via.publish(engine, context);
        engine.check();
        let lines = effects.iter().filter_map(|effect| match effect {
            Effect::Deliver { event, to } if to.contains(&ANN) && !event.what.is_unannounced() => {
                let mut line = Vec::new();
                show::event(event, &mut line);
                Some(String::from_utf8(line).unwrap().trim_end().to_owned())
            }
            _ => None,
        });
        let lines = lines.collect();
        let sent: Vec<_> = context.script().into_iter().map(|(_, bytes)| bytes).collect();
        (lines, published(sent.concat().as_bytes()))
    }

    fn ask(&mut self, request: Request<'_>) -> (Vec<String>, Vec<(String, Vec<u8>)>) {
        self.act(|_, scene| {
            scene.engine.handle(ANN, request, scene.context.now(), scene.effects).unwrap();
        })
    }

    fn say(&mut self, text: &str) -> Vec<(String, Vec<u8>)> {
        self.ask(Request::Say { room: b"lab", text: text.as_bytes(), tone: Tone::Message }).1
    }

    /// The connection to the broker is made.
    fn connect(&mut self) -> (Vec<String>, Vec<(String, Vec<u8>)>) {
        self.act(|via, scene| {
            assert!(via.on(&Event::Linked { client: PeerId::Console, server: BROKER }, scene));
            assert!(via.on(&Event::Message { peer: BROKER, bytes: b"INFO {}\r\nPONG\r\n" }, scene));
        })
    }

    /// The broker is lost.
    fn lose(&mut self) -> Vec<String> {
        self.act(|via, scene| assert!(via.on(&Event::Failed { peer: BROKER, why: "reset" }, scene))).0
    }

    /// The broker is lost, and back after this time. Returns what it publishes.
    fn lose_and_connect(&mut self, seconds: u64) -> Vec<(String, Vec<u8>)> {
        self.lose();
        self.pass(seconds);
        self.connect().1
    }

    /// It gets these messages. Returns the lines of its member, and what it publishes.
    fn get(&mut self, messages: &[(String, Vec<u8>)]) -> (Vec<String>, Vec<(String, Vec<u8>)>) {
        let own = outgoing::private(self.via.id);
        let mut bytes = Vec::new();
        for (subject, payload) in messages {
            if subject.starts_with("secretcat.rooms.private.") && *subject != own {
                continue; // it has not subscribed to that
            }
            bytes.extend_from_slice(format!("MSG {subject} 1 {}\r\n", payload.len()).as_bytes());
            bytes.extend_from_slice(payload);
            bytes.extend_from_slice(b"\r\n");
        }
        self.act(|via, scene| assert!(via.on(&Event::Message { peer: BROKER, bytes: &bytes }, scene)))
    }

    fn pass(&mut self, seconds: u64) -> (Vec<String>, Vec<(String, Vec<u8>)>) {
        self.now = secs(self.now.elapsed.as_secs() + seconds);
        self.act(|via, scene| {
            via.on_timer(scene);
            if via.is_broker(BROKER) {
                via.on(&Event::Message { peer: BROKER, bytes: b"PONG\r\n" }, scene);
            }
        })
    }

    fn names(&self) -> Vec<String> {
        let room = self.engine.room(b"lab").unwrap();
        self.engine.names(room).iter().map(ToString::to_string).collect()
    }
}

/// Two servers that know each other.
fn two() -> (Server, Server) {
    let (mut a, mut b) = (Server::new(0xaaaa), Server::new(0xbbbb));
    let hello_of_a = a.connect().1;
    let (lines, hello_of_b) = b.connect();
    assert!(lines.is_empty());
    a.get(&hello_of_b);
    b.get(&hello_of_a);
    assert_eq!((a.names(), b.names()), (vec!["ann".into(), "ann/bbbb".into()], vec!["ann".into(), "ann/aaaa".into()]));
    (a, b)
}

#[test]
fn event_of_one_server_is_seen_at_the_other() {
    let (mut a, mut b) = two();
    let mut seen = |request| b.get(&a.ask(request).1);
    let line = Request::Say { room: b"lab", text: b"hi\xff", tone: Tone::Message };
    assert_eq!(seen(line), (vec!["ann/aaaa> hi\\xff".into()], vec![]));
    let topic = Request::Topic { room: b"lab", text: b"exam" };
    assert_eq!(seen(topic), (vec!["* ann/aaaa set the topic: exam".into()], vec![]), "and it is not published again");
    let private = Request::Message { to: b"ann/bbbb", text: b"psst", tone: Tone::Message };
    assert_eq!(seen(private).0, ["ann/aaaa (private)> psst"]);
    assert_eq!(seen(Request::Nick { name: b"eve" }).0, ["* ann/aaaa is now eve/aaaa"]);
    assert_eq!(seen(Request::Part { room: b"lab", reason: b"tea" }).0, ["* eve/aaaa left lab (tea)"]);
    assert_eq!(seen(Request::Join { room: b"LAB" }).0, ["* eve/aaaa joined lab"]);
    assert_eq!(b.names(), ["ann", "eve/aaaa"]);
    let (_, bye) = a.act(|via, scene| via.end(scene.context));
    assert_eq!(b.get(&bye).0, ["* server aaaa has stopped: 1 member left"]);
    assert_eq!(b.names(), ["ann"]);
}

#[test]
fn private_lines_between_members_here_are_not_published() {
    let (mut a, _) = two();
    let bob = PeerId::conn(2);
    a.engine.enter(bob, Entrance { name: Some(b"bob"), ..Entrance::default() }, a.now).unwrap();
    assert!(a.ask(Request::Message { to: b"bob", text: b"psst", tone: Tone::Message }).1.is_empty());
    let sent = a.ask(Request::Message { to: b"ann/bbbb", text: b"psst", tone: Tone::Message }).1;
    assert_eq!(sent[0].0, "secretcat.rooms.private.bbbb000000000000");
    let unknown =
        a.engine.handle(ANN, Request::Message { to: b"ann/cccc", text: b"x", tone: Tone::Message }, a.now, &mut vec![]);
    assert_eq!(unknown.unwrap_err().to_string(), "no member has the name ann/cccc");
}

#[test]
fn repeated_lines_are_left_out_and_missing_ones_are_counted() {
    let (mut a, mut b) = two();
    let lines: Vec<_> = ["1", "2", "3", "4", "5"].map(|text| a.say(text)).to_vec();
    assert_eq!(b.get(&lines[0]).0, ["ann/aaaa> 1"]);
    assert_eq!(b.get(&[lines[0].clone(), lines[1].clone()].concat()).0, ["ann/aaaa> 2"]);
    assert_eq!(b.get(&lines[4]).0, ["* 2 lines are missing here, of server aaaa", "ann/aaaa> 5"]);
    assert_eq!(b.get(&lines[3]).0, Vec::<String>::new(), "it was counted as missing, and its order would be wrong");
}

#[test]
fn both_sides_of_an_outage_know_how_long_it_was() {
    let (mut a, mut b) = two();
    assert_eq!(a.lose(), ["* this room no longer reaches other servers"]);
    assert_eq!((a.names(), a.engine.is_cut_off()), (vec!["ann".to_owned()], true));
    assert!(a.say("alone").is_empty());
    a.pass(12);
    b.pass(12);
    let (lines, hello) = a.connect();
    assert_eq!(lines, ["* this room reaches other servers again: the lines of 12 seconds are missing"]);
    let (lines, answer) = b.get(&hello);
    assert_eq!(
        lines,
        ["* server aaaa is back: its lines of 12 seconds are missing", "* 1 line is missing here, of server aaaa"]
    );
    assert!(answer.is_empty());
    let answer = b.pass(1).1;
    a.get(&answer);
    assert_eq!((a.names(), b.names()), (vec!["ann".into(), "ann/bbbb".into()], vec!["ann".into(), "ann/aaaa".into()]));
}

#[test]
fn outage_of_all_servers_is_reported_once() {
    let (mut a, mut b) = two();
    a.lose();
    b.lose();
    a.pass(12);
    b.pass(12);
    let again = "* this room reaches other servers again: the lines of 12 seconds are missing";
    let (of_a, hello_of_a) = a.connect();
    let (of_b, hello_of_b) = b.connect();
    assert_eq!((of_a, of_b), (vec![again.to_owned()], vec![again.to_owned()]));
    assert_eq!((a.get(&hello_of_b).0, b.get(&hello_of_a).0), (vec![], vec![]));
    // One that comes later has missed more.
    let (mut a, mut b) = two();
    a.lose();
    b.lose();
    a.pass(12);
    a.connect();
    a.pass(5);
    b.pass(17);
    let lines = a.get(&b.connect().1).0;
    assert_eq!(lines, ["* server bbbb is back: its lines of 17 seconds are missing"]);
}

#[test]
fn silent_server_is_gone_and_its_members_with_it() {
    let (mut a, mut b) = two();
    for _ in 0..3 {
        let here = a.pass(5).1;
        b.pass(5);
        assert_eq!(b.get(&here), (vec![], vec![]));
    }
    b.pass(10);
    assert_eq!(b.pass(4).0, Vec::<String>::new());
    assert_eq!(b.pass(1).0, ["* server aaaa no longer answers: 1 member left"]);
    assert_eq!(b.names(), ["ann"]);
    // It was only slow: its members are asked for again.
    let here = a.pass(5).1;
    let asks = b.get(&here).1;
    a.get(&asks);
    let answer = a.pass(1).1;
    b.get(&answer);
    assert_eq!(b.names(), ["ann", "ann/aaaa"]);
}

#[test]
fn newer_topic_wins_at_all_servers() {
    let (mut a, mut b) = two();
    a.lose();
    b.lose();
    a.ask(Request::Topic { room: b"lab", text: b"older" });
    b.now = secs(3);
    b.ask(Request::Topic { room: b"lab", text: b"newer" });
    a.pass(5);
    b.pass(2);
    let (hello_of_a, hello_of_b) = (a.connect().1, b.connect().1);
    assert_eq!(b.get(&hello_of_a).0, Vec::<String>::new());
    assert_eq!(a.get(&hello_of_b).0, ["* ann/bbbb set the topic: newer"]);
    assert_eq!(a.get(&hello_of_b).0, Vec::<String>::new());
}

#[test]
fn records_that_no_server_sends_change_nothing() {
    let (mut a, mut b) = two();
    let line = String::from_utf8(a.say("hi")[0].1.clone()).unwrap();
    let edited = |from: &str, to: &str| {
        assert!(line.contains(from), "{line}");
        line.replacen(from, to, 1)
    };
    let cases = [
        "nonsense".to_owned(),
        edited("aaaa000000000000", "bbbb000000000000"), // its own
        edited("\"ann\"", "\"an n\""),
        edited("\"ann\"", "\"ann/cccc\""),
        edited("\"lab\"", "\"la\\u001b[31mb\""),
        edited("\"hi\"", &format!("\"{}\"", "x".repeat(4097))),
        edited("\"hi\"", "\"\""),
        edited("\"line\"", "\"private\""),
        edited("\"line\"", "\"renamed\""),
    ];
    for case in cases {
        let got = b.get(&[(outgoing::LINES.to_owned(), case.clone().into_bytes())]);
        assert_eq!(got.0, Vec::<String>::new(), "{case}");
    }
    let control = edited("\"hi\"", "\"a\\u001b[2J\\nb\"").replace("\"sequence\":1", "\"sequence\":9").into_bytes();
    let lines = b.get(&[(outgoing::LINES.to_owned(), control)]).0;
    assert_eq!(lines.last().map(String::as_str), Some("ann/aaaa> a\\x1b[2J"));
}

#[test]
fn every_kind_of_record_is_in_the_schema() {
    let (mut a, mut b) = two();
    let mut records = a.lose_and_connect(3);
    let line = |tone, text| Request::Say { room: b"lab", text, tone };
    let to = b"ann/bbbb";
    let requests = [
        line(Tone::Message, b"hi"),
        line(Tone::Notice, b"\xff"),
        Request::Message { to, text: b"psst", tone: Tone::Message },
        Request::Message { to, text: b"\xff", tone: Tone::Notice },
        Request::Topic { room: b"lab", text: b"exam" },
        Request::Topic { room: b"lab", text: b"\xff" },
        Request::Nick { name: b"eve" },
        Request::Part { room: b"lab", reason: b"tea" },
        Request::Join { room: b"#two" },
    ];
    b.get(&records);
    a.get(&b.pass(1).1); // the label of the server is known again
    records.extend(requests.into_iter().flat_map(|request| a.ask(request).1));
    records.extend(a.pass(5).1);
    let stranger = (outgoing::MEMBERS.to_owned(), br#"{"kind":"here","server":"cccc000000000000"}"#.to_vec());
    records.extend(a.get(&[stranger]).1);
    records.extend(a.act(|_, scene| scene.engine.leave(ANN, b"", scene.context.now(), scene.effects)).1);
    records.extend(a.act(|via, scene| via.end(scene.context)).1);

    let schema: Value = serde_json::from_str(include_str!("../../../../tests/cases/record.schema.json")).unwrap();
    assert!(jsonschema::draft202012::meta::is_valid(&schema));
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    let (mut kinds, mut fields) = (BTreeSet::new(), BTreeSet::new());
    for (_, record) in &records {
        let value: Value = serde_json::from_slice(record).unwrap();
        let wrong: Vec<String> = validator.iter_errors(&value).map(|error| error.to_string()).collect();
        assert!(wrong.is_empty(), "{value}: {wrong:?}");
        let mut more = value.clone();
        more["surprise"] = Value::from(1);
        assert!(!validator.is_valid(&more), "{more}");
        let kind = value["kind"].as_str().unwrap().to_owned();
        fields.extend(value.as_object().unwrap().keys().map(|field| (kind.clone(), field.clone())));
        kinds.insert(kind);
    }
    let promised = schema["oneOf"].as_array().unwrap();
    let name = |kind: &Value| kind["properties"]["kind"]["const"].as_str().unwrap().to_owned();
    assert_eq!(kinds, promised.iter().map(name).collect());
    for kind in promised {
        for field in kind["properties"].as_object().unwrap().keys() {
            let field = (name(kind), field.clone());
            assert!(field == ("left".to_owned(), "base64".to_owned()) || fields.contains(&field), "{field:?}");
        }
    }
}

#[test]
fn records_without_a_needed_field_are_not_in_the_schema() {
    let schema: Value = serde_json::from_str(include_str!("../../../../tests/cases/record.schema.json")).unwrap();
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    let id = "\"server\":\"b07b07b07b07b070\"";
    for (fields, is_valid) in [
        ("\"kind\":\"line\",\"user\":\"bot\",\"room\":\"lab\",\"text\":\"hi\"", true), // of a bot
        ("\"kind\":\"line\",\"user\":\"bot\",\"room\":\"lab\"", false),
        ("\"kind\":\"line\",\"user\":\"bot\",\"room\":\"lab\",\"text\":\"hi\",\"base64\":\"aGk=\"", false),
        ("\"kind\":\"line\",\"user\":\"bot\",\"text\":\"hi\"", false),
        ("\"kind\":\"private\",\"user\":\"bot\",\"text\":\"hi\"", false),
        ("\"kind\":\"renamed\",\"user\":\"bot\"", false),
        ("\"kind\":\"members\",\"room\":\"lab\"", false),
        ("\"kind\":\"shout\"", false),
        ("\"user\":\"bot\"", false),
    ] {
        let record = serde_json::from_str(&format!("{{{id},{fields}}}")).unwrap();
        assert_eq!(validator.is_valid(&record), is_valid, "{record}");
    }
}

#[test]
fn broker_that_floods_is_closed() {
    let (_, mut b) = two();
    let record = b"{\"kind\":\"here\",\"server\":\"cccc000000000000\"}".to_vec();
    let flood = vec![(outgoing::MEMBERS.to_owned(), record); 5000];
    let mut closed = None;
    for second in 0..60 {
        b.now = secs(second);
        b.get(&flood);
        if !b.via.is_connected() {
            closed = Some(second);
            break;
        }
        assert_eq!(b.via.wants(), b.via.paused_until.is_none());
    }
    assert_eq!(closed, Some(16), "more than 2000 a second since second 5, when 20,000 were used up");
}

/// Records that resemble those of servers.
fn record() -> impl Strategy<Value = String> {
    let words = |words: &[&str]| prop::sample::select(words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>());
    let kind =
        words(&["line", "topic", "private", "joined", "left", "renamed", "members", "hello", "ask", "here", "bye"]);
    let name = || words(&["ann", "bob", "Ann", "a/b", "", "operator"]);
    let room = words(&["\"lab\"", "\"#lab\"", "\"two\"", "\"a b\"", "\"\"", "null"]);
    let server = words(&["aaaa000000000000", "cccc000000000000", "bbbb000000000000", "x"]);
    (kind, server, name(), name(), room, 0_u64..5).prop_map(|(kind, server, user, other, room, number)| {
        format!(
            "{{\"kind\":\"{kind}\",\"server\":\"{server}\",\"user\":\"{user}\",\"room\":{room},\"to\":\"ann\",\
             \"name\":\"{other}\",\"users\":[\"{user}\",\"{other}\"],\"sequence\":{number},\"text\":\"x\",\"missing\":{number}}}"
        )
    })
}

proptest! {
    #[test]
    fn any_records_leave_the_rooms_consistent(records in prop::collection::vec(record(), 0..60), seconds in 0_u64..30) {
        let (_, mut b) = two();
        for record in records {
            for subject in [outgoing::LINES.to_owned(), outgoing::private(b.via.id)] {
                b.get(&[(subject, record.clone().into_bytes())]);
            }
        }
        b.pass(seconds);
        b.lose();
        prop_assert_eq!(b.names(), ["ann"]);
    }
}
