//! The messages of IRC: those of clients are read, and those for clients are written (RFC 2812, 2.3.1).

use super::text::prefix;

/// The largest length of a message, without its tags and without CR LF.
pub(super) const LONGEST: usize = 510;
/// The largest length of the tags that a client sends, with `@` and the space (message-tags of `IRCv3`).
const LONGEST_TAGS: usize = 4096;

/// The largest length of a line that may be a message, without CR LF.
pub const LONGEST_LINE: usize = LONGEST_TAGS + LONGEST;

/// A message of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Message<'a> {
    /// Its command, in the case in which it was sent.
    pub(super) command: &'a [u8],
    params: Vec<&'a [u8]>,
}

/// Why a line is no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// It has no command.
    Empty,
    /// It, or its tags, are longer than a message may be.
    TooLong,
}

impl<'a> Message<'a> {
    /// Reads a line. Tags and the source are left out: clients set neither.
    pub(super) fn parse(line: &'a [u8]) -> Result<Self, Unreadable> {
        let line = line.trim_ascii_end();
        let mut rest = line;
        if line.starts_with(b"@") {
            let (tags, after) = word(line);
            if tags.len() >= LONGEST_TAGS {
                return Err(Unreadable::TooLong);
            }
            rest = after.strip_prefix(b" ").unwrap_or(after);
        }
        if rest.len() > LONGEST {
            return Err(Unreadable::TooLong);
        }
        rest = trim(rest);
        if rest.starts_with(b":") {
            rest = trim(word(rest).1);
        }
        let (command, mut rest) = word(rest);
        if command.is_empty() {
            return Err(Unreadable::Empty);
        }
        let mut params = Vec::new();
        loop {
            rest = trim(rest);
            if let Some(last) = rest.strip_prefix(b":") {
                params.push(last);
                break;
            }
            if rest.is_empty() {
                break;
            }
            let (param, after) = word(rest);
            params.push(param);
            rest = after;
        }
        Ok(Message { command, params })
    }

    /// A parameter, if it is there and not empty.
    pub(super) fn param(&self, at: usize) -> Option<&'a [u8]> {
        self.params.get(at).copied().filter(|param| !param.is_empty())
    }

    /// A parameter that may be empty, if it is there.
    pub(super) fn text(&self, at: usize) -> Option<&'a [u8]> {
        self.params.get(at).copied()
    }

    /// The items of a parameter that is a list.
    pub(super) fn list(&self, at: usize) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        items(self.text(at).unwrap_or_default())
    }

    /// All parameters.
    pub(super) fn params(&self) -> &[&'a [u8]] {
        &self.params
    }
}

/// The items of a list with commas.
fn items(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    list.split(|&byte| byte == b',').filter(|item| !item.is_empty())
}

fn word(text: &[u8]) -> (&[u8], &[u8]) {
    text.split_at(text.iter().position(|&byte| byte == b' ').unwrap_or(text.len()))
}

fn trim(mut text: &[u8]) -> &[u8] {
    while let [b' ', rest @ ..] = text {
        text = rest;
    }
    text
}

/// A message for a client.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outgoing<'a> {
    /// Its tags, with `;` between them.
    pub(super) tags: &'a str,
    /// The server or the member that it comes from.
    pub(super) source: &'a str,
    pub(super) command: &'a str,
    /// Parameters without spaces.
    pub(super) params: &'a [&'a str],
    /// The last parameter, which may have spaces and be empty. It has no control characters that break a message.
    pub(super) text: Option<&'a [u8]>,
}

