//! The message service: messages, replies, their order, and the limit of a message.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::Shutdown;

use crate::support::{NOT_FOUND, Server, ask, digits, read_line, read_some};

#[test]
fn message_continues_after_urgent_data() {
    // All bytes have arrived before the first read.
    let server = Server::start(&["--read-start-delay", "200ms"]);
    let mut client = server.open();
    client.write_all(b"SECRET 1").unwrap();
    socket2::SockRef::from(&client).send_out_of_band(b"!").unwrap();
    client.write_all(b"2\n").unwrap();
    assert_eq!(read_line(&mut client), digits("12"));
    server.stops_with("");
}

#[test]
fn secret_is_answered_with_digits_and_count() {
    let server = Server::start(&[]);
    assert_eq!(server.exchange("My SECRET code is 12345\n"), "Digits: 12345   Count: 5\n");
    assert_eq!(server.exchange("1SECRET2 3\n"), "Digits: 123   Count: 3\n");
    assert_eq!(server.exchange("SECRET\n"), "Digits:    Count: 0\n");
    assert_eq!(server.exchange("secret 1\n"), "Secret code not found.\n");
    server.stops_with("");
}

#[test]
fn empty_message_is_answered() {
    let server = Server::start(&[]);
    assert_eq!(server.exchange("\n"), NOT_FOUND);
    assert_eq!(server.exchange("\n\r\n\n"), NOT_FOUND.repeat(3));
    assert_eq!(server.exchange(""), "", "no bytes are no message");
    server.stops_with("");
}

#[test]
fn one_cr_before_lf_is_not_part_of_the_message() {
    // A limit of 8 bytes shows which bytes count as part of the message.
    let server = Server::start(&["--max-message", "8"]);
    assert_eq!(server.exchange("SECRET 1\r\n"), digits("1"));
    assert_eq!(server.exchange("SECRET\r1\n"), digits("1"));
    assert_eq!(server.exchange("SECRET 1\r\r\n"), "Message too long.\n");
    assert_eq!(server.exchange("SECRET 1\r"), "Message too long.\n", "without LF the CR is part of it");
    server.stops_with("");
}

#[test]
fn unterminated_rest_at_half_close_is_a_message() {
    let server = Server::start(&[]);
    assert_eq!(server.exchange("SECRET 42"), digits("42"));
    assert_eq!(server.exchange("SECRET 1\nSECRET 2\r\nSECRET 3"), digits("1") + &digits("2") + &digits("3"));
    server.stops_with("");
}

#[test]
fn message_may_have_any_bytes() {
    let server = Server::start(&[]);
    assert_eq!(server.exchange(b"\xff\0SECRET\x80 9\0\n"), digits("9"));
    // ARABIC-INDIC DIGIT THREE is not an ASCII digit.
    assert_eq!(server.exchange("SECRET \u{663}\n"), "Digits:    Count: 0\n");
    let all: Vec<u8> = (0..=255).filter(|byte| *byte != b'\n').chain(*b"SECRET\n").collect();
    assert_eq!(server.exchange(all), digits("0123456789"));
    server.stops_with("");
}

#[test]
fn pipelined_messages_are_answered_in_order() {
    let server = Server::start(&[]);
    let (mut messages, mut answers) = (String::new(), String::new());
    for n in 0..20_000 {
        if n % 3 == 0 {
            writeln!(messages, "nothing {n}").unwrap();
            answers.push_str(NOT_FOUND);
        } else {
            writeln!(messages, "SECRET {n}").unwrap();
            answers.push_str(&digits(&n.to_string()));
        }
    }
    assert!(server.exchange(messages) == answers);
    server.stops_with("");
}

#[test]
fn message_too_long_is_answered_and_closed_without_reset() {
    let server = Server::start(&["--max-message", "1k"]);
    let mut other = server.open();
    assert_eq!(ask(&mut other, "SECRET 1"), digits("1"));
    // Much more than is read before the reply: closing with unread bytes would destroy the reply.
    let mut offender = server.open();
    offender.write_all(b"SECRET 5\n").unwrap();
    let long = vec![b'7'; 300 * 1024];
    offender.write_all(&long).unwrap();
    offender.shutdown(Shutdown::Write).unwrap();
    let mut answer = String::new();
    offender.read_to_string(&mut answer).expect("an end of file, not a reset");
    assert_eq!(answer, digits("5") + "Message too long.\n");
    assert_eq!(ask(&mut other, "SECRET 2"), digits("2"));
    server.stops_with("");
}

