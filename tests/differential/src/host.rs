//! The functions that programs of a comparison can import, the same on every engine. Knows no engine.

/// The module that they are imported from.
pub const MODULE: &str = "host";

/// The name of [`twice`], whose type is i32 → i32.
pub const TWICE: &str = "twice";
/// The name of [`mix`], whose type is i64, i32 → i64.
pub const MIX: &str = "mix";
/// The name of a function that neither takes nor gives anything.
pub const NOTHING: &str = "nothing";
/// The name of a function, i32 → i32, that calls the program's own [`BACK`] while the program waits, and gives
/// and throws what that does. It gives its argument where it cannot call: if there is no export of this name
/// and type, if the instance is still being made, and if it waits already for [`WAITING_MAX`] of its calls.
pub const CALL_BACK: &str = "call-back";

/// The name of the exported function that [`CALL_BACK`] calls.
pub const BACK: &str = "back";
/// Calls of [`BACK`] that may wait for each other: a few, since each takes some of the engine's own stack.
pub const WAITING_MAX: u32 = 6;

/// What [`TWICE`] computes: twice the value and one more, modulo 2^32.
#[must_use]
pub fn twice(value: u32) -> u32 {
    value.wrapping_mul(2).wrapping_add(1)
}

/// What [`MIX`] computes: the first value rotated by the second, with some bits turned over.
#[must_use]
pub fn mix(a: u64, b: u32) -> u64 {
    a.rotate_left(b & 63) ^ 0x9e37_79b9_7f4a_7c15
}
