//! Parses the head of an HTTP message: the length of its body (RFC 9112, section 6.3), and how a request wants to be
//! answered.

use httparse::{EMPTY_HEADER, Header, Request, Response, Status};

use crate::frame::{After, FrameError, ResponseMode, Role, malformed};

/// The largest number of fields of a head.
const MAX_HEADERS: usize = 128;

/// A complete head.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) len: usize,
    pub(super) body: Body,
    /// How to answer; for a request only.
    pub(super) mode: Option<ResponseMode>,
}

/// The body that follows a head.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Body {
    /// None: an interim response, which another head follows.
    Interim,
    Length(u64),
    Chunked,
    UntilClose,
}

/// Whether a request asks for the head of a response only.
pub(super) fn is_head(request: &[u8]) -> bool {
    let mut headers = [EMPTY_HEADER; MAX_HEADERS];
    let mut head = Request::new(&mut headers);
    // The result does not matter: the method comes first.
    let _ = head.parse(request);
    head.method == Some("HEAD")
}

/// Parses a head; `None` while it is incomplete. `bodiless`: it is the response to a HEAD request ([`is_head`]).
pub(super) fn parse(role: Role, head: &[u8], bodiless: bool) -> Result<Option<Head>, FrameError> {
    let mut headers = [EMPTY_HEADER; MAX_HEADERS];
    let invalid = |error: httparse::Error| FrameError::Malformed { what: format!("HTTP head: {error}") };
    match role {
        Role::Requests => {
            let mut request = Request::new(&mut headers);
            let Status::Complete(len) = request.parse(head).map_err(invalid)? else { return Ok(None) };
            let body = match body_length(request.headers, request.version)? {
                // Its body would end with the connection, and then the client could not receive a reply.
                Some(Body::UntilClose) => return malformed("HTTP request with a body of unknown length"),
                body => body.unwrap_or(Body::Length(0)),
            };
            let mode = ResponseMode {
                head_only: request.method == Some("HEAD"),
                after: after(request.headers, request.version),
                expects_continue: body != Body::Length(0) && expects_continue(request.headers, request.version),
            };
            Ok(Some(Head { len, body, mode: Some(mode) }))
        }
        Role::Responses => {
            let mut response = Response::new(&mut headers);
            let Status::Complete(len) = response.parse(head).map_err(invalid)? else { return Ok(None) };
            let body = match response.code {
                // After 101 another protocol follows.
                Some(101 | 204 | 304) => Body::Length(0),
                Some(100..=199) => Body::Interim,
                _ if bodiless => Body::Length(0),
                _ => body_length(response.headers, response.version)?.unwrap_or(Body::UntilClose),
            };
            Ok(Some(Head { len, body, mode: None }))
        }
    }
}

