//! The meter's two implementations do the same on programs that are written for it.

#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};
use meterbox_differential::targets::two_implementations;

fuzz_target!(|data: &[u8]| -> Corpus {
    two_implementations(data).map_or(Corpus::Reject, |()| Corpus::Keep)
});