#[test]
fn limit_is_exact_and_applies_before_the_line_ends() {
    let server = Server::start(&["--max-message", "64KiB"]);
    let message = format!("SECRET{}", "4".repeat(64 * 1024 - 6));
    assert_eq!(server.exchange(format!("{message}\n")), digits(&message[6..]));
    assert_eq!(server.exchange(format!("{message}\r\n")), digits(&message[6..]));
    assert_eq!(server.exchange(format!("{message}4\n")), "Message too long.\n");
    let mut endless = server.open();
    endless.write_all(&vec![b'x'; 64 * 1024 + 2]).unwrap();
    assert_eq!(read_line(&mut endless), "Message too long.\n");
    assert_eq!(read_some(&mut endless, &mut [0]).unwrap(), 0);
    server.stops_with("");
}

#[test]
fn default_limit_is_one_mebibyte() {
    let server = Server::start(&[]);
    let message = format!("SECRET{}", "4".repeat((1 << 20) - 6));
    assert!(server.exchange(format!("{message}\n")) == digits(&message[6..]));
    assert_eq!(server.exchange(format!("{message}4\n")), "Message too long.\n");
    server.stops_with("");
}

#[test]
fn many_clients_are_served_at_once() {
    let server = Server::start(&[]);
    let mut clients: Vec<_> = (0..200).map(|_| server.open()).collect();
    for (n, client) in clients.iter_mut().enumerate() {
        write!(client, "SECRET {n} first").unwrap(); // every client is in the middle of a message
    }
    for (n, client) in clients.iter_mut().enumerate().rev() {
        assert_eq!(ask(client, " half"), digits(&n.to_string()));
        assert_eq!(ask(client, "SECRET"), digits(""));
    }
    server.stops_with("");
}

#[test]
fn half_closed_client_receives_all_replies() {
    let server = Server::start(&[]);
    let mut client = server.open();
    client.write_all("SECRET 1\n".repeat(10_000).as_bytes()).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let mut answers = String::new();
    client.read_to_string(&mut answers).unwrap();
    assert!(answers == digits("1").repeat(10_000));
    server.stops_with("");
}

#[test]
fn bytes_sent_one_by_one_get_the_same_replies() {
    let server = Server::start(&[]);
    let mut client = server.open();
    client.set_nodelay(true).unwrap();
    for byte in b"SECRET 12\r\n\nSECRET 3\n" {
        client.write_all(&[*byte]).unwrap();
    }
    assert_eq!(read_line(&mut client), digits("12"));
    assert_eq!(read_line(&mut client), NOT_FOUND);
    assert_eq!(read_line(&mut client), digits("3"));
    server.stops_with("");
}

/// Each bug is wrong where careless servers are, and right in simple tests.
#[test]
fn each_bug_option_makes_only_its_own_mistake() {
    let one_read = Server::start(&["--bug", "one-read"]);
    assert_eq!(one_read.exchange("SECRET 1\n"), digits("1"));
    assert_eq!(one_read.exchange("SECRET 1\nSECRET 2\n"), digits("12"));
    let mut client = one_read.open();
    client.write_all(b"SEC").unwrap();
    assert_eq!(read_line(&mut client), NOT_FOUND);
    client.write_all(b"RET 1\n").unwrap();
    assert_eq!(read_line(&mut client), NOT_FOUND);
    one_read.stops_with("");

    let first_only = Server::start(&["--bug", "first-only"]);
    assert_eq!(first_only.exchange("SECRET 1\nSECRET 2\n"), digits("1"));
    first_only.stops_with("");

    let drop_tail = Server::start(&["--bug", "drop-tail"]);
    assert_eq!(drop_tail.exchange("SECRET 1\nSECRET 2"), digits("1"));
    let mut client = drop_tail.open();
    client.write_all(b"SECRET 1\nSEC").unwrap();
    assert_eq!(read_line(&mut client), digits("1"));
    client.write_all(b"RET 2\n").unwrap();
    assert_eq!(read_line(&mut client), NOT_FOUND);
    drop_tail.stops_with("");
}
