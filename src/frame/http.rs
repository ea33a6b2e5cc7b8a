//! HTTP/1.x messages: where they end (RFC 9112, section 6), and their body.

use std::collections::VecDeque;

use self::chunk::chunk_size;
pub(super) use self::chunk::dechunk;
pub(super) use self::encode::{encode, respond, respond_continue};
use self::head::Body;
use super::{Form, Found, FrameError, Need, ResponseMode, Role, Scan, malformed};

mod chunk;
mod encode;
mod head;

/// The largest size of a head.
const HEAD_LIMIT: usize = 64 * 1024;

/// Searches for the end of one message, and remembers how far it has searched. Positions count from the first byte of
/// the message.
#[derive(Debug)]
pub(super) struct Http {
    role: Role,
    limit: usize,
    state: State,
    /// For each request without a response so far: whether it asked for the head only.
    heads: VecDeque<bool>,
    /// For a request: how it wants to be answered.
    mode: Option<ResponseMode>,
}

#[derive(Debug)]
enum State {
    /// In the head that begins at `start`. `begun` is set after its first line that is not empty. Interim responses
    /// (1xx) belong to the final response that follows them.
    Head { start: usize, begun: bool, line: Line },
    /// In a body that ends at `end`.
    Counted { body: usize, end: usize },
    /// In a body that ends when the connection closes.
    UntilClose { body: usize },
    /// In the line with the size of a chunk.
    ChunkSize { body: usize, line: Line },
    /// In a chunk that ends at `end`, including the CRLF after it.
    Chunk { body: usize, end: usize },
    /// In the fields after the last chunk.
    Trailer { body: usize, line: Line },
}

/// A line whose end is not found yet.
#[derive(Clone, Copy, Debug)]
struct Line {
    start: usize,
    searched: usize,
}

impl Http {
    pub(super) fn new(role: Role, limit: usize) -> Http {
        Http { role, limit, state: State::head(0), heads: VecDeque::new(), mode: None }
    }

    /// Adds a request. The messages that follow are responses to the added requests, in order.
    pub(super) fn expect(&mut self, request: &[u8]) {
        self.heads.push_back(head::is_head(request));
    }

    /// Whether the incomplete request waits for `100 Continue`; true once for each request.
    pub(super) fn take_expectation(&mut self) -> bool {
        self.mode.as_mut().is_some_and(|mode| std::mem::take(&mut mode.expects_continue))
    }

    /// Prepares for the next message; returns how the last one wants to be answered.
    pub(super) fn reset(&mut self) -> Option<ResponseMode> {
        self.state = State::head(0);
        self.heads.pop_front();
        self.mode.take()
    }

    pub(super) fn scan(&mut self, held: &[u8]) -> Result<Scan, FrameError> {
        loop {
            // Every step either reaches the next state or returns what is missing.
            match self.state {
                State::Head { start, begun, mut line } => {
                    let limit = self.limit.min(start.saturating_add(HEAD_LIMIT));
                    let Some((from, end)) = line.next(held, limit)? else {
                        self.state = State::Head { start, begun, line };
                        return Ok(more_of_line(held, limit));
                    };
                    self.state = match (is_empty(&held[from..end]), begun) {
                        // Empty lines before a head are skipped (RFC 9112, section 2.2).
                        (true, false) => State::Head { start, begun, line },
                        (true, true) => self.after_head(&held[..end], start)?,
                        (false, _) => {
                            if !begun {
                                // Refuse data that is not HTTP at its first line, not at the end of its head.
                                head::parse(self.role, &held[start..end], false)?;
                            }
                            State::Head { start, begun: true, line }
                        }
                    };
                }
                State::Counted { body, end } => return Ok(counted(held, body, end)),
                State::UntilClose { .. } => {
                    self.allow(held.len())?;
                    return Ok(Scan::More(Need::Bytes(self.limit.saturating_add(1) - held.len())));
                }
                State::ChunkSize { body, mut line } => {
                    let Some((from, end)) = line.next(held, self.limit)? else {
                        self.state = State::ChunkSize { body, line };
                        return Ok(more_of_line(held, self.limit));
                    };
                    self.state = match chunk_size(&held[from..end]) {
                        None => return malformed("invalid HTTP chunk size"),
                        Some(0) => State::Trailer { body, line },
                        Some(size) => State::Chunk { body, end: self.end_of(end, size.saturating_add(2))? },
                    };
                }
                State::Chunk { body, end } => {
                    if held.len() < end {
                        return Ok(Scan::More(Need::Bytes(end - held.len())));
                    }
                    if !held[..end].ends_with(b"\r\n") {
                        return malformed("HTTP chunk without CR LF after its size");
                    }
                    self.state = State::ChunkSize { body, line: Line::at(end) };
                }
                State::Trailer { body, mut line } => {
                    let Some((from, end)) = line.next(held, self.limit)? else {
                        self.state = State::Trailer { body, line };
                        return Ok(more_of_line(held, self.limit));
                    };
                    if is_empty(&held[from..end]) {
                        return Ok(Scan::Whole(Found { wire: end, body, body_end: end, form: Form::Chunked }));
                    }
                    self.state = State::Trailer { body, line };
                }
            }
        }
    }

