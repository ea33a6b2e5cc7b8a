//! Members that come, go and have other names in numbers.

use super::*;

/// So many members, who have joined the lobby one after the other: after `burst`, without an announcement.
fn crowd(members: usize, burst: u32) -> Scene {
    let limits = Limits { announcements: Rate { per_second: 1, burst }, ..Limits::default() };
    let mut scene = Scene::new(limits);
    for n in 1..=members {
        scene.enter(MemberId::conn(n), &format!("m{n}")).unwrap();
        scene.ask(MemberId::conn(n), Request::Join { room: b"lobby" }).unwrap();
    }
    scene
}

#[test]
fn join_flood_is_announced_as_a_crowd() {
    let mut scene = crowd(50, 3);
    scene.leave(MemberId::conn(50), "");
    let told = scene.told();
    assert_eq!(told[2], "m3: joined lobby -> Conn(1) Conn(2) Conn(3)");
    assert_eq!(
        told[3..5],
        ["m4: joined lobby -> Conn(4)", "m5: joined lobby -> Conn(5)"],
        "only its own member gets it"
    );
    assert_eq!(told.len(), 50, "the end of m50 is not announced alone");
    let at = scene.engine.announces_at().unwrap();
    assert_eq!(at, scene.now.elapsed + Duration::from_secs(1));
    scene.engine.announce_crowds(scene.now, &mut scene.effects);
    assert!(scene.effects.is_empty(), "too early");
    scene.wait(1000);
    scene.engine.announce_crowds(scene.now, &mut scene.effects);
    assert!(scene.told()[0].starts_with("-: 47 joined, 1 left lobby -> Conn(1) "));
    assert_eq!(scene.engine.announces_at(), None);
}

#[test]
fn rename_flood_is_announced_as_a_crowd() {
    let mut scene = crowd(3, 4);
    scene.told();
    for n in 1..=3 {
        scene.ask(MemberId::conn(n), Request::Nick { name: format!("n{n}").as_bytes() }).unwrap();
    }
    let told = ["m1: is n1 -> Conn(1) Conn(2) Conn(3)", "m2: is n2 -> Conn(2)", "m3: is n3 -> Conn(3)"];
    assert_eq!(scene.told(), told, "only its own member gets it");
    scene.wait(1000);
    scene.engine.announce_crowds(scene.now, &mut scene.effects);
    assert_eq!(scene.told(), ["-: 2 renamed in lobby -> Conn(1) Conn(2) Conn(3)"]);
}

/// A client that knows each name by its events must not get a line of a name that it has never seen.
#[test]
fn member_of_a_crowd_is_announced_before_its_line() {
    type Act = fn(&mut Scene, MemberId) -> Outcome;
    let acts: [(Act, &str); 3] = [
        (|scene, id| scene.say(id, "hi"), "Message lobby hi"),
        (
            |scene, id| scene.ask(id, Request::Message { to: b"m1", text: b"hi", tone: Tone::Message }),
            "Message to m1 hi",
        ),
        (|scene, id| scene.ask(id, Request::Topic { room: b"lobby", text: b"hi" }), "topic lobby hi"),
    ];
    for (act, what) in acts {
        let mut scene = crowd(3, 2);
        scene.told();
        act(&mut scene, MemberId::conn(1)).unwrap();
        assert!(scene.told()[0].starts_with(&format!("m1: {what}")), "m1 was announced");
        act(&mut scene, MemberId::conn(3)).unwrap();
        let told = scene.told();
        assert_eq!(told[0], "m3: joined lobby -> Conn(1) Conn(2)", "one alone is no crowd");
        assert!(told[1].starts_with(&format!("m3: {what}")), "{told:?}");
        scene.ask(MemberId::conn(3), Request::Nick { name: b"n3" }).unwrap();
        act(&mut scene, MemberId::conn(3)).unwrap();
        let told = scene.told();
        assert_eq!(told[..2], ["m3: is n3 -> Conn(3)", "m3: is n3 -> Conn(1) Conn(2)"]);
        assert!(told[2].starts_with(&format!("n3: {what}")), "{told:?}");
        assert_eq!(scene.engine.announces_at(), None);
    }
}
