//! Proxies that a test plays itself: with scripted answers, or one that passes the bytes on.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;

use secretcat::io::peer_queue::{Peer, PeerQueue};

use super::{Proc, accept, local_listener, poll_until, read_some, secretcat, with_deadline};

/// The reply of a SOCKS5 proxy that it has connected, from 127.0.0.1:4660.
pub(crate) const CONNECTED: [u8; 10] = [5, 0, 0, 1, 127, 0, 0, 1, 0x12, 0x34];

/// A proxy of this scheme, which the test plays on the connections that it accepts.
#[derive(Debug)]
pub(crate) struct Scripted {
    pub(crate) listener: TcpListener,
    pub(crate) url: String,
}

impl Scripted {
    pub(crate) fn new(scheme: &str) -> Scripted {
        let (listener, address) = local_listener();
        Scripted { listener, url: format!("{scheme}://{address}") }
    }

    /// `connect ADDRESS` through this proxy, and the proxy's end of its connection.
    #[track_caller]
    pub(crate) fn connect(&self, address: &str, args: &[&str]) -> (Proc, TcpStream) {
        let proc = Proc::start(secretcat(["connect", address, "--proxy", &self.url]).args(args));
        (proc, accept(&self.listener))
    }

    /// The same, with this on stdin.
    #[track_caller]
    pub(crate) fn connect_with(&self, address: &str, args: &[&str], input: &str) -> (Proc, TcpStream) {
        let (mut proc, stream) = self.connect(address, args);
        proc.feed(input.into());
        (proc, stream)
    }
}

/// Reads exactly these bytes.
#[track_caller]
pub(crate) fn expect(stream: &mut TcpStream, bytes: &[u8]) {
    let mut received = vec![0; bytes.len()];
    stream.read_exact(&mut received).unwrap();
    assert_eq!(received, bytes, "{:?}", String::from_utf8_lossy(&received));
}

/// Reads the greeting of a client of SOCKS5 without credentials, and answers that none are required.
#[track_caller]
pub(crate) fn greet(stream: &mut TcpStream) {
    expect(stream, &[5, 1, 0]);
    stream.write_all(&[5, 0]).unwrap();
}

/// The request of SOCKS5 to connect to this name.
pub(crate) fn request_for(name: &str, port: u16) -> Vec<u8> {
    let length = u8::try_from(name.len()).unwrap();
    [&[5, 1, 0, 3, length][..], name.as_bytes(), &port.to_be_bytes()].concat()
}

/// Starts a SOCKS5 proxy that passes bytes and half-closes on, in both directions; pieces that it reads are read as such
/// by the server. It resolves no names, and serves until the test ends. Returns its URL.
pub(crate) fn passing() -> String {
    start(pass_pieces)
}

/// The same, but pieces that it passes on may be read joined.
pub(crate) fn joining() -> String {
    start(copy)
}

/// How the bytes of a client are passed on to the server.
type Pass = fn(&TcpStream, &TcpStream);

fn start(pass: Pass) -> String {
    let (listener, address) = local_listener();
    thread::spawn(move || {
        while let Ok((client, _)) = listener.accept() {
            thread::spawn(move || pass_on(with_deadline(client), pass));
        }
    });
    format!("socks5://{address}")
}

/// Serves one client; it ends without a word where the client does not keep to the protocol.
fn pass_on(mut client: TcpStream, pass: Pass) -> Option<()> {
    let mut request = [0; 10];
    client.read_exact(&mut request[..3]).ok()?;
    client.write_all(&[5, 0]).ok()?;
    client.read_exact(&mut request).ok()?;
    let [5, 1, 0, 1, a, b, c, d, high, low] = request else { return None };
    let to = SocketAddr::from(([a, b, c, d], u16::from_be_bytes([high, low])));
    let Ok(server) = TcpStream::connect(to) else {
        let _ = client.write_all(&[5, 5, 0, 1, 0, 0, 0, 0, 0, 0]);
        return None;
    };
    let server = with_deadline(server);
    server.set_nodelay(true).ok()?;
    client.set_nodelay(true).ok()?;
    client.write_all(&CONNECTED).ok()?;
    thread::scope(|scope| {
        scope.spawn(|| pass(&client, &server));
        copy(&server, &client);
    });
    Some(())
}

/// Passes each piece on when the server has read the one before, up to the end of the stream, and ends the other one.
fn pass_pieces(mut client: &TcpStream, mut server: &TcpStream) {
    let mut queue = PeerQueue::open(server.local_addr().unwrap(), server.peer_addr().unwrap());
    let (mut piece, mut sent) = (vec![0; 65536], 0);
    while let Ok(length @ 1..) = read_some(&mut client, &mut piece) {
        // Bytes on their way are in no queue: what the server's kernel has counted has arrived. A closed one counts not.
        let is_read = |peer: Peer| peer.unread == 0 && peer.received.is_none_or(|received| received >= sent);
        poll_until("all is read", thread::yield_now, || queue.look().unwrap().is_none_or(is_read));
        if server.write_all(&piece[..length]).is_err() {
            break;
        }
        sent += length as u64;
    }
    let _ = server.shutdown(Shutdown::Write);
}

/// Copies up to the end of the stream, and ends the other one.
fn copy(mut from: &TcpStream, mut to: &TcpStream) {
    let _ = std::io::copy(&mut from, &mut to);
    let _ = to.shutdown(Shutdown::Write);
}
