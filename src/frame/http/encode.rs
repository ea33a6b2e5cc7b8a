//! Encodes HTTP messages: a request, and the response to a request.

use std::io::Write;

use crate::frame::{After, ResponseMode, Role, Status};

/// Appends a request, or a response to one, with this body.
pub(in crate::frame) fn encode(role: Role, body: &[u8], out: &mut Vec<u8>) {
    match role {
        Role::Requests => {
            out.extend_from_slice(b"POST / HTTP/1.1\r\nHost: localhost\r\n");
            content(body, out);
            out.extend_from_slice(body);
        }
        Role::Responses => respond(Status::Ok, ResponseMode::default(), body, out),
    }
}

/// Appends the interim response that asks for the body of a request.
pub(in crate::frame) fn respond_continue(out: &mut Vec<u8>) {
    out.extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
}

/// Appends a response with this body, as the request wants it.
pub(in crate::frame) fn respond(status: Status, mode: ResponseMode, body: &[u8], out: &mut Vec<u8>) {
    if mode.expects_continue {
        // The client sent its body without waiting. The interim response is sent all the same: the response must not
        // depend on how the request was cut.
        respond_continue(out);
    }
    out.extend_from_slice(match status {
        Status::Ok => b"HTTP/1.1 200 OK\r\n",
        Status::BadRequest => b"HTTP/1.1 400 Bad Request\r\n",
        Status::ContentTooLarge => b"HTTP/1.1 413 Content Too Large\r\n",
    });
    out.extend_from_slice(match mode.after {
        After::GoOn => b"",
        After::KeepAlive => b"Connection: keep-alive\r\n",
        After::Close => b"Connection: close\r\n",
    });
    content(body, out);
    if !mode.head_only {
        out.extend_from_slice(body);
    }
}

/// Appends the fields about the body, and the end of the head.
fn content(body: &[u8], out: &mut Vec<u8>) {
    // Writing to a Vec does not fail.
    let _ = write!(out, "Content-Type: text/plain\r\nContent-Length: {}\r\n\r\n", body.len());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn response_follows_method_and_connection_of_its_request() {
        let wished = |status, mode| {
            let mut out = Vec::new();
            respond(status, mode, b"ab\n", &mut out);
            String::from_utf8(out).unwrap()
        };
        let response =
            |status, head_only, after| wished(status, ResponseMode { head_only, after, expects_continue: false });
        let content = "Content-Type: text/plain\r\nContent-Length: 3\r\n\r\n";
        assert_eq!(response(Status::Ok, false, After::GoOn), format!("HTTP/1.1 200 OK\r\n{content}ab\n"));
        assert_eq!(
            response(Status::Ok, true, After::KeepAlive),
            format!("HTTP/1.1 200 OK\r\nConnection: keep-alive\r\n{content}")
        );
        assert_eq!(
            response(Status::ContentTooLarge, false, After::Close),
            format!("HTTP/1.1 413 Content Too Large\r\nConnection: close\r\n{content}ab\n")
        );
        assert_eq!(
            response(Status::BadRequest, false, After::Close),
            format!("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n{content}ab\n")
        );
        assert_eq!(
            wished(Status::Ok, ResponseMode { expects_continue: true, ..ResponseMode::default() }),
            format!("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n{content}ab\n")
        );
    }
}
