//! The command of a finding repeats it, whatever the sweep did: pasted into a shell, it shows the same difference.

use rustix::process::Signal;
use serde_json::Value;

use crate::support::sweep::{assert_repeats, broken, findings};
use crate::support::{Dir, Proc, Server, run, secretcat};

/// The form of the command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// `connect --raw`.
    Connect,
    /// `sweep --only`.
    Sweep,
}

use Form::{Connect, Sweep};

/// Checks the form of the command of the first difference and the plan in it, and that the commands repeat the
/// differences.
#[track_caller]
fn expect(found: &Value, form: Form, only: &str) {
    let first = &found["differences"][0];
    let command = first["repeat"].as_str().unwrap_or_else(|| panic!("{found:#}"));
    let parts: Vec<_> = first["only"].as_array().unwrap().iter().map(|part| part.as_str().unwrap()).collect();
    assert_eq!(parts.join(" "), only, "{found:#}");
    let name = if form == Connect { "secretcat connect " } else { "secretcat sweep " };
    assert!(command.contains(name), "{form:?}: {command}");
    let words: Vec<_> = parts.iter().map(|part| format!("--only {part}")).collect();
    assert!(form == Connect || command.contains(&words.join(" ")), "{command}");
    assert_repeats(found);
}

/// Sweeps a server of tests/peers/broken.py.
#[track_caller]
fn expect_of(mutant: &str, args: &[&str], input: &str, form: Form, only: &str) {
    let Some(server) = broken(mutant, 0) else { return };
    expect(&findings(&server, args, input.as_bytes()), form, only);
}

#[test]
fn single_message_is_repeated_by_connect() {
    for args in [&["-m", "SECRET 12"][..], &["--framing", "raw", "-m", "SECRET 12\n"], &["-C", "-m", "SECRET 12"]] {
        expect_of("one-read", args, "", Connect, "1");
    }
    expect_of("one-read", &[], "SECRET 12\n", Connect, "1");
    expect_of("one-read", &["--framing", "raw"], "SECRET 12\nhello\n", Connect, "1");
}

#[test]
fn greeting_is_awaited() {
    let greeting = &["--greeting", "1"][..];
    expect_of("greets", &[greeting, &["-m", "SECRET 12"]].concat(), "", Sweep, "1");
    expect_of("greets", greeting, "SECRET 12\nit's \x1b[1m%d\n", Sweep, "1");
}

#[test]
fn replies_are_awaited_between_messages() {
    expect_of("one-read", &["-m", "SECRET 1", "-m", "hello"], "", Sweep, "1");
    expect_of("one-read", &["--lock-step", "--mask", "[0-9]+", "--timeout", "3s"], "SECRET 1\nhello\n", Sweep, "1");
    expect_of("prefix", &["--framing", "length:u16", "-m", "abc", "-m", "defg"], "", Sweep, "1");
}

#[test]
fn several_raw_messages_are_repeated_by_a_dialog() {
    let args = ["--framing", "raw", "-m", " SECRET {id}\n", "-m", "\\hell\u{f6} \n "];
    expect_of("one-read", &args, "", Sweep, "1");
}

#[test]
fn dialog_is_named_again() {
    let dir = Dir::new("repeat dialog's");
    let file = dir.file("x.dialog");
    std::fs::write(&file, "expect frames 1\nsend SECRET 1\\n\nexpect line .\nsend n{id}\\n\nexpect any\n").unwrap();
    expect_of("greets", &["--dialog", file.to_str().unwrap()], "", Sweep, "1");
}

#[test]
fn preset_is_named_again() {
    expect_of("pop", &["--protocol", "pop3"], "", Sweep, "1");
}

#[test]
fn pieces_and_pairs_and_joined_messages_are_repeated() {
    let two = ["-m", "SECRET 1", "-m", "SECRET 2"];
    for (mutant, families, more, form, only) in [
        ("two-cuts", "pair", &two[..2], Connect, "1,2"),
        ("two-cuts", "pair", &two, Sweep, "1,2"),
        ("many-reads", "chunk", &two, Sweep, "2,4,6,8"),
        ("drop-tail", "joined", &[&two[..], &["--pipelining"]].concat(), Connect, "10 joined:all"),
        ("first-only", "joined", &[&two[..], &["-m", "x", "--pipelining"]].concat(), Sweep, "joined:9"),
        ("end-first", "half-close", &two[..2], Connect, "fin:with"),
        ("end-first", "half-close", &two, Sweep, "fin:with"),
    ] {
        expect_of(mutant, &[&["--families", families][..], more].concat(), "", form, only);
    }
    let Some(server) = broken("many-reads", 9) else { return };
    expect(&findings(&server, &[&["--families", "chunk"][..], &two[..2]].concat(), b""), Connect, "every:1");
}

#[cfg(feature = "tls")]
#[test]
fn records_are_cut_again() {
    let server = Server::start(&["--tls", "--bug", "one-read"]);
    let tls = ["--tls-insecure", "--families", "cut", "-m", "SECRET 12"];
    expect(&findings(&server, &tls, b""), Connect, "1");
    expect(&findings(&server, &[&tls[..], &["-m", "hello"]].concat(), b""), Sweep, "1");
}

#[test]
fn header_is_cut_again() {
    let header = ["--proxy-protocol", "v1", "--families", "header", "-m", "SECRET 12"];
    expect_of("header", &header, "", Connect, "header:1");
    expect_of("header", &[&header[..], &["-m", "hello"]].concat(), "", Sweep, "header:1");
}

#[test]
fn command_of_the_server_is_given_again() {
    let command = format!("exec {} listen {{address}} --bug one-read", env!("CARGO_BIN_EXE_secretcat"));
    let out = run(["sweep", "--server", &command, "--json", "--families", "cut", "-m", "SECRET 12"], "");
    let found = serde_json::from_slice(&out.stdout).unwrap_or_else(|error| panic!("{error}: {out:?}"));
    expect(&found, Sweep, "1");
}

#[test]
fn unix_socket_is_named_again() {
    let dir = Dir::new("repeat-unix");
    let path = format!("unix:{}", dir.file("socket's").to_str().unwrap());
    let mut server = Proc::start(secretcat(["listen", &path]).args(["--bug", "one-read"]));
    server.wait_for_stderr("listening on");
    for (more, form) in [(&[][..], Connect), (&["-m", "hello"], Sweep)] {
        let args = ["sweep", &path, "--families", "cut", "--json", "-m", "SECRET 12"];
        let out = run(args.iter().chain(more), "");
        expect(&serde_json::from_slice(&out.stdout).unwrap(), form, "1");
    }
    server.close_stdin();
    server.signal(Signal::TERM);
    server.end();
}

#[test]
fn plan_without_a_place_is_an_error() {
    let server = Server::start(&[]);
    for (args, error) in [
        (&["-m", "abc", "--only", "4"][..], "secretcat: --only 4: in all there are 4 bytes\n"),
        (&["-m", "abc", "--only", "joined:all"], "secretcat: --only joined:all: there is only one message\n"),
    ] {
        run(["sweep", &server.address()].iter().chain(args), "").is(2, "", error);
    }
    for plan in [&["--only", "1", "--only", "fin:after"][..], &["--only", "every:1"], &["--only", "every:2"]] {
        let out = run(["sweep", &server.address(), "-m", "abc"].iter().chain(plan), "");
        let text = String::from_utf8_lossy(&out.stdout);
        assert!(out.status == Some(0) && text.contains(" 1 plan: 1 same, 0 different"), "{text}{}", out.stderr);
    }
    server.stops_with("");
}
