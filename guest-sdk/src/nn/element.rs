//! The element types of tensors, and that their bytes are what `wasi:nn` wants. Knows no shapes.

pub use crate::bindings::wasi::nn::tensor::TensorType;

// Tensors are little-endian, as WebAssembly is: elements are viewed as bytes, not converted.
#[cfg(target_endian = "big")]
compile_error!("tensors are little-endian, and so must be the machine");

/// The element types of tensors: `f32`, `f64`, `u8`, `i32`, `i64`; with the feature `half`, `f16` and `bf16` of the
/// crate of that name.
pub trait Element: sealed::Sealed + bytemuck::Pod + PartialEq + std::fmt::Debug {
    /// The type as `wasi:nn` knows it.
    const TYPE: TensorType;
}

macro_rules! elements {
    ($($type:ty => $tensor_type:ident,)*) => {$(
        impl sealed::Sealed for $type {}
        impl Element for $type {
            const TYPE: TensorType = TensorType::$tensor_type;
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

#[cfg(feature = "half")]
elements! {
    half::f16 => Fp16,
    half::bf16 => Bf16,
}

mod sealed {
    pub trait Sealed {}
}

impl TensorType {
    /// The type's name: `f32` for instance.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fp16 => "f16",
            Self::Fp32 => "f32",
            Self::Fp64 => "f64",
            Self::Bf16 => "bf16",
            Self::U8 => "u8",
            Self::I32 => "i32",
            Self::I64 => "i64",
        }
    }

    /// Bytes that one element takes.
    pub fn size_bytes(self) -> usize {
        match self {
            Self::U8 => 1,
            Self::Fp16 | Self::Bf16 => 2,
            Self::Fp32 | Self::I32 => 4,
            Self::Fp64 | Self::I64 => 8,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_element_is_as_large_as_its_type() {
        fn check<T: Element>(name: &str) {
            assert_eq!(T::TYPE.size_bytes(), size_of::<T>());
            assert_eq!(T::TYPE.name(), name);
        }
        check::<f32>("f32");
        check::<f64>("f64");
        check::<u8>("u8");
        check::<i32>("i32");
        check::<i64>("i64");
        #[cfg(feature = "half")]
        {
            check::<half::f16>("f16");
            check::<half::bf16>("bf16");
        }
    }
}
