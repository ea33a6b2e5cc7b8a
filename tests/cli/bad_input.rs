//! Invalid command lines, addresses and files: one line on stderr, the right status, and never a panic.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::net::UnixStream;
use std::process::Stdio;

use crate::support::{Dir, Proc, Server, as_nobody, digits, is_root, run, run_command, secretcat, shell, skip};

#[test]
fn invalid_command_line_prints_one_line_and_status_2() {
    let cases: [(&[&str], &str); 22] = [
        (&[], "expected a command: listen, connect or sweep (see secretcat --help)"),
        (&["lisen"], "unrecognized subcommand 'lisen' (a similar subcommand exists: 'listen')"),
        (&["listen", "127.0.0.1:70000"], "\"70000\" is not a port: expected a number from 0 to 65535"),
        (&["connect", "h:70000"], "\"70000\" is not a port: expected a number from 0 to 65535"),
        (&["connect", "h", "65536"], "\"65536\" is not a port: expected a number from 0 to 65535"),
        (&["connect", "h:-1"], "\"-1\" is not a port: expected a number from 0 to 65535"),
        (
            &["connect", ""],
            "\"\" is not an address: expected HOST:PORT, HOST, :PORT, [IPV6]:PORT, *:PORT, unix:PATH or unix:@NAME",
        ),
        (
            &["connect", "\x1b[31m\n"],
            r#""\x1b[31m\n" is not an address: expected HOST:PORT, HOST, :PORT, [IPV6]:PORT, *:PORT, unix:PATH or unix:@NAME"#,
        ),
        (
            &["connect", "--max-message", "4q"],
            "invalid value '4q' for '--max-message <SIZE>': \"4q\" is not a size: \
             expected a number of bytes such as 4096, 4k, 64KiB or 1M",
        ),
        (
            &["listen", "--sndbuf", "99999999999999999999"],
            "invalid value '99999999999999999999' for '--sndbuf <SIZE>': \"99999999999999999999\" is not a size: \
             expected less than 16777216TiB",
        ),
        (
            &["connect", "--timeout", "1 parsec"],
            "invalid value '1 parsec' for '--timeout <TIME>': \"1 parsec\" is not a duration: \
             expected one such as 250ms, 1m 30s, or a number of seconds such as 0.5",
        ),
        (
            &["listen", "--idle-timeout=-1"],
            "invalid value '-1' for '--idle-timeout <TIME>': \"-1\" is not a duration: \
             expected one such as 250ms, 1m 30s, or a number of seconds such as 0.5",
        ),
        (&["connect", "--max-message", "0"], "--max-message 0 leaves no room for a message: give 1 or more"),
        (&["listen", "--max-connections", "0"], "--max-connections 0 would serve no client: give 1 or more"),
        (
            &["listen", "--allow", "10.0.0.0/33"],
            "invalid value '10.0.0.0/33' for '--allow <CIDR>': \
             expected a network such as 192.0.2.0/24 or 2001:db8::/32",
        ),
        (&["listen", "--ttl", "256"], "--ttl takes a number from 1 to 255, not 256"),
        (&["connect", "--mss", "87"], "--mss takes a number from 88 to 32767, not 87"),
        (
            &["connect", "--reset-on-close", "--linger", "1"],
            "the argument '--reset-on-close' cannot be used with '--linger <DURATION>' (remove one of them)",
        ),
        (&["connect", "-4", "-6"], "the argument '--ipv4' cannot be used with '--ipv6' (remove one of them)"),
        (&["connect", "-4", "-s", "::1"], "--source ::1 is IPv6, but -4 asks for IPv4 only: remove one of them"),
        (&["connect", "unix:/x", "--ttl", "3"], "--ttl has no effect on a unix socket: remove it"),
        (&["listen", "-U"], "the following required arguments were not provided: [ADDRESS]... (add it)"),
    ];
    for (args, complaint) in cases {
        run(args, "").is(2, "", format!("secretcat: {complaint}\n"));
    }
}

