//! Whatever bytes come, the meter neither panics nor writes what is not valid: bytes without a plan, and
//! valid modules and components with some bytes of others.

#![no_main]

use arbitrary::{Result, Unstructured};
use libfuzzer_sys::{Corpus, fuzz_target};
use meterbox_fuzz::{assert_valid, component, module};

/// Changes to one program at the most.
const CHANGES_MAX: usize = 8;

fuzz_target!(|data: &[u8]| -> Corpus {
    check(data);
    match changed(data) {
        Ok(()) => Corpus::Keep,
        Err(_) => Corpus::Reject,
    }
});

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

fn changed(data: &[u8]) -> Result<()> {
    let mut u = Unstructured::new(data);
    let is_component = u.ratio(1, 3)?;
    let changes: Vec<(u32, u8)> = (0..u.int_in_range(0..=CHANGES_MAX)?)
        .map(|_| u.arbitrary())
        .collect::<Result<_>>()?;
    let mut wasm = match is_component {
        true => component(&mut u)?,
        false => module(&mut u)?,
    };
    let length = u32::try_from(wasm.len()).expect("some kilobytes");
    for (at, byte) in changes {
        let at = usize::try_from(at % length).expect("within the program");
        match byte {
            // Cut short, or a byte taken out; else a byte put in its place.
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
