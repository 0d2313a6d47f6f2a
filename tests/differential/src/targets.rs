//! The fuzz targets: what is done with bytes that may come from anywhere. Each panics on a fault. What draws
//! the bytes is elsewhere: `fuzz/`, and a test that replays those that are kept.

mod any_bytes;
mod any_module;
mod modules;
mod two_implementations;
mod untouchable;

use std::sync::LazyLock;

use crate::compare::Refusal;
use crate::engine::{Wasmtime, Way};

pub use any_bytes::any_bytes;
pub use any_module::any_module;
pub use two_implementations::two_implementations;
pub use untouchable::untouchable;

/// The bytes are of no use: they are too few, or make a program that one of the implementations refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rejected;

impl From<arbitrary::Error> for Rejected {
    fn from(_: arbitrary::Error) -> Rejected {
        Rejected
    }
}

impl From<Refusal> for Rejected {
    fn from(_: Refusal) -> Rejected {
        Rejected
    }
}

/// Units that a run may spend.
const UNITS: i64 = 20_000;
/// Smaller budgets, for each call.
const CUTS: u64 = 3;

/// The quick compiler.
static NONE: LazyLock<Wasmtime> = LazyLock::new(|| Wasmtime::new(Way::None));
/// The interpreter.
static PULLEY: LazyLock<Wasmtime> = LazyLock::new(|| Wasmtime::new(Way::Pulley));
/// For programs as they came.
static PLAIN: LazyLock<Wasmtime> = LazyLock::new(|| Wasmtime::new(Way::Plain));

/// The engines that run a program: the interpreter takes its time, and runs each eighth.
fn engines(seed: u64) -> Vec<(&'static str, &'static Wasmtime)> {
    let mut engines = vec![("none", &*NONE)];
    if seed.is_multiple_of(8) {
        engines.push(("pulley", &*PULLEY));
    }
    engines
}

/// Checks bytes that the meter wrote.
fn assert_valid(wasm: &[u8]) {
    let mut validator = wasmparser::Validator::new_with_features(meterbox_meter::FEATURES);
    if let Err(error) = validator.validate_all(wasm) {
        panic!("what the meter wrote is not valid: {error}");
    }
}
