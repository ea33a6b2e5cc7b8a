//! The web page of a sweep, in a browser.

use std::path::Path;
use std::process::Command;

use crate::support::sweep::sweep;
use crate::support::{Dir, Server, run_command, skip};

/// Bytes of a message that are markup, a quote, control characters and no UTF-8.
const HOSTILE: &[u8] =
    b"</pre><script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">'&\xff\x1b\n";

/// Sweeps a server with a mistake, and returns the page.
fn page_of(dir: &Dir, input: &[u8], args: &[&str]) -> String {
    let server = Server::start(&["--service", "echo"]);
    let file = dir.file("sweep.html");
    let html = ["--html", file.to_str().unwrap()];
    let out = sweep(&server, &[args, &html].concat(), input);
    assert!(out.status.is_some_and(|status| status != 2), "{out:?}");
    std::fs::read_to_string(file).unwrap()
}

/// The document after its script has run, as the browser writes it.
fn document(file: &Path) -> Option<String> {
    let browser = ["chromium-headless-shell", "chromium"].into_iter().find(|name| skip::has(name));
    let Some(browser) = browser else {
        skip::skip("chromium-headless-shell");
        return None;
    };
    let mut command = Command::new("timeout");
    command.args(["60", browser, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]);
    let out = run_command(command.arg(format!("file://{}", file.display())), "");
    assert_eq!(out.status, Some(0), "{}", out.stderr);
    Some(String::from_utf8_lossy(&out.stdout).into_owned())
}

#[test]
fn page_loads_nothing_and_shows_bytes_as_text() {
    let dir = Dir::new("page");
    let page = page_of(&dir, HOSTILE, &["--framing", "raw", "--max-plans", "200"]);
    assert!(page.contains("default-src 'none'; style-src 'sha256-"), "{page}");
    for outside in ["http:", "https:", "url(", "@import", "<img", "<link", "<iframe", " src=\"", "href=", "\u{1b}"] {
        let found = page.find(outside).map(|at| page[at..].chars().take(60).collect::<String>());
        assert_eq!(found, None, "{outside}");
    }
    assert_eq!((page.matches("<script>").count(), page.matches("onerror=&quot;").count() > 0), (1, true));
    for label in ["<html lang=\"en\">", "role=\"grid\"", "<th scope=\"row\">cut</th>", ", between &lt; and /: same\""] {
        assert!(page.contains(label), "{label} in {page}");
    }
    // The script has run: its hash is the one that the page allows. Nothing of the message has.
    let Some(document) = document(&dir.file("sweep.html")) else { return };
    assert!(document.contains("tabindex=\"-1\""), "{document}");
    assert!(document.contains("<title>Same: sweep of 127.0.0.1:"), "{document}");
}

#[test]
fn hashes_of_the_policy_are_those_of_style_and_script() {
    if !skip::has_program("python3") {
        return;
    }
    let dir = Dir::new("page-hashes");
    page_of(&dir, b"hello\n", &[]);
    let script = "import base64, hashlib, re, sys\n\
        page = open(sys.argv[1], encoding='utf-8').read()\n\
        for name in 'style', 'script':\n\
        \x20   text = re.search(f'<{name}>(.*?)</{name}>', page, re.S).group(1)\n\
        \x20   digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()\n\
        \x20   assert f\"{name}-src 'sha256-{digest}'\" in page, (name, digest)\n";
    let out = run_command(Command::new("python3").args(["-c", script]).arg(dir.file("sweep.html")), "");
    assert_eq!(out.status, Some(0), "{}", out.stderr);
}

#[test]
fn page_of_a_large_sweep_is_bounded() {
    let dir = Dir::new("page-large");
    let line = [b"x".repeat(99), b"\n".to_vec()].concat();
    let page = page_of(&dir, &line.repeat(2000), &["--max-plans", "20", "--families", "cut", "--framing", "raw"]);
    let cells = page.matches("tabindex=\"0\" aria-label=\"offset").count();
    assert!((1..=10_000).contains(&cells) && page.len() < 2_000_000, "{cells} cells, {} bytes", page.len());
    assert!(page.contains(": not tried</i>"), "long stretches are one cell");
}
