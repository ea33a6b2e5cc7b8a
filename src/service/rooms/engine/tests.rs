//! Tests of the engine: what members ask for, and who gets which event.

use super::super::history::{History, Place};
use super::super::name::InvalidName;
use super::super::pace::Rate;
use super::*;
use crate::value::Timestamp;

/// An engine, the time, and what was delivered so far.
struct Scene {
    engine: Engine,
    now: Moment,
    effects: Vec<Effect>,
}

const ANN: MemberId = MemberId::conn(1);
const BOB: MemberId = MemberId::conn(2);
const EVE: MemberId = MemberId::conn(3);
const OPERATOR: MemberId = MemberId::Console;

impl Scene {
    fn new(limits: Limits) -> Scene {
        let now = Moment { elapsed: Duration::from_secs(100), time: Timestamp::from_millis(1_000_000) };
        Scene { engine: Engine::new(limits), now, effects: Vec::new() }
    }

    /// Ann, Bob and Eve, who are in the lobby.
    fn with_three() -> Scene {
        let mut scene = Scene::new(Limits::default());
        for (id, name) in [(ANN, "ann"), (BOB, "bob"), (EVE, "eve")] {
            scene.enter(id, name).unwrap();
            scene.ask(id, Request::Join { room: b"lobby" }).unwrap();
        }
        scene.effects.clear();
        scene
    }

    fn enter(&mut self, id: MemberId, name: &str) -> Result<Name, Refusal> {
        let entrance = Entrance { name: Some(name.as_bytes()), ..Entrance::default() };
        self.engine.enter(id, entrance, self.now)
    }

    fn enter_operator(&mut self) {
        let entrance = Entrance { name: Some(b"operator"), role: Role::Operator, ..Entrance::default() };
        self.engine.enter(OPERATOR, entrance, self.now).unwrap();
    }

    fn ask(&mut self, id: MemberId, request: Request<'_>) -> Outcome {
        let outcome = self.engine.handle(id, request, self.now, &mut self.effects);
        self.engine.check();
        outcome
    }

    fn say(&mut self, id: MemberId, text: &str) -> Outcome {
        self.ask(id, Request::Say { room: b"lobby", text: text.as_bytes(), tone: Tone::Message })
    }

    fn leave(&mut self, id: MemberId, reason: &str) {
        self.engine.leave(id, reason.as_bytes(), self.now, &mut self.effects);
        self.engine.check();
    }

    fn wait(&mut self, millis: u64) {
        self.now.elapsed += Duration::from_millis(millis);
        self.now.time = Timestamp::from_millis(self.now.time.millis() + millis);
    }

    /// The effects since the last call, in short: `ann: Line lobby hi -> 2 3`.
    fn told(&mut self) -> Vec<String> {
        self.effects.drain(..).map(|effect| shown(&effect)).collect()
    }
}

fn shown(effect: &Effect) -> String {
    let text = |text: &Text| String::from_utf8_lossy(text).into_owned();
    let (event, to) = match effect {
        Effect::Deliver { event, to } => (event, to),
        Effect::Remove { member, reason } => return format!("remove {member:?}: {}", text(reason)),
    };
    let what = match &event.what {
        Happening::Joined { room } => format!("joined {room}"),
        Happening::Parted { room, reason } => format!("parted {room} ({})", text(reason)),
        Happening::Quit { reason } => format!("quit ({})", text(reason)),
        Happening::Crowd { room, joined, left, renamed: 0, .. } => format!("{joined} joined, {left} left {room}"),
        Happening::Crowd { room, renamed, .. } => format!("{renamed} renamed in {room}"),
        Happening::Renamed { name } => format!("is {name}"),
        Happening::Line { room, text: line, tone } => format!("{tone:?} {room} {}", text(line)),
        Happening::Private { to, text: line, tone } => format!("{tone:?} to {to} {}", text(line)),
        Happening::Topic { room, text: line } => format!("topic {room} {}", text(line)),
        Happening::Notice { room, text } => format!("notice {room} {text}"),
    };
    let by = event.by.as_ref().map_or("-", Name::as_str);
    let to: Vec<_> = to.iter().map(|id| format!("{id:?}")).collect();
    format!("{by}: {what} -> {}", to.join(" "))
}

