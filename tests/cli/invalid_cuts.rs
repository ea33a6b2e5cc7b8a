//! Cuts that cannot be made are refused with status 2 and one line that names possible ones.

use std::path::Path;

use crate::support::{Dir, Server, run};

#[test]
fn impossible_cut_is_refused_with_possible_ones() {
    let cases: [(&[&str], &str); 21] = [
        (&["--chunk", "0"], "--chunk needs pieces of at least 1 byte: give 1 or more, or a range such as 1..7"),
        (&["--chunk", "0..0"], "--chunk needs pieces of at least 1 byte: give 1 or more, or a range such as 1..7"),
        (&["--chunk", "0..7"], "--chunk needs pieces of at least 1 byte: give 1 or more, or a range such as 1..7"),
        (
            &["--chunk", "5..2"],
            "invalid value '5..2' for '--chunk <SIZE|MIN..MAX>': \"5..2\" is not a range: \
             expected the smaller value before the larger one, as in MIN..MAX",
        ),
        (
            &["--delay", "5ms..2ms"],
            "invalid value '5ms..2ms' for '--delay <TIME|MIN..MAX>': \"5ms..2ms\" is not a range: \
             expected the smaller value before the larger one, as in MIN..MAX",
        ),
        (&["--cut", "6"], "message 1 has 6 bytes with its ending, and --cut 6 does not cut it: 1 to 5 and -1 to -5 do"),
        (
            &["--cut", "1,-6"],
            "message 1 has 6 bytes with its ending, and --cut -6 does not cut it: 1 to 5 and -1 to -5 do",
        ),
        (
            &["-m", "", "--cut", "1"],
            "message 2 has 1 byte with its ending, and --cut 1 does not cut it: no offset does",
        ),
        (
            &["--cut", "0"],
            "invalid value '0' for '--cut <OFFSETS>': \"0\" is not a cut offset: \
             expected 1 or more, or -1 and less: a cut at 0 cuts nothing",
        ),
        (
            &["--cut", "1;2"],
            "invalid value '1;2' for '--cut <OFFSETS>': \"1;2\" is not a list of cut offsets: \
             expected numbers such as 1,5,-1, negative ones counting from the end",
        ),
        (&["--coalesce", "0"], "--coalesce 0 would join nothing: give 1 or more"),
        (
            &["--coalesce", "x"],
            "invalid value 'x' for '--coalesce <N>': \"x\" is not a count: expected a whole number below 2^32 such as 4",
        ),
        (
            &["--barrier", "read"],
            "invalid value 'read' for '--barrier <POINT>' [possible values: none, acked, peer-read]",
        ),
        (&["--barrier", "acked", "-U", "/nowhere"], "a unix socket has no acknowledgements: use --barrier peer-read"),
        (
            &["--chunk", "3", "--cut", "1"],
            "the argument '--chunk <SIZE|MIN..MAX>' cannot be used with '--cut <OFFSETS>' (remove one of them)",
        ),
        (
            &["--plan", "x", "--cut", "1"],
            "the argument '--plan <FILE>' cannot be used with '--cut <OFFSETS>' (remove one of them)",
        ),
        (
            &["--plan", "x", "--seed", "1"],
            "the argument '--plan <FILE>' cannot be used with '--seed <N>' (remove one of them)",
        ),
        (
            &["--seed", "x", "--chunk", "1..2"],
            "invalid value 'x' for '--seed <N>': \"x\" is not a seed: expected a number below 2^64 such as 42 or 0x2a",
        ),
        (&["--read-size", "0"], "--read-size 0 would read nothing: give 1 or more"),
        (&["--plan", "/nonexistent"], "open /nonexistent: no such file or directory"),
        (&["--quiet", "-v"], "the argument '--quiet' cannot be used with '--verbose...' (remove one of them)"),
    ];
    for (args, complaint) in cases {
        let all = ["connect", "-m", "hello"].iter().chain(args);
        run(all, "").is(2, "", format!("secretcat: {complaint}\n"));
    }
    let raw: [(&[&str], &str); 6] = [
        (
            &["connect", "--raw", "--cut", "1,-1"],
            "a negative --cut counts from the end of a message, and a stream has no messages: give offsets from its start",
        ),
        (
            &["connect", "--raw", "--coalesce", "2"],
            "--coalesce joins messages, and a stream of raw bytes has none: remove it",
        ),
        (
            &["listen", "--relay", ":1", "--coalesce", "2"],
            "--coalesce joins messages, and a stream of raw bytes has none: remove it",
        ),
        (
            &["listen", "--relay", "unix:/x", "--barrier", "acked"],
            "a unix socket has no acknowledgements: use --barrier peer-read",
        ),
        (
            &["listen", "unix:/x", "--relay", ":1", "--cut-toward", "client", "--barrier", "acked"],
            "a unix socket has no acknowledgements: use --barrier peer-read",
        ),
        (
            &["listen", "--cut-toward", "client"],
            "the following required arguments were not provided: --relay <ADDRESS> (add it)",
        ),
    ];
    for (args, complaint) in raw {
        run(args, "").is(2, "", format!("secretcat: {complaint}\n"));
    }
}

#[test]
fn uncuttable_message_from_stdin_is_not_sent() {
    let server = Server::start(&[]);
    run(["connect", &server.address(), "--cut", "7"], "SECRET 1\nhello\nSECRET 2\n").is(
        2,
        "",
        "secretcat: message 2 has 6 bytes with its ending, and --cut 7 does not cut it: 1 to 5 and -1 to -5 do\n",
    );
    server.stops_with("");
}

#[test]
fn bad_plan_file_is_reported_with_line_and_column() {
    let dir = Dir::new("badplan");
    let file = dir.file("plan.json");
    let cases = [
        ("", "1:1: the file has no plan"),
        ("cut 5\n", "1:1: expected value"),
        (
            "{\"cutting\": {\"cut\": \"1,0\"}}",
            "1:26: \"0\" is not a cut offset: expected 1 or more, or -1 and less: a cut at 0 cuts nothing",
        ),
        (
            "{\n  \"cutting\": {\"chunk\": \"5..2\"}\n}",
            "2:30: \"5..2\" is not a range: expected the smaller value before the larger one, as in MIN..MAX",
        ),
        (
            "{\n  \"cutting\": \"whole\",\n  \"cuts\": 1\n}",
            "3:8: unknown field `cuts`, expected one of `cutting`, `coalesce`, `delay`, `barrier`, `layer`, `seed`",
        ),
        ("{\"cutting\": \"whole\"", "1:19: EOF while parsing an object"),
        ("{\"type\":\"close\",\"t\":1,\"conn\":1}\n", "2:1: the file has no plan"),
        ("\u{1b}[2J", "1:1: expected value"),
    ];
    for (text, complaint) in cases {
        std::fs::write(&file, text).unwrap();
        let hint = "(--plan takes a file of --trace or sweep --json)";
        let line = format!("secretcat: {}:{complaint} {hint}\n", file.display());
        run([Path::new("connect"), Path::new("--plan"), &file, Path::new("-mx")], "").is(2, "", line);
    }
    // A plan that this connection cannot carry out is refused as the options would be.
    std::fs::write(&file, "{\"cutting\":{\"cut\":\"-1\"},\"coalesce\":2}").unwrap();
    let out = run([Path::new("connect"), Path::new("--raw"), Path::new("--plan"), &file], "");
    assert_eq!((out.status, out.stderr.lines().count()), (Some(2), 1), "{out:?}");
}
