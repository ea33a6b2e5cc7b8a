//! Who may ask for what: the paths of a site, and the checks before each.

use std::net::IpAddr;

use super::page;
use super::request::{Method, Request};
use super::response::{Response, Status};
use super::secret::Secret;
use crate::trace::ConnId;

/// The path of the link to the live page.
const LOGIN: &str = "/login";
/// The refusal of a choice without its numbers.
const WRONG_CHOICE: (Status, &str) = (Status::BadRequest, "viewer and conn are numbers");

/// The names under which a site may be asked. A web page of another site that makes a browser resolve its own name to
/// this address (DNS rebinding) asks under its own name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hosts {
    /// The address that the site listens on; `None` for a unix socket.
    pub ip: Option<IpAddr>,
    /// The name by which the address was given.
    pub name: Option<String>,
}

impl Hosts {
    /// Whether this value of the field `Host` names the site. Its port may be that of a tunnel.
    fn have(&self, host: &str) -> bool {
        let Some((name, _)) = split_port(host) else { return false };
        let ip = self.ip.map(|ip| ip.to_canonical());
        let is_local = ip.is_none_or(|ip| ip.is_loopback() || ip.is_unspecified());
        if let Ok(asked) = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
            let asked = asked.to_canonical();
            return Some(asked) == ip || ip.is_some_and(|ip| ip.is_unspecified()) || (is_local && asked.is_loopback());
        }
        let is_given = self.name.as_ref().is_some_and(|given| given.eq_ignore_ascii_case(name));
        is_given || (is_local && name.eq_ignore_ascii_case("localhost"))
    }
}

/// Splits a host from its port.
fn split_port(host: &str) -> Option<(&str, Option<u16>)> {
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !host.ends_with(']') => (name, Some(port.parse().ok()?)),
        _ => (host, None),
    };
    let bare = name.starts_with('[') == name.ends_with(']') && name.starts_with('[') == name.contains(':');
    (!name.is_empty() && bare).then_some((name, port))
}

/// What a request is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// This response.
    Response(Response),
    /// This response: the link was opened, and works no more.
    LoggedIn(Response),
    /// The metrics.
    Metrics,
    /// The events of the live page, after this head. The browser has the events up to this one.
    Events(Response, Option<String>),
    /// This response: a browser, by its number, has chosen a connection, whose events it wants to see all.
    Chosen(Response, u64, ConnId),
}

/// How a browser gets to the live page: a link that works once is exchanged for a cookie.
#[derive(Clone, Debug)]
pub struct Door {
    /// The token of the link; `None` after it was used.
    token: Option<Secret>,
    /// The value of the cookie.
    session: Secret,
    /// Its name. Cookies do not distinguish ports, and another run on this host has a page too.
    cookie: String,
}

impl Door {
    /// A door for the page at this port, with random bits for the token and the cookie.
    #[must_use]
    pub fn new(port: u16, token: [u8; 16], session: [u8; 16]) -> Door {
        let (token, session) = (Some(Secret::of_bits(token)), Secret::of_bits(session));
        Door { token, session, cookie: format!("secretcat-{port}") }
    }

    /// Sets the next token, after one was used.
    pub fn renew(&mut self, token: [u8; 16]) {
        self.token = Some(Secret::of_bits(token));
    }

    /// The path of the link.
    #[must_use]
    pub fn path(&self) -> String {
        format!("/login?token={}", self.token.as_ref().map(Secret::text).unwrap_or_default())
    }
}

/// A site, with those who may ask.
#[derive(Clone, Debug)]
pub struct Site {
    hosts: Hosts,
    /// The way to the live page, if there is one.
    door: Option<Door>,
    /// What Prometheus has to show to get the metrics.
    bearer: Option<Secret>,
}

impl Site {
    /// A site that has the metrics only.
    #[must_use]
    pub fn of_metrics(hosts: Hosts, bearer: Option<Secret>) -> Site {
        Site { hosts, door: None, bearer }
    }

