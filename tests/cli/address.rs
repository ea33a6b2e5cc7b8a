//! Every form of address for `listen` and `connect`, and the files of unix sockets.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::os::unix::net::{UnixListener, UnixStream};

use crate::support::net::Net;
use crate::support::{DEADLINE, Dir, Proc, Server, digits, run, run_command, secretcat, skip, tcp};

#[test]
fn address_without_host_means_loopback() {
    let server = Server::at(":0", &[]);
    assert_eq!(server.addr.ip(), IpAddr::from([127, 0, 0, 1]));
    run(["connect", &format!(":{}", server.port()), "-m", "SECRET 1"], "").is(0, digits("1"), "");
    server.stops_with("");
}

#[test]
fn host_and_port_work_as_two_arguments() {
    let server = Server::from_command(&mut secretcat(["listen", "localhost", "0", "-4"]));
    assert_eq!(server.addr.ip(), IpAddr::from([127, 0, 0, 1]));
    run(["connect", "localhost", &server.port(), "-m", "SECRET 1"], "").is(0, digits("1"), "");
    run(["connect", "127.0.0.1", &server.port(), "-m", "SECRET 1"], "").is(0, digits("1"), "");
    server.stops_with("");
}

#[test]
fn ipv6_address_works_with_and_without_brackets() {
    if !skip::has_ipv6() {
        return;
    }
    let server = Server::at("[::1]:0", &[]);
    assert_eq!(server.ready_line, format!("listening on [::1]:{}\n", server.port()));
    for words in [vec![server.address()], vec!["::1".to_owned(), server.port()]] {
        let args = ["connect".to_owned()].into_iter().chain(words).chain(["-m".to_owned(), "SECRET 6".to_owned()]);
        run(args, "").is(0, digits("6"), "");
    }
    server.stops_with("");
}

#[test]
fn star_listens_on_all_interfaces_of_both_families() {
    if !skip::has_ipv6() {
        return;
    }
    let server = Server::at("*:0", &[]);
    assert_eq!(server.ready_line, format!("listening on [::]:{}\n", server.port()));
    for host in ["127.0.0.1", "127.0.0.9", "[::1]", "0.0.0.0", "*"] {
        run(["connect", &format!("{host}:{}", server.port()), "-m", "SECRET 1"], "").is(0, digits("1"), "");
    }
    server.stops_with("");

    let server = Server::at("*:0", &["-4"]);
    assert_eq!(server.ready_line, format!("listening on 0.0.0.0:{}\n", server.port()));
    let v6 = SocketAddr::from((Ipv6Addr::LOCALHOST, server.addr.port()));
    assert!(std::net::TcpStream::connect_timeout(&v6, DEADLINE).is_err());
    server.stops_with("");
}

#[test]
fn default_address_comes_from_the_environment() {
    let mut listen = secretcat(["listen"]);
    let server = Server::from_command(listen.env("SECRETCAT_ADDRESS", "127.0.0.1:0"));
    let mut connect = secretcat(["connect", "-m", "SECRET 1"]);
    run_command(connect.env("SECRETCAT_ADDRESS", server.address()), "").is(0, digits("1"), "");
    // The command line takes precedence.
    let mut connect = secretcat(["connect", &server.address(), "-m", "SECRET 1"]);
    run_command(connect.env("SECRETCAT_ADDRESS", "nosuch.invalid"), "").is(0, digits("1"), "");
    server.stops_with("");
    // The error for a wrong variable names the variable.
    for command in ["listen", "connect", "sweep"] {
        let refused = |words: &[&str]| {
            let mut program = secretcat([&[command][..], words].concat());
            let out = run_command(program.env("SECRETCAT_ADDRESS", "here:99999"), "");
            assert_eq!(out.status, Some(2), "{out:?}");
            out.stderr
        };
        let complaint = |text: &str| format!("\"{text}\" is not a port: expected a number from 0 to 65535\n");
        assert_eq!(refused(&[]), format!("secretcat: SECRETCAT_ADDRESS: {}", complaint("99999")));
        assert_eq!(refused(&["there:99998"]), format!("secretcat: {}", complaint("99998")));
    }
}

