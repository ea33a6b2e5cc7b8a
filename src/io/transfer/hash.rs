//! SHA-256 of a file, as its bytes come.

use std::io::Read;

use sha2::{Digest as _, Sha256};

use super::{PORTION, fill};
use crate::transfer::Digest;

/// The state of a hash.
#[derive(Clone, Debug, Default)]
pub struct Hasher(Sha256);

impl Hasher {
    /// Hashes further bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The hash of the bytes so far.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest(self.0.clone().finalize().into())
    }

    /// Hashes the next `count` bytes of a file. False: it has fewer.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(super) fn read(&mut self, file: &mut impl Read, count: u64) -> std::io::Result<bool> {
        let mut buf = vec![0; PORTION];
        let mut left = count;
        while left > 0 {
            let most = buf.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            let n = fill(file, &mut buf[..most])?;
            self.update(&buf[..n]);
            if n < most {
                return Ok(false);
            }
            left -= n as u64;
        }
        Ok(true)
    }
}
