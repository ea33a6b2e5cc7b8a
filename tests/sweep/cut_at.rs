//! `sweep --cut-at` and `--cut-at-regex`: only some places are cut.

use crate::support::Server;
use crate::support::sweep::{broken, findings, sweep, verdicts};

#[test]
fn only_cuts_behind_occurrences_and_their_pairs_are_tried() {
    let server = Server::start(&[]);
    let address = server.address();
    let args = ["-C", "-m", "SECRET 12", "-m", "a", "--cut-at", r"\r", "--cut-at-regex", "[0-9]+"];
    sweep(&server, &args, b"").is(
        0,
        format!(
            "expected: 2 replies: \"Digits: 12   Count: 2\", \"Secret code not found.\"; closed by the server\n\
             {address}: 2 messages, 14 bytes, --cut-at '\\r' --cut-at-regex '[0-9]+', 6 plans: 6 same, 0 different, \
             0 not proven\n"
        ),
        "",
    );
    let found = findings(&server, &args, b"");
    let kinds = found["kinds"].as_object().unwrap();
    assert_eq!((kinds.len(), &kinds["cut"]["same"], &kinds["pair"]["same"]), (2, &3.into(), &3.into()), "{found:#}");
    assert_eq!((&found["single_cuts"], &found["cut_at"][0]), (&3.into(), &r"--cut-at '\r'".into()));
    // Not all of these cuts are tried, so the status is not 0.
    let some = findings(&server, &[&args[..], &["--max-plans", "2"]].concat(), b"");
    assert_eq!((verdicts(&some), &some["status"]), ([2, 0, 0], &4.into()), "{some:#}");
    server.stops_with("");
}

/// This server is wrong only where CR and LF are cut apart.
#[test]
fn exit_status_counts_only_the_chosen_places() {
    let Some(server) = broken("cr-lf", 0) else { return };
    let sweep = |args: &[&str]| findings(&server, &[&["-C", "-m", "SECRET 12", "-m", "hello"], args].concat(), b"");
    let apart = sweep(&["--cut-at", r"\r", "--families", "cut"]);
    assert_eq!((verdicts(&apart), &apart["status"]), ([0, 2, 0], &3.into()), "{apart:#}");
    let cuts = serde_json::json!([{ "message": 1, "offset": 10 }, { "message": 2, "offset": 6 }]);
    assert_eq!(apart["differing_cuts"], cuts);
    let elsewhere = sweep(&["--cut-at-regex", r"\w\b", "--cut-at", "E"]);
    assert_eq!((verdicts(&elsewhere), &elsewhere["status"]), ([15, 0, 0], &0.into()), "{elsewhere:#}");
}

#[test]
fn pattern_that_cuts_no_message_is_refused() {
    let server = Server::start(&[]);
    let nothing = "cuts no message: nothing is found before the last byte of one (give another pattern)";
    let error = format!("secretcat: --cut-at '\\t' {nothing}\n");
    sweep(&server, &["--cut-at", "E", "--cut-at", r"\t"], b"SECRET\n").is(2, "", &error);
    sweep(&server, &["--cut-at", r"\t", "-m", "SECRET"], b"").is(2, "", error);
    server.stops_with("");
}
