//! Bytes from one descriptor to another within the kernel: the fast path of raw connections.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileTypeExt;

use super::sys;

/// The most one call moves, and the size of the pipe between two descriptors neither of which is one.
const PORTION: usize = 1 << 20;

/// What kind of thing a descriptor is, as far as splice(2) cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A pipe or FIFO: its bytes go to and from anything in one call.
    Pipe,
    /// A regular file: it is always ready.
    File,
    /// Something that splice(2) is not good for: a terminal, a device, a file opened for append.
    Other,
}

impl Kind {
    /// Looks at a descriptor.
    #[must_use]
    pub fn of(fd: BorrowedFd<'_>) -> Kind {
        let Ok(file) = fd.try_clone_to_owned().map(File::from) else { return Kind::Other };
        let Ok(kind) = file.metadata().map(|meta| meta.file_type()) else { return Kind::Other };
        match () {
            () if kind.is_fifo() => Kind::Pipe,
            () if kind.is_file() && !sys::appends(fd) => Kind::File,
            () => Kind::Other,
        }
    }
}

/// How a step came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// So many bytes have gone on their way.
    Moved(usize),
    /// Nothing can be moved now: one end or the other will be ready later.
    Blocked,
    /// All bytes that there were have been moved.
    Done,
}

/// One direction. It owns the pipe in its middle, where it needs one, and no other descriptor.
#[derive(Debug)]
pub struct Flow {
    middle: Option<(OwnedFd, OwnedFd)>,
    held: usize,
    ended: bool,
}

impl Flow {
    /// A direction between a socket and something of this kind.
    ///
    /// # Errors
    /// The kernel's, where the pipe in the middle cannot be made.
    pub fn beside(other: Kind) -> io::Result<Flow> {
        let middle = if other == Kind::Pipe { None } else { Some(sys::pipe_with_capacity(PORTION)?) };
        Ok(Flow { middle, held: 0, ended: false })
    }

    /// Moves what can be moved in one go.
    ///
    /// # Errors
    /// The kernel's, of either end.
    pub fn step(&mut self, from: BorrowedFd<'_>, to: BorrowedFd<'_>) -> io::Result<Step> {
        let Some((out, into)) = &self.middle else {
            return Ok(match moved(sys::splice(from, to, PORTION))? {
                Some(0) => Step::Done,
                Some(n) => Step::Moved(n),
                None => Step::Blocked,
            });
        };
        let mut taken = 0;
        if self.held == 0 && !self.ended {
            match moved(sys::splice(from, into.as_fd(), PORTION))? {
                Some(n) => {
                    taken = n;
                    self.held = n;
                    self.ended = n == 0;
                }
                None => return Ok(Step::Blocked),
            }
        }
        if self.held == 0 {
            return Ok(Step::Done);
        }
        match moved(sys::splice(out.as_fd(), to, self.held))? {
            Some(n) => {
                self.held -= n;
                Ok(Step::Moved(n))
            }
            None if taken > 0 => Ok(Step::Moved(0)),
            None => Ok(Step::Blocked),
        }
    }
}

/// `None` where the call would have had to wait.
fn moved(result: io::Result<usize>) -> io::Result<Option<usize>> {
    match result {
        Ok(n) => Ok(Some(n)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Seek, Write};
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn a_file_goes_through_a_socket_whole() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let from = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut to, _) = listener.accept().unwrap();
        let path = std::env::temp_dir().join(format!("secretcat-splice-{}", std::process::id()));
        let mut file = File::options().create(true).truncate(true).read(true).write(true).open(&path).unwrap();
        let bytes: Vec<u8> = (0..300_000_u32).flat_map(u32::to_le_bytes).collect();
        file.write_all(&bytes).unwrap();
        file.rewind().unwrap();
        assert_eq!(Kind::of(file.as_fd()), Kind::File);
        let reader = std::thread::spawn(move || {
            let mut got = Vec::new();
            to.read_to_end(&mut got).map(|_| got)
        });
        let mut flow = Flow::beside(Kind::File).unwrap();
        while flow.step(file.as_fd(), from.as_fd()).unwrap() != Step::Done {}
        drop(from);
        assert!(reader.join().unwrap().unwrap() == bytes);
        let append = File::options().append(true).open(&path).unwrap();
        assert_eq!(Kind::of(append.as_fd()), Kind::Other);
        std::fs::remove_file(path).unwrap();
    }
}
