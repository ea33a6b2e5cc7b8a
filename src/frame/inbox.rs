//! The inbox of a connection: bytes in, messages out, bounded.

use std::borrow::Cow;

use super::delimiter::Delimited;
use super::http::Http;
use super::lines::Lines;
use super::{Form, Found, FrameError, Framing, LengthField, Message, Need, ResponseMode, Role, Scan};

/// The largest buffer that an idle connection keeps for partial messages.
const KEPT: usize = 256;

/// Collects bytes and returns whole messages, the same ones however the bytes were split.
///
/// A message that is complete in the fresh bytes is returned without copying; only an incomplete tail is
/// copied. Every byte is examined once, so the work is linear in the bytes.
#[derive(Debug)]
pub struct Inbox {
    scanner: Scanner,
    role: Role,
    limit: usize,
    /// A line that is too long is discarded, and the next ones are returned.
    discards: bool,
    /// Bytes that are not returned yet, after `start` bytes that were.
    stash: Vec<u8>,
    start: usize,
}

#[derive(Debug)]
enum Scanner {
    Lines(Lines),
    /// The rest of a line that is too long is discarded.
    Discarding(Lines),
    Raw,
    Length(LengthField, usize),
    Delimited(Delimited),
    Http(Http),
    /// The error that ended it, and whether the message with the error still waits for `100 Continue`.
    Failed(FrameError, bool),
}

impl Inbox {
    /// An empty inbox. `limit` is the largest size of a message: a message without its line ending,
    /// delimiter or length field, and an HTTP message with its head. Raw bytes have no limit.
    #[must_use]
    pub fn new(framing: Framing, role: Role, limit: usize) -> Inbox {
        Inbox { scanner: Scanner::new(framing, role, limit), role, limit, discards: false, stash: Vec::new(), start: 0 }
    }

    /// Decodes with this framing from now on, the buffered bytes included. An error stays final.
    pub fn reframe(&mut self, framing: Framing) {
        if self.failure().is_none() {
            self.scanner = Scanner::new(framing, self.role, self.limit);
        }
    }

    /// The same inbox, but returning lines with their ending, byte for byte.
    #[must_use]
    pub fn verbatim(mut self) -> Inbox {
        if let Scanner::Lines(lines) = &mut self.scanner {
            lines.keep_ending();
        }
        self
    }

    /// The same inbox, but a line that is too long is an error of its own only: the rest of it is discarded as it comes,
    /// and the lines after it are returned. Other framings have no such point at which they could continue.
    #[must_use]
    pub fn discarding_long_lines(self) -> Inbox {
        Inbox { discards: true, ..self }
    }

    /// Takes the next message, first from the buffer and then from `fresh`, which is moved past it. `None`:
    /// more bytes are needed; all of `fresh` was taken and its tail is buffered here. An error is final, and every
    /// further call returns it, except as [`Inbox::discarding_long_lines`] says.
    #[allow(clippy::inline_always, reason = "several callers, and each is a loop that is hot")]
    #[inline(always)]
    pub fn pull<'s, 'f: 's>(&'s mut self, fresh: &mut &'f [u8]) -> Result<Option<Message<'s>>, FrameError> {
        // The most frequent case is a line that is complete in the fresh bytes. This code is short enough to be inlined
        // into the loop over the messages.
        if self.buffered() == 0 {
            if fresh.is_empty() {
                return self.check().map(|()| None);
            }
            if let Scanner::Lines(lines) = &self.scanner {
                if let Some((wire, body)) = lines.split(fresh) {
                    return Ok(Some(Message { wire, body: Cow::Borrowed(body), mode: None }));
                }
            }
        }
        self.pull_any(fresh)
    }

