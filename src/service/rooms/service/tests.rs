//! Tests of the service: the lines that clients send and get, without sockets and clocks.

mod irc;

use super::super::limits::Limits;
use super::super::pace::Rate;
use super::*;
use crate::auth::UserName;
use crate::service::Action;
use crate::value::{Moment, Timestamp};

struct Scene {
    service: RoomService,
    now: Moment,
    timer: Option<Duration>,
    users: Vec<(PeerId, UserName)>,
}

const ANN: PeerId = PeerId::conn(1);
const BOB: PeerId = PeerId::conn(2);
const EVE: PeerId = PeerId::conn(3);

fn settings(replay: usize) -> Settings {
    let free = Rate { per_second: 0, burst: 1 };
    Settings {
        limits: Limits { actions: free, announcements: free, ..Limits::default() },
        replay,
        ..Settings::default()
    }
}

impl Scene {
    fn new(settings: Settings) -> Scene {
        let time = Timestamp::from_rfc3339("2026-11-26T18:40:03Z").unwrap();
        Scene {
            service: RoomService::new(settings),
            now: Moment { elapsed: Duration::from_secs(9), time },
            timer: None,
            users: Vec::new(),
        }
    }

    /// Ann and Bob, who are in the lobby.
    fn with_two(settings: Settings) -> Scene {
        let mut scene = Scene::new(settings);
        for (peer, name) in [(ANN, "ann"), (BOB, "bob")] {
            scene.open(peer, None);
            scene.line(peer, &format!("/nick {name}"));
            scene.line(peer, "");
        }
        scene
    }

    /// What the service does after an event, a line each: `1: * ann joined lobby`, `close 1`.
    fn on(&mut self, event: Event<'_>) -> Vec<String> {
        let mut context = Context::at(self.now);
        for (peer, user) in &self.users {
            context.set_user(*peer, user.clone());
        }
        self.service.on(event, &mut context);
        self.service.engine.check();
        let mut done = Vec::new();
        for (action, text) in context.script() {
            match action {
                Action::Send(to, _) | Action::Repeat(to, _) => {
                    let to = if let PeerId::Conn(number) = to { number.index().to_string() } else { "op".into() };
                    done.extend(text.lines().map(|line| format!("{to}: {line}")));
                }
                Action::Timer { nanos, .. } => self.timer = Some(self.now.elapsed + Duration::from_nanos(nanos)),
                Action::CancelTimer { .. } => self.timer = None,
                Action::Close(PeerId::Conn(number)) => done.push(format!("close {}", number.index())),
                Action::Flush(PeerId::Conn(number)) => done.push(format!("read {}", number.index())),
                Action::Prompt => {}
                other => done.push(format!("{other:?}")),
            }
        }
        done
    }

    fn open(&mut self, peer: PeerId, ip: Option<&str>) -> Vec<String> {
        self.service.introduce(peer, &|| Client { port: Port::Main, ip: ip.map(|ip| ip.parse().unwrap()) });
        self.on(Event::Open { peer })
    }

    fn line(&mut self, peer: PeerId, line: &str) -> Vec<String> {
        self.on(Event::Message { peer, bytes: line.as_bytes() })
    }

    /// Waits until the timer fires.
    fn wait(&mut self) -> Vec<String> {
        self.now.elapsed = self.timer.take().expect("a timer is set");
        self.on(Event::Timer { id: TIMER })
    }
}

#[test]
fn silent_client_becomes_a_guest_of_the_lobby() {
    let mut scene = Scene::with_two(settings(10));
    assert_eq!(scene.open(EVE, None), [""; 0]);
    assert_eq!(
        scene.wait(),
        [
            "3: * you are guest1 in lobby (3 members); /help lists the commands",
            "1: * guest1 joined lobby",
            "2: * guest1 joined lobby"
        ]
    );
    assert_eq!(scene.timer, None);
}

