//! The files of `send` and `receive`: threads read, hash and write them, so that no event loop waits for a disk.

mod directory;
mod hash;
mod reader;
mod writer;

pub use directory::Directory;
pub use hash::Hasher;
pub use reader::{FileReader, Progress, SourceFile, Task};
pub use writer::{Answer, FileWriter, Kept};

use std::io;
use std::os::unix::fs::MetadataExt;

use crate::transfer::Modified;

/// The bytes that are handed from one thread to the next at once. Waking a thread takes long, above all on a virtual
/// machine.
const PIECE: usize = 1 << 20;
/// The bytes that are read and hashed at once: they are hashed while they are in the second cache of the core.
const PORTION: usize = 256 * 1024;
/// The pieces that wait for the next stage, at most.
const QUEUE: usize = 4;

/// How a directory is sent.
pub const TAR: &str = "tar c DIR | secretcat send - --name N";

/// When a file was last modified.
fn modified(metadata: &std::fs::Metadata) -> Modified {
    Modified { seconds: metadata.mtime(), nanos: u32::try_from(metadata.mtime_nsec()).unwrap_or(0) }
}

/// Bytes of a file, in a buffer that is used again.
#[derive(Debug)]
pub struct Piece {
    buffer: Box<[u8]>,
    len: usize,
}

impl Default for Piece {
    fn default() -> Self {
        Piece { buffer: vec![0; PIECE].into_boxed_slice(), len: 0 }
    }
}

impl Piece {
    /// Its bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.buffer[..self.len]
    }

    /// The rest of its buffer; [`add`](Self::add) says how many bytes were put there.
    pub fn room(&mut self) -> &mut [u8] {
        &mut self.buffer[self.len..]
    }

    /// Notes bytes that were put into its room.
    pub fn add(&mut self, count: usize) {
        self.len = (self.len + count).min(self.buffer.len());
    }

    /// Whether it has no room.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.len == self.buffer.len()
    }

    /// Whether it has no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The same buffer, without bytes.
    #[must_use]
    fn emptied(self) -> Piece {
        Piece { len: 0, ..self }
    }
}

/// Reads until the buffer is full or the input ends; returns the number of bytes.
fn fill(input: &mut impl io::Read, buf: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buf.len() {
        match input.read(&mut buf[filled..]) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
