//! The verdicts of a sweep: same, different and not proven.

use rustix::process::Signal;
use serde_json::Value;

use crate::support::net::Net;
use crate::support::sweep::{broken, findings, sweep, verdicts};
use crate::support::{Dir, Proc, Server, run, run_command, secretcat};

/// The whole list of plans, by family: single cuts, chunks, joined, joined and cut, pairs.
#[test]
fn all_plans_are_tried_and_every_cut_is_proven() {
    let server = Server::start(&[]);
    let address = server.address();
    sweep(&server, &["-m", "SECRET 12", "-m", "a", "-m", "hello"], b"").is(
        0,
        format!(
            "expected: 3 replies: \"Digits: 12   Count: 2\", \"Secret code not found.\", \"Secret code not found.\"; closed by the server\n\
             {address}: 3 messages, 18 bytes, 129 plans: 129 same, 0 different, 0 not proven\n"
        ),
        "",
    );
    let found = findings(&server, &["-m", "SECRET 12", "-m", "a", "-m", "hello"], b"");
    let kinds = [("cut", 15), ("chunk", 4), ("joined", 2), ("joined and cut", 3), ("pair", 105)];
    for (kind, same) in kinds {
        assert_eq!(found["kinds"][kind]["same"], same, "{kind}");
    }
    assert_eq!(found["kinds"].as_object().unwrap().len(), kinds.len());
    server.stops_with("");
}

/// The baseline takes longer than a millisecond.
#[test]
fn plan_not_begun_within_max_time_is_not_tried() {
    let server = Server::start(&["--chunk", "1", "--delay", "1ms"]);
    let address = server.address();
    sweep(&server, &["-m", "SECRET 1", "--max-time", "1ms"], b"").is(
        4,
        format!(
            "expected: 1 reply: \"Digits: 1   Count: 1\"; closed by the server\n                   plans    same  different  not proven  proof\n\
             tried 0 of 8 single cuts (--max-time)\n\
             {address}: 1 message, 9 bytes, 40 plans: 0 same, 0 different, 0 not proven, 40 not tried (--max-time)\n"
        ),
        "",
    );
    let found = findings(&server, &["-m", "SECRET 1", "--max-time", "0"], b"");
    assert_eq!((verdicts(&found), &found["out_of_time"], &found["status"]), ([40, 0, 0], &false.into(), &0.into()));
    server.stops_with("");
}

/// A reply takes a second, in which bytes come all the time: only the time of the whole sweep ends the conversation.
#[test]
fn conversation_over_max_time_is_aborted_after_the_timeout() {
    let server = Server::start(&["--chunk", "1", "--delay", "50ms"]);
    let address = server.address();
    let args = [&["-m", "SECRET 1"].repeat(100)[..], &["--max-time", "1ms", "--timeout", "500ms"]].concat();
    let why = "nothing was tested: --max-time was over before two runs without a cut had ended";
    sweep(&server, &args, b"").is(4, "", format!("secretcat: sweep {address}: {why}\n"));
    server.stops_with("");
}

/// A plan takes 40 ms, and there are a thousand.
#[test]
fn difference_found_within_max_time_is_repeated() {
    let server = Server::start(&["--bug", "drop-tail", "--chunk", "1", "--delay", "2ms"]);
    let message = format!("SECRET 1 {}", "x".repeat(100));
    let found = findings(&server, &["-m", &message, "--jobs", "1", "--max-time", "8s"], b"");
    assert_eq!((&found["out_of_time"], &found["status"]), (&true.into(), &3.into()), "{found:#}");
    assert_eq!(found["differences"][0]["repeated"], true, "{found:#}");
    let tried: u64 = verdicts(&found).iter().sum();
    assert!(found["plans"] == 1000 && tried < 1000, "{found:#}");
}