#[test]
fn arguments_may_be_invalid_utf8() {
    let server = Server::start(&[]);
    let not_text = |prefix: &str| OsString::from_vec([prefix.as_bytes(), b"\xff\x9b1"].concat());
    // A message is bytes.
    let args = ["connect".into(), server.address().into(), "-m".into(), not_text("SECRET ")];
    run(args, "").is(0, digits("1"), "");
    // The path of a socket is bytes too; it is escaped for a terminal.
    let dir = Dir::new("bytes");
    let mut path = OsString::from("unix:");
    path.push(dir.path());
    path.push(OsStr::from_bytes(b"/\xff\x9b1"));
    let shown = format!("unix:{}/\\xff\\x9b1", dir.path().display());
    run([OsStr::new("connect"), &path, OsStr::new("-mx")], "").is(
        1,
        "",
        format!("secretcat: connect {shown}: no such file or directory (is a server listening on that path?)\n"),
    );
    let unix = Proc::start(&mut secretcat([OsStr::new("listen"), &path]));
    assert_eq!(unix.wait_for_stderr("\n"), format!("listening on {shown}\n"));
    run([OsStr::new("connect"), &path, OsStr::new("-mSECRET 1")], "").is(0, digits("1"), "");
    // Everywhere else they are refused, in one line without control characters.
    for args in [
        vec![not_text("")],
        vec!["listen".into(), not_text("h")],
        vec!["connect".into(), "h".into(), not_text("")],
        vec!["connect".into(), not_text("--")],
        vec!["connect".into(), "--timeout".into(), not_text("")],
        vec!["connect".into(), "--congestion".into(), not_text("")],
        vec!["connect".into(), not_text("--timeout=")],
    ] {
        let out = run(&args, "");
        assert_eq!(out.status, Some(2), "{args:?}: {out:?}");
        let line = out.stderr.strip_suffix('\n').unwrap();
        assert!(line.starts_with("secretcat: ") && !line.chars().any(char::is_control), "{args:?}: {line:?}");
    }
    server.stops_with("");
}

#[test]
fn quoted_input_in_errors_has_no_control_characters() {
    let dir = Dir::new("quoted");
    let plan = dir.file("plan.json");
    std::fs::write(&plan, "{\"\\u001b[31m\\u009b\\n\": 1}").unwrap();
    let plan = plan.to_str().unwrap();
    for args in [
        &["connect", "--plan", plan][..],
        &["connect", "\x1b[31m\u{9b}\n"],
        &["connect", "\x1b[31m\u{9b}\n:1"],
        &["connect", "--\x1b[31m\u{9b}\n"],
        &["connect", "--congestion", "\x1b[31m\u{9b}\n"],
        &["connect", "--interface", "\x1b[31m\u{9b}\n", "127.0.0.1:1"],
        &["connect", "--trace", "/nosuch/\x1b[31m\u{9b}\n"],
        &["listen", "--allow", "\x1b[31m\u{9b}\n"],
        &["sweep", "--mask", "[\x1b[31m\u{9b}\n"],
    ] {
        let out = run(args, "");
        assert_eq!(out.status, Some(2), "{args:?}: {out:?}");
        let line = out.stderr.strip_suffix('\n').unwrap();
        assert!(line.starts_with("secretcat: ") && line.contains("\\xc2\\x9b"), "{args:?}: {line:?}");
        assert!(!line.chars().any(char::is_control), "{args:?}: {line:?}");
    }
}

#[test]
fn unknown_host_prints_one_line_and_status_1() {
    for command in ["connect", "listen"] {
        let out = run([command, "nosuch.invalid"], "");
        assert_eq!((out.status, &out.stdout[..]), (Some(1), &b""[..]), "{out:?}");
        // The middle part is from the resolver, and depends on the network.
        let line = out.stderr.strip_suffix('\n').unwrap();
        assert!(line.starts_with("secretcat: resolve nosuch.invalid:4500: "), "{line:?}");
        assert!(line.ends_with(" (check the name, or give a numeric address)") && !line.contains('\n'), "{line:?}");
    }
}

