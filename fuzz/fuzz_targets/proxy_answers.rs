//! The fuzzing of a proxy's answers, whatever its protocol.

use secretcat::peer::proxy::{Handshake, ProxyError};
use secretcat::value::{Address, Credentials, Destination, ProxyScheme};

/// Gives the same answer in parts of several sizes: the outcome is the same, and an error is safe to print.
pub fn check(scheme: ProxyScheme, (logs_in, size, answer): (bool, u8, &[u8])) {
    let whole = shake(scheme, logs_in, answer, answer.len().max(1));
    for step in [1, usize::from(size) + 1] {
        assert_eq!(shake(scheme, logs_in, answer, step), whole);
    }
    if let Err(error) = whole {
        assert!(!error.to_string().contains(char::is_control));
    }
}

/// Gives the answer in parts of `step` bytes. Returns the number of bytes that belong to the handshake, if it ends.
fn shake(
    scheme: ProxyScheme,
    logs_in: bool,
    answer: &[u8],
    step: usize,
) -> Result<Option<usize>, ProxyError> {
    let credentials = logs_in.then(|| Credentials::parse(b"user:password").unwrap());
    let to = Destination::new(&Address::default()).unwrap();
    let mut handshake = Handshake::new(scheme, credentials.as_ref(), &to);
    let mut taken = 0;
    for part in answer.chunks(step) {
        taken += handshake.on_received(part)?;
        assert!(handshake.pending().len() < 1024);
        handshake.on_sent(handshake.pending().len());
        if handshake.is_done() {
            return Ok(Some(taken));
        }
    }
    let _ = handshake.on_end();
    Ok(None)
}