#[test]
fn line_reaches_all_others_of_the_room() {
    let mut scene = Scene::with_three();
    scene.enter(MemberId::conn(4), "dan").unwrap(); // in no room
    assert!(scene.say(BOB, "hi").is_ok());
    assert_eq!(scene.told(), ["bob: Message lobby hi -> Conn(1) Conn(3)"]);
}

#[test]
fn member_is_in_several_rooms_at_once() {
    let mut scene = Scene::with_three();
    scene.ask(ANN, Request::Join { room: b"#lab" }).unwrap();
    scene.ask(BOB, Request::Join { room: b"LAB" }).unwrap();
    assert_eq!(scene.told(), ["ann: joined lab -> Conn(1)", "bob: joined lab -> Conn(1) Conn(2)"]);
    let names = |scene: &Scene, room: &str| {
        let room = scene.engine.room(room.as_bytes()).unwrap();
        scene.engine.names(room).into_iter().map(Name::to_string).collect::<Vec<_>>()
    };
    assert_eq!(
        (names(&scene, "lab"), names(&scene, "lobby")),
        (names(&scene, "Lab"), vec!["ann".into(), "bob".into(), "eve".into()])
    );
    scene.ask(ANN, Request::Say { room: b"lab", text: b"x", tone: Tone::Notice }).unwrap();
    scene.ask(ANN, Request::Part { room: b"lab", reason: b"later" }).unwrap();
    // Bob shares two rooms with Eve's, and hears of the end once.
    scene.ask(EVE, Request::Join { room: b"lab" }).unwrap();
    scene.leave(BOB, "bye");
    assert_eq!(
        scene.told(),
        [
            "ann: Notice lab x -> Conn(2)",
            "ann: parted lab (later) -> Conn(1) Conn(2)",
            "eve: joined lab -> Conn(2) Conn(3)",
            "bob: quit (bye) -> Conn(1) Conn(3)",
        ]
    );
}

#[test]
fn name_belongs_to_one_member() {
    let mut scene = Scene::with_three();
    let name = |text: &str| Name::parse(text.as_bytes(), 32).unwrap();
    assert_eq!(scene.enter(MemberId::conn(4), "ANN"), Err(Refusal::NameInUse(name("ann"))));
    assert_eq!(scene.ask(BOB, Request::Nick { name: b"Ann" }), Err(Refusal::NameInUse(name("ann"))));
    assert_eq!(scene.ask(BOB, Request::Nick { name: b"Operator" }), Err(Refusal::NameReserved(name("operator"))));
    let why = InvalidName::Character;
    assert_eq!(scene.ask(BOB, Request::Nick { name: b"\x1bc" }), Err(Refusal::BadName { name: b"\x1bc".into(), why }));
    assert_eq!(scene.told(), [""; 0], "nothing has changed");
    scene.ask(ANN, Request::Nick { name: b"Ann" }).unwrap(); // its own name, written in another way
    scene.ask(ANN, Request::Nick { name: b"ada" }).unwrap();
    scene.ask(BOB, Request::Nick { name: b"ann" }).unwrap();
    assert_eq!(
        scene.told(),
        [
            "ann: is Ann -> Conn(1) Conn(2) Conn(3)",
            "Ann: is ada -> Conn(1) Conn(2) Conn(3)",
            "bob: is ann -> Conn(1) Conn(2) Conn(3)",
        ]
    );
    assert_eq!(scene.engine.find(b"ANN").map(|(id, _)| id), Ok(BOB));
}

#[test]
fn guest_gets_a_name_that_is_free() {
    let mut scene = Scene::new(Limits::default());
    scene.enter(ANN, "guest2").unwrap();
    let mut guest = |id| scene.engine.enter(id, Entrance::default(), scene.now).map(|name| name.to_string());
    assert_eq!((guest(BOB), guest(EVE)), (Ok("guest1".into()), Ok("guest3".into())));
    scene.leave(BOB, "");
    let next = scene.engine.enter(BOB, Entrance::default(), scene.now).map(|name| name.to_string());
    assert_eq!(next, Ok("guest4".into()), "another guest has another name");
}

