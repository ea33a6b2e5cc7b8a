//! Reads a dialog from its text: the file of `--dialog`, or a preset.
//!
//! One statement a line. The manual (secretcat-sweep(1), DIALOGS) describes the statements.

use std::net::IpAddr;

use super::{Dialog, ID_LEN, NO_ID, Pipelining, Step, Until};
use crate::frame::Framing;
use crate::value::{Address, Host, Syntax, compile, escape, take_byte};

/// The server that a dialog is with: the values of `{host}` and `{port}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// The host as in a URL.
    pub host: String,
    /// The port; 0 for a unix socket.
    pub port: u16,
}

/// An error in the text of a dialog.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("dialog {file}:{line}:{column}: {error}")]
pub struct DialogError {
    /// The name of the file.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The character in the line, from 1.
    pub column: usize,
    /// The problem.
    pub error: String,
}

/// An error at an offset of a line.
struct Fault {
    at: usize,
    error: String,
}

/// One line without the blanks around it.
#[derive(Clone, Copy)]
struct Line<'a> {
    bytes: &'a [u8],
    /// The argument of the statement begins here.
    at: usize,
}

/// The part of a dialog that the last statement belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Position {
    /// Before the first message; the greeting has no end yet.
    Head,
    /// Before the first message; the greeting has an end.
    Greeting,
    /// After a message whose reply has no end yet.
    Message,
    /// After the end of a reply.
    Reply,
    /// The server has closed the connection.
    Closed,
}

struct Parser<'a> {
    server: &'a Server,
    dialog: Dialog,
    position: Position,
    /// The statements so far that may be there once only.
    seen: Vec<&'static str>,
}

const STATEMENTS: &str = "framing, pipelining, mask, ignore, error, refusal, changes, send, more, optional or expect";
const ENDS: &str = "line REGEX, frames N, bytes N, close, nothing or any";
const ESCAPES: &str = r"\r \n \t \0 \\ or \xHH";

impl Server {
    /// The server with this address. A unix socket has the name `localhost`.
    #[must_use]
    pub fn at(address: &Address) -> Server {
        match address {
            Address::Tcp { host: Host::Ip(IpAddr::V6(ip)) | Host::Scoped(ip, _), port } => {
                Server { host: format!("[{ip}]"), port: *port }
            }
            Address::Tcp { host, port } => Server { host: host.to_string(), port: *port },
            Address::Unix(_) => Server { host: "localhost".to_owned(), port: 0 },
        }
    }
}

/// Reads the dialog of a file with this name.
///
/// # Errors
/// The first error, with line and column.
pub fn parse(file: &str, text: &[u8], server: &Server) -> Result<Dialog, DialogError> {
    let error = |line, column, error| DialogError { file: file.to_owned(), line, column, error };
    let mut parser = Parser { server, dialog: Dialog::default(), position: Position::Head, seen: Vec::new() };
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let mut last = 0;
    for (number, whole) in (1..).zip(text.split(|&byte| byte == b'\n')) {
        let bytes = whole.trim_ascii_end();
        let start = bytes.len() - bytes.trim_ascii_start().len();
        last = number;
        if !matches!(bytes.get(start), None | Some(b'#')) {
            parser.statement(bytes, start).map_err(|fault| {
                let before = String::from_utf8_lossy(&bytes[..fault.at.min(bytes.len())]);
                error(number, before.chars().count() + 1, fault.error)
            })?;
        }
    }
    if parser.dialog.steps.is_empty() {
        return Err(error(last, 1, "no message: expected at least one `send TEXT`".to_owned()));
    }
    Ok(parser.dialog)
}

