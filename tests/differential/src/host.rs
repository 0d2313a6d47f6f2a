//! The functions that generated programs can import, the same on every engine. Knows no engine.

/// The module that they are imported from.
pub const MODULE: &str = "host";

/// Names, with what each computes.
pub const TWICE: &str = "twice";
pub const MIX: &str = "mix";
pub const NOTHING: &str = "nothing";

/// `twice`: i32 → i32.
#[must_use]
pub fn twice(value: u32) -> u32 {
    value.wrapping_mul(2).wrapping_add(1)
}

/// `mix`: i64, i32 → i64.
#[must_use]
pub fn mix(a: u64, b: u32) -> u64 {
    a.rotate_left(b & 63) ^ 0x9e37_79b9_7f4a_7c15
}