    /// The last message at the end of the stream: a body without a length ends there.
    pub(super) fn finish(&self, held: &[u8]) -> Result<Option<Found>, FrameError> {
        let wire = held.len();
        match self.state {
            State::UntilClose { body } => Ok(Some(Found { wire, body, body_end: wire, form: Form::Plain })),
            State::Head { start: 0, begun: false, .. } if held.iter().all(|b| matches!(b, b'\r' | b'\n')) => Ok(None),
            _ => Err(FrameError::Truncated { received: wire }),
        }
    }

    /// The state after the head, which ends where `held` does.
    fn after_head(&mut self, held: &[u8], start: usize) -> Result<State, FrameError> {
        let bodiless = self.heads.front() == Some(&true);
        let Some(parsed) = head::parse(self.role, &held[start..], bodiless)? else {
            return malformed("incomplete HTTP head");
        };
        let end = start + parsed.len;
        let state = match parsed.body {
            Body::Interim => State::head(end),
            Body::Length(len) => State::Counted { body: end, end: self.end_of(end, len)? },
            Body::Chunked => State::ChunkSize { body: end, line: Line::at(end) },
            Body::UntilClose => State::UntilClose { body: end },
        };
        self.mode = parsed.mode; // set only if the length of the body is accepted
        Ok(state)
    }

    /// The position `more` bytes after `at`; an error if that exceeds the limit of a message.
    fn end_of(&self, at: usize, more: u64) -> Result<usize, FrameError> {
        let end = usize::try_from(more).unwrap_or(usize::MAX).saturating_add(at);
        self.allow(end)?;
        Ok(end)
    }

    fn allow(&self, len: usize) -> Result<(), FrameError> {
        allow(len, self.limit)
    }
}

impl State {
    fn head(start: usize) -> State {
        State::Head { start, begun: false, line: Line::at(start) }
    }
}

impl Line {
    fn at(start: usize) -> Line {
        Line { start, searched: start }
    }

    /// The start and end of the line, LF included, and a step to the next line. `None` without an LF. An error if the
    /// line exceeds `limit`.
    fn next(&mut self, held: &[u8], limit: usize) -> Result<Option<(usize, usize)>, FrameError> {
        let Some(found) = memchr::memchr(b'\n', &held[self.searched..]) else {
            self.searched = held.len();
            return allow(held.len(), limit).map(|()| None);
        };
        let (start, end) = (self.start, self.searched + found + 1);
        allow(end, limit)?;
        *self = Line::at(end);
        Ok(Some((start, end)))
    }
}

fn allow(len: usize, limit: usize) -> Result<(), FrameError> {
    if len > limit { Err(FrameError::TooLong { limit }) } else { Ok(()) }
}

fn counted(held: &[u8], body: usize, end: usize) -> Scan {
    if held.len() < end {
        return Scan::More(Need::Bytes(end - held.len()));
    }
    Scan::Whole(Found { wire: end, body, body_end: end, form: Form::Plain })
}

/// The need for the rest of a line: one byte more than `limit` shows that the line is too long.
fn more_of_line(held: &[u8], limit: usize) -> Scan {
    Scan::More(Need::Through { last: b'\n', most: limit.saturating_add(1) - held.len() })
}

fn is_empty(line: &[u8]) -> bool {
    matches!(line, b"\n" | b"\r\n")
}

#[cfg(test)]
mod tests {
    use super::super::{Framing, Inbox};
    use super::*;

