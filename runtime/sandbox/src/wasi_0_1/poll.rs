//! `poll_oneoff`, in virtual time: files and streams are always ready.

use wasmtime::{Caller, Linker, Result};

use super::{Answer, Guest, Stop, answered, errno, offset, price};
use crate::host::Host;
use crate::host_calls::WASI_0_1;

/// Subscriptions that one poll may hold.
const SUBSCRIPTIONS_MAX: u32 = 1_024;
const SUBSCRIPTION_BYTES: u32 = 48;
const EVENT_BYTES: u32 = 32;

pub(super) fn link(linker: &mut Linker<Host>) -> Result<()> {
    function!(
        linker,
        "poll_oneoff",
        |caller, from: u32, to: u32, count: u32, events: u32| {
            poll(&mut Guest::of(&mut caller)?, from, to, count, events)
        }
    );
    Ok(())
}

/// What one subscription waits for: a time on the monotonic clock, or a stream, which is ready.
struct Subscription {
    user_data: [u8; 8],
    kind: u8,
    ready_ns: u64,
    errno: i32,
}

/// All that are ready, in their order. If none is, virtual time passes until the first is.
fn poll(guest: &mut Guest<'_>, from: u32, to: u32, count: u32, events: u32) -> Answer {
    if count == 0 || count > SUBSCRIPTIONS_MAX {
        return Err(Stop::Errno(errno::INVAL));
    }
    guest
        .host
        .bytes_out(count.saturating_mul(SUBSCRIPTION_BYTES) as usize)?;
    let mut subscriptions = Vec::with_capacity(count as usize);
    for index in 0..count {
        subscriptions.push(subscription(
            guest,
            offset(from, index, SUBSCRIPTION_BYTES)?,
        )?);
    }
    let first = subscriptions
        .iter()
        .map(|one| one.ready_ns)
        .min()
        .unwrap_or(0);
    guest.host.sleep_until(first);
    let now = guest.host.monotonic_ns();
    let mut ready = 0u32;
    for one in subscriptions.iter().filter(|one| one.ready_ns <= now) {
        let mut event = [0u8; EVENT_BYTES as usize];
        event[..8].copy_from_slice(&one.user_data);
        event[8..10].copy_from_slice(&u16::try_from(one.errno).unwrap_or(0).to_le_bytes());
        event[10] = one.kind;
        guest.host.bytes_in(event.len())?;
        guest.write(offset(to, ready, EVENT_BYTES)?, &event)?;
        ready += 1;
    }
    guest.write(events, &ready.to_le_bytes())
}

fn subscription(guest: &mut Guest<'_>, at: u32) -> Result<Subscription, Stop> {
    let user_data = guest.u64_at(at)?.to_le_bytes();
    let kind = guest.slice(offset(at, 1, 8)?, 1)?[0];
    let at = offset(at, 1, 16)?;
    let (ready_ns, errno) = match kind {
        0 => {
            let clock = guest.u32_at(at)?;
            let timeout = guest.u64_at(offset(at, 1, 8)?)?;
            let is_absolute = guest.slice(offset(at, 1, 24)?, 1)?[0] & 1 == 1;
            match (clock, is_absolute) {
                (0 | 1, false) => (
                    guest.host.monotonic_ns().saturating_add(timeout),
                    errno::SUCCESS,
                ),
                (0, true) => (
                    timeout.saturating_sub(guest.host.job.clock_start_ns),
                    errno::SUCCESS,
                ),
                (1, true) => (timeout, errno::SUCCESS),
                _ => (0, errno::INVAL),
            }
        }
        1 | 2 => {
            let fd = guest.u32_at(at)?;
            let is_open = i32::try_from(fd).is_ok_and(|fd| guest.host.descriptors.get(fd).is_ok());
            (0, if is_open { errno::SUCCESS } else { errno::BADF })
        }
        _ => return Err(Stop::Errno(errno::INVAL)),
    };
    Ok(Subscription {
        user_data,
        kind,
        ready_ns,
        errno,
    })
}