#[test]
fn private_line_reaches_one_member() {
    let mut scene = Scene::with_three();
    scene.ask(ANN, Request::Message { to: b"EVE", text: b"psst", tone: Tone::Message }).unwrap();
    assert_eq!(scene.told(), ["ann: Message to eve psst -> Conn(3)"]);
    let nobody = scene.ask(ANN, Request::Message { to: b"dan", text: b"psst", tone: Tone::Message });
    assert_eq!(nobody, Err(Refusal::NoSuchMember(b"dan".into())));
    assert!(scene.engine.room(b"lobby").unwrap().history.is_empty());
}

#[test]
fn topic_is_kept_with_its_author_and_time() {
    let mut scene = Scene::with_three();
    scene.wait(500);
    scene.ask(BOB, Request::Topic { room: b"lobby", text: b"exam" }).unwrap();
    assert_eq!(scene.told(), ["bob: topic lobby exam -> Conn(1) Conn(2) Conn(3)"]);
    let topic = scene.engine.room(b"lobby").unwrap().topic.clone().unwrap();
    assert_eq!((&*topic.text, topic.by.as_str(), topic.at), (&b"exam"[..], "bob", Timestamp::from_millis(1_000_500)));
    scene.ask(ANN, Request::Topic { room: b"lobby", text: b"" }).unwrap();
    assert_eq!(scene.engine.room(b"lobby").unwrap().topic, None);
}

#[test]
fn reason_and_topic_are_cut_between_characters() {
    let mut scene = Scene::new(Limits { remark: 5, ..Limits::default() });
    scene.enter(ANN, "ann").unwrap();
    scene.ask(ANN, Request::Join { room: b"lobby" }).unwrap();
    for (text, kept) in [("12345678", "12345"), ("1234é", "1234"), ("12€", "12€"), ("a\nb", "a")] {
        scene.ask(ANN, Request::Topic { room: b"lobby", text: text.as_bytes() }).unwrap();
        assert_eq!(&*scene.engine.room(b"lobby").unwrap().topic.clone().unwrap().text, kept.as_bytes());
    }
}

#[test]
fn limits_are_stated_in_refusals() {
    let limits = Limits { rooms: 3, members: 2, rooms_of_member: 2, text: 4, ..Limits::default() };
    let mut scene = Scene::new(limits);
    for (id, name) in [(ANN, "ann"), (BOB, "bob"), (EVE, "eve")] {
        scene.enter(id, name).unwrap();
    }
    let mut join = |id, room: &str| scene.ask(id, Request::Join { room: room.as_bytes() }).map(|_| ());
    assert_eq!((join(ANN, "a"), join(BOB, "a")), (Ok(()), Ok(())));
    let refusals = [
        (join(EVE, "A"), "a is full (2 members)"),
        (join(ANN, "A"), "you are in a"),
        (join(ANN, "a b"), "room a b: may only have letters, digits and - _ . [ ] { } ^ |"),
        (join(ANN, "b").and(join(ANN, "c")), "you are in 2 rooms, and more are not allowed"),
        (join(EVE, "c").and(join(EVE, "d")), "there are 3 rooms, and more are not allowed"),
    ];
    for (refused, text) in refusals {
        assert_eq!(refused.unwrap_err().to_string(), text);
    }
    let mut say = |room: &str, text: &str| {
        let asked = Request::Say { room: room.as_bytes(), text: text.as_bytes(), tone: Tone::Message };
        scene.ask(EVE, asked).unwrap_err().to_string()
    };
    assert_eq!(say("a", "hi"), "you are not in a");
    assert_eq!(say("c", ""), "there is no text to send");
    assert_eq!(say("c", "12345"), "the text has more than 4 bytes");
    let operator = scene.ask(EVE, Request::Kick { name: b"ann", reason: b"" });
    assert_eq!(operator, Err(Refusal::NotOperator));
    assert_eq!(scene.ask(MemberId::conn(9), Request::Join { room: b"a" }), Err(Refusal::NotMember));
}

