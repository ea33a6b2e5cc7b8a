//! The files that options name for outputs: two of one file, `-`, and files that cannot be written.

use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Stdio;

use rustix::fs::{CWD, FileType, Mode};

use crate::support::full_disk::on_small_disk;
use crate::support::{Dir, Proc, Server, as_nobody, digits, is_root, run_command, secretcat, skip};

#[test]
fn two_names_of_one_file_are_refused() {
    let dir = Dir::new("same");
    fs::create_dir(dir.file("a")).unwrap();
    fs::write(dir.file("old"), "old").unwrap();
    fs::hard_link(dir.file("old"), dir.file("hard")).unwrap();
    for (link, target) in [("soft", "old"), ("empty", "new"), ("chain", "empty"), ("b", "a"), ("circle", "circle")] {
        symlink(target, dir.file(link)).unwrap();
    }
    let absolute = |name: &str| dir.file(name).to_str().unwrap().to_owned();
    let (old, new) = (absolute("old"), absolute("new"));
    let files = ["connect", "--loopback", "-m", "x"];
    let cases: [(&[&str], &str, &str, &str); 16] = [
        (&files, "--trace old", "--pcap old", ""),
        (&files, "--trace new", "--pcap ./new", ""),
        (&files, "--trace new", "--transcript a/../new", ""),
        (&files, "--pcap new", "--dump new/", ""),
        (&files, "--trace a/new", "--transcript b/new", ""),
        (&files, "--trace b/../new", "--pcap new", ""),
        (&files, "--trace new", "--pcap", &new),
        (&files, "--trace old", "--pcap", &old),
        (&files, "--trace old", "--transcript hard", ""),
        (&files, "--pcap soft", "--transcript hard", ""),
        (&files, "--trace new", "--pcap empty", ""),
        (&files, "--transcript chain", "--pcap empty", ""),
        (&["sweep", ":1", "-m", "x"], "--junit new", "--html ./new", ""),
        (&["sweep", ":1", "-m", "x"], "--html new", "--pcap ./new", ""),
        (&["sweep", "--client", "true {address}", "--replies", "old"], "--junit new", "--pcap empty", ""),
        (&["send", "old", ":1"], "--trace hard", "", ""),
    ];
    for (command, first, second, path) in cases {
        let words = [first, second]
            .into_iter()
            .flat_map(str::split_whitespace)
            .chain([path].into_iter().filter(|path| !path.is_empty()));
        let out = run_command(secretcat(command).args(words).current_dir(dir.path()), "");
        let option = |words: &str| words.split_whitespace().next().unwrap_or_default().to_owned();
        let (first, second) = match second {
            "" => ("the file to send".to_owned(), option(first)),
            _ => (option(first), option(second)),
        };
        // The order is that of the outputs, and not that of the command line.
        let line = |a: &str, b: &str| format!("secretcat: {a} and {b} are the same file: name another one with {b}\n");
        assert!(
            [line(&first, &second), line(&second, &first)].contains(&out.stderr),
            "{first} {second}: {}",
            out.stderr
        );
        assert_eq!((out.status, fs::read_to_string(dir.file("old")).unwrap()), (Some(2), "old".to_owned()));
        assert!(!dir.file("new").exists() && !dir.file("a/new").exists());
    }
    // Other files, devices, and a circle of links, which cannot be opened.
    for words in ["--trace new --pcap a/new", "--trace /dev/null --pcap /dev/null", "--timeline new.svg --trace new"] {
        let out = run_command(secretcat(files).args(words.split(' ')).current_dir(dir.path()), "");
        assert_eq!((out.status, &*out.stderr), (Some(0), ""), "{words}");
    }
    let out = run_command(secretcat(files).args(["--trace", "circle", "--pcap", "circle"]).current_dir(dir.path()), "");
    assert_eq!(out.status, Some(2), "{}", out.stderr);
}

