//! A login on lines, before a room.

use super::super::chat::Chat;
use super::super::{Action, Context};
use super::*;
use crate::auth::scram::Client;
use crate::auth::{Answer, Keys, Password, Users, Work};

const ANN: PeerId = PeerId::conn(1);
const BOB: PeerId = PeerId::conn(2);

fn password(text: &str) -> Password {
    Password::new(text.as_bytes()).unwrap()
}

fn policy() -> Policy {
    let keys = Keys::new(&password("pencil"), [9; 16]);
    let users = format!("ann:{keys}\nbob:{keys}\n");
    Policy::new(Method::Password(Users::parse(users.as_bytes()).unwrap()), [1; 32])
}

fn local() -> Evidence {
    Evidence { is_local: true, ..Evidence::default() }
}

/// A chat behind a gate, with these clients.
struct Room {
    gate: Gate<Chat>,
    context: Context,
    /// The failed logins.
    log: Vec<String>,
}

impl Room {
    fn of(policy: Policy, clients: &[(PeerId, Evidence)]) -> (Room, Vec<(Action, String)>) {
        let mut room =
            Room { gate: Gate::new(Chat::default(), Arc::new(policy)), context: Context::default(), log: Vec::new() };
        for (peer, evidence) in clients {
            room.gate.meet(*peer, Port::Main, evidence.clone());
            room.gate.on(Event::Open { peer: *peer }, &mut room.context);
        }
        let script = room.script();
        (room, script)
    }

    fn script(&mut self) -> Vec<(Action, String)> {
        let script = self.context.script();
        script
            .into_iter()
            .filter(|(action, text)| {
                let is_log = matches!(action, Action::LoginFailed(..));
                self.log.extend(is_log.then(|| text.clone()));
                !is_log && !matches!(action, Action::Timer { .. } | Action::CancelTimer { .. })
            })
            .collect()
    }

    fn line(&mut self, peer: PeerId, line: &str) -> Vec<(Action, String)> {
        self.gate.on(Event::Message { peer, bytes: line.as_bytes() }, &mut self.context);
        self.script()
    }

    /// What is sent in answer to a line.
    fn reply(&mut self, peer: PeerId, line: &str) -> String {
        self.line(peer, line).into_iter().map(|(_, text)| text).collect()
    }

    fn user(&self, peer: PeerId) -> Option<&str> {
        self.context.user(peer).map(UserName::as_str)
    }
}

/// Logs in by SCRAM.
fn log_in(room: &mut Room, peer: PeerId, name: &str) {
    let (awaiting, first) = Client::new(&name.parse().unwrap(), password("pencil"), None, [5; 18]).begin();
    let decoded = |line: &str| BASE64.decode(line.strip_prefix("AUTH ").unwrap().trim_end().as_bytes()).unwrap();
    let challenge = room.reply(peer, &format!("AUTH SCRAM-SHA-256 {}", BASE64.encode(&first)));
    let (verifying, proof) = awaiting.answer(&decoded(&challenge)).unwrap();
    let reply = room.reply(peer, &format!("AUTH {}", BASE64.encode(&proof)));
    let (last, ok) = reply.split_once('\n').unwrap();
    assert_eq!(verifying.verify(&decoded(last)), Ok(()));
    assert_eq!(ok, format!("AUTH OK {name}\n"));
}

fn refusals(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| format!("AUTH {text}\n")).collect()
}

#[test]
fn service_knows_a_client_once_it_has_logged_in() {
    let (mut room, begin) = Room::of(policy(), &[(ANN, local()), (BOB, local())]);
    assert_eq!(begin, [], "the client begins");
    assert!(room.gate.hides(ANN, b"x") && room.user(ANN).is_none());
    log_in(&mut room, ANN, "ann");
    assert!(!room.gate.hides(ANN, b"x") && room.gate.hides(BOB, b"x"));
    assert_eq!((room.user(ANN), room.user(BOB)), (Some("ann"), None));
    assert_eq!(room.line(ANN, "hi"), [], "bob is not in the room");
    log_in(&mut room, BOB, "bob");
    assert_eq!(room.line(ANN, "AUTH x"), [(Action::Send(BOB, 7), "AUTH x\n".to_owned())], "a line like others now");
    room.gate.on(Event::Closed { peer: ANN }, &mut room.context);
    assert_eq!(room.user(ANN), None);
    assert_eq!(room.line(BOB, "hi"), []);
}

