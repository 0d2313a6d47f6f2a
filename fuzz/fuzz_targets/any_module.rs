//! The meter's two implementations do the same on any module, and the module the same without the meter.

#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};
use meterbox_differential::targets::any_module;

fuzz_target!(|data: &[u8]| -> Corpus {
    any_module(data).map_or(Corpus::Reject, |()| Corpus::Keep)
});