#[test]
fn status_0_needs_every_single_cut() {
    let server = Server::start(&[]);
    let address = server.address();
    sweep(&server, &["-m", "SECRET 1", "--max-plans", "7"], b"").is(
        4,
        format!(
            "expected: 1 reply: \"Digits: 1   Count: 1\"; closed by the server\n\
             tried 7 of 8 single cuts (--max-plans)\n\
             {address}: 1 message, 9 bytes, 7 plans: 7 same, 0 different, 0 not proven \
             (33 more beyond --max-plans, seed 0)\n"
        ),
        "",
    );
    for more in [["--max-plans", "8"], ["--families", "-cut"]] {
        assert_eq!(sweep(&server, &[&["-m", "SECRET 1"], &more[..]].concat(), b"").status, Some(0), "{more:?}");
    }
    // Nothing to cut is nothing tested.
    sweep(&server, &["-m", ""], b"").is(
        4,
        format!(
            "expected: 1 reply: \"Secret code not found.\"; closed by the server\n\
             nothing was tested: these messages have no plans of the families cut,chunk,joined,pair,header,client-hello\n\
             {address}: 1 message, 1 byte, 0 plans: 0 same, 0 different, 0 not proven\n"
        ),
        "",
    );
    server.stops_with("");
}

/// A server may take the client's half-close for the end of the connection, and be right about cuts.
#[test]
fn half_close_is_tried_only_if_families_has_it() {
    let Some(server) = broken("end-first", 0) else { return };
    let message = ["-m", "SECRET 12"];
    let found = findings(&server, &message, b"");
    assert_eq!((verdicts(&found), &found["status"]), ([49, 0, 0], &0.into()), "{found:#}");
    let found = findings(&server, &[&message[..], &["--families", "half-close"]].concat(), b"");
    assert_eq!((&found["plans"], &found["status"]), (&2.into(), &3.into()), "{found:#}");
    assert_eq!(found["kinds"].as_object().unwrap().keys().collect::<Vec<_>>(), ["half-close"]);
}

/// A server that waits for four clients replies with four jobs, not with three.
#[test]
fn jobs_sets_the_number_of_parallel_connections() {
    let Some(server) = broken("together", 4) else { return };
    let found = findings(&server, &["-m", "SECRET 12", "--jobs", "4"], b"");
    assert_eq!((verdicts(&found), &found["status"]), ([49, 0, 0], &0.into()), "{found:#}");
    let Some(server) = broken("together", 4) else { return };
    let found = findings(&server, &["-m", "SECRET 12", "--jobs", "3", "--timeout", "1"], b"");
    assert_eq!((&found["verdicts"]["same"], &found["status"]), (&0.into(), &4.into()), "{found:#}");
}

/// Replies that come only after the half-close are waited for once, not with every plan: otherwise a thousand plans
/// would take minutes.
#[test]
fn unterminated_last_line_is_answered_at_half_close() {
    let server = Server::start(&[]);
    let address = server.address();
    let message = format!("SECRET 42 {}", "x".repeat(50));
    sweep(&server, &["--timeout", "2"], format!("hello\n{message}").as_bytes()).is(
        0,
        format!(
            "expected: 2 replies: \"Secret code not found.\", \"Digits: 42   Count: 2\"; closed by the server\n\
             {address}: 2 messages, 66 bytes, 1000 plans: 1000 same, 0 different, 0 not proven \
             (1088 more beyond --max-plans, seed 0)\n"
        ),
        "",
    );
    server.stops_with("");
}

#[test]
fn pairs_beyond_max_plans_are_sampled_by_the_seed() {
    let server = Server::start(&[]);
    let address = server.address();
    let sweep = |seed| sweep(&server, &["-m", "SECRET 12345", "--max-plans", "40", "--seed", seed], b"");
    sweep("7").is(
        0,
        format!(
            "expected: 1 reply: \"Digits: 12345   Count: 5\"; closed by the server\n\
             {address}: 1 message, 13 bytes, 40 plans: 40 same, 0 different, 0 not proven \
             (42 more beyond --max-plans, seed 7)\n"
        ),
        "",
    );
}

