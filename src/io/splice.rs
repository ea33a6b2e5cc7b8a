//! Moves bytes from one descriptor to another within the kernel: the fast path of raw connections.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt};

use super::sys;

/// The largest number of bytes that one call moves, and the size of the pipe between two descriptors that are
/// not pipes: large enough that the number of calls does not matter, and small enough for the first cache of a
/// core.
const PORTION: usize = 256 * 1024;

/// The kind of a descriptor, as far as splice(2) needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FdKind {
    /// A pipe or FIFO: its bytes go to and from anything in one call.
    Pipe,
    /// A regular file, or /dev/null: it is always ready.
    File,
    /// One of our connections, which never block.
    Socket,
    /// A descriptor that splice(2) does not support: a terminal, a device, a file opened for append.
    Other,
}

impl FdKind {
    /// Examines a descriptor that is not one of our connections.
    #[must_use]
    pub fn of(file: &File) -> FdKind {
        let Ok(meta) = file.metadata() else { return FdKind::Other };
        let kind = meta.file_type();
        match () {
            () if kind.is_fifo() => FdKind::Pipe,
            () if kind.is_file() && !sys::appends(file.as_fd()) => FdKind::File,
            () if is_null(file) => FdKind::File,
            () => FdKind::Other,
        }
    }
}

/// Whether this is /dev/null (null(4)).
pub(super) fn is_null(file: &File) -> bool {
    const NULL: u64 = (1 << 8) | 3;
    file.metadata().is_ok_and(|meta| meta.file_type().is_char_device() && meta.rdev() == NULL)
}

/// A source or target of a splice.
#[derive(Clone, Copy, Debug)]
pub struct End<'a> {
    /// The descriptor.
    pub fd: BorrowedFd<'a>,
    /// Its kind.
    pub kind: FdKind,
}

/// How bytes are moved from the source to the target without copying.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// In one call: source or target is a pipe.
    Direct,
    /// Through a [`SplicePipe`], which is a pipe.
    Through,
}

impl Way {
    /// How to move bytes between these two, if that is possible.
    #[must_use]
    pub fn between(from: FdKind, to: FdKind) -> Option<Way> {
        match (from, to) {
            (FdKind::Other, _) | (_, FdKind::Other) => None,
            (FdKind::Pipe, _) | (_, FdKind::Pipe) => Some(Way::Direct),
            _ => Some(Way::Through),
        }
    }
}

/// The result of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// This many bytes were moved to the target.
    Moved(usize),
    /// The source has no bytes now.
    Starved,
    /// The target takes no bytes now.
    Full,
    /// The source has ended, and all its bytes were moved.
    Ended,
    /// The kernel does not support splicing between these two.
    Refused,
}

impl Step {
    /// The number of bytes that were moved.
    #[must_use]
    pub fn moved(self) -> usize {
        if let Step::Moved(n) = self { n } else { 0 }
    }
}

/// The error of a step, by the descriptor that caused it.
#[derive(Debug)]
pub enum Fault {
    /// The source.
    From(io::Error),
    /// The target.
    To(io::Error),
}

/// Moves bytes with one call between two descriptors, of which one is a pipe.
///
/// # Errors
/// The kernel's, by the descriptor that caused it.
pub fn step(from: End<'_>, to: End<'_>) -> Result<Step, Fault> {
    match splice(from.fd, to.fd, PORTION) {
        Ok(0) => Ok(Step::Ended),
        Ok(n) => Ok(Step::Moved(n)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            // The call does not report which of the two is not ready, and both may have become ready since.
            if !sys::poll_ready(from.fd, false).map_err(Fault::From)? {
                return Ok(Step::Starved);
            }
            Ok(if sys::poll_ready(to.fd, true).map_err(Fault::To)? { Step::Moved(0) } else { Step::Full })
        }
        Err(error) if is_refusal(&error) => Ok(Step::Refused),
        // Reading a pipe never fails; writing one fails only without a reader.
        Err(error) if from.kind == FdKind::Pipe || error.kind() == io::ErrorKind::BrokenPipe => Err(Fault::To(error)),
        Err(error) => Err(Fault::From(error)),
    }
}

/// The pipe between two descriptors that are not pipes, and the bytes in it.
#[derive(Debug)]
pub struct SplicePipe {
    out: File,
    into: OwnedFd,
    held: usize,
}

impl SplicePipe {
    /// An empty pipe.
    ///
    /// # Errors
    /// The kernel's, when it is out of descriptors or memory.
    pub fn new() -> io::Result<SplicePipe> {
        let (out, into) = sys::pipe_with_capacity(PORTION)?;
        Ok(SplicePipe { out: out.into(), into, held: 0 })
    }

