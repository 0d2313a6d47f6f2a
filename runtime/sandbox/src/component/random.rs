//! `wasi:random`: three independent streams, all from the order's seed.

use wasmtime::Result;
use wasmtime::component::Linker;

use super::Linking;
use crate::host::{Dice, Host};
use crate::tally::HostEnd;

fn bytes(host: &mut Host, which: Dice, length: u64) -> Result<(Vec<u8>,)> {
    // Charged before it is allocated, and bounded by what a guest can take at once.
    let length = usize::try_from(length).map_err(|_| HostEnd::Limit("bytes_in"))?;
    host.bytes_in(length)?;
    if length > RANDOM_BYTES_MAX {
        return Err(HostEnd::Trap("more random bytes at once than are given").into());
    }
    let mut bytes = vec![0; length];
    host.fill_random(which, &mut bytes);
    Ok((bytes,))
}

/// Random bytes given by one call: more is a trap, as the interface has no way to give fewer.
const RANDOM_BYTES_MAX: usize = 16 << 20;

pub(super) fn link(linker: &mut Linker<Host>) -> Result<()> {
    Linking::of(linker, "wasi:random/random")?
        .function("get-random-bytes", |host: &mut Host, (length,): (u64,)| {
            bytes(host, Dice::Secure, length)
        })?
        .function("get-random-u64", |host: &mut Host, (): ()| {
            Ok((host.random_u64(Dice::Secure),))
        })?;
    Linking::of(linker, "wasi:random/insecure")?
        .function(
            "get-insecure-random-bytes",
            |host: &mut Host, (length,): (u64,)| bytes(host, Dice::Insecure, length),
        )?
        .function("get-insecure-random-u64", |host: &mut Host, (): ()| {
            Ok((host.random_u64(Dice::Insecure),))
        })?;
    Linking::of(linker, "wasi:random/insecure-seed")?.function(
        "insecure-seed",
        |host: &mut Host, (): ()| {
            Ok(((
                host.random_u64(Dice::InsecureSeed),
                host.random_u64(Dice::InsecureSeed),
            ),))
        },
    )?;
    Ok(())
}
