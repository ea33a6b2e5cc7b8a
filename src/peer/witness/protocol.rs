//! The protocol between this program and a witness: lines of words over its stdin and stdout.
//!
//! | from | line |
//! |---|---|
//! | witness | `secretcat-witness PROTOCOL VERSION`, and `streams` if it is a listener |
//! | client | `ID sockets RECEIVED WAIT` |
//! | witness | `ID sockets FIRST TOTAL COOKIE,LOCAL,REMOTE …` |
//! | client | `ID read COOKIE\|- LOCAL REMOTE AFTER WAIT` |
//! | witness | `ID read COOKIE FIRST RECEIVED UNREAD\|- WAITED`, or `ID gone` |
//! | client | `ID stream COOKIE\|- LOCAL REMOTE HASH WAIT` |
//! | witness | `ID known COOKIE COUNT equal\|other WAITED`, or `ID gone` |
//! | witness | `ID stream COUNT EQUAL COOKIE,…\|- BEHIND COOKIE,…\|- AHEAD COOKIE,…\|- WAITED` |
//! | witness | `ID failed TEXT` |
//!
//! `secretcat witness` sees the sockets of its host: it answers `sockets` and `read`. A listener knows what it has read
//! from its own connections: it answers `stream`.
//!
//! Each question has a number, and answers come in any order. A question does not say how many bytes were sent, except
//! to search for a socket: a witness that knows nothing cannot give the right count. What was read is compared by a hash
//! that the client gives, so that nobody learns what others have sent.

use std::fmt::{self, Display, Write};
use std::net::SocketAddr;
use std::str::{FromStr, SplitAsciiWhitespace};
use std::time::Duration;

use super::stream::Candidates;

/// The first word of the first line.
const NAME: &str = "secretcat-witness";
/// The version of the protocol.
const PROTOCOL: u32 = 1;
/// The last word of the first line of a listener.
const STREAMS: &str = "streams";
/// Whether the bytes of a connection have the hash that was asked about.
const EQUAL: &str = "equal";
const OTHER: &str = "other";
/// The longest line that a witness reads.
pub const LONGEST_QUESTION: usize = 512;
/// The longest line that a client reads.
pub const LONGEST_ANSWER: usize = 16 * 1024;
/// The largest number of sockets in an answer.
pub const MOST_SOCKETS: usize = 64;
/// The largest number of connections in each list of an answer.
pub const MOST_STREAMS: usize = 64;
/// The longest time that a question may ask a witness to wait.
pub const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// The two addresses of a socket, as its own host sees them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ends {
    /// Its own.
    pub local: SocketAddr,
    /// Its peer's.
    pub remote: SocketAddr,
}

impl Ends {
    /// The ends of the peer's socket, from those of ours, without address translation.
    #[must_use]
    pub fn of_peer(local: SocketAddr, peer: SocketAddr) -> Ends {
        Ends { local: plain(peer), remote: plain(local) }
    }
}

/// An IPv4 address mapped into IPv6 is IPv4, and the number of an interface means nothing on another host.
fn plain(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// What a witness answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// Questions about the sockets of its host.
    #[default]
    Sockets,
    /// Questions about what it has read from its own connections.
    Streams,
}

/// A question about sockets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// Which sockets have received this number of bytes? If there is none, the witness waits for one at most so long.
    Sockets {
        /// The number of bytes.
        received: u64,
        /// The longest wait.
        wait: Duration,
    },
    /// Has a socket received more than this number of bytes, and has its program read them all? The witness waits for
    /// that at most so long.
    Read {
        /// The number that tells a socket from an earlier one with the same addresses; `None` for any.
        cookie: Option<u64>,
        /// Its addresses.
        ends: Ends,
        /// It has received this number of bytes before.
        after: u64,
        /// The longest wait.
        wait: Duration,
    },
    /// From which connection has the listener read bytes with this hash? The witness waits for one at most so long.
    Stream {
        /// The number of the connection, if it is known.
        cookie: Option<u64>,
        /// Its addresses, if nothing on the way changes them.
        ends: Ends,
        /// The hash of the bytes that were sent.
        hash: u64,
        /// The longest wait.
        wait: Duration,
    },
}

