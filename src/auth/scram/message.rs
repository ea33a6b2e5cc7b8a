//! The attributes of SCRAM messages (RFC 5802, section 5.1): `n=ann,r=…`.

use data_encoding::BASE64;

use super::Flaw;

/// The largest message that is read.
const LONGEST: usize = 4096;

/// The attributes of a message that are not read yet.
pub(super) struct Attributes<'a>(Option<&'a str>);

impl<'a> Attributes<'a> {
    /// Those of a message.
    pub(super) fn of(message: &'a [u8]) -> Result<Self, Flaw> {
        if message.len() > LONGEST {
            return Err(Flaw::Malformed);
        }
        let text = std::str::from_utf8(message).map_err(|_| Flaw::Malformed)?;
        if text.contains('\0') { Err(Flaw::Malformed) } else { Ok(Attributes(Some(text))) }
    }

    /// What is not read yet.
    pub(super) fn rest(&self) -> &'a str {
        self.0.unwrap_or_default()
    }

    /// The next part, up to a comma or the end.
    pub(super) fn part(&mut self) -> Result<&'a str, Flaw> {
        let text = self.0.ok_or(Flaw::Malformed)?;
        let (part, rest) = text.split_once(',').map_or((text, None), |(part, rest)| (part, Some(rest)));
        self.0 = rest;
        Ok(part)
    }

    /// The value of the next attribute, which has this name.
    pub(super) fn value(&mut self, name: char) -> Result<&'a str, Flaw> {
        let part = self.part()?;
        if name_of(part)? == 'm' && name != 'm' {
            return Err(Flaw::Extension);
        }
        part.strip_prefix(name).and_then(|part| part.strip_prefix('=')).ok_or(Flaw::Malformed)
    }

    /// Checks that only extensions follow, which are ignored.
    pub(super) fn end(mut self) -> Result<(), Flaw> {
        while self.0.is_some() {
            if name_of(self.part()?)? == 'm' {
                return Err(Flaw::Extension);
            }
        }
        Ok(())
    }
}

/// The name of an attribute: one letter before `=`.
fn name_of(part: &str) -> Result<char, Flaw> {
    let mut chars = part.chars();
    match (chars.next(), chars.next()) {
        (Some(name), Some('=')) if name.is_ascii_alphabetic() => Ok(name),
        _ => Err(Flaw::Malformed),
    }
}

/// A nonce: printable ASCII without a comma.
pub(super) fn nonce(text: &str) -> Result<&str, Flaw> {
    let is_one = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b',');
    if is_one { Ok(text) } else { Err(Flaw::Malformed) }
}

/// Bytes in base64.
pub(super) fn base64(text: &str) -> Result<Vec<u8>, Flaw> {
    BASE64.decode(text.as_bytes()).map_err(|_| Flaw::Malformed)
}

/// 32 bytes in base64.
pub(super) fn hash(text: &str) -> Result<[u8; 32], Flaw> {
    base64(text)?.try_into().map_err(|_| Flaw::Malformed)
}

/// A name as it is sent: comma and equals sign are escaped.
pub(super) fn encode_name(name: &str) -> String {
    name.replace('=', "=3D").replace(',', "=2C")
}

/// A name as it was sent.
pub(super) fn decode_name(text: &str) -> Result<String, Flaw> {
    let mut parts = text.split('=');
    let mut name = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (byte, rest) = part
            .strip_prefix("2C")
            .map(|rest| (',', rest))
            .or_else(|| Some(('=', part.strip_prefix("3D")?)))
            .ok_or(Flaw::Malformed)?;
        name.push(byte);
        name.push_str(rest);
    }
    if name.is_empty() { Err(Flaw::Malformed) } else { Ok(name) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_escaped_and_read_again() {
        for name in ["ann", "a,b=c", "=2C", "\u{fc}"] {
            let sent = encode_name(name);
            assert!(!sent.contains(','), "{sent}");
            assert_eq!(decode_name(&sent).as_deref(), Ok(name));
        }
        for wrong in ["", "=", "a=", "a=2", "a=2c", "a=3d", "a=41"] {
            assert_eq!(decode_name(wrong), Err(Flaw::Malformed), "{wrong}");
        }
    }
}
