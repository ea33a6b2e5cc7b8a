//! Requests to the live page and the metrics, as curl sends them.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

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

/// A browser that has opened the live page.
pub(crate) struct Viewer {
    /// The address of the page.
    pub(crate) site: String,
    /// The field with its cookie.
    pub(crate) cookie: String,
}

impl Viewer {
    /// Opens the link that the program has written to a file.
    #[track_caller]
    pub(crate) fn open(proc: &Proc) -> Viewer {
        Viewer::follow(&link(&link_file(proc)))
    }

    /// Opens this link.
    #[track_caller]
    pub(crate) fn follow(link: &str) -> Viewer {
        let (site, path) = link.strip_prefix("http://").unwrap().split_once('/').unwrap();
        let welcome = request(site, &format!("GET /{path}"), &[]);
        assert_eq!(status(&welcome), "200", "{welcome}");
        let set = welcome.lines().find_map(|line| line.strip_prefix("Set-Cookie: ")).unwrap();
        Viewer { site: site.to_owned(), cookie: format!("Cookie: {}", set.split(';').next().unwrap()) }
    }

    /// The whole response to a request with the cookie.
    #[track_caller]
    pub(crate) fn ask(&self, line: &str, fields: &[&str]) -> String {
        request(&self.site, line, &[&[self.cookie.as_str()][..], fields].concat())
    }

    /// Requests the events.
    #[track_caller]
    pub(crate) fn watch(&self, fields: &[&str]) -> Events {
        let stream = tcp(self.site.parse().unwrap());
        let host = format!("Host: {}", self.site);
        (&stream).write_all(&head("GET /events", &[&[host.as_str(), &self.cookie][..], fields].concat())).unwrap();
        Events(BufReader::new(stream))
    }
}

/// The events that a browser gets.
pub(crate) struct Events(pub(crate) BufReader<TcpStream>);

impl Events {
    /// The next event of this name: its id and its data.
    #[track_caller]
    pub(crate) fn next(&mut self, name: &str) -> (String, serde_json::Value) {
        let (mut id, mut event) = (String::new(), String::new());
        loop {
            let mut line = String::new();
            assert!(self.0.read_line(&mut line).unwrap() > 0, "the events end before one of {name}");
            let (field, value) = line.trim_end().split_once(": ").unwrap_or_default();
            match field {
                "id" => value.clone_into(&mut id),
                "event" => value.clone_into(&mut event),
                "data" if event == name => return (id, serde_json::from_str(value).unwrap()),
                _ => {}
            }
        }
    }

    /// The first update for which this returns something.
    #[track_caller]
    pub(crate) fn find<T>(&mut self, mut find: impl FnMut(&serde_json::Value) -> Option<T>) -> T {
        loop {
            if let Some(found) = find(&self.next("update").1) {
                return found;
            }
        }
    }
}

/// The file with the link, which the program names on stderr.
#[track_caller]
pub(crate) fn link_file(proc: &Proc) -> PathBuf {
    after(proc, "its link, which works once, is in ").into()
}

/// The link in this file.
#[track_caller]
pub(crate) fn link(file: &Path) -> String {
    std::fs::read_to_string(file).unwrap().trim_end().to_owned()
}