    /// A site that has the live page, and the metrics for those who have its cookie or the bearer token.
    #[must_use]
    pub fn of_page(hosts: Hosts, door: Door, bearer: Option<Secret>) -> Site {
        Site { hosts, door: Some(door), bearer }
    }

    /// The way to the live page.
    pub fn door(&mut self) -> Option<&mut Door> {
        self.door.as_mut()
    }

    /// Answers a request.
    pub fn answer(&mut self, request: &Request) -> Answer {
        self.check(request).unwrap_or_else(|(status, reason)| Answer::Response(Response::refuse(status, reason)))
    }

    fn check(&mut self, request: &Request) -> Result<Answer, (Status, &'static str)> {
        if !self.hosts.have(&request.host) {
            return Err((Status::Forbidden, "this is not a name of this host"));
        }
        if request.method == Method::Other {
            return Err((Status::MethodNotAllowed, "only GET and HEAD are served"));
        }
        // The link may stand on a page of another site: whoever follows it has the token.
        if request.path != LOGIN || self.door.is_none() {
            check_origin(request)?;
        }
        match (request.path.as_str(), &mut self.door) {
            ("/metrics", door) => {
                if door.as_ref().is_none_or(|door| !door.admits(request)) {
                    self.check_bearer(request)?;
                }
                Ok(Answer::Metrics)
            }
            (LOGIN, Some(door)) => door.log_in(request),
            ("/", Some(door)) if door.admits(request) => Ok(Answer::Response(page::page())),
            ("/events", Some(door)) if door.admits(request) => {
                let last = Some(request.last_event.clone()).filter(|last| !last.is_empty());
                Ok(Answer::Events(Response::stream("text/event-stream"), last))
            }
            ("/choose", Some(door)) if door.admits(request) => {
                let number = |name: &str| request.parameter(name)?.parse().ok();
                let (viewer, conn) = number("viewer").zip(number("conn")).ok_or(WRONG_CHOICE)?;
                Ok(Answer::Chosen(Response::new("text/plain; charset=utf-8", ""), viewer, conn))
            }
            ("/" | "/events" | "/choose", Some(_)) => {
                Err((Status::Forbidden, "open the link that secretcat has printed"))
            }
            (_, Some(_)) => Err((Status::NotFound, "there are only / and /metrics")),
            (_, None) => Err((Status::NotFound, "there is only /metrics")),
        }
    }

    fn check_bearer(&self, request: &Request) -> Result<(), (Status, &'static str)> {
        let Some(secret) = &self.bearer else {
            let refusal = (Status::Forbidden, "open the link of the live page, or use --metrics-token-file");
            return if self.door.is_some() { Err(refusal) } else { Ok(()) };
        };
        match request.bearer() {
            Some(token) if secret.is(token.as_bytes()) => Ok(()),
            Some(_) => Err((Status::Unauthorized, "this is not the token")),
            None => Err((Status::Unauthorized, "send the token with Authorization: Bearer TOKEN")),
        }
    }
}

impl Door {
    /// Whether the request has the cookie.
    fn admits(&self, request: &Request) -> bool {
        request.cookie(&self.cookie).is_some_and(|value| self.session.is(value.as_bytes()))
    }

    /// Exchanges the token for the cookie.
    fn log_in(&mut self, request: &Request) -> Result<Answer, (Status, &'static str)> {
        let given = request.parameter("token").unwrap_or_default();
        let is_right = self.token.as_ref().is_some_and(|token| token.is(given.as_bytes()));
        if !is_right {
            return Err((Status::Forbidden, "this link was used, or is wrong: each link works once"));
        }
        if request.is_head() {
            return Ok(Answer::Response(page::welcome())); // whoever looks at a link does not use it up
        }
        self.token = None;
        let cookie = format!("{}={}; Path=/; HttpOnly; SameSite=Strict", self.cookie, self.session.text());
        Ok(Answer::LoggedIn(page::welcome().with("Set-Cookie", cookie)))
    }
}

