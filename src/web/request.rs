//! The head of a request (RFC 9112, section 3), of bounded size.

use super::response::Status;

/// The largest head in bytes.
pub const LONGEST_HEAD: usize = 8 * 1024;
/// The largest number of fields in a head.
const MOST_FIELDS: usize = 64;

/// What a request asks for, and what is known of who asks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    pub(super) method: Method,
    /// The path, without the query.
    pub(super) path: String,
    pub(super) query: String,
    pub(super) host: String,
    pub(super) origin: Option<String>,
    /// Where the request comes from, as browsers say (Fetch Metadata, section 2.4).
    pub(super) fetch_site: Option<String>,
    pub(super) cookie: String,
    pub(super) authorization: String,
    /// The last event that the browser has (HTML Standard, section 9.2.4).
    pub(super) last_event: String,
}

/// The method of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Method {
    #[default]
    Get,
    Head,
    Other,
}

impl Request {
    /// Reads a request from the bytes received so far; `None` if its head is not complete.
    ///
    /// # Errors
    /// The status that refuses it.
    pub fn read(bytes: &[u8]) -> Result<Option<Request>, Status> {
        let mut fields = [httparse::EMPTY_HEADER; MOST_FIELDS];
        let mut head = httparse::Request::new(&mut fields);
        match head.parse(bytes) {
            Ok(httparse::Status::Complete(length)) if length <= LONGEST_HEAD => {}
            Ok(httparse::Status::Partial) if bytes.len() < LONGEST_HEAD => return Ok(None),
            Ok(_) | Err(httparse::Error::TooManyHeaders) => return Err(Status::HeadTooLarge),
            Err(_) => return Err(Status::BadRequest),
        }
        let method = match head.method {
            Some("GET") => Method::Get,
            Some("HEAD") => Method::Head,
            _ => Method::Other,
        };
        let target = head.path.filter(|target| target.starts_with('/')).ok_or(Status::BadRequest)?;
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut request = Request { method, path: path.to_owned(), query: query.to_owned(), ..Request::default() };
        let mut hosts = 0;
        for field in head.headers.iter() {
            let value = String::from_utf8_lossy(field.value).into_owned();
            match field.name.to_ascii_lowercase().as_str() {
                "host" => {
                    hosts += 1;
                    request.host = value;
                }
                "origin" => request.origin = Some(value),
                "sec-fetch-site" => request.fetch_site = Some(value),
                "cookie" => {
                    request.cookie += &value;
                    request.cookie += "; ";
                }
                "authorization" => request.authorization = value,
                "last-event-id" => request.last_event = value,
                _ => {}
            }
        }
        // A request with no or several hosts must be refused (RFC 9112, section 3.2).
        if hosts == 1 { Ok(Some(request)) } else { Err(Status::BadRequest) }
    }

    /// Whether only the head of the response is wanted.
    #[must_use]
    pub fn is_head(&self) -> bool {
        self.method == Method::Head
    }

    /// The value of a parameter of the query.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        let mut pairs = self.query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.find_map(|(key, value)| (key == name).then_some(value))
    }

    /// The value of a cookie.
    pub(super) fn cookie(&self, name: &str) -> Option<&str> {
        let mut pairs = self.cookie.split(';').filter_map(|pair| pair.trim().split_once('='));
        pairs.find_map(|(key, value)| (key == name).then_some(value))
    }

    /// The token of `Authorization: Bearer` (RFC 6750, section 2.1).
    pub(super) fn bearer(&self) -> Option<&str> {
        let (scheme, token) = self.authorization.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_is_read_when_its_head_is_complete() {
        let head = b"GET /events?a=1&token=x HTTP/1.1\r\nHost: localhost:1\r\nCookie: a=b; c=d\r\nCookie: e=f\r\n\
                     Authorization: bearer  t \r\nLast-Event-ID: 7-9\r\nSec-Fetch-Site: none\r\n\r\n";
        for end in 0..head.len() {
            assert_eq!(Request::read(&head[..end]), Ok(None), "{end}");
        }
        let request = Request::read(head).unwrap().unwrap();
        assert_eq!((request.path.as_str(), request.parameter("token")), ("/events", Some("x")));
        assert_eq!((request.cookie("c"), request.cookie("e"), request.cookie("x")), (Some("d"), Some("f"), None));
        assert_eq!((request.bearer(), request.last_event.as_str()), (Some("t"), "7-9"));
        assert_eq!((request.fetch_site.as_deref(), request.origin.as_deref()), (Some("none"), None));
    }

    #[test]
    fn wrong_and_large_heads_are_refused() {
        let read = |head: &str| Request::read(head.as_bytes()).map(|request| request.is_some());
        assert_eq!(read("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), Ok(true));
        for bad in [
            "GET / HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
            "GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
            "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
            "\x16\x03\x01\x02\0\x01\0\x01\x7c",
        ] {
            assert_eq!(read(bad), Err(Status::BadRequest), "{bad}");
        }
        let field = |length: usize| format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}", "x".repeat(length));
        assert_eq!(read(&field(LONGEST_HEAD - 50)), Ok(false));
        assert_eq!(read(&field(LONGEST_HEAD)), Err(Status::HeadTooLarge));
        assert_eq!(read(&format!("{}\r\n\r\n", field(LONGEST_HEAD))), Err(Status::HeadTooLarge));
        let many = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: y\r\n".repeat(MOST_FIELDS));
        assert_eq!(read(&many), Err(Status::HeadTooLarge));
    }
}
