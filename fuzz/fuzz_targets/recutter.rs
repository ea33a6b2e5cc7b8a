//! Any bytes as one direction of a TLS connection: no panic, nothing lost, bounded memory, the same records however
//! the bytes arrive.
#![no_main]

use libfuzzer_sys::fuzz_target;
use secretcat::plan::{Cutter, Cutting, Piece, Plan, Recutter};

fuzz_target!(|data: &[u8]| {
    let [cut, size, step, stream @ ..] = data else { return };
    let cutting = match cut % 3 {
        0 => Cutting::Whole,
        1 => Cutting::Chunk(format!("{}..{size}", size / 2).parse().unwrap()),
        _ => Cutting::Cut(format!("1,{cut},-{}", i16::from(*size) + 1).parse().unwrap()),
    };
    let plan = Plan { cutting, ..Plan::default() };
    let (out, pieces) = recut(&plan, stream, stream.len().max(1));
    assert_eq!(pieces.iter().map(|piece| piece.len).sum::<usize>(), out.len());
    assert!(out.len() >= stream.len());
    // Without the headers of handshake records, the bytes are the same.
    assert_eq!(payloads(&out), payloads(stream));
    for step in [1, usize::from(*step) + 1] {
        assert_eq!(recut(&plan, stream, step), (out.clone(), pieces.clone()));
    }
});

fn recut(plan: &Plan, stream: &[u8], step: usize) -> (Vec<u8>, Vec<Piece>) {
    let mut recutter = Recutter::new(Cutter::new(plan, 1));
    let (mut out, mut pieces) = (Vec::new(), Vec::new());
    for part in stream.chunks(step) {
        recutter.push(part, &mut out, &mut pieces);
        assert!(recutter.held() < 5 + 16384 + 256);
    }
    recutter.end(&mut out, &mut pieces);
    assert_eq!(recutter.held(), 0);
    (out, pieces)
}

/// The payloads of the plain-text records, with the headers of those that are not cut, and then all other bytes.
fn payloads(mut stream: &[u8]) -> Vec<u8> {
    let mut joined = Vec::new();
    while let [kind @ (21 | 22 | 24), 3, _, high, low, after @ ..] = stream {
        let len = usize::from(u16::from_be_bytes([*high, *low]));
        if len > 16384 + 256 || len > after.len() {
            break;
        }
        joined.extend_from_slice(if *kind == 22 { &after[..len] } else { &stream[..5 + len] });
        stream = &after[len..];
    }
    joined.extend_from_slice(stream);
    joined
}
