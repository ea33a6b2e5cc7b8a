//! What a client and its server sent on each connection of a run, and when.

/// The connections of one run of a client, in the order in which they were made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recording {
    /// The connections.
    pub connections: Vec<Recorded>,
}

/// One connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recorded {
    /// The bytes that the client sent.
    pub requests: Vec<u8>,
    /// What the server sent.
    pub replies: Vec<Reply>,
    /// How the server ended the connection.
    pub end: ServerEnd,
}

/// Bytes that a server sent while the client sent nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// What the client had sent before.
    pub after: After,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// How much a client has sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct After {
    /// The number of its bytes.
    pub bytes: usize,
    /// It has half-closed too.
    pub end: bool,
}

/// How a server ended a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ServerEnd {
    /// It did not.
    #[default]
    Open,
    /// It closed the connection.
    Closed(After),
    /// It reset the connection.
    Reset(After),
}

/// The first difference between what a client sent in two runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unlike {
    /// The number of the connection, from 0.
    pub connection: usize,
    /// The offset in what the client sent; `None` if only one run had this connection.
    pub offset: Option<usize>,
}

impl Recording {
    /// The length of each reply, in the order of the connections.
    #[must_use]
    pub fn lengths(&self) -> Vec<usize> {
        self.connections.iter().flat_map(|recorded| &recorded.replies).map(|reply| reply.bytes.len()).collect()
    }

    /// The replies, in the order of the connections.
    #[must_use]
    pub fn replies(&self) -> Vec<Vec<u8>> {
        self.connections.iter().flat_map(|recorded| &recorded.replies).map(|reply| reply.bytes.clone()).collect()
    }

    /// Where the replies of each connection begin in the stream of all replies, and where they end.
    #[must_use]
    pub fn ranges(&self) -> Vec<(usize, usize)> {
        let mut end = 0;
        let range = |recorded: &Recorded| {
            let begin = end;
            end += recorded.replies.iter().map(|reply| reply.bytes.len()).sum::<usize>();
            (begin, end)
        };
        self.connections.iter().map(range).collect()
    }

    /// Where this client sent something else than in another run. Bytes are compared by `are_like`, and their number
    /// has to be the same, because replies are replayed after a number of bytes.
    #[must_use]
    pub fn unlike(&self, other: &Recording, are_like: impl Fn(&[u8], &[u8]) -> bool) -> Option<Unlike> {
        let pairs = self.connections.iter().zip(&other.connections).enumerate();
        for (connection, (one, other)) in pairs {
            let (one, other) = (&one.requests, &other.requests);
            if one.len() != other.len() || !are_like(one, other) {
                let same = one.iter().zip(other).take_while(|(one, other)| one == other).count();
                return Some(Unlike { connection, offset: Some(same) });
            }
        }
        let (one, other) = (self.connections.len(), other.connections.len());
        (one != other).then_some(Unlike { connection: one.min(other), offset: None })
    }
}

impl Recorded {
    /// Adds bytes of the server. They continue the last reply if the client has sent nothing since.
    pub fn add_reply(&mut self, after: After, bytes: &[u8]) {
        match self.replies.last_mut() {
            Some(reply) if reply.after == after => reply.bytes.extend_from_slice(bytes),
            _ => self.replies.push(Reply { after, bytes: bytes.to_vec() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recording(connections: &[&[u8]]) -> Recording {
        let recorded = |requests: &&[u8]| Recorded { requests: requests.to_vec(), ..Recorded::default() };
        Recording { connections: connections.iter().map(recorded).collect() }
    }

    #[test]
    fn replies_are_divided_where_the_client_sends() {
        let mut recorded = Recorded::default();
        let after = |bytes| After { bytes, end: false };
        for (at, bytes) in [(0, "a"), (0, "b"), (3, "c"), (5, "d"), (5, "")] {
            recorded.add_reply(after(at), bytes.as_bytes());
        }
        let recording = Recording { connections: vec![recorded.clone(), Recorded::default(), recorded] };
        assert_eq!(recording.lengths(), [2, 1, 1, 2, 1, 1]);
        assert_eq!(recording.ranges(), [(0, 4), (4, 4), (4, 8)]);
        assert_eq!(recording.replies().concat(), b"abcdabcd");
    }

    #[test]
    fn requests_of_two_runs_are_compared() {
        let exact = |one: &[u8], other: &[u8]| one == other;
        let unlike = |one: &[&[u8]], other: &[&[u8]]| {
            let unlike = recording(one).unlike(&recording(other), exact)?;
            Some((unlike.connection, unlike.offset))
        };
        assert_eq!(unlike(&[b"abc", b""], &[b"abc", b""]), None);
        assert_eq!(unlike(&[b"abc", b"de"], &[b"abc", b"df"]), Some((1, Some(1))));
        assert_eq!(unlike(&[b"abc"], &[b"abcd"]), Some((0, Some(3))));
        assert_eq!(unlike(&[b"abc"], &[b"abc", b"d"]), Some((1, None)));
        let masked = |_: &[u8], _: &[u8]| true;
        assert_eq!(recording(&[b"abc"]).unlike(&recording(&[b"xyz"]), masked), None);
        assert!(recording(&[b"abc"]).unlike(&recording(&[b"ab"]), masked).is_some());
    }
}
