//! `listen --service rooms`: lines that are too long, at both of its addresses.

use std::io::Write;
use std::net::TcpStream;

use crate::irc::{Rooms, enter};
use crate::rooms::{client, member, start};
use crate::support::{read_line, read_to_end, tcp};

#[test]
fn line_over_max_message_is_discarded_and_its_sender_stays() {
    const TOO_LONG: &str = "* the line is too long: it was not sent\n";
    let server = start(&["--max-message", "100", "--rate-limit", "0"]);
    let mut ann = member(&server, "ann");
    let mut bob = member(&server, "bob");
    assert_eq!(read_line(&mut ann), "* bob joined lobby\n");
    bob.set_nodelay(true).unwrap();
    for length in [99, 100, 101, 102, 103, 4096, 100_000] {
        for end in ["\n", "\r\n"] {
            for piece in [1, 100, 101, 102, 200_000] {
                let line = format!("{}{end}then {length}{end}", "x".repeat(length));
                for piece in line.as_bytes().chunks(piece.max(length / 100)) {
                    bob.write_all(piece).unwrap();
                }
                if length > 100 {
                    assert_eq!(read_line(&mut bob), TOO_LONG, "{length} {end:?} {piece}");
                } else {
                    assert_eq!(read_line(&mut ann), format!("bob> {}\n", "x".repeat(length)));
                }
                assert_eq!(read_line(&mut ann), format!("bob> then {length}\n"), "{end:?} {piece}");
            }
        }
    }
    // A rest without its end, and a first line, which is no name.
    bob.write_all(&[b'x'; 200]).unwrap();
    bob.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(String::from_utf8(read_to_end(&bob)).unwrap(), TOO_LONG);
    assert_eq!(read_line(&mut ann), "* bob left\n");
    let mut eve = client(&server, &format!("{}\n/nick eve\n/join lobby\n", "x".repeat(1000)));
    assert_eq!(read_line(&mut eve), TOO_LONG);
    assert!(read_line(&mut eve).starts_with("* you are eve in lobby ("));
    assert_eq!(read_line(&mut ann), "* eve joined lobby\n");
    server.stops_with("");
}

#[test]
fn endless_line_takes_bounded_memory_and_delays_no_member() {
    const MIB: usize = 1 << 20;
    let server = start(&[]);
    let mut ann = member(&server, "ann");
    let mut bob = member(&server, "bob");
    let before = server.proc.memory("VmHWM");
    let mut eve = client(&server, "/nick eve\n/join lobby\n");
    for _ in 0..64 {
        eve.write_all(&b"x".repeat(MIB)).unwrap();
    }
    bob.write_all(b"hi\n").unwrap();
    while read_line(&mut ann) != "bob> hi\n" {}
    eve.write_all(b"\nI am back\n").unwrap();
    assert_eq!(read_line(&mut ann), "eve> I am back\n");
    let grown = server.proc.memory("VmHWM") - before;
    assert!(grown < 4 * MIB as u64, "{grown}");
}

/// Sends a line in pieces of this size, and whether it was carried out: bob gets it, or the sender gets 417.
fn is_carried_out(sender: &mut TcpStream, bob: &mut TcpStream, line: &[u8], piece: usize) -> bool {
    for piece in [line, b"\r\nPING x\r\nPRIVMSG bob :end\r\n"].concat().chunks(piece) {
        sender.write_all(piece).unwrap();
    }
    let answer = read_line(sender);
    let is_refused = answer.ends_with(" :Input line was too long\r\n");
    if is_refused {
        assert!(answer.starts_with(":irc.secretcat 417 "), "{answer}");
    }
    let pong = if is_refused { read_line(sender) } else { answer };
    assert_eq!(pong, ":irc.secretcat PONG irc.secretcat :x\r\n");
    let mut others = 0; // with its source, a message of 510 bytes becomes two
    while !read_line(bob).ends_with(" PRIVMSG bob :end\r\n") {
        others += 1;
    }
    assert_eq!(others == 0, is_refused, "{others}");
    !is_refused
}

#[test]
fn line_that_is_too_long_gets_417_and_its_sender_stays() {
    for (args, longest, longest_tags) in [(&[][..], 510, 4096), (&["--max-message", "300"], 300, 100)] {
        let rooms = Rooms::start(&[&["--rate-limit", "0"], args].concat());
        let (mut ann, mut bob) = (rooms.member("ann"), rooms.member("bob"));
        ann.set_nodelay(true).unwrap();
        for piece in [3, 300, 301, 302, 510, 4606, 4607, 1 << 20] {
            let mut check = |tags: usize, message: usize, is_fine: bool| {
                let tags = if tags == 0 { String::new() } else { format!("@{} ", "t".repeat(tags - 2)) };
                let head = "PRIVMSG bob :";
                let line = format!("{tags}{head}{}", "x".repeat(message - head.len()));
                let fine = is_carried_out(&mut ann, &mut bob, line.as_bytes(), piece.max(line.len() / 100));
                assert_eq!(fine, is_fine, "{args:?}, {} and {message} bytes in pieces of {piece}", tags.len());
            };
            check(0, longest - 1, true);
            check(0, longest, true);
            for over in [1, 2, 3, 5000, 2_000_000] {
                check(0, longest + over, false);
            }
            let rest = if longest_tags == 4096 { longest } else { longest - longest_tags };
            check(longest_tags, rest, true);
            check(longest_tags, rest + 1, false);
            check(longest_tags + 1, rest, false);
        }
        rooms.server.stop();
    }
}

#[test]
fn client_that_is_no_member_may_send_long_lines_but_few() {
    let rooms = Rooms::start(&[]);
    let mut eve = tcp(rooms.irc);
    let long = "x".repeat(10_000);
    eve.write_all(format!("{long}\r\n").as_bytes()).unwrap();
    assert_eq!(read_line(&mut eve), ":irc.secretcat 417 * :Input line was too long\r\n");
    enter(&mut eve, "eve");
    let mut flood = tcp(rooms.irc);
    flood.write_all(format!("{long}\r\n").repeat(201).as_bytes()).unwrap();
    let text = String::from_utf8(read_to_end(&flood)).unwrap();
    assert_eq!(text.matches(" 417 ").count(), 201, "{text}");
    assert!(text.ends_with("ERROR :Closing link: too many messages before NICK and USER\r\n"), "{text}");
}