impl Question {
    /// The longest time that the witness may wait.
    #[must_use]
    pub fn wait(&self) -> Duration {
        match self {
            Question::Sockets { wait, .. } | Question::Read { wait, .. } | Question::Stream { wait, .. } => *wait,
        }
    }
}

/// The answer to a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// These sockets have received that number of bytes.
    Sockets(Found),
    /// The state of the socket.
    Read(Reading),
    /// What was read from the connection with the cookie or the addresses, and how long the witness has waited.
    Known(Taken, Duration),
    /// No connection has the addresses: what was read from any, and how long the witness has waited.
    Stream(Progress, Duration),
    /// There is no such socket, or it is closed.
    Gone,
    /// The witness could not find out.
    Failed(String),
}

/// What a listener has read from one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken {
    /// The number of the connection.
    pub cookie: u64,
    /// The number of bytes.
    pub count: u64,
    /// They have the hash that was asked about.
    pub is_equal: bool,
}

/// What a listener has read from the connections that a client may have made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// The number of bytes that it has read from each of `equal`.
    pub count: u64,
    /// The connections from which it has read the bytes with the hash, and nothing more.
    pub equal: Candidates,
    /// Those from which it has read less than from `equal`, and which may still get there.
    pub behind: Candidates,
    /// Those that begin in the same way and have read as much or more, other bytes included.
    pub ahead: Candidates,
}

/// Sockets that have received a number of bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// How many there were when the witness looked first.
    pub first: usize,
    /// How many there are.
    pub total: usize,
    /// They, or the first of them.
    pub sockets: Vec<Socket>,
}

/// A socket on the host of the witness.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Socket {
    /// The number that tells it from an earlier one with the same addresses.
    pub cookie: u64,
    /// Its addresses.
    pub ends: Ends,
}

/// What a witness has seen of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The number that tells it from an earlier one with the same addresses.
    pub cookie: u64,
    /// The bytes that it had received when the witness looked first.
    pub first: u64,
    /// The bytes that it had received when the witness looked before `unread`.
    pub received: u64,
    /// The bytes that its program had not read, in a later query of the kernel. `None` if no more were received than
    /// before.
    pub unread: Option<u64>,
    /// How long the witness has waited.
    pub waited: Duration,
}

/// The first line of a witness of this version.
#[must_use]
pub fn hello(kind: Kind) -> String {
    let kind = if kind == Kind::Streams { format!(" {STREAMS}") } else { String::new() };
    format!("{NAME} {PROTOCOL} {}{kind}\n", env!("CARGO_PKG_VERSION"))
}

/// Parses the first line of a witness.
///
/// # Errors
/// Why there will be no answers: it is no witness, or one with another protocol.
pub fn check_hello(line: &str) -> Result<Kind, String> {
    let words: Vec<_> = line.split_ascii_whitespace().collect();
    let (protocol, version, kind) = match words[..] {
        [NAME, protocol, version] => (protocol, version, Kind::Sockets),
        [NAME, protocol, version, STREAMS] => (protocol, version, Kind::Streams),
        _ => return Err("its first line is not that of 'secretcat witness'".to_owned()),
    };
    match protocol.parse() {
        Ok(PROTOCOL) => Ok(kind),
        _ => Err(format!(
            "it is secretcat {version} and speaks version {protocol} of the protocol, and this is secretcat {} with \
             version {PROTOCOL}: install the same version there",
            env!("CARGO_PKG_VERSION")
        )),
    }
}

/// Whether a line may be the first one of a witness. Lines before it are those of a login shell.
#[must_use]
pub fn is_hello(line: &[u8]) -> bool {
    line.starts_with(NAME.as_bytes())
}

