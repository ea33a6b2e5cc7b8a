//! A map by the numbers of connections, which several outputs look up for each event.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use super::event::ConnId;

/// A map by the number of a connection.
pub type ConnMap<V> = HashMap<ConnId, V, BuildHasherDefault<ConnHasher>>;

/// The hash of the number of a connection. This program assigns the numbers in order, so no peer can choose numbers
/// with one hash, and a multiplication distributes them (2^64 divided by the golden ratio, as in Knuth, The Art of
/// Computer Programming, volume 3, section 6.4).
#[derive(Clone, Copy, Debug, Default)]
pub struct ConnHasher(u64);

impl Hasher for ConnHasher {
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(u64::from(byte));
        }
    }

    #[inline]
    fn write_u64(&mut self, number: u64) {
        self.0 = (self.0.rotate_left(8) ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    #[inline]
    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::hash::BuildHasher;

    use super::*;

    #[test]
    fn numbers_in_order_have_different_hashes_in_few_bits() {
        let hashes = ConnMap::<u8>::default();
        let hash = |number: u64| hashes.hasher().hash_one(number);
        // A table of 2048 places, and the seven bits that tell its entries apart.
        let places: HashSet<u64> = (1..=1024).map(|number| hash(number) % 2048).collect();
        let tags: HashSet<u64> = (1..=1024).map(|number| hash(number) >> 57).collect();
        assert_eq!((places.len(), tags.len()), (1024, 128));
    }
}
