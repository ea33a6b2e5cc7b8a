//! Broken servers: the sweep ends within its time limits with a clear verdict, and never with status 0.

use crate::support::sweep::{broken, findings, sweep, verdicts};
use crate::support::{FreePort, run};

#[test]
fn server_without_a_usable_reply_is_status_1() {
    let cases = [
        ("silent", &[][..], "closed by the server"),
        ("no_reader", &[], "nothing within the time limit (--timeout)"),
        ("endless", &[], "answered without end"),
        ("drip", &[], "answered without end"),
        ("garbled", &["--framing", "http"], "malformed message: HTTP head: invalid HTTP version"),
    ];
    for (name, args, why) in cases {
        let Some(server) = broken(name, 0) else { return };
        let address = server.address();
        let args = [&["-m", "SECRET 1", "--timeout", "1"], args].concat();
        sweep(&server, &args, b"").is(
            1,
            "",
            format!("secretcat: sweep {address}: no usable reply to the uncut messages: {why}\n"),
        );
    }
    // It is a close or a reset, depending on whether the message was read.
    let Some(server) = broken("slam", 0) else { return };
    let out = sweep(&server, &["-m", "SECRET 1", "--timeout", "1"], b"");
    assert_eq!(out.status, Some(1), "{out:?}");
    assert!(out.stderr.contains("no usable reply to the uncut messages: "), "{out:?}");
}

#[test]
fn refused_connection_is_reported_with_a_hint() {
    let port = FreePort::new();
    let free = port.address.to_string();
    let hint = "connection refused (is a server listening there?)";
    run(["sweep", &free, "-m", "x"], "").is(
        1,
        "",
        format!("secretcat: sweep {free}: no usable reply to the uncut messages: {hint}\n"),
    );
}

#[test]
fn server_that_exits_ends_the_sweep_early() {
    let Some(server) = broken("exits_after", 20) else { return };
    let found = findings(&server, &["-m", "SECRET 12", "--jobs", "1"], b"");
    // Plus the connections that the dying server still accepted.
    assert_eq!(
        (verdicts(&found)[..2].to_vec(), &found["reasons"]["connection refused"]),
        (vec![17, 0], &16.into()),
        "{found:#}"
    );
    assert_eq!((found["status"].as_u64(), found["plans"].as_u64()), (Some(4), Some(49)));
    let why = "16 connections in a row failed: connection refused";
    assert_eq!(found["ended_early"], why);
}

#[test]
fn server_that_freezes_ends_the_sweep_early() {
    let Some(server) = broken("freezes_after", 20) else { return };
    let found = findings(&server, &["-m", "SECRET 12", "--timeout", "3"], b"");
    assert_eq!(verdicts(&found), [17, 0, 4], "{found:#}");
    assert_eq!(found["ended_early"], "the server read nothing on 4 connections in a row");
    assert_eq!(found["reasons"]["the server did not read everything in time"], 4);
    assert_eq!(found["status"], 4);
}

/// The plans that were running are reported as not proven.
#[test]
fn server_crash_is_reported_with_the_plans_under_way() {
    let Some(server) = broken("crashes", 0) else { return };
    let found = findings(&server, &["-m", "SECRET 12", "--jobs", "1"], b"");
    assert_eq!(found["status"], 4);
    let differences = found["differences"].as_array().unwrap();
    assert_eq!(differences[0]["found_by"], "message 1 cut at 1");
    assert_eq!(differences[0]["repeated"], false);
    assert!(found["reasons"]["running when the server became unreachable"].as_u64().unwrap() >= 1, "{found:#}");
}

/// The message is too short for as many refused connections as end a sweep.
#[test]
fn crash_by_a_cut_of_a_short_message_names_the_plan() {
    let Some(server) = broken("crashes", 0) else { return };
    let found = findings(&server, &["-m", "abc", "--jobs", "1"], b"");
    assert_eq!(found["status"], 4);
    assert_eq!(found["differences"][0]["found_by"], "message 1 cut at 1", "{found:#}");
    assert_eq!(found["differences"][0]["repeated"], false);
    assert_eq!(found["ended_early"], "the server no longer replies to the uncut messages");
}
