//! The connection to the broker, without its socket: when to connect, what to send first, and when the broker is lost.

use std::time::Duration;

use super::nats::{self, Decoder, Login, Operation};
use crate::service::PeerId;

/// How long the broker may take to take the connection on.
const GREETING: Duration = Duration::from_secs(5);
/// How often the broker is asked whether it is there.
const PING: Duration = Duration::from_secs(5);
/// How long its answer may take.
const PONG: Duration = Duration::from_secs(5);
/// The wait before the first new attempt to connect; it doubles with each one, up to the longest.
const FIRST_WAIT: Duration = Duration::from_millis(250);
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// A connection that lasted this long was good: after it, the waits begin anew.
const GOOD: Duration = Duration::from_secs(10);

/// The connection to the broker.
#[derive(Debug)]
pub(super) struct Uplink {
    terms: Terms,
    state: State,
    /// The connection.
    peer: Option<PeerId>,
    decoder: Decoder,
    /// The attempts that have failed since the last good connection.
    failures: u32,
    /// When something was last received.
    received: Duration,
    /// When the broker was lost.
    lost: Option<Duration>,
}

/// What the broker is asked for.
#[derive(Debug)]
pub(super) struct Terms {
    /// The user and the password.
    pub(super) login: Option<(String, String)>,
    /// The connection is encrypted by TLS.
    pub(super) tls: bool,
    /// The subjects that are subscribed to.
    pub(super) subjects: Vec<String>,
    /// The longest message.
    pub(super) longest: usize,
    /// Spreads the attempts of several servers.
    pub(super) seed: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The next attempt is at this time.
    Waiting(Duration),
    /// A connection is being made.
    Dialing,
    /// The broker is to say what it is, by this time.
    Greeting(Duration),
    /// The broker is to accept what it was asked for, by this time.
    Joining(Duration),
    /// The broker is asked at this time whether it is there.
    Up { since: Duration, ping: Duration },
    /// Its answer is to come by this time.
    Asked { since: Duration, until: Duration },
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// Nothing.
    Nothing,
    /// Connect to the next broker.
    Dial,
    /// Close the connection, which counts as lost for this reason.
    Close(&'static str),
}

/// What has become of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Up {
    /// The time without one.
    pub(super) missing: Option<Duration>,
}

impl Uplink {
    /// No connection; the first attempt is at this time.
    pub(super) fn new(terms: Terms, now: Duration) -> Self {
        let decoder = Decoder::new(terms.longest);
        Uplink { terms, state: State::Waiting(now), peer: None, decoder, failures: 0, received: now, lost: None }
    }

    /// The connection, from when it is made until it is lost.
    pub(super) fn peer(&self) -> Option<PeerId> {
        self.peer
    }

    /// The connection, while the broker passes messages on.
    pub(super) fn up(&self) -> Option<PeerId> {
        self.peer.filter(|_| matches!(self.state, State::Up { .. } | State::Asked { .. }))
    }

    /// When [`due`](Self::due) has something to do.
    pub(super) fn due_at(&self) -> Option<Duration> {
        match self.state {
            State::Dialing => None,
            State::Waiting(at)
            | State::Greeting(at)
            | State::Joining(at)
            | State::Up { ping: at, .. }
            | State::Asked { until: at, .. } => Some(at),
        }
    }

    /// What is to be done at this time. Appends what is to be sent.
    pub(super) fn due(&mut self, now: Duration, out: &mut Vec<u8>) -> Due {
        if self.due_at().is_none_or(|at| at > now) {
            return Due::Nothing;
        }
        match self.state {
            State::Waiting(_) => {
                self.state = State::Dialing;
                Due::Dial
            }
            State::Up { since, .. } => {
                nats::ping(out);
                self.state = State::Asked { since, until: now + PONG };
                Due::Nothing
            }
            State::Greeting(_) => Due::Close("it does not send INFO in time"),
            State::Joining(_) | State::Asked { .. } | State::Dialing => Due::Close("it does not answer PING in time"),
        }
    }

    /// The connection is made.
    pub(super) fn connected(&mut self, peer: PeerId, now: Duration) {
        self.decoder = Decoder::new(self.terms.longest);
        (self.peer, self.state, self.received) = (Some(peer), State::Greeting(now + GREETING), now);
    }

