//! Whatever bytes come, the meter neither panics nor writes what is not valid.

#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};
use meterbox_differential::targets::any_bytes;
use meterbox_fuzz::programs;

fuzz_target!(init: programs::write(), |data: &[u8]| -> Corpus {
    any_bytes(data).map_or(Corpus::Reject, |()| Corpus::Keep)
});