impl Question {
    /// The line that asks this.
    #[must_use]
    pub fn line(&self, id: u64) -> String {
        match self {
            Question::Sockets { received, wait } => format!("{id} sockets {received} {}\n", wait.as_micros()),
            Question::Read { cookie, ends, after, wait } => {
                let cookie = Maybe(*cookie);
                format!("{id} read {cookie} {} {} {after} {}\n", ends.local, ends.remote, wait.as_micros())
            }
            Question::Stream { cookie, ends, hash, wait } => {
                let cookie = Maybe(*cookie);
                format!("{id} stream {cookie} {} {} {hash} {}\n", ends.local, ends.remote, wait.as_micros())
            }
        }
    }

    /// Parses a line, without its end.
    #[must_use]
    pub fn parse(line: &str) -> Option<(u64, Question)> {
        let mut words = Words(line.split_ascii_whitespace());
        let id = words.value()?;
        let question = match words.0.next()? {
            "sockets" => Question::Sockets { received: words.value()?, wait: words.time()? },
            "read" => Question::Read {
                cookie: words.maybe()?.0,
                ends: words.ends()?,
                after: words.value()?,
                wait: words.time()?,
            },
            "stream" => Question::Stream {
                cookie: words.maybe()?.0,
                ends: words.ends()?,
                hash: words.value()?,
                wait: words.time()?,
            },
            _ => return None,
        };
        words.0.next().is_none().then_some((id, question))
    }
}

impl Answer {
    /// The line that answers the question with this number.
    #[must_use]
    pub fn line(&self, id: u64) -> String {
        let mut line = id.to_string();
        // Writing to a string never fails.
        let _ = match self {
            Answer::Sockets(Found { first, total, sockets }) => {
                let _ = write!(line, " sockets {first} {total}");
                sockets
                    .iter()
                    .try_for_each(|Socket { cookie, ends }| write!(line, " {cookie},{},{}", ends.local, ends.remote))
            }
            Answer::Read(Reading { cookie, first, received, unread, waited }) => {
                let unread = Maybe(*unread);
                write!(line, " read {cookie} {first} {received} {unread} {}", waited.as_micros())
            }
            Answer::Known(Taken { cookie, count, is_equal }, waited) => {
                let word = if *is_equal { EQUAL } else { OTHER };
                write!(line, " known {cookie} {count} {word} {}", waited.as_micros())
            }
            Answer::Stream(Progress { count, equal, behind, ahead }, waited) => {
                write!(line, " stream {count} {equal} {behind} {ahead} {}", waited.as_micros())
            }
            Answer::Gone => write!(line, " gone"),
            Answer::Failed(text) => write!(line, " failed {text}"),
        };
        line.push('\n');
        line
    }

    /// Parses a line, without its end.
    #[must_use]
    pub fn parse(line: &str) -> Option<(u64, Answer)> {
        let mut words = Words(line.split_ascii_whitespace());
        let id = words.value()?;
        let answer = match words.0.next()? {
            "sockets" => Answer::Sockets(words.found()?),
            "read" => Answer::Read(Reading {
                cookie: words.value()?,
                first: words.value()?,
                received: words.value()?,
                unread: words.maybe()?.0,
                waited: words.time()?,
            }),
            "known" => {
                let (cookie, count) = (words.value()?, words.value()?);
                let is_equal = match words.0.next()? {
                    EQUAL => true,
                    OTHER => false,
                    _ => return None,
                };
                Answer::Known(Taken { cookie, count, is_equal }, words.time()?)
            }
            "stream" => {
                let (count, equal, behind) = (words.value()?, words.candidates()?, words.candidates()?);
                let ahead = words.candidates()?;
                Answer::Stream(Progress { count, equal, behind, ahead }, words.time()?)
            }
            "gone" => Answer::Gone,
            "failed" => return Some((id, Answer::Failed(words.0.collect::<Vec<_>>().join(" ")))),
            _ => return None,
        };
        words.0.next().is_none().then_some((id, answer))
    }

