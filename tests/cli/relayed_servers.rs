//! Servers and clients that the world relies on, with a relay between them that cuts every byte from the next.

use std::os::unix::net::UnixStream;
use std::process::Command;
use std::thread;

use crate::raw::noise;
use crate::relay::relay;
use crate::support::{Dir, Proc, Server, has, poll_until, run_command, skip};

/// True when all of them are here; else it is said that the test is left out.
fn all_here(programs: &[&str]) -> bool {
    let missing = programs.iter().find(|program| !has(program));
    missing.inspect(|program| skip::skip(program)).is_none()
}

/// curl gets this page twice, over one connection.
#[track_caller]
fn is_fetched_by_curl(relay: &Server, name: &str, page: &[u8]) {
    let url = format!("http://{}/{name}", relay.address());
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--show-error", "--fail", "--max-time", "60", &url, &url]);
    let out = run_command(&mut curl, "");
    assert_eq!((out.status, out.stderr.as_str()), (Some(0), ""));
    assert!(out.stdout == page.repeat(2), "{} bytes", out.stdout.len());
}

#[test]
fn curl_fetches_pages_from_python_byte_by_byte() {
    if !all_here(&["curl", "python3"]) {
        return;
    }
    let dir = Dir::new("http");
    let page = "It is a truth universally acknowledged.\n".repeat(50);
    std::fs::write(dir.file("page.txt"), &page).unwrap();
    let mut serve = Command::new("python3");
    serve
        .args(["-u", "-m", "http.server", "--bind", "127.0.0.1", "--protocol", "HTTP/1.1", "0"])
        .current_dir(dir.path());
    let server = Proc::start(&mut serve);
    let said = server.until_stdout(") ...");
    let port = said.split_once(" port ").unwrap().1.split(' ').next().unwrap();
    for side in ["server", "client", "both"] {
        let relay = relay(&format!("127.0.0.1:{port}"), &["--chunk", "1", "--cut-toward", side]);
        is_fetched_by_curl(&relay, "page.txt", page.as_bytes());
        relay.stops_with("");
    }
}

#[test]
fn curl_fetches_pages_from_nginx_byte_by_byte() {
    if !all_here(&["curl", "nginx"]) {
        return;
    }
    let dir = Dir::new("nginx");
    let page = noise(20_000);
    std::fs::create_dir(dir.file("html")).unwrap();
    std::fs::write(dir.file("html/page"), &page).unwrap();
    let path = dir.path().display();
    let temporary: String =
        ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(|of| format!("{of}_temp_path {path};\n")).concat();
    let config = format!(
        "daemon off; master_process off; pid {path}/pid; error_log {path}/log;\nevents {{}}\n\
         http {{ access_log off;\n{temporary}server {{ listen unix:{path}/socket; root {path}/html; }} }}\n"
    );
    std::fs::write(dir.file("nginx.conf"), config).unwrap();
    let _server =
        Proc::start(Command::new("nginx").arg("-c").arg(dir.file("nginx.conf")).arg("-e").arg(dir.file("log")));
    let socket = dir.file("socket");
    poll_until("nginx listens", thread::yield_now, || UnixStream::connect(&socket).is_ok());
    let relay = relay(&format!("unix:{}", socket.display()), &["--chunk", "1"]);
    is_fetched_by_curl(&relay, "page", &page);
    relay.stops_with("");
}

#[test]
fn redis_is_asked_and_answers_byte_by_byte() {
    if !all_here(&["redis-server", "redis-cli"]) {
        return;
    }
    let dir = Dir::new("redis");
    let socket = dir.file("socket");
    let mut serve = Command::new("redis-server");
    serve
        .args(["--port", "0", "--save", "", "--appendonly", "no", "--unixsocket"])
        .arg(&socket)
        .arg("--dir")
        .arg(dir.path());
    let server = Proc::start(&mut serve);
    server.until_stdout("eady to accept connections");
    let relay = relay(&format!("unix:{}", socket.display()), &["--chunk", "1"]);
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