/// What happens to the connection after the reply to a request (RFC 9112, section 9.3).
fn after(headers: &[Header<'_>], version: Option<u8>) -> After {
    let has_option =
        |option: &str| values(headers, "Connection").any(|value| value.eq_ignore_ascii_case(option.as_bytes()));
    match version {
        _ if has_option("close") => After::Close,
        Some(0) if has_option("keep-alive") => After::KeepAlive,
        Some(0) => After::Close,
        _ => After::GoOn,
    }
}

/// Whether a request waits for `100 Continue` before it sends its body. HTTP/1.0 never waits (RFC 9110, section
/// 10.1.1).
fn expects_continue(headers: &[Header<'_>], version: Option<u8>) -> bool {
    version == Some(1) && values(headers, "Expect").any(|value| value.eq_ignore_ascii_case(b"100-continue"))
}

/// The list members of all fields with this name.
fn values<'a>(headers: &'a [Header<'a>], name: &'static str) -> impl Iterator<Item = &'a [u8]> {
    let named = headers.iter().filter(move |header| header.name.eq_ignore_ascii_case(name));
    named.flat_map(|header| header.value.split(|b| *b == b',').map(<[u8]>::trim_ascii))
}

/// The body that the fields of a head describe; `None` if they describe none (RFC 9112, section 6.3).
fn body_length(headers: &[Header<'_>], version: Option<u8>) -> Result<Option<Body>, FrameError> {
    let coding = values(headers, "Transfer-Encoding").last();
    let mut length = None;
    for value in values(headers, "Content-Length") {
        let number = if value.iter().all(u8::is_ascii_digit) { std::str::from_utf8(value).ok() } else { None };
        let Some(number) = number.and_then(|digits| digits.parse::<u64>().ok()) else {
            return malformed("HTTP Content-Length is not a number");
        };
        if length.is_some_and(|length| length != number) {
            return malformed("two different HTTP Content-Lengths");
        }
        length = Some(number);
    }
    match (coding, length) {
        // Recipients could disagree about the end of the request, which permits request smuggling (section 11.2).
        (Some(_), Some(_)) => malformed("HTTP head with both Content-Length and Transfer-Encoding"),
        (Some(_), None) if version == Some(0) => malformed("Transfer-Encoding in HTTP/1.0"),
        (Some(coding), None) if coding.eq_ignore_ascii_case(b"chunked") => Ok(Some(Body::Chunked)),
        (Some(_), None) => Ok(Some(Body::UntilClose)),
        (None, length) => Ok(length.map(Body::Length)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(role: Role, head: &str) -> Result<Body, String> {
        match parse(role, head.as_bytes(), false) {
            Ok(Some(whole)) => {
                assert_eq!(whole.len, head.len());
                Ok(whole.body)
            }
            Ok(None) => panic!("not whole: {head}"),
            Err(error) => Err(error.to_string()),
        }
    }

    fn request(fields: &str) -> Result<Body, String> {
        body(Role::Requests, &format!("POST / HTTP/1.1\r\n{fields}\r\n\r\n"))
    }

    #[test]
    fn header_fields_define_the_body() {
        assert_eq!(request("Host: x"), Ok(Body::Length(0)));
        assert_eq!(request("content-length:  7 "), Ok(Body::Length(7)));
        assert_eq!(request("Content-Length: 7, 7\r\nContent-Length: 7"), Ok(Body::Length(7)));
        assert_eq!(request("transfer-encoding: gzip\r\nTransfer-Encoding: Chunked"), Ok(Body::Chunked));
        let response = |code: u16, fields: &str| body(Role::Responses, &format!("HTTP/1.1 {code} \r\n{fields}\r\n"));
        assert_eq!(response(200, ""), Ok(Body::UntilClose));
        assert_eq!(response(200, "Transfer-Encoding: gzip\r\n"), Ok(Body::UntilClose));
        assert_eq!(response(103, "Content-Length: 7\r\n"), Ok(Body::Interim));
        for code in [101, 204, 304] {
            assert_eq!(response(code, "Content-Length: 7\r\n"), Ok(Body::Length(0)));
        }
    }

    #[test]
    fn request_head_defines_the_form_of_the_response() {
        let mode = |head: &str| {
            let head = parse(Role::Requests, format!("{head}\r\n\r\n").as_bytes(), false).unwrap().unwrap();
            head.mode.map(|mode| (mode.head_only, mode.after)).unwrap()
        };
        assert_eq!(mode("GET / HTTP/1.1"), (false, After::GoOn));
        assert_eq!(mode("HEAD / HTTP/1.1\r\nConnection: keep-alive"), (true, After::GoOn));
        assert_eq!(mode("GET / HTTP/1.1\r\nConnection: TE\r\nconnection: x, Close"), (false, After::Close));
        assert_eq!(mode("HEAD / HTTP/1.0"), (true, After::Close));
        assert_eq!(mode("GET / HTTP/1.0\r\nConnection: Keep-Alive"), (false, After::KeepAlive));
        assert_eq!(mode("GET / HTTP/1.0\r\nConnection: keep-alive, close"), (false, After::Close));
    }

    #[test]
    fn expect_100_continue_is_recognized() {
        let waits = |head: &str| {
            let head = parse(Role::Requests, format!("{head}\r\n\r\n").as_bytes(), false).unwrap().unwrap();
            head.mode.unwrap().expects_continue
        };
        for version in [0, 1] {
            let head = |fields: &str| waits(&format!("POST / HTTP/1.{version}\r\n{fields}"));
            let new = version == 1;
            assert_eq!(head("Content-Length: 1\r\nExpect: 100-continue"), new);
            assert_eq!(head("expect: x, 100-Continue\r\nContent-Length: 1"), new);
            assert!(!head("Expect: 100-continue"), "there is no body");
            assert!(!head("Content-Length: 0\r\nExpect: 100-continue"), "there is nothing in it");
            assert!(!head("Content-Length: 1\r\nExpect: 101"));
            assert!(!head("Content-Length: 1"));
        }
        assert!(waits("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue"));
    }

    #[test]
    fn ambiguous_lengths_are_refused() {
        let bad = |fields: &str, what: &str| assert_eq!(request(fields), Err(format!("malformed message: {what}")));
        for value in ["", "-1", "+1", "0x1", "1 1", "1,", "99999999999999999999"] {
            bad(&format!("Content-Length: {value}"), "HTTP Content-Length is not a number");
        }
        bad("Content-Length: 1\r\nContent-Length: 2", "two different HTTP Content-Lengths");
        let both = "HTTP head with both Content-Length and Transfer-Encoding";
        bad("Content-Length: 1\r\nTransfer-Encoding: chunked", both);
        bad("Transfer-Encoding: chunked, gzip", "HTTP request with a body of unknown length");
        let old = body(Role::Responses, "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        assert_eq!(old, Err("malformed message: Transfer-Encoding in HTTP/1.0".to_owned()));
    }

    #[test]
    fn number_of_header_fields_is_limited() {
        assert_eq!(request(&["A: b"; MAX_HEADERS].join("\r\n")), Ok(Body::Length(0)));
        let error = "malformed message: HTTP head: too many headers".to_owned();
        assert_eq!(request(&["A: b"; MAX_HEADERS + 1].join("\r\n")), Err(error));
    }
}
