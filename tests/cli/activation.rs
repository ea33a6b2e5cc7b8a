//! Sockets inherited from a service manager: they are checked and served, and the manager is notified.

use std::fs::File;
use std::io::Write;
use std::net::{Shutdown, TcpListener, TcpStream, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use rustix::process::Signal;

use crate::support::skip::{skip, skip_even_in_ci};
use crate::support::{
    DEADLINE, Proc, Server, accept, clear_env, digits, exchange, has, poll_until, read_some, reset, run, run_command,
    shell, uninterrupted, with_deadline, without_durations,
};

/// Passes stdin as `sd_listen_fds(3)` describes: as descriptor 3, to the process with this number.
const HAND_OVER: &str = r#"exec 3<&0 </dev/null
LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=lab.socket; export LISTEN_PID LISTEN_FDS LISTEN_FDNAMES
exec "$0" listen "$@""#;

fn start_with_socket(socket: impl Into<OwnedFd>, command: &mut Command) -> Proc {
    Proc::start_on(command, Stdio::from(socket.into()), Stdio::piped(), Stdio::piped())
}

/// A path for a socket of this test.
fn path(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("secretcat-{}-{name}", std::process::id()));
    let _ = std::fs::remove_file(&path);
    path
}

fn receive(manager: &UnixDatagram) -> String {
    let mut buffer = [0; 256];
    let length = uninterrupted(|| manager.recv(&mut buffer)).unwrap();
    String::from_utf8_lossy(&buffer[..length]).into_owned()
}

#[test]
fn inherited_listener_serves_and_notifies_the_manager() {
    let mut addresses = vec!["127.0.0.1:0"];
    if TcpListener::bind("[::1]:0").is_ok() {
        addresses.push("[::1]:0");
    } else {
        skip_even_in_ci("no IPv6 here: only an IPv4 listener is handed over");
    }
    for address in addresses {
        let name = path("notify");
        let manager = UnixDatagram::bind(&name).unwrap();
        manager.set_read_timeout(Some(DEADLINE)).unwrap();
        let listener = TcpListener::bind(address).unwrap();
        let at = listener.local_addr().unwrap();
        let command = &mut shell(HAND_OVER, [] as [&str; 0]);
        let server = Server::from_proc(start_with_socket(listener, command.env("NOTIFY_SOCKET", &name)));
        assert_eq!(server.addr, at);
        assert_eq!(receive(&manager), format!("READY=1\nSTATUS=listening on {at}"));
        run(["connect", &at.to_string(), "-m", "SECRET 12"], "").is(0, "Digits: 12   Count: 2\n", "");
        server.proc.signal(Signal::TERM);
        assert_eq!(receive(&manager), "STOPPING=1\nSTATUS=answering received messages");
        server.proc.end().is(0, "", format!("listening on {at}\n"));
        std::fs::remove_file(name).unwrap();
    }
}

#[test]
fn inherited_unix_listener_serves_and_keeps_its_socket_file() {
    let path = path("handed");
    let server = start_with_socket(UnixListener::bind(&path).unwrap(), &mut shell(HAND_OVER, [] as [&str; 0]));
    server.wait_for_stderr("listening on ");
    let address = format!("unix:{}", path.display());
    run(["connect", &address, "-m", "SECRET 3"], "").is(0, "Digits: 3   Count: 1\n", "");
    server.signal(Signal::TERM);
    assert_eq!(server.end().status, Some(0));
    assert!(path.exists(), "the service manager removes the path");
    std::fs::remove_file(path).unwrap();
}

#[test]
fn inherited_descriptor_must_be_a_stream_socket() {
    let cases: [(OwnedFd, &str); 2] = [
        (UdpSocket::bind("127.0.0.1:0").unwrap().into(), "not a stream socket (ListenStream= makes one)"),
        (File::open("/dev/null").unwrap().into(), "not a socket"),
    ];
    for (socket, why) in cases {
        let error = format!("secretcat: take over the socket from the service manager (lab.socket): {why}\n");
        start_with_socket(socket, &mut shell(HAND_OVER, [] as [&str; 0])).end().is(2, "", error);
    }
    // A descriptor that the program opened itself is never taken for the passed one.
    let none = HAND_OVER.replace("exec 3<&0", "exec 3<&-");
    let why = "descriptor 3 was not handed over";
    let error = format!("secretcat: take over the socket from the service manager (lab.socket): {why}\n");
    run_command(&mut shell(&none, [] as [&str; 0]), "").is(2, "", error);
}

