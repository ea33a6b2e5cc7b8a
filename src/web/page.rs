//! The live page: one file that loads nothing, and the messages that it gets.

use data_encoding::BASE64;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::live::message;
use super::response::Response;

const HTML: &str = include_str!("page/page.html");
const STYLE: &str = include_str!("page/page.css");
/// The parts of the script, in their order.
const SCRIPT: [&str; 4] = [
    include_str!("page/model.js"),
    include_str!("page/lanes.js"),
    include_str!("page/panels.js"),
    include_str!("page/main.js"),
];

/// The page. Its policy allows its own style and its own script, and to connect to its own server.
pub(super) fn page() -> Response {
    let script = SCRIPT.concat();
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; connect-src 'self'; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'",
        hash(STYLE),
        hash(&script)
    );
    html(HTML.replace("@STYLE@", STYLE).replace("@SCRIPT@", &script), policy)
}

/// The answer to a link: a page that goes on to the live page. After a redirection, a browser that has followed the link
/// from another site would not send the cookie.
pub(super) fn welcome() -> Response {
    let page = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>secretcat</title>\
                <meta http-equiv=\"refresh\" content=\"0; url=/\"><a href=\"/\">Open the live page</a></html>\n";
    html(page.to_owned(), "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'".to_owned())
}

fn html(page: String, policy: String) -> Response {
    Response::new("text/html; charset=utf-8", page)
        .with("Content-Security-Policy", policy)
        .with("Cross-Origin-Opener-Policy", "same-origin")
        .with("X-Frame-Options", "DENY")
}

fn hash(text: &str) -> String {
    BASE64.encode(&Sha256::digest(text))
}

/// The first message of a browser: which run this is, and what the browser has missed.
#[derive(Clone, Debug, Serialize)]
pub struct Start {
    /// The command line.
    pub command: String,
    /// The time of day at which the run began.
    pub time: String,
    /// The version of the program.
    pub version: &'static str,
    /// The events that were left out since the browser was last here.
    pub missed: u64,
    /// The browser has seen another run before.
    pub restarted: bool,
    /// The number of the browser, with which it chooses a connection.
    pub viewer: u64,
}

impl Start {
    /// For a browser that has had the events up to `last`, `RUN-NUMBER`, when this run is at this number.
    #[must_use]
    pub fn after(last: Option<&str>, run: &str, number: u64) -> Start {
        let (of, seen) = last.and_then(|last| last.rsplit_once('-')).unwrap_or_default();
        let missed = seen.parse().ok().filter(|_| of == run).map_or(0, |seen| number.saturating_sub(seen));
        let restarted = last.is_some() && of != run;
        let (command, time) = (String::new(), String::new());
        Start { command, time, version: env!("CARGO_PKG_VERSION"), missed, restarted, viewer: 0 }
    }

    /// The message.
    #[must_use]
    pub fn encode(&self, run: &str, number: u64) -> Vec<u8> {
        message("start", run, number, self)
    }
}

/// The last message: the run has ended.
#[must_use]
pub fn ended(run: &str, number: u64) -> Vec<u8> {
    message("end", run, number, &true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_loads_nothing_and_makes_no_markup_of_text() {
        let page = String::from_utf8(page().encode(false)).unwrap();
        for outside in ["http:", "https:", "url(", "@import", "<img", "<link", "<iframe", " src=", "href=", "style="] {
            assert!(!page.contains(outside), "{outside}");
        }
        for markup in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"] {
            assert!(!page.contains(markup), "{markup}");
        }
        for field in ["Content-Security-Policy: default-src 'none'; style-src 'sha256-", "X-Frame-Options: DENY\r\n"] {
            assert!(page.contains(field), "{field}");
        }
        assert_eq!((page.matches("<script>").count(), page.matches("<style>").count()), (1, 1));
        assert!(!page.contains("@STYLE@") && !page.contains("@SCRIPT@"));
    }

    #[test]
    fn browser_learns_of_missed_events() {
        let start = |last| {
            let Start { missed, restarted, .. } = Start::after(last, "a-b", 9);
            (missed, restarted)
        };
        assert_eq!(start(None), (0, false));
        assert_eq!(start(Some("a-b-9")), (0, false));
        assert_eq!(start(Some("a-b-4")), (5, false));
        assert_eq!(start(Some("a-b-12")), (0, false));
        assert_eq!(start(Some("c-4")), (0, true));
        assert_eq!(start(Some("nonsense")), (0, true));
    }
}
