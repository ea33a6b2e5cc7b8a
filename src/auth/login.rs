//! The server's side of a login, whatever its mechanism and whatever carries its messages.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use super::keys::{ITERATIONS, SALT, hmac};
use super::scram::{Binding, Flaw, Nonce, Server, Support};
use super::{Keys, Password, Salted, UserName, Users};

/// A mechanism of SASL (RFC 4422).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mechanism {
    /// SCRAM-SHA-256 that is bound to its TLS connection (RFC 7677 and 9266).
    ScramSha256Plus,
    /// SCRAM-SHA-256 (RFC 7677).
    ScramSha256,
    /// Name and password, readable by whoever reads the bytes (RFC 4616).
    Plain,
    /// What the connection itself proves (RFC 4422, appendix A).
    External,
}

impl Mechanism {
    /// All, the preferred one first.
    pub const ALL: [Mechanism; 4] =
        [Mechanism::ScramSha256Plus, Mechanism::ScramSha256, Mechanism::Plain, Mechanism::External];

    /// Its registered name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Mechanism::ScramSha256Plus => "SCRAM-SHA-256-PLUS",
            Mechanism::ScramSha256 => "SCRAM-SHA-256",
            Mechanism::Plain => "PLAIN",
            Mechanism::External => "EXTERNAL",
        }
    }

    /// The mechanism of this name; upper and lower case are the same.
    #[must_use]
    pub fn of(name: &[u8]) -> Option<Mechanism> {
        Mechanism::ALL.into_iter().find(|mechanism| mechanism.name().as_bytes().eq_ignore_ascii_case(name))
    }
}

/// What is known of a connection before a login.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    /// Its bytes are encrypted.
    pub is_encrypted: bool,
    /// It does not leave this host: a loopback address, or a unix socket.
    pub is_local: bool,
    /// The channel binding of its TLS session.
    pub binding: Option<Binding>,
    /// The name in the client's certificate, which was verified.
    pub certificate: Option<String>,
    /// The user of the client's process, by the number that the kernel gives.
    pub uid: Option<u32>,
}

/// How clients prove who they are.
#[derive(Debug)]
pub enum Method {
    /// By the password of one of these users.
    Password(Users),
    /// By a certificate.
    Certificate,
    /// By the user that their process runs as.
    Process,
}

/// Who may log in, and how.
#[derive(Debug)]
pub struct Policy {
    method: Method,
    /// Passwords are proven over connections that others can read, too.
    allows_cleartext: bool,
    /// A client may send its password.
    allows_plain: bool,
    secret: Secret,
    /// The number of nonces so far.
    nonces: AtomicU64,
}

/// A key that is drawn for each run. Nothing shows it.
struct Secret([u8; 32]);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

impl Policy {
    /// A policy. `secret` is drawn for this run: the answers to unknown names and the nonces come from it.
    #[must_use]
    pub fn new(method: Method, secret: [u8; 32]) -> Self {
        Policy {
            method,
            allows_cleartext: false,
            allows_plain: true,
            secret: Secret(secret),
            nonces: AtomicU64::new(0),
        }
    }

    /// Has passwords proven over connections that others can read, too. They are not sent there.
    #[must_use]
    pub fn allowing_cleartext(mut self, allows: bool) -> Self {
        self.allows_cleartext = allows;
        self
    }

    /// Whether a client may send its password.
    #[must_use]
    pub fn allowing_plain(mut self, allows: bool) -> Self {
        self.allows_plain = allows;
        self
    }

    /// How clients prove who they are.
    #[must_use]
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// The mechanisms for a connection, the preferred one first.
    pub fn mechanisms(&self, evidence: &Evidence) -> impl Iterator<Item = Mechanism> + use<> {
        let is_safe = evidence.is_encrypted || evidence.is_local;
        let by_password = matches!(self.method, Method::Password(_)) && (is_safe || self.allows_cleartext);
        let is_offered = [
            by_password && evidence.binding.is_some(),
            by_password,
            by_password && is_safe && self.allows_plain,
            !matches!(self.method, Method::Password(_)),
        ];
        Mechanism::ALL.into_iter().zip(is_offered).filter_map(|(mechanism, is_offered)| is_offered.then_some(mechanism))
    }

    /// The keys of a user, or keys that no password has: always the same ones for a name.
    fn keys(&self, name: &str) -> (Option<UserName>, Keys) {
        let Method::Password(users) = &self.method else { return (None, self.invented(name, None)) };
        let invented = self.invented(name, users.usual()); // for known names too: it takes time
        let user = name.parse::<UserName>().ok();
        let known = user.as_ref().and_then(|user| users.keys(user)).cloned();
        match known {
            Some(keys) => (user, keys),
            None => (None, invented),
        }
    }

