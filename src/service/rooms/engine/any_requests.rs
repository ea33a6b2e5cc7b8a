//! Whatever members ask for, in whatever order, the invariants of the engine hold.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::super::pace::Rate;
use super::*;
use crate::value::Timestamp;

/// One step of a run. Names and rooms are few, so that they collide.
#[derive(Clone, Debug)]
enum Step {
    Enter(usize, Option<String>),
    Leave(usize),
    Join(usize, String),
    Part(usize, String),
    Nick(usize, String),
    Say(usize, String, usize),
    Message(usize, String),
    Topic(usize, String, usize),
    Kick(usize, String),
    Ban(usize, String),
    Unban(usize, String),
    Wait(u64),
}

fn name() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["ann", "Ann", "bob", "eve", "operator", "guest1", "", "toolong", "a b", "\u{9b}"])
        .prop_map(str::to_owned)
}

fn room() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["a", "A", "#b", "c", "d", "e", "x y", ""]).prop_map(str::to_owned)
}

fn step() -> impl Strategy<Value = Step> {
    let id = || 0_usize..6;
    prop_oneof![
        2 => (id(), prop::option::of(name())).prop_map(|(id, name)| Step::Enter(id, name)),
        1 => id().prop_map(Step::Leave),
        4 => (id(), room()).prop_map(|(id, room)| Step::Join(id, room)),
        2 => (id(), room()).prop_map(|(id, room)| Step::Part(id, room)),
        2 => (id(), name()).prop_map(|(id, name)| Step::Nick(id, name)),
        6 => (id(), room(), 0_usize..12).prop_map(|(id, room, len)| Step::Say(id, room, len)),
        1 => (id(), name()).prop_map(|(id, name)| Step::Message(id, name)),
        1 => (id(), room(), 0_usize..12).prop_map(|(id, room, len)| Step::Topic(id, room, len)),
        1 => (id(), name()).prop_map(|(id, name)| Step::Kick(id, name)),
        1 => (id(), name()).prop_map(|(id, name)| Step::Ban(id, name)),
        1 => (id(), name()).prop_map(|(id, name)| Step::Unban(id, name)),
        1 => (0_u64..2000).prop_map(Step::Wait),
    ]
}

const LIMITS: Limits = Limits {
    name: 6,
    room_name: 4,
    text: 10,
    remark: 10,
    rooms: 4,
    members: 3,
    rooms_of_member: 2,
    members_of_user: 2,
    bans: 2,
    history: 3,
    history_bytes: 1500,
    actions: Rate { per_second: 5, burst: 5 },
    announcements: Rate { per_second: 1, burst: 2 },
};

fn id_of(number: usize) -> MemberId {
    if number == 0 { MemberId::Console } else { MemberId::conn(number) }
}

fn take(engine: &mut Engine, step: &Step, now: &mut Moment, effects: &mut Vec<Effect>) -> Outcome {
    let text = |len: &usize| "é".repeat(*len / 2).into_bytes();
    let tone = Tone::Message;
    let (id, request) = match step {
        Step::Enter(id, name) => {
            let role = if *id == 0 { Role::Operator } else { Role::Member };
            let ip = (*id > 3).then(|| IpAddr::from([192, 0, 2, 1]));
            let user = (*id == 2 || *id == 5).then(|| "ann".parse().unwrap());
            let is_new = engine.member(id_of(*id)).is_none();
            let entrance = Entrance { name: name.as_ref().map(String::as_bytes), ip, role, user: user.as_ref() };
            return if is_new { engine.enter(id_of(*id), entrance, *now).map(|_| None) } else { Ok(None) };
        }
        Step::Leave(id) => {
            engine.leave(id_of(*id), b"bye", *now, effects);
            return Ok(None);
        }
        Step::Wait(millis) => {
            now.elapsed += Duration::from_millis(*millis);
            engine.announce_crowds(*now, effects);
            return Ok(None);
        }
        Step::Say(id, room, len) => {
            let text = text(len);
            let request = Request::Say { room: room.as_bytes(), text: &text, tone };
            return engine.handle(id_of(*id), request, *now, effects);
        }
        Step::Topic(id, room, len) => {
            let text = text(len);
            return engine.handle(id_of(*id), Request::Topic { room: room.as_bytes(), text: &text }, *now, effects);
        }
        Step::Join(id, room) => (id, Request::Join { room: room.as_bytes() }),
        Step::Part(id, room) => (id, Request::Part { room: room.as_bytes(), reason: b"" }),
        Step::Nick(id, name) => (id, Request::Nick { name: name.as_bytes() }),
        Step::Message(id, name) => (id, Request::Message { to: name.as_bytes(), text: b"x", tone }),
        Step::Kick(id, name) => (id, Request::Kick { name: name.as_bytes(), reason: b"" }),
        Step::Ban(id, name) => (id, Request::Ban { name: name.as_bytes(), reason: b"" }),
        Step::Unban(id, name) => (id, Request::Unban { target: name.as_bytes() }),
    };
    engine.handle(id_of(*id), request, *now, effects)
}

/// A line is for the members of its room but its sender, and every other event for members that are there, or were.
fn check_receivers(engine: &Engine, before: &BTreeSet<MemberId>, effects: &[Effect]) -> Result<(), TestCaseError> {
    for effect in effects {
        let Effect::Deliver { event, to } = effect else { continue };
        let set: BTreeSet<_> = to.iter().copied().collect();
        prop_assert_eq!(set.len(), to.len(), "somebody gets it twice");
        prop_assert!(!to.is_empty() && to.iter().all(|id| engine.member(*id).is_some() || before.contains(id)));
        if let Happening::Line { room, .. } = &event.what {
            let sender = engine.find(event.by.as_ref().unwrap().as_str().as_bytes()).unwrap().0;
            let mut others = engine.room(room.as_str().as_bytes()).unwrap().members.clone();
            prop_assert!(others.remove(&sender));
            prop_assert_eq!(set, others);
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn invariants_hold_after_any_requests(steps in prop::collection::vec(step(), 1..120)) {
        let mut engine = Engine::new(LIMITS);
        let mut now = Moment { elapsed: Duration::from_secs(10), time: Timestamp::from_millis(99) };
        let mut last_id = 0;
        for step in &steps {
            let before: BTreeSet<_> = engine.roster.iter().map(|(id, _)| id).collect();
            let mut effects = Vec::new();
            let outcome = take(&mut engine, step, &mut now, &mut effects);
            engine.check();
            check_receivers(&engine, &before, &effects)?;
            prop_assert!(outcome.is_ok() || effects.is_empty(), "{:?} was refused and has effects", step);
            for effect in &effects {
                match effect {
                    Effect::Deliver { event, .. } => {
                        // The members that are one user get one line, each with its own name in it.
                        let is_same = matches!(event.what, Happening::Private { .. }) && event.id == last_id;
                        prop_assert!(event.id > last_id || is_same);
                        last_id = event.id;
                    }
                    Effect::Remove { member, .. } => prop_assert!(engine.member(*member).is_none()),
                }
            }
        }
    }
}
