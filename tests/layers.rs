//! The layers of the code: which room imports which, and where clocks, files, sockets and unsafe code may be used.
#![allow(clippy::unwrap_used, reason = "a test that cannot read the sources has failed")]

#[path = "layers/files.rs"]
mod file_rules;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Every room of src/ and the rooms that it imports, from the bottom up: a room imports only rooms before it.
/// `lib.rs` and `main.rs` stand above all of them.
const ROOMS: &[(&str, &[&str])] = &[
    ("value", &[]),
    ("error", &["value"]),
    ("plan", &["value"]),
    ("frame", &["value"]),
    ("editor", &["value"]),
    ("trace", &["plan", "value"]),
    ("verdict", &["error", "frame", "plan", "value"]),
    ("service", &["frame", "plan", "value"]),
    ("peer", &["plan", "trace"]),
    ("config", &["error", "frame", "plan", "service", "value", "verdict"]),
    ("io", &["config", "editor", "error", "peer", "plan", "service", "trace", "value"]),
    ("session", &["config", "error", "frame", "io", "peer", "plan", "service", "trace", "value", "verdict"]),
    ("cli", &["config", "error", "frame", "io", "plan", "service", "value", "verdict"]),
];

/// The one file with unsafe code, and the folder of its parts.
const UNSAFE: &str = "io/sys.rs";

/// Names that only some rooms may use.
struct Rule {
    what: &'static str,
    names: &'static [&'static str],
    rooms: &'static [&'static str],
    /// Files of other rooms that use a name all the same, with the reason.
    exceptions: &'static [(&'static str, &'static str)],
}

/// The one file that waits for events.
const REACTOR: &str = "io/reactor.rs";

/// The exchange is being rewritten as state machines that get the time as an argument.
const REWRITE: &str = "goes with the rewrite of the exchange";

const RULES: &[Rule] = &[
    Rule {
        what: "reads the clock",
        names: &["Instant::now", "SystemTime::now", "elapsed("],
        rooms: &["io"],
        exceptions: &[
            ("session/exchange.rs", REWRITE),
            ("session/exchange/delivery.rs", REWRITE),
            ("session/exchange/joining.rs", REWRITE),
            ("session/exchange/meter.rs", REWRITE),
            ("session/exchange/parting.rs", REWRITE),
            ("session/exchange/terminal.rs", REWRITE),
            ("session/listen/server.rs", REWRITE),
        ],
    },
    Rule { what: "has times", names: &["Instant", "SystemTime"], rooms: &["peer", "io", "session"], exceptions: &[] },
    Rule { what: "uses files", names: &["std::fs", "fs::", "File::", "OpenOptions"], rooms: &["io"], exceptions: &[] },
    Rule { what: "uses threads", names: &["std::thread", "thread::"], rooms: &["io"], exceptions: &[] },
    Rule {
        what: "uses a standard stream or a terminal",
        names: &[
            "io::stdin",
            "io::stdout",
            "io::stderr",
            "stdin()",
            "stdout()",
            "stderr()",
            "IsTerminal",
            "same_terminal",
        ],
        rooms: &["io"],
        exceptions: &[("session/exchange/meter.rs", REWRITE)],
    },
    Rule {
        what: "waits outside of the event loop",
        names: &[
            ".recv()",
            "recv_timeout",
            ".join()",
            "sleep(",
            "wait_ready(",
            "set_read_timeout",
            "set_write_timeout",
        ],
        rooms: &[],
        exceptions: &[
            ("io/files.rs", "waits for the stdin of a sweep before the loop begins"),
            ("io/report.rs", "waits for stderr after the loop, for a second at most"),
            ("io/sys.rs", "defines the wait of the report"),
            ("io/systemd.rs", "waits for a service manager that does not read, for 200 ms at most"),
            ("io/threads.rs", "waits for threads after the loop"),
            ("session/loopback.rs", "waits for the address of its own listener before the loop begins"),
        ],
    },
    Rule {
        what: "uses a socket or the system",
        names: &["std::net::Tcp", "std::net::Udp", "std::os::unix::net", "socket2", "mio::", "libc::"],
        rooms: &["io"],
        exceptions: &[],
    },
    Rule {
        what: "uses the environment or the process",
        names: &["std::env", "env::", "std::process", "process::"],
        rooms: &["io"],
        exceptions: &[
            ("main.rs", "takes the arguments and returns the exit status"),
            ("lib.rs", "returns the exit status"),
        ],
    },
    Rule { what: "uses clap", names: &["clap::"], rooms: &["cli"], exceptions: &[] },
    Rule {
        what: "prints by a macro, which panics when the stream fails",
        names: &["println!", "eprintln!", "print!", "eprint!", "dbg!"],
        rooms: &[],
        exceptions: &[],
    },
];

struct Source {
    /// The path under its folder, src/ for most.
    path: String,
    text: String,
    /// All of it is compiled for tests only.
    is_test: bool,
}