    /// Reads what the broker has sent: messages for `on`, and what changes the state. Appends what is to be sent.
    ///
    /// # Errors
    /// The reason why the connection is to be closed.
    pub(super) fn read(
        &mut self,
        bytes: &[u8],
        now: Duration,
        out: &mut Vec<u8>,
        mut on: impl FnMut(&[u8], &[u8]),
    ) -> Result<Option<Up>, String> {
        self.received = now;
        let Uplink { terms, state, decoder, lost, .. } = self;
        let (mut up, mut failed) = (None, None);
        let read = decoder.read(bytes, |operation| match operation {
            _ if failed.is_some() => {}
            Operation::Info(info) if info.tls_required && !terms.tls => {
                failed = Some("it takes TLS only (give tls:// instead of nats://)".to_owned());
            }
            Operation::Info(info) if info.max_payload != 0 && info.max_payload < terms.longest as u64 => {
                failed =
                    Some(format!("it takes only {} bytes a message: {} are needed", info.max_payload, terms.longest));
            }
            Operation::Info(_) => {
                if let State::Greeting(until) = *state {
                    let (user, password) = terms.login.as_ref().map(|(user, password)| (&**user, &**password)).unzip();
                    nats::connect(Login { user, password }, terms.tls, out);
                    for (subject, number) in terms.subjects.iter().zip(1..) {
                        nats::subscribe(subject, number, out);
                    }
                    nats::ping(out);
                    *state = State::Joining(until);
                }
            }
            Operation::Message { subject, payload } => on(subject, payload),
            Operation::Ping => nats::pong(out),
            Operation::Pong => match *state {
                State::Joining(_) => {
                    *state = State::Up { since: now, ping: now + PING };
                    up = Some(Up { missing: lost.take().map(|at| now.saturating_sub(at)) });
                }
                State::Asked { since, .. } => *state = State::Up { since, ping: now + PING },
                _ => {}
            },
            Operation::TooLong | Operation::Done => {}
            Operation::Failed(text) => failed = Some(format!("it says {}", String::from_utf8_lossy(text))),
        });
        match (read, failed) {
            (Err(error), _) => Err(error.to_string()),
            (Ok(()), Some(why)) => Err(why),
            (Ok(()), None) => Ok(up),
        }
    }

