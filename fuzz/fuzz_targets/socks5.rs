//! Any bytes as a proxy's answers in SOCKS5: no panic, bounded, and the same outcome however they are split.
#![no_main]

use libfuzzer_sys::fuzz_target;
use secretcat::peer::proxy::{Handshake, ProxyError};
use secretcat::value::{Address, Credentials, Destination, ProxyScheme};

fuzz_target!(|input: (bool, u8, &[u8])| {
    let (logs_in, size, answer) = input;
    let whole = shake(logs_in, answer, answer.len().max(1));
    for step in [1, usize::from(size) + 1] {
        assert_eq!(shake(logs_in, answer, step), whole);
    }
    if let Err(error) = whole {
        assert!(!error.to_string().contains(char::is_control));
    }
});

/// Gives the answer in parts of `step` bytes. Returns the number of bytes that belong to the handshake, if it ends.
fn shake(logs_in: bool, answer: &[u8], step: usize) -> Result<Option<usize>, ProxyError> {
    let credentials = logs_in.then(|| Credentials::parse(b"user:password").unwrap());
    let to = Destination::new(&Address::default()).unwrap();
    let mut handshake = Handshake::new(ProxyScheme::Socks5h, credentials.as_ref(), &to);
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
