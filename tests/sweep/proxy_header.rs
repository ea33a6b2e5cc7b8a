//! The family `header`: released servers lose a connection whose PROXY header is cut, and our listener does not.

use serde_json::Value;

use crate::support::servers::{self, Place};
use crate::support::sweep::UNHURRIED;
use crate::support::{Dir, Proc, Server, run, run_command, shell};

const ENDS: [&str; 4] = ["--proxy-source", "192.0.2.7:44444", "--proxy-dest", "192.0.2.8:80"];
/// The lengths of the two headers with these ends.
const LENGTHS: [(&str, usize); 2] = [("v1", 41), ("v2", 28)];
const REQUEST: &str = "GET /page HTTP/1.0\r\nHost: x\r\n\r\n";

/// A program of this name that serves the page behind a header; `None` where it is missing.
#[track_caller]
pub(crate) fn start(program: &str, dir: &Dir) -> Option<(Proc, String)> {
    servers::start(program, Place::Port, |command, address| {
        let root = dir.path().display();
        if program == "nginx" {
            let temp: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
                .map(|name| format!("{name}_temp_path {root}/temp;\n"))
                .concat();
            let config = format!(
                "daemon off; master_process off; pid {root}/pid; error_log stderr;\nevents {{}}\n\
                 http {{ access_log off; {temp} server {{ listen {address} proxy_protocol; location / {{\n\
                 return 200 \"client $proxy_protocol_addr\\n\"; }} }} }}\n"
            );
            std::fs::write(dir.file("conf"), config).unwrap();
            command.args(["-e", "stderr", "-p"]).arg(dir.path()).arg("-c").arg(dir.file("conf"));
        } else {
            let config = format!(
                "defaults\n mode http\n timeout client 5s\n timeout server 5s\n timeout connect 5s\n\
                 frontend web\n bind {address} accept-proxy\n\
                 http-request return status 200 content-type text/plain lf-string \"client %[src]\\n\"\n"
            );
            std::fs::write(dir.file("conf"), config).unwrap();
            command.arg("-db").arg("-f").arg(dir.file("conf"));
        }
    })
}

/// Sweeps this address with a header of this version; what is found, as JSON.
#[track_caller]
fn sweep(address: &str, version: &str, args: &[&str], request: &str) -> Value {
    let header = [&["--proxy-protocol", version][..], &ENDS].concat();
    let out = run(["sweep", address, "--json"].iter().chain(&UNHURRIED).chain(&header).chain(args), request);
    let found: Value = serde_json::from_slice(&out.stdout).unwrap_or_else(|error| panic!("{error}: {out:?}"));
    assert_eq!(
        (out.status.unwrap(), out.stderr.as_str()),
        (i32::try_from(found["status"].as_i64().unwrap()).unwrap(), ""),
        "{found:#}"
    );
    found
}

#[track_caller]
fn expect_lost_headers(program: &str) {
    let dir = Dir::new(program);
    let Some((_proc, address)) = start(program, &dir) else { return };
    for (version, length) in LENGTHS {
        // HAProxy sends no date, and a mask without a match is reported.
        let mask = if program == "nginx" { "(?m)^Date:.*$" } else { "client" };
        let found = sweep(&address, version, &["--framing", "http", "--mask", mask, "--max-plans", "100"], REQUEST);
        let reply = found["expected"]["replies"][0].as_str().unwrap();
        assert!(reply.contains("client 192.0.2.7"), "the uncut header is read: {reply}");
        assert_eq!(found["status"], 3, "{found:#}");
        let count = |family: &str, verdict: &str| found["kinds"][family][verdict].as_u64().unwrap();
        assert_eq!((count("header", "different"), count("header", "same")), (length as u64 - 1, 0), "{found:#}");
        assert_eq!((count("cut", "different"), count("pair", "different")), (0, 0), "{found:#}");
        let offsets: Vec<usize> = (1..length).collect();
        assert_eq!(found["differing_header_cuts"], serde_json::json!(offsets));
        assert_eq!(found["differing_cuts"], serde_json::json!([]));
        let difference = &found["differences"][0];
        assert_eq!((&difference["header_cuts"], &difference["repeated"]), (&serde_json::json!([1]), &true.into()));
        // HAProxy looks at the header without taking it from the kernel, and closes: that is a reset, and no FIN.
        if program == "haproxy" {
            assert_eq!(difference["got"]["ending"], "reset by the server", "{found:#}");
        }
        expect_repeated(difference["repeat"].as_str().unwrap(), "192.0.2.7:44444");
    }
}

/// Runs the command that repeats a difference: the server does not answer, and without the cut it does.
#[track_caller]
fn expect_repeated(command: &str, source: &str) {
    let source = format!(" --proxy-source {source} ");
    assert!(command.contains(" --cut-header 1 ") && command.contains(&source), "{command}");
    let reply = |command: &str| {
        let command = command.replace("secretcat", env!("CARGO_BIN_EXE_secretcat"));
        String::from_utf8(run_command(&mut shell(&command, [""]), "").stdout).unwrap()
    };
    assert!(!reply(command).contains("client"), "{command}");
    assert!(reply(&command.replace(" --cut-header 1", "")).contains("client 192.0.2.7\n"), "{command}");
}

#[test]
fn nginx_loses_a_cut_header() {
    expect_lost_headers("nginx");
}

