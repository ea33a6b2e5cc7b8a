//! The shape of the code: imports go down only, the core is pure, unsafe code and large files have nowhere to hide.
#![allow(clippy::unwrap_used, reason = "a test that cannot read the sources has failed")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The rooms from the bottom up. Rooms on one floor may import each other.
const FLOORS: &[&[&str]] = &[
    &["value", "error"],
    &["config", "editor", "plan", "frame", "service", "trace", "verdict"],
    &["peer"],
    &["io"],
    &["session"],
    &["cli"],
];
/// The floors that take bytes, time and seed as arguments and return data.
const PURE: usize = 3;
/// The one file with unsafe code, and the folder of its parts.
const UNSAFE: &str = "io/sys.rs";
/// Lines that a file may have; the one with the unsafe code is one file however long it is.
const LONGEST: usize = 400;

/// What the pure floors may not name: sockets, files, clocks, environment, threads, standard streams.
const IMPURE: &[&str] = &[
    "std::net::Tcp",
    "std::net::Udp",
    "std::os::unix::net",
    "socket2",
    "mio::",
    "libc::",
    "std::fs",
    "std::env",
    "env::var",
    "std::thread",
    "std::process",
    "Instant",
    "SystemTime",
    "io::stdin",
    "io::stdout",
    "io::stderr",
    "File::",
    "println!",
    "eprintln!",
    "print!",
    "dbg!",
];

/// The room whose arguments may be times. It reads no clock either.
const TIMED: &str = "peer/";
/// What is forbidden there in the place of the type.
const CLOCKS: &[&str] = &["Instant::now", "elapsed("];

struct Source {
    /// The path under its folder, src/ for most.
    path: String,
    text: String,
}

impl Source {
    /// Lines with their numbers, without comments, and without the unit tests at the end.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.text.lines().enumerate().take_while(|(_, line)| line.trim() != "#[cfg(test)]");
        lines.map(|(number, line)| (number + 1, line.split("//").next().unwrap_or_default()))
    }

    /// Whether all of it is unit tests.
    fn is_test(&self) -> bool {
        self.path.ends_with("/tests.rs") || self.path.contains("/tests/")
    }

    /// The floor that this file is on; `main.rs` and `lib.rs` stand above all.
    fn floor(&self) -> Option<usize> {
        floor(self.path.split(['/', '.']).next().unwrap_or_default())
    }

    /// The rooms that this file names, with the lines where it does.
    fn imports(&self) -> Vec<(usize, String)> {
        let mut found = Vec::new();
        let mut nested = false;
        for (number, line) in self.code() {
            let mut rest = line;
            while let Some((_, after)) = rest.split_once("crate::") {
                found.extend(rooms(after).map(|room| (number, room)));
                nested |= after.starts_with('{') && !after.contains('}');
                rest = after;
            }
            if nested && !line.contains("crate::") {
                // Within `use crate::{`, which rustfmt breaks with a room or more on a line.
                found.extend(line.split(',').filter_map(|part| word(part.trim())).map(|room| (number, room)));
                nested = !line.contains("};");
            }
        }
        found
    }
}

/// The rooms named right behind `crate::`: one, or those within braces.
fn rooms(after: &str) -> impl Iterator<Item = String> + '_ {
    let list = after.strip_prefix('{').map_or(after, |list| list.split('}').next().unwrap_or_default());
    let most = if after.starts_with('{') { usize::MAX } else { 1 };
    list.split(',').take(most).filter_map(|part| word(part.trim()))
}

fn word(text: &str) -> Option<String> {
    let word: String = text.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect();
    (!word.is_empty()).then_some(word)
}

fn floor(room: &str) -> Option<usize> {
    FLOORS.iter().position(|rooms| rooms.contains(&room))
}

fn sources() -> Vec<Source> {
    let sources = files("src");
    assert!(sources.len() > 20, "src/ was not found");
    sources
}

/// The Rust files below a folder of the project, with their paths under it.
fn files(folder: &str) -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut sources = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path: PathBuf = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                let path = path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
                sources.push(Source { path, text });
            }
        }
    }
    assert!(!sources.is_empty(), "{folder}/ was not found");
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    sources
}

