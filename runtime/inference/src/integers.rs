//! Owns the small integer tensors that shapes are computed from inside a model: their values are
//! followed exactly, or given up. Touches no weights, and of floats only whole numbers.

use crate::constant::INTEGERS_MAX;

/// Row-major distances between neighbours along each dimension.
fn strides(dimensions: &[u64]) -> Option<Vec<u64>> {
    let mut stride = 1_u64;
    let mut strides = vec![0; dimensions.len()];
    for (slot, &size) in strides.iter_mut().zip(dimensions).rev() {
        *slot = stride;
        stride = stride.checked_mul(size)?;
    }
    Some(strides)
}

/// Builds the values of a tensor of `dimensions` by asking for each index in turn; none when it is
/// too large or one value is not known.
pub(crate) fn fill(
    dimensions: &[u64],
    mut at: impl FnMut(&[u64]) -> Option<i64>,
) -> Option<Vec<i64>> {
    let count = dimensions
        .iter()
        .try_fold(1_u64, |product, &size| product.checked_mul(size))?;
    if count > INTEGERS_MAX {
        return None;
    }
    let strides = strides(dimensions)?;
    let mut index = vec![0_u64; dimensions.len()];
    (0..count)
        .map(|position| {
            let mut rest = position;
            for (slot, &stride) in index.iter_mut().zip(&strides) {
                *slot = rest.checked_div(stride)?;
                rest = rest.checked_rem(stride)?;
            }
            at(&index)
        })
        .collect()
}

/// The value at an index.
pub(crate) fn get(values: &[i64], dimensions: &[u64], index: &[u64]) -> Option<i64> {
    let position = strides(dimensions)?
        .iter()
        .zip(index)
        .try_fold(0_u64, |sum, (&stride, &at)| {
            sum.checked_add(stride.checked_mul(at)?)
        })?;
    values.get(usize::try_from(position).ok()?).copied()
}

/// The value that numpy's broadcasting puts at an index of a tensor of at least as many dimensions.
pub(crate) fn get_broadcast(values: &[i64], dimensions: &[u64], index: &[u64]) -> Option<i64> {
    let skipped = index.len().checked_sub(dimensions.len())?;
    let index: Vec<u64> = dimensions
        .iter()
        .zip(index.get(skipped..)?)
        .map(|(&size, &at)| if size == 1 { 0 } else { at })
        .collect();
    get(values, dimensions, &index)
}

/// What an element-wise operator of two numbers yields; none for an operator that is not followed,
/// on overflow, on division by zero, and where it is not a whole number.
pub(crate) fn apply(operator: &str, left: i64, right: i64, is_float: bool) -> Option<i64> {
    match operator {
        "Add" => left.checked_add(right),
        "Sub" => left.checked_sub(right),
        "Mul" => left.checked_mul(right),
        "Div" if is_float => {
            let is_whole = left.checked_rem(right) == Some(0);
            is_whole.then(|| left.checked_div(right)).flatten()
        }
        // Kernels round negative quotients in different ways, so only the others are followed.
        "Div" if left >= 0 && right > 0 => left.checked_div(right),
        "Mod" if left >= 0 && right > 0 => left.checked_rem(right),
        "Max" => Some(left.max(right)),
        "Min" => Some(left.min(right)),
        "Equal" => Some(i64::from(left == right)),
        "Greater" => Some(i64::from(left > right)),
        "GreaterOrEqual" => Some(i64::from(left >= right)),
        "Less" => Some(i64::from(left < right)),
        "LessOrEqual" => Some(i64::from(left <= right)),
        "And" => Some(left & right),
        "Or" => Some(left | right),
        "Xor" => Some(left ^ right),
        _ => None,
    }
}

/// What an element-wise operator of one number yields; none for an operator that is not followed.
pub(crate) fn apply_to_one(operator: &str, value: i64) -> Option<i64> {
    match operator {
        // Of whole numbers, all of these are the number itself.
        "Identity" | "Cast" | "CastLike" | "Ceil" | "Floor" | "Round" => Some(value),
        "Neg" => value.checked_neg(),
        "Abs" => value.checked_abs(),
        "Sign" => Some(value.signum()),
        "Not" => Some(i64::from(value == 0)),
        "Relu" => Some(value.max(0)),
        _ => None,
    }
}