#[test]
fn difference_is_printed_around_the_cut() {
    let server = Server::start(&["--bug", "drop-tail"]);
    let address = server.address();
    let out = sweep(&server, &["-m", "SECRET 1"], b"");
    let expected = format!(
        r#"expected: 1 reply: "Digits: 1   Count: 1"; closed by the server

different: message 1 cut at 1
  cut:       message 1 at 1: S|ECRET 1\n
  also at:   message 1 at 2-8
  expected:  reply 1 of 1: "Digits: 1   Count: 1\n"
  got:       reply 1 of 1: "Secret code not found.\n"
  repeat:    printf 'SECRET 1\n' | secretcat connect {address} --raw --cut 1 --barrier peer-read --no-shutdown --quit-after 1

                   plans    same  different  not proven  proof
cut                    8       0          8           0  read
chunk                  4       0          4           0  read
pair                  28       0         28           0  read
different when cut once: message 1 at 1-8
{address}: 1 message, 9 bytes, 40 plans: 0 same, 40 different, 0 not proven
"#
    );
    out.is(3, expected, "");
    server.stops_with("");
}

/// Checks that the server sends these two replies to `message` without a cut, and that the error suggests a mask.
#[track_caller]
fn expect_unsteady(server: &Server, message: &str, answers: [&str; 2], mask: &str) {
    let [one, other] = answers;
    sweep(server, &["-m", message], b"").is(
        4,
        "",
        format!(
            "secretcat: sweep {}: the replies to the same uncut messages differ: \
             \"{one}\" and \"{other}\" (try --mask '{mask}')\n",
            server.address()
        ),
    );
}

#[test]
fn unsteady_reply_is_reported_with_a_helpful_mask() {
    let Some(server) = broken("unsteady", 0) else { return };
    let answers = [r"request-id: 1\nhello\n", r"request-id: 2\nhello\n"];
    expect_unsteady(&server, "hi", answers, "(?m)^request-id:.*$");
}

#[test]
fn mask_that_matches_nothing_is_reported() {
    let server = Server::start(&[]);
    let args = ["-m", "SECRET 1", "--families", "cut", "--mask", "(?i)COUNT: 1", "--mask", "(?m)^Date:.*$"];
    let warning = "secretcat: --mask '(?m)^Date:.*$' matches nothing in the expected replies\n";
    let out = sweep(&server, &args, b"");
    assert_eq!((out.status, out.stderr.as_str()), (Some(0), warning), "{out:?}");
    server.stops_with("");
    // It is printed where the mask was needed, too.
    let Some(server) = broken("unsteady", 0) else { return };
    let out = sweep(&server, &["-m", "hi", "--mask", "^Request-Id: .*"], b"");
    assert_eq!(out.status, Some(4));
    assert!(out.stderr.starts_with("secretcat: --mask '^Request-Id: .*' matches nothing in"), "{out:?}");
}

/// The tests have all features of the regular expressions, because another crate of the tests needs them. Without this
/// one, the program refuses `(?i)`.
#[test]
fn program_has_case_insensitive_patterns() {
    let manifest = include_str!("../../Cargo.toml");
    for name in ["regex", "regex-syntax"] {
        let line = manifest.lines().find(|line| line.starts_with(&format!("{name} = {{ version"))).unwrap();
        assert!(line.contains("\"unicode-case\""), "{line}");
    }
}

/// Both baselines may have the same date by chance, and later plans another one.
#[test]
fn date_that_changes_during_the_sweep_is_no_difference() {
    let Some(server) = broken("ticks", 20) else { return };
    expect_unsteady(&server, "SECRET 12", [r"Date: 1\n", r"Date: 2\n"], "(?m)^Date:.*$");
    let Some(server) = broken("ticks", 5) else { return };
    sweep(&server, &["-m", "hi", "--mask", "(?m)^Date:.*$"], b"").is(
        0,
        format!(
            "expected: 1 reply: \"Date: 1\"; closed by the server\n\
             {}: 1 message, 3 bytes, 5 plans: 5 same, 0 different, 0 not proven\n",
            server.address()
        ),
        "",
    );
}

