//! Arrays of the crate `ndarray` as tensors, and tensors as such arrays. Nothing is copied that lies in
//! row-major order.

use std::borrow::Cow;

use ndarray::{ArrayBase, ArrayViewD, Data, Dimension, IxDyn};

use crate::nn::bytes::{AnyTensor, Parts, sealed};
use crate::nn::shape::Shape;
use crate::nn::{Element, Tensor, View};
use crate::{Error, Result};

impl<S, D> sealed::Sealed for ArrayBase<S, D>
where
    S: Data,
    S::Elem: Element,
    D: Dimension,
{
}

/// An array's elements go to the model from where they lie; those of a part that is sliced, turned or
/// strided are gathered first.
impl<S, D> AnyTensor for ArrayBase<S, D>
where
    S: Data,
    S::Elem: Element,
    D: Dimension,
{
    fn parts(&self) -> Result<Parts<'_>> {
        let sizes: Result<Vec<u32>> = self
            .shape()
            .iter()
            .map(|size| {
                u32::try_from(*size).map_err(|_| Error::Shape {
                    shape: vec![u32::MAX],
                    expected: "at most that many".to_string(),
                    found: *size,
                })
            })
            .collect();
        let bytes = match self.as_slice() {
            Some(elements) => Cow::Borrowed(bytemuck::cast_slice(elements)),
            None => {
                let mut bytes = Vec::with_capacity(self.len() * size_of::<S::Elem>());
                for element in self {
                    bytes.extend_from_slice(bytemuck::bytes_of(element));
                }
                Cow::Owned(bytes)
            }
        };
        Ok(Parts {
            shape: Shape::new(&sizes?)?,
            element_type: S::Elem::TYPE,
            bytes,
        })
    }
}

impl<'a, T: Element> View<'a, T> {
    /// The same elements as an array of the crate `ndarray`, which can be sliced, turned and computed with.
    pub fn array(&self) -> ArrayViewD<'a, T> {
        let sizes: Vec<usize> = self.shape().iter().map(|size| *size as usize).collect();
        ArrayViewD::from_shape(IxDyn(&sizes), self.data())
            .expect("as many elements as the shape says, seen to when the view was made")
    }
}

impl<T: Element> Tensor<T> {
    /// The tensor as an array of the crate `ndarray`, of the elements where they lie.
    pub fn array(&self) -> ArrayViewD<'_, T> {
        self.view().array()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, Array3, Axis, s};

    #[test]
    fn an_array_in_order_is_borrowed_and_a_turned_one_is_gathered() {
        let array = Array2::from_shape_vec((2, 3), (0_u8..6).collect()).unwrap();
        let parts = array.parts().unwrap();
        assert!(matches!(parts.bytes, Cow::Borrowed(_)));
        assert_eq!(parts.shape.sizes(), [2, 3]);
        let turned = array.t();
        let parts = turned.parts().unwrap();
        assert!(matches!(parts.bytes, Cow::Owned(_)));
        assert_eq!(parts.shape.sizes(), [3, 2]);
        assert_eq!(*parts.bytes, [0, 3, 1, 4, 2, 5]);
        let every_second = array.slice(s![.., ..;2]);
        assert_eq!(*every_second.parts().unwrap().bytes, [0, 2, 3, 5]);
    }

    #[test]
    fn a_tensor_is_an_array_of_the_same_memory() {
        let tensor = Tensor::new([2, 2], [1.0_f32, 2.0, 3.0, 4.0]).unwrap();
        let array = tensor.array();
        assert_eq!(array.as_ptr(), tensor.data().as_ptr());
        assert_eq!(array.sum_axis(Axis(0)).as_slice().unwrap(), [4.0, 6.0]);
    }

    #[test]
    fn an_array_of_pixels_becomes_one_of_planes() {
        let pixels = Array3::from_shape_vec((1, 2, 3), vec![1, 2, 3, 4, 5, 6]).unwrap();
        let planes = pixels.permuted_axes([2, 0, 1]);
        let parts = planes.parts().unwrap();
        let bytes: Vec<i32> = bytemuck::pod_collect_to_vec(&parts.bytes);
        assert_eq!(
            (parts.shape.sizes(), &bytes[..]),
            (&[3, 1, 2][..], &[1, 4, 2, 5, 3, 6][..])
        );
    }
}
