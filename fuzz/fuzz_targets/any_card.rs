//! Whatever a rate card says, it is refused, or no job costs more under it than its ceiling.

#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};

#[path = "../../runtime/log/tests/suite/fuzzed.rs"]
#[allow(dead_code)]
mod fuzzed;

fuzz_target!(|data: &[u8]| -> Corpus {
    fuzzed::any_card(data).map_or(Corpus::Reject, |()| Corpus::Keep)
});
