//! HTTP CONNECT (RFC 9110, section 9.3.6) with Basic authentication (RFC 7617).

use std::fmt::Write;

use data_encoding::BASE64;
use httparse::{EMPTY_HEADER, Response, Status};

use super::error::{Cause, ProxyError};
use crate::value::{Credentials, Destination, escape};

/// The limit of the proxy's answer, interim responses included.
const MAX_ANSWER: usize = 16 * 1024;
/// The largest number of fields of its head.
const MAX_FIELDS: usize = 128;
/// The largest number of characters of the reason phrase in an error.
const MAX_REASON: usize = 60;
/// The beginning of every answer.
const BEGINNING: &[u8] = b"HTTP/1.";

/// The client's side of HTTP CONNECT.
#[derive(Debug)]
pub(super) struct HttpConnect {
    /// Credentials were sent.
    logs_in: bool,
    /// The head that is being received.
    head: Vec<u8>,
    /// The length of the interim responses before it.
    before: usize,
    done: bool,
}

impl HttpConnect {
    /// Starts the handshake: appends the request. A destination has no characters that end a line or a field.
    pub(super) fn start(credentials: Option<&Credentials>, to: &Destination, output: &mut Vec<u8>) -> Self {
        let mut request = format!("CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n");
        if let Some(credentials) = credentials {
            let login = [credentials.user(), b":", credentials.password()].concat();
            let _ = write!(request, "Proxy-Authorization: Basic {}\r\n", BASE64.encode(&login));
        }
        request.push_str("\r\n");
        output.extend_from_slice(request.as_bytes());
        HttpConnect { logs_in: credentials.is_some(), head: Vec::new(), before: 0, done: false }
    }

    /// Takes bytes up to the end of the head. A response to CONNECT that succeeds has no body, whatever its fields say.
    pub(super) fn on_received(&mut self, bytes: &[u8]) -> Result<usize, ProxyError> {
        let mut taken = 0;
        while !self.done && taken < bytes.len() {
            let rest = &bytes[taken..];
            let line = memchr::memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
            // Longer than the limit is too long, however the bytes were split.
            let line = line.min(MAX_ANSWER + 1 - self.before - self.head.len());
            self.head.extend_from_slice(&rest[..line]);
            taken += line;
            let begun = self.head.len().min(BEGINNING.len());
            if self.head[..begun] != BEGINNING[..begun] {
                let socks = matches!(self.head[0], 0 | 5);
                let hint = if socks { "for a SOCKS5 proxy use socks5h://" } else { "" };
                return Err(malformed("it does not speak HTTP/1", hint));
            }
            if self.before + self.head.len() > MAX_ANSWER {
                return Err(malformed("the head of its response exceeds 16 KiB", ""));
            }
            if self.head.ends_with(b"\n\r\n") || self.head.ends_with(b"\n\n") {
                self.end_head()?;
            }
        }
        Ok(taken)
    }

    pub(super) fn is_done(&self) -> bool {
        self.done
    }

    #[allow(clippy::unused_self, reason = "the other protocol knows more")]
    pub(super) fn on_end(&self) -> ProxyError {
        ProxyError::Closed(Cause::new("", "is it an HTTP proxy? socks5h:// is for SOCKS5 proxies"))
    }

    /// Judges a complete head.
    fn end_head(&mut self) -> Result<(), ProxyError> {
        let mut fields = [EMPTY_HEADER; MAX_FIELDS];
        let mut response = Response::new(&mut fields);
        match response.parse(&self.head) {
            Ok(Status::Complete(length)) if length == self.head.len() => {}
            Ok(_) => return Err(malformed("HTTP head: it ends before its fields end", "")),
            Err(error) => return Err(malformed(format!("HTTP head: {error}"), "")),
        }
        let code = response.code.unwrap_or_default();
        match code {
            200..=299 => self.done = true,
            // Another response follows (RFC 9110, section 15.2), but not after a switch of protocols.
            100 | 102..=199 => {
                self.before += self.head.len();
                self.head.clear();
            }
            // Some proxies answer 401 in its place.
            401 | 407 => {
                let schemes = response.headers.iter().filter(|f| f.name.eq_ignore_ascii_case("Proxy-Authenticate"));
                let has_basic = schemes.flat_map(|f| f.value.split(|b| *b == b',')).any(is_basic) || code == 401;
                return Err(ProxyError::Credentials(match (self.logs_in, has_basic) {
                    (_, false) => Cause::new("it requires a scheme of authentication other than Basic", ""),
                    (false, _) => Cause::new("it requires credentials", "--proxy-credentials FILE gives them"),
                    (true, _) => Cause::new("it rejects user and password", "check --proxy-credentials"),
                }));
            }
            code => {
                let reason: String = response.reason.unwrap_or_default().chars().take(MAX_REASON).collect();
                let what = format!("{code} {}", escape(reason.trim().as_bytes()));
                return Err(ProxyError::Refused(Cause::new(what.trim(), hint(code))));
            }
        }
        Ok(())
    }
}

/// Whether this member of a list begins a challenge of the scheme Basic.
fn is_basic(challenge: &[u8]) -> bool {
    let scheme = challenge.trim_ascii_start().split(u8::is_ascii_whitespace).next();
    scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"Basic"))
}

/// What a status often means when a proxy gives it to CONNECT.
fn hint(code: u16) -> &'static str {
    match code {
        403 => "its rules may allow other ports or hosts only",
        400 | 405 | 501 => "it may not be a proxy, or not support CONNECT",
        500 | 502..=504 => "it could not reach the server, or not resolve its name",
        _ => "",
    }
}

fn malformed(what: impl Into<String>, hint: &'static str) -> ProxyError {
    ProxyError::Malformed(Cause::new(what, hint))
}
