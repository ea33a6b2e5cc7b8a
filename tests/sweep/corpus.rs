//! Released servers for Python and Node: those that are right pass, and the known faults of the others are found.

use crate::support::Outcome;
use crate::support::corpus::{self, Packages};
use crate::support::sweep::sweep;

const LINES: [&str; 4] = ["-m", "hello", "-m", "two words"];

/// Starts a server and sweeps it; `None` where it is not installed.
#[track_caller]
fn sweep_of(packages: Packages, name: &str, args: &[&str]) -> Option<Outcome> {
    let server = corpus::start(packages, name)?;
    Some(sweep(&server, args, b""))
}

#[track_caller]
fn expect_no_differences(packages: Packages, name: &str, args: &[&str]) {
    let Some(out) = sweep_of(packages, name, &[args, &["--max-plans", "700"]].concat()) else { return };
    let report = String::from_utf8_lossy(&out.stdout);
    assert_eq!(out.status, Some(0), "{}{report}", out.stderr);
    let last = report.lines().last().unwrap_or_default();
    assert!(last.contains(" same, 0 different, 0 not proven"), "{report}");
}

/// Expects the simplest difference to be this one, and single cuts to make a difference at these offsets only.
#[track_caller]
fn expect_difference(out: &Outcome, found_by: &str, cut_once: Option<&str>) {
    let report = String::from_utf8_lossy(&out.stdout);
    assert_eq!(out.status, Some(3), "{}{report}", out.stderr);
    let first = |prefix: &str| report.lines().find_map(|line| line.strip_prefix(prefix).map(str::to_owned));
    assert_eq!(first("different: ").as_deref(), Some(found_by), "{report}");
    assert_eq!(first("different when cut once: ").as_deref(), cut_once, "{report}");
}

// A server that takes the client's half-close for the end of the connection is right about cuts.
#[test]
fn late_asyncio_server_has_no_differences() {
    expect_no_differences(Packages::Python, "asyncio_late", &LINES);
}

// SMTP.
#[test]
fn aiosmtpd_has_no_differences() {
    expect_no_differences(Packages::Python, "aiosmtpd", &["--protocol", "smtp"]);
}

/// Its greeting comes after 100 ms: many conversations at once.
#[test]
fn smtp_server_has_no_differences() {
    expect_no_differences(Packages::Node, "smtp_server", &["--protocol", "smtp", "--jobs", "16"]);
}

// FTP.
#[test]
fn pyftpdlib_has_no_differences() {
    expect_no_differences(Packages::Python, "pyftpdlib", &["--protocol", "ftp"]);
}

/// Each segment is a command.
#[test]
fn ftp_srv_is_different_when_a_command_is_cut() {
    // A plan with a difference waits for a reply that does not come.
    let args = ["--protocol", "ftp", "--families", "cut", "--jobs", "32"];
    let Some(out) = sweep_of(Packages::Node, "ftp_srv", &args) else { return };
    let cuts = "message 1 at 1-3, 5, message 2 at 1-3, 5, message 3 at 1-3, 5, message 4 at 1-8, 10, \
                message 5 at 1-3, 5, message 6 at 1-11, 13, message 7 at 1-3";
    expect_difference(&out, "message 1 cut at 1", Some(cuts));
}

// HTTP.
#[test]
fn hypercorn_has_no_differences() {
    expect_no_differences(Packages::Python, "hypercorn", &["--protocol", "http"]);
}

#[test]
fn tornado_has_no_differences() {
    expect_no_differences(Packages::Python, "tornado", &["--protocol", "http"]);
}

#[test]
fn twisted_has_no_differences() {
    expect_no_differences(Packages::Python, "twisted", &["--protocol", "http-chunked"]);
}

#[test]
fn http_of_node_has_no_differences() {
    expect_no_differences(Packages::Node, "http", &["--protocol", "http-chunked"]);
}

/// It tells HTTP from SOCKS by the first four bytes, which it expects in one read.
#[test]
fn pproxy_is_different_when_the_method_is_cut() {
    let Some(upstream) = corpus::start(Packages::Python, "tornado") else { return };
    let Some(proxy) = corpus::start(Packages::PythonBad, "pproxy") else { return };
    let request = format!("GET http://{}/page HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", upstream.address());
    let out = sweep(&proxy, &["--framing", "http", "--mask", "(?m)^Date:.*$"], request.as_bytes());
    expect_difference(&out, "message 1 cut at 1", Some("message 1 at 1-3"));
}

// MQTT.
#[test]
fn aedes_has_no_differences() {
    expect_no_differences(Packages::Node, "aedes", &["--protocol", "mqtt"]);
}

// WebSocket.
#[test]
fn websockets_has_no_differences() {
    expect_no_differences(Packages::Python, "websockets", &["--protocol", "websocket:echo"]);
}

#[test]
fn ws_has_no_differences() {
    expect_no_differences(Packages::Node, "ws", &["--protocol", "websocket"]);
}

// Modbus.
#[test]
fn modbus_serial_has_no_differences() {
    expect_no_differences(Packages::Node, "modbus_serial", &["--protocol", "modbus"]);
}

const TWO_FRAMES: &str = "messages 1 and 2 in one write";

/// It closes the connection.
#[test]
fn old_pymodbus_is_different_with_two_frames_in_a_write() {
    let Some(out) = sweep_of(Packages::PythonBad, "pymodbus", &["--protocol", "modbus"]) else { return };
    expect_difference(&out, TWO_FRAMES, None);
}

/// It replies to the first one only.
#[test]
fn new_pymodbus_is_different_with_two_frames_in_a_write() {
    let Some(out) = sweep_of(Packages::Python, "pymodbus", &["--protocol", "modbus"]) else { return };
    expect_difference(&out, TWO_FRAMES, None);
}

/// It executes the last frame first.
#[test]
fn jsmodbus_is_different_with_two_frames_in_a_write() {
    let Some(out) = sweep_of(Packages::Node, "jsmodbus", &["--protocol", "modbus"]) else { return };
    expect_difference(&out, TWO_FRAMES, None);
}

// DNS over TCP.
/// It expects the two bytes of the length in one read. It closes the connection after a reply.
#[test]
fn dnslib_is_different_when_the_length_is_cut() {
    let Some(out) = sweep_of(Packages::PythonBad, "dnslib", &["--protocol", "dns:one"]) else { return };
    expect_difference(&out, "message 1 cut at 1", Some("message 1 at 1"));
}
