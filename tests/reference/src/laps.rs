//! For how many laps a counted loop is charged ahead (M6). Charges nothing.

use crate::counted::{Comparison, CountedLoop, Direction, Operand, Type};
use crate::value::Value;

/// Never more laps than these are charged at once.
const LAPS_MAX: i128 = 1 << 32;

/// With i64 and a comparison other than `ne`, v, b and s are between the negative of this and this, both
/// excluded.
const WIDE_GUARD: i128 = 1 << 61;

impl CountedLoop {
    /// How many laps are charged at once at the head, with these values of the locals.
    pub(crate) fn laps(&self, local: impl Fn(u32) -> Value) -> u64 {
        let value_of = |operand| match operand {
            Operand::Constant(value) => value,
            Operand::Local(index) => local(index),
        };
        let v = local(self.variable);
        let b = value_of(self.bound);
        let s = signed(value_of(self.step)) * if self.subtracts { -1 } else { 1 };
        let laps = match self.comparison {
            Comparison::NotEqual => self.laps_until_equal(unsigned(v), unsigned(b), s),
            Comparison::Order {
                direction,
                or_equal,
                signed: is_signed,
            } => {
                if self.ty == Type::I64 && beyond_guard(v, b, s, is_signed) {
                    1
                } else {
                    let read = if is_signed { signed } else { unsigned };
                    let (least, most) = self.range(is_signed);
                    match direction {
                        Direction::Less => laps_while_less(read(v), read(b), s, or_equal, most),
                        Direction::Greater => {
                            laps_while_less(-read(v), -read(b), -s, or_equal, -least)
                        }
                    }
                }
            }
        };
        u64::try_from(laps.min(LAPS_MAX)).expect("at least one lap, and at most 2^32")
    }

    fn laps_until_equal(&self, v: i128, b: i128, s: i128) -> i128 {
        let all = 1 << bits(self.ty);
        let (d, s) = if s > 0 {
            ((b - v).rem_euclid(all), s)
        } else {
            ((v - b).rem_euclid(all), -s)
        };
        if d != 0 && d % s == 0 { d / s } else { 1 }
    }

    /// The smallest and the largest value of T, read so.
    fn range(&self, is_signed: bool) -> (i128, i128) {
        let all = 1 << bits(self.ty);
        if is_signed {
            (-all / 2, all / 2 - 1)
        } else {
            (0, all - 1)
        }
    }
}

/// The smallest k ≥ 1 for which v + k × s < b (≤ b) is false; but 1 if v + k × s is more than `most`, or
/// s is not above 0.
fn laps_while_less(v: i128, b: i128, s: i128, or_equal: bool, most: i128) -> i128 {
    if s <= 0 {
        return 1;
    }
    // v + k × s < b is false from b on, v + k × s ≤ b from b + 1 on.
    let first_false = if or_equal { b + 1 } else { b };
    let distance = first_false - v;
    let k = ((distance + s - 1).div_euclid(s)).max(1);
    if v + k * s > most { 1 } else { k }
}

fn beyond_guard(v: Value, b: Value, s: i128, is_signed: bool) -> bool {
    let beyond = |number: i128| number.abs() >= WIDE_GUARD;
    let (v, b) = (signed(v), signed(b));
    beyond(v) || beyond(b) || beyond(s) || (!is_signed && (v < 0 || b < 0))
}

/// The bits of a type.
pub(crate) fn bits(ty: Type) -> u32 {
    match ty {
        Type::I32 => 32,
        Type::I64 => 64,
    }
}

/// An integer with a sign.
pub(crate) fn signed(value: Value) -> i128 {
    match value {
        Value::I32(value) => i128::from(value.cast_signed()),
        Value::I64(value) => i128::from(value.cast_signed()),
        other => other.mistyped(),
    }
}

fn unsigned(value: Value) -> i128 {
    i128::from(value.index())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rule as it is written, by trying one k after the other.
    fn by_trying(v: i128, b: i128, s: i128, or_equal: bool, most: i128) -> i128 {
        if s <= 0 {
            return 1;
        }
        let holds = |k: i128| {
            let value = v + k * s;
            if or_equal { value <= b } else { value < b }
        };
        let k = (1..).find(|&k| !holds(k)).expect("it grows");
        if v + k * s > most { 1 } else { k }
    }

    #[test]
    fn laps_are_those_that_trying_finds() {
        let edge = i128::from(i32::MAX);
        let near = |around: i128| (around - 6)..=(around + 6);
        let values: Vec<i128> = near(0).chain(near(edge)).chain(near(-edge)).collect();
        for &v in &values {
            for b in near(v) {
                for s in [-3, -1, 0, 1, 2, 3, 5, 7, edge] {
                    for or_equal in [false, true] {
                        assert_eq!(
                            laps_while_less(v, b, s, or_equal, edge),
                            by_trying(v, b, s, or_equal, edge),
                            "{v} {b} {s} {or_equal}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn a_loop_is_never_left_before_its_laps_are_run() {
        let interesting = [
            0,
            1,
            2,
            3,
            7,
            100,
            0x7fff_ffff,
            0x8000_0000,
            0xffff_fffe,
            0xffff_ffff,
        ];
        for direction in [Direction::Less, Direction::Greater] {
            for (or_equal, signed) in [(false, false), (false, true), (true, false), (true, true)] {
                for v in interesting {
                    for b in interesting {
                        for s in interesting {
                            let counted = CountedLoop {
                                at: 0,
                                end: 0,
                                variable: 0,
                                ty: Type::I32,
                                bound: Operand::Constant(Value::I32(b)),
                                step: Operand::Constant(Value::I32(s)),
                                subtracts: false,
                                comparison: Comparison::Order {
                                    direction,
                                    or_equal,
                                    signed,
                                },
                            };
                            let laps = counted.laps(|_| Value::I32(v)).min(200);
                            let goes_on = |value: u32| {
                                let key = |value: u32| {
                                    let value = i64::from(value);
                                    if signed && value >= 1 << 31 {
                                        value - (1 << 32)
                                    } else {
                                        value
                                    }
                                };
                                let (value, b) = (key(value), key(b));
                                (or_equal && value == b)
                                    || match direction {
                                        Direction::Less => value < b,
                                        Direction::Greater => value > b,
                                    }
                            };
                            let mut value = v;
                            for _ in 1..laps {
                                value = value.wrapping_add(s);
                                assert!(goes_on(value), "{counted:?} {v}");
                            }
                        }
                    }
                }
            }
        }
    }
}
