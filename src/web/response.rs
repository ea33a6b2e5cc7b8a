//! Responses of HTTP/1.1, each on a connection of its own.

use std::fmt::Write;

/// The status of a response (RFC 9110, section 15).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the variants are named after the reasons of RFC 9110")]
pub enum Status {
    Ok,
    BadRequest,
    Unauthorized,
    Forbidden,
    NotFound,
    MethodNotAllowed,
    Timeout,
    HeadTooLarge,
    Unavailable,
}

impl Status {
    fn line(self) -> &'static str {
        match self {
            Status::Ok => "200 OK",
            Status::BadRequest => "400 Bad Request",
            Status::Unauthorized => "401 Unauthorized",
            Status::Forbidden => "403 Forbidden",
            Status::NotFound => "404 Not Found",
            Status::MethodNotAllowed => "405 Method Not Allowed",
            Status::Timeout => "408 Request Timeout",
            Status::HeadTooLarge => "431 Request Header Fields Too Large",
            Status::Unavailable => "503 Service Unavailable",
        }
    }
}

/// A response. It is the only one on its connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    status: Status,
    content_type: &'static str,
    /// Further fields.
    fields: Vec<(&'static str, String)>,
    /// The body; `None` for a stream, which ends with the connection.
    body: Option<Vec<u8>>,
}

impl Response {
    /// A response with this body.
    pub(super) fn new(content_type: &'static str, body: impl Into<Vec<u8>>) -> Response {
        Response { status: Status::Ok, content_type, fields: Vec::new(), body: Some(body.into()) }
    }

    /// The head of a stream, which ends with the connection.
    pub(super) fn stream(content_type: &'static str) -> Response {
        Response { body: None, ..Response::new(content_type, "") }
    }

    /// A refusal, with its reason in a sentence.
    #[must_use]
    pub fn refuse(status: Status, reason: &str) -> Response {
        let body = format!("{}: {reason}\n", status.line()).into_bytes();
        let mut response = Response { status, ..Response::new("text/plain; charset=utf-8", body) };
        match status {
            Status::MethodNotAllowed => response = response.with("Allow", "GET, HEAD"),
            Status::Unauthorized => response = response.with("WWW-Authenticate", "Bearer"),
            _ => {}
        }
        response
    }

    /// Adds a field.
    #[must_use]
    pub(super) fn with(mut self, name: &'static str, value: impl Into<String>) -> Response {
        self.fields.push((name, value.into()));
        self
    }

    /// The bytes of the response; of its head only, if that was asked for.
    #[must_use]
    pub fn encode(&self, only_head: bool) -> Vec<u8> {
        let mut head = format!("HTTP/1.1 {}\r\nContent-Type: {}\r\n", self.status.line(), self.content_type);
        let mut field = |name: &str, value: &str| {
            let _ = write!(head, "{name}: {value}\r\n"); // writing to a String cannot fail
        };
        if let Some(body) = &self.body {
            field("Content-Length", &body.len().to_string());
        }
        for (name, value) in &self.fields {
            field(name, value);
        }
        field("Cache-Control", "no-store");
        field("X-Content-Type-Options", "nosniff");
        field("Referrer-Policy", "no-referrer");
        field("Cross-Origin-Resource-Policy", "same-origin");
        field("Connection", "close");
        let mut bytes = (head + "\r\n").into_bytes();
        if !only_head {
            bytes.extend_from_slice(self.body.as_deref().unwrap_or_default());
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn response_has_its_fields_and_its_length() {
        let common = "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n\
                      Cross-Origin-Resource-Policy: same-origin\r\nConnection: close\r\n\r\n";
        let head = format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\nA: b\r\n{common}");
        let response = Response::new("text/plain", "abc").with("A", "b");
        assert_eq!(String::from_utf8(response.encode(false)).unwrap(), format!("{head}abc"));
        assert_eq!(String::from_utf8(response.encode(true)).unwrap(), head);
        let refusal = Response::refuse(Status::MethodNotAllowed, "only GET and HEAD are served").encode(false);
        let refusal = String::from_utf8(refusal).unwrap();
        assert!(refusal.starts_with("HTTP/1.1 405 Method Not Allowed\r\n"), "{refusal}");
        assert!(refusal.contains("\r\nAllow: GET, HEAD\r\n"), "{refusal}");
        assert!(refusal.ends_with("\r\n\r\n405 Method Not Allowed: only GET and HEAD are served\n"), "{refusal}");
    }
}