    fn invented(&self, name: &str, usual: Option<(u32, usize)>) -> Keys {
        let Secret(secret) = &self.secret;
        let (iterations, salt) = usual.unwrap_or((ITERATIONS, SALT));
        let draw = |what: &str| hmac(secret, &[what.as_bytes(), b"\0", name.as_bytes()]);
        let salt = draw("salt").iter().copied().cycle().take(salt).collect();
        Keys { iterations, salt, stored: draw("stored key"), server: draw("server key") }
    }

    /// A nonce that no other login of this run has, and that nobody can foresee.
    fn nonce(&self) -> Nonce {
        let number = self.nonces.fetch_add(1, Ordering::Relaxed);
        let drawn = hmac(&self.secret.0, &[b"nonce\0", &number.to_be_bytes()]);
        std::array::from_fn(|at| drawn[at])
    }
}

/// A login after its beginning.
#[derive(Debug)]
pub struct Login {
    state: State,
    /// The name that the client has sent, shortened.
    name: Option<String>,
}

#[derive(Debug)]
enum State {
    /// The client's first message is awaited.
    Start(Mechanism),
    /// The client's proof is awaited.
    Scram { server: Box<Server>, user: Option<UserName> },
    /// The password is being hashed.
    Hashing { user: Option<UserName>, keys: Keys },
    /// The name of the process's user is being looked up.
    LookingUp {
        /// The name that is asked for; empty: none is.
        asked: Box<[u8]>,
    },
    /// It has ended.
    Ended,
}

/// What takes too long for an event loop, and is done on a thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Work {
    /// Hash a password.
    Hash(Derivation),
    /// Look up the name of this user of the system.
    LookUp(u32),
}

/// The result of [`Work`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The hash.
    Salted(Salted),
    /// The name, if there is one.
    Name(Option<String>),
    /// Too much work is waiting already.
    Busy,
}

/// A password that is to be hashed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Derivation {
    password: Password,
    salt: Vec<u8>,
    iterations: u32,
}

impl Derivation {
    /// Hashes the password.
    #[must_use]
    pub fn run(&self) -> Salted {
        Salted::new(&self.password, &self.salt, self.iterations)
    }
}

/// What follows a message of a login.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// This is sent to the client, and its next message is awaited.
    Challenge(Vec<u8>),
    /// This is to be done: see [`Login::on_answer`].
    Compute(Work),
    /// The client is this user. SCRAM has a last message for the client.
    Accepted {
        /// The user.
        name: UserName,
        /// The last message.
        last: Option<Vec<u8>>,
    },
    /// The login has failed.
    Rejected(Rejection),
}

/// Why a login has failed. It is for the operator; the client learns nothing but the fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// The mechanism is not offered.
    #[error("the mechanism is not offered")]
    NotOffered,
    /// The message does not fit the mechanism, or the proof is wrong.
    #[error(transparent)]
    Flaw(#[from] Flaw),
    /// The connection proves no name, or one that no user can have.
    #[error("the connection proves no user name")]
    NoName,
    /// Too many logins are waiting already.
    #[error("too many logins at once")]
    Busy,
    /// A message came that was not awaited.
    #[error("a message was not awaited")]
    Unexpected,
}

impl Rejection {
    /// What the operator reads of it: the name and the reason. `None`: nothing was proven wrong.
    #[must_use]
    pub fn for_log(self, login: Option<&Login>) -> Option<String> {
        let name = login.and_then(Login::name).map(|name| format!(" as {name}")).unwrap_or_default();
        let is_attempt = !matches!(self, Rejection::NotOffered | Rejection::Unexpected);
        is_attempt.then(|| format!("failed login{name}: {self}"))
    }
}

impl Login {
    /// Begins a login with this mechanism. The client's first message comes next.
    #[must_use]
    pub fn new(mechanism: Mechanism) -> Self {
        Login { state: State::Start(mechanism), name: None }
    }

    /// The name that the login is for, as far as it is known. It is not proven, may have any characters, and is
    /// shortened to the longest name of a user.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Handles a message of the client.
    pub fn on_message(&mut self, message: &[u8], evidence: &Evidence, policy: &Policy) -> Step {
        match std::mem::replace(&mut self.state, State::Ended) {
            State::Start(mechanism) => {
                if !policy.mechanisms(evidence).any(|offered| offered == mechanism) {
                    return Step::Rejected(Rejection::NotOffered);
                }
                self.begin(mechanism, message, evidence, policy).unwrap_or_else(Step::Rejected)
            }
            State::Scram { server, user } => match (server.finish(message), user) {
                (Ok(last), Some(name)) => Step::Accepted { name, last: Some(last) },
                (Ok(_), None) => Step::Rejected(Flaw::Credentials.into()),
                (Err(flaw), _) => Step::Rejected(flaw.into()),
            },
            State::Hashing { .. } | State::LookingUp { .. } | State::Ended => Step::Rejected(Rejection::Unexpected),
        }
    }