/// Files that are written without an option with their name.
#[test]
fn file_of_secrets_or_full_transcript_is_no_other_output() {
    let dir = Dir::new("implied");
    fs::write(dir.file("old"), "old").unwrap();
    fs::hard_link(dir.file("old"), dir.file("log.3")).unwrap();
    let line = |first: &str, second: &str, option: &str| {
        format!("secretcat: {first} and {second} are the same file: name another one with {option}\n")
    };
    let of_log = |first: &str| line(first, "a full file of --transcript", "--transcript");
    for (trace, max) in [("log.1", "4k"), ("./log.5", "4k"), ("old", "4k,3"), ("log.2", "4k,2")] {
        let args = ["connect", "--loopback", "-m", "x", "--transcript", "log", "--transcript-max", max];
        let out = run_command(secretcat(args).args(["--trace", trace]).current_dir(dir.path()), "");
        out.is(2, "", of_log("--trace"));
        let stdout = File::options().create(true).append(true).open(dir.file(trace)).unwrap();
        let out = secretcat(args).stdin(Stdio::null()).stdout(stdout).current_dir(dir.path()).output().unwrap();
        assert_eq!((out.status.code(), String::from_utf8(out.stderr).unwrap()), (Some(2), of_log("stdout")));
    }
    for (trace, max) in [("log.3", "4k,2"), ("log.6", "4k"), ("log.01", "4k"), ("log.0", "4k")] {
        let args = ["connect", "--loopback", "-m", "x", "--transcript", "log", "--transcript-max", max];
        let out = run_command(secretcat(args).args(["--trace", trace]).current_dir(dir.path()), "");
        assert_eq!((out.status, &*out.stderr), (Some(0), ""), "{trace} {max}");
    }
    if !cfg!(feature = "tls") {
        return;
    }
    let relay = ["listen", "127.0.0.1:0", "--relay", "tls:127.0.0.1:1"];
    for args in [&["connect", ":1", "--tls", "-m", "x"][..], &relay, &["receive", "--dir", ".", "--tls"]] {
        let mut command = secretcat(args);
        let out = run_command(
            command.args(["--trace", "./keys"]).env("SSLKEYLOGFILE", dir.file("keys")).current_dir(dir.path()),
            "",
        );
        out.is(2, "", line("--trace", "$SSLKEYLOGFILE", "$SSLKEYLOGFILE"));
    }
    // Without TLS the variable is not used, and an option takes its place.
    let loopback = ["connect", "--loopback", "-m", "SECRET 1", "--trace", "keys"];
    let other = ["--tls", "--tls-keylog", "other"];
    for more in [&[][..], &other] {
        let mut command = secretcat(loopback);
        let out = run_command(command.args(more).env("SSLKEYLOGFILE", "keys").current_dir(dir.path()), "");
        assert_eq!((out.status, &*out.stderr), (Some(0), ""), "{more:?}");
    }
}

/// An emptied file of keys would trust any server.
#[cfg(feature = "tls")]
#[test]
fn output_to_the_file_of_known_keys_is_refused() {
    let dir = Dir::new("known");
    let keys = "127.0.0.1:1 sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n";
    fs::write(dir.file("keys"), keys).unwrap();
    let relay = ["listen", "127.0.0.1:0", "--relay", "tls:127.0.0.1:1", "--relay-known", "keys"];
    let rooms = ["listen", "127.0.0.1:0", "--service", "rooms", "--rooms-via", "tls://127.0.0.1:1"];
    let cases: [(&[&str], &str, &str); 6] = [
        (&["connect", "127.0.0.1:1", "-m", "x", "--known", "keys"], "--known", "--trace"),
        (&["connect", "127.0.0.1:1", "-m", "x", "--known", "keys"], "--known", "--tls-keylog"),
        (&["sweep", "127.0.0.1:1", "-m", "x", "--known", "keys"], "--known", "--pcap"),
        (&["receive", "--from", "127.0.0.1:1", "--known", "keys"], "--known", "--trace"),
        (&relay, "--relay-known", "--pcap"),
        (&[&rooms[..], &["--via-known", "keys"]].concat(), "--via-known", "--trace"),
    ];
    for (args, known, option) in cases {
        let out = run_command(secretcat(args).args([option, "./keys"]).current_dir(dir.path()), "");
        let line = format!("secretcat: {known} and {option} are the same file: name another one with {option}\n");
        out.is(2, "", line);
        assert_eq!(fs::read_to_string(dir.file("keys")).unwrap(), keys);
    }
}

