//! Tensors: typed elements whose number always agrees with their shape.

use crate::bindings::wasi::nn::tensor::{self as raw, TensorType};
use crate::{Error, Result};

/// A tensor of elements `T` in row-major order. The shape's product is the number of elements; an
/// empty shape is that of a single value.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor<T> {
    shape: Vec<u32>,
    data: Vec<T>,
}

impl<T: Element> Tensor<T> {
    /// A tensor of this shape.
    ///
    /// # Errors
    /// [`Error::Shape`] if the number of elements is not the shape's product.
    pub fn new(shape: impl Into<Vec<u32>>, data: impl Into<Vec<T>>) -> Result<Self> {
        let (shape, data) = (shape.into(), data.into());
        let expected = elements(&shape);
        if expected == Some(data.len()) {
            return Ok(Self { shape, data });
        }
        let expected = expected.map_or_else(|| "too many".to_string(), |count| count.to_string());
        Err(Error::Shape {
            shape,
            expected,
            found: data.len(),
        })
    }

    /// The size of each dimension.
    pub fn shape(&self) -> &[u32] {
        &self.shape
    }

    /// The elements in row-major order.
    pub fn data(&self) -> &[T] {
        &self.data
    }

    /// The elements in row-major order, taken out.
    pub fn into_data(self) -> Vec<T> {
        self.data
    }

    /// The elements, split by the first dimension: the results of a batch, one by one. A tensor
    /// without dimensions, or without elements, has no rows.
    pub fn rows(&self) -> impl Iterator<Item = &[T]> {
        let rows = self.shape.first().map_or(0, |rows| *rows as usize);
        let width = self.data.len().checked_div(rows).unwrap_or(0);
        self.data.chunks_exact(width.max(1))
    }

    /// The tensor in these bytes, if their number fits the shape.
    pub(crate) fn from_bytes(shape: Vec<u32>, bytes: &[u8]) -> Result<Self> {
        let (elements, rest) = T::read(bytes);
        if rest == 0 {
            return Self::new(shape, elements);
        }
        let expected = format!("whole ones of {} bytes, and", size_of::<T>());
        Err(Error::Shape {
            shape,
            expected,
            found: elements.len(),
        })
    }
}

/// A tensor of any element type, to give to a model: a `&Tensor<T>` wherever one is asked for.
pub trait AnyTensor: sealed::Sealed {
    #[doc(hidden)]
    fn to_raw(&self) -> raw::Tensor;
}

impl<T: Element> AnyTensor for Tensor<T> {
    fn to_raw(&self) -> raw::Tensor {
        raw::Tensor::new(&self.shape, T::TYPE, &T::write(&self.data))
    }
}

/// The element types of tensors: `f32`, `f64`, `u8`, `i32`, `i64`.
pub trait Element: sealed::Sealed + Copy + 'static {
    /// The type as `wasi:nn` knows it.
    const TYPE: TensorType;

    #[doc(hidden)]
    fn write(elements: &[Self]) -> Vec<u8>;

    /// The elements, and the number of bytes that are left over.
    #[doc(hidden)]
    fn read(bytes: &[u8]) -> (Vec<Self>, usize);
}

macro_rules! elements {
    ($($type:ty => $tensor_type:ident,)*) => {$(
        impl sealed::Sealed for $type {}
        impl Element for $type {
            const TYPE: TensorType = TensorType::$tensor_type;

            fn write(elements: &[Self]) -> Vec<u8> {
                let mut bytes = Vec::with_capacity(size_of_val(elements));
                for element in elements {
                    bytes.extend_from_slice(&element.to_le_bytes());
                }
                bytes
            }

            fn read(bytes: &[u8]) -> (Vec<Self>, usize) {
                let (chunks, rest) = bytes.as_chunks();
                (chunks.iter().map(|chunk| Self::from_le_bytes(*chunk)).collect(), rest.len())
            }
        }
    )*};
}

elements! {
    f32 => Fp32,
    f64 => Fp64,
    u8 => U8,
    i32 => I32,
    i64 => I64,
}

mod sealed {
    pub trait Sealed {}
    impl<T> Sealed for super::Tensor<T> {}
}

/// How many elements a shape has, if that many can be addressed.
fn elements(shape: &[u32]) -> Option<usize> {
    // A zero anywhere makes the product zero, however large the rest is.
    if shape.contains(&0) {
        return Some(0);
    }
    shape.iter().try_fold(1_usize, |product, size| {
        product.checked_mul(usize::try_from(*size).ok()?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(shape: &[u32], len: usize, expected: Result<(), &str>) {
        let found = Tensor::new(shape, vec![0_u8; len])
            .map(|_| ())
            .map_err(|e| e.to_string());
        assert_eq!(found, expected.map_err(String::from), "{shape:?} of {len}");
    }

    #[test]
    fn shape_and_length_must_agree() {
        check(&[], 1, Ok(()));
        check(&[2, 3], 6, Ok(()));
        check(&[0, 7], 0, Ok(()));
        check(&[0, u32::MAX, u32::MAX, u32::MAX], 0, Ok(()));
        check(&[], 0, Err("a tensor of shape [] holds 1 elements, not 0"));
        check(
            &[2, 3],
            5,
            Err("a tensor of shape [2, 3] holds 6 elements, not 5"),
        );
        check(
            &[2, 3],
            7,
            Err("a tensor of shape [2, 3] holds 6 elements, not 7"),
        );
        check(
            &[u32::MAX, u32::MAX, u32::MAX],
            1,
            Err(
                "a tensor of shape [4294967295, 4294967295, 4294967295] holds too many elements, \
                 not 1",
            ),
        );
    }

    #[test]
    fn bytes_are_little_endian_and_whole() {
        let tensor = Tensor::new([2], [1.0_f32, -2.5]).unwrap();
        let bytes = f32::write(tensor.data());
        assert_eq!(bytes, [0, 0, 128, 63, 0, 0, 32, 192]);
        assert_eq!(Tensor::from_bytes(vec![2], &bytes).unwrap(), tensor);
        assert!(Tensor::<f32>::from_bytes(vec![2], &bytes[..7]).is_err());
        assert!(Tensor::<f32>::from_bytes(vec![1], &bytes).is_err());
        let check_whole = |bytes: Vec<u8>| assert_eq!(i64::read(&bytes).0, [i64::MIN, 7]);
        check_whole(i64::write(&[i64::MIN, 7]));
    }

    #[test]
    fn rows_split_the_first_dimension() {
        let rows = |shape: &[u32], len: u8| -> Vec<Vec<u8>> {
            let tensor = Tensor::new(shape, (0..len).collect::<Vec<_>>()).unwrap();
            tensor.rows().map(<[u8]>::to_vec).collect()
        };
        assert_eq!(rows(&[2, 3], 6), [vec![0, 1, 2], vec![3, 4, 5]]);
        assert_eq!(rows(&[3], 3), [[0], [1], [2]]);
        assert!(rows(&[0, 3], 0).is_empty());
        assert!(rows(&[3, 0], 0).is_empty());
    }
}
