//! Owns the element types of tensors: those that a guest can pass, and those that a model computes with.
//! Holds no data and knows no operators.

use tract_onnx::pb::tensor_proto::DataType;

/// An element type that can cross the boundary between a guest and a model (those of wasi-nn).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ElementType {
    /// IEEE 754 half precision, 2 bytes.
    F16,
    /// IEEE 754 single precision, 4 bytes.
    F32,
    /// IEEE 754 double precision, 8 bytes.
    F64,
    /// The upper half of an `F32`, 2 bytes. No backend of this version computes with it.
    Bf16,
    /// Unsigned integer, 1 byte.
    U8,
    /// Signed integer, 4 bytes, two's complement.
    I32,
    /// Signed integer, 8 bytes, two's complement.
    I64,
}

impl ElementType {
    /// Bytes that one element takes; elements are little-endian and lie without gaps.
    #[must_use]
    pub const fn size_bytes(self) -> u64 {
        match self {
            Self::U8 => 1,
            Self::F16 | Self::Bf16 => 2,
            Self::F32 | Self::I32 => 4,
            Self::F64 | Self::I64 => 8,
        }
    }

    /// The name used in messages, `f32` for instance.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::F16 => "f16",
            Self::F32 => "f32",
            Self::F64 => "f64",
            Self::Bf16 => "bf16",
            Self::U8 => "u8",
            Self::I32 => "i32",
            Self::I64 => "i64",
        }
    }
}

impl std::fmt::Display for ElementType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// The class under which an operation is counted: the width of what it computes with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Precision {
    F64,
    F32,
    F16,
    I8,
}

/// An element type inside a model: what ONNX calls a tensor's data type, as far as it is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum ValueType {
    F64,
    F32,
    F16,
    I64,
    I32,
    I16,
    I8,
    U64,
    U32,
    U16,
    U8,
    Bool,
}

impl ValueType {
    /// From ONNX's number for the type; none for text, complex numbers and the types below 8 bits.
    pub(crate) fn from_onnx(number: i32) -> Option<Self> {
        Some(match DataType::try_from(number).ok()? {
            DataType::Double => Self::F64,
            DataType::Float => Self::F32,
            DataType::Float16 => Self::F16,
            DataType::Int64 => Self::I64,
            DataType::Int32 => Self::I32,
            DataType::Int16 => Self::I16,
            DataType::Int8 => Self::I8,
            DataType::Uint64 => Self::U64,
            DataType::Uint32 => Self::U32,
            DataType::Uint16 => Self::U16,
            DataType::Uint8 => Self::U8,
            DataType::Bool => Self::Bool,
            _ => return None,
        })
    }

    pub(crate) const fn size_bytes(self) -> u64 {
        match self {
            Self::F64 | Self::I64 | Self::U64 => 8,
            Self::F32 | Self::I32 | Self::U32 => 4,
            Self::F16 | Self::I16 | Self::U16 => 2,
            Self::I8 | Self::U8 | Self::Bool => 1,
        }
    }

    /// 8 bytes count as f64, 4 as f32, 2 as f16, 1 as i8: integers cost what floats of their width do.
    pub(crate) const fn precision(self) -> Precision {
        match self {
            Self::F64 | Self::I64 | Self::U64 => Precision::F64,
            Self::F32 | Self::I32 | Self::U32 => Precision::F32,
            Self::F16 | Self::I16 | Self::U16 => Precision::F16,
            Self::I8 | Self::U8 | Self::Bool => Precision::I8,
        }
    }

    pub(crate) const fn is_integer(self) -> bool {
        !matches!(self, Self::F64 | Self::F32 | Self::F16)
    }

    /// Whether `value` can be held without loss. The evaluator of shapes gives up where it cannot.
    pub(crate) fn holds(self, value: i64) -> bool {
        match self {
            Self::F64 | Self::F32 | Self::F16 => false,
            Self::I64 => true,
            Self::I32 => i32::try_from(value).is_ok(),
            Self::I16 => i16::try_from(value).is_ok(),
            Self::I8 => i8::try_from(value).is_ok(),
            Self::U64 => value >= 0,
            Self::U32 => u32::try_from(value).is_ok(),
            Self::U16 => u16::try_from(value).is_ok(),
            Self::U8 => u8::try_from(value).is_ok(),
            Self::Bool => value == 0 || value == 1,
        }
    }

    /// The type as it appears at the boundary; none for those that wasi-nn cannot name.
    pub(crate) const fn element_type(self) -> Option<ElementType> {
        match self {
            Self::F64 => Some(ElementType::F64),
            Self::F32 => Some(ElementType::F32),
            Self::F16 => Some(ElementType::F16),
            Self::I64 => Some(ElementType::I64),
            Self::I32 => Some(ElementType::I32),
            Self::U8 => Some(ElementType::U8),
            _ => None,
        }
    }

    /// The inverse of [`Self::element_type`]; none for `bf16`, which no backend computes with.
    pub(crate) const fn from_element_type(element_type: ElementType) -> Option<Self> {
        match element_type {
            ElementType::F64 => Some(Self::F64),
            ElementType::F32 => Some(Self::F32),
            ElementType::F16 => Some(Self::F16),
            ElementType::I64 => Some(Self::I64),
            ElementType::I32 => Some(Self::I32),
            ElementType::U8 => Some(Self::U8),
            ElementType::Bf16 => None,
        }
    }
}
