//! The meter's two implementations do the same on programs that are written for it.

use arbitrary::Unstructured;

use super::{CUTS, PLAIN, Rejected, UNITS, engines};
use crate::compare::{Count, Subject, explore};
use crate::generator::generate;

/// Reads the bytes as a seed and what a program is generated from.
///
/// # Errors
/// If they do not suffice.
///
/// # Panics
/// If the implementations differ.
pub fn two_implementations(data: &[u8]) -> Result<(), Rejected> {
    let mut u = Unstructured::new(data);
    let seed = u.arbitrary::<u64>()?;
    let wasm = generate(&mut u)?;
    let plain = seed.is_multiple_of(4).then(|| &*PLAIN);
    let subject = Subject::new(&wasm, &engines(seed), plain)?;
    explore(&subject, seed, UNITS, CUTS, &mut Count::default());
    Ok(())
}
