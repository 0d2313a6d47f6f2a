//! Owns what is known of a value before anything runs: its shape, its type, and its elements where
//! they are few integers. Follows no operators.

use crate::constant::Constant;
use crate::element::ElementType;

#[derive(Debug, Clone)]
pub(crate) struct Value {
    pub(crate) dimensions: Vec<u64>,
    pub(crate) element_type: ElementType,
    pub(crate) integers: Option<Vec<i64>>,
    /// Whether it is a constant of the model itself, and so counts as weights where it is read.
    pub(crate) is_weight: bool,
}

impl Value {
    pub(crate) fn new(dimensions: Vec<u64>, element_type: ElementType) -> Self {
        Self {
            dimensions,
            element_type,
            integers: None,
            is_weight: false,
        }
    }

    pub(crate) fn weight(constant: &Constant) -> Self {
        Self {
            dimensions: constant.dimensions.clone(),
            element_type: constant.element_type,
            integers: constant.integers.clone(),
            is_weight: true,
        }
    }

    /// Keeps the elements only where the type holds each of them.
    pub(crate) fn with_integers(mut self, integers: Option<Vec<i64>>) -> Self {
        self.integers =
            integers.filter(|values| values.iter().all(|&value| self.element_type.holds(value)));
        self
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

pub(crate) fn product(sizes: &[u64]) -> Option<u64> {
    sizes
        .iter()
        .try_fold(1_u64, |product, &size| product.checked_mul(size))
}
