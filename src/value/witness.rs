//! The value of `--witness`: a shell command, or the address of a listener.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

/// The address of a witness that is a listener: `HOST:PORT` of `tcp:HOST:PORT`, or `unix:PATH`. `None`: it is a command.
#[must_use]
pub fn listener_address(witness: &OsStr) -> Option<&OsStr> {
    let bytes = witness.as_bytes();
    if bytes.starts_with(b"unix:") { Some(witness) } else { bytes.strip_prefix(b"tcp:").map(OsStr::from_bytes) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listener_address_is_no_command() {
        for (witness, address) in [
            ("tcp:h:1", Some("h:1")),
            ("tcp:[::1]:1", Some("[::1]:1")),
            ("unix:/a", Some("unix:/a")),
            ("unix:@a", Some("unix:@a")),
            ("ssh tcp:h secretcat witness", None),
            ("unixtool", None),
        ] {
            assert_eq!(listener_address(OsStr::new(witness)), address.map(OsStr::new), "{witness}");
        }
    }
}
