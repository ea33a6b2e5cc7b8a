//! Any bytes as a plan file: no panic; the pieces of a plan together are the message.
#![no_main]

use libfuzzer_sys::fuzz_target;
use secretcat::plan::Cutter;
use secretcat::trace::read_plan;

fuzz_target!(|data: &[u8]| {
    let plan = match read_plan(data) {
        Ok(plan) => plan,
        Err(error) => {
            let lines = data.iter().filter(|byte| **byte == b'\n').count() + 1;
            assert!((1..=lines).contains(&error.line) && error.column <= data.len() + 1, "{error:?}");
            return;
        }
    };
    assert_eq!(read_plan(serde_json::to_string(&plan).unwrap().as_bytes()), Ok(plan.clone()));
    let lengths = [1, 5, 100];
    let mut cutter = Cutter::new(&plan, 0);
    cutter.group(&lengths);
    let mut total = 0;
    while let Some(piece) = cutter.next_piece() {
        assert!(piece.len > 0);
        total += piece.len;
    }
    assert_eq!(total, lengths.iter().sum::<usize>());
});