#[test]
fn refused_connection_prints_one_line_and_status_1() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let stderr = format!("secretcat: connect {free}: connection refused (is a server listening there?)\n");
    run(["connect", &free.to_string()], "SECRET 1\n").is(1, "", stderr);
}

#[test]
fn address_in_use_or_not_local_is_one_line_with_a_hint() {
    let server = Server::start(&[]);
    let address = server.address();
    run(["listen", &address], "").is(
        1,
        "",
        format!(
            "secretcat: listen {address}: address already in use \
             (another program listens there; port 0 picks a free one)\n"
        ),
    );
    run(["listen", "192.0.2.1:0"], "").is(
        1,
        "",
        "secretcat: listen 192.0.2.1:0: cannot assign requested address \
         (not an address of this host: ip addr lists them, and *:PORT is every interface)\n",
    );
    run(["connect", &address, "--source", "192.0.2.1", "-m", "SECRET 1"], "").is(
        2,
        "",
        format!(
            "secretcat: {address}: set --source 192.0.2.1: cannot assign requested address \
             (not an address of this host: ip addr lists them)\n"
        ),
    );
    server.stops_with("");
}

#[test]
fn source_port_in_use_is_reported_with_its_option() {
    let server = Server::start(&[]);
    let (taken, address) = (std::net::TcpListener::bind("127.0.0.1:0").unwrap(), server.address());
    let port = taken.local_addr().unwrap().port().to_string();
    let in_use = "address already in use (another socket has that port: use another one)";
    run(["connect", &address, "-p", &port, "-m", "x"], "").is(
        2,
        "",
        format!("secretcat: {address}: set --source-port {port}: {in_use}\n"),
    );
    let source = format!("127.0.0.1:{port}");
    run(["connect", &address, "-s", &source, "-m", "x"], "").is(
        2,
        "",
        format!("secretcat: {address}: set --source {source}: {in_use}\n"),
    );
    server.stops_with("");
}

#[test]
fn link_local_address_without_interface_gets_a_hint() {
    if !skip::has_ipv6() {
        return;
    }
    for command in ["connect", "listen"] {
        run([command, "fe80::1"], "").is(
            1,
            "",
            format!(
                "secretcat: {command} [fe80::1]:4500: invalid argument (a link-local address needs its interface, \
                 as in [fe80::1%eth0]:4500; ip link lists them)\n"
            ),
        );
    }
}

#[test]
fn privileged_port_prints_one_line_and_status_1() {
    let first = std::fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start").unwrap_or_default();
    if first.trim() == "0" {
        return skip::skip("every port is free for everybody here");
    }
    let args = ["listen", "127.0.0.1:80"];
    let dir = Dir::new("nobody");
    let mut command = if is_root() { as_nobody(&dir, args) } else { secretcat(args) };
    run_command(&mut command, "").is(
        1,
        "",
        "secretcat: listen 127.0.0.1:80: permission denied (ports below 1024 need privileges; use a higher one)\n",
    );
}

#[test]
fn directory_as_stdin_is_an_error() {
    let server = Server::start(&[]);
    for raw in [&[][..], &["--raw"]] {
        let mut command = secretcat(["connect", &server.address()]);
        let stdin = File::open("/").unwrap();
        let proc = Proc::start_on(command.args(raw), stdin.into(), Stdio::piped(), Stdio::piped());
        proc.end().is(2, "", "secretcat: read stdin: is a directory\n");
    }
    server.stops_with("");
}

