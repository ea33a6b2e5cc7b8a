//! Tests of the clients of IRC: what depends on time, and many of them.

use super::*;
use crate::service::Port;

impl Scene {
    /// A client of IRC that has connected.
    fn open_irc(&mut self, peer: PeerId) -> Vec<String> {
        self.service.introduce(peer, &|| Client { port: Port::Irc, ip: None });
        self.on(Event::Open { peer })
    }

    /// A member of the room `lab`, by IRC.
    fn irc_member(&mut self, peer: PeerId, name: &str) -> Vec<String> {
        self.open_irc(peer);
        self.line(peer, &format!("NICK {name}"));
        self.line(peer, "USER x 0 * :x");
        self.line(peer, "JOIN #lab")
    }
}

fn limited(per_second: u32, burst: u32) -> Settings {
    let mut settings = settings(0);
    settings.limits.announcements = Rate { per_second, burst };
    settings
}

/// The messages that a client gets, without its number.
fn of(peer: usize, lines: &[String]) -> Vec<String> {
    let begin = format!("{peer}: ");
    lines.iter().filter_map(|line| line.strip_prefix(&begin)).map(str::to_owned).collect()
}

#[test]
fn client_that_gives_no_name_in_time_is_closed() {
    let mut scene = Scene::new(settings(0));
    assert_eq!(scene.open_irc(ANN), [""; 0]);
    scene.line(ANN, "NICK ann");
    let begun = scene.now.elapsed;
    assert_eq!(scene.wait(), ["1: ERROR :Closing link: no NICK and USER in time", "close 1"]);
    assert_eq!(scene.now.elapsed, begun + Duration::from_secs(30));
    assert_eq!(scene.timer, None);
}

#[test]
fn client_that_sends_much_before_its_name_is_closed() {
    let mut scene = Scene::new(settings(0));
    scene.open_irc(ANN);
    for _ in 0..200 {
        assert_eq!(scene.line(ANN, "PING x"), ["1: :irc.secretcat PONG irc.secretcat :x"]);
    }
    let done = scene.line(ANN, "PING x");
    assert_eq!(done, ["1: ERROR :Closing link: too many messages before NICK and USER", "close 1"]);
    assert_eq!(scene.line(ANN, "NICK ann"), [""; 0]);
}

#[test]
fn silent_member_is_asked_and_then_closed() {
    let mut scene = Scene::new(settings(0));
    scene.irc_member(ANN, "ann");
    scene.irc_member(BOB, "bob");
    scene.now.elapsed += Duration::from_secs(60);
    scene.line(BOB, "PING x");
    assert_eq!(scene.wait(), ["1: PING :irc.secretcat"]);
    scene.line(ANN, "PONG irc.secretcat");
    assert_eq!(scene.wait(), ["2: PING :irc.secretcat"]);
    assert_eq!(scene.wait(), ["1: PING :irc.secretcat"], "it has answered before");
    let done = scene.wait();
    assert_eq!(
        done,
        ["2: ERROR :Closing link: no answer to PING", "close 2", "1: :bob!bob@secretcat QUIT :no answer to PING"]
    );
    scene.on(Event::Closed { peer: BOB });
    scene.on(Event::Closed { peer: ANN });
    assert_eq!(scene.timer, None);
}

#[test]
fn names_are_right_after_a_crowd_has_come_and_gone() {
    let mut scene = Scene::new(limited(1, 1));
    scene.irc_member(ANN, "ann"); // takes the one token
    let peer = |number: usize| PeerId::conn(number);
    assert_eq!(of(1, &scene.irc_member(peer(10), "a")), [""; 0], "it is not announced yet");
    scene.irc_member(peer(11), "b");
    let renamed = scene.line(peer(10), "NICK c");
    assert_eq!((of(1, &renamed), of(10, &renamed)), (vec![], vec![":a!a@secretcat NICK c".to_owned()]));
    assert_eq!(of(12, &scene.irc_member(peer(12), "d"))[1], ":irc.secretcat 353 d = #lab :ann b c d");
    scene.line(peer(11), "QUIT :bye");
    scene.on(Event::Closed { peer: peer(11) });
    scene.irc_member(peer(11), "e"); // another client with the same number
    scene.open(BOB, None);
    scene.line(BOB, "/nick bob");
    scene.line(BOB, "/join lab");
    let done = scene.wait();
    let join = |name: &str| format!(":{name}!{name}@secretcat JOIN #lab");
    let quit = ":b!b@secretcat QUIT :bye".to_owned();
    let nick = ":a!a@secretcat NICK c".to_owned();
    let all = [join("a"), join("b"), nick, join("d"), quit, join("e"), join("bob")];
    assert_eq!(of(1, &done), all);
    assert_eq!(of(10, &done), [&all[1..2], &all[3..]].concat(), "it has seen who was there when it came, and its name");
    assert_eq!(of(12, &done), all[4..]);
    assert_eq!(of(11, &done), all[6..]);
    assert_eq!(of(2, &done), ["* 5 members joined lab, and 1 left; 1 changed its name"]);
    scene.line(peer(12), "PART #lab");
    scene.line(peer(12), "JOIN #lab");
    let again = scene.wait();
    assert_eq!(of(1, &again), [":d!d@secretcat PART #lab", ":d!d@secretcat JOIN #lab"]);
    assert_eq!(of(12, &again), [""; 0], "its own moves it has seen");
}

#[test]
fn join_flood_is_read_at_the_rate() {
    let mut limits = settings(0).limits;
    limits.actions = Rate { per_second: 10, burst: 5 };
    let mut scene = Scene::new(Settings { limits, ..settings(0) });
    scene.irc_member(ANN, "ann");
    let mut lines = 0;
    while scene.service.wants(ANN) {
        scene.line(ANN, &format!("JOIN #a{lines},#b{lines},#c{lines}"));
        lines += 1;
    }
    assert!(lines <= 2, "{lines}");
    let paused = scene.now.elapsed;
    assert_eq!(scene.wait(), ["read 1"]);
    assert!(scene.now.elapsed > paused);
    // More rooms than a member may be in are refused, and cost as much.
    scene.now.elapsed += Duration::from_secs(60);
    let list: Vec<_> = (0..40).map(|number| format!("#x{number}")).collect();
    let done = scene.line(ANN, &format!("JOIN {}", list.join(",")));
    assert!(done.contains(&"1: :irc.secretcat 405 ann #x39 :you are in 20 rooms, and more are not allowed".to_owned()));
    assert!(!scene.service.wants(ANN));
}

#[test]
fn form_of_an_event_is_written_once_for_all_that_read_it() {
    let mut scene = Scene::new(settings(0));
    let peers: Vec<_> = (10..30).map(PeerId::conn).collect();
    for (number, &peer) in peers.iter().enumerate() {
        scene.irc_member(peer, &format!("n{number}"));
        if number % 2 == 0 {
            scene.line(peer, "CAP REQ :server-time");
        }
    }
    scene.open(BOB, None);
    scene.line(BOB, "/nick bob");
    scene.line(BOB, "/join lab");
    let mut context = Context::at(scene.now);
    scene.service.on(Event::Message { peer: BOB, bytes: b"hi" }, &mut context);
    let actions: Vec<_> = context.script().into_iter().map(|(action, _)| action).collect();
    let count = |is_it: fn(&Action) -> bool| actions.iter().filter(|action| is_it(action)).count();
    assert_eq!(count(|action| matches!(action, Action::Send(..))), 2);
    assert_eq!(count(|action| matches!(action, Action::Repeat(..))), 18);
}
