//! Chunked bodies of HTTP (RFC 9112, section 7.1).

use httparse::Status;

/// The size in the line before a chunk.
pub(super) fn chunk_size(line: &[u8]) -> Option<u64> {
    // The parser reads a line without a digit as 0.
    if !line.first()?.is_ascii_hexdigit() {
        return None;
    }
    match httparse::parse_chunk_size(line) {
        Ok(Status::Complete((_, size))) => Some(size),
        _ => None,
    }
}

/// Removes the chunk sizes from a complete chunked body.
pub(in crate::frame) fn dechunk(mut chunked: &[u8]) -> Vec<u8> {
    let mut body = Vec::with_capacity(chunked.len());
    while let Ok(Status::Complete((line, size))) = httparse::parse_chunk_size(chunked) {
        let data = usize::try_from(size).ok().and_then(|size| chunked[line..].get(..size)).unwrap_or_default();
        if data.is_empty() {
            break;
        }
        body.extend_from_slice(data);
        chunked = chunked.get(line + data.len() + 2..).unwrap_or_default();
    }
    body
}
