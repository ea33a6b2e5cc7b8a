//! The dialogs of `--protocol`: a table, and a file each.

use super::{Dialog, DialogError, Server, parse};
use crate::value::{Named, Word};

/// A dialog that is part of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Preset {
    /// Its word, and what it sends.
    word: Word,
    text: &'static str,
}

macro_rules! preset {
    ($name:literal, $file:literal, $help:literal) => {
        Preset { word: Word::new($name, $help), text: include_str!(concat!("presets/", $file, ".dialog")) }
    };
}

impl Named for Preset {
    /// A name with a colon is a second set of requests. Only such a set may change something on the server.
    const ALL: &'static [Self] = &[
        preset!("http", "http", "HTTP/1.1: GET, HEAD, and OPTIONS with a body"),
        preset!("http-chunked", "http-chunked", "HTTP/1.1: OPTIONS with chunked bodies, extensions and trailers"),
        preset!("smtp", "smtp", "SMTP: EHLO, NOOP, RSET and VRFY"),
        preset!("smtp:deliver", "smtp-deliver", "SMTP: two mails to postmaster"),
        preset!("pop3", "pop3", "POP3: CAPA and errors, before a login"),
        preset!("imap", "imap", "IMAP: CAPABILITY, NOOP and ID with a literal, before a login"),
        preset!("ftp", "ftp", "FTP: FEAT, SYST, HELP and NOOP, before a login"),
        preset!("ftp:login", "ftp-login", "FTP: a login as anonymous, and commands that read"),
        preset!("irc", "irc", "IRC: CAP, NICK and USER, PING, VERSION, LUSERS and MOTD"),
        preset!("redis", "redis", "Redis: PING, ECHO, EXISTS and MGET, inline and as arrays"),
        preset!("memcached", "memcached", "memcached: gets of keys that do not exist"),
        preset!("memcached:store", "memcached-store", "memcached: values that are stored, changed and deleted"),
        preset!("mqtt", "mqtt", "MQTT 3.1.1: CONNECT, PINGREQ, SUBSCRIBE and UNSUBSCRIBE"),
        preset!("mqtt:publish", "mqtt-publish", "MQTT 3.1.1: PUBLISH with each quality of service"),
        preset!("socks5", "socks5", "SOCKS 5: a connection to port 1 of the server's host"),
        preset!("socks5:login", "socks5-login", "SOCKS 5: a login, which need not be right"),
        preset!("websocket", "websocket", "WebSocket: pings, an unfinished message and a close, at /"),
        preset!("websocket:echo", "websocket-echo", "WebSocket: messages to a server that echoes them, at /"),
        preset!("dns", "dns", "DNS over TCP: questions that need no recursion"),
        preset!("dns:one", "dns-one", "DNS over TCP: one question, for a server that closes after it"),
        preset!("modbus", "modbus", "Modbus TCP: reads of unit 1 (function codes 1 to 4)"),
        preset!("postgres", "postgres", "PostgreSQL: the start of a session, without a login"),
        preset!(
            "postgres:ssl",
            "postgres-ssl",
            "PostgreSQL without TLS: a request for TLS, and the start of a session"
        ),
    ];

    fn word(self) -> Word {
        self.word
    }
}

impl Preset {
    /// The requests of HTTP, the first of the list.
    #[must_use]
    pub fn http() -> Preset {
        Preset::ALL[0]
    }

    /// The dialog with this server.
    ///
    /// # Errors
    /// None: a test reads all of them.
    pub fn dialog(self, server: &Server) -> Result<Dialog, DialogError> {
        parse(self.word.name, self.text.as_bytes(), server)
    }
}

#[cfg(test)]
mod tests {
    use regex::bytes::Regex;

    use super::*;
    use crate::dialog::{Pipelining, Splitter, Until};
    use crate::frame::{Framing, Inbox, Role};

    /// Protocols without a message that ends the connection.
    const OPEN_ENDED: [&str; 5] = ["http", "socks5", "dns", "modbus", "postgres"];
    /// A server may close after the reply to the first message.
    const ONE_REQUEST: [&str; 2] = ["dns:one", "postgres"];
    /// An address in SOCKS has a length that the server chooses.
    const LEARNED: [&str; 2] = ["socks5", "socks5:login"];

    fn dialogs() -> impl Iterator<Item = (&'static str, Dialog)> {
        let server = Server { host: "127.0.0.1".to_owned(), port: 25 };
        Preset::ALL.iter().map(move |preset| (preset.word.name, preset.dialog(&server).unwrap()))
    }

    #[test]
    fn every_preset_is_a_dialog() {
        for (name, dialog) in dialogs() {
            assert_eq!(dialog.steps.len() == 1, ONE_REQUEST.contains(&name), "{name}: one request");
            assert_eq!(dialog.is_guess(), LEARNED.contains(&name), "{name}: an end of a reply is not known");
            // MQTT lets a client send before CONNACK; aedes drops what follows a DISCONNECT that it reads too early.
            let is_unknown = matches!(dialog.pipelining, Pipelining::Unknown);
            assert_eq!(is_unknown, name.starts_with("mqtt"), "{name}: pipelining is not known");
            assert!(!dialog.errors.is_empty(), "{name}: another protocol is not noticed");
        }
    }

    #[test]
    fn only_second_sets_change_a_server() {
        for (name, dialog) in dialogs() {
            assert!(dialog.changes.is_none() || name.contains(':'), "{name}");
        }
    }

