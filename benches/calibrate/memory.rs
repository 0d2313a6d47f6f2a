//! Loads, stores and bulk copies by how much memory they go through. Knows no weights.

use meterbox_benches::guest::Laboratory;
use meterbox_benches::loops::{Loop, ring, start};
use meterbox_meter::{Class, Tier};

use crate::probe::Pair;

/// Nanoseconds of one operator that goes through memory, by access.
pub struct Access {
    pub class: Class,
    pub tier: Tier,
    /// One address after the other.
    pub sequential_ns: f64,
    /// Addresses that nothing predicts, but which are known early.
    pub random_ns: f64,
    /// Each address is what was loaded before; of loads only.
    pub chase_ns: Option<f64>,
}

/// Well inside the tier.
pub fn working_set(tier: Tier) -> u32 {
    match tier {
        Tier::Small => 256 << 10,
        Tier::Medium => 16 << 20,
        Tier::Large => 1 << 30,
    }
}

pub fn measure(laboratory: &Laboratory, rounds: usize) -> Vec<Access> {
    let mut all = Vec::new();
    for class in [
        Class::Load,
        Class::Store,
        Class::VectorMemory,
        Class::MemoryBulk64Bytes,
    ] {
        for tier in Tier::ALL {
            all.push(access(laboratory, class, tier, rounds));
        }
    }
    all
}

fn access(laboratory: &Laboratory, class: Class, tier: Tier, rounds: usize) -> Access {
    let bytes = working_set(tier);
    let frame = Loop {
        memory: Some((bytes / 65_536 + 1, bytes / 65_536 + 1)),
        setup: ring(bytes, 64),
        before: start(bytes, 64),
        ..Loop::default()
    };
    let ns = |frame: &Loop, pattern: &str, base: &str, chains: usize| {
        Pair::repeated(frame, pattern, base, chains).ns(laboratory, rounds)
    };
    let (step, mask) = match class {
        Class::VectorMemory => (16, bytes - 16),
        Class::MemoryBulk64Bytes => (65_536, bytes - 65_536),
        _ => (8, bytes - 8),
    };
    let next = format!(
        "(local.set $w0 (i32.and (i32.const {mask}) (i32.add (local.get $w0) (i32.const {step}))))"
    );
    let dice = format!(
        "(local.set $w9 (i32.add (i32.const 1013904223)
            (i32.mul (local.get $w9) (i32.const 1664525))))
        (local.set $w0 (i32.and (i32.const {})
            (i32.xor (local.get $w9) (i32.shr_u (local.get $w9) (i32.const 15)))))",
        bytes - 64
    );
    let act = operation(class, bytes);
    let per = match class {
        Class::MemoryBulk64Bytes => 1024.0,
        _ => 1.0,
    };
    let sequential_ns = ns(&frame, &format!("{next}{}", act.long), &next, 8) / per;
    let random_ns = ns(&frame, &format!("{dice}{}", act.short), &dice, 8);
    let chase_ns = (class == Class::Load).then(|| {
        let chase = "(local.set $w0 (i32.load (local.get $w0)))";
        ns(&frame, chase, "", 1)
    });
    Access {
        class,
        tier,
        sequential_ns,
        random_ns,
        chase_ns,
    }
}

struct Operation {
    /// As it goes through memory in order.
    long: String,
    /// As it touches one line.
    short: String,
}

fn operation(class: Class, bytes: u32) -> Operation {
    let one = |text: &str| Operation {
        long: text.to_owned(),
        short: text.to_owned(),
    };
    match class {
        Class::Store => one("(i64.store (local.get $w0) (local.get $l@))"),
        Class::VectorMemory => {
            one("(local.set $v@ (v128.xor (local.get $v@) (v128.load (local.get $w0))))")
        }
        Class::MemoryBulk64Bytes => {
            let copy = |length: u32| {
                format!(
                    "(memory.copy (i32.xor (local.get $w0) (i32.const {})) (local.get $w0)
                        (i32.const {length}))",
                    bytes / 2
                )
            };
            Operation {
                long: copy(65_536),
                short: copy(64),
            }
        }
        _ => one("(local.set $l@ (i64.add (local.get $l@) (i64.load (local.get $w0))))"),
    }
}
