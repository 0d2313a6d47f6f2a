//! Whatever bytes an envelope is, it neither panics nor passes for one that a trusted key signed.

#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};

#[path = "../../runtime/log/tests/suite/fuzzed.rs"]
#[allow(dead_code)]
mod fuzzed;

fuzz_target!(|data: &[u8]| -> Corpus {
    fuzzed::any_envelope(data).map_or(Corpus::Reject, |()| Corpus::Keep)
});