    #[test]
    fn every_preset_ends_with_the_connection() {
        for (name, dialog) in dialogs() {
            let last = &dialog.steps.last().unwrap().until;
            let has_no_end = OPEN_ENDED.iter().any(|protocol| name.starts_with(protocol));
            assert_eq!(matches!(last, Until::Close), !has_no_end, "{name}: {last:?}");
        }
    }

    /// Whether a server whose first bytes are these is taken for one of another protocol.
    fn is_refused(dialog: &Dialog, first: &[u8]) -> bool {
        let mut splitter = Splitter::new(dialog, 1000);
        if splitter.receive(dialog, first).is_err() {
            return true;
        }
        let (replies, _) = splitter.finish(false);
        let is_error = |reply: &Vec<u8>| dialog.errors.iter().any(|error| error.is_match(reply));
        replies.is_empty() || replies.iter().any(is_error)
    }

    #[test]
    fn server_of_another_protocol_is_noticed() {
        let first: [(&[&str], &[u8]); 19] = [
            (&["http"], b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
            (&["smtp", "ftp"], b"220 ready\r\n"),
            (&["pop3"], b"+OK ready\r\n"),
            (&["imap"], b"* OK ready\r\n"),
            (&["irc"], b":a CAP * LS :\r\n"),
            (&["redis"], b"+PONG\r\n"),
            (&["memcached"], b"VERSION 1.6\r\n"),
            (&["websocket", "http"], b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"),
            (&["mqtt"], b"\x20\x02\0\0"),
            (&["socks5"], b"\x05\0"),
            (&["dns"], b"\0\x0caa\x80\x05\0\0\0\0\0\0\0\0"),
            (&["modbus"], b"aa\0\0\0\x05\x01\x01\x02\xaa\x02"),
            (&["postgres"], b"R\0\0\0\x0c\0\0\0\x05salt"),
            // The connection is refused.
            (&[], b"\x20\x02\0\x05"),
            // No method that does without a login.
            (&[], b"\x05\xff"),
            // memcached to commands of IRC.
            (&[], b"ERROR\r\n"),
            (&[], b"SSH-2.0-x\r\n"),
            (&[], b"J\0\0\0\n8.0.36\0"),
            (&[], b"\x15\x03\x01\0\x02\x02\x28"),
        ];
        for (name, dialog) in dialogs() {
            // This set begins with a question that is answered with a letter; the one of a login takes another method.
            let first = first.iter().filter(|_| !matches!(name, "postgres:ssl" | "socks5:login"));
            let protocol = name.split([':', '-']).next().unwrap_or_default();
            for (own, bytes) in first {
                let shown = bytes.escape_ascii();
                assert_eq!(is_refused(&dialog, bytes), !own.contains(&protocol), "{name}: {shown}");
            }
            // A server that sends back what it receives has no greeting.
            let has_greeting = !matches!(dialog.greeting, Until::Nothing);
            assert!(has_greeting || is_refused(&dialog, &dialog.steps[0].send), "{name}: echo");
        }
    }

    /// Errors that a message of the preset is meant to get are not warned of; others are.
    #[test]
    fn refusals_are_distinct_from_other_errors() {
        let cases: [(&str, &[u8], bool); 16] = [
            ("http", b"HTTP/1.1 405 Method Not Allowed\r\n", true),
            ("http", b"HTTP/1.1 404 Not Found\r\n", false),
            ("http", b"HTTP/1.1 503 Service Unavailable\r\n", false),
            ("http-chunked", b"HTTP/1.1 501 Not Implemented\r\n", true),
            ("pop3", b"-ERR Unknown command.\r\n", true),
            ("pop3", b"-ERR\r\n", true),
            ("pop3", b"-ERR [SYS/TEMP] Try again\r\n", false),
            ("irc", b"ERROR :bye\r\n", true),
            ("irc", b"ERROR :Too many connections\r\n", false),
            ("ftp", b"530 Please login with USER and PASS.\r\n", true),
            ("ftp", b"504 Unknown command\r\n", true),
            ("ftp", b"421 Too many users\r\n", false),
            ("ftp:login", b"550 No such file\r\n", true),
            ("smtp", b"502 5.5.1 VRFY command is disabled\r\n", true),
            ("smtp", b"554 No SMTP service here\r\n", false),
            ("redis", b"-ERR unknown command\r\n", false),
        ];
        for (name, reply, is_expected) in cases {
            let dialog = dialogs().find(|(known, _)| *known == name).map(|(_, dialog)| dialog).unwrap();
            let matches = |patterns: &[Regex]| patterns.iter().any(|pattern| pattern.is_match(reply));
            let is_refusal = matches(&dialog.refusals) && !matches(&dialog.errors);
            assert_eq!(is_refusal, is_expected, "{name}: {}", reply.escape_ascii());
        }
    }

    #[test]
    fn binary_messages_have_the_length_that_they_name() {
        for (name, dialog) in dialogs().filter(|(name, _)| !name.starts_with("postgres")) {
            if let Framing::Length(_) = dialog.framing {
                let mut inbox = Inbox::new(dialog.framing, Role::Requests, 1000);
                for step in &dialog.steps {
                    let mut fresh = &step.send[..];
                    while inbox.pull(&mut fresh).unwrap().is_some() {}
                    assert!(inbox.held().is_empty(), "{name}: {}", step.send.escape_ascii());
                }
            }
        }
    }
}