    #[inline(never)]
    fn pull_any<'s, 'f: 's>(&'s mut self, fresh: &mut &'f [u8]) -> Result<Option<Message<'s>>, FrameError> {
        if !self.discard(fresh) {
            return Ok(None);
        }
        if self.buffered() == 0 {
            let bytes = *fresh;
            return match self.scanner.scan(bytes) {
                Ok(Scan::Whole(found)) => {
                    let mode = self.scanner.finish_message();
                    let (wire, rest) = bytes.split_at(found.wire);
                    *fresh = rest;
                    Ok(Some(found.message(wire, mode)))
                }
                Ok(Scan::More(_)) => {
                    *fresh = &[];
                    self.append(bytes);
                    Ok(None)
                }
                Err(error) => Err(self.fail(error)),
            };
        }
        loop {
            let need = match self.scanner.scan(&self.stash[self.start..]) {
                Ok(Scan::Whole(found)) => return Ok(Some(self.take(&found))),
                Ok(Scan::More(need)) => need,
                Err(error) => return Err(self.fail(error)),
            };
            let bytes = *fresh;
            // The bytes after the message stay in `fresh`.
            let (needed, rest) = bytes.split_at(need.count(bytes));
            if needed.is_empty() {
                return Ok(None);
            }
            *fresh = rest;
            self.append(needed);
        }
    }

    /// Adds a request to the queue of requests that the next messages answer. Only HTTP needs it: a response to
    /// HEAD has no body.
    pub fn expect(&mut self, request: &[u8]) {
        if let Scanner::Http(http) = &mut self.scanner {
            http.expect(request);
        }
    }

    /// Whether the incomplete message waits for `100 Continue`, as a request of HTTP can; true once for each
    /// message. To be called after [`Inbox::pull`] has returned `None`.
    pub fn take_expectation(&mut self) -> bool {
        match &mut self.scanner {
            Scanner::Http(http) => http.take_expectation(),
            Scanner::Failed(_, expects) => std::mem::take(expects),
            _ => false,
        }
    }

    /// The error that ended it.
    #[must_use]
    pub fn failure(&self) -> Option<&FrameError> {
        if let Scanner::Failed(error, _) = &self.scanner { Some(error) } else { None }
    }

    /// Buffers bytes that were read but not pulled, for a caller that stops pulling early. The caller limits
    /// their number.
    pub fn keep(&mut self, fresh: &[u8]) {
        if self.failure().is_none() {
            self.append(fresh);
        }
    }

    /// Takes a last message at the end of the stream; to be called after `pull` has returned `None`, until it
    /// returns none. A last line without LF, a last message without its delimiter, and an HTTP response whose body ends with the connection are
    /// messages; any other rest is [`FrameError::Truncated`].
    pub fn finish(&mut self) -> Result<Option<Message<'_>>, FrameError> {
        self.check()?;
        if self.buffered() == 0 || !self.discard(&mut &[][..]) {
            return Ok(None);
        }
        let held = &self.stash[self.start..];
        let last = match self.scanner.scan(held) {
            Ok(Scan::Whole(found)) => Ok(Some(found)),
            Ok(Scan::More(_)) => self.scanner.finish(held),
            Err(error) => Err(error),
        };
        match last {
            Ok(Some(found)) => Ok(Some(self.take(&found))),
            Ok(None) => {
                self.start = self.stash.len();
                self.scanner.finish_message();
                Ok(None)
            }
            Err(error) => Err(self.fail(error)),
        }
    }

    /// Whether [`Inbox::finish`] returns a complete message: a response of HTTP may end with its connection,
    /// while a line without its LF is incomplete.
    #[must_use]
    pub fn ends_with_stream(&self) -> bool {
        matches!(self.scanner, Scanner::Http(_))
    }

    /// Whether all bytes so far are complete messages. Bytes without a framing never are.
    #[must_use]
    pub fn is_between_messages(&self) -> bool {
        self.buffered() == 0 && !matches!(self.scanner, Scanner::Raw | Scanner::Discarding(_) | Scanner::Failed(..))
    }

    /// Whether its messages are text, and do not begin with bytes such as those of TLS.
    #[must_use]
    pub fn is_text(&self) -> bool {
        self.buffered() == 0 && matches!(self.scanner, Scanner::Lines(_) | Scanner::Http(_))
    }

    /// Whether a line that is too long is not its last.
    #[must_use]
    pub fn discards_long_lines(&self) -> bool {
        self.discards && self.has_lines()
    }

    /// Whether its messages are lines.
    #[must_use]
    pub fn has_lines(&self) -> bool {
        matches!(self.scanner, Scanner::Lines(_) | Scanner::Discarding(_))
    }

    /// The bytes that were not returned as a message yet.
    #[must_use]
    pub fn held(&self) -> &[u8] {
        &self.stash[self.start..]
    }

    /// The same, of an inbox that is no longer needed.
    #[must_use]
    pub fn into_held(mut self) -> Vec<u8> {
        self.stash.drain(..self.start);
        self.stash
    }

    /// The number of those bytes.
    #[must_use]
    pub fn buffered(&self) -> usize {
        self.stash.len() - self.start
    }

    /// Frees memory that the buffered bytes do not need, except a little for the next partial message.
    pub fn shrink(&mut self) {
        if self.stash.capacity() == 0 {
            return;
        }
        self.compact();
        if self.stash.capacity() / 4 > self.stash.len() {
            self.stash.shrink_to(KEPT); // nothing happens to a smaller one
        }
    }

    fn take(&mut self, found: &Found) -> Message<'_> {
        let mode = self.scanner.finish_message();
        let held = &self.stash[self.start..];
        self.start += found.wire;
        found.message(&held[..found.wire], mode)
    }

    fn append(&mut self, bytes: &[u8]) {
        // Moving the rest costs its length: do it only when at least that much was returned.
        if self.start >= self.buffered() {
            self.compact();
        }
        self.stash.extend_from_slice(bytes);
    }

    fn compact(&mut self) {
        self.stash.drain(..self.start);
        self.start = 0;
    }

    /// Discards the rest of a line that is too long. False: its end has not come yet.
    fn discard(&mut self, fresh: &mut &[u8]) -> bool {
        let Scanner::Discarding(lines) = self.scanner else { return true };
        let mut held = self.held();
        let mut is_over = skip_line(&mut held);
        let left = held.len();
        self.start = self.stash.len() - left;
        if left == 0 {
            (self.stash, self.start) = (Vec::new(), 0);
        }
        is_over = is_over || skip_line(fresh);
        if is_over {
            self.scanner = Scanner::Lines(lines);
        }
        is_over
    }

    fn check(&self) -> Result<(), FrameError> {
        self.failure().map_or(Ok(()), |error| Err(error.clone()))
    }

    fn fail(&mut self, error: FrameError) -> FrameError {
        match self.scanner {
            Scanner::Lines(mut lines) if self.discards => {
                lines.reset();
                self.scanner = Scanner::Discarding(lines);
                self.discard(&mut &[][..]);
                return error;
            }
            _ => {}
        }
        self.stash = Vec::new();
        self.start = 0;
        self.scanner = Scanner::Failed(error.clone(), self.take_expectation());
        error
    }
}

