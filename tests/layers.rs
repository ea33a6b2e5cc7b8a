//! The layers of the code: the imports between rooms, and the rooms that may use clocks, files, sockets and unsafe
//! code.
#![allow(clippy::unwrap_used, reason = "a test that cannot read the sources has failed")]

#[path = "layers/files.rs"]
mod file_rules;
#[path = "layers/source.rs"]
mod source;
#[path = "layers/tables.rs"]
mod tables;

use std::collections::{BTreeMap, BTreeSet};

use source::{Source, files, names, sources};
use tables::{ROOMS, RULES, Rule};

/// The one file that waits for events.
const REACTOR: &str = "io/reactor.rs";
/// The one file with unsafe code, and the folder of its parts.
const UNSAFE: &str = "io/sys.rs";

/// Fails with all of the complaints at once.
fn none(complaints: &[String]) {
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

/// The imports of all files of each room, with a place for each.
fn imports() -> BTreeMap<String, BTreeMap<String, String>> {
    let mut imports: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    let is_in_room = |source: &Source| !source.is_test && !["lib", "main"].contains(&source.room());
    for source in sources().into_iter().filter(is_in_room) {
        let of_room = imports.entry(source.room().to_owned()).or_default();
        for (line, room) in source.imports().into_iter().filter(|(_, room)| room != source.room()) {
            of_room.entry(room).or_insert_with(|| format!("src/{}:{line}", source.path));
        }
    }
    imports
}

#[test]
fn imports_are_those_of_the_table() {
    let mut complaints = Vec::new();
    let mut imports = imports();
    for (room, allowed) in ROOMS {
        let found = imports.remove(*room).unwrap_or_default();
        for (other, place) in found.iter().filter(|(other, _)| !allowed.contains(&other.as_str())) {
            complaints.push(format!("{place}: {room} imports {other}, which ROOMS does not allow"));
        }
        for other in allowed.iter().filter(|other| !found.contains_key(**other)) {
            complaints.push(format!("{room} no longer imports {other}: remove it from ROOMS"));
        }
    }
    complaints.extend(imports.into_keys().map(|room| format!("src/{room}: not in ROOMS")));
    none(&complaints);
}

#[test]
fn imports_go_down_only() {
    for (at, (room, imports)) in ROOMS.iter().enumerate() {
        for import in *imports {
            assert!(ROOMS[..at].iter().any(|(lower, _)| lower == import), "{room} imports {import} from above");
        }
    }
}

/// What the modules of a room name of each other. `mod.rs` is left out: it stands around them.
fn modules_of(room: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut named: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for source in sources().iter().filter(|source| source.room() == room && !source.is_test) {
        let Some(module) = source.module() else { continue };
        let others = source.siblings().into_iter().map(|(_, other)| other).filter(|other| other != module);
        named.entry(module.to_owned()).or_default().extend(others);
    }
    named
}

/// A module that names none of the others, or that none of them names.
fn outside_circles(modules: &BTreeMap<String, BTreeSet<String>>) -> Option<String> {
    let names_none = |named: &BTreeSet<String>| !named.iter().any(|other| modules.contains_key(other));
    let is_named = |module: &String| modules.values().any(|named| named.contains(module));
    let mut all = modules.iter();
    all.find(|(module, named)| names_none(named) || !is_named(module)).map(|(module, _)| module.clone())
}

#[test]
fn modules_of_a_room_do_not_import_in_a_circle() {
    let mut complaints = Vec::new();
    for (room, _) in ROOMS {
        let mut left = modules_of(room);
        while let Some(module) = outside_circles(&left) {
            left.remove(&module);
        }
        if !left.is_empty() {
            complaints.push(format!("src/{room}: a circle of imports in {left:?}"));
        }
    }
    none(&complaints);
}

#[test]
fn names_are_used_only_where_they_belong() {
    let mut complaints = Vec::new();
    let sources = sources();
    for Rule { what, names: forbidden, rooms, exceptions } in RULES {
        let mut excused = Vec::new();
        for source in sources.iter().filter(|source| !rooms.contains(&source.room()) && !source.is_test) {
            let is_forbidden = |code: &str| forbidden.iter().any(|name| names(code, name));
            let mut found = source.code().filter(|(_, code)| is_forbidden(code)).peekable();
            if found.peek().is_some() && exceptions.iter().any(|(path, _)| *path == source.path) {
                excused.push(source.path.as_str());
            } else {
                let place = |(line, code): (_, &str)| format!("src/{}:{line}: {what}: {}", source.path, code.trim());
                complaints.extend(found.map(place));
            }
        }
        let needless = exceptions.iter().filter(|(path, _)| !excused.contains(path));
        complaints.extend(needless.map(|(path, _)| format!("src/{path} no longer {what}: remove the exception")));
    }
    none(&complaints);
}

#[test]
fn one_loop_waits_for_events() {
    let mut complaints = Vec::new();
    for source in sources() {
        for (line, code) in source.code() {
            let at_reactor = source.path == REACTOR;
            if !at_reactor && ["mio::Poll", "Poll::new", "Events::"].iter().any(|name| names(code, name)) {
                complaints.push(format!("src/{}:{line}: polls; events come from Reactor::run", source.path));
            }
            // The compiler ensures that no other code can call it.
            if at_reactor && code.contains("fn wait(") && code.contains("pub") {
                complaints.push(format!("src/{}:{line}: only Reactor::run waits", source.path));
            }
        }
    }
    none(&complaints);
}

/// A read of a test with a timeout ends with EINTR when the machine is frozen and thawed.
#[test]
fn tests_read_through_a_helper_that_goes_on_when_interrupted() {
    const HELPER: &str = "support/tcp.rs";
    let mut complaints = Vec::new();
    for source in
        files("tests").into_iter().filter(|source| source.path != HELPER && !source.path.starts_with("layers"))
    {
        for (line, code) in source.code() {
            if [".read(&mut ", ".recv(&mut "].iter().any(|call| code.contains(call)) && !code.contains("uninterrupted(")
            {
                complaints.push(format!(
                    "tests/{}:{line}: reads; see read_some of {HELPER}: {}",
                    source.path,
                    code.trim()
                ));
            }
        }
    }
    none(&complaints);
}

fn may_be_unsafe(source: &Source) -> bool {
    source.path == UNSAFE
}

#[test]
fn unsafe_code_is_in_one_place() {
    let mut complaints = Vec::new();
    for source in sources().into_iter().filter(|source| !may_be_unsafe(source)) {
        for (number, line) in source.text.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            if code
                .split(|c: char| !c.is_alphanumeric() && c != '_')
                .any(|word| word == "unsafe" || word == "unsafe_code")
            {
                complaints.push(format!("src/{}:{}: {}", source.path, number + 1, line.trim()));
            }
        }
    }
    none(&complaints);
}

#[test]
fn unsafe_code_has_safety_comments() {
    let mut complaints = Vec::new();
    for source in sources().into_iter().filter(may_be_unsafe) {
        let lines: Vec<_> = source.text.lines().collect();
        for (number, _) in lines.iter().enumerate().filter(|(_, line)| line.contains("unsafe {")) {
            // Right above, or above the statement that this block is a part of.
            let above = &lines[number.saturating_sub(8)..=number];
            if !above.iter().any(|line| line.contains("SAFETY:")) {
                complaints.push(format!("src/{}:{}: no SAFETY comment", source.path, number + 1));
            }
        }
    }
    none(&complaints);
}
