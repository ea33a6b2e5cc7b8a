//! Any bytes as a PROXY header: no panic, bounded memory, the same header however the bytes are split, no byte taken
//! after its end, and a decoded header is written to bytes that decode to it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use secretcat::frame::proxy_header::{Decoder, Header, HeaderError, LONGEST, Version};

fuzz_target!(|data: &[u8]| {
    let [size, stream @ ..] = data else { return };
    let whole = decode(stream, stream.len().max(1));
    for size in [1, usize::from(*size) + 1] {
        let cut = decode(stream, size);
        // What is wrong is seen at the first wrong byte, or where the line or the length ends.
        assert_eq!(cut, whole);
    }
    if let Ok(Some((header, taken))) = whole {
        assert_eq!(read_exactly(stream), (header.clone(), taken));
        // Version 1 allows an address to be written in several ways.
        let bytes = header.encode().unwrap();
        let again = decode(&bytes, bytes.len()).unwrap().unwrap();
        assert_eq!(again, (header.clone(), bytes.len()));
        assert!(header.version == Version::V2 || bytes.len() <= 107);
    }
});

type Decoded = Result<Option<(Header, usize)>, HeaderError>;

/// Decodes pieces of this size; the header, and the bytes that it took.
fn decode(stream: &[u8], size: usize) -> Decoded {
    let mut decoder = Decoder::default();
    let mut taken = 0;
    for mut piece in stream.chunks(size) {
        let before = piece.len();
        let found = decoder.pull(&mut piece)?;
        taken += before - piece.len();
        assert!(decoder.received() == taken && taken <= LONGEST);
        if let Some(header) = found {
            return Ok(Some((header, taken)));
        }
    }
    Ok(None)
}

/// Reads as many bytes as the decoder wants each time.
fn read_exactly(stream: &[u8]) -> (Header, usize) {
    let mut decoder = Decoder::default();
    let mut at = 0;
    loop {
        let end = at + decoder.wanted();
        let found = decoder.pull(&mut &stream[at..end]).unwrap();
        at = end;
        if let Some(header) = found {
            return (header, at);
        }
    }
}
