//! What every kind of tensor comes to before it crosses to the provider: a shape, a type, and
//! bytes. The kinds themselves are in files of their own.

use std::borrow::Cow;

use crate::bindings::wasi::nn::tensor::Tensor as RawTensor;
use crate::nn::TensorType;
use crate::nn::shape::Shape;
use crate::{Error, Result};

/// A tensor of any kind and element type, to give to a model: a `&Tensor<T>`, a `&View<T>`, `&Bytes`,
/// or with the feature `ndarray` an array of that crate.
pub trait AnyTensor: sealed::Sealed {
    /// The tensor's shape, type and bytes. Borrowed, unless its elements do not lie in row-major order.
    #[doc(hidden)]
    fn parts(&self) -> Result<Parts<'_>>;
}

/// A tensor as it crosses to the provider.
#[doc(hidden)]
#[derive(Debug, PartialEq)]
pub struct Parts<'a> {
    pub(crate) shape: Shape,
    pub(crate) element_type: TensorType,
    pub(crate) bytes: Cow<'a, [u8]>,
}

impl Parts<'_> {
    pub(crate) fn to_raw(&self) -> RawTensor {
        RawTensor::new(self.shape.sizes(), self.element_type, &self.bytes)
    }
}

pub(crate) mod sealed {
    pub trait Sealed {}
}

/// A tensor whose element type is known only when the job runs, or that the job has as bytes: those of
/// its elements in row-major order, little-endian.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bytes<'a> {
    shape: Shape,
    element_type: TensorType,
    bytes: &'a [u8],
}

impl<'a> Bytes<'a> {
    /// A tensor of this shape and type, whose elements are these bytes.
    ///
    /// # Errors
    /// [`Error::Shape`] if they are not as many bytes as the elements take, [`Error::Rank`] if there are
    /// too many dimensions.
    pub fn new(
        shape: impl AsRef<[u32]>,
        element_type: TensorType,
        bytes: &'a [u8],
    ) -> Result<Self> {
        let size = element_type.size_bytes();
        let shape = Shape::filled_by(shape.as_ref(), bytes.len() / size)?;
        if !bytes.len().is_multiple_of(size) {
            return Err(Error::Shape {
                shape: shape.sizes().to_vec(),
                expected: format!("whole ones of {size} bytes, and"),
                found: bytes.len() / size,
            });
        }
        Ok(Self {
            shape,
            element_type,
            bytes,
        })
    }

    /// The size of each dimension.
    pub fn shape(&self) -> &[u32] {
        self.shape.sizes()
    }

    /// The type of its elements.
    pub fn element_type(&self) -> TensorType {
        self.element_type
    }

    /// The elements' bytes.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }
}

impl sealed::Sealed for Bytes<'_> {}

impl AnyTensor for Bytes<'_> {
    fn parts(&self) -> Result<Parts<'_>> {
        Ok(Parts {
            shape: self.shape,
            element_type: self.element_type,
            bytes: Cow::Borrowed(self.bytes),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_must_be_whole_elements_and_fill_the_shape() {
        let data = [0_u8; 9];
        let check = |len: usize| Bytes::new([2, 2], TensorType::Bf16, &data[..len]);
        assert_eq!(check(8).unwrap().bytes().len(), 8);
        assert_eq!(check(8).unwrap().shape(), [2, 2]);
        assert!(matches!(check(6), Err(Error::Shape { found: 3, .. })));
        assert_eq!(
            check(9).unwrap_err().to_string(),
            "a tensor of shape [2, 2] holds whole ones of 2 bytes, and elements, not 4"
        );
    }
}
