//! Owns what a cost is: operations by precision, bytes of weights and of tensors, and sums of them.
//! Counts nothing itself, prices nothing.

use crate::element::Precision;

/// Operations by the width of what is computed with. One operation is one multiply-accumulate, or
/// as much of other work as the cost table says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Operations {
    /// On elements of 8 bytes: f64, i64, u64.
    pub f64: u64,
    /// On elements of 4 bytes: f32, i32, u32.
    pub f32: u64,
    /// On elements of 2 bytes: f16, i16, u16.
    pub f16: u64,
    /// On elements of 1 byte: i8, u8, bool.
    pub i8: u64,
    /// On elements of 4 bits: i4, u4.
    pub i4: u64,
}

impl Operations {
    /// The sum over all precisions; none when it does not fit 64 bits.
    #[must_use]
    pub fn total(&self) -> Option<u64> {
        [self.f32, self.f16, self.i8, self.i4]
            .iter()
            .try_fold(self.f64, |sum, &operations| sum.checked_add(operations))
    }

    pub(crate) fn add(&mut self, precision: Precision, operations: u64) -> Option<()> {
        let slot = match precision {
            Precision::F64 => &mut self.f64,
            Precision::F32 => &mut self.f32,
            Precision::F16 => &mut self.f16,
            Precision::I8 => &mut self.i8,
            Precision::I4 => &mut self.i4,
        };
        *slot = slot.checked_add(operations)?;
        Some(())
    }
}

/// What one call is charged, before it runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cost {
    /// Work of the operators.
    pub operations: Operations,
    /// Bytes of the model's constants, counted once for each node that reads them.
    pub weight_bytes: u64,
    /// Bytes of the inputs and outputs of the call.
    pub tensor_bytes: u64,
}

impl Cost {
    /// The sum of two costs; none when a count does not fit 64 bits.
    #[must_use]
    pub fn checked_add(&self, other: &Cost) -> Option<Cost> {
        let (ours, theirs) = (&self.operations, &other.operations);
        Some(Cost {
            operations: Operations {
                f64: ours.f64.checked_add(theirs.f64)?,
                f32: ours.f32.checked_add(theirs.f32)?,
                f16: ours.f16.checked_add(theirs.f16)?,
                i8: ours.i8.checked_add(theirs.i8)?,
                i4: ours.i4.checked_add(theirs.i4)?,
            },
            weight_bytes: self.weight_bytes.checked_add(other.weight_bytes)?,
            tensor_bytes: self.tensor_bytes.checked_add(other.tensor_bytes)?,
        })
    }

    /// Whether no count is larger than the other's.
    #[must_use]
    pub const fn is_within(&self, other: &Cost) -> bool {
        let (ours, theirs) = (&self.operations, &other.operations);
        ours.f64 <= theirs.f64
            && ours.f32 <= theirs.f32
            && ours.f16 <= theirs.f16
            && ours.i8 <= theirs.i8
            && ours.i4 <= theirs.i4
            && self.weight_bytes <= other.weight_bytes
            && self.tensor_bytes <= other.tensor_bytes
    }

    /// The cost so many times; none when a count does not fit 64 bits.
    #[must_use]
    pub fn checked_mul(&self, times: u64) -> Option<Cost> {
        let operations = &self.operations;
        Some(Cost {
            operations: Operations {
                f64: operations.f64.checked_mul(times)?,
                f32: operations.f32.checked_mul(times)?,
                f16: operations.f16.checked_mul(times)?,
                i8: operations.i8.checked_mul(times)?,
                i4: operations.i4.checked_mul(times)?,
            },
            weight_bytes: self.weight_bytes.checked_mul(times)?,
            tensor_bytes: self.tensor_bytes.checked_mul(times)?,
        })
    }

    /// Count by count the larger of two costs: what either can come to.
    #[must_use]
    pub fn max(&self, other: &Cost) -> Cost {
        let (ours, theirs) = (&self.operations, &other.operations);
        Cost {
            operations: Operations {
                f64: ours.f64.max(theirs.f64),
                f32: ours.f32.max(theirs.f32),
                f16: ours.f16.max(theirs.f16),
                i8: ours.i8.max(theirs.i8),
                i4: ours.i4.max(theirs.i4),
            },
            weight_bytes: self.weight_bytes.max(other.weight_bytes),
            tensor_bytes: self.tensor_bytes.max(other.tensor_bytes),
        }
    }
}