#[test]
fn login_after_the_login_is_refused_and_not_recorded() {
    let (mut room, _) = Room::of(policy(), &[(ANN, local()), (BOB, local())]);
    log_in(&mut room, ANN, "ann");
    log_in(&mut room, BOB, "bob");
    let plain = format!("AUTH PLAIN {}", BASE64.encode(b"\0bob\0pencil"));
    for line in [&plain[..], "auth plain", "AUTH  SCRAM-SHA-256 =", "AUTH PLAIN not-base64", "AUTH EXTERNAL ="] {
        assert_eq!(room.reply(ANN, line), "AUTH FAILED you are logged in as ann\n", "{line}");
        assert!(room.gate.hides(ANN, line.as_bytes()), "{line}");
    }
    for line in ["AUTH", "AUTH is a word", "AUTH PLAIN is no secret", "AUTHOR PLAIN x", "x AUTH PLAIN"] {
        let sent = format!("{line}\n");
        assert_eq!(room.line(ANN, line), [(Action::Send(BOB, sent.len()), sent)], "{line}");
        assert!(!room.gate.hides(ANN, line.as_bytes()), "{line}");
    }
    assert_eq!(room.user(ANN), Some("ann"));
}

#[test]
fn third_line_without_a_login_closes_the_connection() {
    let required = "REQUIRED SCRAM-SHA-256 PLAIN";
    let message = BASE64.encode(b"n,,n=ann,r=abc");
    let first = format!("AUTH SCRAM-SHA-256 {message}");
    let cases: [(&[&str], &[&str]); 4] = [
        (&["hello", "/join lab", "AUTH"], &[required, required, "FAILED too many attempts"]),
        (
            &["AUTH SCRAM-SHA-1 AAAA", "AUTH EXTERNAL =", "AUTH PLAIN"],
            &[required, required, "FAILED too many attempts"],
        ),
        (&["AUTH PLAIN AAA", "AUTH PLAIN AAAA", "AUTH PLAIN = ="], &[required, "FAILED", "FAILED too many attempts"]),
        (
            &["AUTH SCRAM-SHA-256-PLUS AAAA", "AUTH SCRAM-SHA-256 AAAA", "AUTH AAAA"],
            &[required, "FAILED", "FAILED too many attempts"],
        ),
    ];
    for (lines, expected) in cases {
        let (mut room, _) = Room::of(policy(), &[(ANN, local())]);
        let replies: Vec<_> = lines.iter().map(|line| room.line(ANN, line)).collect();
        let texts: Vec<String> = replies.iter().map(|reply| reply[0].1.clone()).collect();
        assert_eq!(texts, refusals(expected), "{lines:?}");
        let closes: Vec<bool> =
            replies.iter().map(|reply| reply.iter().any(|(action, _)| *action == Action::Close(ANN))).collect();
        assert_eq!(closes, [false, false, true], "{lines:?}");
        assert_eq!(room.user(ANN), None);
    }
    let (mut room, _) = Room::of(policy(), &[(ANN, local())]);
    assert!(room.reply(ANN, &first).starts_with("AUTH cj1hYmN"), "a challenge");
    assert_eq!(room.reply(ANN, &first), format!("AUTH {required}\n"), "the other login is over");
    assert_eq!(room.reply(ANN, &format!("AUTH {message}")), format!("AUTH {required}\n"));
    assert_eq!(room.reply(ANN, "x"), "AUTH FAILED too many attempts\n");
}

