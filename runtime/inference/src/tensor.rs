//! Owns a tensor that crosses the boundary: dimensions, element type, bytes, and that they fit together.
//! Does not interpret the elements.

use crate::element::ElementType;

/// Most dimensions that a tensor may have. ONNX models seen in practice use up to 6; a bound keeps
/// hostile shapes from making every walk over dimensions long.
pub const RANK_MAX: usize = 8;

/// Why dimensions, element type and data do not make a tensor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TensorError {
    /// More than [`RANK_MAX`] dimensions.
    #[error("a tensor of {rank} dimensions was given, at most {RANK_MAX} are allowed")]
    TooManyDimensions {
        /// How many were given.
        rank: usize,
    },
    /// The product of the dimensions and the element size does not fit 64 bits.
    #[error("dimensions {dimensions:?} of {element_type} overflow")]
    Overflow {
        /// The dimensions given.
        dimensions: Vec<u32>,
        /// The element type given.
        element_type: ElementType,
    },
    /// The data is longer or shorter than the dimensions say.
    #[error(
        "dimensions {dimensions:?} of {element_type} need {expected_bytes} bytes, {actual_bytes} were given"
    )]
    LengthMismatch {
        /// The dimensions given.
        dimensions: Vec<u32>,
        /// The element type given.
        element_type: ElementType,
        /// Product of the dimensions × element size.
        expected_bytes: u64,
        /// Length of the data given.
        actual_bytes: u64,
    },
}

/// A dense tensor: row-major, little-endian, no padding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tensor {
    dimensions: Vec<u32>,
    element_type: ElementType,
    data: Vec<u8>,
}

impl Tensor {
    /// Takes the data over without copying it.
    ///
    /// No dimensions make a scalar of one element; a dimension of 0 makes an empty tensor.
    ///
    /// # Errors
    /// When there are too many dimensions, their product overflows, or it does not equal the data's length.
    pub fn new(
        dimensions: Vec<u32>,
        element_type: ElementType,
        data: Vec<u8>,
    ) -> Result<Self, TensorError> {
        let expected_bytes = bytes_of(&dimensions, element_type)?;
        let actual_bytes = u64::try_from(data.len()).unwrap_or(u64::MAX);
        if expected_bytes != actual_bytes {
            return Err(TensorError::LengthMismatch {
                dimensions,
                element_type,
                expected_bytes,
                actual_bytes,
            });
        }
        Ok(Self {
            dimensions,
            element_type,
            data,
        })
    }

    /// Elements along each dimension, outermost first.
    #[must_use]
    pub fn dimensions(&self) -> &[u32] {
        &self.dimensions
    }

    /// The type of every element.
    #[must_use]
    pub fn element_type(&self) -> ElementType {
        self.element_type
    }

    /// The elements' bytes.
    #[must_use]
    pub fn data(&self) -> &[u8] {
        &self.data
    }

    /// The elements' bytes, without copying them.
    #[must_use]
    pub fn into_data(self) -> Vec<u8> {
        self.data
    }
}

/// Bytes that a tensor of these dimensions takes.
fn bytes_of(dimensions: &[u32], element_type: ElementType) -> Result<u64, TensorError> {
    if dimensions.len() > RANK_MAX {
        return Err(TensorError::TooManyDimensions {
            rank: dimensions.len(),
        });
    }
    dimensions
        .iter()
        .try_fold(1_u64, |product, &dimension| {
            product.checked_mul(u64::from(dimension))
        })
        .and_then(|elements| element_type.bytes_of(elements))
        .ok_or_else(|| TensorError::Overflow {
            dimensions: dimensions.to_vec(),
            element_type,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_must_equal_dimensions_times_element_size() {
        assert!(Tensor::new(vec![2, 3], ElementType::F32, vec![0; 24]).is_ok());
        assert!(Tensor::new(vec![], ElementType::I64, vec![0; 8]).is_ok());
        assert!(Tensor::new(vec![0, 9], ElementType::F32, vec![]).is_ok());
        for length in [0, 1, 23, 25, 48] {
            let error = Tensor::new(vec![2, 3], ElementType::F32, vec![0; length]).unwrap_err();
            assert!(matches!(
                error,
                TensorError::LengthMismatch {
                    expected_bytes: 24,
                    ..
                }
            ));
        }
    }

    #[test]
    fn overflowing_dimensions_are_refused() {
        let error = Tensor::new(vec![u32::MAX; 3], ElementType::U8, vec![]).unwrap_err();
        assert!(matches!(error, TensorError::Overflow { .. }));
        // An order of multiplication that reaches 0 last must not hide the overflow.
        let error = Tensor::new(
            vec![u32::MAX, u32::MAX, u32::MAX, 0],
            ElementType::U8,
            vec![],
        );
        assert!(matches!(error, Err(TensorError::Overflow { .. })));
        let error = Tensor::new(vec![1; 9], ElementType::U8, vec![0]).unwrap_err();
        assert_eq!(error, TensorError::TooManyDimensions { rank: 9 });
    }
}