/// Fails with all of the complaints at once.
fn none(complaints: &[String]) {
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

#[test]
fn imports_go_down_only() {
    let mut complaints = Vec::new();
    for source in sources() {
        let Some(own) = source.floor() else { continue };
        for (line, room) in source.imports() {
            if floor(&room).is_some_and(|other| other > own) {
                complaints.push(format!("src/{}:{line}: imports crate::{room} from a floor above", source.path));
            }
        }
    }
    none(&complaints);
}

#[test]
fn every_room_has_its_floor() {
    let rooms: BTreeMap<_, _> = sources()
        .iter()
        .map(|source| source.path.split(['/', '.']).next().unwrap_or_default().to_owned())
        .filter(|room| room != "main" && room != "lib")
        .map(|room| (room.clone(), floor(&room)))
        .collect();
    none(&rooms.iter().filter(|(_, floor)| floor.is_none()).map(|(room, _)| room.clone()).collect::<Vec<_>>());
}

#[test]
fn the_core_is_pure() {
    let mut complaints = Vec::new();
    for source in sources().into_iter().filter(|source| source.floor().is_some_and(|floor| floor < PURE)) {
        if source.is_test() {
            continue;
        }
        for (line, code) in source.code() {
            let timed = source.path.starts_with(TIMED);
            let forbidden = IMPURE.iter().filter(|&&name| !(timed && name == "Instant"));
            let impure =
                forbidden.chain(timed.then_some(CLOCKS).into_iter().flatten()).filter(|name| names(code, name));
            complaints.extend(impure.map(|name| format!("src/{}:{line}: uses {name}", source.path)));
        }
    }
    none(&complaints);
}

#[test]
fn only_the_command_line_uses_clap() {
    let mut complaints = Vec::new();
    for source in sources().into_iter().filter(|source| !source.path.starts_with("cli/")) {
        let uses = source.code().filter(|(_, code)| names(code, "clap::"));
        complaints
            .extend(uses.map(|(line, _)| format!("src/{}:{line}: uses clap: names go into a table", source.path)));
    }
    none(&complaints);
}

/// Whether `code` has `name` in it, and not as the end of a longer word.
fn names(code: &str, name: &str) -> bool {
    code.match_indices(name).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || c == '_')
    })
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
fn unsafe_code_says_why_it_is_sound() {
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

#[test]
fn files_are_short_and_say_what_they_are() {
    let mut complaints = Vec::new();
    for folder in ["src", "tests", "benches"] {
        for Source { path, text } in files(folder) {
            let lines = text.lines().count();
            if lines > LONGEST && !(folder == "src" && path == UNSAFE) {
                complaints.push(format!("{folder}/{path}: {lines} lines, more than {LONGEST}"));
            }
            if !text.starts_with("//! ") {
                complaints.push(format!("{folder}/{path}: its first line does not say what it is"));
            }
            let name = Path::new(&path).file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
            if ["util", "utils", "helper", "helpers", "common", "misc"].contains(&name) {
                complaints.push(format!("{folder}/{path}: a name that says nothing"));
            }
        }
    }
    none(&complaints);
}

#[test]
fn the_reader_of_imports_sees_what_it_should() {
    let text = "//! x\nuse crate::io::sys;\nuse crate::{cli, value::Size};\nuse crate::{\n    config::Seeing, session,\n    \
                trace,\n};\nfn f() { crate::error::cause(); } // crate::cli\n#[cfg(test)]\nuse crate::plan;\n";
    let source = Source { path: "frame/x.rs".into(), text: text.into() };
    let rooms: Vec<_> = source.imports().into_iter().map(|(_, room)| room).collect();
    assert_eq!(rooms, ["io", "cli", "value", "config", "session", "trace", "error"]);
    assert_eq!(source.floor(), Some(1));
    assert!(names("eprintln!(\"\"); println!(\"\")", "println!"));
    assert!(!names("eprintln!(\"\")", "println!"));
}
