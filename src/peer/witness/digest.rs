//! What two programs compare to see that one has read what the other one has sent: the number of bytes, and a hash.

/// FNV-1a with 64 bits. It tells different streams apart by chance, not against somebody who knows what is
/// sent and wants to be mistaken for its reader: who reads the same bytes cannot be told apart in any way.
const START: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0100_0000_01b3;

/// The number of bytes of a stream so far, and their hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Digest {
    /// The number of bytes.
    pub count: u64,
    /// Their hash.
    pub hash: u64,
}

impl Default for Digest {
    fn default() -> Self {
        Digest { count: 0, hash: START }
    }
}

impl Digest {
    /// Adds the next bytes of the stream.
    pub fn add(&mut self, bytes: &[u8]) {
        self.count += bytes.len() as u64;
        self.hash = bytes.iter().fold(self.hash, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(PRIME));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(bytes: &[u8]) -> Digest {
        let mut digest = Digest::default();
        digest.add(bytes);
        digest
    }

    #[test]
    fn hash_is_the_one_of_the_standard() {
        for (bytes, hash) in [("", START), ("a", 0xaf63_dc4c_8601_ec8c), ("foobar", 0x8594_4171_f739_67e8)] {
            assert_eq!(of(bytes.as_bytes()), Digest { count: bytes.len() as u64, hash }, "{bytes}");
        }
    }

    proptest! {
        #[test]
        fn digest_is_the_same_however_the_bytes_come(bytes: Vec<u8>, cut: prop::sample::Index) {
            let (before, after) = bytes.split_at(cut.index(bytes.len() + 1));
            let mut digest = of(before);
            digest.add(after);
            prop_assert_eq!(digest, of(&bytes));
        }
    }
}
