//! Every example of the README, of docs/, of the manual pages and of `--help` runs as it is printed, and every link in
//! the documents leads somewhere.

mod documents;
mod help;
#[path = "../support/install.rs"]
mod install;
mod links;
mod manuals;
mod netcats;
#[path = "../support/sandbox.rs"]
mod sandbox;
#[path = "../support/skip.rs"]
mod skip;
mod surroundings;

use std::path::{Path, PathBuf};
use std::process::Command;

use surroundings::Surroundings;

/// The programs of examples, beside those that each Debian has.
const PROGRAMS: [&str; 19] = [
    "LCDd",
    "curl",
    "dnsmasq",
    "haproxy",
    "microsocks",
    "mosquitto",
    "nc",
    "ncat",
    "nginx",
    "nmap",
    "node",
    "openssl",
    "python3",
    "redis-cli",
    "redis-server",
    "socat",
    "tinyproxy",
    "tshark",
    "unbound",
];

/// The modules of Python in examples.
const MODULES: [&str; 2] = ["aiosmtpd", "websockets"];

/// The programs that `.ci/run` does not install.
const NOT_IN_CI: [&str; 1] = ["LCDd"];

/// Runs a snippet, which has to succeed; returns its stdout.
fn run(name: &str, script: &str) -> String {
    let around = Surroundings::of(script);
    let output = sandbox::run(name, &around.map_or_else(|| script.to_owned(), |around| around.with(script)));
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name}: {}\n{script}\nstdout:\n{stdout}\nstderr:\n{stderr}", output.status);
    stdout
}

/// The path of a file of the project.
fn in_project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn read(path: &str) -> String {
    let path = in_project(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The paths of the pages in docs/.
fn pages() -> Vec<String> {
    let files = std::fs::read_dir(in_project("docs")).expect("docs/ is a directory");
    let names = files.map(|file| file.expect("docs/ can be read").file_name().into_string().expect("a name is UTF-8"));
    names.filter(|name| name.strip_suffix(".md").is_some()).map(|name| format!("docs/{name}")).collect()
}

/// Whether the other programs of a snippet are installed; otherwise the test is skipped.
fn can_run(name: &str, script: &str) -> bool {
    if script.contains("10.10.11.2") && !sandbox::has_own_network() {
        skip::skip_even_in_ci(&format!("{name}: no network namespaces here, so no address 10.10.11.2"));
        return false;
    }
    if Surroundings::of(script).is_some_and(|around| !around.work(name)) {
        return false;
    }
    let is_in_a_name = |byte: char| byte.is_ascii_alphanumeric() || "-_./".contains(byte);
    let mut words = script.split(|byte| !is_in_a_name(byte));
    let is_missing = |word: &str| {
        (PROGRAMS.contains(&word) && !skip::has_server(word)) || (MODULES.contains(&word) && !has_module(word))
    };
    let Some(missing) = words.find(|word| is_missing(word)) else { return true };
    let skip = if NOT_IN_CI.contains(&missing) { skip::skip_even_in_ci } else { skip::skip };
    skip(&format!("{name}: no {missing}"));
    false
}

/// Whether the Python of the system has this module.
fn has_module(module: &str) -> bool {
    let import = Command::new("/usr/bin/python3").args(["-c", &format!("import {module}")]).output();
    import.is_ok_and(|output| output.status.success())
}

#[test]
fn server_that_a_snippet_leaves_behind_ends_with_it() {
    let script = "(sleep 20; echo late) & echo first";
    let output = sandbox::output(Command::new("sh").args(["-c", script]));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "first\n");
}
