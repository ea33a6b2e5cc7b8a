//! Every cutting option of `connect` and `listen`, on messages and on raw bytes, and the reads at the peer.

use std::io::{Read, Write};

use crate::support::trace::{self, Trace, Traced};
use crate::support::{
    Dir, NOT_FOUND, Proc, Server, accept, digits, local_listener, read_line, read_some, run, secretcat,
};

/// The writes of one end and the reads of the other, with `--loopback`.
fn ends(trace: &Trace) -> (Vec<u64>, Vec<u64>) {
    (trace.writes(trace.connections("connect")[0]), trace.reads(trace.connections("listen")[0]))
}

#[test]
fn offsets_of_other_layers_may_exceed_a_message() {
    let dir = Dir::new("layers");
    let (answers, trace) =
        trace::connect(&dir, &["--loopback", "--cut-layer", "tcp", "--cut", "12"], "SECRET 42\nhello\n");
    assert_eq!(answers, digits("42") + NOT_FOUND);
    let ends = ends(&trace).0.into_iter().scan(0, |at, len| {
        *at += len;
        Some(*at)
    });
    assert!(ends.clone().any(|end| end == 12), "{:?}", ends.collect::<Vec<_>>());
    if cfg!(feature = "tls") {
        for layer in ["tcp", "handshake"] {
            let args = ["connect", "--loopback", "--tls", "--cut-layer", layer, "--cut", "100"];
            run(args, "SECRET 42\n").is(0, digits("42"), "");
            run(args.iter().chain(&["-m", "SECRET 42"]), "").is(0, digits("42"), "");
        }
    }
}

#[test]
fn each_piece_is_one_write_and_one_read() {
    let dir = Dir::new("pieces");
    let ten = "SECRET 42\n";
    let cases: [(&[&str], &str, &[u64]); 11] = [
        (&["--chunk", "3"], ten, &[3, 3, 3, 1]),
        (&["--chunk", "1"], ten, &[1; 10]),
        (&["--chunk", "64k"], ten, &[10]),
        (&["--cut", "4"], ten, &[4, 6]),
        (&["--cut", "-1,4"], ten, &[4, 5, 1]),
        (&["-C", "--cut", "-1,-2"], ten, &[9, 1, 1]),
        // Two messages in one write; a cut of each, and the piece between them has bytes of both.
        (&["--coalesce", "2", "--cut", "4,-1"], "SECRET 42\nhello\n", &[4, 5, 1 + 4, 1, 1]),
        (&["--coalesce", "2", "--chunk", "7"], "SECRET 42\nhello\n", &[7, 7, 2]),
        // The last group has the remaining messages.
        (&["--coalesce", "3"], "SECRET 42\na\nb\nc\n", &[14, 2]),
        (&["--coalesce", "9"], "SECRET 42\na\n", &[12]),
        (&["--chunk", "1..4", "--seed", "7"], "SECRET 4242424242\n", &[2, 1, 2, 2, 1, 2, 2, 4, 1, 1]),
    ];
    for (plan, input, pieces) in cases {
        let args = [&["--loopback", "--barrier", "peer-read"], plan].concat();
        let (out, trace) = trace::connect(&dir, &args, input);
        let answers: String = input
            .lines()
            .map(|line| if line.starts_with('S') { digits(&line[7..]) } else { NOT_FOUND.into() })
            .collect();
        assert_eq!(out, answers, "{plan:?}");
        assert_eq!(ends(&trace), (pieces.to_vec(), pieces.to_vec()), "{plan:?}");
        assert!(trace.barriers(trace.connections("connect")[0]).iter().all(|outcome| *outcome == "read"), "{plan:?}");
    }
}

#[test]
fn raw_bytes_are_cut_at_offsets_of_the_stream() {
    let dir = Dir::new("stream");
    for (plan, pieces) in [(["--cut", "1,12"], vec![1, 11, 5]), (["--chunk", "5"], vec![5, 5, 5, 2])] {
        let args = [&["--loopback", "--raw", "--barrier", "peer-read"][..], &plan].concat();
        let (out, trace) = trace::connect(&dir, &args, "SECRET 42\nSECRET ");
        assert_eq!(out, digits("42") + &digits(""));
        assert_eq!(ends(&trace), (pieces.clone(), pieces));
        assert!(trace.of(trace.connections("connect")[0], "message").is_empty(), "raw bytes are not messages");
    }
}