#[test]
fn first_lines_choose_name_and_room() {
    let mut scene = Scene::with_two(settings(10));
    scene.open(EVE, None);
    assert_eq!(scene.line(EVE, "/nick eve"), [""; 0]);
    assert_eq!(scene.line(EVE, "/join lab"), ["3: * you are eve in lab (1 member); /help lists the commands"]);
    assert_eq!(
        scene.line(BOB, "/join LAB"),
        ["2: * you are in lab (2 members)", "3: * bob joined lab", "1: * bob left lobby"]
    );
    assert_eq!(scene.line(BOB, "hi"), ["3: bob> hi"]);
    assert_eq!(scene.line(ANN, "alone"), [""; 0]);
    assert_eq!(scene.timer, None, "nothing is waited for");
}

#[test]
fn refused_name_makes_a_guest() {
    let mut scene = Scene::with_two(settings(10));
    scene.open(EVE, None);
    assert_eq!(
        scene.line(EVE, "/nick Ann"),
        [
            "3: * Ann is the name of another member",
            "3: * you are guest1 in lobby (3 members); /help lists the commands",
            "1: * guest1 joined lobby",
            "2: * guest1 joined lobby",
        ]
    );
}

#[test]
fn user_keeps_its_name_and_chooses_a_room() {
    let mut scene = Scene::with_two(settings(10));
    scene.users = vec![(EVE, "eve".parse().unwrap())];
    scene.open(EVE, None);
    assert_eq!(
        scene.line(EVE, "/nick ann"),
        [
            "3: * you are logged in as eve, and keep this name",
            "3: * you are eve in lobby (3 members); /help lists the commands",
            "1: * eve joined lobby",
            "2: * eve joined lobby",
        ]
    );
    assert_eq!(scene.line(EVE, "/nick dan"), ["3: * you are logged in as eve, and keep this name"]);
    let (dan, second) = (PeerId::conn(4), PeerId::conn(5));
    scene.users = vec![(dan, "dan@lab".parse().unwrap()), (second, "eve".parse().unwrap())];
    scene.open(dan, None);
    let letters = "may only have letters, digits and - _ . [ ] { } ^ |";
    assert_eq!(
        scene.line(dan, "hi"),
        [format!("4: * user dan@lab cannot enter a room: the name {letters}"), "close 4".to_owned()]
    );
    scene.open(second, None);
    assert_eq!(scene.line(second, "/join lab"), ["5: * you are eve[2] in lab (1 member); /help lists the commands"]);
}

#[test]
fn client_of_another_protocol_is_answered_and_closed() {
    let irc = Settings { irc: Some("127.0.0.1:6667".into()), ..settings(10) };
    let cases = [
        (settings(10), "CAP LS 302", "1: ERROR :this port takes lines of text, and there is no IRC port"),
        (irc, "NICK ann", "1: ERROR :this port takes lines of text; the IRC port is 127.0.0.1:6667"),
        (settings(10), "POST / HTTP/1.1", "1: HTTP/1.1 400 this port takes lines of text"),
    ];
    for (settings, line, answer) in cases {
        let mut scene = Scene::new(settings);
        scene.open(ANN, None);
        let done = scene.line(ANN, line);
        assert_eq!((done[0].as_str(), done.last().map(String::as_str)), (answer, Some("close 1")));
        assert_eq!(scene.line(ANN, "/nick ann"), [""; 0], "nothing more is taken from it");
        assert_eq!(scene.service.engine.members(), 0);
    }
    let mut scene = Scene::with_two(settings(10));
    assert_eq!(scene.line(BOB, "NICK eve"), ["1: bob> NICK eve"], "only the first line shows the protocol");
}

