//! Owns the element types of tensors: their sizes, their names, and the class that work on them counts
//! under. Holds no data and knows no operators.

use tract_onnx::pb::tensor_proto::DataType;

/// The type of every element of a tensor: those of ONNX that models compute with.
///
/// Text, complex numbers and floats below 16 bits are not among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ElementType {
    /// IEEE 754 double precision, 8 bytes.
    F64,
    /// IEEE 754 single precision, 4 bytes.
    F32,
    /// IEEE 754 half precision, 2 bytes.
    F16,
    /// The upper half of an `F32`, 2 bytes.
    Bf16,
    /// Signed integer, 8 bytes, two's complement; so are the other signed ones.
    I64,
    /// Signed integer, 4 bytes.
    I32,
    /// Signed integer, 2 bytes.
    I16,
    /// Signed integer, 1 byte.
    I8,
    /// Signed integer, 4 bits: two in a byte, the first in its lower half.
    I4,
    /// Unsigned integer, 8 bytes.
    U64,
    /// Unsigned integer, 4 bytes.
    U32,
    /// Unsigned integer, 2 bytes.
    U16,
    /// Unsigned integer, 1 byte.
    U8,
    /// Unsigned integer, 4 bits: two in a byte, the first in its lower half.
    U4,
    /// Truth, 1 byte: 0 or 1.
    Bool,
}

/// The class under which an operation is counted: the width of what it computes with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Precision {
    F64,
    F32,
    F16,
    I8,
    I4,
}

impl ElementType {
    /// All of them, for tables and tests.
    pub const ALL: [Self; 15] = [
        Self::F64,
        Self::F32,
        Self::F16,
        Self::Bf16,
        Self::I64,
        Self::I32,
        Self::I16,
        Self::I8,
        Self::I4,
        Self::U64,
        Self::U32,
        Self::U16,
        Self::U8,
        Self::U4,
        Self::Bool,
    ];

    /// Bits that one element takes; elements are little-endian and lie without gaps.
    #[must_use]
    pub const fn size_bits(self) -> u64 {
        match self {
            Self::I4 | Self::U4 => 4,
            Self::I8 | Self::U8 | Self::Bool => 8,
            Self::F16 | Self::Bf16 | Self::I16 | Self::U16 => 16,
            Self::F32 | Self::I32 | Self::U32 => 32,
            Self::F64 | Self::I64 | Self::U64 => 64,
        }
    }

    /// Bytes that so many elements take, the last one filled up; none when they do not fit 64 bits.
    #[must_use]
    pub fn bytes_of(self, elements: u64) -> Option<u64> {
        match self.size_bits() {
            4 => Some(elements.div_ceil(2)),
            bits => elements.checked_mul(bits / 8),
        }
    }

    /// The name used in messages and digests, `f32` for instance.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::F64 => "f64",
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Bf16 => "bf16",
            Self::I64 => "i64",
            Self::I32 => "i32",
            Self::I16 => "i16",
            Self::I8 => "i8",
            Self::I4 => "i4",
            Self::U64 => "u64",
            Self::U32 => "u32",
            Self::U16 => "u16",
            Self::U8 => "u8",
            Self::U4 => "u4",
            Self::Bool => "bool",
        }
    }

    /// From ONNX's number for the type; none for text, complex numbers and floats below 16 bits.
    #[must_use]
    pub fn from_onnx(number: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.onnx() == number)
    }

    /// The inverse of [`Self::from_onnx`].
    pub(crate) fn onnx(self) -> i32 {
        i32::from(match self {
            Self::F64 => DataType::Double,
            Self::F32 => DataType::Float,
            Self::F16 => DataType::Float16,
            Self::Bf16 => DataType::Bfloat16,
            Self::I64 => DataType::Int64,
            Self::I32 => DataType::Int32,
            Self::I16 => DataType::Int16,
            Self::I8 => DataType::Int8,
            Self::I4 => DataType::Int4,
            Self::U64 => DataType::Uint64,
            Self::U32 => DataType::Uint32,
            Self::U16 => DataType::Uint16,
            Self::U8 => DataType::Uint8,
            Self::U4 => DataType::Uint4,
            Self::Bool => DataType::Bool,
        })
    }

    /// 8 bytes count as f64, 4 as f32, 2 as f16, 1 as i8, a half as i4: integers cost what floats of
    /// their width do.
    pub(crate) const fn precision(self) -> Precision {
        match self.size_bits() {
            4 => Precision::I4,
            8 => Precision::I8,
            16 => Precision::F16,
            32 => Precision::F32,
            _ => Precision::F64,
        }
    }

    /// Whether it is of whole numbers, truth included.
    #[must_use]
    pub const fn is_integer(self) -> bool {
        !self.is_float()
    }

    /// Whether it is of floating-point numbers.
    #[must_use]
    pub const fn is_float(self) -> bool {
        matches!(self, Self::F64 | Self::F32 | Self::F16 | Self::Bf16)
    }

    /// Whether `value` can be held without loss. The evaluator of shapes gives up where it cannot.
    pub(crate) fn holds(self, value: i64) -> bool {
        match self {
            // Up to these sizes, every whole number is held.
            Self::F64 => value.unsigned_abs() <= 1 << 53,
            Self::F32 => value.unsigned_abs() <= 1 << 24,
            Self::F16 => value.unsigned_abs() <= 1 << 11,
            Self::Bf16 => value.unsigned_abs() <= 1 << 8,
            Self::I64 => true,
            Self::I32 => i32::try_from(value).is_ok(),
            Self::I16 => i16::try_from(value).is_ok(),
            Self::I8 => i8::try_from(value).is_ok(),
            Self::I4 => (-8..8).contains(&value),
            Self::U64 => value >= 0,
            Self::U32 => u32::try_from(value).is_ok(),
            Self::U16 => u16::try_from(value).is_ok(),
            Self::U8 => u8::try_from(value).is_ok(),
            Self::U4 => (0..16).contains(&value),
            Self::Bool => value == 0 || value == 1,
        }
    }
}

/// What is said of a type that is not among them, by ONNX's number.
pub(crate) fn unsupported(number: i32) -> String {
    let name = DataType::try_from(number).map_or("of no name", |known| known.as_str_name());
    format!("its element type, ONNX's number {number} ({name}), is not supported")
}

impl std::fmt::Display for ElementType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_elements_of_four_bits_share_a_byte_and_the_last_one_is_filled_up() {
        for element_type in [ElementType::I4, ElementType::U4] {
            assert_eq!(element_type.bytes_of(0), Some(0));
            assert_eq!(element_type.bytes_of(1), Some(1));
            assert_eq!(element_type.bytes_of(2), Some(1));
            assert_eq!(element_type.bytes_of(7), Some(4));
        }
        assert_eq!(ElementType::F64.bytes_of(u64::MAX / 8), Some(u64::MAX - 7));
        assert_eq!(ElementType::F64.bytes_of(u64::MAX / 8 + 1), None);
    }

    #[test]
    fn names_are_told_apart_and_each_type_is_found_by_its_number() {
        let mut names: Vec<_> = ElementType::ALL.iter().map(|t| t.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ElementType::ALL.len());
        let mut found: Vec<_> = (-1..40).filter_map(ElementType::from_onnx).collect();
        assert_eq!(found.len(), ElementType::ALL.len());
        found.retain(|element_type| !ElementType::ALL.contains(element_type));
        assert_eq!(found, []);
    }
}
