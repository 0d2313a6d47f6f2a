//! Conversions between floats and integers, and between the two widths of floats. The only file that
//! uses `as`: between floats and integers it rounds to the nearest, ties to even, and saturates, as
//! WebAssembly asks, and the library has no other word for that.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "`as` from a float saturates and to a float rounds, which is what WebAssembly asks for"
)]

use crate::ending::Trap;
use crate::float::{f32x, f64x};

/// `demote`, with M13.
pub(crate) fn demote(a: u64) -> u32 {
    f32x::canonical(f64::from_bits(a) as f32)
}

/// `promote`, with M13.
pub(crate) fn promote(a: u32) -> u64 {
    f64x::canonical(f64::from(f32::from_bits(a)))
}

/// An `f32` as the `f64` of the same number, of which NaN is one: the conversions to integers have only
/// one width then.
pub(crate) fn wide(a: u32) -> f64 {
    f64::from(f32::from_bits(a))
}

/// The number without its fraction, if it is from `least` on and below `end`.
fn truncated(number: f64, least: f64, end: f64) -> Result<f64, Trap> {
    if number.is_nan() {
        return Err(Trap::BadConversionToInteger);
    }
    let number = number.trunc();
    if number < least || number >= end {
        return Err(Trap::IntegerOverflow);
    }
    Ok(number)
}

const TWO_31: f64 = 2_147_483_648.0;
const TWO_32: f64 = 4_294_967_296.0;
const TWO_63: f64 = 9_223_372_036_854_775_808.0;
const TWO_64: f64 = 18_446_744_073_709_551_616.0;

pub(crate) fn trunc_i32(number: f64) -> Result<u32, Trap> {
    truncated(number, -TWO_31, TWO_31).map(sat_i32)
}
pub(crate) fn trunc_u32(number: f64) -> Result<u32, Trap> {
    truncated(number, 0.0, TWO_32).map(sat_u32)
}
pub(crate) fn trunc_i64(number: f64) -> Result<u64, Trap> {
    truncated(number, -TWO_63, TWO_63).map(sat_i64)
}
pub(crate) fn trunc_u64(number: f64) -> Result<u64, Trap> {
    truncated(number, 0.0, TWO_64).map(sat_u64)
}

pub(crate) fn sat_i32(number: f64) -> u32 {
    (number as i32).cast_unsigned()
}
pub(crate) fn sat_u32(number: f64) -> u32 {
    number as u32
}
pub(crate) fn sat_i64(number: f64) -> u64 {
    (number as i64).cast_unsigned()
}
pub(crate) fn sat_u64(number: f64) -> u64 {
    number as u64
}

pub(crate) fn f32_from_i32(a: u32) -> u32 {
    (a.cast_signed() as f32).to_bits()
}
pub(crate) fn f32_from_u32(a: u32) -> u32 {
    (a as f32).to_bits()
}
pub(crate) fn f32_from_i64(a: u64) -> u32 {
    (a.cast_signed() as f32).to_bits()
}
pub(crate) fn f32_from_u64(a: u64) -> u32 {
    (a as f32).to_bits()
}
pub(crate) fn f64_from_i32(a: u32) -> u64 {
    f64::from(a.cast_signed()).to_bits()
}
pub(crate) fn f64_from_u32(a: u32) -> u64 {
    f64::from(a).to_bits()
}
pub(crate) fn f64_from_i64(a: u64) -> u64 {
    (a.cast_signed() as f64).to_bits()
}
pub(crate) fn f64_from_u64(a: u64) -> u64 {
    (a as f64).to_bits()
}