#[test]
fn each_command_is_answered_to_its_sender() {
    let mut scene = Scene::with_two(settings(10));
    let cases: [(&str, &[&str]); 14] = [
        ("/topic", &["1: * lobby has no topic"]),
        ("/topic exam\x1b", &["1: * ann set the topic: exam\\x1b", "2: * ann set the topic: exam\\x1b"]),
        ("/topic", &["1: * topic: exam\\x1b (set by ann, 2026-11-26 18:40 UTC)"]),
        ("/topic -", &["1: * ann removed the topic", "2: * ann removed the topic"]),
        ("/names", &["1: * 2 members in lobby:", "1: * ann bob"]),
        ("/rooms", &["1: * lobby: 2 members"]),
        ("/msg bob psst", &["1: * sent to bob", "2: ann (private)> psst"]),
        ("/msg bob", &["1: * usage: /msg NAME TEXT"]),
        ("/msg eve hi", &["1: * no member has the name eve"]),
        ("/history x", &["1: * usage: /history [N]"]),
        ("/nick a\x1bb", &["1: * name a\\x1bb: may only have letters, digits and - _ . [ ] { } ^ |"]),
        ("/bogus\x1b x", &["1: * there is no command /bogus\\x1b (/help lists the commands; //TEXT says /TEXT)"]),
        ("/kick bob", &["1: * there is no command /kick (/help lists the commands; //TEXT says /TEXT)"]),
        ("/nick Ann", &["1: * you are now Ann", "2: * ann is now Ann"]),
    ];
    for (line, expected) in cases {
        assert_eq!(scene.line(ANN, line), expected, "{line:?}");
    }
    assert_eq!(scene.line(ANN, "/quit so long"), ["close 1", "2: * Ann left (so long)"]);
    assert_eq!(scene.line(ANN, "more"), [""; 0]);
}

#[test]
fn private_line_for_a_user_is_confirmed_with_its_connections() {
    let mut scene = Scene::with_two(settings(0));
    for number in [4, 5] {
        scene.users.push((PeerId::conn(number), "dan".parse().unwrap()));
        scene.open(PeerId::conn(number), None);
        scene.line(PeerId::conn(number), "/join lab");
    }
    let both = ["1: * sent to dan (2 connections)", "4: ann (private)> hi", "5: ann (private)> hi"];
    assert_eq!(scene.line(ANN, "/msg dan hi"), both);
    let one = ["1: * sent to dan[2]", "5: ann (private)> hi"];
    assert_eq!(scene.line(ANN, "/msg dan[2] hi"), one);
    scene.line(PeerId::conn(4), "/quit");
    assert_eq!(scene.line(ANN, "/msg dan hi"), ["1: * sent to dan", "5: ann (private)> hi"]);
}

#[test]
fn history_is_replayed_to_a_new_member() {
    let mut scene = Scene::with_two(settings(2));
    for text in ["one", "two", "three"] {
        scene.line(ANN, text);
    }
    scene.line(BOB, "/topic exam");
    scene.open(EVE, None);
    let lines = scene.wait();
    assert_eq!(
        lines[..5],
        [
            "3: * you are guest1 in lobby (3 members); /help lists the commands",
            "3: * topic: exam (set by bob, 2026-11-26 18:40 UTC)",
            "3: * the last 2 lines (UTC):",
            "3: [18:40:03] ann> two",
            "3: [18:40:03] ann> three",
        ]
    );
    assert_eq!(scene.line(BOB, "/history 1"), ["2: * the last 1 line (UTC):", "2: [18:40:03] ann> three"]);
}

#[test]
fn new_member_reads_that_the_room_is_recorded() {
    let mut scene = Scene::new(Settings { recorded: true, ..settings(10) });
    scene.open(ANN, None);
    assert!(scene.wait().contains(&"1: * this room is recorded".to_owned()));
}

#[test]
fn end_of_a_connection_is_announced_with_its_cause() {
    type Ending = fn(PeerId) -> Event<'static>;
    let cases: [(Ending, &str); 4] = [
        (|peer| Event::Overrun { peer }, "2: * ann left (reads too slowly)"),
        (|peer| Event::Eof { peer }, "2: * ann left"),
        (|peer| Event::Closed { peer }, "2: * ann left"),
        (|peer| Event::Failed { peer, why: "reset" }, "2: * ann left (connection lost)"),
    ];
    for (event, line) in cases {
        let mut scene = Scene::with_two(settings(10));
        let done = scene.on(event(ANN));
        assert_eq!(done.last().map(String::as_str), Some(line));
        assert_eq!(scene.on(Event::Closed { peer: ANN }), [""; 0], "once is enough");
    }
}

