//! Every example of the README and of the manual pages runs as it is printed.

#[path = "support/install.rs"]
mod install;
#[path = "support/sandbox.rs"]
mod sandbox;
#[path = "support/skip.rs"]
mod skip;

use std::path::Path;

/// Runs a snippet, which has to succeed; returns its stdout.
fn run(name: &str, script: &str) -> String {
    let output = sandbox::run(name, script);
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name}: {}\n{script}\nstdout:\n{stdout}\nstderr:\n{stderr}", output.status);
    stdout
}

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The fenced blocks of a Markdown text in this language.
fn fenced<'a>(text: &'a str, language: &str) -> Vec<&'a str> {
    let fence = format!("```{language}\n");
    text.split(&fence).skip(1).map(|rest| rest.split("```").next().unwrap_or_default()).collect()
}

/// The shell text of the literal blocks (`.EX` to `.EE`) of a manual page.
fn examples(page: &str) -> Vec<String> {
    let blocks = page.split("\n.EX\n").skip(1).map(|rest| rest.split("\n.EE").next().unwrap_or_default());
    blocks.map(|block| format!("{}\n", block.replace("\\-", "-").replace("\\(aq", "'").replace("\\e", "\\"))).collect()
}

/// Whether the other programs of a snippet are installed; otherwise the test is skipped.
fn can_run(name: &str, script: &str) -> bool {
    let lacking = ["curl", "python3", "nc", "socat", "redis-cli", "haproxy"]
        .into_iter()
        .find(|program| script.contains(&format!("{program} ")) && !skip::has_server(program));
    lacking.inspect(|program| skip::skip(&format!("{name}: no {program}"))).is_none()
}

#[test]
fn readme_recipes_work() {
    let readme = read("README.md");
    let recipes: Vec<_> = fenced(&readme, "sh").into_iter().filter(|recipe| recipe.contains("secretcat ")).collect();
    assert!(recipes.len() >= 10, "found {}", recipes.len());
    for (number, recipe) in recipes.into_iter().enumerate() {
        let name = format!("readme-{number}");
        if can_run(&name, recipe) {
            run(&name, recipe);
        }
    }
}

#[test]
fn readme_first_command_prints_the_reply() {
    let readme = read("README.md");
    let blocks = fenced(&readme, "sh");
    let main_job = blocks.iter().find(|block| block.starts_with("cargo run ")).expect("the README has the main job");
    assert_eq!(run("readme-main-job", main_job), "Digits: 12345   Count: 5\n");
}

#[test]
fn readme_sessions_show_the_real_output() {
    let readme = read("README.md");
    let sessions = fenced(&readme, "console");
    assert!(!sessions.is_empty());
    for (number, session) in sessions.into_iter().enumerate() {
        let commands =
            session.split_inclusive('\n').filter_map(|line| line.strip_prefix("$ ").or(line.strip_prefix("> ")));
        let script: String = commands.collect();
        let output: Vec<_> =
            session.lines().filter(|line| !line.starts_with("$ ") && !line.starts_with("> ")).collect();
        if script.contains("LCDd ") && !skip::has("LCDd") {
            skip::skip_even_in_ci("no LCDd (package lcdproc)");
            continue;
        }
        assert_eq!(run(&format!("readme-session-{number}"), &script).lines().collect::<Vec<_>>(), output);
    }
}

#[test]
fn manual_page_examples_work() {
    for page in ["secretcat", "secretcat-listen", "secretcat-connect", "secretcat-sweep"] {
        let examples = examples(&read(&format!("man/{page}.1")));
        assert!(!examples.is_empty(), "{page} has no examples");
        for (number, example) in examples.iter().enumerate() {
            let name = format!("{page}-{number}");
            if can_run(&name, example) {
                run(&name, example);
            }
        }
    }
}

#[test]
fn manual_fragmentation_examples_show_the_real_output() {
    let page = read("man/secretcat.1");
    let section = page.split("\n.SH ").find(|section| section.starts_with("FRAGMENTATION")).unwrap_or_default();
    let shown: Vec<String> = examples(section)
        .iter()
        .zip(0..)
        .map(|(example, number)| run(&format!("fragmentation-{number}"), &format!("exec 2>&1\n{example}")))
        .map(|shown| shown.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    let [again, relayed, slowly, proven, wrong] = &shown[..] else { panic!("{shown:#?}") };
    assert_eq!(again, "Digits: 42 Count: 2 Digits: 42 Count: 2");
    assert!(relayed.contains("Secret code not found.") && relayed.ends_with("Digits: 42 Count: 2"), "{relayed}");
    // The reply has 22 bytes.
    assert!(slowly.contains(" reads 11 "), "{slowly}");
    assert!(proven.contains(" writes 3 1 segments 3 out, 1 in 1 out, 3 in reads 1 3 "), "{proven}");
    assert!(proven.contains(" barriers 3 confirmed, 0 not - "), "{proven}");
    assert!(wrong.contains("Secret code not found."), "{wrong}");
}