#[test]
fn file_to_send_may_be_stdin_but_not_stderr() {
    let dir = Dir::new("sent");
    fs::write(dir.file("a"), "a").unwrap();
    let open = || Stdio::from(File::options().read(true).append(true).open(dir.file("a")).unwrap());
    let mut command = secretcat(["send", "a", "--to", "unix:nowhere"]);
    let out = command.current_dir(dir.path()).stdin(open()).output().unwrap();
    assert_eq!(out.status.code(), Some(1), "{}", String::from_utf8_lossy(&out.stderr));
    let out = command.stdin(Stdio::null()).stderr(open()).output().unwrap();
    assert_eq!(out.status.code(), Some(2));
    let line = "secretcat: stderr and the file to send are the same file: redirect stderr to another one\n";
    assert_eq!(fs::read_to_string(dir.file("a")).unwrap(), format!("a{line}"));
}

#[test]
fn output_to_the_file_of_a_standard_stream_is_refused() {
    let dir = Dir::new("streams");
    let file = dir.file("t");
    for (stream, names) in [("stdin", ["t", "./t"]), ("stdout", ["t", "/dev/stdout"]), ("stderr", ["t", "/dev/stderr"])]
    {
        for name in names {
            fs::write(&file, "SECRET 1\n").unwrap();
            let mut command = secretcat(["connect", "--loopback", "--trace", name]);
            command.current_dir(dir.path()).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
            let open = || Stdio::from(File::options().read(true).append(true).open(&file).unwrap());
            match stream {
                "stdin" => command.stdin(open()),
                "stdout" => command.stdout(open()),
                _ => command.stderr(open()),
            };
            let out = command.output().unwrap();
            let line = format!("secretcat: {stream} and --trace are the same file: name another one with --trace\n");
            let written = fs::read_to_string(&file).unwrap();
            let expected = if stream == "stderr" { format!("SECRET 1\n{line}") } else { "SECRET 1\n".to_owned() };
            assert_eq!((out.status.code(), written), (Some(2), expected), "{stream}, {name}");
            assert!(stream == "stderr" || out.stderr == line.as_bytes());
        }
    }
}

/// The replies on stdout and the packets would be mixed.
#[test]
fn capture_to_a_pipe_of_stdout_needs_a_stdout_without_replies() {
    let out = run_command(&mut secretcat(["connect", "--loopback", "-m", "SECRET 1", "--pcap", "/dev/stdout"]), "");
    out.is(2, "", "secretcat: stdout and --pcap are the same file: name another one with --pcap\n");
    let server = Server::start(&["--pcap", "/dev/stdout"]);
    run_command(&mut secretcat(["connect", &server.address(), "-m", "SECRET 1"]), "").is(0, digits("1"), "");
    let out = server.stop();
    assert_eq!((out.status, &out.stdout[..4]), (Some(0), &[10, 13, 13, 10][..]), "{}", out.stderr);
}