    /// The bodies of all messages, and how the stream ended.
    fn decode(role: Role, wire: &str, limit: usize) -> (Vec<String>, Result<(), FrameError>) {
        let mut inbox = Inbox::new(Framing::Http, role, limit);
        let mut fresh = wire.as_bytes();
        let mut bodies = Vec::new();
        loop {
            let pulled = inbox.pull(&mut fresh).map(|message| message.map(|m| m.body.into_owned()));
            let next = match pulled {
                Ok(None) => inbox.finish().map(|message| message.map(|m| m.body.into_owned())),
                pulled => pulled,
            };
            match next {
                Ok(Some(body)) => bodies.push(String::from_utf8(body).unwrap()),
                Ok(None) => return (bodies, Ok(())),
                Err(error) => return (bodies, Err(error)),
            }
        }
    }

    fn good(role: Role, wire: &str, expected: &[&str]) {
        assert_eq!(decode(role, wire, 1000), (expected.iter().map(ToString::to_string).collect(), Ok(())), "{wire}");
    }

    fn bad(role: Role, wire: &str, what: &str) {
        let (_, end) = decode(role, wire, 1000);
        assert_eq!(end.unwrap_err().to_string(), what, "{wire}");
    }

    #[test]
    fn body_with_a_length_ends_there() {
        good(
            Role::Responses,
            "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabcHTTP/1.0 404 \nContent-Length: 2 , 2\n\nde",
            &["abc", "de"],
        );
        good(
            Role::Requests,
            "\r\n\nGET / HTTP/1.1\r\nHost: x\r\n\r\nPOST / HTTP/1.1\r\nContent-Length: 1\r\n\r\nx\r\n",
            &["", "x"],
        );
    }

    #[test]
    fn chunks_are_joined_to_one_body() {
        good(
            Role::Responses,
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, Chunked\r\n\r\n\
             3\r\nabc\r\n00A ;x=y\r\n0123456789\r\n0\r\nTrailer: t\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
            &["abc0123456789", ""],
        );
        good(Role::Requests, "PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", &[""]);
    }

    #[test]
    fn response_without_a_length_ends_with_the_connection() {
        good(Role::Responses, "HTTP/1.1 200 OK\r\n\r\nabc\r\n", &["abc\r\n"]);
        good(Role::Responses, "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nabc", &["abc"]);
    }

    #[test]
    fn responses_204_and_304_have_no_body_despite_a_length() {
        good(
            Role::Responses,
            "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n\
             HTTP/1.1 101 Switching Protocols\r\n\r\n",
            &["", "", ""],
        );
    }

    #[test]
    fn response_to_head_has_no_body_despite_a_length() {
        let mut inbox = Inbox::new(Framing::Http, Role::Responses, 1000);
        for request in ["GET / HTTP/1.1\r\n\r\n", "\r\nHEAD / HTTP/1.1\r\nHost: x\r\n\r\n", "HEADS / HTTP/1.1\r\n\r\n"]
        {
            inbox.expect(request.as_bytes());
        }
        let response = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n";
        let wire = format!("{response}ab{response}HTTP/1.1 100 \r\n\r\n{response}cd{response}ef");
        let mut fresh = wire.as_bytes();
        let mut bodies = Vec::new();
        while let Some(message) = inbox.pull(&mut fresh).unwrap() {
            bodies.push(message.body.into_owned());
        }
        assert_eq!(bodies, [&b"ab"[..], b"", b"cd", b"ef"]);
    }

    #[test]
    fn interim_response_is_part_of_the_final_one() {
        let wire = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 \r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab";
        good(Role::Responses, wire, &["ab"]);
        let mut inbox = Inbox::new(Framing::Http, Role::Responses, 1000);
        assert_eq!(inbox.pull(&mut wire.as_bytes()).unwrap().unwrap().wire, wire.as_bytes());
        bad(
            Role::Responses,
            "HTTP/1.1 100 Continue\r\n\r\n",
            "stream ended in the middle of a message, after 25 bytes of it",
        );
    }

    #[test]
    fn other_protocols_are_refused_at_the_first_line() {
        bad(Role::Requests, "hello\n", "malformed message: HTTP head: invalid token");
        bad(Role::Responses, "hello\n", "malformed message: HTTP head: invalid HTTP version");
        bad(Role::Responses, "GET / HTTP/1.1\r\n", "malformed message: HTTP head: invalid HTTP version");
        bad(Role::Requests, "GET / HTTP/1.1\r\n:\r\n\r\n", "malformed message: HTTP head: invalid header name");
        bad(Role::Requests, "GE", "stream ended in the middle of a message, after 2 bytes of it");
    }

