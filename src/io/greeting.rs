//! What a server sends in plain text before the protocol of a connection begins, as with STARTTLS.

use std::io::{self, Read};
use std::time::Duration;

use super::stream::Stream;
use crate::value::Span;

/// Whether these bytes, all that a server has sent, are its whole greeting.
///
/// # Errors
/// They are no beginning of it. A greeting ends in an error before it is longer than the function allows.
pub type IsGreeting = fn(&[u8]) -> Result<bool, String>;

/// The greeting that a server is expected to send.
#[derive(Clone, Copy, Debug)]
pub struct Expected {
    /// Recognizes its end.
    pub is_whole: IsGreeting,
    /// The hint in the error if it does not come in time.
    pub hint: &'static str,
}

/// The most that is read at once.
const READ: usize = 4096;

/// A greeting that is being read.
#[derive(Debug)]
pub(super) struct Greeting {
    expected: Expected,
    received: Vec<u8>,
}

impl Greeting {
    /// Nothing was read yet.
    pub(super) fn new(expected: Expected) -> Self {
        Greeting { expected, received: Vec::new() }
    }

    /// The error if it does not come within this time.
    pub(super) fn timeout(&self, limit: Duration) -> io::Error {
        io::Error::other(format!("no greeting within {} ({})", Span(limit), self.expected.hint))
    }

    /// Reads what is there. True: it is whole, and nothing was read after it.
    ///
    /// # Errors
    /// The server has ended, or has sent something else.
    pub(super) fn read(&mut self, stream: &mut Stream) -> io::Result<bool> {
        let mut buf = [0; READ];
        loop {
            match stream.read(&mut buf) {
                Ok(0) => return Err(io::Error::other("closed before its greeting")),
                Ok(count) => self.received.extend_from_slice(&buf[..count]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
            if (self.expected.is_whole)(&self.received).map_err(io::Error::other)? {
                return Ok(true);
            }
        }
    }

    /// All that was read.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.received
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::net::UnixStream;

    use super::*;

    fn is_line(received: &[u8]) -> Result<bool, String> {
        match received.iter().position(|&byte| byte == b'\n') {
            Some(end) if end + 1 < received.len() => Err("more than a line".to_owned()),
            end => Ok(end.is_some()),
        }
    }

    /// What is read of these parts; after the last one, the server ends.
    fn read(parts: &[&[u8]]) -> Result<(Vec<u8>, usize), String> {
        let (ours, mut server) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        let mut stream = Stream::Unix(mio::net::UnixStream::from_std(ours));
        let mut greeting = Greeting::new(Expected { is_whole: is_line, hint: "" });
        assert!(!greeting.read(&mut stream).unwrap());
        for (number, part) in parts.iter().enumerate() {
            server.write_all(part).unwrap();
            if greeting.read(&mut stream).map_err(|error| error.to_string())? {
                return Ok((greeting.into_bytes(), number));
            }
        }
        drop(server);
        Err(greeting.read(&mut stream).unwrap_err().to_string())
    }

    #[test]
    fn greeting_is_read_to_its_end_and_no_further() {
        assert_eq!(read(&[b"he", b"llo\n", b"more"]), Ok((b"hello\n".to_vec(), 1)));
        assert_eq!(read(&[b"hello\nmore"]), Err("more than a line".to_owned()));
        assert_eq!(read(&[b"hel"]), Err("closed before its greeting".to_owned()));
    }
}
