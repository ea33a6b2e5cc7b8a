//! The framings in all three commands: where a message ends.

use crate::support::sweep::{findings, verdicts};
use crate::support::{Server, digits, run};

const LENGTHS: [&str; 5] = ["length:u8", "length:u16", "length:u16le", "length:u32", "length:u32le"];
const OTHERS: [&str; 8] = [
    "lines",
    "http",
    "length:u24be",
    "length:1:varint",
    "length:2:u16be+1",
    "length:1:u32be-4",
    r"delimiter:\0",
    r"delimiter:\r\n.\r\n",
];

#[test]
fn every_framing_works_in_all_commands_whatever_the_cuts() {
    for framing in LENGTHS.iter().chain(&OTHERS) {
        let server = Server::start(&["--framing", framing, "--chunk", "1..3"]);
        let args = ["connect", &server.address(), "--framing", framing, "--chunk", "1"];
        run(args, "SECRET 12\nnot\nSECRET 3\n").is(0, digits("12") + "Secret code not found.\n" + &digits("3"), "");
        let found = findings(&server, &["--framing", framing, "-m", "SECRET 12", "-m", "not"], b"");
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
        "secretcat: message 1: longer than 255 bytes (--framing length:u8)\n",
    );
}

/// The header before a length field is text of the message, and the field may count other bytes too.
#[test]
fn length_field_stands_after_its_header() {
    let cases: [(&str, &[u8], &[u8]); 5] = [
        ("length:4:u16be", b"SECR\0\x04ET 7", b"Digi\0\x10ts: 7   Count: 1"),
        ("length:1:varint", b"S\x07ECRET 7", b"D\x13igits: 7   Count: 1"),
        ("length:1:u32be-4", b"S\0\0\0\x0bECRET 7", b"D\0\0\0\x17igits: 7   Count: 1"),
        ("length:u24le+1", b"\x07\0\0SECRET 7", b"\x13\0\0Digits: 7   Count: 1"),
        // A reply that is shorter than the header is filled.
        ("length:24:u8", b"012345678901234567890123\x01x", b"Secret code not found.  \0"),
    ];
    for (framing, request, reply) in cases {
        let server = Server::start(&["--framing", framing]);
        assert_eq!(server.exchange(request).as_bytes(), reply, "{framing}");
    }
    let short = ["connect", "--loopback", "--framing", "length:4:u16be", "-m", "abc"];
    run(short, "").is(2, "", "secretcat: message 1: shorter than 4 bytes (--framing length:4:u16)\n");
}

#[test]
fn message_ends_with_its_delimiter() {
    let server = Server::start(&["--framing", "delimiter:--", "--max-message", "12", "-v"]);
    let replies = "Digits: 7   Count: 1--Secret code not found.--Digits: 8   Count: 1--";
    assert_eq!(server.exchange(b"SECRET 7----SECRET\n8"), replies);
    assert_eq!(server.exchange(b"SECRET 1234567--"), "Message too long.--");
    server.proc.wait_for_stderr(": message longer than 12 bytes\n");
    let connect = ["connect", &server.address(), "--framing", "delimiter:--"];
    let error = "secretcat: message 1: the end of a message is in it (--framing delimiter:--)\n";
    run(connect, "a--b\n").is(2, "", error);
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
