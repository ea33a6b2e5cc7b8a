//! Help and version as words: `help`, `help COMMAND` and `version`.

use crate::support::run;

#[test]
fn help_and_version_words_equal_the_options() {
    for (words, options) in [
        (&["help"][..], &["--help"][..]),
        (&["help", "connect"], &["connect", "--help"]),
        (&["help", "listen"], &["listen", "--help"]),
        (&["help", "help"], &["--help"]),
        (&["version"], &["--version"]),
    ] {
        let out = run(options, "");
        assert!(out.status == Some(0) && !out.stdout.is_empty(), "{options:?}: {out:?}");
        run(words, "").is(0, out.stdout, "");
    }
    run(["version"], "").is(0, format!("secretcat {}\n", env!("CARGO_PKG_VERSION")), "");
}

#[test]
fn help_of_unknown_command_is_one_line_and_status_2() {
    let line = "secretcat: unknown command 'nosuch': the commands are listen, connect and sweep\n";
    run(["help", "nosuch"], "").is(2, "", line);
}