#[test]
fn inherited_connection_is_the_only_client() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let connect = || {
        let client = with_deadline(TcpStream::connect(listener.local_addr().unwrap()).unwrap());
        (client, accept(&listener))
    };
    let in_the_journal = HAND_OVER.replace(
        "exec \"$0\"",
        "JOURNAL_STREAM=$(stat -L -c %d:%i /proc/self/fd/2)\nexport JOURNAL_STREAM\nexec \"$0\"",
    );
    for args in [&[][..], &["--threads", "2"]] {
        let (client, socket) = connect();
        let from = client.local_addr().unwrap();
        let name = path("accepted");
        let manager = UnixDatagram::bind(&name).unwrap();
        manager.set_read_timeout(Some(DEADLINE)).unwrap();
        let proc = start_with_socket(socket, shell(&in_the_journal, args).env("NOTIFY_SOCKET", &name));
        assert_eq!(receive(&manager), format!("READY=1\nSTATUS=serving {from}"));
        assert_eq!(exchange(client, b"SECRET 1\n"), digits("1").into_bytes());
        let out = proc.end();
        let line = format!("<6>#1 {from}: * s, 9 bytes in, 21 bytes out, 1 message in: closed by peer\n");
        assert_eq!((out.status, without_durations(&out.stderr)), (Some(0), line));
        std::fs::remove_file(name).unwrap();
    }
    // A unix socket, with --service pipe, and with a client that a rule rejects.
    let (client, socket) = UnixStream::pair().unwrap();
    client.set_read_timeout(Some(DEADLINE)).unwrap();
    let proc = start_with_socket(socket, &mut shell(HAND_OVER, [] as [&str; 0]));
    (&client).write_all(b"SECRET 2").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(std::io::read_to_string(client).unwrap(), digits("2"));
    proc.end().is(0, "", "");
    let (client, socket) = connect();
    let proc = start_with_socket(socket, &mut shell(HAND_OVER, ["--service", "pipe"]));
    (&client).write_all(b"hello").unwrap();
    drop(client);
    proc.end().is(0, "hello", "");
    let (mut client, socket) = connect();
    start_with_socket(socket, &mut shell(HAND_OVER, ["--deny", "127.0.0.1"])).end().is(0, "", "");
    assert_eq!(read_some(&mut client, &mut [0]).unwrap(), 0);
}

#[test]
fn inherited_connection_already_reset_is_status_0() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let socket = accept(&listener);
    reset(client);
    let gone = || socket.peer_addr().is_err();
    poll_until("the reset is there", || drop(read_some(&mut &socket, &mut [0])), gone);
    start_with_socket(socket, &mut shell(HAND_OVER, [] as [&str; 0])).end().is(0, "", "");
}

#[test]
fn several_inherited_sockets_are_refused() {
    let several = HAND_OVER.replace("LISTEN_FDS=1", "LISTEN_FDS=2");
    let error = "secretcat: take over the sockets from the service manager: received 2, expected one \
                 (use one service for each socket)\n";
    run_command(&mut shell(&several, [] as [&str; 0]), "").is(2, "", error);
}

#[test]
fn systemd_socket_activate_starts_listen_at_first_client() {
    let Some((server, address)) = start_by_systemd("activated", &[]) else { return };
    run(["connect", &address, "-m", "SECRET 45"], "").is(0, "Digits: 45   Count: 2\n", "");
    server.signal(Signal::TERM);
    assert_eq!(server.end().status, Some(0));
}

#[test]
fn systemd_socket_activate_starts_one_listen_per_client() {
    let Some((server, address)) = start_by_systemd("each", &["--accept"]) else { return };
    for _ in 0..3 {
        run(["connect", &address, "-m", "SECRET 45"], "").is(0, "Digits: 45   Count: 2\n", "");
    }
    server.signal(Signal::TERM);
    server.end();
}

/// systemd-socket-activate(1) with these options, and the address that it listens on.
fn start_by_systemd(name: &str, options: &[&str]) -> Option<(Proc, String)> {
    if !has("systemd-socket-activate") {
        skip("socket activation is not tried with systemd's own tool: it is not installed");
        return None;
    }
    let path = path(name);
    let mut command = Command::new("systemd-socket-activate");
    clear_env(&mut command).arg("--listen").arg(&path).args(options).arg(env!("CARGO_BIN_EXE_secretcat")).arg("listen");
    let server = Proc::start(&mut command);
    server.wait_for_stderr("Listening on ");
    Some((server, format!("unix:{}", path.display())))
}
