//! The user and the password for a proxy, from the content of a file.

use std::fmt;

/// The largest length of a user or a password: SOCKS5 sends it in one byte (RFC 1929, section 2).
const MAX: usize = 255;

/// A user and a password.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    user: Vec<u8>,
    password: Vec<u8>,
}

/// Why the content of a file is not `USER:PASSWORD`. The text shows nothing of the content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}: expected one line USER:PASSWORD, each of at most {MAX} bytes")]
pub struct InvalidCredentials(&'static str);

impl Credentials {
    /// The largest size of a file with credentials: user, colon, password and CR LF.
    pub const MAX_FILE: usize = 2 * MAX + 3;

    /// A user without a password.
    #[must_use]
    pub fn of_user(user: &[u8]) -> Self {
        Credentials { user: user.to_vec(), password: Vec::new() }
    }

    /// Parses `USER:PASSWORD` with an optional line ending. The password may have colons.
    ///
    /// # Errors
    /// When a part is missing or too long, or there is another line.
    pub fn parse(content: &[u8]) -> Result<Self, InvalidCredentials> {
        let line = content.strip_suffix(b"\n").unwrap_or(content);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            return Err(InvalidCredentials("the file is empty"));
        }
        if line.iter().any(|byte| b"\r\n\0".contains(byte)) {
            return Err(InvalidCredentials("the file has more than one line"));
        }
        let colon = line.iter().position(|&byte| byte == b':').ok_or(InvalidCredentials("no colon"))?;
        let (user, password) = (&line[..colon], &line[colon + 1..]);
        match () {
            () if user.is_empty() => Err(InvalidCredentials("no user before the colon")),
            () if user.len() > MAX => Err(InvalidCredentials("the user is too long")),
            () if password.len() > MAX => Err(InvalidCredentials("the password is too long")),
            () => Ok(Credentials { user: user.to_vec(), password: password.to_vec() }),
        }
    }

    /// The user.
    #[must_use]
    pub fn user(&self) -> &[u8] {
        &self.user
    }

    /// The password.
    #[must_use]
    pub fn password(&self) -> &[u8] {
        &self.password
    }
}

impl fmt::Debug for Credentials {
    /// Shows the user and not the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("user", &self.user).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_ends_at_the_first_colon() {
        for line in ["al:hu:sh", "al:hu:sh\n", "al:hu:sh\r\n"] {
            let credentials = Credentials::parse(line.as_bytes()).unwrap();
            assert_eq!((credentials.user(), credentials.password()), (&b"al"[..], &b"hu:sh"[..]));
        }
        assert_eq!(Credentials::parse(b"al:").unwrap(), Credentials::of_user(b"al"));
    }

    #[test]
    fn other_content_is_refused_and_not_shown() {
        let long = "x".repeat(MAX);
        assert!(Credentials::parse(format!("{long}:{long}\r\n").as_bytes()).is_ok());
        let cases = [
            ("", "the file is empty"),
            ("\n", "the file is empty"),
            ("hush", "no colon"),
            (":hush", "no user before the colon"),
            ("al:hush\nmore", "the file has more than one line"),
            ("al:hush\n\n", "the file has more than one line"),
            ("al:hu\0sh", "the file has more than one line"),
            (&format!("{long}x:hush"), "the user is too long"),
            (&format!("al:{long}x"), "the password is too long"),
        ];
        for (content, why) in cases {
            let error = Credentials::parse(content.as_bytes()).unwrap_err().to_string();
            assert_eq!(error, format!("{why}: expected one line USER:PASSWORD, each of at most 255 bytes"));
        }
    }

    #[test]
    fn debug_output_has_no_password() {
        let text = format!("{:?}", Credentials::parse(b"al:hush").unwrap());
        assert_eq!(text, "Credentials { user: [97, 108], .. }");
    }
}
