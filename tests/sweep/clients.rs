//! Right clients pass, with live and with replayed replies, every single cut of them proven.

use crate::support::servers::{self, Place};
use crate::support::sweep::{client, python};
use crate::support::{Dir, Server, run, skip};

/// Sweeps a client with these replies, live and replayed.
#[track_caller]
fn expect_no_differences(command: &str, server: &str, args: &[&str]) {
    for mode in [&[][..], &["--replay"]] {
        let args = [&["sweep", "--client", command, "--relay", server, "--max-time", "0"], mode, args].concat();
        let out = run(&args, "");
        let output = String::from_utf8_lossy(&out.stdout);
        assert_eq!((out.status, out.stderr.as_str()), (Some(0), ""), "{args:?}: {output}");
        assert!(output.contains(" same, 0 different, 0 not proven"), "{output}");
    }
}

/// A web server with a small page; `None` where there is none.
fn web(name: &str) -> Option<(crate::support::Proc, String, Dir)> {
    let dir = Dir::new(name);
    std::fs::write(dir.file("page"), "hello\n").unwrap();
    let (proc, address) = servers::nginx(Place::Port, &dir)?;
    Some((proc, address, dir))
}

/// Tests with a program that starts in milliseconds try every offset; others a few.
const FEW: &[&str] = &["--families", "chunk"];

#[test]
fn curl_has_no_differences() {
    if !skip::has_program("curl") {
        return;
    }
    let Some((_proc, address, _dir)) = web("client-curl") else { return };
    expect_no_differences("curl -sS http://{address}/page", &address, &["--families", "cut,chunk"]);
}

#[test]
fn wget_has_no_differences() {
    if !skip::has_program("wget") {
        return;
    }
    let Some((_proc, address, _dir)) = web("client-wget") else { return };
    expect_no_differences("wget -qO- http://{address}/page", &address, &["--families", "cut,chunk"]);
}

#[test]
fn redis_cli_has_no_differences() {
    if !skip::has_program("redis-cli") {
        return;
    }
    let dir = Dir::new("client-redis");
    let Some((_proc, address)) = servers::redis(Place::Port, &dir) else { return };
    let command = "redis-cli -h {host} -p {port} ECHO 'two\nlines'";
    expect_no_differences(command, &address, &[]);
}

#[test]
fn python_http_client_has_no_differences() {
    let Some(python) = python() else { return };
    let Some((_proc, address, dir)) = web("client-python") else { return };
    let script = "import http.client, sys\n\
        connection = http.client.HTTPConnection(sys.argv[1])\n\
        for path in ('/page', '/nothing', '/page'):\n    \
            connection.request('GET', path)\n    \
            response = connection.getresponse()\n    \
            print(response.status, response.read())\n";
    std::fs::write(dir.file("client.py"), script).unwrap();
    let command = format!("{python} {} {{address}}", dir.file("client.py").display());
    expect_no_differences(&command, &address, FEW);
}

#[test]
fn node_fetch_has_no_differences() {
    if !skip::has_program("node") {
        return;
    }
    let Some((_proc, address, dir)) = web("client-node") else { return };
    let script = "const response = await fetch(process.argv[2]);\n\
        console.log(response.status, await response.text());\n";
    std::fs::write(dir.file("client.mjs"), script).unwrap();
    let command = format!("node {} http://{{address}}/page", dir.file("client.mjs").display());
    expect_no_differences(&command, &address, FEW);
}

/// Their listeners have other ports, which the client prints, and each run has a directory of its own.
#[test]
fn several_clients_at_once_have_the_same_output() {
    let Some(command) = client("right", "; echo {address}") else { return };
    let server = Server::start(&[]);
    expect_no_differences(&command, &server.address(), &["--jobs", "3", "--families", "chunk"]);
    server.stops_with("");
}

#[test]
fn shell_client_gets_a_greeting_and_replies_of_a_file() {
    if !skip::has_program("nc") {
        return;
    }
    let dir = Dir::new("client-file");
    std::fs::write(dir.file("replies"), "hello\none\ntwo\n").unwrap();
    let file = dir.file("replies").display().to_string();
    let command = "printf 'a\\nb\\n' | nc {host} {port}; pwd";
    let args = ["sweep", "--client", command, "--replies", &file, "--greeting", "1", "--json"];
    let out = run(args, "");
    let output = String::from_utf8_lossy(&out.stdout);
    assert_eq!((out.status, out.stderr.as_str()), (Some(0), ""), "{output}");
    let found: serde_json::Value = serde_json::from_str(&output).unwrap();
    assert_eq!(found["expected"]["replies"][0], "hello\\none\\ntwo\\n{directory}\\n", "{found:#}");
    assert_eq!(found["messages"], serde_json::json!(["hello\\n", "one\\ntwo\\n"]), "{found:#}");
}
