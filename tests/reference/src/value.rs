//! Values of WebAssembly, floats as their bits. Computes nothing.

use wasmparser::{HeapType, RefType, ValType};

/// A function of the instance that the reference belongs to, by its index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FuncRef(pub u32);

/// An exception that was caught with a reference, by its number in its instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExnRef(pub u32);

/// A value. Integers have no sign, floats are their bits, vectors are little-endian, and references
/// mean something only to the instance that they came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value {
    /// An `i32`.
    I32(u32),
    /// An `i64`.
    I64(u64),
    /// The bits of an `f32`.
    F32(u32),
    /// The bits of an `f64`.
    F64(u64),
    /// A `v128`, whose lane 0 is in the lowest bits.
    V128(u128),
    /// A `funcref`.
    Func(Option<FuncRef>),
    /// An `externref`, which is a number of the host's.
    Extern(Option<u32>),
    /// An `exnref`.
    Exn(Option<ExnRef>),
}

impl Value {
    /// What a local of this type begins with; nothing for types that are not handled.
    #[must_use]
    pub fn zero(ty: ValType) -> Option<Value> {
        match ty {
            ValType::I32 => Some(Value::I32(0)),
            ValType::I64 => Some(Value::I64(0)),
            ValType::F32 => Some(Value::F32(0)),
            ValType::F64 => Some(Value::F64(0)),
            ValType::V128 => Some(Value::V128(0)),
            ValType::Ref(reference) => Value::null(reference.heap_type()),
        }
    }

    /// The null reference of this type; nothing for types that are not handled.
    #[must_use]
    pub fn null(ty: HeapType) -> Option<Value> {
        if ty == RefType::FUNCREF.heap_type() {
            Some(Value::Func(None))
        } else if ty == RefType::EXTERNREF.heap_type() {
            Some(Value::Extern(None))
        } else if ty == RefType::EXNREF.heap_type() {
            Some(Value::Exn(None))
        } else {
            None
        }
    }

    /// Whether this is a value of this type.
    #[must_use]
    pub fn is_a(&self, ty: ValType) -> bool {
        Value::zero(ty)
            .is_some_and(|zero| std::mem::discriminant(&zero) == std::mem::discriminant(self))
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(
            self,
            Value::Func(None) | Value::Extern(None) | Value::Exn(None)
        )
    }

    /// The value of an `i32`, as validation says that it is one.
    pub(crate) fn i32(self) -> u32 {
        match self {
            Value::I32(value) => value,
            other => other.mistyped(),
        }
    }

    /// An address, index or length: an `i32` or an `i64`, without a sign.
    pub(crate) fn index(self) -> u64 {
        match self {
            Value::I32(value) => u64::from(value),
            Value::I64(value) => value,
            other => other.mistyped(),
        }
    }

    /// What a store writes, from the lowest byte on.
    pub(crate) fn bits(self) -> u128 {
        match self {
            Value::I32(bits) | Value::F32(bits) => bits.into(),
            Value::I64(bits) | Value::F64(bits) => bits.into(),
            Value::V128(bits) => bits,
            other => other.mistyped(),
        }
    }

    pub(crate) fn mistyped(self) -> ! {
        unreachable!("validation gives every operator values of its types, not {self:?}")
    }
}