#[test]
fn flood_is_read_at_the_rate() {
    let mut limits = settings(10).limits;
    limits.actions = Rate { per_second: 10, burst: 5 };
    let mut scene = Scene::with_two(Settings { limits, ..settings(10) });
    let mut said = 0;
    while scene.service.wants(ANN) {
        assert_eq!(scene.line(ANN, "x"), ["2: ann> x"]);
        said += 1;
    }
    assert!((1..=5).contains(&said), "{said}");
    assert!(scene.service.wants(BOB));
    assert_eq!(scene.wait(), ["read 1"]);
    assert!(scene.service.wants(ANN));
    scene.line(ANN, "/names"); // a line that nobody gets counts too
    assert!(!scene.service.wants(ANN));
    scene.on(Event::Closed { peer: ANN });
    assert_eq!(scene.timer, None);
}

#[test]
fn flood_without_a_break_ends_its_sender() {
    let mut limits = settings(10).limits;
    limits.actions = Rate { per_second: 10, burst: 5 };
    let mut scene = Scene::with_two(Settings { limits, ..settings(10) });
    let begun = scene.now.elapsed;
    let mut done = Vec::new();
    // After half a minute it makes a break.
    for pause in [Duration::from_secs(30), Duration::from_secs(90)] {
        let until = scene.now.elapsed + pause;
        while scene.now.elapsed < until && !done.contains(&"close 1".to_owned()) {
            done = scene.line(ANN, "x");
            if !scene.service.wants(ANN) {
                scene.wait();
            }
        }
        scene.now.elapsed += Duration::from_secs(2);
    }
    assert_eq!(done, ["1: * you send too much", "close 1", "2: ann> x", "2: * ann left (sent too much)"]);
    let took = scene.now.elapsed.saturating_sub(begun);
    assert!((Duration::from_secs(92)..Duration::from_secs(96)).contains(&took), "{took:?}");
}

#[test]
fn operator_takes_part_and_removes_members() {
    let mut scene = Scene::with_two(settings(10));
    let lines = scene.on(Event::Open { peer: PeerId::Console });
    assert_eq!(lines[0], "op: * you are operator in lobby (3 members); /help lists the commands");
    let op = PeerId::Console;
    assert_eq!(scene.line(op, "hi"), ["1: operator> hi", "2: operator> hi"]);
    assert_eq!(
        scene.line(op, "/kick ann spam"),
        [
            "op: * removed: ann",
            "op: * ann left (removed by the operator: spam)",
            "2: * ann left (removed by the operator: spam)",
            "1: * you were removed by the operator: spam",
            "close 1",
        ]
    );
    scene.on(Event::Closed { peer: ANN });
    scene.open(ANN, Some("192.0.2.7"));
    scene.line(ANN, "/nick ann");
    let banned = scene.line(op, "/ban ann");
    assert_eq!(banned, ["op: * banned: 192.0.2.7", "1: * you were banned by the operator", "close 1"]);
    scene.on(Event::Closed { peer: ANN });
    scene.open(ANN, Some("::ffff:192.0.2.7"));
    assert_eq!(scene.line(ANN, "hi"), ["1: * you are banned", "close 1"]);
    scene.on(Event::Closed { peer: ANN });
    assert_eq!(scene.line(op, "/unban 192.0.2.7"), ["op: * no bans"]);
    // Local clients share their address, so the name is banned.
    scene.open(ANN, Some("127.0.0.1"));
    scene.line(ANN, "/nick ann");
    assert_eq!(scene.line(op, "/ban ann")[0], "op: * banned: ann");
    scene.open(EVE, None);
    assert_eq!(scene.line(EVE, "/nick ANN"), ["3: * you are banned", "close 3"]);
    assert_eq!(scene.on(Event::Eof { peer: op }), [""; 0], "the operator may only listen");
    assert_eq!(scene.line(BOB, "hi"), ["op: bob> hi"]);
    assert_eq!(scene.line(op, "/quit"), ["Stop"]);
}
