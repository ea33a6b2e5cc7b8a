//! The original's Python programs, nc, ncat, socat and curl as the other end.

use std::path::PathBuf;
use std::process::Command;

use crate::support::{NOT_FOUND, Proc, Server, digits, has, peer_script, run, run_command, secretcat, skip};

/// The two Pythons of the contract; the first one only if it is installed.
fn pythons() -> Vec<PathBuf> {
    let mut pythons = Vec::new();
    match python2() {
        Some(python) => pythons.push(python),
        // Debian has no package for it any more.
        None => skip::skip_even_in_ci("python2.7"),
    }
    if has("python3") {
        pythons.push("python3".into());
    } else {
        skip::skip("python3");
    }
    pythons
}

fn python2() -> Option<PathBuf> {
    let pyenv = std::env::var_os("PYENV_ROOT").map(PathBuf::from);
    let pyenv = pyenv.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".pyenv")));
    let versions = pyenv.and_then(|dir| std::fs::read_dir(dir.join("versions")).ok());
    let versions = versions.into_iter().flatten().filter_map(Result::ok);
    let under_pyenv = versions.map(|version| version.path().join("bin/python2.7")).filter(|path| path.is_file());
    // A shim of pyenv may be in the path and run nothing: each is started with --version.
    under_pyenv.chain(["python2.7".into(), "python2".into()]).find(|python| {
        let version =
            Command::new(python).args(["-c", "import sys; sys.exit(sys.version_info[:2] != (2, 7))"]).status();
        version.is_ok_and(|status| status.success())
    })
}

#[test]
fn connect_works_with_the_original_server() {
    for python in pythons() {
        let server = Server::from_command(Command::new(&python).arg("-u").arg(peer_script("server.py")));
        let address = server.address();
        let input = "My SECRET code is 12345\nhello\n\nquit\nSECRET";
        let answers = digits("12345") + NOT_FOUND + NOT_FOUND + NOT_FOUND + &digits("");
        run(["connect", &address], input).is(0, &answers, "");
        // Its messages end in LF only; its reads of 1024 bytes are not a limit.
        let long = format!("SECRET {}", "7".repeat(5000));
        run(["connect", &address, "-m", &long], "").is(0, digits(&"7".repeat(5000)), "");
        run(["connect", &address, "--chunk", "1", "-m", "SECRET 42"], "").is(0, digits("42"), "");
        let many = run(["connect", &address], "SECRET 1\n".repeat(2000));
        many.is(0, digits("1").repeat(2000), "");
    }
}

#[test]
fn listen_works_with_the_original_client() {
    for python in pythons() {
        let server = Server::start(&[]);
        let mut client = Command::new(&python);
        client.arg("-u").arg(peer_script("client.py")).args(["127.0.0.1", &server.port()]);
        let out = run_command(&mut client, "My SECRET code is 12345\nhello\n\nQUIT()\n");
        let shown = "Enter Message: Sent: My SECRET code is 12345\nReceived: Digits: 12345   Count: 5\n\
             Enter Message: Sent: hello\nReceived: Secret code not found.\n\
             Enter Message: Sent: \nReceived: Secret code not found.\nEnter Message: ";
        out.is(0, shown, "");
        server.stops_with("");
    }
}

#[test]
fn listen_works_with_nc_ncat_socat_and_curl() {
    let server = Server::start(&[]);
    let port = server.port();
    let curl = format!("telnet://127.0.0.1:{port}");
    let socat = format!("TCP:127.0.0.1:{port}");
    let clients: [&[&str]; 3] =
        [&["nc", "-N", "127.0.0.1", &port], &["ncat", "127.0.0.1", &port], &["socat", "-t10", "-", &socat]];
    let expected = digits("1") + NOT_FOUND + &digits("2");
    for args in clients {
        if !skip::has_program(args[0]) {
            continue;
        }
        let mut client = Proc::start(Command::new(args[0]).args(&args[1..]));
        client.write("SECRET 1\nhello\r\n");
        client.wait_for_stdout(NOT_FOUND);
        client.write("SECRET 2\n");
        client.wait_for_stdout(&expected);
        client.close_stdin();
        let out = client.end();
        assert_eq!(
            (out.status, String::from_utf8_lossy(&out.stdout).as_ref()),
            (Some(0), expected.as_str()),
            "{args:?}"
        );
    }
    if skip::has_program("curl") {
        // While no reply comes for 100 ms, curl waits for its input and for nothing else.
        let mut client = Proc::start(Command::new("curl").args(["-sS", "--no-buffer", "--max-time", "30", &curl]));
        client.write("SECRET 1\nhello\r\nSECRET 2\n");
        client.close_stdin();
        client.wait_for_stdout(&expected); // and curl waits for the server to close
        assert_eq!(String::from_utf8_lossy(&client.output_so_far().0), expected);
    }
    server.stops_with("");
}

