//! Whatever a checkpoint or a proof of the log says, no stranger is believed.

#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};

#[path = "../../runtime/log/tests/suite/fuzzed.rs"]
#[allow(dead_code)]
mod fuzzed;

fuzz_target!(|data: &[u8]| -> Corpus {
    fuzzed::any_proof(data).map_or(Corpus::Reject, |()| Corpus::Keep)
});
