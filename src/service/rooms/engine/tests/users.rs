//! Members that have logged in.

use super::*;

#[test]
fn user_has_its_name_alone_and_more_connections_a_number() {
    let mut scene = Scene::new(Limits { members_of_user: 3, ..Limits::default() });
    let ids: Vec<_> = (1..=9).map(MemberId::conn).collect();
    let mut enter = |id: usize, user: &str, name: Option<&[u8]>| {
        let user = user.parse().ok();
        let entrance = Entrance { name, user: user.as_ref(), ..Entrance::default() };
        let entered = scene.engine.enter(ids[id], entrance, scene.now).map(|name| name.to_string());
        scene.engine.check();
        entered.map_err(|refusal| refusal.to_string())
    };
    let refused = |text: &str| Err(text.to_owned());
    let letters = "may only have letters, digits and - _ . [ ] { } ^ |";
    let mut name = |id, user| enter(id, user, None);
    assert_eq!([1, 2, 3].map(|id| name(id, "ann").unwrap()), ["ann", "ann[2]", "ann[3]"]);
    assert_eq!(name(4, "ann"), refused("you are connected 3 times, and more are not allowed"));
    assert_eq!(name(5, "Ann"), refused("Ann is the name of another member"));
    assert_eq!(name(5, "ann@lab"), refused(&format!("user ann@lab cannot enter a room: the name {letters}")));
    assert_eq!(name(5, "Jürgen"), refused(&format!("user Jürgen cannot enter a room: the name {letters}")));
    assert_eq!(
        name(5, "7of9"),
        refused("user 7of9 cannot enter a room: the name must begin with a letter or one of _ [ ] { } ^ |")
    );
    assert_eq!(name(5, "Operator"), refused("Operator is a reserved name"));
    let long = "x".repeat(32);
    assert_eq!(name(5, &long), Ok(long.clone()));
    let error = format!("user {long}[2] cannot enter a room: the name has more than 32 characters");
    assert_eq!(name(6, &long), Err(error));
    assert_eq!(enter(7, "bob", Some(b"eve")), refused("you are logged in as bob, and keep this name"));
    assert_eq!(enter(7, "bob", Some(b"BOB")), Ok("bob".to_owned()));
    let renamed = scene.ask(ids[7], Request::Nick { name: b"eve" });
    assert_eq!(renamed.unwrap_err().to_string(), "you are logged in as bob, and keep this name");
    scene.leave(ids[1], "");
    assert_eq!(scene.enter(ids[4], "ann[2]"), Err(Refusal::NameInUse(Name::parse(b"ann[2]", 32).unwrap())));
}

#[test]
fn ban_of_a_user_is_for_the_name_and_all_connections() {
    let mut scene = Scene::new(Limits::default());
    scene.enter_operator();
    let user = "ann".parse().ok();
    let ip = "192.0.2.7".parse().ok();
    let entrance = Entrance { ip, user: user.as_ref(), ..Entrance::default() };
    for id in [ANN, BOB] {
        scene.engine.enter(id, entrance, scene.now).unwrap();
    }
    scene.engine.enter(EVE, Entrance { ip, ..Entrance::default() }, scene.now).unwrap();
    scene.ask(OPERATOR, Request::Ban { name: b"ann[2]", reason: b"" }).unwrap();
    let removed = ["Conn(1)", "Conn(2)"].map(|id| format!("remove {id}: banned by the operator"));
    assert_eq!(scene.told(), removed, "others have the same address");
    assert_eq!(scene.engine.enter(BOB, entrance, scene.now), Err(Refusal::Banned));
}

#[test]
fn private_line_for_a_user_reaches_all_its_members() {
    let mut scene = Scene::new(Limits { members_of_user: 3, ..Limits::default() });
    let ids: Vec<_> = (1..=4).map(MemberId::conn).collect();
    let user = "ann".parse().ok();
    for &id in &ids[..3] {
        scene.engine.enter(id, Entrance { user: user.as_ref(), ..Entrance::default() }, scene.now).unwrap();
    }
    scene.enter(ids[3], "bob").unwrap();
    let message = |scene: &mut Scene, to: &str| {
        let request = Request::Message { to: to.as_bytes(), text: b"hi", tone: Tone::Message };
        let event = scene
            .engine
            .handle(ids[3], request, scene.now, &mut scene.effects)
            .map(|event| event.unwrap().what.clone());
        let sent = std::mem::take(&mut scene.effects).into_iter().map(|effect| match effect {
            Effect::Deliver { event, to } => match &event.what {
                Happening::Private { to: name, .. } => format!("{to:?} {name}"),
                other => panic!("{other:?}"),
            },
            Effect::Remove { .. } => panic!("removed"),
        });
        let sent: Vec<_> = sent.collect();
        event.map(|event| match event {
            Happening::Private { to, .. } => (to.to_string(), sent),
            other => panic!("{other:?}"),
        })
    };
    let all = ["[Conn(1)] ann", "[Conn(2)] ann[2]", "[Conn(3)] ann[3]"].map(str::to_owned).to_vec();
    assert_eq!(message(&mut scene, "ANN"), Ok(("ann".to_owned(), all.clone())));
    assert_eq!(message(&mut scene, "ann[2]"), Ok(("ann[2]".to_owned(), all[1..2].to_vec())));
    let away = |scene: &Scene| scene.engine.away(&scene.engine.receivers(b"ann").unwrap().1);
    scene.ask(ids[0], Request::Away { reason: b"lunch" }).unwrap();
    assert_eq!(away(&scene), None, "two of them are not");
    scene.leave(ids[0], "");
    scene.effects.clear();
    assert_eq!(message(&mut scene, "ann"), Ok(("ann".to_owned(), all[1..].to_vec())));
    for &id in &ids[1..3] {
        scene.ask(id, Request::Away { reason: b"lunch" }).unwrap();
    }
    assert_eq!(away(&scene).as_deref(), Some(&b"lunch"[..]));
    for &id in &ids[1..3] {
        scene.leave(id, "");
    }
    scene.effects.clear();
    assert_eq!(message(&mut scene, "ann"), Err(Refusal::NoSuchMember(b"ann".to_vec())));
}
