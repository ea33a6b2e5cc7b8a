//! Clients of other protocols that have come to the port for lines: their first line shows it.

/// A protocol that this port does not speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Foreign {
    /// IRC (RFC 2812, 3.1).
    Irc,
    /// HTTP: a web page may send lines to any port, and its reader must not say them in a room.
    Http,
}

impl Foreign {
    /// The protocol that a first line belongs to, if it is not a line of a person.
    #[must_use]
    pub(super) fn of_first_line(line: &[u8]) -> Option<Self> {
        let words: Vec<_> = line.split(|&byte| byte == b' ').filter(|word| !word.is_empty()).collect();
        match words[..] {
            [b"CAP", b"LS" | b"REQ" | b"LIST" | b"END", ..] | [b"NICK" | b"PASS", _] | [b"USER", _, _, _, _, ..] => {
                Some(Foreign::Irc)
            }
            [method, _, version] if method.iter().all(u8::is_ascii_uppercase) && version.starts_with(b"HTTP/") => {
                Some(Foreign::Http)
            }
            _ => None,
        }
    }

    /// The answer, in the protocol of the client. `irc` is the address of the port for IRC.
    #[must_use]
    pub(super) fn answer(self, irc: Option<&str>) -> String {
        match (self, irc) {
            (Foreign::Irc, Some(irc)) => format!("ERROR :this port takes lines of text; the IRC port is {irc}\r\n"),
            (Foreign::Irc, None) => "ERROR :this port takes lines of text, and there is no IRC port\r\n".to_owned(),
            (Foreign::Http, _) => "HTTP/1.1 400 this port takes lines of text\r\n\r\n".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_line_of_other_protocols_is_recognized() {
        let cases = [
            ("CAP LS 302", Some(Foreign::Irc)),
            ("NICK ann", Some(Foreign::Irc)),
            ("PASS secret", Some(Foreign::Irc)),
            ("USER ann 0 * :Ann Example", Some(Foreign::Irc)),
            ("GET / HTTP/1.1", Some(Foreign::Http)),
            ("POST /x HTTP/1.0", Some(Foreign::Http)),
            ("NICK is not here", None),
            ("USER error", None),
            ("CAP and gown", None),
            ("nick ann", None),
            ("GET / HTTP/1.1 is a request", None),
            ("read about HTTP/2", None),
            ("", None),
        ];
        for (line, foreign) in cases {
            assert_eq!(Foreign::of_first_line(line.as_bytes()), foreign, "{line}");
        }
    }
}
