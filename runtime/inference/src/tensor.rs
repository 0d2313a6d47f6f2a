//! Owns a tensor that crosses the boundary: dimensions, element type, bytes, and that they fit together.
//! Does not interpret the elements.

use bytes::Bytes;

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
        /// What the dimensions and the element type take.
        expected_bytes: u64,
        /// Length of the data given.
        actual_bytes: u64,
    },
    /// A truth value that is neither 0 nor 1, which native code is free to read as anything.
    #[error("a bool is {byte}, it must be 0 or 1")]
    NotABool {
        /// The first such byte.
        byte: u8,
    },
}

/// A dense tensor: row-major, little-endian, no padding. A clone shares the data, wherever it lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tensor {
    dimensions: Vec<u32>,
    element_type: ElementType,
    data: Bytes,
}

impl Tensor {
    /// Takes the data over without copying it.
    ///
    /// No dimensions make a scalar of one element; a dimension of 0 makes an empty tensor.
    ///
    /// # Errors
    /// When there are too many dimensions, their product overflows, it does not equal the data's length,
    /// or a truth value is neither 0 nor 1.
    pub fn new(
        dimensions: Vec<u32>,
        element_type: ElementType,
        data: impl Into<Bytes>,
    ) -> Result<Self, TensorError> {
        let data = data.into();
        let expected_bytes = Self::bytes_of(&dimensions, element_type)?;
        let actual_bytes = u64::try_from(data.len()).unwrap_or(u64::MAX);
        if expected_bytes != actual_bytes {
            return Err(TensorError::LengthMismatch {
                dimensions,
                element_type,
                expected_bytes,
                actual_bytes,
            });
        }
        if element_type == ElementType::Bool
            && let Some(&byte) = data.iter().find(|&&byte| byte > 1)
        {
            return Err(TensorError::NotABool { byte });
        }
        Ok(Self {
            dimensions,
            element_type,
            data,
        })
    }

    /// Bytes that a tensor of these dimensions and this element type takes.
    ///
    /// # Errors
    /// When there are too many dimensions, or their product overflows.
    pub fn bytes_of(dimensions: &[u32], element_type: ElementType) -> Result<u64, TensorError> {
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

    /// The elements' bytes, which may be shared.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.data
    }

    /// The elements' bytes, without copying them.
    #[must_use]
    pub fn into_data(self) -> Bytes {
        self.data
    }
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
    fn truth_is_0_or_1() {
        assert!(Tensor::new(vec![2], ElementType::Bool, vec![0, 1]).is_ok());
        assert_eq!(
            Tensor::new(vec![3], ElementType::Bool, vec![1, 2, 255]),
            Err(TensorError::NotABool { byte: 2 })
        );
    }

    #[test]
    fn elements_of_four_bits_fill_bytes() {
        assert!(Tensor::new(vec![3], ElementType::I4, vec![0x21, 0x03]).is_ok());
        assert!(Tensor::new(vec![], ElementType::U4, vec![0x0f]).is_ok());
        assert!(Tensor::new(vec![4], ElementType::U4, vec![0; 3]).is_err());
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