#[test]
fn haproxy_loses_a_cut_header() {
    expect_lost_headers("haproxy");
}

#[test]
fn listener_reads_a_header_cut_anywhere() {
    let server = Server::start(&["--accept-proxy"]);
    for (version, length) in LENGTHS {
        let found = sweep(&server.address(), version, &["--max-plans", "200"], "SECRET 42\nhello\n");
        assert_eq!((&found["status"], &found["differences"]), (&0.into(), &serde_json::json!([])), "{found:#}");
        assert_eq!(found["kinds"]["header"]["same"], length - 1);
    }
    // Without given ends the length is that of the connections.
    let out = run(["sweep", &server.address(), "--proxy-protocol", "v1", "-m", "SECRET 42", "--max-time", "0"], "");
    assert_eq!(out.status, Some(0), "{out:?}");
    server.stops_with("");
}

/// The header is not cut as a part of the first message, whatever it is read from.
#[test]
fn header_in_the_messages_is_recognized() {
    let server = Server::start(&["--accept-proxy"]);
    let line = "PROXY TCP4 192.0.2.7 192.0.2.8 4444 80";
    let (of_stdin, of_args) = (format!("{line}\r\nSECRET 1\n"), format!("{line}\r\nSECRET 2\n"));
    for (args, input) in [
        (&[][..], of_stdin.as_str()),
        (&["--framing", "raw"], &of_stdin),
        (&["--framing", "raw", "-m", &of_args], ""),
        (&["-C", "-m", line, "-m", "SECRET 3"], ""),
    ] {
        let out = run(["sweep", &server.address(), "--json", "--max-plans", "60"].iter().chain(args), input);
        let found: Value = serde_json::from_slice(&out.stdout).unwrap_or_else(|error| panic!("{error}: {out:?}"));
        assert_eq!(
            (out.status, &found["proxy_header"], &found["plans"]),
            (Some(0), &40.into(), &60.into()),
            "{found:#}"
        );
        let (messages, header) = (found["messages"].as_array().unwrap(), &found["kinds"]["header"]["same"]);
        assert!(messages.len() == 1 && messages[0].as_str().unwrap().starts_with("SECRET "), "{found:#}");
        assert!(header.as_u64().unwrap() > 9, "{found:#}");
        let note = "the messages begin with a PROXY header of 40 bytes: it is cut by the family header, as that \
                    of --proxy-protocol v1 --proxy-source 192.0.2.7:4444 --proxy-dest 192.0.2.8:80\n";
        assert_eq!(out.stderr, note);
    }
    // It is sent as it was given, or not taken for one.
    let plain = Server::start(&["--service", "echo"]);
    for header in ["PROXY UNKNOWN of no use\r\n", "PROXY TCP4 x\r\n", "PROXY TCP4 192.0.2.7 192.0.2.8 4444 80\r\n"] {
        let args = ["sweep", &plain.address(), "--json", "--framing", "raw", "--max-plans", "20"];
        let more = if header.starts_with("PROXY UNKNOWN") { "x" } else { "" };
        let out = run(args, format!("{header}{more}"));
        let found: Value = serde_json::from_slice(&out.stdout).unwrap_or_else(|error| panic!("{error}: {out:?}"));
        assert_eq!(found["messages"][0].as_str().unwrap(), format!("{header}{more}").escape_default().to_string());
        assert_eq!(out.stderr.contains("no option gives the same"), more == "x", "{}", out.stderr);
    }
}

#[test]
fn haproxy_loses_a_cut_header_of_the_input() {
    let dir = Dir::new("header-input");
    let Some((_proc, address)) = start("haproxy", &dir) else { return };
    let input = format!("PROXY TCP4 192.0.2.7 192.0.2.8 4444 80\r\n{REQUEST}");
    for framing in ["raw", "http"] {
        let out = run(["sweep", &address, "--json", "--quiet", "--framing", framing, "--max-plans", "90"], &input);
        let found: Value = serde_json::from_slice(&out.stdout).unwrap_or_else(|error| panic!("{error}: {out:?}"));
        let count = |family: &str| found["kinds"][family]["different"].as_u64().unwrap();
        assert_eq!((out.status, count("header") > 9, count("cut")), (Some(3), true, 0), "{found:#}");
        expect_repeated(found["differences"][0]["repeat"].as_str().unwrap(), "192.0.2.7:4444");
    }
}

#[test]
fn report_names_the_places_in_the_header() {
    let dir = Dir::new("header-report");
    let Some((_proc, address)) = start("haproxy", &dir) else { return };
    let header = ["--proxy-protocol", "v2", "--proxy-source", "192.0.2.7:1", "--proxy-dest", "192.0.2.8:2"];
    let args = ["sweep", &address, "--framing", "http", "--max-plans", "100", "--max-time", "0"];
    let out = run(args.iter().chain(&header), REQUEST);
    let text = String::from_utf8(out.stdout).unwrap();
    assert_eq!(out.status, Some(3), "{text}");
    for line in [
        "different: PROXY header cut at 1\n  cut:       PROXY header at 1\n  also at:   PROXY header at 2",
        "header                27       0         27           0  read\n",
        "different when cut once: PROXY header at 1-27\n",
        "--proxy-protocol v2 --proxy-source 192.0.2.7:1 --proxy-dest 192.0.2.8:2 --cut-header 1 --raw",
    ] {
        assert!(text.contains(line), "{line:?} in {text}");
    }
}