/// A size × a factor, rounded down, as ONNX scales sizes: the product is rounded to f32 first.
///
/// In integers, so that it is the same on every machine. None where the factor is not a positive
/// number, the size has more bits than f32 holds, or the result does not fit.
pub(crate) fn scaled(size: u64, factor: f32) -> Option<u64> {
    const SIGNIFICANT: u32 = 24;
    let bits = factor.to_bits();
    let exponent = bits >> 23; // a negative factor has bit 8 of this set
    if exponent == 0 || exponent >= 0xff || size >> SIGNIFICANT != 0 {
        return None;
    }
    // The factor is significand × 2^(exponent − 150).
    let significand = u64::from(bits & 0x7f_ffff) | 1 << 23;
    let product = significand.checked_mul(size)?;
    let excess = (64 - product.leading_zeros()).saturating_sub(SIGNIFICANT);
    // To 24 significant bits, ties to even.
    let kept = product >> excess;
    let rest = product - (kept << excess);
    let half = if excess == 0 {
        0
    } else {
        1_u64 << (excess - 1)
    };
    let up = excess > 0 && (rest > half || (rest == half && kept & 1 == 1));
    let rounded = kept.checked_add(u64::from(up))?;
    match (excess + exponent).checked_sub(150) {
        Some(left) => rounded.checked_mul(1_u64.checked_shl(left)?),
        None => Some(rounded.checked_shr(150 - excess - exponent).unwrap_or(0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_row_major_and_broadcast_from_the_right() {
        let values = [1, 2, 3, 4, 5, 6];
        let transposed = fill(&[3, 2], |index| {
            get(&values, &[2, 3], &[index[1], index[0]])
        });
        assert_eq!(transposed.unwrap(), [1, 4, 2, 5, 3, 6]);
        let broadcast = fill(&[2, 2], |index| get_broadcast(&[7, 8], &[2, 1], index));
        assert_eq!(broadcast.unwrap(), [7, 7, 8, 8]);
        assert!(fill(&[INTEGERS_MAX + 1], |_| Some(0)).is_none());
    }

    #[test]
    fn scaled_sizes_are_those_of_f32_arithmetic() {
        for (size, factor, expected) in [
            (10, 2.0, 20),
            (5, 0.6, 3),
            (3, 1.0 / 3.0, 1),
            (10, 0.7, 7), // 6.9999998… is nearer to 7 than to the f32 below it
            (7, 0.5, 3),
            (1, 0.25, 0),
            (224, 0.857_142_87, 192),
            (0, 9.0, 0),
        ] {
            assert_eq!(scaled(size, factor), Some(expected), "{size} × {factor}");
        }
        for factor in [0.0, -1.0, f32::NAN, f32::INFINITY, 1e-45] {
            assert_eq!(scaled(3, factor), None, "{factor}");
        }
        assert_eq!(scaled(1 << 24, 1.0), None);
        assert_eq!(scaled(1000, f32::MAX), None);
    }

    #[test]
    fn numbers_are_followed_through_operators_as_they_compute() {
        assert_eq!(apply("Div", 7, 2, false), Some(3));
        assert_eq!(apply("Div", -7, 2, false), None);
        assert_eq!(apply("Div", 7, 2, true), None);
        assert_eq!(apply("Div", -8, 2, true), Some(-4));
        assert_eq!(apply("Div", 8, 0, true), None);
        assert_eq!(apply("Mul", i64::MAX, 2, false), None);
        assert_eq!(apply("Pow", 2, 2, false), None);
        assert_eq!(apply_to_one("Neg", i64::MIN), None);
        assert_eq!(apply_to_one("Not", 0), Some(1));
        assert_eq!(apply_to_one("Exp", 0), None);
    }
}
