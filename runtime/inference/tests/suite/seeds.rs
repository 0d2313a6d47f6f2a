//! What was worth keeping of the bytes that the fuzz target drew, in `fuzz/seeds/any_model`, is done again.
//! `cargo xtask fuzz any_model` looks for more.

use std::fs;
use std::path::Path;

use crate::fuzzed::any_model;

#[test]
fn kept_models_are_read_and_walked_without_a_panic() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds/any_model");
    let mut walked = 0;
    let mut count = 0;
    for entry in fs::read_dir(&folder).expect("the seeds are there") {
        let bytes = fs::read(entry.unwrap().path()).unwrap();
        count += 1;
        walked += usize::from(any_model(&bytes).is_some());
    }
    assert!(count > 0);
    // Where most come to nothing, what models are built from has changed: new seeds are to be drawn.
    assert!(walked * 2 > count, "{walked} of {count} have a cost");
}

#[test]
fn models_built_from_random_bytes_never_panic() {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut walked = 0;
    for _ in 0..2_000 {
        let mut bytes = vec![1];
        for _ in 0..60 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            bytes.extend(state.to_le_bytes());
        }
        walked += usize::from(any_model(&bytes).is_some());
    }
    assert!(walked > 0, "none of them had a cost");
}
