//! What the order gives, of WASI 0.1: arguments, environment, clocks, random numbers; and the end.

use std::sync::Arc;

use wasmtime::{Caller, Linker, Result};

use super::{Guest, Stop, answered, errno, price};
use crate::component::RESOLUTION_NS;
use crate::host::{Dice, Host};
use crate::host_calls::WASI_0_1;
use crate::tally::HostEnd;

/// Random bytes that are made at a time.
const RANDOM_CHUNK: usize = 64 << 10;

/// Arguments, environment, clocks, random, exit.
pub(super) fn link(linker: &mut Linker<Host>) -> Result<()> {
    function!(
        linker,
        "args_sizes_get",
        |caller, count: u32, bytes: u32| {
            let words = Arc::clone(&caller.data().words);
            Guest::of(&mut caller)?.write_sizes(&words[0], count, bytes)
        }
    );
    function!(linker, "args_get", |caller, pointers: u32, text: u32| {
        let words = Arc::clone(&caller.data().words);
        Guest::of(&mut caller)?.write_words(&words[0], pointers, text)
    });
    function!(
        linker,
        "environ_sizes_get",
        |caller, count: u32, bytes: u32| {
            let words = Arc::clone(&caller.data().words);
            Guest::of(&mut caller)?.write_sizes(&words[1], count, bytes)
        }
    );
    function!(linker, "environ_get", |caller, pointers: u32, text: u32| {
        let words = Arc::clone(&caller.data().words);
        Guest::of(&mut caller)?.write_words(&words[1], pointers, text)
    });
    function!(linker, "clock_res_get", |caller, clock: u32, to: u32| {
        if clock > 1 {
            return Err(Stop::Errno(errno::INVAL));
        }
        Guest::of(&mut caller)?.write(to, &RESOLUTION_NS.to_le_bytes())
    });
    function!(
        linker,
        "clock_time_get",
        |caller, clock: u32, _precision: u64, to: u32| {
            let now = match clock {
                0 => caller.data().wall_ns(),
                1 => caller.data().monotonic_ns(),
                _ => return Err(Stop::Errno(errno::INVAL)),
            };
            Guest::of(&mut caller)?.write(to, &now.to_le_bytes())
        }
    );
    function!(linker, "random_get", |caller, to: u32, length: u32| {
        let mut guest = Guest::of(&mut caller)?;
        guest.slice(to, length)?;
        guest.host.bytes_in(length as usize)?;
        let Guest { memory, host } = guest;
        let start = to as usize;
        for chunk in memory[start..start + length as usize].chunks_mut(RANDOM_CHUNK) {
            host.fill_random(Dice::Secure, chunk);
        }
        Ok(())
    });
    function!(linker, "sched_yield", |caller| {
        let _ = &mut caller;
        Ok(())
    });
    function!(linker, "proc_raise", |caller, _signal: u32| {
        let _ = &mut caller;
        Err(Stop::Errno(errno::NOSYS))
    });
    let price = price("proc_exit")?;
    linker.func_wrap(
        WASI_0_1,
        "proc_exit",
        move |mut caller: Caller<'_, Host>, code: u32| -> Result<()> {
            caller.data_mut().begin_call(price)?;
            Err(HostEnd::Exit(code).into())
        },
    )?;
    Ok(())
}