/// The port that a program listens on, from the kernel: these programs do not print it.
fn port_of(proc: &Proc) -> String {
    let ours = |inode: &str| {
        let fds = std::fs::read_dir(format!("/proc/{}/fd", proc.pid())).into_iter().flatten().filter_map(Result::ok);
        fds.filter_map(|fd| std::fs::read_link(fd.path()).ok())
            .any(|to| to.as_os_str() == &*format!("socket:[{inode}]"))
    };
    let mut port = None;
    crate::support::poll_until("it listens", std::thread::yield_now, || {
        let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
        let listening = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        let mut listening = listening.filter(|fields| fields[3] == "0A");
        let found = listening.find(|fields| ours(fields[9]));
        port = found.and_then(|fields| u16::from_str_radix(fields[1].split(':').nth(1)?, 16).ok());
        port.is_some()
    });
    port.unwrap().to_string()
}

#[test]
fn connect_works_with_nc_ncat_and_socat_as_servers() {
    let servers: [&[&str]; 3] = [
        &["nc", "-l", "127.0.0.1", "0"],
        &["ncat", "-l", "127.0.0.1", "0"],
        &["socat", "TCP-LISTEN:0,bind=127.0.0.1", "-"],
    ];
    for args in servers {
        if !skip::has_program(args[0]) {
            continue;
        }
        // They play the server by hand: received bytes are on stdout, and stdin is sent.
        let mut server = Proc::start(Command::new(args[0]).args(&args[1..]));
        let address = format!("127.0.0.1:{}", port_of(&server));
        let mut client = Proc::start(&mut secretcat(["connect", &address]));
        client.write("one\ntwo\n");
        server.wait_for_stdout("one\ntwo\n");
        server.write("eins\nzwei\n");
        client.wait_for_stdout("zwei\n");
        client.close_stdin();
        client.end().is(0, "eins\nzwei\n", "");
        server.close_stdin();
        assert_eq!(server.end().stdout, b"one\ntwo\n", "{args:?}");

        // And one that closes with a message unanswered.
        let server = Proc::start(Command::new(args[0]).args(&args[1..]));
        let address = format!("127.0.0.1:{}", port_of(&server));
        let client = Proc::start(&mut secretcat(["connect", &address, "-m", "one"]));
        server.wait_for_stdout("one\n");
        server.signal(rustix::process::Signal::KILL);
        let out = client.end();
        assert_eq!(out.status, Some(1), "{args:?}: {out:?}");
        assert!(out.stderr.ends_with(" with 1 message unanswered\n"), "{args:?}: {out:?}");
    }
}

#[test]
fn raw_works_with_nc_and_ncat() {
    for args in [&["nc", "-l", "127.0.0.1", "0"][..], &["ncat", "-l", "127.0.0.1", "0"]] {
        if !skip::has_program(args[0]) {
            continue;
        }
        let mut server = Proc::start(Command::new(args[0]).args(&args[1..]));
        let address = format!("127.0.0.1:{}", port_of(&server));
        let mut client = Proc::start(&mut secretcat(["connect", "--raw", &address]));
        client.write("no line feed");
        server.wait_for_stdout("no line feed");
        server.write(b"\0\xff");
        server.close_stdin();
        client.close_stdin();
        let (client, server) = (client.end(), server.end());
        client.is(0, b"\0\xff", "");
        assert_eq!(server.stdout, b"no line feed", "{args:?}");
    }
}
