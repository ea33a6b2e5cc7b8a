//! The templates for CI systems in packaging/ci: they parse, their shell is clean, and their sweeps run.

use std::path::Path;
use std::process::Command;

use crate::support::pages::in_repository;
use crate::support::{Dir, Server, run_command, skip};

/// Prints each script of a template with a NUL after it.
const SCRIPTS: &str = "import sys, yaml\n\
    tree = yaml.safe_load(open(sys.argv[1], encoding='utf-8'))\n\
    if 'runs' in tree:\n\
    \x20   scripts = [step['run'] for step in tree['runs']['steps'] if 'run' in step]\n\
    \x20   assert any('upload-artifact' in step.get('uses', '') for step in tree['runs']['steps'])\n\
    else:\n\
    \x20   job = tree['.secretcat-sweep']\n\
    \x20   scripts = job['before_script'] + job['script']\n\
    \x20   assert job['artifacts']['reports']['junit'] == 'secretcat-reports/sweep.xml'\n\
    sys.stdout.write(''.join(script + '\\0' for script in scripts))\n";

/// The scripts of a template; `None` without the programs that check them.
fn scripts(template: &str) -> Option<Vec<String>> {
    if !skip::has_program("python3") || !skip::has_program("shellcheck") {
        return None;
    }
    let has_yaml = Command::new("python3").args(["-c", "import yaml"]).output().unwrap().status.success();
    if !has_yaml {
        skip::skip("python3-yaml");
        return None;
    }
    let out = run_command(Command::new("python3").args(["-c", SCRIPTS]).arg(in_repository(template)), "");
    assert_eq!(out.status, Some(0), "{}", out.stderr);
    let text = String::from_utf8(out.stdout).unwrap();
    Some(text.split_terminator('\0').map(str::to_owned).collect())
}

/// Checks the scripts, and runs the last one against a server, with these variables.
fn expect_sweep(template: &str, reports: &str, variables: [(&str, &str); 4]) {
    let Some(scripts) = scripts(template) else { return };
    let dir = Dir::new(&format!("ci-{reports}"));
    for script in &scripts {
        let out = run_command(Command::new("shellcheck").args(["--shell=bash", "-"]), script);
        assert_eq!(out.status, Some(0), "{}\n{script}", String::from_utf8_lossy(&out.stdout));
    }
    let program = Path::new(env!("CARGO_BIN_EXE_secretcat"));
    let path = format!("{}:{}", program.parent().unwrap().display(), std::env::var("PATH").unwrap());
    for (bug, status) in [(&[][..], 0), (&["--bug", "one-read"], 3)] {
        let server = Server::start(bug);
        let mut command = Command::new("bash");
        command.arg("-c").arg(scripts.last().unwrap()).current_dir(dir.path()).env("PATH", &path);
        command.env("SECRETCAT", program).envs(variables).env(variables[0].0, server.address());
        let out = run_command(&mut command, "");
        assert_eq!(out.status, Some(status), "{out:?}");
        for (file, begin) in [("sweep.xml", "<?xml "), ("sweep.html", "<!doctype html>")] {
            let text = std::fs::read_to_string(dir.file(reports).join(file)).unwrap();
            assert!(text.starts_with(begin), "{text}");
        }
    }
}

#[test]
fn github_action_sweeps_and_writes_its_reports() {
    let options = "-m 'SECRET 1' -m hello";
    let variables = [("ADDRESS", ""), ("OPTIONS", options), ("INPUT", ""), ("REPORTS", "here")];
    expect_sweep("packaging/ci/github/action.yml", "here", variables);
}

#[test]
fn gitlab_template_sweeps_and_writes_its_reports() {
    let options = "-m 'SECRET 1' -m hello";
    let variables =
        [("SECRETCAT_ADDRESS", ""), ("SECRETCAT_OPTIONS", options), ("SECRETCAT_INPUT", "/dev/null"), ("A", "")];
    expect_sweep("packaging/ci/gitlab/sweep.yml", "secretcat-reports", variables);
}
