//! `secretcat man` and `secretcat completions` print the files of man/ and completions/.

use std::fs;
use std::process::Command;

use crate::support::pages::{all_pages, in_repository};
use crate::support::pty::Terminal;
use crate::support::skip::skip;
use crate::support::{Dir, run};

fn committed(path: &str) -> String {
    fs::read_to_string(in_repository(path)).unwrap()
}

#[test]
fn every_page_and_completion_is_printed_as_committed() {
    let listed = all_pages().join("\n") + "\n";
    run(["man", "--list"], "").is(0, &listed, "");
    for file in listed.lines() {
        let text = committed(&format!("man/{file}"));
        let name = file.rsplit_once('.').unwrap().0;
        for page in [file, name, name.strip_prefix("secretcat-").unwrap_or(name)] {
            run(["man", page], "").is(0, &text, "");
        }
    }
    run(["man"], "").is(0, committed("man/secretcat.1"), "");
    for (shell, file) in [
        ("bash", "secretcat.bash"),
        ("zsh", "_secretcat"),
        ("fish", "secretcat.fish"),
        ("elvish", "secretcat.elv"),
        ("nushell", "secretcat.nu"),
        ("powershell", "_secretcat.ps1"),
    ] {
        run(["completions", shell], "").is(0, committed(&format!("completions/{file}")), "");
    }
}

#[test]
fn unknown_page_or_shell_is_one_line_and_status_2() {
    for (args, line) in [
        (&["man", "nosuch"][..], "invalid value 'nosuch' for '[PAGE]': \"nosuch\" is not a page of the manual"),
        (&["man", "--list", "listen"], "the argument '--list' cannot be used with '[PAGE]' (remove one of them)"),
        (&["completions", "tcsh"], "invalid value 'tcsh' for '<SHELL>'"),
        (&["completions"], "the following required arguments were not provided"),
    ] {
        let out = run(args, "");
        let said = out.stderr.strip_prefix("secretcat: ").unwrap_or_default();
        assert!(out.status == Some(2) && said.starts_with(line) && said.lines().count() == 1, "{args:?}: {out:?}");
    }
}

#[test]
fn documents_are_commands_of_the_long_help_only() {
    for (option, shown) in [("--help", true), ("-h", false)] {
        let out = run([option], "");
        let help = String::from_utf8(out.stdout.clone()).unwrap();
        let has = |name: &str| help.lines().any(|line| line.trim_start().starts_with(name));
        assert!(has("connect") && has("man ") == shown && has("completions ") == shown, "{option}: {out:?}");
    }
}

#[test]
fn page_is_shown_by_man_at_a_terminal() {
    let dir = Dir::new("man-terminal");
    let start = |path: &str| {
        let mut command = Command::new("env");
        command.arg(format!("PATH={path}")).args([
            env!("CARGO_BIN_EXE_secretcat"),
            "man",
            "witness",
            "--color",
            "never",
        ]);
        command.env("MANPAGER", "cat").env("TERM", "dumb").env("TMPDIR", dir.path());
        Terminal::start(&command)
    };
    let without = "secretcat: run man: no such file or directory (with stdout redirected to a file, the source of the page \
                   is written there)";
    let (out, shown) = start("/nowhere").end();
    assert_eq!((out.status, shown.trim_end()), (Some(2), without));
    if Command::new("man").arg("--version").output().is_err() {
        return skip("a page is not shown by man: it is not installed");
    }
    let (out, shown) = start(&std::env::var("PATH").unwrap()).end();
    assert!(
        out.status == Some(0) && shown.contains("report what the sockets") && !shown.contains(".SH"),
        "{out:?} {shown}"
    );
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "nothing is left over");
}
