//! Released servers pass: 1,000 plans each, every cut proven, no difference.

use crate::support::servers::{self, Place, port};
use crate::support::sweep::UNHURRIED;
use crate::support::{Dir, Server, is_root, run, run_command, skip, under_strace};

#[track_caller]
fn expect_no_differences(address: &str, args: &[&str], request: &[u8]) {
    let out = run(["sweep", address, "--max-plans", "1000"].iter().chain(&UNHURRIED).chain(args), request);
    let output = String::from_utf8_lossy(&out.stdout);
    assert_eq!((out.status, out.stderr.as_str()), (Some(0), ""), "{output}");
    assert!(output.contains(" 1000 plans: 1000 same, 0 different, 0 not proven"), "{output}");
}

/// On one connection: a GET with a page as its response, a HEAD, and a GET with an error.
const WEB: &[u8] = b"GET /page HTTP/1.1\r\nHost: a\r\n\r\nHEAD /page HTTP/1.1\r\nHost: a\r\n\r\n\
    GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n";
/// The Date of a response is masked.
const WEB_ARGS: &[&str] = &["--framing", "http"];

/// A folder with a page in it.
fn site(name: &str) -> Dir {
    let dir = Dir::new(name);
    std::fs::write(dir.file("page"), "hello\n".repeat(50)).unwrap();
    dir
}

#[test]
fn redis_has_no_differences() {
    let dir = Dir::new("redis");
    let Some((_proc, address)) = servers::redis(Place::Port, &dir) else { return };
    // Inline commands, and the protocol proper, whose parts have lengths.
    expect_no_differences(&address, &[], b"PING\r\nSET key some-value\r\nGET key\r\nECHO end\r\nTYPE key\r\n");
    expect_no_differences(
        &address,
        &["--framing", "raw"],
        b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$12\r\nline\r\nsecond\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\n",
    );
}

#[test]
fn memcached_has_no_differences() {
    let Some((_proc, address)) = servers::start("memcached", Place::Port, |command, address| {
        command.args(["-l", "127.0.0.1", "-p", port(address), "-U", "0"]);
        if is_root() {
            command.args(["-u", "nobody"]);
        }
    }) else {
        return;
    };
    expect_no_differences(
        &address,
        &["--framing", "raw"],
        b"set key 0 0 12\r\nline\r\nsecond\r\nget key\r\nget nothing\r\nset k 0 0 1\r\nx\r\n",
    );
}

#[test]
fn nginx_has_no_differences() {
    let dir = site("nginx");
    let Some((_proc, address)) = servers::nginx(Place::Port, &dir) else { return };
    expect_no_differences(&address, WEB_ARGS, WEB);
    // A response to HEAD has no body, and the next response is not taken for its body.
    let out = run(["sweep", &address, "--json", "--max-plans", "2"].iter().chain(WEB_ARGS), WEB);
    let found: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!(found["expected"]["replies"].as_array().unwrap().len(), 3, "{found:#}");
}

#[test]
fn lighttpd_has_no_differences() {
    let dir = site("lighttpd");
    let Some((_proc, address)) = servers::start("lighttpd", Place::Port, |command, address| {
        let (root, port) = (dir.path().display(), port(address));
        let config = format!("server.document-root = \"{root}\"\nserver.bind = \"127.0.0.1\"\nserver.port = {port}\n");
        std::fs::write(dir.file("conf"), config).unwrap();
        command.arg("-D").arg("-f").arg(dir.file("conf"));
    }) else {
        return;
    };
    expect_no_differences(&address, WEB_ARGS, WEB);
}

#[test]
fn python_http_server_has_no_differences() {
    let dir = site("python");
    let Some((_proc, address)) = servers::python(&dir) else { return };
    expect_no_differences(
        &address,
        WEB_ARGS,
        b"GET /page HTTP/1.1\r\nHost: a\r\n\r\nHEAD /page HTTP/1.1\r\nHost: a\r\n\r\n",
    );
}

/// A server with Nagle's algorithm on holds the second part of each reply until the first is acknowledged.
#[test]
fn received_bytes_are_acknowledged_at_once() {
    if !skip::has_program("strace") {
        return;
    }
    let dir = Dir::new("quickack");
    let server = Server::start(&[]);
    let log = dir.file("calls");
    let args = ["sweep", &server.address(), "-m", "SECRET 1", "--max-plans", "8", "--quiet"];
    let out = run_command(&mut under_strace(&log, &["-e", "trace=setsockopt"], args), "");
    assert_eq!(out.status, Some(0), "{}", out.stderr);
    let calls = std::fs::read_to_string(&log).unwrap();
    assert!(calls.contains("TCP_QUICKACK, [1]"), "{calls}");
    server.stops_with("");
}
