//! What was worth keeping of the bytes that fuzz targets drew, in `fuzz/seeds`, is done again, and some that are
//! drawn here. `cargo xtask fuzz` draws more.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::panic::catch_unwind;
use std::path::Path;

use meterbox_scripts::targets::{Rejected, inference};

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
    // Where most come to nothing, what scripts are drawn from has changed: new seeds are to be drawn.
    assert!(
        kept >= 10 && kept > 3 * rejected,
        "{kept} of {name}, {rejected} rejected"
    );
}

#[test]
fn any_script_of_inference_ends_as_it_may_and_the_same_each_time() {
    replay("inference_calls", inference);
}
