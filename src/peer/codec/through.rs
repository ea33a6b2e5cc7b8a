//! A protocol of others that passes as it is: only the re-cutter of handshake records touches it.

use super::{Protocol, Violation};

/// Passes bytes both ways, as a relay does that has no keys.
#[derive(Clone, Copy, Debug)]
pub struct Through;

impl Protocol for Through {
    fn name(&self) -> &'static str {
        "TLS"
    }

    fn start(&mut self, _: &mut Vec<u8>) {}

    fn open(&mut self, bytes: &[u8], plain: &mut Vec<u8>, _: &mut Vec<u8>) -> Result<(), Violation> {
        plain.extend_from_slice(bytes);
        Ok(())
    }

    fn seal(&mut self, plain: &[u8], wire: &mut Vec<u8>) {
        wire.extend_from_slice(plain);
    }

    fn close(&mut self, _: &mut Vec<u8>) {}

    fn record_size(&self) -> usize {
        usize::MAX
    }

    fn is_handshaking(&self) -> bool {
        false
    }

    fn is_closed_by_peer(&self) -> bool {
        false
    }

    fn has_records(&self) -> bool {
        false
    }

    fn ends_with_stream(&self) -> bool {
        true
    }
}
