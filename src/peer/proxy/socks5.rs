//! SOCKS5 (RFC 1928) with user and password (RFC 1929). The length of every answer follows from its first bytes.

use std::net::IpAddr;

use super::error::{Cause, ProxyError};
use crate::value::{Credentials, Destination};

/// The version in greetings, requests and their answers.
const VERSION: u8 = 5;
/// The version of the subnegotiation about user and password.
const AUTH_VERSION: u8 = 1;
const NO_AUTH: u8 = 0;
const USER_PASSWORD: u8 = 2;
const NONE_ACCEPTABLE: u8 = 0xff;
const CONNECT: u8 = 1;
const IPV4: u8 = 1;
const NAME: u8 = 3;
const IPV6: u8 = 4;

/// The client's side of a SOCKS5 handshake.
#[derive(Debug)]
pub(super) struct Socks5 {
    to: Destination,
    credentials: Option<Credentials>,
    step: Step,
    /// The bytes of the answer that is being received; at most 262.
    answer: Vec<u8>,
}

/// The answer that is awaited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// The method of authentication.
    Method,
    /// Whether user and password are right.
    Login,
    /// Whether the connection was made.
    Reply,
    Done,
}

impl Socks5 {
    /// Starts the handshake: appends the greeting.
    pub(super) fn start(credentials: Option<&Credentials>, to: &Destination, output: &mut Vec<u8>) -> Self {
        match credentials {
            None => output.extend([VERSION, 1, NO_AUTH]),
            Some(_) => output.extend([VERSION, 2, NO_AUTH, USER_PASSWORD]),
        }
        Socks5 { to: to.clone(), credentials: credentials.cloned(), step: Step::Method, answer: Vec::new() }
    }

    /// Takes bytes, as far as they belong to the handshake, and appends what is to be sent then.
    pub(super) fn on_received(&mut self, bytes: &[u8], output: &mut Vec<u8>) -> Result<usize, ProxyError> {
        let mut taken = 0;
        while let Some(missing) = self.missing() {
            let part = &bytes[taken..bytes.len().min(taken + missing)];
            if part.is_empty() {
                break;
            }
            self.answer.extend_from_slice(part);
            taken += part.len();
            if part.len() == missing {
                self.check(output)?;
            }
        }
        Ok(taken)
    }

    pub(super) fn is_done(&self) -> bool {
        self.step == Step::Done
    }

    pub(super) fn on_end(&self) -> ProxyError {
        let hint = match self.step {
            Step::Method => "is it a SOCKS5 proxy? http:// is for HTTP proxies",
            Step::Login => "it may reject the credentials",
            Step::Reply | Step::Done => "its log may have the reason",
        };
        ProxyError::Closed(Cause::new("", hint))
    }

    /// The number of bytes up to the next check; `None` when the handshake is over.
    fn missing(&self) -> Option<usize> {
        let up_to = match (self.step, &self.answer[..]) {
            (Step::Done, _) => return None,
            (Step::Method | Step::Login, _) | (Step::Reply, [] | [_]) => 2,
            (Step::Reply, [_, _, _, IPV4, ..]) => 4 + 4 + 2,
            (Step::Reply, [_, _, _, IPV6, ..]) => 4 + 16 + 2,
            (Step::Reply, [_, _, _, NAME]) => 4 + 1,
            (Step::Reply, [_, _, _, _, length, ..]) => 4 + 1 + usize::from(*length) + 2,
            (Step::Reply, _) => 4,
        };
        up_to.checked_sub(self.answer.len()).filter(|&missing| missing > 0)
    }

