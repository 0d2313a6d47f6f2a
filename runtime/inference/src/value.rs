//! Owns what is known of a value before anything runs: its shape, its type, and its elements where
//! they are few numbers. Follows no operators.

use crate::constant::Constant;
use crate::element::ElementType;

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Value {
    pub(crate) dimensions: Vec<u64>,
    /// One bit a dimension, the first lowest: set where the size is only an upper bound, because the
    /// actual one depends on a tensor's content.
    pub(crate) bounds: u32,
    pub(crate) element_type: ElementType,
    /// The elements, where they are known and whole numbers; of floats, only those held exactly.
    pub(crate) integers: Option<Vec<i64>>,
    /// The elements of a small constant of f32: what sizes are scaled by.
    pub(crate) floats: Option<Vec<f32>>,
    /// Whether it is a constant of the model itself, and so counts as weights where it is read.
    pub(crate) is_weight: bool,
}

impl Value {
    pub(crate) fn new(dimensions: Vec<u64>, element_type: ElementType) -> Self {
        Self {
            dimensions,
            bounds: 0,
            element_type,
            integers: None,
            floats: None,
            is_weight: false,
        }
    }

    pub(crate) fn weight(constant: &Constant) -> Self {
        Self {
            integers: constant.integers.clone(),
            floats: constant.floats.clone(),
            is_weight: true,
            ..Self::new(constant.dimensions.clone(), constant.element_type)
        }
    }

    /// Keeps the elements only where the type holds each of them.
    pub(crate) fn with_integers(mut self, integers: Option<Vec<i64>>) -> Self {
        self.integers =
            integers.filter(|values| values.iter().all(|&value| self.element_type.holds(value)));
        self
    }

    /// The value with these dimensions only bounded.
    pub(crate) fn bounded(mut self, bounds: u32) -> Self {
        self.bounds = bounds;
        self
    }

    pub(crate) fn is_bounded(&self) -> bool {
        self.bounds != 0
    }

    pub(crate) fn is_bounded_at(&self, dimension: usize) -> bool {
        bit(dimension) & self.bounds != 0
    }

    /// Whether a tensor of these dimensions is what this value promised.
    pub(crate) fn admits(&self, dimensions: &[u32]) -> bool {
        self.rank() == dimensions.len()
            && (0..).zip(self.dimensions.iter().zip(dimensions)).all(
                |(index, (&expected, &actual))| {
                    let actual = u64::from(actual);
                    actual == expected || (self.is_bounded_at(index) && actual <= expected)
                },
            )
    }

    pub(crate) fn rank(&self) -> usize {
        self.dimensions.len()
    }

    pub(crate) fn elements(&self) -> Option<u64> {
        product(&self.dimensions)
    }

    pub(crate) fn bytes(&self) -> Option<u64> {
        self.element_type.bytes_of(self.elements()?)
    }
}

/// The bit of a dimension in a set of them.
pub(crate) fn bit(dimension: usize) -> u32 {
    u32::try_from(dimension)
        .ok()
        .and_then(|dimension| 1_u32.checked_shl(dimension))
        .unwrap_or(0)
}

pub(crate) fn product(sizes: &[u64]) -> Option<u64> {
    sizes
        .iter()
        .try_fold(1_u64, |product, &size| product.checked_mul(size))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounded_dimension_admits_what_is_smaller_and_no_other_does() {
        let value = Value::new(vec![4, 3], ElementType::F32).bounded(bit(0));
        assert!(value.admits(&[4, 3]) && value.admits(&[0, 3]));
        for refused in [&[5, 3][..], &[4, 2], &[4], &[4, 3, 1]] {
            assert!(!value.admits(refused), "{refused:?}");
        }
    }
}
