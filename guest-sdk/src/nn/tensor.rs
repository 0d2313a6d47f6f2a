//! Tensors that own their elements. How they are borrowed is in `view.rs`.

use std::borrow::Cow;
use std::fmt;

use crate::nn::bytes::{AnyTensor, Parts, sealed};
use crate::nn::shape::Shape;
use crate::nn::{Element, View};
use crate::{Error, Result};

/// A tensor of elements `T` in row-major order. The shape's product is the number of elements; an
/// empty shape is that of a single value.
pub struct Tensor<T> {
    shape: Shape,
    data: Data<T>,
}

/// Elements that the job has made, or the bytes as they arrived, which are not copied if they can be
/// read where they lie.
enum Data<T> {
    Elements(Vec<T>),
    /// Aligned for `T`, and whole ones: seen to when the tensor was made, and a `Vec` does not move
    /// what it holds.
    Arrived(Vec<u8>),
}

impl<T: Element> Tensor<T> {
    /// A tensor of this shape.
    ///
    /// # Errors
    /// [`Error::Shape`] if the number of elements is not the shape's product, [`Error::Rank`] if there
    /// are too many dimensions.
    pub fn new(shape: impl AsRef<[u32]>, data: impl Into<Vec<T>>) -> Result<Self> {
        let data = data.into();
        Ok(Self {
            shape: Shape::filled_by(shape.as_ref(), data.len())?,
            data: Data::Elements(data),
        })
    }

    /// A tensor of this shape, all of whose elements are zero.
    ///
    /// # Errors
    /// [`Error::Shape`] if it has more elements than can be addressed, [`Error::Rank`] if there are too many
    /// dimensions.
    pub fn zeros(shape: impl AsRef<[u32]>) -> Result<Self> {
        let shape = Shape::new(shape.as_ref())?;
        // What cannot be addressed is no vector, and is refused by its length.
        let elements = shape.elements().unwrap_or(0);
        Self::new(shape.sizes(), vec![T::zeroed(); elements])
    }

    /// A batch: these tensors of one shape behind each other, along a new first dimension.
    ///
    /// # Errors
    /// [`Error::Batch`] if they are not of one shape, or if there are none.
    pub fn stack<'a>(rows: impl IntoIterator<Item = View<'a, T>>) -> Result<Self> {
        let mut rows = rows.into_iter();
        let different = |row: usize, expected: &[u32], found: &[u32]| Error::Batch {
            row,
            expected: expected.to_vec(),
            found: found.to_vec(),
        };
        let Some(first) = rows.next() else {
            return Err(different(0, &[], &[]));
        };
        let mut data = Vec::with_capacity(first.data().len() * (rows.size_hint().0 + 1));
        data.extend_from_slice(first.data());
        let mut count = 1_u32;
        for row in rows {
            if row.shape() != first.shape() {
                let row_index = usize::try_from(count).unwrap_or(usize::MAX);
                return Err(different(row_index, first.shape(), row.shape()));
            }
            data.extend_from_slice(row.data());
            count = count.saturating_add(1);
        }
        let mut shape = vec![count];
        shape.extend_from_slice(first.shape());
        Self::new(shape, data)
    }

    /// The size of each dimension.
    pub fn shape(&self) -> &[u32] {
        self.shape.sizes()
    }

    /// The elements in row-major order, where they lie.
    pub fn data(&self) -> &[T] {
        match &self.data {
            Data::Elements(elements) => elements,
            Data::Arrived(bytes) => bytemuck::cast_slice(bytes),
        }
    }

    /// The elements in row-major order, to change. Those that a model gave are copied first.
    pub fn data_mut(&mut self) -> &mut [T] {
        if let Data::Arrived(bytes) = &self.data {
            self.data = Data::Elements(bytemuck::pod_collect_to_vec(bytes));
        }
        match &mut self.data {
            Data::Elements(elements) => elements,
            Data::Arrived(_) => &mut [],
        }
    }

    /// The elements in row-major order, taken out. Those that a model gave are copied.
    pub fn into_data(self) -> Vec<T> {
        match self.data {
            Data::Elements(elements) => elements,
            Data::Arrived(bytes) => bytemuck::pod_collect_to_vec(&bytes),
        }
    }

    /// The tensor, borrowed.
    pub fn view(&self) -> View<'_, T> {
        View::of(self.shape, self.data())
    }

    /// The elements, split by the first dimension: the results of a batch, one by one. A tensor
    /// without dimensions, or without elements, has no rows.
    pub fn rows(&self) -> impl Iterator<Item = &[T]> {
        let (rows, width) = self.shape.rows(self.data().len());
        self.data().chunks_exact(width).take(rows)
    }

    /// The tensor in these bytes, if their number fits the shape.
    pub(crate) fn from_bytes(shape: &[u32], bytes: Vec<u8>) -> Result<Self> {
        let size = size_of::<T>();
        if !bytes.len().is_multiple_of(size) {
            return Err(Error::Shape {
                shape: shape.to_vec(),
                expected: format!("whole ones of {size} bytes, and"),
                found: bytes.len() / size,
            });
        }
        let shape = Shape::filled_by(shape, bytes.len() / size)?;
        let data = match bytemuck::try_cast_slice::<u8, T>(&bytes) {
            Ok(_) => Data::Arrived(bytes),
            Err(_) => Data::Elements(bytemuck::pod_collect_to_vec(&bytes)),
        };
        Ok(Self { shape, data })
    }
}

