//! What a listener of this program answers about the connections that it has accepted: which of them have read the
//! bytes that a client has sent.
//!
//! A connection is found by the bytes that were read from it, because programs on the way may have ended the client's
//! connection and made another one, with other addresses, and may hold bytes back. So the answer names all connections
//! that can be the client's: those that have read exactly its bytes, and those that have read less and may still get
//! there. If there are none of the latter, then the client's bytes were read, whichever connection it is.

use super::digest::Digest;
use super::protocol::{Ends, MOST_STREAMS, Progress, Taken};

/// The first bytes of a connection that are compared. What begins otherwise does not become the same.
const HEAD: usize = 32;

/// What was sent or read on a connection so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bytes {
    /// All bytes.
    pub digest: Digest,
    /// The first ones of them.
    head: [u8; HEAD],
}

impl Bytes {
    /// Adds the next bytes.
    pub fn add(&mut self, bytes: &[u8]) {
        let begin = self.head_len();
        let room = &mut self.head[begin..];
        let len = room.len().min(bytes.len());
        room[..len].copy_from_slice(&bytes[..len]);
        self.digest.add(bytes);
    }

    fn head_len(&self) -> usize {
        usize::try_from(self.digest.count).unwrap_or(HEAD).min(HEAD)
    }

    fn head(&self) -> &[u8] {
        &self.head[..self.head_len()]
    }

    /// Whether both begin in the same way, as far as that is visible.
    #[must_use]
    pub fn begins_like(&self, other: &Bytes) -> bool {
        self.head().starts_with(other.head()) || other.head().starts_with(self.head())
    }
}

/// A connection that was accepted.
#[derive(Clone, Copy, Debug)]
pub struct Stream {
    /// The number that tells it from all others.
    pub cookie: u64,
    /// Its addresses, if it has some.
    pub ends: Option<Ends>,
    /// What was read from it.
    pub bytes: Bytes,
    /// It is closed.
    pub has_ended: bool,
}

/// What was read from the connection that a client asks about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// From the one with the cookie or the addresses.
    Known(Taken),
    /// No connection has the addresses: from any.
    Any(Progress),
    /// No connection has the cookie, or it was closed with other bytes.
    Gone,
}

/// What was read from the connection with this cookie, if it is known; from the one with these addresses, if there is
/// one; from any otherwise. The bytes have this hash.
#[must_use]
pub fn find(cookie: Option<u64>, ends: &Ends, hash: u64, streams: &[Stream]) -> Found {
    // A connection that is closed may be an earlier one of the client with the same bytes.
    let open = streams.iter().filter(|stream| !stream.has_ended);
    let known = match cookie {
        Some(cookie) => streams.iter().find(|stream| stream.cookie == cookie),
        None => open.clone().find(|stream| stream.ends.as_ref() == Some(ends)),
    };
    match known {
        Some(stream) if stream.has_ended && stream.bytes.digest.hash != hash => return Found::Gone,
        Some(Stream { cookie, bytes, .. }) => {
            let is_equal = bytes.digest.hash == hash;
            return Found::Known(Taken { cookie: *cookie, count: bytes.digest.count, is_equal });
        }
        None if cookie.is_some() => return Found::Gone,
        None => {}
    }
    let Some(first) = open.clone().find(|stream| stream.bytes.digest.hash == hash) else {
        return Found::Any(Progress::default());
    };
    let wanted = first.bytes;
    let list = |is_listed: &dyn Fn(&Bytes) -> bool| {
        let listed = open.clone().filter(|stream| stream.bytes.begins_like(&wanted) && is_listed(&stream.bytes));
        Candidates::of(listed.map(|stream| stream.cookie))
    };
    let (this, count) = (wanted.digest, wanted.digest.count);
    let equal = list(&|bytes| bytes.digest == this);
    let behind = list(&|bytes| bytes.digest.count < count);
    let ahead = list(&|bytes| bytes.digest.count >= count && bytes.digest != this);
    Found::Any(Progress { count, equal, behind, ahead })
}