#[test]
fn empty_room_makes_place_for_a_new_one() {
    let mut scene = Scene::new(Limits { rooms: 2, ..Limits::default() });
    scene.enter(ANN, "ann").unwrap();
    for room in ["old", "new", "third"] {
        scene.ask(ANN, Request::Join { room: room.as_bytes() }).unwrap();
        scene.ask(ANN, Request::Topic { room: room.as_bytes(), text: b"kept" }).unwrap();
        scene.ask(ANN, Request::Part { room: room.as_bytes(), reason: b"" }).unwrap();
    }
    let rooms: Vec<_> = scene.engine.rooms().map(|room| room.name.to_string()).collect();
    assert_eq!(rooms, ["new", "third"]);
}

#[test]
fn sender_over_the_rate_is_paused() {
    let rate = Rate { per_second: 10, burst: 3 };
    let mut scene = Scene::new(Limits { actions: rate, ..Limits::default() });
    scene.enter(ANN, "ann").unwrap();
    scene.ask(ANN, Request::Join { room: b"lobby" }).unwrap(); // two tokens
    assert_eq!(scene.engine.paused_until(ANN, scene.now), None);
    scene.say(ANN, "1").unwrap();
    let until = scene.engine.paused_until(ANN, scene.now);
    assert_eq!(until, Some(scene.now.elapsed + Duration::from_millis(100)));
    scene.wait(99);
    assert_eq!(scene.engine.paused_until(ANN, scene.now), until);
    scene.wait(1);
    assert_eq!(scene.engine.paused_until(ANN, scene.now), None);
    scene.say(ANN, &"x".repeat(1024)).unwrap(); // three tokens
    assert_eq!(scene.engine.paused_until(ANN, scene.now), Some(scene.now.elapsed + Duration::from_millis(300)));
}

#[test]
fn history_has_the_last_lines_within_its_memory() {
    let line = History::cost(&RoomEvent {
        id: 1,
        at: Timestamp::default(),
        by: None,
        what: Happening::Line { room: RoomName::parse(b"a", 9).unwrap(), text: b"12"[..].into(), tone: Tone::Message },
    });
    let actions = Rate { per_second: 0, burst: 1 };
    let mut scene = Scene::new(Limits { history: 4, history_bytes: 6 * line, actions, ..Limits::default() });
    scene.enter(ANN, "ann").unwrap();
    let texts = |scene: &Scene, room: &str| {
        let portion = Portion { lines: 99, bytes: usize::MAX };
        let lines = scene.engine.history(ANN, room.as_bytes(), Range::Latest, portion).unwrap();
        lines
            .into_iter()
            .map(|event| shown(&Effect::Deliver { event: Rc::clone(event), to: vec![] }))
            .collect::<Vec<_>>()
    };
    for (room, lines) in [("a", 10..16), ("b", 20..24)] {
        scene.ask(ANN, Request::Join { room: room.as_bytes() }).unwrap();
        for n in lines {
            let text = n.to_string();
            let asked = Request::Say { room: room.as_bytes(), text: text.as_bytes(), tone: Tone::Message };
            scene.ask(ANN, asked).unwrap();
        }
    }
    let expected =
        |room: &str, lines: &[u8]| lines.iter().map(|n| format!("ann: Message {room} {n} -> ")).collect::<Vec<_>>();
    assert_eq!(texts(&scene, "b"), expected("b", &[20, 21, 22, 23]));
    assert_eq!(texts(&scene, "a"), expected("a", &[14, 15]), "the oldest lines of all rooms are forgotten first");
    scene.ask(ANN, Request::Part { room: b"b", reason: b"" }).unwrap();
    let outside = scene.engine.history(ANN, b"b", Range::Before(Place::Id(9)), Portion { lines: 1, bytes: 1 });
    assert!(matches!(outside, Err(Refusal::NotInRoom(_))), "the history of a room is for its members");
}