/// Refuses what the page of another site asks.
fn check_origin(request: &Request) -> Result<(), (Status, &'static str)> {
    let is_other = |origin: &String| *origin != format!("http://{}", request.host);
    let is_foreign = |site: &String| !matches!(site.as_str(), "same-origin" | "none");
    if request.origin.as_ref().is_some_and(is_other) || request.fetch_site.as_ref().is_some_and(is_foreign) {
        return Err((Status::Forbidden, "another site asks"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(ip: Option<&str>, name: Option<&str>) -> Hosts {
        Hosts { ip: ip.map(|ip| ip.parse().unwrap()), name: name.map(str::to_owned) }
    }

    fn get(path: &str, fields: &str) -> Request {
        let head = format!("GET {path} HTTP/1.1\r\n{fields}\r\n");
        Request::read(head.as_bytes()).unwrap().unwrap()
    }

    #[test]
    fn site_is_asked_under_its_own_names_only() {
        let loopback = hosts(Some("127.0.0.1"), None);
        for host in ["127.0.0.1:4503", "localhost:4503", "LOCALHOST", "[::1]:4503", "127.0.0.1:9000", "127.1.2.3"] {
            assert!(loopback.have(host), "{host}");
        }
        for host in ["", ":80", "evil.example", "evil.example:4503", "localhost.evil.example", "192.0.2.1:4503", "::1"]
        {
            assert!(!loopback.have(host), "{host}");
        }
        assert!(!loopback.have("127.0.0.1:x") && !loopback.have("[127.0.0.1"));
        let named = hosts(Some("192.0.2.1"), Some("lab.example"));
        assert!(named.have("lab.example:80") && named.have("192.0.2.1") && !named.have("localhost"));
        let everywhere = hosts(Some("::"), None);
        assert!(everywhere.have("192.0.2.1:80") && everywhere.have("localhost") && !everywhere.have("lab.example"));
        let unix = hosts(None, None);
        assert!(unix.have("localhost") && unix.have("127.0.0.1:9000") && !unix.have("192.0.2.1"));
    }

    #[test]
    fn metrics_need_the_token_and_the_own_name() {
        let status = |site: &Site, path: &str, fields: &str| match site.clone().answer(&get(path, fields)) {
            Answer::Response(response) => String::from_utf8(response.encode(true)).unwrap()[9..12].to_owned(),
            Answer::Metrics => "metrics".to_owned(),
            other => panic!("{other:?}"),
        };
        let open = Site::of_metrics(hosts(Some("127.0.0.1"), None), None);
        let host = "Host: 127.0.0.1:4503\r\n";
        let with = |field: &str| format!("{host}{field}\r\n");
        assert_eq!(status(&open, "/metrics", host), "metrics");
        assert_eq!(status(&open, "/", host), "404");
        assert_eq!(status(&open, "/metrics", "Host: evil.example\r\n"), "403");
        assert_eq!(status(&open, "/metrics", &with("Origin: http://evil.example")), "403");
        assert_eq!(status(&open, "/metrics", &with("Origin: null")), "403");
        assert_eq!(status(&open, "/metrics", &with("Origin: http://127.0.0.1:4503")), "metrics");
        assert_eq!(status(&open, "/metrics", &with("Sec-Fetch-Site: cross-site")), "403");
        assert_eq!(status(&open, "/metrics", &with("Sec-Fetch-Site: none")), "metrics");
        let post = Request::read(b"POST /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap().unwrap();
        let Answer::Response(refused) = open.clone().answer(&post) else { panic!("answered") };
        assert!(refused.encode(true).starts_with(b"HTTP/1.1 405 "));
        let closed = Site::of_metrics(hosts(Some("192.0.2.1"), None), Secret::of_line(b"geheim"));
        let host = "Host: 192.0.2.1:4503\r\n";
        assert_eq!(status(&closed, "/metrics", host), "401");
        assert_eq!(status(&closed, "/metrics", &format!("{host}Authorization: Bearer geheim\r\n")), "metrics");
        assert_eq!(status(&closed, "/metrics", &format!("{host}Authorization: Bearer geheim2\r\n")), "401");
        assert_eq!(status(&closed, "/metrics", &format!("{host}Authorization: Basic geheim\r\n")), "401");
    }

    #[test]
    fn link_works_once_and_becomes_a_cookie() {
        let mut site = Site::of_page(hosts(Some("127.0.0.1"), None), Door::new(4502, [1; 16], [2; 16]), None);
        let host = "Host: 127.0.0.1:4502\r\n";
        let head = |answer: Answer| match answer {
            Answer::Response(response)
            | Answer::LoggedIn(response)
            | Answer::Events(response, _)
            | Answer::Chosen(response, ..) => String::from_utf8(response.encode(true)).unwrap(),
            Answer::Metrics => "metrics".to_owned(),
        };
        let link = site.door().unwrap().path();
        assert_eq!(link, format!("/login?token={}", "01".repeat(16)));
        for path in
            ["/", "/events", "/choose?viewer=1&conn=2", "/metrics", "/login", "/login?token=", "/login?token=0101"]
        {
            assert!(head(site.answer(&get(path, host))).starts_with("HTTP/1.1 403 "), "{path}");
        }
        let looked = Request::read(format!("HEAD {link} HTTP/1.1\r\n{host}\r\n").as_bytes()).unwrap().unwrap();
        assert!(!head(site.answer(&looked)).contains("Set-Cookie"));
        // The link may come from a chat in a browser.
        let answer = site.answer(&get(&link, &format!("{host}Sec-Fetch-Site: cross-site\r\n")));
        assert!(matches!(answer, Answer::LoggedIn(_)));
        let set = format!("Set-Cookie: secretcat-4502={}; Path=/; HttpOnly; SameSite=Strict\r\n", "02".repeat(16));
        assert!(head(answer.clone()).contains(&set), "{}", head(answer));
        assert!(head(site.answer(&get(&link, host))).starts_with("HTTP/1.1 403 "), "used");
        let with = format!("{host}Cookie: other=1; secretcat-4502={}\r\n", "02".repeat(16));
        for (path, begin) in [
            ("/", "HTTP/1.1 200 "),
            ("/events", "HTTP/1.1 200 "),
            ("/choose?viewer=1&conn=2", "HTTP/1.1 200 "),
            ("/metrics", "metrics"),
        ] {
            assert!(head(site.answer(&get(path, &with))).starts_with(begin), "{path}");
            let foreign = format!("{with}Sec-Fetch-Site: cross-site\r\n");
            assert!(head(site.answer(&get(path, &foreign))).starts_with("HTTP/1.1 403 "), "{path}");
        }
        assert!(head(site.answer(&get("/other", &with))).starts_with("HTTP/1.1 404 "));
        site.door().unwrap().renew([3; 16]);
        assert_eq!(site.door().unwrap().path(), format!("/login?token={}", "03".repeat(16)));
        let chosen = site.answer(&get("/choose?viewer=1&conn=2", &with));
        assert!(matches!(chosen, Answer::Chosen(_, 1, 2)), "{chosen:?}");
        for wrong in ["/choose", "/choose?viewer=1", "/choose?viewer=-1&conn=2", "/choose?viewer=1&conn=x"] {
            assert!(head(site.answer(&get(wrong, &with))).starts_with("HTTP/1.1 400 "), "{wrong}");
        }
        let again = get("/events", &format!("{with}Last-Event-ID: r-7\r\n"));
        assert!(matches!(site.answer(&again), Answer::Events(_, Some(last)) if last == "r-7"));
    }
}
