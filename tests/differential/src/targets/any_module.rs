//! The meter's two implementations do the same on any module, and the module does the same without the
//! meter. The budget ends what would not end.

use arbitrary::Unstructured;

use super::{CUTS, PLAIN, Rejected, UNITS, engines, modules};
use crate::compare::{Count, Subject, explore};

/// Reads the bytes as a seed and what a module is made from.
///
/// # Errors
/// If they do not suffice, or one of the implementations does not know all that the module uses.
///
/// # Panics
/// If the implementations differ, or the module does otherwise without the meter.
pub fn any_module(data: &[u8]) -> Result<(), Rejected> {
    let mut u = Unstructured::new(data);
    let seed = u.arbitrary::<u64>()?;
    let wasm = modules::alone(&mut u)?;
    let subject = Subject::new(&wasm, &engines(seed), Some(&PLAIN))?;
    explore(&subject, seed, UNITS, CUTS, &mut Count::default());
    Ok(())
}