    #[test]
    fn malformed_chunks_are_refused() {
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        for size in ["\r\n", "x\r\n", "-1\r\n", "3\nabc\r\n", ";x\r\n", "11111111111111111\r\n", "3;x\nabc\r\n"] {
            bad(Role::Responses, &format!("{head}{size}"), "malformed message: invalid HTTP chunk size");
        }
        let end = "malformed message: HTTP chunk without CR LF after its size";
        bad(Role::Responses, &format!("{head}3\r\nabcd\r\n"), end);
        bad(Role::Responses, &format!("{head}3\r\nabc\n0\r\n"), end);
        let truncated = "stream ended in the middle of a message, after 52 bytes of it";
        bad(Role::Responses, &format!("{head}3\r\nab"), truncated);
    }

    #[test]
    fn message_too_long_is_refused_as_early_as_possible() {
        let too_long = Err(FrameError::TooLong { limit: 100 });
        let head = "HTTP/1.1 200 OK\r\n";
        for rest in [
            "Content-Length: 63\r\n\r\n".to_owned(),
            "Content-Length: 18446744073709551615\r\n\r\n".to_owned(),
            "Transfer-Encoding: chunked\r\n\r\n30\r\n".to_owned(),
            "Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n".to_owned(),
            format!("Transfer-Encoding: chunked\r\n\r\n1;{}", "x".repeat(60)),
            format!("Transfer-Encoding: chunked\r\n\r\n0\r\n{}", "x:y\n".repeat(20)),
            format!("\r\n{}", "x".repeat(82)),
            "x:".repeat(50),
        ] {
            assert_eq!(decode(Role::Responses, &format!("{head}{rest}"), 100), (vec![], too_long.clone()), "{rest}");
        }
        assert_eq!(
            decode(Role::Responses, &format!("{head}Content-Length: 61\r\n\r\n{}", "x".repeat(61)), 100).0.len(),
            1
        );
        let empty_lines = "\r\n".repeat(40_000);
        let head_limit = Err(FrameError::TooLong { limit: HEAD_LIMIT });
        assert_eq!(decode(Role::Requests, &empty_lines, 1 << 20), (vec![], head_limit));
    }

    #[test]
    fn no_bytes_after_the_message_are_needed() {
        const LIMIT: usize = 100;
        let need = |fields: &str, rest: &str| {
            let wire = format!("HTTP/1.1 200 OK\r\n{fields}\r\n{rest}");
            match Http::new(Role::Responses, LIMIT).scan(wire.as_bytes()) {
                Ok(Scan::More(need)) => (need, LIMIT + 1 - wire.len()),
                other => panic!("{other:?}"),
            }
        };
        let (in_head, left) = need("Server: x", "Content-");
        assert_eq!(in_head, Need::Through { last: b'\n', most: left });
        let (until_close, left) = need("", "abc");
        assert_eq!(until_close, Need::Bytes(left));
        assert_eq!(need("Content-Length: 9\r\n", "ab").0, Need::Bytes(7));
        let chunked = "Transfer-Encoding: chunked\r\n";
        assert_eq!(need(chunked, "3\r\na").0, Need::Bytes(4));
        for rest in ["3;", "3\r\nabc\r\n", "0\r\nx"] {
            let (in_line, left) = need(chunked, rest);
            assert_eq!(in_line, Need::Through { last: b'\n', most: left }, "{rest:?}");
        }
    }

    #[test]
    fn long_head_and_many_chunks_take_linear_time() {
        let head = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX: {}\r\n\r\n", "x".repeat(60_000));
        let wire = format!("{head}{}0\r\n\r\n", "1\r\nx\r\n".repeat(20_000));
        let mut inbox = Inbox::new(Framing::Http, Role::Responses, 1 << 20);
        let (last, most) = wire.as_bytes().split_last().unwrap();
        for byte in most.chunks(1) {
            assert_eq!(inbox.pull(&mut &byte[..]), Ok(None));
        }
        assert_eq!(inbox.pull(&mut &[*last][..]).unwrap().unwrap().body.len(), 20_000);
    }
}