#[test]
fn replies_of_a_listener_are_cut() {
    let dir = Dir::new("replies");
    // "Digits: 7   Count: 1" and its line feed are 21 bytes.
    let cases: [(&[&str], &[u64]); 4] = [
        (&["--cut", "3,-1"], &[3, 17, 1, 3, 17, 1]),
        (&["--chunk", "16"], &[16, 5, 16, 5]),
        (&["--coalesce", "2", "--cut", "-1"], &[20, 21, 1]),
        (&["--chunk", "1..9", "--seed", "3"], &[4, 9, 2, 6, 9, 6, 1, 4, 1]),
    ];
    for (plan, pieces) in cases {
        let server = Traced::start(&dir, &[&["--barrier", "peer-read"], plan].concat());
        let (out, client) = trace::connect(&dir, &[&server.address()], "SECRET 7\nSECRET 7\n");
        assert_eq!(out, digits("7").repeat(2));
        let trace = server.stop_and_read();
        assert_eq!((trace.writes(1), client.reads(1)), (pieces.to_vec(), pieces.to_vec()), "{plan:?}");
    }
}

#[test]
fn echo_service_is_cut_at_offsets_of_the_stream() {
    let dir = Dir::new("echo");
    let server = Traced::start(&dir, &["--service", "echo", "--cut", "2,7"]);
    run(["connect", "--raw", "--chunk", "3", "--barrier", "peer-read", &server.address()], "0123456789").is(
        0,
        "0123456789",
        "",
    );
    let trace = server.stop_and_read();
    let ends: Vec<u64> = trace
        .writes(1)
        .iter()
        .scan(0, |at, len| {
            *at += len;
            Some(*at)
        })
        .collect();
    assert!(ends.contains(&2) && ends.contains(&7), "{ends:?}");
}

#[test]
fn delay_passes_between_two_writes() {
    let dir = Dir::new("delay");
    for (delay, least) in [("100ms", 100_000_000), ("1ms..3ms", 1_000_000)] {
        let (_, trace) = trace::connect(&dir, &["--loopback", "--chunk", "4", "--delay", delay], "SECRET 42\n");
        let conn = trace.connections("connect")[0];
        assert_eq!(trace.writes(conn), [4, 4, 2]);
        let pauses = trace.numbers(conn, "pause", "nanos");
        assert!(pauses.len() == 2 && pauses.iter().all(|pause| *pause >= least), "{pauses:?}");
        let writes = trace.numbers(conn, "write", "t");
        let begun = trace.numbers(conn, "pause", "t");
        // A pause counts from the time at which the last write was due, just before it was made.
        assert!(writes[0] <= begun[0] && begun[0] <= writes[1] && writes[1] <= begun[1], "{trace:?}");
        // The first write was due after the start, from which the times count.
        assert!(writes[2] >= pauses.iter().sum(), "{trace:?}");
    }
}

#[test]
fn barrier_follows_every_write() {
    let dir = Dir::new("barrier");
    for (barrier, outcome) in [("acked", "acked"), ("peer-read", "read")] {
        let (_, trace) =
            trace::connect(&dir, &["--loopback", "--chunk", "4", "--barrier", barrier], "SECRET 42\nhello\n");
        let conn = trace.connections("connect")[0];
        let order: Vec<&str> =
            trace.0.iter().filter(|line| line["conn"] == conn).filter_map(|line| line["type"].as_str()).collect();
        let order: Vec<&str> = order.into_iter().filter(|kind| ["write", "barrier"].contains(kind)).collect();
        assert_eq!(trace.barriers(conn), [outcome; 5][..trace.barriers(conn).len()]);
        let behind =
            order.chunks(2).all(|pair| pair[0] == "write" && pair.get(1).is_none_or(|kind| *kind == "barrier"));
        assert!(behind && order.len() >= 9, "{order:?}");
    }
}