// A copy is made of elements: a copy of bytes need not be aligned as they are.
impl<T: Element> Clone for Tensor<T> {
    fn clone(&self) -> Self {
        Self {
            shape: self.shape,
            data: Data::Elements(self.data().to_vec()),
        }
    }
}

impl<T: Element> PartialEq for Tensor<T> {
    fn eq(&self, other: &Self) -> bool {
        self.shape == other.shape && self.data() == other.data()
    }
}

impl<T: Element> fmt::Debug for Tensor<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.view().fmt(f)
    }
}

impl<T> sealed::Sealed for Tensor<T> {}

impl<T: Element> AnyTensor for Tensor<T> {
    fn parts(&self) -> Result<Parts<'_>> {
        Ok(Parts {
            shape: self.shape,
            element_type: T::TYPE,
            bytes: Cow::Borrowed(bytemuck::cast_slice(self.data())),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_little_endian_and_whole() {
        let tensor = Tensor::new([2], [1.0_f32, -2.5]).unwrap();
        let bytes = tensor.parts().unwrap().bytes.into_owned();
        assert_eq!(bytes, [0, 0, 128, 63, 0, 0, 32, 192]);
        assert_eq!(Tensor::from_bytes(&[2], bytes.clone()).unwrap(), tensor);
        assert!(Tensor::<f32>::from_bytes(&[2], bytes[..7].to_vec()).is_err());
        assert!(Tensor::<f32>::from_bytes(&[1], bytes).is_err());
        let wide = Tensor::new([2], [i64::MIN, 7]).unwrap();
        let bytes = wide.parts().unwrap().bytes.into_owned();
        assert_eq!(bytes[7..9], [128, 7]);
        assert_eq!(Tensor::from_bytes(&[2], bytes).unwrap(), wide);
    }

    #[test]
    fn what_arrived_aligned_is_read_where_it_lies_and_changed_in_a_copy() {
        // Whether bytes are aligned is the allocator's choice; either way the tensor is right.
        let mut bytes: Vec<u8> = Vec::with_capacity(64);
        bytes.extend_from_slice(bytemuck::cast_slice(&[1.5_f64, -0.0]));
        let (at, aligned) = (bytes.as_ptr(), bytes.as_ptr().cast::<f64>().is_aligned());
        let mut tensor = Tensor::<f64>::from_bytes(&[2], bytes).unwrap();
        assert_eq!(aligned, tensor.data().as_ptr().cast::<u8>() == at);
        let copy = tensor.clone();
        tensor.data_mut()[1] = 4.0;
        assert_eq!(tensor.data(), [1.5, 4.0]);
        assert_eq!(copy.data(), [1.5, 0.0]);
        assert_eq!(copy.into_data(), [1.5, 0.0]);
        assert_eq!(tensor.into_data(), [1.5, 4.0]);
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
        assert!(rows(&[], 1).is_empty());
    }

    #[test]
    fn a_batch_is_of_one_shape() {
        let [a, b] = [[1, 2, 3], [4, 5, 6]];
        let view = |data| View::new([3], data).unwrap();
        let batch = Tensor::stack([view(&a), view(&b)]).unwrap();
        assert_eq!(batch, Tensor::new([2, 3], [1, 2, 3, 4, 5, 6]).unwrap());
        let odd = View::new([1, 3], &b).unwrap();
        assert_eq!(
            Tensor::stack([view(&a), odd]).unwrap_err().to_string(),
            "a batch is of one shape: number 1 of its tensors is of shape [1, 3], those before of [3]"
        );
        assert_eq!(
            Tensor::<u8>::stack([]).unwrap_err().to_string(),
            "a batch has at least one tensor"
        );
    }

    #[test]
    fn zeros_are_as_many_as_the_shape_says() {
        assert_eq!(Tensor::<i32>::zeros([2, 2]).unwrap().data(), [0; 4]);
        assert!(Tensor::<u8>::zeros([u32::MAX; 8]).is_err());
    }
}