    /// Checks the answer as far as it has been received.
    fn check(&mut self, output: &mut Vec<u8>) -> Result<(), ProxyError> {
        match (self.step, &self.answer[..]) {
            (Step::Method, &[VERSION, method]) => {
                self.answer.clear();
                match (method, &self.credentials) {
                    (NO_AUTH, _) => self.request(output),
                    (USER_PASSWORD, Some(credentials)) => {
                        log_in(credentials, output);
                        self.step = Step::Login;
                    }
                    (NONE_ACCEPTABLE, None) => {
                        let hint = "--proxy-credentials FILE gives them";
                        return Err(ProxyError::Credentials(Cause::new("it requires credentials", hint)));
                    }
                    (NONE_ACCEPTABLE, Some(_)) => {
                        let what = "it accepts neither user and password nor no authentication";
                        return Err(ProxyError::Credentials(Cause::new(what, "")));
                    }
                    _ => return Err(malformed("a method of authentication that was not offered", "")),
                }
            }
            (Step::Method, [b'H', _]) => {
                return Err(malformed("it does not speak SOCKS5", "for an HTTP proxy use http://"));
            }
            (Step::Method, [0 | 4, _]) => return Err(malformed("it does not speak SOCKS5", "it may be SOCKS4 only")),
            (Step::Method, _) => return Err(malformed("it does not speak SOCKS5", "")),
            // Some proxies answer with the version of SOCKS.
            (Step::Login, [AUTH_VERSION | VERSION, 0]) => {
                self.answer.clear();
                self.request(output);
            }
            (Step::Login, [AUTH_VERSION | VERSION, _]) => {
                let hint = "check --proxy-credentials";
                return Err(ProxyError::Credentials(Cause::new("it rejects user and password", hint)));
            }
            (Step::Login, _) => return Err(malformed("no answer to user and password", "")),
            (Step::Reply, [VERSION, 0]) => {}
            (Step::Reply, &[VERSION, code]) => return Err(ProxyError::Refused(refusal(code, &self.to))),
            (Step::Reply, [version, ..]) if *version != VERSION => {
                return Err(malformed("no reply of SOCKS5", ""));
            }
            (Step::Reply, [_, _, _, kind]) if ![IPV4, NAME, IPV6].contains(kind) => {
                return Err(malformed("an address of an unknown type", ""));
            }
            _ if self.missing().is_none() => self.step = Step::Done,
            _ => {}
        }
        Ok(())
    }

    /// Appends the request to connect.
    fn request(&mut self, output: &mut Vec<u8>) {
        output.extend([VERSION, CONNECT, 0]);
        match (self.to.ip(), self.to.name()) {
            (Some(IpAddr::V4(ip)), _) => {
                output.push(IPV4);
                output.extend(ip.octets());
            }
            (Some(IpAddr::V6(ip)), _) => {
                output.push(IPV6);
                output.extend(ip.octets());
            }
            (None, name) => {
                output.push(NAME);
                push_counted(name.unwrap_or_default().as_bytes(), output);
            }
        }
        output.extend(self.to.port().to_be_bytes());
        self.step = Step::Reply;
    }
}

/// Appends the request with user and password.
fn log_in(credentials: &Credentials, output: &mut Vec<u8>) {
    output.push(AUTH_VERSION);
    push_counted(credentials.user(), output);
    push_counted(credentials.password(), output);
}

/// Appends a text after its length. The types of the texts limit them to 255 bytes.
fn push_counted(text: &[u8], output: &mut Vec<u8>) {
    let length = u8::try_from(text.len()).unwrap_or(u8::MAX);
    output.push(length);
    output.extend_from_slice(&text[..usize::from(length)]);
}

fn malformed(what: &str, hint: &'static str) -> ProxyError {
    ProxyError::Malformed(Cause::new(what, hint))
}

/// The reply of a proxy that did not connect (RFC 1928, section 6).
fn refusal(code: u8, to: &Destination) -> Cause {
    let unresolved = "it may be unable to resolve the name";
    match code {
        1 => Cause::new("general failure", "its log may have the reason"),
        2 => Cause::new("not allowed by its rules", ""),
        3 => Cause::new("network unreachable", "from the proxy"),
        4 if to.name().is_some() => Cause::new("host unreachable", unresolved),
        4 => Cause::new("host unreachable", "from the proxy"),
        5 => Cause::new("connection refused", "is a server listening there?"),
        6 => Cause::new("TTL expired", "on the way from the proxy to the server"),
        7 => Cause::new("it does not support CONNECT", ""),
        8 => Cause::new("it does not support this type of address", "try -4, or socks5h:// with a name"),
        code => Cause::new(format!("reply {code}, which RFC 1928 does not define"), ""),
    }
}
