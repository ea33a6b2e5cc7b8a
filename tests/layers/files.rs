//! The files of src/, tests/ and benches/: their length, their first line, their names and the names of their tests.

use std::path::Path;

use super::source::{Source, files};
use super::{UNSAFE, none};

/// Lines of code that a file may have; the one with the unsafe code is one file however long it is.
const LONGEST: usize = 400;
/// Characters that the name of a test may have.
const LONGEST_NAME: usize = 60;
/// Words that the name of a test may not have: they name neither a thing nor an event of the field.
const RIDDLES: [&str; 18] = [
    "who",
    "whose",
    "what",
    "somebody",
    "nobody",
    "anybody",
    "everybody",
    "tell",
    "tells",
    "told",
    "say",
    "says",
    "said",
    "hear",
    "heard",
    "talks",
    "parted",
    "door",
];
/// The folders with Rust files.
const FOLDERS: [&str; 3] = ["src", "tests", "benches"];
/// Names of files that do not tell what is in them.
const VAGUE: [&str; 6] = ["util", "utils", "helper", "helpers", "common", "misc"];

/// The names of the functions under `#[test]`, with their line numbers.
fn tests(text: &str) -> Vec<(usize, &str)> {
    let mut names = Vec::new();
    let mut is_test = false;
    for (number, line) in text.lines().enumerate() {
        let code = line.trim_start();
        is_test |= code == "#[test]";
        if let Some(rest) = code.strip_prefix("fn ").filter(|_| is_test) {
            names.push((number + 1, rest.split(['(', '<']).next().unwrap_or_default()));
            is_test = false;
        }
    }
    names
}

/// Each file of the folders, with its path from the root of the project.
fn all_files() -> impl Iterator<Item = (String, Source)> {
    let in_folder = |folder| files(folder).into_iter().map(move |source| (format!("{folder}/{}", source.path), source));
    FOLDERS.into_iter().flat_map(in_folder)
}

/// Counts code only: a file need not be split for its comments or its unit tests.
#[test]
fn files_have_at_most_400_lines_of_code() {
    let long = all_files().filter_map(|(path, source)| {
        let lines = source.lines_of_code();
        let is_long = lines > LONGEST && path.strip_prefix("src/") != Some(UNSAFE);
        is_long.then(|| format!("{path}: {lines} lines of code, more than {LONGEST}"))
    });
    none(&long.collect::<Vec<_>>());
}

#[test]
fn files_begin_with_their_documentation() {
    let without = all_files().filter(|(_, source)| !source.text.starts_with("//! "));
    none(&without.map(|(path, _)| format!("{path}: its first line does not say what is in it")).collect::<Vec<_>>());
}

#[test]
fn files_have_meaningful_names() {
    let stem = |path: &str| Path::new(path).file_stem().unwrap().to_str().unwrap().to_owned();
    let vague = all_files().filter(|(path, _)| VAGUE.contains(&stem(path).as_str()));
    none(&vague.map(|(path, _)| format!("{path}: a name that does not say what is in it")).collect::<Vec<_>>());
}

#[test]
fn test_names_have_at_most_60_characters() {
    let mut long = Vec::new();
    for (path, Source { text, .. }) in all_files() {
        let names = tests(&text).into_iter().filter(|(_, name)| name.len() > LONGEST_NAME);
        long.extend(names.map(|(line, name)| format!("{path}:{line}: {name}: {} characters", name.len())));
    }
    none(&long);
}

#[test]
fn test_names_are_in_plain_words() {
    let mut riddles = Vec::new();
    for (path, Source { text, .. }) in all_files() {
        let is_riddle = |name: &str| name.split('_').any(|word| RIDDLES.contains(&word));
        let names = tests(&text).into_iter().filter(|(_, name)| is_riddle(name));
        riddles.extend(names.map(|(line, name)| format!("{path}:{line}: {name}: name the thing and the event")));
    }
    none(&riddles);
}

#[test]
fn comments_and_unit_tests_are_not_counted_as_code() {
    let text = "//! x\n\nuse a;\n#[cfg(test)]\nmod tests;\n#[cfg(test)]\n#[path = \"x\"]\nmod more;\nimpl A {\n    // no\n    \
                #[cfg(test)]\n    fn f() {\n        if true {\n        }\n    }\n    fn g() {} // yes\n}\n\
                #[cfg(test)]\nmod inner {\n    #[test]\n    #[ignore = \"fn x\"]\n    fn a_name() {}\n}\nconst B: [u8; 2] = [\n    #[cfg(test)]\n    7,\n    1,\n];\n";
    let source = Source { path: "a.rs".into(), text: text.into(), is_test: false };
    assert_eq!(source.lines_of_code(), 7);
    assert_eq!(tests(text), [(22, "a_name")]);
}