/// Moves the start of these bytes behind their first LF. False: there is none.
fn skip_line(bytes: &mut &[u8]) -> bool {
    let lf = memchr::memchr(b'\n', bytes);
    *bytes = lf.map_or(&[], |lf| &bytes[lf + 1..]);
    lf.is_some()
}

impl Scanner {
    fn new(framing: Framing, role: Role, limit: usize) -> Scanner {
        match framing {
            Framing::Lines => Scanner::Lines(Lines::new(limit)),
            Framing::Raw => Scanner::Raw,
            Framing::Http => Scanner::Http(Http::new(role, limit)),
            Framing::Length(field) => Scanner::Length(field, limit),
            Framing::Delimiter(delimiter) => Scanner::Delimited(Delimited::new(delimiter, limit)),
        }
    }

    /// Searches for the end of the first message in `held`. Until it is found, `held` may only grow between two
    /// calls, because bytes that were examined are not examined again.
    fn scan(&mut self, held: &[u8]) -> Result<Scan, FrameError> {
        match self {
            Scanner::Lines(lines) => lines.scan(held),
            Scanner::Discarding(_) => Ok(Scan::More(Need::Through { last: b'\n', most: usize::MAX })),
            Scanner::Raw if held.is_empty() => Ok(Scan::More(Need::Bytes(usize::MAX))),
            Scanner::Raw => {
                Ok(Scan::Whole(Found { wire: held.len(), body: 0, body_end: held.len(), form: Form::Plain }))
            }
            Scanner::Length(field, limit) => field.scan(held, *limit),
            Scanner::Delimited(delimited) => delimited.scan(held),
            Scanner::Http(http) => http.scan(held),
            Scanner::Failed(error, _) => Err(error.clone()),
        }
    }