    /// There is no connection, or no longer. Another attempt follows. True: the broker was there until now.
    pub(super) fn lose(&mut self, was_silent: bool, now: Duration) -> bool {
        let up = match self.state {
            State::Up { since, .. } | State::Asked { since, .. } => Some(since),
            _ => None,
        };
        if let Some(since) = up {
            self.lost = Some(if was_silent { self.received } else { now });
            if now >= since + GOOD {
                self.failures = 0;
            }
        }
        let wait = FIRST_WAIT.saturating_mul(1 << self.failures.min(16)).min(LONGEST_WAIT);
        self.failures = self.failures.saturating_add(1);
        // Between a half and all of it, so that servers do not come back all at once.
        let draw = self.terms.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(self.failures) % 1024;
        let wait = wait / 2 + wait / 2 * u32::try_from(draw).unwrap_or_default() / 1024;
        (self.state, self.peer) = (State::Waiting(now + wait), None);
        up.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: PeerId = PeerId::conn(3);

    fn uplink() -> Uplink {
        let subjects = vec!["a".to_owned(), "b".to_owned()];
        Uplink::new(Terms { login: None, tls: false, subjects, longest: 100, seed: 5 }, Duration::ZERO)
    }

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    /// What the connection makes of these bytes, and sends.
    fn read(uplink: &mut Uplink, bytes: &str, at: u64) -> (Result<Option<Up>, String>, String) {
        let mut out = Vec::new();
        let read = uplink.read(bytes.as_bytes(), ms(at), &mut out, |subject, payload| {
            assert_eq!((subject, payload), (&b"a"[..], &b"xy"[..]));
        });
        (read, String::from_utf8(out).unwrap())
    }

    /// A connection that is up.
    fn up() -> Uplink {
        let mut uplink = uplink();
        assert_eq!(uplink.due(ms(0), &mut Vec::new()), Due::Dial);
        assert_eq!((uplink.due_at(), uplink.peer(), uplink.up()), (None, None, None));
        uplink.connected(PEER, ms(10));
        let (read_info, sent) = read(&mut uplink, "INFO {}\r\n", 20);
        assert_eq!(read_info, Ok(None));
        assert!(sent.starts_with("CONNECT {") && sent.ends_with("}\r\nSUB a 1\r\nSUB b 2\r\nPING\r\n"), "{sent}");
        assert_eq!((uplink.peer(), uplink.up()), (Some(PEER), None));
        assert_eq!(read(&mut uplink, "PONG\r\n", 30), (Ok(Some(Up { missing: None })), String::new()));
        assert_eq!(uplink.up(), Some(PEER));
        uplink
    }

    #[test]
    fn broker_is_asked_again_and_again_whether_it_is_there() {
        let mut uplink = up();
        let mut out = Vec::new();
        assert_eq!(uplink.due_at(), Some(ms(5030)));
        assert_eq!((uplink.due(ms(5029), &mut out), &out[..]), (Due::Nothing, &b""[..]));
        assert_eq!((uplink.due(ms(5030), &mut out), &out[..]), (Due::Nothing, &b"PING\r\n"[..]));
        assert_eq!(read(&mut uplink, "MSG a 1 2\r\nxy\r\nPING\r\nPONG\r\n", 5040), (Ok(None), "PONG\r\n".to_owned()));
        assert_eq!(uplink.due_at(), Some(ms(10_040)));
        uplink.due(ms(10_040), &mut out);
        assert_eq!(uplink.due(ms(15_039), &mut out), Due::Nothing);
        assert_eq!(uplink.due(ms(15_040), &mut out), Due::Close("it does not answer PING in time"));
        assert!(uplink.lose(true, ms(15_040)));
        assert_eq!((uplink.peer(), uplink.up()), (None, None));
        uplink.connected(PEER, ms(16_000));
        assert_eq!(read(&mut uplink, "INFO {}\r\n", 16_000).0, Ok(None));
        let back = read(&mut uplink, "PONG\r\n", 17_040).0;
        assert_eq!(back, Ok(Some(Up { missing: Some(ms(12_000)) })), "since the last byte, which came at 5040");
    }

    #[test]
    fn attempts_become_rarer_until_a_connection_lasts() {
        let mut uplink = uplink();
        let wait = |uplink: &mut Uplink, at: u64| {
            uplink.lose(false, ms(at));
            uplink.due_at().unwrap().checked_sub(ms(at)).unwrap()
        };
        let waits: Vec<_> = (0..40).map(|_| wait(&mut uplink, 1000)).collect();
        for (number, wait) in waits.iter().enumerate() {
            let most = (FIRST_WAIT * (1 << number.min(10))).min(LONGEST_WAIT);
            assert!(*wait <= most && *wait >= most / 2, "{number}: {wait:?}");
        }
        let mut uplink = up();
        assert!(uplink.lose(false, ms(9000)));
        assert!(!uplink.lose(false, ms(9000)), "it was not up");
        let mut uplink = up();
        uplink.failures = 9;
        assert!(wait(&mut uplink, 10_029) > FIRST_WAIT, "a broker that comes and goes");
        let mut uplink = up();
        uplink.failures = 9;
        assert!(wait(&mut uplink, 10_030) <= FIRST_WAIT);
    }

    #[test]
    fn broker_that_cannot_be_used_is_refused() {
        let cases = [
            ("INFO {\"tls_required\":true}\r\n", "it takes TLS only (give tls:// instead of nats://)"),
            ("INFO {\"max_payload\":99}\r\n", "it takes only 99 bytes a message: 100 are needed"),
            ("-ERR 'Authorization Violation'\r\nPONG\r\n", "it says 'Authorization Violation'"),
            ("HTTP/1.1 400 Bad Request\r\n", "it sends no NATS protocol"),
        ];
        for (bytes, why) in cases {
            let mut uplink = uplink();
            uplink.connected(PEER, ms(0));
            assert_eq!(read(&mut uplink, bytes, 1), (Err(why.to_owned()), String::new()));
        }
        let mut uplink = uplink();
        uplink.terms.tls = true;
        uplink.connected(PEER, ms(0));
        let (taken, sent) = read(&mut uplink, cases[0].0, 1);
        assert!(taken == Ok(None) && sent.contains("\"tls_required\":true,"), "{sent}");
        let mut uplink = self::uplink();
        uplink.connected(PEER, ms(0));
        assert_eq!(read(&mut uplink, "PONG\r\nPONG\r\n", 1).0, Ok(None), "it has not said what it is");
        assert_eq!(uplink.due(ms(5000), &mut Vec::new()), Due::Close("it does not send INFO in time"));
    }
}