impl Source {
    /// Lines with their numbers, without comments and without what is compiled for tests only.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let mut tests: Option<usize> = None; // the indentation of the item being left out
        let mut begun = false;
        self.text.lines().enumerate().filter_map(move |(number, line)| {
            let indent = line.len() - line.trim_start().len();
            match tests {
                None if line.trim() == "#[cfg(test)]" => (tests, begun) = (Some(indent), false),
                None => return Some((number + 1, line.split("//").next().unwrap_or_default())),
                // rustfmt puts the end of an item under its beginning.
                Some(column) if indent == column && !line.trim_start().starts_with("#[") && !line.is_empty() => {
                    let is_end = if begun { line.trim().starts_with('}') } else { line.ends_with([';', '}', ',']) };
                    begun = true;
                    tests = tests.filter(|_| !is_end);
                }
                Some(_) => {}
            }
            None
        })
    }

    /// The paths, without extension, of the modules that this file declares for tests only.
    fn test_modules(&self) -> impl Iterator<Item = String> + '_ {
        let folder = match self.path.rsplit_once('/').unwrap_or(("", &self.path)) {
            ("", "lib.rs" | "main.rs") => String::new(),
            (folder, "mod.rs") => format!("{folder}/"),
            _ => format!("{}/", self.path.trim_end_matches(".rs")),
        };
        let lines = self.text.lines().zip(self.text.lines().skip(1));
        let declared = lines.filter(|(line, _)| line.trim() == "#[cfg(test)]");
        let names = declared.filter_map(|(_, next)| next.trim().strip_prefix("mod ")?.strip_suffix(';'));
        names.map(move |name| format!("{folder}{name}"))
    }

    /// The room that this file is in: a folder of src/, or a file beside it.
    fn room(&self) -> &str {
        self.path.split(['/', '.']).next().unwrap_or_default()
    }

    /// The number of modules around this file, itself included.
    fn depth(&self) -> usize {
        let within = self.path.strip_suffix("/mod.rs").unwrap_or(&self.path);
        within.split('/').count()
    }

    /// The rooms that this file names, with the lines where it does.
    fn imports(&self) -> Vec<(usize, String)> {
        let mut found = Vec::new();
        let mut nested = false;
        for (number, line) in self.code() {
            // As many `super::` as modules around the file are the crate.
            let line = &line.replace(&"super::".repeat(self.depth()), "crate::");
            let mut rest = line.as_str();
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

fn sources() -> Vec<Source> {
    let mut sources = files("src");
    assert!(sources.len() > 20, "src/ was not found");
    let tests: Vec<_> = sources.iter().flat_map(Source::test_modules).collect();
    for source in &mut sources {
        let module = source.path.trim_end_matches(".rs").trim_end_matches("/mod");
        let is_in =
            |test: &String| module.strip_prefix(test).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        source.is_test = tests.iter().any(is_in);
    }
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
                sources.push(Source { path, text, is_test: false });
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
            // Nobody else can call it then: the compiler says so.
            if at_reactor && code.contains("fn wait(") && code.contains("pub") {
                complaints.push(format!("src/{}:{line}: only Reactor::run waits", source.path));
            }
        }
    }
    none(&complaints);
}

/// Whether `code` has `name` in it, and not as the end of a longer word.
fn names(code: &str, name: &str) -> bool {
    code.match_indices(name).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        name.starts_with('.') || !before.is_some_and(|c| c.is_alphanumeric() || c == '_')
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

#[test]
fn imports_are_found_in_every_form() {
    let text = "//! x\nuse crate::io::sys;\nuse crate::{cli, value::Size};\nuse crate::{\n    config::Seeing, session,\n    \
                trace,\n};\nuse super::super::peer;\nfn f() { crate::error::cause(); } // crate::cli\n";
    let source = Source { path: "frame/x.rs".into(), text: text.into(), is_test: false };
    let rooms: Vec<_> = source.imports().into_iter().map(|(_, room)| room).collect();
    assert_eq!(rooms, ["io", "cli", "value", "config", "session", "trace", "peer", "error"]);
    assert_eq!((source.room(), source.depth()), ("frame", 2));
    assert!(names("eprintln!(\"\"); println!(\"\")", "println!"));
    assert!(!names("eprintln!(\"\")", "println!"));
    assert!(names("a.recv()", ".recv()"));
}

#[test]
fn items_for_tests_only_are_left_out() {
    let text = "mod a;\n#[cfg(test)]\nmod b;\n\nimpl A {\n    #[cfg(test)]\n    #[must_use]\n    fn c(\n        d: D,\n    \
                ) {\n        e();\n    }\n\n    fn f() {}\n}\n\n#[cfg(test)]\nmod tests {\n    g\n}\n";
    let source = Source { path: "frame/mod.rs".into(), text: text.into(), is_test: false };
    let code: Vec<_> = source.code().map(|(_, code)| code).filter(|code| !code.is_empty()).collect();
    assert_eq!(code, ["mod a;", "impl A {", "    fn f() {}", "}"]);
    assert_eq!(source.test_modules().collect::<Vec<_>>(), ["frame/b"]);
    let lib = Source { path: "lib.rs".into(), text: text.into(), is_test: false };
    assert_eq!(lib.test_modules().collect::<Vec<_>>(), ["b"]);
}
