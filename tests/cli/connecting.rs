//! The time limit for connecting, and retries.

use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use socket2::{Domain, SockAddr, Socket, Type};

use crate::support::pty::Terminal;
use crate::support::{DEADLINE, Dir, FreePort, Proc, accept, read_line, run, secretcat};

#[test]
fn connect_timeout_limits_one_attempt() {
    // A full queue for one connection: further ones get no answer.
    let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    listener.bind(&"127.0.0.1:0".parse::<std::net::SocketAddr>().unwrap().into()).unwrap();
    listener.listen(0).unwrap();
    let addr = listener.local_addr().unwrap();
    let address = addr.as_socket().unwrap().to_string();
    let waiting: Vec<_> = (0..4)
        .map(|_| {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
            socket.set_nonblocking(true).unwrap();
            let _ = socket.connect(&addr); // in progress
            socket
        })
        .collect();
    let out = run(["connect", &address, "--connect-timeout", "300ms", "-m", "a"], "");
    let stderr =
        format!("secretcat: connect {address}: no connection within 300ms (--connect-timeout sets the limit)\n");
    out.is(1, "", stderr);
    // -w also limits connecting, as in nc, and the error names it.
    let out = run(["connect", &address, "-w", "300ms", "-m", "a"], "");
    let stderr = format!("secretcat: connect {address}: no connection within 300ms (--idle-timeout sets the limit)\n");
    out.is(1, "", stderr);
    drop(waiting);
}

#[test]
fn failed_connection_is_retried_as_often_as_requested() {
    let port = FreePort::new();
    let address = port.address.to_string();
    let refused = format!("connect {address}: connection refused (is a server listening there?)");

    let args = ["connect", &address, "-m", "a", "--retry", "2", "--retry-delay", "10ms"];
    run(args, "").is(1, "", format!("secretcat: {refused}\n"));
    let out = run(args.iter().chain(&["-v"]), "");
    out.is(1, "", format!("{refused}; trying again\n{refused}; trying again\nsecretcat: {refused}\n"));

    let args = ["connect", &address, "-v", "-m", "a", "--retry", "100000", "--retry-delay", "10ms"];
    let proc = Proc::start(&mut secretcat(args));
    proc.wait_for_stderr("trying again");
    let mut server = accept(&port.listen());
    assert_eq!(read_line(&mut server), "a\n");
    server.write_all(b"at last\n").unwrap();
    drop(server);
    let out = proc.end();
    assert_eq!((out.status, &out.stdout[..]), (Some(0), &b"at last\n"[..]), "{}", out.stderr);
}

#[test]
fn full_backlog_of_a_unix_socket_is_retried() {
    let dir = Dir::new("full");
    let path = SockAddr::unix(dir.file("socket")).unwrap();
    let address = format!("unix:{}", dir.file("socket").display());
    let listener = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
    listener.bind(&path).unwrap();
    listener.listen(0).unwrap();
    listener.set_read_timeout(Some(DEADLINE)).unwrap(); // also limits accept(2)
    let waiting: Vec<_> = std::iter::repeat_with(|| Socket::new(Domain::UNIX, Type::STREAM, None).unwrap())
        .take_while(|socket| {
            socket.set_nonblocking(true).unwrap();
            socket.connect(&path).is_ok()
        })
        .collect();
    let late = format!("connect {address}: no connection within 50ms (--connect-timeout sets the limit)");
    let args = ["connect", &address, "--connect-timeout", "50ms", "-m", "a"];
    run(args, "").is(1, "", format!("secretcat: {late}\n"));

    let proc = Proc::start(secretcat(args).args(["--retry", "100000", "--retry-delay", "10ms", "-v"]));
    proc.wait_for_stderr(&format!("{late}; trying again\n"));
    for _ in waiting {
        listener.accept().unwrap();
    }
    let mut server = UnixStream::from(OwnedFd::from(listener.accept().unwrap().0));
    server.read_exact(&mut [0; 2]).unwrap();
    server.write_all(b"at last\n").unwrap();
    drop(server);
    let out = proc.end();
    assert_eq!((out.status, &out.stdout[..]), (Some(0), &b"at last\n"[..]), "{}", out.stderr);
}

#[test]
fn terminal_shows_the_number_of_the_try() {
    let port = FreePort::new();
    let address = port.address;
    let retries = ["-m", "a", "--retry", "2", "--retry-delay", "10ms", "--color", "never"];
    let mut terminal = Terminal::start(secretcat(["connect", &address.to_string()]).args(retries));
    let refused = format!("secretcat: connect {address}: connection refused (is a server listening there?)\r\n");
    assert_eq!(
        terminal.sees(&refused),
        format!("connecting (try 2 of 3)\r\u{1b}[Kconnecting (try 3 of 3)\r\u{1b}[K{refused}")
    );
    assert_eq!(terminal.end().0.status, Some(1));

    let quiet = Terminal::start(secretcat(["connect", &address.to_string()]).args(retries).arg("--quiet"));
    assert_eq!(quiet.end().1, refused);
}
