//! `connect --user` on connections that are lost, made again, or used by a server that does not keep to the exchange.

use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::thread::{self, JoinHandle};

use socket2::{Domain, Socket, Type};

use crate::auth::{listener, plain, private, users};
use crate::support::pty::Terminal;
use crate::support::{
    Dir, Proc, accept, ask, digits, local_listener, read_line, read_to_end, secretcat, tcp, with_deadline,
};

/// Passes lines on between a client and a server; `after` follows the line that ends a login, in the same write.
fn pass_on(client: TcpStream, server: SocketAddr, after: &'static str) -> JoinHandle<()> {
    let server = tcp(server);
    let (mut to_server, mut to_client) = (server.try_clone().unwrap(), client.try_clone().unwrap());
    let up = thread::spawn(move || {
        // A connection that is lost is part of the tests.
        let _ = std::io::copy(&mut &client, &mut to_server);
        let _ = to_server.shutdown(Shutdown::Write);
    });
    thread::spawn(move || {
        for line in BufReader::new(server).lines() {
            let Ok(line) = line else { break };
            let after = if line.starts_with("AUTH OK") { after } else { "" };
            if to_client.write_all(format!("{line}\n{after}").as_bytes()).is_err() {
                break;
            }
        }
        let _ = to_client.shutdown(Shutdown::Both);
        up.join().unwrap();
    })
}

/// The arguments of a login as `ann`.
fn as_ann<'a>(address: &'a str, password: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["connect", address, "--user", "ann", "--password-file", password], more].concat()
}

#[test]
fn bytes_right_after_the_login_are_output() {
    let dir = Dir::new("login-rest");
    let (file, password) = (users(&dir, &["ann"]), private(&dir, "password", "pencil\n"));
    let server = listener(&file, &[]);
    let (front, address) = local_listener();
    for (more, after, output) in
        [(&["--raw", "-N"][..], "whole\r\nhalf", "whole\r\nhalf"), (&["--replies", "any"], "one\n", "one\n")]
    {
        let mut connect = Proc::start(&mut secretcat(as_ann(&address, &password, more)));
        let passed = pass_on(accept(&front), server.addr, after);
        connect.close_stdin();
        connect.end().is(0, output, "");
        passed.join().unwrap();
    }
    server.stops_with("");
}

#[test]
fn line_over_the_limit_ends_the_login() {
    let dir = Dir::new("login-limit");
    let password = private(&dir, "password", "pencil\n");
    let (front, address) = local_listener();
    for (length, end, how) in [
        (8192, "\n", "the server does not know the login"),
        (8193, "\n", "a message of the login is malformed"),
        (20_000, "", "a message of the login is malformed"),
    ] {
        let connect = Proc::start(&mut secretcat(as_ann(&address, &password, &["-m", "x"])));
        let mut server = accept(&front);
        read_line(&mut server);
        // The client may have closed it before all is sent.
        let _ = server.write_all(("x".repeat(length) + end).as_bytes());
        let out = connect.end();
        let error = format!("secretcat: connect {address}: login as ann: {how}");
        assert!(out.status == Some(1) && out.stderr.starts_with(&error), "{length}: {}", out.stderr);
    }
}

#[test]
fn lost_login_is_retried_and_a_refused_one_is_not() {
    let dir = Dir::new("login-retry");
    let (file, password) = (users(&dir, &["ann"]), private(&dir, "password", "pencil\n"));
    let server = listener(&file, &[]);
    let (front, address) = local_listener();
    let retry = ["--retry", "2", "--retry-delay", "0"];
    let start = |more: &[&str]| {
        let mut connect = Proc::start(&mut secretcat(as_ann(&address, &password, &[&retry[..], more].concat())));
        connect.write("SECRET 1\n");
        connect.close_stdin();
        connect
    };
    let mut connect = start(&["-v"]);
    let mut lost = accept(&front);
    assert!(read_line(&mut lost).starts_with("AUTH SCRAM-SHA-256 "));
    drop(lost);
    connect.wait_for_stderr("login as ann: closed by the server; trying again\n");
    let passed = pass_on(accept(&front), server.addr, "");
    let out = connect.end();
    assert_eq!((out.status, out.stdout), (Some(0), digits("1").into_bytes()), "{}", out.stderr);
    passed.join().unwrap();

    connect = start(&[]);
    for _ in 0..3 {
        read_line(&mut accept(&front));
    }
    connect.end().is(1, "", format!("secretcat: connect {address}: login as ann: closed by the server\n"));

    connect = start(&[]);
    let mut refusing = accept(&front);
    read_line(&mut refusing);
    refusing.write_all(b"AUTH FAILED\n").unwrap();
    connect.end().is(1, "", format!("secretcat: connect {address}: login as ann: wrong name or password\n"));
    server.stops_with("");
}

/// Hundreds of clients at one address try passwords, more than the listener hashes at once.
#[test]
fn logins_from_one_address_do_not_refuse_another_one() {
    const CROWD: usize = 200;
    let dir = Dir::new("login-flood");
    let server = listener(&users(&dir, &["ann"]), &["--max-connections", "1000"]);
    let wrong = plain("ann", "wrong").repeat(3);
    let crowd: Vec<TcpStream> = (0..CROWD)
        .map(|_| {
            let mut client = server.open();
            client.write_all(wrong.as_bytes()).unwrap();
            client
        })
        .collect();
    for _ in 0..4 {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::from(([127, 0, 0, 2], 0)).into()).unwrap();
        socket.connect(&server.addr.into()).unwrap();
        let mut client = with_deadline(socket.into());
        assert_eq!(ask(&mut client, plain("ann", "pencil").trim_end()), "AUTH OK ann\n");
    }
    let refused = crowd.iter().filter(|client| {
        let all = String::from_utf8(read_to_end(client)).unwrap();
        all.ends_with("AUTH FAILED too many logins at once: try again later\n")
    });
    assert!(refused.count() > 0);
    server.stop();
}

#[test]
fn reconnect_logs_in_again_with_the_typed_password() {
    let dir = Dir::new("login-reconnect");
    let server = listener(&users(&dir, &["ann"]), &[]);
    let (front, address) = local_listener();
    let args = ["connect", &address, "--user", "ann", "--reconnect", "--retry-delay", "10ms", "--color", "never"];
    let mut terminal = Terminal::start(&secretcat(args));
    terminal.sees("Password of ann: ");
    terminal.types("pencil\r");
    let first = accept(&front);
    let cut = first.try_clone().unwrap();
    let passed = pass_on(first, server.addr, "");
    terminal.sees("Enter Message: ");
    cut.shutdown(Shutdown::Both).unwrap();
    passed.join().unwrap();
    terminal.sees("closed by the server; connecting again");
    // The next connection is lost within the login.
    let mut second = accept(&front);
    assert!(read_line(&mut second).starts_with("AUTH SCRAM-SHA-256 "));
    drop(second);
    terminal.sees("login as ann: closed by the server; connecting again");
    let passed = pass_on(accept(&front), server.addr, "");
    terminal.sees(&format!("connected to {address} (q quits)"));
    terminal.types("SECRET 7\r");
    let shown = terminal.sees("Received: Digits: 7   Count: 1");
    assert!(!shown.contains("Password"), "{shown}");
    drop(passed);
    server.stop(); // which closes the connection
    let mut last = accept(&front);
    read_line(&mut last);
    last.write_all(b"AUTH FAILED\n").unwrap();
    terminal.sees(&format!("secretcat: connect {address}: login as ann: wrong name or password"));
    assert_eq!(terminal.end().0.status, Some(1));
}
