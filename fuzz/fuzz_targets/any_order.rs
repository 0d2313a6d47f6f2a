//! Whatever an order, an offer, an acceptance or a credit says, it is refused or comes back from its bytes.

#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};

#[path = "../../runtime/log/tests/suite/fuzzed.rs"]
#[allow(dead_code)]
mod fuzzed;

fuzz_target!(|data: &[u8]| -> Corpus {
    fuzzed::any_order(data).map_or(Corpus::Reject, |()| Corpus::Keep)
});
