//! The framings in all three commands: where a message ends.

use crate::support::sweep::{findings, verdicts};
use crate::support::{Server, digits, run};

const LENGTHS: [&str; 5] = ["length:u8", "length:u16", "length:u16le", "length:u32", "length:u32le"];

#[test]
fn every_framing_works_in_all_commands_whatever_the_cuts() {
    for framing in LENGTHS.iter().chain(&["lines", "http"]) {
        let server = Server::start(&["--framing", framing, "--chunk", "1..3"]);
        let args = ["connect", &server.address(), "--framing", framing, "--chunk", "1"];
        run(args, "SECRET 12\nno\nSECRET 3\n").is(0, digits("12") + "Secret code not found.\n" + &digits("3"), "");
        let found = findings(&server, &["--framing", framing, "-m", "SECRET 12", "-m", "no"], b"");
        assert_eq!((verdicts(&found)[1..].to_vec(), &found["status"]), (vec![0, 0], &0.into()), "{framing} {found:#}");
        server.stops_with("");
    }
}

#[test]
fn length_prefix_has_its_byte_order() {
    let wires: [&[u8]; 5] =
        [b"\x08SECRET 7", b"\0\x08SECRET 7", b"\x08\0SECRET 7", b"\0\0\0\x08SECRET 7", b"\x08\0\0\0SECRET 7"];
    for (framing, wire) in LENGTHS.iter().zip(wires) {
        let server = Server::start(&["--framing", framing]);
        let prefix = wire.len() - 8;
        let answer = server.exchange(wire);
        assert_eq!(&answer[prefix..], "Digits: 7   Count: 1", "{framing}");
        let length: Vec<u8> = wire[..prefix].iter().map(|byte| if *byte == 8 { 20 } else { 0 }).collect();
        assert_eq!(answer.as_bytes()[..prefix], length, "{framing}");
    }
    let server = Server::start(&["--framing", "length:u8"]);
    let long = "x".repeat(256);
    run(["connect", &server.address(), "--framing", "length:u8", "-m", &long], "").is(
        2,
        "",
        "secretcat: message 1: too long for --framing length:u8\n",
    );
}

/// A client that sends too much gets its reply in its own framing.
#[test]
fn too_long_reply_uses_the_framing() {
    let server = Server::start(&["--framing", "length:u16", "--max-message", "8", "-v"]);
    assert_eq!(server.exchange(b"\0\x09123456789"), "\0\x11Message too long.");
    server.proc.wait_for_stderr(": message longer than 8 bytes\n");
    // A reply may be longer than its request, and than its prefix can count.
    let server = Server::start(&["--framing", "length:u8"]);
    let digits = [b"\xffSECRET".to_vec(), vec![b'7'; 249]].concat();
    assert_eq!(server.exchange(digits), "\x11Message too long.");
}

/// A framing without statuses cannot report a malformed message: the connection is closed.
#[test]
fn truncated_message_is_not_answered() {
    let server = Server::start(&["--framing", "length:u16", "-v"]);
    assert_eq!(server.exchange(b"\0\x01x\0\x05ab"), "\0\x16Secret code not found.");
    server.proc.wait_for_stderr(": stream ended in the middle of a message, after 4 bytes of it\n");
}

#[test]
fn raw_input_of_a_sweep_is_one_message() {
    let server = Server::start(&["--service", "echo"]);
    let found = findings(&server, &["--framing", "raw"], b"abc\n\0\xff");
    assert_eq!((verdicts(&found), &found["status"]), ([18, 0, 0], &0.into()), "{found:#}");
    assert_eq!(found["expected"]["replies"], serde_json::json!(["abc\\n\\x00\\xff"]));
}