impl Outgoing<'_> {
    /// The number of bytes before the text.
    pub(super) fn head(&self) -> usize {
        let params: usize = self.params.iter().map(|param| param.len() + 1).sum();
        ":".len() + self.source.len() + " ".len() + self.command.len() + params + " :".len()
    }

    /// Appends it, cut to the largest length of a message.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        if !self.tags.is_empty() {
            out.push(b'@');
            out.extend_from_slice(self.tags.as_bytes());
            out.push(b' ');
        }
        let start = out.len();
        out.push(b':');
        out.extend_from_slice(self.source.as_bytes());
        for word in std::iter::once(&self.command).chain(self.params) {
            out.push(b' ');
            out.extend_from_slice(word.as_bytes());
        }
        if let Some(text) = self.text {
            out.extend_from_slice(b" :");
            out.extend_from_slice(text);
        }
        let length = prefix(&out[start..], LONGEST).len();
        out.truncate(start + length);
        out.extend_from_slice(b"\r\n");
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parsed(line: &[u8]) -> Result<String, Unreadable> {
        let message = Message::parse(line)?;
        let words = std::iter::once(message.command).chain(message.params.iter().copied());
        Ok(words.map(|word| String::from_utf8_lossy(word).into_owned()).collect::<Vec<_>>().join("|"))
    }

    #[test]
    fn message_has_a_command_and_parameters() {
        let cases: [(&str, &str); 10] = [
            ("PING", "PING"),
            ("nick ann", "nick|ann"),
            ("USER ann 0 * :Ann  Example ", "USER|ann|0|*|Ann  Example"),
            ("PRIVMSG #lab ::) hi", "PRIVMSG|#lab|:) hi"),
            ("PRIVMSG #lab :", "PRIVMSG|#lab|"),
            ("  JOIN   #lab   key\r", "JOIN|#lab|key"),
            (":ann!a@b PRIVMSG #lab hi", "PRIVMSG|#lab|hi"),
            ("@+typing=active;a=\\: TAGMSG #lab", "TAGMSG|#lab"),
            ("@a :x PONG :a b", "PONG|a b"),
            ("a b c d e f g h i j k l m n o p q", "a|b|c|d|e|f|g|h|i|j|k|l|m|n|o|p|q"),
        ];
        for (line, expected) in cases {
            assert_eq!(parsed(line.as_bytes()).as_deref(), Ok(expected), "{line}");
        }
        for line in ["", "   ", "\r", ":ann", ":ann ", "@tags", "@tags ", "@tags :ann "] {
            assert_eq!(parsed(line.as_bytes()), Err(Unreadable::Empty), "{line}");
        }
    }

    #[test]
    fn limits_are_those_of_a_message_and_of_its_tags() {
        let message = |length: usize| format!("PRIVMSG #lab :{}", "x".repeat(length - 14));
        let tags = |length: usize| format!("@{} ", "t".repeat(length - 2));
        for (tags_length, length, is_short) in
            [(0, 510, true), (0, 511, false), (4096, 510, true), (4097, 20, false), (100, 511, false)]
        {
            let line = if tags_length == 0 { message(length) } else { tags(tags_length) + &message(length) };
            assert_eq!(Message::parse(line.as_bytes()).is_ok(), is_short, "{tags_length} {length}");
        }
    }

    #[test]
    fn outgoing_message_is_cut_within_no_character() {
        let mut out = Vec::new();
        let text = "é".repeat(300);
        let message = Outgoing {
            tags: "msgid=1",
            source: "irc",
            command: "TOPIC",
            params: &["#lab"],
            text: Some(text.as_bytes()),
        };
        message.write(&mut out);
        let text = String::from_utf8(out).unwrap();
        let body = text.strip_prefix("@msgid=1 ").unwrap();
        assert!(body.starts_with(":irc TOPIC #lab :é") && body.ends_with("é\r\n"), "{body}");
        assert!((511..=512).contains(&body.len()), "{}", body.len());
        assert_eq!(message.head(), ":irc TOPIC #lab :".len());
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_message_or_none(line in proptest::collection::vec(any::<u8>(), 0..700)) {
            if let Ok(message) = Message::parse(&line) {
                prop_assert!(!message.command.is_empty() && !message.command.contains(&b' '));
                let (last, others) = message.params.split_last().map_or((&b""[..], &[][..]), |(last, rest)| (*last, rest));
                prop_assert!(last.len() <= LONGEST);
                prop_assert!(others.iter().all(|param| !param.is_empty() && !param.contains(&b' ')));
            }
        }
    }
}