    /// Moves bytes into the pipe and out of it once.
    ///
    /// # Errors
    /// As [`step`].
    pub fn step(&mut self, from: End<'_>, to: End<'_>) -> Result<Step, Fault> {
        if self.held == 0 {
            match splice(from.fd, self.into.as_fd(), PORTION) {
                Ok(0) => return Ok(Step::Ended),
                Ok(n) => self.held = n,
                // An empty pipe has room, so the source has no bytes.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Step::Starved),
                Err(error) if is_refusal(&error) => return Ok(Step::Refused),
                Err(error) => return Err(Fault::From(error)),
            }
        }
        match splice(self.out.as_fd(), to.fd, self.held) {
            Ok(n) => {
                self.held -= n;
                Ok(Step::Moved(n))
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Step::Full),
            Err(error) if is_refusal(&error) => Ok(Step::Refused),
            Err(error) => Err(Fault::To(error)),
        }
    }

    /// The number of bytes in the pipe.
    #[must_use]
    pub fn held(&self) -> usize {
        self.held
    }

    /// Reads bytes from the pipe into the buffer.
    ///
    /// # Errors
    /// The kernel's.
    pub fn take(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = if self.held == 0 { 0 } else { self.out.read(buf)? };
        self.held -= n;
        Ok(n)
    }
}

/// Calls splice(2), again after a signal.
fn splice(from: BorrowedFd<'_>, to: BorrowedFd<'_>, len: usize) -> io::Result<usize> {
    loop {
        match sys::splice(from, to, len) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

/// Whether the error means no support: by the system, by the file system, or for a file now set to append.
fn is_refusal(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported)
}

#[cfg(test)]
mod tests {
    use std::io::{Seek, Write};
    use std::net::{TcpListener, TcpStream};

    use super::*;

    fn end(fd: &impl AsFd, kind: FdKind) -> End<'_> {
        End { fd: fd.as_fd(), kind }
    }

    fn connection() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let from = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        (from, listener.accept().unwrap().0)
    }

    fn scratch_file(name: &str) -> (std::path::PathBuf, File) {
        let path = std::env::temp_dir().join(format!("secretcat-splice-{name}-{}", std::process::id()));
        let file = File::options().create(true).truncate(true).read(true).write(true).open(&path).unwrap();
        (path, file)
    }

    #[test]
    fn file_is_spliced_through_a_socket_whole() {
        let (from, mut to) = connection();
        let (path, mut file) = scratch_file("whole");
        let bytes: Vec<u8> = (0..300_000_u32).flat_map(u32::to_le_bytes).collect();
        file.write_all(&bytes).unwrap();
        file.rewind().unwrap();
        assert_eq!(FdKind::of(&file), FdKind::File);
        assert_eq!(Way::between(FdKind::File, FdKind::Socket), Some(Way::Through));
        let reader = std::thread::spawn(move || {
            let mut got = Vec::new();
            to.read_to_end(&mut got).map(|_| got)
        });
        let mut middle = SplicePipe::new().unwrap();
        while middle.step(end(&file, FdKind::File), end(&from, FdKind::Socket)).unwrap() != Step::Ended {}
        drop(from);
        assert!(reader.join().unwrap().unwrap() == bytes);
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn bytes_refused_by_a_file_are_recovered_from_the_pipe() {
        let (mut from, to) = connection();
        let (path, _) = scratch_file("append");
        let append = File::options().append(true).open(&path).unwrap();
        assert_eq!(FdKind::of(&append), FdKind::Other);
        from.write_all(b"held back").unwrap();
        let mut middle = SplicePipe::new().unwrap();
        assert_eq!(middle.step(end(&to, FdKind::Socket), end(&append, FdKind::File)).unwrap(), Step::Refused);
        let mut buf = [0; 64];
        assert_eq!(middle.take(&mut buf[..4]).unwrap(), 4);
        assert_eq!(middle.take(&mut buf[4..]).unwrap(), 5);
        assert_eq!(middle.take(&mut buf[9..]).unwrap(), 0);
        assert_eq!(&buf[..9], b"held back");
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn splice_step_reports_the_blocked_or_failed_end() {
        let (out, into) = sys::pipe_with_capacity(4096).unwrap();
        let (near, far) = connection();
        near.set_nonblocking(true).unwrap();
        let (pipe, socket) = (end(&out, FdKind::Pipe), end(&near, FdKind::Socket));
        assert_eq!(step(pipe, socket).unwrap(), Step::Starved);
        let mut into = File::from(into);
        let full = loop {
            // The other side reads nothing, so the pipe becomes full.
            let _ = into.write(&[0; 4096]);
            match step(pipe, socket).unwrap() {
                Step::Moved(_) => {}
                other => break other,
            }
        };
        assert_eq!(full, Step::Full);
        drop(out);
        drop(far);
        let (out, into) = sys::pipe_with_capacity(4096).unwrap();
        drop(out);
        let (near, mut far) = connection();
        far.write_all(b"x").unwrap();
        let fault = step(end(&near, FdKind::Socket), end(&into, FdKind::Pipe));
        assert!(matches!(fault, Err(Fault::To(error)) if error.kind() == io::ErrorKind::BrokenPipe));
    }
}
