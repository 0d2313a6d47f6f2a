//! Whatever bytes a model is, reading it and asking for its cost neither panics nor takes long.

#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};

#[path = "../../runtime/inference/tests/suite/fuzzed.rs"]
mod fuzzed;

fuzz_target!(|data: &[u8]| -> Corpus {
    fuzzed::any_model(data).map_or(Corpus::Reject, |()| Corpus::Keep)
});
