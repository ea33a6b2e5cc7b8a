//! A witness that is a listener: the command that connects to it is this program.

use std::borrow::Cow;
use std::env;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use crate::error::{Error, Operation};
use crate::value::listener_address;

/// The command line for a witness: what the user gave, or a connection to the address in it.
///
/// # Errors
/// When the path of this program is not known.
pub(super) fn command(given: &OsStr) -> Result<Cow<'_, OsStr>, Error> {
    let Some(address) = listener_address(given) else { return Ok(Cow::Borrowed(given)) };
    let program = env::current_exe().map_err(Error::local(Operation::Read, "the path of this program"))?;
    let mut line = b"exec ".to_vec();
    line.extend(quoted(program.as_os_str()));
    let is_unix = address.as_bytes().starts_with(b"unix:");
    line.extend(b" connect --raw --end-with-peer ");
    // Nagle's algorithm would hold a question back until the one before is acknowledged.
    line.extend(if is_unix { &b"-- "[..] } else { b"--nodelay -- " });
    line.extend(quoted(address));
    Ok(Cow::Owned(OsString::from_vec(line)))
}

/// As one word of a shell.
fn quoted(word: &OsStr) -> Vec<u8> {
    let inner = word.as_bytes().split(|&byte| byte == b'\'').collect::<Vec<_>>().join(&b"'\\''"[..]);
    [b"'", &*inner, b"'"].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_becomes_a_connection() {
        let of = |given: &str| command(OsStr::new(given)).unwrap().into_owned().into_string().unwrap();
        assert_eq!(of("ssh h secretcat witness"), "ssh h secretcat witness");
        let connects = |line: &str, rest: &str| {
            assert!(line.ends_with(&format!("' connect --raw --end-with-peer {rest}")), "{line}");
        };
        connects(&of("tcp:h:4501"), "--nodelay -- 'h:4501'");
        connects(&of("unix:/a b"), "-- 'unix:/a b'");
        connects(&of("tcp:it's; rm -rf /"), r"--nodelay -- 'it'\''s; rm -rf /'");
    }
}