#[test]
fn unix_socket_file_is_removed_when_listen_ends() {
    let dir = Dir::new("unix");
    let path = dir.file("socket");
    let address = format!("unix:{}", path.display());
    let server = Proc::start(&mut secretcat(["listen", &address]));
    let ready_line = server.wait_for_stderr("\n");
    assert_eq!(ready_line, format!("listening on {address}\n"));
    run(["connect", &address], "SECRET 1\nSECRET 2").is(0, digits("1") + &digits("2"), "");
    run(["connect", "-U", path.to_str().unwrap(), "-m", "SECRET 3"], "").is(0, digits("3"), "");
    let mut client = UnixStream::connect(&path).unwrap();
    client.set_read_timeout(Some(DEADLINE)).unwrap();
    client.write_all(b"SECRET 4").unwrap();
    client.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, digits("4"));
    server.signal(rustix::process::Signal::TERM);
    server.end().is(0, "", ready_line);
    assert!(!path.exists());
    run(["connect", &address, "-m", "x"], "").is(
        1,
        "",
        format!("secretcat: connect {address}: no such file or directory (is a server listening on that path?)\n"),
    );
}

#[test]
fn stale_socket_file_is_replaced_but_a_live_one_is_kept() {
    let dir = Dir::new("stale");
    let path = dir.file("socket");
    let address = format!("unix:{}", path.display());
    drop(UnixListener::bind(&path).unwrap()); // the file remains without its program
    assert!(path.exists());
    let server = Proc::start(&mut secretcat(["listen", &address]));
    server.wait_for_stderr("listening on");

    let in_use = format!(
        "secretcat: listen {address}: address already in use (another program listens there; port 0 picks a free one)\n"
    );
    let second = run(["listen", &address], "");
    assert_eq!(second.status, Some(1), "{second:?}");
    assert!(second.stderr.starts_with(&in_use[..in_use.find(" (").unwrap()]), "{second:?}");
    run(["connect", &address, "-m", "SECRET 1"], "").is(0, digits("1"), "");
    server.signal(rustix::process::Signal::TERM);
    assert_eq!(server.end().status, Some(0));

    // A file that is not a socket is not removed.
    std::fs::write(&path, "precious").unwrap();
    assert_eq!(run(["listen", &address], "").status, Some(1));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
}

#[test]
fn next_listener_replaces_the_file_of_a_killed_one() {
    let dir = Dir::new("killed");
    let address = format!("unix:{}", dir.file("socket").display());
    let first = Proc::start(&mut secretcat(["listen", &address]));
    first.wait_for_stderr("listening on");
    first.signal(rustix::process::Signal::KILL);
    assert_eq!(first.end().signal, Some(9));
    let second = Proc::start(&mut secretcat(["listen", &address]));
    second.wait_for_stderr("listening on");
    run(["connect", &address, "-m", "SECRET 1"], "").is(0, digits("1"), "");
}

#[test]
fn port_can_be_reused_right_after_listen_ends() {
    let server = Server::start(&[]);
    let address = server.address();
    let client = tcp(server.addr);
    server.stops_with(""); // it closes first, so its side is in TIME_WAIT
    drop(client);
    let again = Server::at(&address, &[]);
    assert_eq!(again.address(), address);
    again.stops_with("");
}

#[test]
fn abstract_unix_socket_creates_no_file() {
    if !cfg!(any(target_os = "linux", target_os = "android")) {
        return run(["connect", "unix:@lab"], "").is(
            2,
            "",
            "secretcat: unix:@lab: abstract unix sockets exist on Linux only: use unix:PATH\n",
        );
    }
    let name = format!("@secretcat-{}", std::process::id());
    let address = format!("unix:{name}");
    let dir = Dir::new("abstract");
    let precious = dir.file(&name);
    std::fs::write(&precious, "precious").unwrap();
    let server = Proc::start(secretcat(["listen", &address]).current_dir(dir.path()));
    assert_eq!(server.wait_for_stderr("\n"), format!("listening on {address}\n"));
    run(["connect", &address, "-m", "SECRET 1"], "").is(0, digits("1"), "");
    run(["connect", "-U", &name, "-m", "SECRET 2"], "").is(0, digits("2"), "");
    let taken = format!("secretcat: listen {address}: address already in use (another program listens there)\n");
    run(["listen", &address], "").is(1, "", taken);
    // A relay listens on one name and connects to another.
    let front = format!("{address}-front");
    let relay = Proc::start(&mut secretcat(["listen", &front, "--relay", &address]));
    relay.wait_for_stderr("listening on");
    run(["connect", &front, "-m", "SECRET 3"], "").is(0, digits("3"), "");
    server.signal(rustix::process::Signal::TERM);
    assert_eq!(server.end().status, Some(0));
    assert_eq!(std::fs::read_to_string(&precious).unwrap(), "precious");
    let refused = format!("secretcat: connect {address}: connection refused (is a server listening there?)\n");
    run(["connect", &address, "-m", "x"], "").is(1, "", refused);
}

