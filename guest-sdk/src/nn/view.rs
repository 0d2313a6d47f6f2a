//! Tensors that borrow their elements: parts of a larger one, or what the job has at hand.

use std::borrow::Cow;
use std::fmt;

use crate::Result;
use crate::nn::bytes::{AnyTensor, Parts, sealed};
use crate::nn::shape::Shape;
use crate::nn::{Element, Tensor};

/// A borrowed tensor of elements `T` in row-major order. It is two words and a shape: copy it freely.
/// What lies in another order is for the crate `ndarray`, whose arrays the feature of that name makes
/// tensors of.
#[derive(Clone, Copy)]
pub struct View<'a, T> {
    shape: Shape,
    data: &'a [T],
}

impl<'a, T: Element> View<'a, T> {
    /// A tensor of this shape, of elements that stay where they are.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) if the number of elements is not the shape's product,
    /// [`Error::Rank`](crate::Error::Rank) if there are too many dimensions.
    pub fn new(shape: impl AsRef<[u32]>, data: &'a [T]) -> Result<Self> {
        Ok(Self {
            shape: Shape::filled_by(shape.as_ref(), data.len())?,
            data,
        })
    }

    pub(crate) fn of(shape: Shape, data: &'a [T]) -> Self {
        Self { shape, data }
    }

    /// The size of each dimension.
    pub fn shape(&self) -> &[u32] {
        self.shape.sizes()
    }

    /// The elements in row-major order.
    pub fn data(&self) -> &'a [T] {
        self.data
    }

    /// The same elements under another shape.
    ///
    /// # Errors
    /// As for [`new`](Self::new).
    pub fn reshaped(&self, shape: impl AsRef<[u32]>) -> Result<Self> {
        Self::new(shape, self.data)
    }

    /// The element at this index, one number a dimension; none if there is none there.
    pub fn get(&self, index: &[usize]) -> Option<T> {
        if index.len() != self.shape().len() {
            return None;
        }
        let mut at = 0_usize;
        for (index, size) in index.iter().zip(self.shape()) {
            let size = usize::try_from(*size).ok()?;
            if *index >= size {
                return None;
            }
            at = at.checked_mul(size)?.checked_add(*index)?;
        }
        self.data.get(at).copied()
    }

    /// The tensors along the first dimension, one by one. A tensor without dimensions, or without
    /// elements, has none.
    pub fn rows(&self) -> impl Iterator<Item = View<'a, T>> {
        let (rows, width) = self.shape.rows(self.data.len());
        let shape = self.shape.row();
        let data = self.data.chunks_exact(width).take(rows);
        data.map(move |data| View { shape, data })
    }

    /// The tensor in batches of so many rows, the last of what is left. Batches of no rows are taken as
    /// of one.
    pub fn batches(&self, rows: usize) -> impl Iterator<Item = View<'a, T>> {
        let (all, width) = self.shape.rows(self.data.len());
        let shape = self.shape;
        let data = &self.data[..all * width];
        let batches = data.chunks(width.saturating_mul(rows.max(1)));
        batches.map(move |data| View {
            shape: shape.with_rows(u32::try_from(data.len() / width).unwrap_or(u32::MAX)),
            data,
        })
    }

    /// A tensor of its own, with a copy of the elements.
    pub fn to_tensor(&self) -> Result<Tensor<T>> {
        Tensor::new(self.shape(), self.data)
    }
}

impl<T: Element> PartialEq for View<'_, T> {
    fn eq(&self, other: &Self) -> bool {
        self.shape == other.shape && self.data == other.data
    }
}

impl<T: Element> fmt::Debug for View<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tensor")
            .field("type", &T::TYPE.name())
            .field("shape", &self.shape)
            .field("data", &self.data)
            .finish()
    }
}

impl<T> sealed::Sealed for View<'_, T> {}

impl<T: Element> AnyTensor for View<'_, T> {
    fn parts(&self) -> Result<Parts<'_>> {
        Ok(Parts {
            shape: self.shape,
            element_type: T::TYPE,
            bytes: Cow::Borrowed(bytemuck::cast_slice(self.data)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_view_are_the_same_memory() {
        let data: Vec<i32> = (0..12).collect();
        let view = View::new([3, 2, 2], &data).unwrap();
        let second = view.rows().nth(1).unwrap();
        assert_eq!(second.shape(), [2, 2]);
        assert_eq!(second.data().as_ptr(), data[4..].as_ptr());
        let bytes = second.parts().unwrap().bytes;
        assert!(matches!(bytes, Cow::Borrowed(_)));
        assert_eq!(bytes.as_ptr(), data[4..].as_ptr().cast());
        let reshaped = second.reshaped([4]).unwrap();
        assert_eq!(reshaped.to_tensor().unwrap().data(), [4, 5, 6, 7]);
        assert!(second.reshaped([3]).is_err());
    }

    #[test]
    fn an_index_has_a_number_for_each_dimension() {
        let data: Vec<u8> = (0..6).collect();
        let view = View::new([2, 3], &data).unwrap();
        assert_eq!(view.get(&[1, 2]), Some(5));
        assert_eq!(view.get(&[0, 0]), Some(0));
        assert_eq!(view.get(&[0, 3]), None);
        assert_eq!(view.get(&[2, 0]), None);
        assert_eq!(view.get(&[1]), None);
        assert_eq!(View::new([], &data[..1]).unwrap().get(&[]), Some(0));
    }

    #[test]
    fn batches_end_with_what_is_left() {
        let data: Vec<u8> = (0..10).collect();
        let shapes = |view: View<'_, u8>, rows| -> Vec<Vec<u32>> {
            view.batches(rows)
                .map(|batch| batch.shape().to_vec())
                .collect()
        };
        let view = View::new([5, 2], &data).unwrap();
        assert_eq!(shapes(view, 2), [[2, 2], [2, 2], [1, 2]]);
        assert_eq!(shapes(view, 5), [[5, 2]]);
        assert_eq!(shapes(view, usize::MAX), [[5, 2]]);
        assert_eq!(shapes(view, 0).len(), 5);
        assert!(shapes(View::new([0, 2], &[]).unwrap(), 2).is_empty());
        assert_eq!(view.batches(2).nth(2).unwrap().data(), [8, 9]);
    }
}