/// The options that write files, and the command lines that they are given to. A trace is `run.ndjson`.
const OPTIONS: [(&[&str], &str); 9] = [
    (&["connect", "--loopback", "-m", "x"], "--trace"),
    (&["listen", "127.0.0.1:0"], "--timeline"),
    (&["connect", "--loopback", "-m", "x"], "--pcap"),
    (&["listen", "127.0.0.1:0", "--relay", ":1"], "--dump"),
    (&["connect", "--loopback", "-m", "x"], "--transcript"),
    (&["connect", ":1", "--tls", "-m", "x"], "--tls-keylog"),
    (&["sweep", ":1", "-m", "x"], "--junit"),
    (&["sweep", ":1", "-m", "x"], "--html"),
    (&["timeline", "run.ndjson"], "--output"),
];

#[test]
fn faults_of_output_files_have_one_wording() {
    let dir = Dir::new("faults");
    for name in ["folder.svg", "denied"] {
        fs::create_dir(dir.file(name)).unwrap();
        fs::write(dir.file(name).join("x"), "").unwrap();
    }
    fs::write(dir.file("file"), "").unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    rustix::fs::mknodat(CWD, dir.file("pipe.svg"), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    let trace = "{\"t\":0,\"conn\":0,\"type\":\"start\",\"schema\":1,\"time\":\"\",\"version\":\"\",\"command\":[]}\n";
    fs::write(dir.file("run.ndjson"), trace).unwrap();
    let pipe = "no process reads this pipe (start its reader first)";
    let faults = [
        ("folder.svg", "is a directory (name a file)"),
        ("nowhere/x.svg", "no such file or directory (does its directory exist?)"),
        ("denied/x.svg", "permission denied (may this user write there?)"),
        ("pipe.svg", pipe),
        ("new.svg/", "is a directory (name a file)"),
        ("file/x.svg", "not a directory"),
    ];
    for (command, option) in OPTIONS.iter().filter(|(command, _)| cfg!(feature = "tls") || !command.contains(&"--tls"))
    {
        for (name, fault) in faults {
            let args = command.iter().chain([option, &name]);
            let is_denied = name.starts_with("denied");
            if is_denied && !is_root() {
                skip::skip("another user needs root");
                continue;
            }
            let mut command = if is_denied { as_nobody(&dir, args) } else { secretcat(args) };
            let expected = match (*option, name) {
                ("--dump", "new.svg/") => continue, // it is created
                ("--dump", "folder.svg") => {
                    "--dump folder.svg: not empty, and each run needs its own directory".to_owned()
                }
                ("--dump", "pipe.svg") => format!("create {name}: not a directory (name a new or empty one)"),
                ("--transcript", "pipe.svg") => format!("open {name}: not a regular file"),
                _ => format!("create {name}: {fault}"),
            };
            let out = run_command(command.current_dir(dir.path()), "");
            assert_eq!((out.status, out.stderr), (Some(2), format!("secretcat: {expected}\n")), "{option} {name}");
        }
    }
    assert!(!dir.file("new.svg").exists());
}

/// What is written fits on the disk at the start, but not later.
#[test]
fn each_output_that_found_no_room_has_its_line() {
    let dir = Dir::new("room");
    let [trace, picture, capture, dump] =
        ["t", "t.svg", "t.pcapng", "d"].map(|name| dir.file(name).display().to_string());
    let args =
        ["connect", "--loopback", "--trace", &trace, "--timeline", &picture, "--pcap", &capture, "--dump", &dump];
    let Some(mut command) = on_small_disk(dir.path(), "1m", "1000k", &args) else { return };
    let message = format!("SECRET {}\n", "1".repeat(1000));
    let out = run_command(&mut command, message.repeat(200));
    assert_eq!(out.status, Some(2), "{}", out.stderr);
    assert_eq!(out.stdout.len(), 200 * digits(&"1".repeat(1000)).len(), "the conversation goes on");
    let room = "no space left on device (free space, or use another disk)";
    for line in [
        format!("write {trace}: {room}; nothing more is traced"),
        format!("write {trace}: {room}"),
        format!("write {picture}: {room}"),
        format!("write {capture}: {room}; nothing more is captured"),
        format!("write {capture}: {room}"),
    ] {
        assert_eq!(
            out.stderr.lines().filter(|got| *got == format!("secretcat: {line}")).count(),
            1,
            "{line}: {}",
            out.stderr
        );
    }
    let of_dump = out.stderr.lines().filter(|line| line.starts_with(&format!("secretcat: write {dump}/")));
    assert_eq!(of_dump.count(), 2, "{}", out.stderr);
}

/// A new named pipe, and its reader.
fn pipe(path: &Path) -> std::os::fd::OwnedFd {
    rustix::fs::mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    rustix::fs::open(path, rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::NONBLOCK, Mode::empty()).unwrap()
}

#[test]
fn trace_to_a_pipe_that_is_not_read_does_not_stop_the_listener() {
    let dir = Dir::new("stalled");
    let reader = pipe(&dir.file("pipe"));
    let named = dir.file("pipe").display().to_string();
    let server = Server::start(&["--max-message", "1m", "--trace", &named, "--trace-data", "all"]);
    let message = format!("SECRET{}\n", "1".repeat(900_000));
    for _ in 0..4 {
        assert_eq!(server.exchange(&message).len(), digits(&"1".repeat(900_000)).len());
    }
    let out = server.stop();
    let why = format!("secretcat: write {named}: its reader does not keep up");
    assert_eq!(out.status, Some(2), "{}", out.stderr);
    assert!(out.stderr.ends_with(&format!("{why}; nothing more is traced\n{why}\n")), "{}", out.stderr);
    drop(reader);
}

#[test]
fn picture_goes_to_the_reader_of_a_pipe() {
    let dir = Dir::new("reader");
    let reader = pipe(&dir.file("pipe.svg"));
    let client =
        Proc::start(secretcat(["connect", "--loopback", "-m", "SECRET 1", "--timeline"]).arg(dir.file("pipe.svg")));
    client.end().is(0, digits("1"), "");
    let drawn = std::io::read_to_string(File::from(reader)).unwrap();
    assert!(drawn.starts_with("<svg ") && drawn.ends_with("</svg>\n"));
}

#[cfg(feature = "tls")]
#[test]
fn secrets_of_tls_that_found_no_room_are_reported() {
    let server = Server::start(&["--tls", "--tls-keylog", "/dev/full"]);
    let args = ["connect", &server.address(), "--tls-insecure", "-m", "SECRET 1"];
    assert_eq!(run_command(&mut secretcat(args), "").status, Some(0));
    let out = server.stop();
    let line = "secretcat: write /dev/full: no space left on device (free space, or use another disk)\n";
    assert_eq!((out.status, out.stderr.matches(line).count()), (Some(2), 1), "{}", out.stderr);
}

/// There is no place for a line, so that the status alone shows the loss. A log may be lost.
#[test]
fn trace_or_bytes_that_stderr_does_not_take_give_status_2() {
    let full = || Stdio::from(File::options().write(true).open("/dev/full").unwrap());
    for (option, status) in [(&["--trace", "-"][..], 2), (&["-x"], 2), (&["--stats=json"], 2), (&["-v"], 0)] {
        let mut command = secretcat(["connect", "--loopback", "-m", "SECRET 1"]);
        let out = command.args(option).stdin(Stdio::null()).stderr(full()).output().unwrap();
        assert_eq!((out.status.code(), out.stdout), (Some(status), digits("1").into_bytes()), "{option:?}");
    }
}

/// The connection is refused, and the trace has no room: both are reported.
#[test]
fn failed_run_reports_a_failed_output_too() {
    let args = ["connect", "unix:/nonexistent", "-m", "x", "--trace", "/dev/full"];
    let trace = "secretcat: write /dev/full: no space left on device (free space, or use another disk)\n";
    let connect =
        "secretcat: connect unix:/nonexistent: no such file or directory (is a server listening on that path?)\n";
    run_command(&mut secretcat(args), "").is(1, "", trace.to_owned() + connect);
}