#[test]
fn full_disk_on_stdout_is_an_error() {
    let server = Server::start(&[]);
    let full = || File::options().write(true).open("/dev/full").unwrap();
    let full_stdout = "secretcat: write to stdout: no space left on device\n";
    for args in [&["connect", &server.address(), "-m", "SECRET 1"][..], &["--help"], &["listen", "--help"], &["-V"]] {
        let proc = Proc::start_on(&mut secretcat(args), Stdio::piped(), full().into(), Stdio::piped());
        proc.end().is(2, "", full_stdout);
    }
    // A blocked stderr does not block the program.
    let args = ["connect", &server.address(), "-v", "-m", "SECRET 1"];
    let proc = Proc::start_on(&mut secretcat(args), Stdio::piped(), Stdio::piped(), full().into());
    proc.end().is(0, digits("1"), "");
    server.stops_with("");
}

#[test]
fn closed_standard_streams_are_not_reused_for_sockets() {
    let server = Server::start(&[]);
    let address = server.address();
    let with = |script: &str, args: &[&str]| run_command(&mut shell(script, args), "SECRET 1\n");
    with("exec \"$0\" \"$@\" <&-", &["connect", &address]).is(0, "", "");
    with("exec \"$0\" \"$@\" <&-", &["connect", &address, "-m", "SECRET 2"]).is(0, digits("2"), "");
    let closed_stdout = "secretcat: write to stdout: bad file descriptor\n";
    with("exec \"$0\" \"$@\" >&-", &["connect", &address]).is(2, "", closed_stdout);
    with("exec \"$0\" \"$@\" >&-", &["connect", "--raw", &address]).is(2, "", closed_stdout);
    with("exec \"$0\" \"$@\" <&- >&-", &["connect", &address]).is(0, "", ""); // there was nothing to write
    with("exec \"$0\" \"$@\" 2>&-", &["connect", &address]).is(0, digits("1"), "");
    with("exec \"$0\" \"$@\" <&- >&- 2>&-", &["connect", &address, "-m", "x"]).is(2, "", "");
    with("exec \"$0\" \"$@\" 2>&-", &["connect", "127.0.0.1:1"]).is(1, "", "");
    for args in [&["--help"][..], &["version"], &["sweep", &address, "-m", "SECRET 1"]] {
        with("exec \"$0\" \"$@\" >&-", args).is(2, "", closed_stdout);
        with("exec \"$0\" \"$@\" 1</dev/null", args).is(2, "", closed_stdout);
    }
    server.stops_with("");

    let dir = Dir::new("closed");
    let address = format!("unix:{}", dir.file("socket").display());
    let listener = Proc::start(&mut shell("exec \"$0\" \"$@\" <&- >&- 2>&-", ["listen", &address, "-vv"]));
    let args = ["connect", &address, "--retry", "100000", "--retry-delay", "5ms", "-m", "SECRET 3"];
    run(args, "").is(0, digits("3"), "");
    listener.signal(rustix::process::Signal::TERM);
    listener.end().is(0, "", "");
}

#[test]
fn help_with_stdout_reader_gone_dies_of_sigpipe() {
    let (reader, stdout) = UnixStream::pair().unwrap();
    drop(reader);
    let proc = Proc::start_on(&mut secretcat(["--help"]), Stdio::piped(), OwnedFd::from(stdout).into(), Stdio::piped());
    let out = proc.end();
    assert_eq!((out.status, out.signal, &out.stderr[..]), (None, Some(13), ""));
}

#[test]
fn color_is_off_without_a_terminal_unless_requested() {
    let bad = ["connect", "127.0.0.1:1"];
    let plain = "secretcat: connect 127.0.0.1:1: connection refused (is a server listening there?)\n";
    let colored = format!("\x1b[1m\x1b[31msecretcat:\x1b[0m{}", &plain["secretcat:".len()..]);
    run(bad, "").is(1, "", plain);
    run(bad.iter().chain(&["--color", "never"]), "").is(1, "", plain);
    run(bad.iter().chain(&["--color", "always"]), "").is(1, "", &colored);
    let mut command = secretcat(bad);
    run_command(command.env("NO_COLOR", "1"), "").is(1, "", plain);
    let mut command = secretcat(bad);
    run_command(command.args(["--color", "always"]).env("NO_COLOR", "1"), "").is(1, "", &colored);
}
