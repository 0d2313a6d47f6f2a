//! Programs that the differential tests' generator writes, from fixed seeds.

use arbitrary::Unstructured;
use meterbox_differential::engine::Wasmtime;
use meterbox_differential::generator::{Features, generate_with};

use super::{Origin, Programs, mix};

/// How many bytes a program is written from.
const BYTES: u64 = 3200;

/// Adds so many programs. A third may need all features; the others fewer, for engines that lack some.
pub fn add(programs: &mut Programs, count: u64, planner: &Wasmtime) {
    for seed in 1..=count {
        let features = Features {
            exceptions: seed % 3 == 0,
            second_memory: seed % 3 != 1,
        };
        let words = (0..BYTES / 8).map(|at| mix(seed << 32 | at));
        let bytes: Vec<u8> = words.flat_map(u64::to_le_bytes).collect();
        let name = format!("seed {seed}");
        match generate_with(&mut Unstructured::new(&bytes), features) {
            Ok(wasm) => programs.add(name, Origin::Generated(seed), &wasm, planner),
            Err(error) => programs.leave_out(name, &error.into()),
        }
    }
}