/// Connections, by their cookies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Candidates {
    /// How many there are.
    pub total: usize,
    /// They, or the first of them.
    pub listed: Vec<u64>,
}

impl Candidates {
    /// Those with these cookies.
    pub fn of(cookies: impl Iterator<Item = u64>) -> Candidates {
        let mut candidates = Candidates::default();
        for cookie in cookies {
            candidates.total += 1;
            if candidates.listed.len() < MOST_STREAMS {
                candidates.listed.push(cookie);
            }
        }
        candidates
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENDS: [&str; 2] = ["10.0.0.2:80", "10.0.0.1:5"];

    fn ends() -> Ends {
        Ends { local: ENDS[0].parse().unwrap(), remote: ENDS[1].parse().unwrap() }
    }

    fn stream(cookie: u64, bytes: &[u8]) -> Stream {
        let mut read = Bytes::default();
        bytes.chunks(7).for_each(|chunk| read.add(chunk));
        Stream { cookie, ends: None, bytes: read, has_ended: false }
    }

    fn ask(cookie: Option<u64>, bytes: &[u8], streams: &[Stream]) -> Found {
        find(cookie, &ends(), stream(0, bytes).bytes.digest.hash, streams)
    }

    fn any(count: u64, lists: [&[u64]; 3]) -> Found {
        let [equal, behind, ahead] = lists.map(|cookies| Candidates::of(cookies.iter().copied()));
        Found::Any(Progress { count, equal, behind, ahead })
    }

    #[test]
    fn connections_that_may_be_the_one_are_named() {
        let long: Vec<u8> = (0..=99).collect();
        let mut other = long.clone();
        other[80] ^= 1;
        let streams = [
            stream(1, b""),
            stream(2, b"ab"),
            stream(3, b"abc"),
            stream(4, b"abc"),
            stream(5, b"abcd"),
            stream(6, b"x"),
            stream(7, &long),
            stream(8, &other[..90]),
            stream(9, &other),
        ];
        assert_eq!(ask(None, b"abc", &streams), any(3, [&[3, 4], &[1, 2], &[5]]));
        // A connection that has read more than its head shows may be the one, until it has read as much.
        assert_eq!(ask(None, &long, &streams), any(100, [&[7], &[1, 8], &[9]]));
        assert_eq!(ask(None, b"nothing", &streams), any(0, [&[]; 3]));
    }

    #[test]
    fn known_connection_is_the_only_one() {
        let known = |cookie, count, is_equal| Found::Known(Taken { cookie, count, is_equal });
        let mut streams = [stream(3, b"abc"), stream(4, b"abc"), stream(5, b"")];
        assert_eq!(ask(Some(4), b"abc", &streams), known(4, 3, true));
        assert_eq!(ask(Some(4), b"abcd", &streams), known(4, 3, false));
        assert_eq!(ask(Some(9), b"abc", &streams), Found::Gone);
        streams[2].ends = Some(ends());
        assert_eq!(ask(None, b"abc", &streams), known(5, 0, false));
        // A closed one is not found, but it is remembered.
        streams[0].has_ended = true;
        streams[2].has_ended = true;
        assert_eq!(ask(None, b"abc", &streams), any(3, [&[4], &[], &[]]));
        assert_eq!(ask(Some(3), b"abc", &streams), known(3, 3, true));
        assert_eq!(ask(Some(3), b"abcd", &streams), Found::Gone);
    }

    #[test]
    fn long_list_is_cut_and_has_the_total() {
        let streams: Vec<_> = (0..100).map(|cookie| stream(cookie, if cookie < 70 { b"abc" } else { b"ab" })).collect();
        let Found::Any(found) = ask(None, b"abc", &streams) else { panic!() };
        assert_eq!((found.equal.total, found.equal.listed.len(), found.behind.total), (70, MOST_STREAMS, 30));
    }
}
