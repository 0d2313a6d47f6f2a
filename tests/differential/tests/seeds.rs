//! What was worth keeping of the bytes that fuzz targets drew, in `fuzz/seeds`, is done again. `cargo xtask fuzz`
//! draws more.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::panic::catch_unwind;
use std::path::Path;

use meterbox_differential::targets::{
    Rejected, any_bytes, any_module, two_implementations, untouchable,
};

/// Does with each of a target's seeds what the target does.
fn replay(name: &str, target: fn(&[u8]) -> Result<(), Rejected>) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds");
    let (mut kept, mut rejected) = (0, 0);
    for seed in fs::read_dir(folder.join(name)).unwrap() {
        let seed = seed.unwrap().path();
        let data = fs::read(&seed).unwrap();
        match catch_unwind(|| target(&data)) {
            Ok(Ok(())) => kept += 1,
            Ok(Err(Rejected)) => rejected += 1,
            Err(_) => panic!("of {}", seed.display()),
        }
    }
    // Where most come to nothing, what programs are made from has changed: new seeds are to be drawn.
    assert!(
        kept >= 10 && kept > 3 * rejected,
        "{kept} of {name}, {rejected} rejected"
    );
}

#[test]
fn the_implementations_agree_on_what_was_generated_before() {
    replay("two_implementations", two_implementations);
}

#[test]
fn the_implementations_agree_on_modules_that_anybody_could_have_written() {
    replay("any_module", any_module);
}

#[test]
fn no_program_reaches_the_globals_of_the_meter() {
    replay("untouchable", untouchable);
}

#[test]
fn any_bytes_are_metered_or_refused_without_a_panic() {
    replay("any_bytes", any_bytes);
}