#[test]
fn seed_repeats_every_choice_and_a_drawn_seed_is_printed() {
    let dir = Dir::new("seed");
    let input = "SECRET 1234567890 1234567890 1234567890\n";
    let cut = |plan: &[&str]| {
        let (_, trace) = trace::connect(&dir, &[&["--loopback"], plan].concat(), input);
        trace.writes(trace.connections("connect")[0])
    };
    let one = cut(&["--chunk", "1..7", "--seed", "1"]);
    assert_eq!(one, cut(&["--chunk", "1..7", "--seed", "0x1"]));
    assert_ne!(one, cut(&["--chunk", "1..7", "--seed", "2"]));
    let path = dir.file("drawn.ndjson");
    let args = ["connect", "--loopback", "--chunk", "1..7", "-v", "--trace", path.to_str().unwrap()];
    let out = run(args, input);
    let seed = out.stderr.lines().find_map(|line| line.split_once(" plan --chunk 1..7 --seed ")).unwrap().1.to_owned();
    let drawn = Trace::read(&path);
    let drawn = drawn.writes(drawn.connections("connect")[0]);
    assert_eq!(drawn, cut(&["--chunk", "1..7", "--seed", &seed]));
}

#[test]
fn plan_is_replayed_from_the_trace_of_a_run() {
    let dir = Dir::new("replay");
    let input = "SECRET 1234567890 1234567890\nhello\nyou\n";
    let plans: [&[&str]; 3] = [
        &["--chunk", "1..5", "--delay", "10us..90us"],
        &["--cut", "2,-1", "--coalesce", "2", "--barrier", "acked"],
        &["--chunk", "2", "--barrier", "peer-read"],
    ];
    for plan in plans {
        let (out, first) = trace::connect(&dir, &[&["--loopback"], plan].concat(), input);
        let file = dir.file("first.ndjson");
        std::fs::copy(dir.file("connect.ndjson"), &file).unwrap();
        let (again, second) = trace::connect(&dir, &["--loopback", "--plan", file.to_str().unwrap()], input);
        let kept = |trace: &Trace| {
            let conn = trace.connections("connect")[0];
            let plan = trace.of(conn, "plan")[0].clone();
            (trace.writes(conn), trace.numbers(conn, "pause", "nanos"), plan["seed"].clone(), plan["cutting"].clone())
        };
        assert_eq!((out, kept(&first)), (again, kept(&second)), "{plan:?}");
    }
}

#[test]
fn plan_is_replayed_from_a_sweep_report() {
    let dir = Dir::new("found");
    let server = Server::start(&["--bug", "one-read"]);
    let found = run(["sweep", &server.address(), "--json", "-m", "My SECRET is 12345"], "");
    assert_eq!(found.status, Some(3), "{found:?}");
    let file = dir.file("found.json");
    std::fs::write(&file, &found.stdout).unwrap();
    let report: serde_json::Value = serde_json::from_slice(&found.stdout).unwrap();
    let cut = report["differences"][0]["cuts"][0].as_u64().unwrap();
    let args = ["--raw", "--plan", file.to_str().unwrap(), &server.address()];
    let (out, trace) = trace::connect(&dir, &args, "My SECRET is 12345\n");
    assert_eq!((trace.writes(1), trace.barriers(1)), (vec![cut, 19 - cut], vec!["read"; 2]));
    assert_ne!(out, digits("12345"), "the difference appears again");
    server.stops_with("");
}

#[test]
fn delayed_piece_does_not_block_the_other_direction() {
    let (listener, address) = local_listener();
    let args = ["connect", &address, "--raw", "--cut", "1", "--delay", "1h"];
    let mut proc = Proc::start(&mut secretcat(args));
    proc.write("ab");
    let mut server = accept(&listener);
    let mut first = [0; 2];
    assert_eq!(read_some(&mut server, &mut first).unwrap(), 1, "the second byte waits");
    for word in ["one\n", "two\n"] {
        server.write_all(word.as_bytes()).unwrap();
        proc.wait_for_stdout(word);
    }
}

