//! Owns the small integer tensors that shapes are computed from inside a model: their values are
//! followed exactly, or given up. Touches no weights and no floats.

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

/// What an element-wise operator of two integers yields; none for an operator that is not followed,
/// on overflow and on division by zero.
pub(crate) fn apply(operator: &str, left: i64, right: i64) -> Option<i64> {
    match operator {
        "Add" => left.checked_add(right),
        "Sub" => left.checked_sub(right),
        "Mul" => left.checked_mul(right),
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
        _ => None,
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
}