#[test]
fn numbers_of_events_grow_over_a_restart() {
    let mut scene = Scene::with_three();
    let first = scene.say(ANN, "1").unwrap().unwrap();
    let second = scene.say(ANN, "2").unwrap().unwrap();
    assert!(first.id < second.id);
    let mut again = Scene::new(Limits::default());
    again.now.time = Timestamp::from_millis(5); // the clock was set back
    again.engine.restore((*first).clone());
    again.engine.restore((*second).clone());
    again.engine.restore((*second).clone()); // once is enough
    again.enter(BOB, "bob").unwrap();
    again.ask(BOB, Request::Join { room: b"lobby" }).unwrap();
    let third = again.say(BOB, "3").unwrap().unwrap();
    let portion = Portion { lines: 99, bytes: usize::MAX };
    let kept = again.engine.history(BOB, b"lobby", Range::Latest, portion).unwrap();
    assert_eq!(kept, [&first, &second, &third]);
    assert!(third.id > second.id);
}

#[test]
fn operator_removes_and_bans() {
    let mut scene = Scene::new(Limits::default());
    let address: IpAddr = "192.0.2.7".parse().unwrap();
    let enter = |scene: &mut Scene, id, name: &str, ip| {
        scene.engine.enter(id, Entrance { name: Some(name.as_bytes()), ip, ..Entrance::default() }, scene.now)
    };
    scene.enter_operator();
    let mapped = "::ffff:192.0.2.7".parse().unwrap();
    for (id, name, ip) in [(ANN, "ann", None), (BOB, "bob", Some(address)), (EVE, "eve", Some(mapped))] {
        enter(&mut scene, id, name, ip).unwrap();
        scene.ask(id, Request::Join { room: b"lobby" }).unwrap();
    }
    scene.effects.clear();
    scene.ask(OPERATOR, Request::Kick { name: b"ann", reason: b"spam" }).unwrap();
    assert_eq!(
        scene.told(),
        [
            "ann: quit (removed by the operator: spam) -> Conn(2) Conn(3)",
            "remove Conn(1): removed by the operator: spam"
        ]
    );
    enter(&mut scene, ANN, "ann", None).unwrap(); // it may come back
    scene.ask(OPERATOR, Request::Ban { name: b"ann", reason: b"" }).unwrap();
    scene.ask(OPERATOR, Request::Ban { name: b"bob", reason: b"" }).unwrap();
    let removed = ["remove Conn(1): banned by the operator", "remove Conn(2): banned by the operator"];
    let told = scene.told();
    assert_eq!(
        told.iter().filter(|line| line.starts_with("remove")).take(2).collect::<Vec<_>>(),
        removed.iter().collect::<Vec<_>>()
    );
    assert!(told.contains(&"remove Conn(3): banned by the operator".to_owned()), "it has the address of bob");
    assert_eq!(enter(&mut scene, ANN, "Ann", None), Err(Refusal::Banned));
    assert_eq!(enter(&mut scene, BOB, "bob2", Some(address)), Err(Refusal::Banned));
    enter(&mut scene, EVE, "eve", None).unwrap();
    let refused = scene.ask(EVE, Request::Nick { name: b"ann" }).unwrap_err().to_string();
    assert_eq!(refused, "the name ann is banned");
    assert_eq!(scene.ask(OPERATOR, Request::Kick { name: b"operator", reason: b"" }), Err(Refusal::OperatorStays));
    assert_eq!(scene.engine.bans().count(), 2);
    for target in ["ann", "192.0.2.7"] {
        scene.ask(OPERATOR, Request::Unban { target: target.as_bytes() }).unwrap();
    }
    assert_eq!(scene.ask(OPERATOR, Request::Unban { target: b"ann" }), Err(Refusal::NotBanned(b"ann".into())));
    assert!(enter(&mut scene, BOB, "bob", Some(address)).is_ok());
}

#[test]
fn away_is_kept_until_it_ends() {
    let mut scene = Scene::with_three();
    scene.ask(ANN, Request::Away { reason: b"lunch" }).unwrap();
    assert_eq!(scene.engine.member(ANN).unwrap().away.as_deref(), Some(&b"lunch"[..]));
    scene.ask(ANN, Request::Away { reason: b"" }).unwrap();
    assert_eq!(scene.engine.member(ANN).unwrap().away, None);
}

mod crowds;
mod users;
