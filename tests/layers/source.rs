//! The source files: their code without tests, what they import, and the names in them.

use std::fs;
use std::path::{Path, PathBuf};

pub(super) struct Source {
    /// The path under its folder, src/ for most.
    pub(super) path: String,
    pub(super) text: String,
    /// All of it is compiled for tests only.
    pub(super) is_test: bool,
}

impl Source {
    /// Lines with their numbers, without comments and without what is compiled for tests only.
    pub(super) fn code(&self) -> impl Iterator<Item = (usize, &str)> {
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

    /// The number of lines of code.
    pub(super) fn lines_of_code(&self) -> usize {
        self.code().filter(|(_, code)| !code.trim().is_empty()).count()
    }

    /// The paths, without extension, of the modules that this file declares for tests only.
    pub(super) fn test_modules(&self) -> impl Iterator<Item = String> + '_ {
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
    pub(super) fn room(&self) -> &str {
        self.path.split(['/', '.']).next().unwrap_or_default()
    }

    /// The module of the room that this file is or is in; `None` for the file of the room itself.
    pub(super) fn module(&self) -> Option<&str> {
        let within = self.path.strip_prefix(self.room())?.strip_prefix('/')?;
        within.split(['/', '.']).next().filter(|module| *module != "mod")
    }

    /// The number of modules around this file, itself included.
    pub(super) fn depth(&self) -> usize {
        let within = self.path.strip_suffix("/mod.rs").unwrap_or(&self.path);
        within.split('/').count()
    }

    /// The rooms that this file names, with the lines where it does.
    pub(super) fn imports(&self) -> Vec<(usize, String)> {
        self.named_after("crate::", self.depth())
    }

    /// The modules of its own room that this file names, with the lines where it does.
    pub(super) fn siblings(&self) -> Vec<(usize, String)> {
        self.named_after(&format!("crate::{}::", self.room()), self.depth() - 1)
    }

    /// The modules named right after this path, which is as many `super::` as `up`.
    fn named_after(&self, path: &str, up: usize) -> Vec<(usize, String)> {
        let mut found = Vec::new();
        let mut nested = false;
        for (number, line) in self.code() {
            let line = &if up == 0 { line.to_owned() } else { line.replace(&"super::".repeat(up), path) };
            let mut rest = line.as_str();
            while let Some((_, after)) = rest.split_once(path) {
                found.extend(modules(after).map(|module| (number, module)));
                nested |= after.starts_with('{') && !after.contains('}');
                rest = after;
            }
            if nested && !line.contains(path) {
                // Within `use crate::{`, which rustfmt breaks with a module or more on a line.
                found.extend(line.split(',').filter_map(|part| word(part.trim())).map(|module| (number, module)));
                nested = !line.contains("};");
            }
        }
        found
    }
}

/// The modules named at the beginning: one, or those within braces.
fn modules(after: &str) -> impl Iterator<Item = String> + '_ {
    let list = after.strip_prefix('{').map_or(after, |list| list.split('}').next().unwrap_or_default());
    let most = if after.starts_with('{') { usize::MAX } else { 1 };
    list.split(',').take(most).filter_map(|part| word(part.trim()))
}

fn word(text: &str) -> Option<String> {
    let word: String = text.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect();
    (!word.is_empty()).then_some(word)
}

pub(super) fn sources() -> Vec<Source> {
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
pub(super) fn files(folder: &str) -> Vec<Source> {
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

/// Whether `code` has `name` in it, and not as the end of a longer word.
pub(super) fn names(code: &str, name: &str) -> bool {
    code.match_indices(name).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        name.starts_with('.') || !before.is_some_and(|c| c.is_alphanumeric() || c == '_')
    })
}

#[test]
fn imports_are_found_in_every_form() {
    let text = "//! x\nuse crate::io::sys;\nuse crate::{cli, value::Size};\nuse crate::{\n    config::Seeing, session,\n    \
                trace,\n};\nuse super::super::peer;\nfn f() { crate::error::cause(); } // crate::cli\n";
    let source = Source { path: "frame/x.rs".into(), text: text.into(), is_test: false };
    let rooms: Vec<_> = source.imports().into_iter().map(|(_, room)| room).collect();
    assert_eq!(rooms, ["io", "cli", "value", "config", "session", "trace", "peer", "error"]);
    assert_eq!((source.room(), source.module(), source.depth()), ("frame", Some("x"), 2));
    let text = "use super::super::a;\nuse super::{b, c::D};\nuse crate::frame::e::F;\nuse crate::plan::g;\n";
    let source = Source { path: "frame/x/y.rs".into(), text: text.into(), is_test: false };
    let siblings: Vec<_> = source.siblings().into_iter().map(|(_, module)| module).collect();
    assert_eq!(siblings, ["a", "e"]);
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
