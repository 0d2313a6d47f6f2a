//! Whatever bytes come, the meter neither panics nor writes what is not valid: bytes as they are, and
//! valid modules and components with some bytes changed.

use arbitrary::{Result, Unstructured};

use super::{Rejected, assert_valid, modules};

/// Changes to one program at the most.
const CHANGES_MAX: usize = 8;

/// Reads the bytes as a program, and then as what a program and changes to it are made from.
///
/// # Errors
/// If they do not begin as programs do, and do not suffice for the latter.
///
/// # Panics
/// If the meter panics, or writes what is not valid, or what it does not refuse to meter again.
pub fn any_bytes(data: &[u8]) -> std::result::Result<(), Rejected> {
    check(data);
    match changed(data) {
        Err(_) if !data.starts_with(b"\0asm") => Err(Rejected),
        _ => Ok(()),
    }
}

fn check(wasm: &[u8]) {
    let _ = meterbox_meter::is_command(wasm);
    if let Ok(metered) = meterbox_meter::meter(wasm) {
        assert_valid(&metered.bytes);
        let _ = meterbox_meter::is_command(&metered.bytes);
        assert!(
            meterbox_meter::meter(&metered.bytes).is_err(),
            "metered twice"
        );
    }
}

/// Checks a program made from the bytes, some of whose own are changed.
fn changed(data: &[u8]) -> Result<()> {
    let mut u = Unstructured::new(data);
    let is_component = u.ratio(1, 3)?;
    let changes: Vec<(u32, u8)> = (0..u.int_in_range(0..=CHANGES_MAX)?)
        .map(|_| u.arbitrary())
        .collect::<Result<_>>()?;
    let mut wasm = match is_component {
        true => modules::component(&mut u)?,
        false => modules::module(&mut u)?,
    };
    let length = u32::try_from(wasm.len()).expect("some kilobytes");
    // Cut short, or a byte taken out, or another put in its place.
    for (at, byte) in changes {
        let at = usize::try_from(at % length).expect("within the program");
        match byte {
            0 => wasm.truncate(at.max(8)),
            1 => drop((at < wasm.len()).then(|| wasm.remove(at))),
            _ => {
                if let Some(place) = wasm.get_mut(at) {
                    *place = byte;
                }
            }
        }
    }
    check(&wasm);
    Ok(())
}