impl Parser<'_> {
    fn statement(&mut self, bytes: &[u8], start: usize) -> Result<(), Fault> {
        let blank = bytes[start..].iter().position(u8::is_ascii_whitespace);
        let end = blank.map_or(bytes.len(), |blank| start + blank);
        let line = Line { bytes, at: end + bytes[end..].len() - bytes[end..].trim_ascii_start().len() };
        let fault = |error: String| Err(Fault { at: start, error });
        let word = &bytes[start..end];
        match word {
            b"send" => self.send(line, start),
            b"more" => match self.dialog.steps.last_mut().filter(|_| self.position == Position::Message) {
                Some(step) => line.message("more takes TEXT", self.server, step),
                None => fault("more continues a message: expected `send TEXT` before it".to_owned()),
            },
            b"optional" => match self.dialog.steps.last_mut().filter(|_| self.position == Position::Message) {
                Some(step) => {
                    step.optional = true;
                    line.end("optional", ())
                }
                None => fault("optional is about a message: expected `send TEXT` before it".to_owned()),
            },
            b"expect" => self.expect(line, start),
            b"framing" | b"pipelining" | b"mask" | b"ignore" | b"error" | b"refusal" | b"changes" => {
                if !matches!(self.position, Position::Head | Position::Greeting) {
                    return fault(format!("{} belongs before the first message", escape(word)));
                }
                self.head(word, line, start)
            }
            word => fault(format!("\"{}\" is not a statement: expected {STATEMENTS}", escape(word))),
        }
    }

    fn head(&mut self, word: &[u8], line: Line<'_>, start: usize) -> Result<(), Fault> {
        match word {
            b"framing" => {
                self.once("framing", start)?;
                let text = line.argument("framing takes FRAMING, such as lines or http")?;
                self.dialog.framing = text.parse().map_err(|error| line.fault(format!("{error}")))?;
            }
            b"pipelining" => {
                self.once("pipelining", start)?;
                let expected = "pipelining takes yes, no or when REGEX";
                self.dialog.pipelining = match line.next_word() {
                    (b"yes", rest) => rest.end("yes", Pipelining::Allowed)?,
                    (b"no", rest) => rest.end("no", Pipelining::Never)?,
                    (b"when", rest) => Pipelining::When(rest.regex(expected)?),
                    _ => return Err(line.fault(expected.to_owned())),
                };
            }
            b"mask" => {
                let mask = line.regex("mask takes REGEX")?;
                self.dialog.masks.push(format!("(?mR-u){mask}"));
            }
            b"ignore" => self.dialog.ignore.push(line.regex("ignore takes REGEX")?),
            b"error" => self.dialog.errors.push(line.regex("error takes REGEX")?),
            b"refusal" => self.dialog.refusals.push(line.regex("refusal takes REGEX")?),
            _ => {
                self.once("changes", start)?;
                self.dialog.changes = Some(line.argument("changes takes TEXT")?.to_owned());
            }
        }
        Ok(())
    }

    fn send(&mut self, line: Line<'_>, start: usize) -> Result<(), Fault> {
        if self.position == Position::Closed {
            return Err(Fault { at: start, error: "the server has closed the connection before this message".into() });
        }
        let mut step = Step::new(Vec::new(), Until::Learned);
        line.message("send takes TEXT", self.server, &mut step)?;
        // Each request of HTTP has one response.
        if self.dialog.framing == Framing::Http {
            step.until = Until::Frames(1);
        }
        self.dialog.steps.push(step);
        self.position = Position::Message;
        Ok(())
    }

    fn expect(&mut self, line: Line<'_>, start: usize) -> Result<(), Fault> {
        let fault = |error: &str| Err(Fault { at: start, error: error.to_owned() });
        match self.position {
            Position::Head | Position::Message => {}
            Position::Greeting => return fault("the end of the greeting is given twice"),
            Position::Reply | Position::Closed => return fault("the end of the reply is given twice"),
        }
        let until = match line.next_word() {
            (b"line", rest) => Until::Line(rest.regex("expect line takes REGEX")?),
            (b"frames", _) if self.dialog.framing == Framing::Raw => {
                return Err(line.fault("framing raw has no frames: expected bytes N or line REGEX".to_owned()));
            }
            (b"frames", rest) => Until::Frames(rest.number("expect frames takes a number, 1 or more")?),
            (b"bytes", rest) => Until::Bytes(rest.number("expect bytes takes a number, 1 or more")?),
            (b"close", rest) => rest.end("close", Until::Close)?,
            (b"nothing", rest) => rest.end("nothing", Until::Nothing)?,
            (b"any", rest) => rest.end("any", Until::Learned)?,
            (b"", _) => return Err(line.fault(format!("expect takes {ENDS}"))),
            (word, _) => return Err(line.fault(format!("\"{}\" does not end a reply: expected {ENDS}", escape(word)))),
        };
        let closed = matches!(until, Until::Close);
        match self.dialog.steps.last_mut() {
            Some(step) => step.until = until,
            None => self.dialog.greeting = until,
        }
        self.position = match self.position {
            _ if closed => Position::Closed,
            Position::Head => Position::Greeting,
            _ => Position::Reply,
        };
        Ok(())
    }

    fn once(&mut self, word: &'static str, start: usize) -> Result<(), Fault> {
        if self.seen.contains(&word) {
            return Err(Fault { at: start, error: format!("{word} is given twice") });
        }
        self.seen.push(word);
        Ok(())
    }
}

