//! `wasi:clocks`: virtual time, which passes with host calls and sleeps.

use wasmtime::Result;
use wasmtime::component::{ComponentType, Lift, Linker, Lower};

use super::Linking;
use super::io::Pollable;
use crate::host::Host;

#[derive(ComponentType, Lift, Lower, Clone, Copy)]
#[component(record)]
pub(crate) struct Datetime {
    seconds: u64,
    nanoseconds: u32,
}

impl Datetime {
    /// Nanoseconds since 1970, if they fit, and the parts of a second are fewer than one.
    pub(super) fn ns(self) -> Option<u64> {
        let whole = self.seconds.checked_mul(NS_PER_SECOND)?;
        let part = u64::from(self.nanoseconds);
        (part < NS_PER_SECOND).then(|| whole.checked_add(part))?
    }
}

/// What both clocks say their resolution is, in nanoseconds.
pub(crate) const RESOLUTION_NS: u64 = 1_000;

const NS_PER_SECOND: u64 = 1_000_000_000;

pub(crate) fn datetime(ns: u64) -> Datetime {
    let nanoseconds = u32::try_from(ns % NS_PER_SECOND).unwrap_or(0);
    Datetime {
        seconds: ns / NS_PER_SECOND,
        nanoseconds,
    }
}

pub(super) fn link(linker: &mut Linker<Host>) -> Result<()> {
    Linking::of(linker, "wasi:clocks/monotonic-clock")?
        .function("now", |host: &mut Host, (): ()| Ok((host.monotonic_ns(),)))?
        .function("resolution", |_: &mut Host, (): ()| Ok((RESOLUTION_NS,)))?
        .function(
            "subscribe-instant",
            |host: &mut Host, (when_ns,): (u64,)| Ok((host.open(Pollable { ready_ns: when_ns })?,)),
        )?
        .function(
            "subscribe-duration",
            |host: &mut Host, (duration_ns,): (u64,)| {
                let ready_ns = host.monotonic_ns().saturating_add(duration_ns);
                Ok((host.open(Pollable { ready_ns })?,))
            },
        )?;
    Linking::of(linker, "wasi:clocks/wall-clock")?
        .function("now", |host: &mut Host, (): ()| {
            Ok((datetime(host.wall_ns()),))
        })?
        .function("resolution", |_: &mut Host, (): ()| {
            Ok((datetime(RESOLUTION_NS),))
        })?;
    Ok(())
}
