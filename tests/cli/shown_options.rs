//! `--show-options` prints the requested value of each option beside the value that the kernel uses.

use crate::support::{Dir, Proc, Server, digits, run, secretcat};

/// The rows of `--show-options`: name, requested, effective.
fn shown(stderr: &str) -> Vec<[String; 3]> {
    let lines = stderr.lines().skip_while(|line| !line.starts_with("option ")).skip(1);
    let cells = lines.map(|line| line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).map(str::to_owned));
    cells.map_while(|cells| cells.collect::<Vec<_>>().try_into().ok()).collect()
}

#[test]
fn requested_and_effective_values_are_shown() {
    let server = Server::start(&[]);
    let args = ["--sndbuf", "4k", "--ttl", "33", "--keepalive-cnt", "4", "--linger", "2", "--source", "127.0.0.1"];
    let out = run(["connect", &server.address(), "--show-options", "-m", "SECRET 1"].iter().chain(&args), "");
    assert_eq!((out.status, String::from_utf8_lossy(&out.stdout).as_ref()), (Some(0), digits("1").as_str()));
    let rows = shown(&out.stderr);
    let names: Vec<&str> = rows.iter().map(|row| row[0].as_str()).collect();
    let all = [
        "reuseaddr",
        "reuseport",
        "keepalive",
        "keepalive-time",
        "keepalive-intvl",
        "keepalive-cnt",
        "nodelay",
        "cork",
        "sndbuf",
        "rcvbuf",
        "mss",
        "linger",
        "reset-on-close",
        "user-timeout",
        "congestion",
        "tos",
        "ttl",
        "source",
        "interface",
        "v6only",
        "backlog",
    ];
    assert_eq!(names, all, "{}", out.stderr);
    let row = |name: &str| {
        let row = rows.iter().find(|row| row[0] == name).unwrap();
        (row[1].as_str(), row[2].as_str())
    };
    // The kernel doubles buffers, within its limits; the change is shown and is not an error.
    assert_eq!(row("sndbuf"), ("4KiB", "8KiB"));
    assert_eq!(row("ttl"), ("33", "33"));
    assert_eq!(row("keepalive"), ("on", "on"));
    assert_eq!(row("keepalive-cnt"), ("4", "4"));
    assert_eq!(row("keepalive-time"), ("-", "2h"));
    assert_eq!(row("linger"), ("2s", "2s"));
    assert_eq!(row("nodelay"), ("-", "off"));
    assert_eq!(row("v6only"), ("-", "-"));
    let (requested, effective) = row("source");
    assert!(requested == "127.0.0.1" && effective.starts_with("127.0.0.1:"), "{effective}");
    server.stops_with("");
}

#[test]
fn listener_shows_options_of_itself_and_its_first_client() {
    let server = Server::start(&["--show-options", "--nodelay", "--rcvbuf", "16k", "--backlog", "9"]);
    assert_eq!(server.exchange("SECRET 1\n"), digits("1"));
    assert_eq!(server.exchange("SECRET 2\n"), digits("2"));
    let out = server.stop();
    let rows = shown(&out.stderr);
    assert_eq!(out.stderr.matches("option ").count(), 1, "once is enough: {}", out.stderr);
    for row in [["nodelay", "on", "on"], ["rcvbuf", "16KiB", "32KiB"], ["backlog", "9", "9"], ["reuseaddr", "-", "on"]]
    {
        assert!(rows.contains(&row.map(str::to_owned)), "{row:?}: {}", out.stderr);
    }
}

#[test]
fn services_that_answer_set_nodelay() {
    for (args, requested, effective) in [
        (&[][..], "on", "on"),
        (&["--service", "echo"], "on", "on"),
        (&["--nagle"], "off", "off"),
        (&["--service", "discard"], "-", "off"),
        (&["--service", "discard", "--nodelay"], "on", "on"),
        (&["--service", "source", "--count", "9"], "-", "off"),
        (&["--service", "source", "--count", "9", "--chunk", "1"], "on", "on"),
    ] {
        let server = Server::start(&[&["--show-options"], args].concat());
        server.exchange("x\n");
        let row = ["nodelay", requested, effective].map(str::to_owned);
        let out = server.stop();
        assert!(shown(&out.stderr).contains(&row), "{args:?}: {}", out.stderr);
    }
}

#[test]
fn accepted_unix_socket_has_the_requested_send_buffer() {
    let dir = Dir::new("sndbuf");
    let address = format!("unix:{}", dir.file("socket").display());
    let server = Proc::start(&mut secretcat(["listen", &address, "--sndbuf", "4k", "--show-options"]));
    server.wait_for_stderr("listening on");
    run(["connect", &address, "-m", "SECRET 1"], "").is(0, digits("1"), "");
    server.signal(rustix::process::Signal::TERM);
    let out = server.end();
    assert!(shown(&out.stderr).contains(&["sndbuf", "4KiB", "8KiB"].map(str::to_owned)), "{}", out.stderr);
}
