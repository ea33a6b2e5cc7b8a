//! Who may ask for what: the paths of a site, and the checks before each.

use std::net::IpAddr;

use super::request::{Method, Request};
use super::response::{Response, Status};
use super::secret::Secret;

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
    /// The metrics.
    Metrics,
}

/// A site, with those who may ask.
#[derive(Clone, Debug)]
pub struct Site {
    hosts: Hosts,
    /// What Prometheus has to show to get the metrics.
    bearer: Option<Secret>,
}

impl Site {
    /// A site that has the metrics only.
    #[must_use]
    pub fn of_metrics(hosts: Hosts, bearer: Option<Secret>) -> Site {
        Site { hosts, bearer }
    }

    /// Answers a request.
    #[must_use]
    pub fn answer(&self, request: &Request) -> Answer {
        self.check(request).unwrap_or_else(|(status, reason)| Answer::Response(Response::refuse(status, reason)))
    }

    fn check(&self, request: &Request) -> Result<Answer, (Status, &'static str)> {
        if !self.hosts.have(&request.host) {
            return Err((Status::Forbidden, "this is not a name of this host"));
        }
        if request.method == Method::Other {
            return Err((Status::MethodNotAllowed, "only GET and HEAD are served"));
        }
        check_origin(request)?;
        match request.path.as_str() {
            "/metrics" => self.check_bearer(request).map(|()| Answer::Metrics),
            _ => Err((Status::NotFound, "there is only /metrics")),
        }
    }

    fn check_bearer(&self, request: &Request) -> Result<(), (Status, &'static str)> {
        let Some(secret) = &self.bearer else { return Ok(()) };
        match request.bearer() {
            Some(token) if secret.is(token.as_bytes()) => Ok(()),
            Some(_) => Err((Status::Unauthorized, "this is not the token")),
            None => Err((Status::Unauthorized, "send the token with Authorization: Bearer TOKEN")),
        }
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
        let status = |site: &Site, path: &str, fields: &str| match site.answer(&get(path, fields)) {
            Answer::Response(response) => String::from_utf8(response.encode(true)).unwrap()[9..12].to_owned(),
            Answer::Metrics => "metrics".to_owned(),
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
        let Answer::Response(refused) = open.answer(&post) else { panic!("answered") };
        assert!(refused.encode(true).starts_with(b"HTTP/1.1 405 "));
        let closed = Site::of_metrics(hosts(Some("192.0.2.1"), None), Secret::of_line(b"geheim"));
        let host = "Host: 192.0.2.1:4503\r\n";
        assert_eq!(status(&closed, "/metrics", host), "401");
        assert_eq!(status(&closed, "/metrics", &format!("{host}Authorization: Bearer geheim\r\n")), "metrics");
        assert_eq!(status(&closed, "/metrics", &format!("{host}Authorization: Bearer geheim2\r\n")), "401");
        assert_eq!(status(&closed, "/metrics", &format!("{host}Authorization: Basic geheim\r\n")), "401");
    }
}