    fn begin(
        &mut self,
        mechanism: Mechanism,
        message: &[u8],
        evidence: &Evidence,
        policy: &Policy,
    ) -> Result<Step, Rejection> {
        let support = match (mechanism, evidence.binding) {
            (Mechanism::Plain, _) => return self.begin_plain(message, policy),
            (Mechanism::External, _) => return self.begin_external(message, evidence, policy),
            (Mechanism::ScramSha256Plus, Some(binding)) => Support::Required(binding),
            (Mechanism::ScramSha256Plus, None) => return Err(Rejection::NotOffered),
            (Mechanism::ScramSha256, Some(_)) => Support::Offered,
            (Mechanism::ScramSha256, None) => Support::None,
        };
        let mut user = None;
        let keys = |name: &str| {
            let (known, keys) = policy.keys(name);
            user = known;
            self.name = Some(shortened(name));
            keys
        };
        let (server, reply) = Server::begin(message, support, policy.nonce(), keys)?;
        self.state = State::Scram { server: Box::new(server), user };
        Ok(Step::Challenge(reply))
    }

    /// `[authzid] NUL authcid NUL passwd` (RFC 4616).
    fn begin_plain(&mut self, message: &[u8], policy: &Policy) -> Result<Step, Rejection> {
        let mut parts = message.split(|&byte| byte == 0);
        let (Some(other), Some(name), Some(password), None) = (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(Flaw::Malformed.into());
        };
        if !other.is_empty() && other != name {
            return Err(Flaw::OtherUser.into());
        }
        let name = std::str::from_utf8(name).map_err(|_| Flaw::Malformed)?;
        self.name = Some(shortened(name));
        let password = Password::new(password).map_err(|_| Flaw::Credentials)?;
        let (user, keys) = policy.keys(name);
        let derivation = Derivation { password, salt: keys.salt.clone(), iterations: keys.iterations };
        self.state = State::Hashing { user, keys };
        Ok(Step::Compute(Work::Hash(derivation)))
    }

    /// The message is empty, or the name that is asked for, which must be the one that the connection proves.
    fn begin_external(&mut self, message: &[u8], evidence: &Evidence, policy: &Policy) -> Result<Step, Rejection> {
        match (&policy.method, evidence) {
            (Method::Certificate, Evidence { certificate: Some(name), .. }) => {
                self.name = Some(shortened(name));
                if !is_or_is_none(message, name) {
                    return Err(Flaw::OtherUser.into());
                }
                Ok(accept(name))
            }
            (Method::Process, &Evidence { uid: Some(uid), .. }) => {
                self.state = State::LookingUp { asked: message.into() };
                Ok(Step::Compute(Work::LookUp(uid)))
            }
            _ => Err(Rejection::NoName),
        }
    }

    /// Continues with the result of the work.
    pub fn on_answer(&mut self, answer: &Answer) -> Step {
        match answer {
            Answer::Salted(salted) => self.on_salted(salted),
            Answer::Name(name) => self.on_name(name.as_deref()),
            Answer::Busy => {
                self.state = State::Ended;
                Step::Rejected(Rejection::Busy)
            }
        }
    }

    fn on_salted(&mut self, salted: &Salted) -> Step {
        match std::mem::replace(&mut self.state, State::Ended) {
            State::Hashing { user, keys } => match (keys.has(salted), user) {
                (true, Some(name)) => Step::Accepted { name, last: None },
                _ => Step::Rejected(Flaw::Credentials.into()),
            },
            _ => Step::Rejected(Rejection::Unexpected),
        }
    }

    fn on_name(&mut self, name: Option<&str>) -> Step {
        match std::mem::replace(&mut self.state, State::Ended) {
            State::LookingUp { asked } => match name {
                Some(name) if is_or_is_none(&asked, name) => accept(name),
                Some(_) => Step::Rejected(Flaw::OtherUser.into()),
                None => Step::Rejected(Rejection::NoName),
            },
            _ => Step::Rejected(Rejection::Unexpected),
        }
    }
}

/// Whether a client asks for this name, or for none.
fn is_or_is_none(asked: &[u8], name: &str) -> bool {
    asked.is_empty() || asked == name.as_bytes()
}

/// The first characters of a name that a client has sent.
fn shortened(name: &str) -> String {
    let end = (0..=name.len().min(UserName::LONGEST)).rev().find(|&at| name.is_char_boundary(at));
    name[..end.unwrap_or_default()].to_owned()
}

/// Accepts this name if it is one that a user can have.
fn accept(name: &str) -> Step {
    match name.parse() {
        Ok(name) => Step::Accepted { name, last: None },
        Err(_) => Step::Rejected(Rejection::NoName),
    }
}

#[cfg(test)]
mod tests;
