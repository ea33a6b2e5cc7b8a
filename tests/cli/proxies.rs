//! Released proxies: microsocks (SOCKS5), tinyproxy and ncat (HTTP CONNECT).

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use crate::support::servers::{Place, port, start, tinyproxy};
use crate::support::{Dir, FreePort, NOT_FOUND, Proc, Server, digits, run};

fn microsocks(args: &[&str]) -> Option<(Proc, String)> {
    start("microsocks", Place::Port, |command, address| {
        command.args(["-i", "127.0.0.1", "-p", port(address)]).args(args);
    })
}

fn credentials(dir: &Dir, content: &str) -> String {
    let path = dir.file("credentials");
    std::fs::write(&path, content).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    path.display().to_string()
}

/// Sends two messages through the proxy, cut, and checks the replies.
#[track_caller]
fn converse(address: &str, args: &[&str]) {
    let out = run(["connect", address, "--chunk", "2"].iter().chain(args), "SECRET 12\nhello\n");
    out.is(0, digits("12") + NOT_FOUND, "");
}

#[test]
fn messages_pass_microsocks() {
    let Some((_proxy, address)) = microsocks(&[]) else { return };
    let server = Server::start(&[]);
    converse(&server.address(), &["--proxy", &format!("socks5://{address}")]);
    converse(&format!("localhost:{}", server.port()), &["--proxy", &format!("socks5h://{address}")]);
    let refused = FreePort::new();
    let url = format!("socks5h://{address}");
    let out = run(["connect", &refused.address.to_string(), "--proxy", &url, "-m", "a"], "");
    let why = "refused by the proxy: connection refused (is a server listening there?)";
    out.is(1, "", format!("secretcat: connect {} through {url}: {why}\n", refused.address));
    server.stops_with("");
}

#[test]
fn microsocks_accepts_only_the_right_credentials() {
    let Some((_proxy, address)) = microsocks(&["-u", "al", "-P", "hu:sh"]) else { return };
    let (server, dir, url) = (Server::start(&[]), Dir::new("microsocks"), format!("socks5://al@{address}"));
    let file = credentials(&dir, "al:hu:sh\n");
    converse(&server.address(), &["--proxy", &url, "--proxy-credentials", &file]);
    let file = credentials(&dir, "al:wrong\n");
    let out = run(["connect", &server.address(), "--proxy", &url, "--proxy-credentials", &file, "-m", "a"], "");
    let error = format!("secretcat: connect {} through {url}: rejected by the proxy: ", server.address());
    let rejected = "it rejects user and password (check --proxy-credentials)";
    out.is(1, "", format!("{error}{rejected}\n"));
    let bare = format!("socks5://{address}");
    let out = run(["connect", &server.address(), "--proxy", &bare, "-m", "a"], "");
    let error = error.replace(&url, &bare);
    out.is(1, "", format!("{error}it requires credentials (--proxy-credentials FILE gives them)\n"));
    server.stops_with("");
}

#[test]
fn messages_pass_tinyproxy_with_the_right_credentials() {
    let dir = Dir::new("tinyproxy");
    let Some((_proxy, address)) = tinyproxy(&dir, "BasicAuth al hush\n") else { return };
    let (server, url) = (Server::start(&[]), format!("http://{address}"));
    let file = credentials(&dir, "al:hush\n");
    converse(&format!("localhost:{}", server.port()), &["--proxy", &url, "--proxy-credentials", &file]);
    let to = server.address();
    let error = format!("secretcat: connect {to} through {url}: rejected by the proxy: ");
    let out = run(["connect", &to, "--proxy", &url, "-m", "a"], "");
    out.is(1, "", format!("{error}it requires credentials (--proxy-credentials FILE gives them)\n"));
    let file = credentials(&dir, "al:wrong\n");
    let out = run(["connect", &to, "--proxy", &url, "--proxy-credentials", &file, "-m", "a"], "");
    out.is(1, "", format!("{error}it rejects user and password (check --proxy-credentials)\n"));
    server.stops_with("");
}

#[test]
fn tinyproxy_refuses_ports_that_its_rules_exclude() {
    let dir = Dir::new("tinyproxy-rules");
    let Some((_proxy, address)) = tinyproxy(&dir, "ConnectPort 443\n") else { return };
    let (port, url) = (FreePort::new(), format!("http://{address}"));
    let out = run(["connect", &port.address.to_string(), "--proxy", &url, "-m", "a"], "");
    let why = "refused by the proxy: 403 Access violation (its rules may allow other ports or hosts only)";
    out.is(1, "", format!("secretcat: connect {} through {url}: {why}\n", port.address));
}

#[test]
fn messages_pass_ncat_with_the_right_credentials() {
    let proxy = start("ncat", Place::Port, |command: &mut Command, address| {
        command.args(["-l", "127.0.0.1", port(address), "--proxy-type", "http", "--proxy-auth", "al:hush"]);
        command.arg("--keep-open");
    });
    let Some((_proxy, address)) = proxy else { return };
    let (server, dir, url) = (Server::start(&[]), Dir::new("ncat-proxy"), format!("http://{address}"));
    let file = credentials(&dir, "al:hush\n");
    converse(&server.address(), &["--proxy", &url, "--proxy-credentials", &file]);
    let out = run(["connect", &server.address(), "--proxy", &url, "-m", "a"], "");
    let error = format!("secretcat: connect {} through {url}: rejected by the proxy: ", server.address());
    out.is(1, "", format!("{error}it requires credentials (--proxy-credentials FILE gives them)\n"));
    server.stops_with("");
}
