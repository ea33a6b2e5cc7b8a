//! Words and bytes for any POSIX shell.

use std::fmt::Write;

/// Bytes as a format of printf(1) between single quotes (POSIX: octal escapes of three digits).
pub(super) fn printf_format(bytes: &[u8]) -> String {
    let mut format = String::new();
    for (at, &byte) in bytes.iter().enumerate() {
        match byte {
            b'\n' => format.push_str("\\n"),
            b'\r' => format.push_str("\\r"),
            b'%' => format.push_str("%%"),
            // A format that begins with a hyphen would be an option.
            b'-' if at == 0 => format.push_str("\\055"),
            b'\\' | b'\'' | 0..=0x1f | 0x7f..=0xff => {
                let _ = write!(format, "\\{byte:03o}");
            }
            _ => format.push(char::from(byte)),
        }
    }
    format
}

/// A word, quoted for a shell. It has no zero bytes, and control characters are written by printf(1), because a terminal
/// would obey them.
pub(super) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || ".:-_/,".contains(c);
    match word {
        "" => "''".to_owned(),
        _ if word.chars().all(plain) => word.to_owned(),
        // The shell removes line feeds from the end of what a command prints.
        _ if word.contains(char::is_control) && !word.ends_with('\n') => {
            format!("\"$(printf '{}')\"", printf_format(word.as_bytes()))
        }
        _ => format!("'{}'", word.replace('\'', "'\\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_bytes_are_printed_for_the_shell() {
        assert_eq!(printf_format(b"a'b%\\\n\xff\0-"), "a\\047b%%\\134\\n\\377\\000-");
        assert_eq!(printf_format(b"-n"), "\\055n");
    }

    #[test]
    fn address_is_one_word_in_any_shell() {
        assert_eq!(quoted("127.0.0.1:80"), "127.0.0.1:80");
        assert_eq!(quoted("[::1]:80"), "'[::1]:80'");
        assert_eq!(quoted("a'b"), "'a'\\''b'");
        assert_eq!(quoted(""), "''");
        assert_eq!(quoted("7,19"), "7,19");
        assert_eq!(quoted("a\x1b'\u{9b}"), "\"$(printf 'a\\033\\047\\302\\233')\"");
    }
}