    /// The end of the stream: a last message, nothing, or an incomplete message.
    fn finish(&self, held: &[u8]) -> Result<Option<Found>, FrameError> {
        match self {
            Scanner::Lines(lines) => lines.finish(held).map(Some),
            Scanner::Delimited(delimited) => delimited.finish(held).map(Some),
            Scanner::Http(http) => http.finish(held),
            Scanner::Discarding(_) => Ok(None),
            Scanner::Raw | Scanner::Length(..) => Err(FrameError::Truncated { received: held.len() }),
            Scanner::Failed(error, _) => Err(error.clone()),
        }
    }

    /// Prepares for the next message; returns how the one that was found wants to be answered.
    fn finish_message(&mut self) -> Option<ResponseMode> {
        match self {
            Scanner::Lines(lines) | Scanner::Discarding(lines) => lines.reset(),
            Scanner::Delimited(delimited) => delimited.reset(),
            Scanner::Http(http) => return http.reset(),
            Scanner::Raw | Scanner::Length(..) | Scanner::Failed(..) => {}
        }
        None
    }
}

impl Need {
    /// How many of these bytes the decoder needs.
    fn count(&self, bytes: &[u8]) -> usize {
        match *self {
            Need::Bytes(most) => most.min(bytes.len()),
            Need::Through { last, most } => {
                let bytes = &bytes[..most.min(bytes.len())];
                memchr::memchr(last, bytes).map_or(bytes.len(), |at| at + 1)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::splits::{bodies, decode};
    use crate::frame::tests::samples;

    const LIMIT: usize = 40;

    fn lines(limit: usize) -> Inbox {
        Inbox::new(Framing::Lines, Role::Requests, limit)
    }

    #[test]
    fn unterminated_last_line_is_a_message() {
        let outcome = decode(lines(LIMIT), &[b"one\r", b"\ntwo\n\nthr", b"ee\r"], &[]);
        assert_eq!(bodies(&outcome), [&b"one"[..], b"two", b"", b"three\r"]);
        assert_eq!(outcome.0[0].0, b"one\r\n");
        assert_eq!(outcome.1, None);
        assert_eq!(decode(lines(LIMIT), &[b"one\n"], &[]).0.len(), 1);
        assert_eq!(decode(lines(LIMIT), &[], &[]), (vec![], None));
    }

    #[test]
    fn whole_messages_are_not_copied() {
        let wire = b"one\ntwo\nthr";
        let mut inbox = lines(LIMIT);
        let mut fresh = &wire[..];
        for at in [0, 4] {
            let message = inbox.pull(&mut fresh).unwrap().unwrap();
            assert_eq!(message.wire.as_ptr(), wire[at..].as_ptr());
            assert!(matches!(message.body, Cow::Borrowed(_)));
        }
        assert_eq!(inbox.stash.capacity(), 0);
        assert_eq!(inbox.pull(&mut fresh), Ok(None));
        assert_eq!((fresh, inbox.buffered()), (&b""[..], 3));

        // Only the rest of the line is moved to the stash, not the bytes after it.
        let wire = b"ee\nfour\n";
        let mut fresh = &wire[..];
        assert_eq!(inbox.pull(&mut fresh).unwrap().unwrap().wire, b"three\n");
        assert_eq!(inbox.pull(&mut fresh).unwrap().unwrap().wire.as_ptr(), wire[3..].as_ptr());
        assert_eq!(inbox.buffered(), 0);
        inbox.shrink();
        assert!(inbox.stash.capacity() <= KEPT);
    }

    #[test]
    fn endless_line_is_refused_at_the_limit_and_freed() {
        let mut inbox = lines(LIMIT);
        let endless = [b'x'; 10];
        let error = Err(FrameError::TooLong { limit: LIMIT });
        for _ in 0..4 {
            assert_eq!(inbox.pull(&mut &endless[..]), Ok(None));
        }
        assert_eq!(inbox.pull(&mut &b"x"[..]), Ok(None));
        assert_eq!(inbox.buffered(), LIMIT + 1);
        assert_eq!(inbox.pull(&mut &endless[..]), error);
        assert_eq!((inbox.buffered(), inbox.stash.capacity()), (0, 0));
        inbox.keep(b"more\n");
        assert_eq!(inbox.pull(&mut &b"x\n"[..]), error);
        assert_eq!(inbox.finish(), error);
    }

    #[test]
    fn long_line_is_discarded_and_the_next_ones_are_returned() {
        let long = |length| "x".repeat(length);
        for length in [LIMIT - 1, LIMIT, LIMIT + 1, LIMIT + 2, LIMIT + 3, 1000] {
            for (end, is_ended) in [("\n", true), ("\r\n", true), ("", false)] {
                let is_too_long = length > LIMIT;
                let stream = format!("a\n{}{end}{}", long(length), if is_ended { "b\n\nc" } else { "" });
                for size in [1, 2, 7, LIMIT, LIMIT + 1, LIMIT + 2, 5000] {
                    let mut inbox = lines(LIMIT).discarding_long_lines();
                    let (mut seen, mut errors) = (Vec::new(), 0);
                    for mut part in stream.as_bytes().chunks(size) {
                        loop {
                            match inbox.pull(&mut part) {
                                Ok(Some(message)) => seen.push(String::from_utf8(message.body.into_owned()).unwrap()),
                                Ok(None) => break,
                                Err(error) => {
                                    assert_eq!(error, FrameError::TooLong { limit: LIMIT });
                                    errors += 1;
                                }
                            }
                            assert!(inbox.failure().is_none() && inbox.has_lines());
                        }
                        assert!(inbox.buffered() <= LIMIT + 2 && inbox.stash.capacity() <= 2 * (LIMIT + 2));
                    }
                    loop {
                        match inbox.finish() {
                            Ok(Some(message)) => seen.push(String::from_utf8(message.body.into_owned()).unwrap()),
                            Ok(None) => break,
                            Err(_) => errors += 1,
                        }
                    }
                    let mut expected = vec!["a".to_owned()];
                    expected.extend((!is_too_long).then(|| long(length)));
                    expected.extend(["b", "", "c"].iter().filter(|_| is_ended).map(|line| (*line).to_owned()));
                    assert_eq!((seen, errors), (expected, usize::from(is_too_long)), "{length} {end:?} {size}");
                }
            }
        }
    }

    #[test]
    fn kept_bytes_of_a_long_line_are_discarded() {
        let mut inbox = lines(3).discarding_long_lines();
        inbox.keep(b"12345678");
        assert!(inbox.pull(&mut &[][..]).is_err());
        assert_eq!((inbox.buffered(), inbox.stash.capacity()), (0, 0));
        inbox.keep(b"9\nab\n1234\ncd");
        assert_eq!(inbox.pull(&mut &[][..]).unwrap().unwrap().wire, b"ab\n");
        assert!(inbox.pull(&mut &[][..]).is_err());
        assert_eq!(inbox.pull(&mut &b"\n"[..]).unwrap().unwrap().body, &b"cd"[..]);
        assert_eq!(inbox.pull(&mut &b"wxyz"[..]), Ok(None));
        assert!(inbox.finish().is_err());
        assert_eq!(inbox.finish(), Ok(None));
    }

    #[test]
    fn long_line_in_small_reads_takes_linear_time() {
        // Examining all buffered bytes again for each new byte would take 10^12 steps.
        let mut inbox = lines(1 << 20);
        for _ in 0..1 << 20 {
            assert_eq!(inbox.pull(&mut &b"x"[..]), Ok(None));
        }
        assert_eq!(inbox.pull(&mut &b"\n"[..]).unwrap().unwrap().body.len(), 1 << 20);
    }

    #[test]
    fn many_kept_messages_take_linear_time() {
        let mut inbox = lines(LIMIT);
        inbox.keep(&b"\n".repeat(1 << 20));
        for kept in 0..1 << 20 {
            assert_eq!(inbox.pull(&mut &[][..]).unwrap().unwrap().wire, b"\n", "{kept}");
            inbox.keep(b"\n");
        }
        assert_eq!(inbox.buffered(), 1 << 20);
    }

    #[test]
    fn memory_of_a_long_message_is_freed() {
        let mut inbox = lines(1 << 20);
        inbox.keep(&b"x".repeat(1 << 20));
        assert!(inbox.pull(&mut &b"\nabc"[..]).unwrap().is_some());
        inbox.keep(b"abc");
        inbox.shrink();
        assert!(inbox.stash.capacity() <= KEPT);
        assert_eq!(inbox.pull(&mut &b"\n"[..]).unwrap().unwrap().wire, b"abc\n");
    }

    #[test]
    fn memory_that_is_mostly_used_is_kept() {
        for (left, capacity) in [(150, 400), (100, 400), (99, KEPT)] {
            let mut inbox = lines(1000);
            let line = "x".repeat(399 - left);
            inbox.keep(format!("{line}\n{}", "y".repeat(left)).as_bytes());
            assert!(inbox.pull(&mut &[][..]).unwrap().is_some());
            inbox.shrink();
            assert_eq!((inbox.buffered(), inbox.stash.capacity()), (left, capacity));
        }
    }

    #[test]
    fn message_shorter_than_its_length_is_truncated() {
        let inbox = Inbox::new("length:u16".parse().unwrap(), Role::Requests, LIMIT);
        let outcome = decode(inbox, &[b"\0\x03ab", b"c\0", b"\0\0\x02a"], &[]);
        assert_eq!(bodies(&outcome), [&b"abc"[..], b""]);
        assert_eq!(outcome.1, Some(FrameError::Truncated { received: 3 }));
    }

    #[test]
    fn verbatim_lines_keep_their_ending() {
        let outcome = decode(lines(LIMIT).verbatim(), &[b"one\r\ntw", b"o\n", b"end"], &[]);
        assert_eq!(bodies(&outcome), [&b"one\r\n"[..], b"two\n", b"end"]);
    }

    #[test]
    fn bytes_without_their_end_are_held() {
        let mut inbox = lines(LIMIT);
        inbox.keep(b"one\ntwo");
        assert_eq!(inbox.pull(&mut &[][..]).unwrap().unwrap().wire, b"one\n");
        assert_eq!(inbox.held(), b"two");
        assert_eq!(inbox.into_held(), b"two");
    }

    #[test]
    fn only_an_http_message_may_end_with_its_stream() {
        for framing in samples() {
            let inbox = Inbox::new(framing, Role::Responses, LIMIT);
            assert_eq!(inbox.ends_with_stream(), framing == Framing::Http, "{framing}");
        }
    }

    #[test]
    fn a_request_asks_once_for_100_continue() {
        let head = "POST / HTTP/1.1\r\nExpect: 100-continue\r\n";
        let mut inbox = Inbox::new(Framing::Http, Role::Requests, 100);
        assert!(!inbox.take_expectation());
        let counted = format!("{head}Content-Length: 1\r\n\r\n");
        assert_eq!(inbox.pull(&mut counted.as_bytes()), Ok(None));
        assert!(inbox.take_expectation() && !inbox.take_expectation());
        let mode = inbox.pull(&mut &b"x"[..]).unwrap().unwrap().mode.unwrap();
        assert!(!mode.expects_continue, "it was asked for");

        // It is asked for although the body turns out to be too long.
        let chunked = format!("{head}Transfer-Encoding: chunked\r\n\r\nfff\r\n");
        assert_eq!(inbox.pull(&mut chunked.as_bytes()), Err(FrameError::TooLong { limit: 100 }));
        assert!(inbox.take_expectation() && !inbox.take_expectation());
        assert!(!lines(LIMIT).take_expectation());
    }

    #[test]
    fn raw_bytes_are_passed_on_as_read() {
        let outcome = decode(Inbox::new(Framing::Raw, Role::Requests, 1), &[b"ab\n", b"", b"c"], &[]);
        assert_eq!(bodies(&outcome), [&b"ab\n"[..], b"c"]);
    }

    #[test]
    fn buffered_bytes_are_decoded_with_the_new_framing() {
        let mut inbox = lines(LIMIT);
        let mut fresh = &b"up\n\0\x02ab\0"[..];
        assert_eq!(inbox.pull(&mut fresh).unwrap().unwrap().wire, b"up\n");
        assert_eq!(inbox.pull(&mut fresh), Ok(None)); // it may have been read as the start of a line
        inbox.reframe("length:u16".parse().unwrap());
        assert_eq!(inbox.pull(&mut &[][..]).unwrap().unwrap().body[..], *b"ab");
        assert_eq!(inbox.pull(&mut &b"\x01c"[..]).unwrap().unwrap().body[..], *b"c");
        assert_eq!(inbox.pull(&mut &b"\xff\xff"[..]), Err(FrameError::TooLong { limit: LIMIT }));
        inbox.reframe(Framing::Raw);
        assert_eq!(inbox.pull(&mut &b"x"[..]), Err(FrameError::TooLong { limit: LIMIT }));
    }
}