impl<'a> Line<'a> {
    fn rest(self) -> &'a [u8] {
        &self.bytes[self.at..]
    }

    fn fault(self, error: String) -> Fault {
        Fault { at: self.at, error }
    }

    /// The argument as text.
    fn argument(self, expected: &str) -> Result<&'a str, Fault> {
        let text = std::str::from_utf8(self.rest()).map_err(|error| Fault {
            at: self.at + error.valid_up_to(),
            error: r"not UTF-8: write \xHH for the byte".to_owned(),
        })?;
        if text.is_empty() { Err(self.fault(expected.to_owned())) } else { Ok(text) }
    }

    /// The first word of the argument, and the line after it.
    fn next_word(self) -> (&'a [u8], Line<'a>) {
        let rest = self.rest();
        let end = rest.iter().position(u8::is_ascii_whitespace).unwrap_or(rest.len());
        let blanks = rest[end..].len() - rest[end..].trim_ascii_start().len();
        (&rest[..end], Line { at: self.at + end + blanks, ..self })
    }

    fn end<T>(self, word: &str, value: T) -> Result<T, Fault> {
        if self.rest().is_empty() { Ok(value) } else { Err(self.fault(format!("nothing follows {word}"))) }
    }

    fn regex(self, expected: &str) -> Result<regex::bytes::Regex, Fault> {
        let pattern = self.argument(expected)?;
        compile(pattern, Syntax::Lines).map_err(|error| Fault {
            at: self.at + error.offset.unwrap_or(0),
            error: format!("not a regular expression: {}", error.why),
        })
    }

    fn number(self, expected: &str) -> Result<usize, Fault> {
        let text = self.argument(expected)?;
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        let number = text.parse().ok().filter(|&number| digits && number > 0);
        number.ok_or_else(|| self.fault(expected.to_owned()))
    }

    /// Appends the argument to a message.
    fn message(self, expected: &str, server: &Server, step: &mut Step) -> Result<(), Fault> {
        if self.rest().is_empty() {
            return Err(self.fault(expected.to_owned()));
        }
        let mut rest = self.rest();
        while !rest.is_empty() {
            if let Some(after) = rest.strip_prefix(b"{id}") {
                step.ids.push(step.send.len());
                step.send.extend_from_slice(NO_ID.to_string().as_bytes());
                rest = after;
            } else if let Some(after) = rest.strip_prefix(b"{host}") {
                step.send.extend_from_slice(server.host.as_bytes());
                rest = after;
            } else if let Some(after) = rest.strip_prefix(b"{port}") {
                step.send.extend_from_slice(server.port.to_string().as_bytes());
                rest = after;
            } else {
                let at = self.bytes.len() - rest.len();
                let byte = take_byte(&mut rest);
                let unknown = || Fault { at, error: format!("unknown escape: expected {ESCAPES}") };
                step.send.push(byte.ok_or_else(unknown)?);
            }
        }
        debug_assert!(step.ids.iter().all(|&id| id + ID_LEN <= step.send.len()), "each id has its bytes");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server() -> Server {
        Server { host: "mail.example".to_owned(), port: 25 }
    }

    fn read(text: &str) -> Dialog {
        parse("x", text.as_bytes(), &server()).unwrap()
    }

    #[test]
    fn statements_become_a_dialog() {
        let dialog = read(
            "\u{feff}# a comment\r\n\r\n  framing lines\nmask ^Date:.*$\nignore ^NOTE\nerror ^5\nrefusal ^5 no\npipelining when ^250.PIPE\n\
             changes nothing much\nexpect line ^220\\x20\nsend EHLO {host}:{port}\\r\\n  \nexpect line ^250\\x20\n\
             send NICK {id} {ID}\\x7bid}\\0\\\\\nmore  {id}\\n\noptional\nsend QUIT\\r\\n\nexpect close\n",
        );
        assert_eq!(format!("{:?}", dialog.greeting), r#"Line(Regex("^220\\x20"))"#);
        assert_eq!(format!("{:?}", dialog.pipelining), r#"When(Regex("^250.PIPE"))"#);
        assert_eq!(dialog.masks, ["(?mR-u)^Date:.*$"]);
        assert_eq!((dialog.ignore.len(), dialog.errors.len(), dialog.refusals.len()), (1, 1, 1));
        assert_eq!(dialog.changes.as_deref(), Some("nothing much"));
        let sent: Vec<_> = dialog.messages();
        assert_eq!(sent[0], b"EHLO mail.example:25\r\n");
        assert_eq!(sent[1], b"NICK 00000000 {ID}{id}\0\\00000000\n");
        assert_eq!(dialog.steps[1].ids, [5, 24]);
        assert_eq!(dialog.steps.iter().map(|step| step.optional).collect::<Vec<_>>(), [false, true, false]);
        let ends: Vec<_> = dialog.steps.iter().map(|step| format!("{:?}", step.until)).collect();
        assert_eq!(ends, [r#"Line(Regex("^250\\x20"))"#, "Learned", "Close"]);
    }

    #[test]
    fn request_of_http_has_one_response() {
        let dialog =
            read("framing http\nsend GET / HTTP/1.1\\r\\n\\r\\n\nsend x\nexpect frames 2\nsend x\nexpect bytes 3");
        let ends: Vec<_> = dialog.steps.iter().map(|step| format!("{:?}", step.until)).collect();
        assert_eq!(ends, ["Frames(1)", "Frames(2)", "Bytes(3)"]);
    }

    #[test]
    fn errors_have_line_and_column() {
        let cases: [(&[u8], &str); 36] = [
            (b"", "1:1: no message: expected at least one `send TEXT`"),
            (b"mask a\n# no\n", "3:1: no message: expected at least one `send TEXT`"),
            (
                b"\n sned x",
                "2:2: \"sned\" is not a statement: expected framing, pipelining, mask, ignore, error, refusal, changes, send, more, optional or expect",
            ),
            (
                b"send\x1b x",
                "1:1: \"send\\x1b\" is not a statement: expected framing, pipelining, mask, ignore, error, refusal, changes, send, more, optional or expect",
            ),
            (b"send", "1:5: send takes TEXT"),
            (b"send a\nmore  ", "2:5: more takes TEXT"),
            (b"more a", "1:1: more continues a message: expected `send TEXT` before it"),
            (b"refusal", "1:8: refusal takes REGEX"),
            (b"optional", "1:1: optional is about a message: expected `send TEXT` before it"),
            (b"send a\noptional x", "2:10: nothing follows optional"),
            (b"send a\nexpect any\nmore a", "3:1: more continues a message: expected `send TEXT` before it"),
            (b"send a\\q", r"1:7: unknown escape: expected \r \n \t \0 \\ or \xHH"),
            ("send é\\x4".as_bytes(), r"1:7: unknown escape: expected \r \n \t \0 \\ or \xHH"),
            (b"send a\nmask b", "2:1: mask belongs before the first message"),
            (b"mask a\nmask", "2:5: mask takes REGEX"),
            (b"mask a(b", "1:7: not a regular expression: unclosed group"),
            (b"error \xe9", r"1:7: not UTF-8: write \xHH for the byte"),
            (b"ignore", "1:7: ignore takes REGEX"),
            (b"framing", "1:8: framing takes FRAMING, such as lines or http"),
            (b"framing a b", "1:9: \"a b\" is not a framing: expected "),
            (b"framing raw\n\tframing raw", "2:2: framing is given twice"),
            (b"pipelining maybe", "1:12: pipelining takes yes, no or when REGEX"),
            (b"pipelining yes no", "1:16: nothing follows yes"),
            (b"pipelining when", "1:16: pipelining takes yes, no or when REGEX"),
            (b"changes", "1:8: changes takes TEXT"),
            (b"expect", "1:7: expect takes line REGEX, frames N, bytes N, close, nothing or any"),
            (
                b"expect ^220",
                "1:8: \"^220\" does not end a reply: expected line REGEX, frames N, bytes N, close, nothing or any",
            ),
            (b"expect line", "1:12: expect line takes REGEX"),
            (b"expect line  [", "1:14: not a regular expression: unclosed character class"),
            (b"expect frames 0", "1:15: expect frames takes a number, 1 or more"),
            (b"expect bytes +1", "1:14: expect bytes takes a number, 1 or more"),
            (b"framing raw\nsend a\nexpect frames 1", "3:8: framing raw has no frames: expected bytes N or line REGEX"),
            (b"expect close now", "1:14: nothing follows close"),
            (b"expect any\nexpect any", "2:1: the end of the greeting is given twice"),
            (b"send a\nexpect any\nexpect any", "3:1: the end of the reply is given twice"),
            (b"send a\nexpect close\nsend b", "3:1: the server has closed the connection before this message"),
        ];
        for (text, expected) in cases {
            let error = parse("f.dialog", text, &server()).unwrap_err().to_string();
            let shown = escape(text);
            assert!(error.starts_with(&format!("dialog f.dialog:{expected}")), "{shown}: {error}");
        }
    }

    #[test]
    fn server_is_named_as_in_a_url() {
        let at = |text: &str| Server::at(&text.parse().unwrap());
        assert_eq!(at("unix:/a"), Server { host: "localhost".to_owned(), port: 0 });
        assert_eq!(at("[::1]:7").host, "[::1]");
        assert_eq!(at("10.0.0.1:7"), Server { host: "10.0.0.1".to_owned(), port: 7 });
    }
}