    /// Whether this can be the answer to that question.
    #[must_use]
    pub fn fits(&self, question: &Question) -> bool {
        match (self, question) {
            (Answer::Failed(_), _) | (Answer::Gone, Question::Read { .. } | Question::Stream { .. }) => true,
            (Answer::Known(taken, _), Question::Stream { cookie, .. }) => {
                cookie.is_none_or(|cookie| cookie == taken.cookie)
            }
            (Answer::Stream(progress, _), Question::Stream { cookie: None, .. }) => progress.is_sound(),
            (Answer::Sockets(found), Question::Sockets { .. }) => found.sockets.len() <= found.total,
            (Answer::Read(reading), Question::Read { cookie, after, .. }) => {
                let is_same = cookie.is_none_or(|cookie| cookie == reading.cookie);
                // The end of the stream counts as one more, and bytes received do not become fewer.
                is_same
                    && reading.first <= reading.received
                    && (reading.unread.is_some() == (reading.received > *after))
            }
            _ => false,
        }
    }
}

impl Progress {
    /// Whether the lists are as long as they say, and no connection is in two.
    fn is_sound(&self) -> bool {
        let lists = [&self.equal, &self.behind, &self.ahead];
        let mut all: Vec<_> = lists.iter().flat_map(|list| &list.listed).collect();
        let number = all.len();
        all.sort_unstable();
        all.dedup();
        number == all.len() && lists.iter().all(|list| list.listed.len() == list.total.min(MOST_STREAMS))
    }
}

/// `TOTAL COOKIE,…`, or `0 -`.
impl Display for Candidates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let listed: Vec<_> = self.listed.iter().map(u64::to_string).collect();
        write!(f, "{} {}", self.total, if listed.is_empty() { "-".to_owned() } else { listed.join(",") })
    }
}

/// A number, or `-` for none.
struct Maybe(Option<u64>);

impl Display for Maybe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(number) => number.fmt(f),
            None => f.write_str("-"),
        }
    }
}

/// The words of a line.
struct Words<'a>(SplitAsciiWhitespace<'a>);