#[test]
fn plain_waits_for_its_hash_and_ignores_that_of_another() {
    let (mut room, _) = Room::of(policy(), &[(ANN, local())]);
    let plain = |words: &str| format!("AUTH PLAIN {}", BASE64.encode(words.as_bytes()));
    let begin = |room: &mut Room, words: &str| {
        room.gate.on(Event::Message { peer: ANN, bytes: plain(words).as_bytes() }, &mut room.context);
        let orders: Vec<_> = room
            .context
            .batches()
            .filter_map(|batch| match batch {
                super::super::Batch::Compute(_, order) => Some(order.clone()),
                _ => None,
            })
            .collect();
        room.context.clear();
        assert!(!room.gate.wants(ANN), "nothing is read meanwhile");
        orders[0].clone()
    };
    let order = begin(&mut room, "\0ann\0pencil");
    let Work::Hash(derivation) = &order.work else { panic!("{order:?}") };
    let answer = Answer::Salted(derivation.run());
    let computed = |room: &mut Room, ticket, answer: &Answer| {
        room.gate.on(Event::Computed { peer: ANN, ticket, answer }, &mut room.context);
        room.script().into_iter().map(|(_, text)| text).collect::<String>()
    };
    assert_eq!(computed(&mut room, order.ticket + 1, &answer), "", "the answer to another one");
    room.gate.on(Event::Closed { peer: ANN }, &mut room.context);
    room.gate.meet(ANN, Port::Main, local()); // another client with the same number
    room.gate.on(Event::Open { peer: ANN }, &mut room.context);
    room.script();
    assert_eq!(computed(&mut room, order.ticket, &answer), "");
    assert_eq!(room.user(ANN), None);
    let wrong = begin(&mut room, "\0ann\0pen");
    let Work::Hash(derivation) = &wrong.work else { panic!("{wrong:?}") };
    let no = Answer::Salted(derivation.run());
    assert_eq!(computed(&mut room, wrong.ticket, &no), "AUTH FAILED\n");
    assert_eq!(room.log, ["failed login as ann: wrong name or password"]);
    let right = begin(&mut room, "\0ann\0pencil");
    assert_eq!(computed(&mut room, right.ticket, &answer), "AUTH OK ann\n");
    assert_eq!((room.user(ANN), room.gate.wants(ANN)), (Some("ann"), true));
}

#[test]
fn connection_that_others_can_read_is_refused_at_once() {
    let (mut room, begin) = Room::of(policy(), &[(ANN, Evidence::default())]);
    assert_eq!(begin[0].1, "AUTH FAILED this connection is not encrypted\n");
    assert_eq!(begin[1].0, Action::Close(ANN));
    let (mut open, begin) = Room::of(policy().allowing_cleartext(true), &[(ANN, Evidence::default())]);
    assert_eq!(begin, []);
    assert_eq!(open.reply(ANN, "x"), "AUTH REQUIRED SCRAM-SHA-256\n");
    room.gate.on(Event::Closed { peer: ANN }, &mut room.context);
}

#[test]
fn certificate_opens_without_a_line() {
    let with = |name: Option<&str>| Evidence { certificate: name.map(str::to_owned), ..local() };
    let by_certificate = || Policy::new(Method::Certificate, [1; 32]);
    let (room, begin) = Room::of(by_certificate(), &[(ANN, with(Some("ann")))]);
    assert_eq!((begin, room.user(ANN)), (vec![], Some("ann")));
    let (room, begin) = Room::of(by_certificate(), &[(ANN, with(None))]);
    assert_eq!(begin[0].1, "AUTH FAILED the connection proves no user name\n");
    assert_eq!(room.log, ["failed login: the connection proves no user name"]);
    assert_eq!((begin[1].0, room.user(ANN)), (Action::Close(ANN), None));
}

#[test]
fn client_that_does_not_log_in_is_closed_in_time() {
    let (mut room, _) = Room::of(policy(), &[(ANN, local()), (BOB, local())]);
    log_in(&mut room, BOB, "bob");
    room.gate.on(Event::Timer { id: timer(BOB) }, &mut room.context);
    assert_eq!(room.script(), []);
    room.gate.on(Event::Timer { id: timer(ANN) }, &mut room.context);
    let script = room.script();
    assert_eq!((script[0].1.as_str(), script[1].0), ("AUTH FAILED no login in time\n", Action::Close(ANN)));
}
