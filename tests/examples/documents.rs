//! The examples of the README and of docs/.
//!
//! A block of the language `sh` is run if it calls `secretcat`, and has to succeed. A block of the language `console`
//! is a session: its commands begin with `$ ` or `> `, and its other lines are all that they print on stdout.

use super::{can_run, pages, read, run};

/// The fenced blocks of a Markdown text in this language.
fn fenced<'a>(text: &'a str, language: &str) -> Vec<&'a str> {
    let fence = format!("```{language}\n");
    text.split(&fence).skip(1).map(|rest| rest.split("```").next().unwrap_or_default()).collect()
}

/// Runs the blocks of a document; returns how many there are.
fn blocks_work(path: &str) -> usize {
    let text = read(path);
    let name = |kind: &str, number: usize| {
        let document = path.trim_end_matches(".md").replace('/', "-");
        format!("{document}-{kind}-{number}").to_lowercase()
    };
    let scripts: Vec<_> = fenced(&text, "sh").into_iter().filter(|script| script.contains("secretcat ")).collect();
    for (number, script) in scripts.iter().enumerate() {
        let name = name("script", number);
        if can_run(&name, script) {
            run(&name, script);
        }
    }
    let sessions = fenced(&text, "console");
    for (number, session) in sessions.iter().enumerate() {
        let name = name("session", number);
        let is_command = |line: &&str| line.starts_with("$ ") || line.starts_with("> ");
        let script: String = session.split_inclusive('\n').filter(is_command).map(|line| &line[2..]).collect();
        let shown: Vec<_> = session.lines().filter(|line| !is_command(line)).collect();
        if can_run(&name, &script) {
            assert_eq!(run(&name, &script).lines().collect::<Vec<_>>(), shown, "{name}");
        }
    }
    scripts.len() + sessions.len()
}

/// A test for each document, and the list of all.
macro_rules! documents {
    ($($test:ident $path:literal,)*) => {
        /// The documents whose blocks are run.
        const DOCUMENTS: &[&str] = &[$($path),*];

        $(#[test]
        fn $test() {
            assert_ne!(blocks_work($path), 0, "no examples in {}", $path);
        })*
    };
}

documents! {
    examples_of_readme_work "README.md",
    examples_of_containers_work "docs/containers.md",
    examples_of_install_work "docs/install.md",
    examples_of_netcat_work "docs/netcat.md",
    examples_of_rooms_and_files_work "docs/rooms-and-files.md",
    examples_of_scripts_work "docs/scripts.md",
    examples_of_seeing_work "docs/seeing.md",
    examples_of_serving_work "docs/serving.md",
    examples_of_sweep_work "docs/sweep.md",
    examples_of_tls_work "docs/tls.md",
    examples_of_tutorial_work "docs/tutorial.md",
}

/// The pages of docs/ whose commands are not run here: they have none, or the lab runs them.
const WITHOUT_EXAMPLES: &[&str] = &[
    "docs/README.md",
    "docs/architecture.md",
    "docs/lab-exercises.md",
    "docs/limits.md",
    "docs/reporting-a-cut-bug.md",
];

#[test]
fn all_pages_of_docs_are_run() {
    for page in pages().iter().filter(|page| !WITHOUT_EXAMPLES.contains(&&***page)) {
        assert!(DOCUMENTS.contains(&&**page), "{page} is neither in DOCUMENTS nor in WITHOUT_EXAMPLES");
    }
}

#[test]
fn readme_is_short_and_has_ten_recipes() {
    let readme = read("README.md");
    assert!(readme.lines().count() < 200, "{} lines", readme.lines().count());
    let recipes = fenced(&readme, "sh").into_iter().filter(|script| script.contains("secretcat ")).count();
    assert!(recipes >= 10, "{recipes}");
}

#[test]
fn readme_first_command_prints_the_reply() {
    let readme = read("README.md");
    let blocks = fenced(&readme, "sh");
    let main_job = blocks.iter().find(|block| block.starts_with("cargo run ")).expect("the README has the main job");
    assert_eq!(run("readme-main-job", main_job), "Digits: 12345   Count: 5\n");
}