impl Words<'_> {
    fn value<T: FromStr>(&mut self) -> Option<T> {
        self.0.next()?.parse().ok()
    }

    fn maybe(&mut self) -> Option<Maybe> {
        match self.0.next()? {
            "-" => Some(Maybe(None)),
            word => Some(Maybe(Some(word.parse().ok()?))),
        }
    }

    fn time(&mut self) -> Option<Duration> {
        self.value().map(Duration::from_micros)
    }

    fn ends(&mut self) -> Option<Ends> {
        Some(Ends { local: self.value()?, remote: self.value()? })
    }

    fn candidates(&mut self) -> Option<Candidates> {
        let total = self.value()?;
        let listed = match self.0.next()? {
            "-" => Vec::new(),
            list => list.split(',').take(MOST_STREAMS + 1).map(|word| word.parse().ok()).collect::<Option<_>>()?,
        };
        (listed.len() <= MOST_STREAMS).then_some(Candidates { total, listed })
    }

    fn found(&mut self) -> Option<Found> {
        let (first, total) = (self.value()?, self.value()?);
        let socket = |word: &str| {
            let mut parts = word.split(',');
            let (cookie, local, remote) = (parts.next()?, parts.next()?, parts.next()?);
            let ends = Ends { local: local.parse().ok()?, remote: remote.parse().ok()? };
            parts.next().is_none().then_some(Socket { cookie: cookie.parse().ok()?, ends })
        };
        let sockets = self.0.by_ref().take(MOST_SOCKETS + 1).map(socket).collect::<Option<Vec<_>>>()?;
        (sockets.len() <= MOST_SOCKETS).then_some(Found { first, total, sockets })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ends() -> impl Strategy<Value = Ends> {
        let address = || any::<(std::net::IpAddr, u16)>().prop_map(SocketAddr::from);
        (address(), address()).prop_map(|(local, remote)| Ends { local, remote })
    }

    fn time() -> impl Strategy<Value = Duration> {
        any::<u64>().prop_map(Duration::from_micros)
    }

    fn questions() -> impl Strategy<Value = Question> {
        prop_oneof![
            (any::<u64>(), time()).prop_map(|(received, wait)| Question::Sockets { received, wait }),
            (any::<Option<u64>>(), ends(), any::<u64>(), time())
                .prop_map(|(cookie, ends, after, wait)| Question::Read { cookie, ends, after, wait }),
            (any::<Option<u64>>(), ends(), any::<u64>(), time())
                .prop_map(|(cookie, ends, hash, wait)| Question::Stream { cookie, ends, hash, wait }),
        ]
    }

    fn candidates() -> impl Strategy<Value = Candidates> {
        let cookies = proptest::collection::vec(any::<u64>(), 0..=MOST_STREAMS);
        (any::<usize>(), cookies).prop_map(|(total, listed)| Candidates { total, listed })
    }

    fn answers() -> impl Strategy<Value = Answer> {
        let socket = || (any::<u64>(), ends()).prop_map(|(cookie, ends)| Socket { cookie, ends });
        let sockets = proptest::collection::vec(socket(), 0..=MOST_SOCKETS);
        let reading = (any::<u64>(), any::<u64>(), any::<u64>(), any::<Option<u64>>(), time());
        prop_oneof![
            (any::<usize>(), any::<usize>(), sockets).prop_map(|(first, total, sockets)| Answer::Sockets(Found {
                first,
                total,
                sockets
            })),
            reading.prop_map(|(cookie, first, received, unread, waited)| {
                Answer::Read(Reading { cookie, first, received, unread, waited })
            }),
            (any::<u64>(), any::<u64>(), any::<bool>(), time())
                .prop_map(|(cookie, count, is_equal, waited)| Answer::Known(Taken { cookie, count, is_equal }, waited)),
            (any::<u64>(), [candidates(), candidates(), candidates()], time()).prop_map(|(count, lists, waited)| {
                let [equal, behind, ahead] = lists;
                Answer::Stream(Progress { count, equal, behind, ahead }, waited)
            }),
            Just(Answer::Gone),
            "[a-z]{1,9}( [a-z]{1,9}){0,3}".prop_map(Answer::Failed),
        ]
    }

    proptest! {
        #[test]
        fn question_is_parsed_from_its_line(id in any::<u64>(), question in questions()) {
            let line = question.line(id);
            prop_assert!(line.ends_with('\n') && line.len() <= LONGEST_QUESTION);
            prop_assert_eq!(Question::parse(line.trim_end()), Some((id, question)));
        }

        #[test]
        fn answer_is_parsed_from_its_line(id in any::<u64>(), answer in answers()) {
            let line = answer.line(id);
            prop_assert!(line.ends_with('\n') && line.len() <= LONGEST_ANSWER);
            prop_assert_eq!(Answer::parse(line.trim_end()), Some((id, answer)));
        }

        #[test]
        fn nonsense_is_no_question_and_no_answer(line in "[ -~]{0,60}|[0-9]{1,3} (read|sockets|stream|known|gone)[ 0-9,.:-]{0,60}") {
            // Only lines of the right form are parsed, and none panics.
            if let Some((id, question)) = Question::parse(&line) {
                prop_assert_eq!(Question::parse(question.line(id).trim_end()), Some((id, question)));
            }
            if let Some((id, answer)) = Answer::parse(&line) {
                prop_assert_eq!(Answer::parse(answer.line(id).trim_end()), Some((id, answer)));
            }
        }
    }

    #[test]
    fn only_a_witness_of_the_same_protocol_is_accepted() {
        for kind in [Kind::Sockets, Kind::Streams] {
            assert_eq!(check_hello(hello(kind).trim_end()), Ok(kind));
        }
        assert_eq!(check_hello("secretcat-witness 1 9.9.9"), Ok(Kind::Sockets));
        let other = check_hello("secretcat-witness 2 9.9.9").unwrap_err();
        assert!(other.starts_with("it is secretcat 9.9.9 and speaks version 2 of the protocol, and this"), "{other}");
        for none in ["", "hello", "secretcat-witness", "secretcat-witness 1", "secretcat-witness 1 2 3", "x 1 9.9.9"] {
            assert_eq!(check_hello(none).unwrap_err(), "its first line is not that of 'secretcat witness'", "{none}");
        }
    }

    #[test]
    fn answer_fits_only_its_question() {
        let ends = Ends::of_peer("10.0.0.1:5".parse().unwrap(), "[::ffff:10.0.0.2]:80".parse().unwrap());
        assert_eq!(ends.local.to_string(), "10.0.0.2:80");
        let wait = Duration::ZERO;
        let read = Question::Read { cookie: Some(7), ends, after: 5, wait };
        let sockets = Question::Sockets { received: 5, wait };
        let reading = |cookie, first, received, unread| {
            Answer::Read(Reading { cookie, first, received, unread, waited: Duration::ZERO })
        };
        let found = |total, listed| {
            Answer::Sockets(Found { first: 0, total, sockets: vec![Socket { cookie: 7, ends }; listed] })
        };
        for (answer, fits_read, fits_sockets) in [
            (reading(7, 5, 9, Some(0)), true, false),
            (reading(7, 5, 5, None), true, false),
            (reading(8, 5, 9, Some(0)), false, false),
            (reading(7, 9, 5, None), false, false),
            (reading(7, 5, 9, None), false, false),
            (reading(7, 5, 5, Some(0)), false, false),
            (Answer::Gone, true, false),
            (Answer::Failed(String::new()), true, true),
            (found(1, 1), false, true),
            (found(3, 1), false, true),
            (found(0, 1), false, false),
        ] {
            assert_eq!((answer.fits(&read), answer.fits(&sockets)), (fits_read, fits_sockets), "{answer:?}");
        }
    }

    #[test]
    fn answer_of_a_listener_fits_its_question() {
        let ends = Ends::of_peer("10.0.0.1:5".parse().unwrap(), "10.0.0.2:80".parse().unwrap());
        let ask = |cookie| Question::Stream { cookie, ends, hash: 1, wait: Duration::ZERO };
        for (line, fits_any, fits_known) in [
            ("1 known 7 5 equal 0", true, true),
            ("1 known 8 5 other 0", true, false),
            ("1 stream 5 1 8 0 - 0 - 0", true, false),
            ("1 stream 5 1 7 1 8 1 9 0", true, false),
            ("1 stream 5 1 7 1 7 0 - 0", false, false), // it cannot have read all and less
            ("1 stream 5 2 7,7 0 - 0 - 0", false, false),
            ("1 stream 0 0 - 0 - 0 - 0", true, false),
            ("1 stream 5 2 7,8 0 - 0 - 0", true, false),
            ("1 stream 5 3 7,8 0 - 0 - 0", false, false), // one is missing
            ("1 stream 5 1 7 0 - 1 8,9 0", false, false),
            ("1 gone", true, true),
        ] {
            let (_, answer) = Answer::parse(line).unwrap();
            assert_eq!((answer.fits(&ask(None)), answer.fits(&ask(Some(7)))), (fits_any, fits_known), "{line}");
        }
        let read = Question::Read { cookie: None, ends, after: 5, wait: Duration::ZERO };
        assert!(!Answer::Stream(Progress::default(), Duration::ZERO).fits(&read));
    }
}
