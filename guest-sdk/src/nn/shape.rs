//! Shapes: the size of each dimension, held without an allocation. Knows no elements.

use crate::{Error, Result};

/// The most dimensions that a tensor can have: what providers take.
pub const RANK_MAX: usize = 8;

/// The size of each dimension, outermost first.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    sizes: [u32; RANK_MAX],
    rank: usize,
}

impl Shape {
    pub(crate) fn new(sizes: &[u32]) -> Result<Self> {
        let mut shape = Self {
            sizes: [0; RANK_MAX],
            rank: sizes.len(),
        };
        let Some(target) = shape.sizes.get_mut(..sizes.len()) else {
            return Err(Error::Rank { rank: sizes.len() });
        };
        target.copy_from_slice(sizes);
        Ok(shape)
    }

    /// The shape, if this many elements fill it.
    pub(crate) fn filled_by(sizes: &[u32], elements: usize) -> Result<Self> {
        let shape = Self::new(sizes)?;
        let expected = shape.elements();
        if expected == Some(elements) {
            return Ok(shape);
        }
        let expected = expected.map_or_else(|| "too many".to_string(), |count| count.to_string());
        Err(Error::Shape {
            shape: sizes.to_vec(),
            expected,
            found: elements,
        })
    }

    pub(crate) fn sizes(&self) -> &[u32] {
        &self.sizes[..self.rank]
    }

    /// The shape of one row: without the first dimension.
    pub(crate) fn row(&self) -> Self {
        let mut row = *self;
        row.sizes.rotate_left(1);
        row.rank = self.rank.saturating_sub(1);
        row
    }

    /// The same shape with another first size, of a tensor that has one.
    pub(crate) fn with_rows(&self, rows: u32) -> Self {
        let mut shape = *self;
        shape.sizes[0] = rows;
        shape
    }

    /// The rows, and the elements of each; none without dimensions or elements.
    pub(crate) fn rows(&self, elements: usize) -> (usize, usize) {
        let rows = self
            .sizes()
            .first()
            .and_then(|rows| usize::try_from(*rows).ok())
            .unwrap_or(0);
        match elements.checked_div(rows) {
            None | Some(0) => (0, 1),
            Some(width) => (rows, width),
        }
    }

    /// How many elements that is, if that many can be addressed.
    pub(crate) fn elements(&self) -> Option<usize> {
        // A zero anywhere makes the product zero, however large the rest is.
        if self.sizes().contains(&0) {
            return Some(0);
        }
        self.sizes().iter().try_fold(1_usize, |product, size| {
            product.checked_mul(usize::try_from(*size).ok()?)
        })
    }
}

impl std::fmt::Debug for Shape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.sizes().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(shape: &[u32], len: usize, expected: Result<(), &str>) {
        let found = Shape::filled_by(shape, len)
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
    fn eight_dimensions_are_taken_and_nine_are_not() {
        check(&[1; RANK_MAX], 1, Ok(()));
        check(
            &[1; RANK_MAX + 1],
            1,
            Err("a tensor has at most 8 dimensions, not 9"),
        );
    }

    #[test]
    fn a_row_is_what_is_left_without_the_first_dimension() {
        let shape = Shape::new(&[2, 3, 4]).unwrap();
        assert_eq!(shape.row().sizes(), [3, 4]);
        assert_eq!(shape.with_rows(7).sizes(), [7, 3, 4]);
        assert_eq!(shape.rows(24), (2, 12));
        assert_eq!(Shape::new(&[0, 4]).unwrap().rows(0), (0, 1));
        assert_eq!(Shape::new(&[]).unwrap().rows(1), (0, 1));
        assert_eq!(Shape::new(&[]).unwrap().row().sizes(), [0; 0]);
    }
}