#[test]
fn delayed_piece_does_not_block_other_connections() {
    let server = Server::start(&["--cut", "1", "--delay", "1h", "--trace", "-"]);
    let mut clients: Vec<_> = (0..20).map(|_| server.open()).collect();
    for client in &mut clients {
        client.write_all(b"SECRET 1\n").unwrap();
        let mut piece = [0; 2];
        assert_eq!((read_some(client, &mut piece).unwrap(), piece[0]), (1, b'D'));
    }
    // Waiting clients are read, too.
    clients[0].write_all(b"SECRET 2\n").unwrap();
    server.proc.wait_for_stderr("\"conn\":1,\"type\":\"message\",\"dir\":\"in\",\"number\":2,");
}

#[test]
fn incomplete_group_is_sent_at_once_at_a_terminal() {
    let mut terminal =
        crate::support::pty::Terminal::start(&secretcat(["connect", "--loopback", "--coalesce", "5", "--cut", "3"]));
    terminal.sees("Enter Message: ");
    terminal.types("SECRET 1\n");
    terminal.sees("Received: Digits: 1   Count: 1\r\nEnter Message: ");
    terminal.types("ab\n");
    terminal.sees("Not sent: message 2 has 3 bytes with its ending, and --cut 3 does not cut it: 1 to 2 and -1 to -2 do\r\nEnter Message: ");
    terminal.types("SECRET 2\n");
    terminal.sees("Received: Digits: 2   Count: 1\r\nEnter Message: ");
    terminal.types("q\n");
    assert_eq!(terminal.end().0.status, Some(0));
}

#[test]
fn group_is_sent_when_full_or_at_end_of_input() {
    let (listener, address) = local_listener();
    let mut proc = Proc::start(&mut secretcat(["connect", &address, "--coalesce", "2"]));
    let mut server = accept(&listener);
    proc.write("a\n");
    proc.write("b\nc\n");
    assert_eq!((read_line(&mut server), read_line(&mut server)), ("a\n".into(), "b\n".into()));
    server.set_nonblocking(true).unwrap();
    assert_eq!(read_some(&mut server, &mut [0]).unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    server.set_nonblocking(false).unwrap();
    proc.close_stdin();
    assert_eq!(read_line(&mut server), "c\n");
    server.write_all(b"1\n2\n3\n").unwrap();
    proc.end().is(0, "1\n2\n3\n", "");
}

/// A client that waits for each reply has no second message to join.
#[test]
fn incomplete_group_of_replies_is_sent_to_a_waiting_client() {
    let server = Server::start(&["--coalesce", "3", "--cut", "-1"]);
    let mut client = server.open();
    for count in 1..=3 {
        client.write_all("SECRET 7\n".repeat(count).as_bytes()).unwrap();
        for _ in 0..count {
            assert_eq!(read_line(&mut client), digits("7"));
        }
    }
    drop(client);
    server.stops_with("");
}

#[test]
fn large_group_is_filled_and_a_giant_one_is_split() {
    let dir = Dir::new("group");
    let large = "SECRET 1\n".repeat(9000);
    let (out, trace) = trace::connect(&dir, &["--loopback", "--coalesce", "9000"], &large);
    assert_eq!(out, digits("1").repeat(9000));
    let asked = trace.numbers(trace.connections("connect")[0], "write", "asked");
    assert_eq!(asked[0], 81_000, "all messages are in the first write");
    let giant = format!("SECRET {}\n", "1".repeat(99_993));
    let (out, trace) = trace::connect(&dir, &["--loopback", "--coalesce", "50"], giant.repeat(20));
    assert_eq!(out.lines().count(), 20);
    let conn = trace.connections("connect")[0];
    assert!(trace.numbers(conn, "write", "asked")[0] >= 1 << 20, "{:?}", trace.numbers(conn, "write", "asked"));

    // The same for the replies to a client that sends many messages and then waits.
    let server = Server::start(&["--coalesce", "9000"]);
    let mut client = server.open();
    client.write_all(large.as_bytes()).unwrap();
    let mut answers = vec![0; digits("1").len() * 9000];
    client.read_exact(&mut answers).unwrap();
    assert!(answers == digits("1").repeat(9000).into_bytes());
    drop(client);
    server.stops_with("");
}