#[test]
fn empty_path_of_a_unix_socket_is_refused() {
    let expected = "expected HOST:PORT, HOST, :PORT, [IPV6]:PORT, *:PORT, unix:PATH or unix:@NAME";
    for path in ["", "@"] {
        let refused = format!("secretcat: \"unix:{path}\" is not an address: {expected}\n");
        run(["connect", "-U", path, "-m", "x"], "").is(2, "", refused.clone());
        let out = run(["listen", "-U", path, "--once"], "");
        assert_eq!((out.status, out.stderr.ends_with(&refused)), (Some(2), true), "{}", out.stderr);
    }
}

#[test]
fn path_longer_than_a_unix_socket_takes_is_refused() {
    let most = if cfg!(any(target_os = "linux", target_os = "android")) { 107 } else { 103 };
    let (fits, long) = ("a".repeat(most), "a".repeat(most + 1));
    let limit = format!("a unix socket has a path of at most {most} bytes, and this one has {}", most + 1);
    let refused = format!("secretcat: unix:{long}: {limit}\n");
    for args in [&["connect", "-m", "x"][..], &["listen"], &["sweep", "-m", "x"]] {
        let out = run(args.iter().copied().chain([&*format!("unix:{long}")]), "");
        assert_eq!((out.status, out.stderr.ends_with(&refused)), (Some(2), true), "{}", out.stderr);
    }
    run(["connect", "-U", &long], "").is(2, "", refused);
    let missing = "no such file or directory (is a server listening on that path?)";
    run(["connect", "-U", &fits], "").is(1, "", format!("secretcat: connect unix:{fits}: {missing}\n"));
}

#[test]
fn port_can_be_a_service_name() {
    let services = std::fs::read_to_string("/etc/services").unwrap_or_default();
    if !services.lines().any(|line| line.split_whitespace().take(2).eq(["http", "80/tcp"])) {
        return skip::skip("no http in /etc/services");
    }
    let Some(net) = Net::alone() else { return };
    let server = Server::from_command(&mut net.on(0, &secretcat(["listen", "127.0.0.1:http"])));
    assert_eq!(server.ready_line, "listening on 127.0.0.1:80\n");
    for words in [&["127.0.0.1:http"][..], &["127.0.0.1", "http"], &[":http"], &["127.0.0.1:80"]] {
        let connect = secretcat([&["connect"][..], words, &["-m", "SECRET 1"]].concat());
        run_command(&mut net.on(0, &connect), "").is(0, digits("1"), "");
    }
    // To a server behind a relay, and in a sweep.
    let relay = secretcat(["listen", "127.0.0.1", "gopher", "--relay", ":http"]);
    let relay = Server::from_command(&mut net.on(0, &relay));
    run_command(&mut net.on(0, &secretcat(["connect", ":gopher", "-m", "SECRET 2"])), "").is(0, digits("2"), "");
    let sweep = secretcat(["sweep", ":http", "-m", "SECRET 3", "--families", "cut"]);
    assert_eq!(run_command(&mut net.on(0, &sweep), "").status, Some(0));
    relay.stops_with("");
    server.stops_with("");
    let unknown =
        "secretcat: \"htpp\" is not a port: expected a number from 0 to 65535 or the name of a service such as http\n";
    run(["connect", "127.0.0.1", "htpp"], "").is(2, "", unknown);
}
