//! Works for a while and then traps, in the way that its argument says: `unreachable`, or
//! `out-of-bounds` for a read beyond its memory.

use std::hint::black_box;

use meterbox_guest::{Job, log};

/// How long it works first.
const STEPS: u64 = 1_000_000;

#[meterbox_guest::job]
fn main(job: Job) -> Result<(), String> {
    let way = job
        .args()
        .into_iter()
        .next()
        .unwrap_or_else(|| "unreachable".to_string());
    let mut state = 1_u64;
    for step in 0..STEPS {
        state = black_box(
            state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(step),
        );
    }
    log::info(format!("worked up to {state}"));
    match way.as_str() {
        "unreachable" => unreachable(),
        "out-of-bounds" => Err(format!(
            "there is memory where none should be: {}",
            beyond()
        )),
        other => Err(format!(
            "`{other}` is no way to trap: use `unreachable` or `out-of-bounds`"
        )),
    }
}

#[cfg(target_family = "wasm")]
fn unreachable() -> ! {
    core::arch::wasm32::unreachable()
}

#[cfg(not(target_family = "wasm"))]
fn unreachable() -> ! {
    std::process::abort()
}

fn beyond() -> u8 {
    let address = black_box(0xFFFF_FFF0_usize as *const u8);
    // SAFETY: it is not, and is meant to trap: the address is in the last of the 65536 pages that
    // an address can reach, and this guest has but a few.
    unsafe { address.read_volatile() }
}
