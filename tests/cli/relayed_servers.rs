//! curl, nginx, Python and Redis work through a relay that sends each byte in its own segment.

use std::process::Command;

use crate::support::servers::{self, Place};
use crate::support::{Dir, Server, noise, run_command, skip, start_relay};

/// Checks that curl gets this page twice, over one connection.
#[track_caller]
fn fetch_by_curl(relay: &Server, page: &[u8]) {
    let url = format!("http://{}/page", relay.address());
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--show-error", "--fail", "--max-time", "60", &url, &url]);
    let out = run_command(&mut curl, "");
    assert_eq!((out.status, out.stderr.as_str()), (Some(0), ""));
    assert!(out.stdout == page.repeat(2), "{} bytes", out.stdout.len());
}

/// A directory with this page; `None` if there is no curl.
fn site(name: &str, page: &[u8]) -> Option<Dir> {
    if !skip::has_program("curl") {
        return None;
    }
    let dir = Dir::new(name);
    std::fs::write(dir.file("page"), page).unwrap();
    Some(dir)
}

#[test]
fn curl_fetches_pages_from_python_byte_by_byte() {
    let page = "It is a truth universally acknowledged.\n".repeat(50);
    let Some(dir) = site("relayed-python", page.as_bytes()) else { return };
    let Some((_proc, address)) = servers::python(&dir) else { return };
    for side in ["server", "client", "both"] {
        let relay = start_relay(&address, &["--chunk", "1", "--cut-toward", side]);
        fetch_by_curl(&relay, page.as_bytes());
        relay.stops_with("");
    }
}

#[test]
fn curl_fetches_pages_from_nginx_byte_by_byte() {
    let page = noise(20_000);
    let Some(dir) = site("relayed-nginx", &page) else { return };
    let Some((_proc, address)) = servers::nginx(Place::Socket(&dir), &dir) else { return };
    let relay = start_relay(&address, &["--chunk", "1"]);
    fetch_by_curl(&relay, &page);
    relay.stops_with("");
}

#[test]
fn redis_answers_byte_by_byte() {
    if !skip::has_program("redis-cli") {
        return;
    }
    let dir = Dir::new("relayed-redis");
    let Some((_proc, address)) = servers::redis(Place::Socket(&dir), &dir) else { return };
    let relay = start_relay(&address, &["--chunk", "1"]);
    let mut cli = Command::new("redis-cli");
    cli.args(["-p", &relay.port()]);
    let value = "v".repeat(2000);
    let input = format!(
        "SET greeting hello\nGET greeting\nSET long {value}\nSTRLEN long\nGET long\nINCR n\nINCR n\nLPUSH l a b c\nLRANGE l 0 -1\nNONSENSE\n"
    );
    let out = run_command(&mut cli, input);
    let expected = format!("OK\nhello\nOK\n2000\n{value}\n1\n2\n3\nc\nb\na\nERR unknown command ");
    assert!(out.status == Some(0) && out.stdout.starts_with(expected.as_bytes()), "{out:?}");
    relay.stops_with("");
}
