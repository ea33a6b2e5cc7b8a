//! Requests to the live page and the metrics, as curl sends them.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

use super::{Proc, read_to_end, tcp};

/// The text after `before` in a line of stderr, which is waited for.
#[track_caller]
pub(crate) fn after(proc: &Proc, before: &str) -> String {
    let text = |output: &str| output.lines().find_map(|line| Some(line.split_once(before)?.1.to_owned()));
    text(&proc.wait_for_stderr(before)).unwrap()
}

/// The whole response to a request with these fields.
#[track_caller]
pub(crate) fn request(address: &str, line: &str, fields: &[&str]) -> String {
    let stream = tcp(address.parse().unwrap());
    let host = format!("Host: {address}");
    (&stream).write_all(&head(line, &[&[host.as_str()][..], fields].concat())).unwrap();
    String::from_utf8_lossy(&read_to_end(&stream)).into_owned()
}

/// The whole response to a request at a unix socket.
#[track_caller]
pub(crate) fn request_unix(path: &Path, line: &str, fields: &[&str]) -> String {
    let mut stream = UnixStream::connect(path).unwrap();
    stream.write_all(&head(line, fields)).unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    response
}

/// The head of a request; a field `Host` replaces the one before it.
pub(crate) fn head(line: &str, fields: &[&str]) -> Vec<u8> {
    let host = fields.iter().rfind(|field| field.starts_with("Host:"));
    let others = fields.iter().filter(|field| !field.starts_with("Host:"));
    let line = format!("{line} HTTP/1.1");
    let lines: Vec<&str> = std::iter::once(line.as_str()).chain(host.into_iter().chain(others).copied()).collect();
    format!("{}\r\n\r\n", lines.join("\r\n")).into_bytes()
}

/// The three digits of the status of a response.
pub(crate) fn status(response: &str) -> &str {
    response.get(9..12).unwrap_or(response)
}
