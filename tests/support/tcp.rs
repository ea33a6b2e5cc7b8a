//! Connections to the program and from it: connect, accept, send, receive and reset.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, SocketAddrV4, TcpListener, TcpStream};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use socket2::{Domain, SockRef, Socket, Type};

use super::DEADLINE;

/// A listener of the test on a free port of 127.0.0.1, and its address.
pub(crate) fn local_listener() -> (TcpListener, String) {
    let (listener, address) = local_listener_v4();
    (listener, address.to_string())
}

/// As [`local_listener`], with the address in the form that [`super::sockets`] takes.
pub(crate) fn local_listener_v4() -> (TcpListener, SocketAddrV4) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let SocketAddr::V4(address) = listener.local_addr().unwrap() else { panic!("127.0.0.1 is an IPv4 address") };
    (listener, address)
}

/// A free port of 127.0.0.1 that refuses connections until the program under test listens there.
///
/// The port of a listener that was closed is no such port. Another test can take it; and the listener itself is
/// open until the child that another thread is about to start executes its program.
#[derive(Debug)]
pub(crate) struct FreePort {
    socket: Socket,
    pub(crate) address: SocketAddrV4,
}

impl FreePort {
    pub(crate) fn new() -> FreePort {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        // So that a listener that does the same can have the port too.
        socket.set_reuse_address(true).unwrap();
        socket.bind(&SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let address = socket.local_addr().unwrap().as_socket_ipv4().unwrap();
        FreePort { socket, address }
    }

    pub(crate) fn listen(self) -> TcpListener {
        self.socket.listen(5).unwrap();
        self.socket.into()
    }
}

/// Has a listener refuse connections at once; see [`FreePort`].
pub(crate) fn stop_listening(listener: TcpListener) {
    SockRef::from(&listener).shutdown(Shutdown::Both).unwrap();
    drop(listener);
}

/// A connection with the deadline on its reads and writes, and without Nagle's algorithm.
#[track_caller]
pub(crate) fn tcp(addr: SocketAddr) -> TcpStream {
    with_deadline(TcpStream::connect_timeout(&addr, DEADLINE).unwrap())
}

/// A stream with the deadline, whose writes leave at once: a second small one would else wait for the peer's delayed
/// acknowledgement of the first, 40 ms.
pub(crate) fn with_deadline(stream: TcpStream) -> TcpStream {
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream.set_write_timeout(Some(DEADLINE)).unwrap();
    stream
}

/// Sends this, half-closes, and reads until the end of file, both at the same time.
#[track_caller]
#[allow(clippy::needless_pass_by_value, reason = "the exchange ends with its stream")]
pub(crate) fn exchange(stream: TcpStream, bytes: &[u8]) -> Vec<u8> {
    let mut answers = Vec::new();
    thread::scope(|scope| {
        scope.spawn(|| {
            // A server may close before it has read all.
            let sent = (&stream).write_all(bytes);
            let _ = sent.and_then(|()| stream.shutdown(Shutdown::Write));
        });
        (&stream).read_to_end(&mut answers).unwrap();
    });
    answers
}

/// Sends one message and reads its one line of answer.
#[track_caller]
pub(crate) fn ask(stream: &mut TcpStream, message: &str) -> String {
    stream.write_all(format!("{message}\n").as_bytes()).unwrap();
    read_line(stream)
}

/// Repeats a call that was interrupted.
///
/// A read with a timeout ends with EINTR when the process was stopped and goes on, as by a machine that is frozen and
/// thawed, although no signal has a handler (signal(7)).
pub(crate) fn uninterrupted<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

/// Reads once: what is there, 0 at the end.
pub(crate) fn read_some(stream: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    uninterrupted(|| stream.read(buffer))
}

/// Reads up to a line feed, and no further.
#[track_caller]
pub(crate) fn read_line(stream: &mut TcpStream) -> String {
    let mut line = Vec::new();
    let mut byte = [0];
    while line.last() != Some(&b'\n') {
        match read_some(stream, &mut byte) {
            Ok(1) => line.push(byte[0]),
            other => panic!("{other:?} after {:?}", String::from_utf8_lossy(&line)),
        }
    }
    String::from_utf8_lossy(&line).into_owned()
}

/// Reads until the peer's end.
#[track_caller]
pub(crate) fn read_to_end(mut stream: &TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    bytes
}

/// Makes the close of this connection a reset.
pub(crate) fn reset(stream: TcpStream) {
    SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
    drop(stream);
}

/// Reads this, and then that the connection was reset.
#[track_caller]
pub(crate) fn expect_reset(stream: &mut TcpStream, text: &str) {
    let mut received = Vec::new();
    let end = stream.read_to_end(&mut received);
    assert_eq!((end.map_err(|error| error.kind()), received), (Err(ErrorKind::ConnectionReset), text.into()));
}

/// Accepts the next connection at a listener of the test.
#[track_caller]
pub(crate) fn accept(listener: &TcpListener) -> TcpStream {
    let (sender, receiver) = channel();
    let listener = listener.try_clone().unwrap();
    thread::spawn(move || {
        let arrival = listener.accept().map(|(stream, _)| stream);
        drop(listener); // before the caller closes its own, to have connections refused
        drop(sender.send(arrival));
    });
    let arrival: io::Result<TcpStream> = receiver.recv_timeout(DEADLINE).unwrap();
    with_deadline(arrival.unwrap())
}
