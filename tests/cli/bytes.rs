//! The bytes of connections: `--hex` and `--dump`.

use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;

use crate::support::full_disk::FullDisk;
use crate::support::{Dir, Proc, Server, accept, ask, digits, local_listener, noise, run, secretcat, start_relay};

#[test]
fn hex_has_both_directions_with_their_offsets() {
    let out = run(["connect", "--loopback", "-x", "--cut", "4", "--barrier", "peer-read", "-m", "SECRET 42"], "");
    assert_eq!((out.status, out.stdout), (Some(0), digits("42").into_bytes()));
    let of = |start: &str| out.stderr.lines().filter(|line| line.starts_with(start)).collect::<Vec<_>>();
    let reply = |mark: &str| {
        [
            format!("{mark} 00000000: 4469 6769 7473 3a20 3432 2020 2043 6f75  Digits: 42   Cou"),
            format!("{mark} 00000010: 6e74 3a20 320a                           nt: 2."),
        ]
    };
    let message = |mark: &str| {
        [
            format!("{mark} 00000000: 5345 4352                                SECR"),
            format!("{mark} 00000004: 4554 2034 320a                           ET 42."),
        ]
    };
    for (start, lines) in
        [("#1 >", message("#1 >")), ("#1 <", reply("#1 <")), ("#2 <", message("#2 <")), ("#2 >", reply("#2 >"))]
    {
        assert_eq!(of(start), lines);
    }
    assert_eq!(out.stderr.lines().count(), 8, "{}", out.stderr);
}

#[test]
fn hex_of_hostile_bytes_is_printable() {
    let (listener, address) = local_listener();
    let mut proc = Proc::start(&mut secretcat(["connect", &address, "-x", "--raw"]));
    proc.close_stdin();
    let mut peer = accept(&listener);
    peer.write_all(b"\x1b]0;owned\x07\x9b2J\n#9 > ").unwrap();
    drop(peer);
    let out = proc.end();
    assert!(
        !out.stderr.replace('\n', "").chars().any(|char| char.is_control() || !char.is_ascii()),
        "{:?}",
        out.stderr
    );
    assert!(out.stderr.starts_with("#1 < 00000000: 1b5d 303b 6f77 6e65 6407 9b32 4a0a 2339  .]0;owned..2J.#9\n"));
}

/// A header is not of the application, and with TLS what is encrypted is not, either.
#[test]
fn dump_has_exactly_the_bytes_of_the_application() {
    let dir = Dir::new("dump");
    let bytes = noise(300_000);
    let tls: &[&str] = if cfg!(feature = "tls") { &["--tls"] } else { &[] };
    for (number, more) in [&[][..], &["--proxy-protocol", "v2", "--chunk", "1..9k"], tls].into_iter().enumerate() {
        let dump = dir.file(&format!("dump{number}"));
        let args = ["connect", "--loopback", "--raw", "--dump", dump.to_str().unwrap()];
        let out = run(args.iter().chain(more), &bytes);
        assert_eq!((out.status, out.stderr.as_str()), (Some(0), ""), "{more:?}");
        let file = |name: &str| fs::read(dump.join(name)).unwrap();
        assert!(file("1-out") == bytes && file("2-in") == bytes, "{more:?}");
        assert!(file("1-in") == out.stdout && file("2-out") == out.stdout, "{more:?}");
    }
    // Another run would mix its bytes with these.
    let dump = dir.file("dump0");
    let error = format!("secretcat: --dump {}: not empty, and each run needs its own directory\n", dump.display());
    run(["connect", "--loopback", "--dump", dump.to_str().unwrap(), "-m", "x"], "").is(2, "", error);
}

#[test]
fn relay_dumps_both_of_its_connections() {
    let dir = Dir::new("relayed");
    let dump = dir.file("dump");
    let server = Server::start(&[]);
    let relay = start_relay(&server.address(), &["--chunk", "2", "--dump", dump.to_str().unwrap()]);
    assert_eq!(relay.exchange("SECRET 1\n"), digits("1"));
    relay.stops_with("");
    for (name, text) in
        [("1-in", "SECRET 1\n"), ("2-out", "SECRET 1\n"), ("2-in", &digits("1")), ("1-out", &digits("1"))]
    {
        assert_eq!(fs::read_to_string(dump.join(name)).unwrap(), text, "{name}");
    }
}

#[test]
fn more_connections_than_open_files_are_dumped() {
    let dir = Dir::new("many");
    let dump = dir.file("dump");
    let server = Server::start(&["--dump", dump.to_str().unwrap()]);
    let mut clients: Vec<_> = (0..50).map(|_| server.open()).collect();
    for round in 1..=2 {
        for (number, client) in clients.iter_mut().enumerate() {
            assert_eq!(ask(client, &format!("SECRET {round}{number}")), digits(&format!("{round}{number}")));
        }
    }
    drop(clients);
    server.stops_with("");
    for number in 0..50 {
        let text = fs::read_to_string(dump.join(format!("{}-in", number + 1))).unwrap();
        assert_eq!(text, format!("SECRET 1{number}\nSECRET 2{number}\n"));
    }
    assert_eq!(fs::read_dir(&dump).unwrap().count(), 100);
}

#[test]
fn dump_follows_no_symbolic_link() {
    let dir = Dir::new("link");
    let (dump, victim) = (dir.file("dump"), dir.file("victim"));
    let server = Server::start(&["--dump", dump.to_str().unwrap()]);
    fs::write(&victim, "kept").unwrap();
    symlink(&victim, dump.join("1-in")).unwrap();
    assert_eq!(server.exchange("SECRET 1\n"), digits("1"));
    let out = server.stop();
    let path = dump.join("1-in");
    let error = format!("secretcat: write {}: file exists", path.display());
    let lines: Vec<&str> = out.stderr.lines().filter(|line| line.starts_with("secretcat: ")).collect();
    assert_eq!((out.status, lines), (Some(2), vec![&*format!("{error}; nothing more is dumped"), &error]));
    assert_eq!(fs::read_to_string(&victim).unwrap(), "kept");
}

#[test]
fn dump_on_a_full_disk_is_reported_and_status_2() {
    let dir = Dir::new("full-dump");
    let dump = dir.path().join("dump").to_str().unwrap().to_owned();
    let Some(disk) = FullDisk::start(&dir, "1m", "1000k", &["--dump", &dump]) else { return };
    let messages = format!("SECRET {}\n", "1".repeat(90)).repeat(500);
    assert_eq!(disk.server.exchange(&messages).lines().count(), 500, "the service goes on");
    let error = "-in: no space left on device (free space, or use another disk)";
    disk.server.proc.wait_for_stderr(&format!("{error}; nothing more is dumped\n"));
    disk.make_room();
    let out = disk.server.stop();
    assert!(out.stderr.ends_with(&format!("{error}\n")), "{}", out.stderr);
    assert_eq!(out.status, Some(2));
}
