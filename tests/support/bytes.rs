//! Bytes to send that show a lost or repeated part.

/// Bytes without a pattern: a block of them that is lost or repeated shows.
pub(crate) fn noise(len: usize) -> Vec<u8> {
    noise_of(0, len)
}

/// As [`noise`], of which each seed has its own.
pub(crate) fn noise_of(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed;
    let mut bytes = Vec::with_capacity(len + 4);
    while bytes.len() < len {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        bytes.extend_from_slice(&(state >> 16).to_le_bytes()[..4]);
    }
    bytes.truncate(len);
    bytes
}
