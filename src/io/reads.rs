//! What was read from each accepted connection, for a listener that is asked what it has read.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::peer::witness::protocol::Ends;
use crate::peer::witness::stream::{Bytes, Found, Stream, find};

/// The closed connections that are remembered: a client may ask about its last bytes after the end.
const REMEMBERED: usize = 1024;

/// The connections of a listener, in all its loops. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Reads(Arc<Mutex<All>>);

#[derive(Debug, Default)]
struct All {
    /// The open connections.
    open: BTreeMap<u64, Entry>,
    closed: VecDeque<Stream>,
    /// The number of the last connection.
    last: u64,
}

#[derive(Debug)]
struct Entry {
    ends: Option<Ends>,
    bytes: Arc<Mutex<Bytes>>,
}

/// Counts the reads of one connection, until it is dropped.
#[derive(Debug)]
pub(super) struct ReadCount {
    cookie: u64,
    bytes: Arc<Mutex<Bytes>>,
    reads: Reads,
}

impl Reads {
    /// Adds a connection with these addresses, ours first, before anything is read from it.
    pub(super) fn add(&self, ends: Option<(SocketAddr, SocketAddr)>) -> ReadCount {
        let bytes = Arc::<Mutex<Bytes>>::default();
        // Ours is that of the peer of its peer.
        let ends = ends.map(|(local, remote)| Ends::of_peer(remote, local));
        let mut all = lock(&self.0);
        all.last += 1;
        let cookie = all.last;
        all.open.insert(cookie, Entry { ends, bytes: bytes.clone() });
        drop(all);
        ReadCount { cookie, bytes, reads: self.clone() }
    }

    /// What was read from the connection with this cookie or these addresses, or from any. The bytes have this hash.
    #[must_use]
    pub fn find(&self, cookie: Option<u64>, ends: &Ends, hash: u64) -> Found {
        let all = lock(&self.0);
        let stream = |(&cookie, entry): (&u64, &Entry)| {
            let bytes = *lock(&entry.bytes);
            Stream { cookie, ends: entry.ends, bytes, has_ended: false }
        };
        let streams: Vec<_> = match cookie {
            Some(cookie) => {
                let closed = all.closed.iter().filter(|stream| stream.cookie == cookie).copied();
                all.open.get_key_value(&cookie).map(stream).into_iter().chain(closed).collect()
            }
            None => all.open.iter().map(stream).collect(),
        };
        drop(all);
        find(cookie, ends, hash, &streams)
    }
}

impl ReadCount {
    /// Counts these bytes. They were read just now.
    pub(super) fn add(&self, bytes: &[u8]) {
        lock(&self.bytes).add(bytes);
    }
}

impl Drop for ReadCount {
    fn drop(&mut self) {
        let mut all = lock(&self.reads.0);
        if let Some(Entry { ends, bytes }) = all.open.remove(&self.cookie) {
            if all.closed.len() == REMEMBERED {
                all.closed.pop_front();
            }
            let bytes = *lock(&bytes);
            all.closed.push_back(Stream { cookie: self.cookie, ends, bytes, has_ended: true });
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peer::witness::protocol::Taken;

    #[test]
    fn closed_connections_are_remembered_up_to_a_number() {
        let reads = Reads::default();
        let ours: SocketAddr = "127.0.0.1:80".parse().unwrap();
        let peer: SocketAddr = "127.0.0.1:5".parse().unwrap();
        let ends = Ends { local: ours, remote: peer };
        let one = reads.add(Some((ours, peer)));
        one.add(b"ab");
        let mut bytes = Bytes::default();
        bytes.add(b"ab");
        let known = Found::Known(Taken { cookie: 1, count: 2, is_equal: true });
        assert_eq!(reads.find(None, &ends, bytes.digest.hash), known);
        drop(one);
        assert_eq!(reads.find(Some(1), &ends, bytes.digest.hash), known);
        for _ in 0..REMEMBERED {
            reads.add(None);
        }
        assert_eq!(reads.find(Some(1), &ends, bytes.digest.hash), Found::Gone);
        let all = lock(&reads.0);
        assert_eq!((all.closed.len(), all.open.len()), (REMEMBERED, 0));
    }
}