/// The second look waits as long for a reply as the first conversation did.
#[test]
fn late_reply_within_the_timeout_is_no_difference() {
    let Some(server) = broken("naps", 3) else { return };
    let found = findings(&server, &["-m", "SECRET 12", "--families", "cut"], b"");
    assert_eq!((verdicts(&found), &found["status"]), ([9, 0, 0], &Value::from(0)), "{found:#}");
}

#[test]
fn difference_that_does_not_repeat_is_not_proven() {
    let Some(server) = broken("flaky", 20) else { return };
    let found = findings(&server, &["-m", "SECRET 12"], b"");
    let why = "the replies differed once, but not when the plan was repeated (--jobs 1 may tell more)";
    assert_eq!((verdicts(&found), &found["reasons"][why]), ([48, 0, 1], &Value::from(1)), "{found:#}");
    assert_eq!(found["status"], 4);
}

/// The queue of a server is not visible from another host, so the same replies prove nothing.
#[test]
fn same_replies_from_another_host_prove_nothing() {
    let Some(net) = Net::pair() else { return };
    let server = Proc::start(&mut net.on(1, &secretcat(["listen", "10.10.11.2:4500"])));
    server.wait_for_stderr("listening on");
    let out = run_command(
        &mut net.apart(0, &secretcat(["sweep", "10.10.11.2:4500", "-m", "SECRET 12", "--max-time", "0"])),
        "",
    );
    let expected = "expected: 1 reply: \"Digits: 12   Count: 2\"; closed by the server\n                   plans    same  different  not proven  proof\n\
                    cut                    9       0          0           9  read\n\
                    chunk                  4       0          0           4  read\n\
                    pair                  36       0          0          36  read\n\
                    not proven: 49 plans: it was not visible whether the cuts arrived as separate reads\n\
                    10.10.11.2:4500: 1 message, 10 bytes, 49 plans: 0 same, 0 different, 49 not proven\n";
    assert_eq!((out.status, String::from_utf8_lossy(&out.stdout).as_ref()), (Some(4), expected), "{out:?}");
    // A wrong reply is a difference even if its cuts were not proven.
    let wrong = Proc::start(&mut net.on(1, &secretcat(["listen", "10.10.11.2:4501", "--bug", "one-read"])));
    wrong.wait_for_stderr("listening on");
    let args = ["sweep", "10.10.11.2:4501", "-m", "SECRET 1"];
    let out = run_command(&mut net.apart(0, &secretcat(args)), "");
    assert_eq!(out.status, Some(3), "{out:?}");
}

#[test]
fn cuts_on_a_unix_socket_are_proven() {
    let dir = Dir::new("sweep-unix");
    let path = format!("unix:{}", dir.file("socket").to_str().unwrap());
    let sweeps = |args: &[&str]| {
        let mut server = Proc::start(secretcat(["listen", &path]).args(args));
        server.wait_for_stderr("listening on");
        let out = run(["sweep", &path, "-m", "SECRET 42", "-m", "x", "--max-plans", "50", "--quiet"], "");
        server.close_stdin();
        server.signal(Signal::TERM);
        server.end();
        (out.status, String::from_utf8(out.stdout).unwrap() + &out.stderr)
    };
    let (status, output) = sweeps(&[]);
    assert!(status == Some(0) && output.contains(" 0 different, 0 not proven"), "{output}");
    let (status, output) = sweeps(&["--bug", "one-read"]);
    assert_eq!(status, Some(3), "{output}");
    assert!(output.contains(&format!("sweep {path} --only 1")), "a command that repeats it: {output}");
}
