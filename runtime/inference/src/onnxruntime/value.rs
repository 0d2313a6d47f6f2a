//! Owns passing tensors to ONNX Runtime and back. Computes nothing.

use std::ptr::{self, NonNull};

use bytes::Bytes;
use ort::memory::{AllocationDevice, Allocator, AllocatorType, MemoryInfo, MemoryType};
use ort::value::{DynTensor, DynTensorValueType, DynValue, Shape, TensorElementType, ValueType};
use ort::{AsPointer, Error};

use super::SharedSession;
use crate::element::ElementType;
use crate::tensor::Tensor;

/// A value over the tensor's own bytes, without a copy where they lie as the library wants them.
///
/// The value must not outlive the tensor.
pub(super) fn lend(tensor: &Tensor) -> Result<DynValue, String> {
    let element_type = to_library(tensor.element_type())?;
    let shape: Vec<i64> = tensor.dimensions().iter().copied().map(i64::from).collect();
    let data = tensor.data();
    let bits = tensor.element_type().size_bits();
    let alignment = usize::try_from(bits.div_ceil(8)).unwrap_or(1);
    if data.is_empty() || !data.as_ptr().addr().is_multiple_of(alignment) {
        return copied(element_type, shape, data).map_err(|error| error.to_string());
    }
    borrowed(element_type, &shape, data).map_err(|error| error.to_string())
}

fn borrowed(element_type: TensorElementType, shape: &[i64], data: &[u8]) -> ort::Result<DynValue> {
    let memory = MemoryInfo::new(
        AllocationDevice::CPU,
        0,
        AllocatorType::Device,
        MemoryType::Default,
    )?;
    let mut value = ptr::null_mut();
    // SAFETY: the pointers are valid for their lengths. The library does not write to the inputs of a
    // run; the caller keeps the data for as long as the value lives.
    let status = unsafe {
        (ort::api().CreateTensorWithDataAsOrtValue)(
            memory.ptr(),
            data.as_ptr().cast_mut().cast(),
            data.len(),
            shape.as_ptr(),
            shape.len(),
            element_type.into(),
            &raw mut value,
        )
    };
    // SAFETY: the status was just returned and is not used again.
    unsafe { Error::result_from_status(status) }?;
    let value = NonNull::new(value).ok_or_else(|| Error::new("no value was made"))?;
    // SAFETY: the value is new and owned by nobody else.
    Ok(unsafe { DynValue::from_ptr(value, Some(&Allocator::default())) })
}

fn copied(element_type: TensorElementType, shape: Vec<i64>, data: &[u8]) -> ort::Result<DynValue> {
    let shape = Shape::new(shape);
    let bytes = element_type.byte_size(shape.num_elements());
    let mut value = DynTensor::new(&Allocator::default(), element_type, shape)?;
    if bytes != Some(data.len()) {
        return Err(Error::new("a tensor has another length than its shape"));
    }
    if !data.is_empty() {
        // SAFETY: the value was made to hold so many bytes, and nothing else knows of it yet.
        unsafe {
            ptr::copy_nonoverlapping(data.as_ptr(), value.data_ptr_mut().cast(), data.len());
        }
    }
    Ok(value.into_dyn())
}

/// The elements of a value of the library's, where they lie.
struct Elements {
    data: NonNull<u8>,
    bytes: usize,
    /// What the elements are part of.
    _value: DynValue,
    /// Given up after the value: what a model has of itself is the session's.
    _session: SharedSession,
}

// SAFETY: the elements are only read, and any thread may give a value up: what the library allocates by for outputs is
// the system's allocator or an arena of its own, which has a lock.
unsafe impl Send for Elements {}

impl AsRef<[u8]> for Elements {
    fn as_ref(&self) -> &[u8] {
        // SAFETY: the library holds so many bytes there for as long as the value lives, and writes no more to what it
        // has given away.
        unsafe { std::slice::from_raw_parts(self.data.as_ptr(), self.bytes) }
    }
}

/// A value as a tensor, without a copy unless it lies within what was lent to the library as `inputs`.
pub(super) fn take(
    value: DynValue,
    session: SharedSession,
    inputs: &[Tensor],
) -> Result<Tensor, String> {
    let ValueType::Tensor { ty, .. } = value.dtype() else {
        return Err("an output is not a tensor".to_owned());
    };
    let element_type = from_library(*ty)
        .ok_or_else(|| format!("an output has elements of {ty}, which cannot be passed on"))?;
    let tensor = value
        .view()
        .downcast::<DynTensorValueType>()
        .map_err(|error| error.to_string())?;
    if !tensor.memory_info().is_cpu_accessible() {
        return Err("an output was left on the device".to_owned());
    }
    let dimensions = tensor
        .shape()
        .iter()
        .map(|&size| u32::try_from(size))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|_| "an output has a dimension that cannot be passed on".to_owned())?;
    let bytes = Tensor::bytes_of(&dimensions, element_type).map_err(|error| error.to_string())?;
    let bytes = usize::try_from(bytes).map_err(|_| "an output is too large".to_owned())?;
    let data = NonNull::new(tensor.data_ptr().cast_mut().cast::<u8>());
    drop(tensor);
    let data = match data {
        _ if bytes == 0 => Bytes::new(),
        None => return Err("an output has no elements".to_owned()),
        Some(data) => {
            // A model may hand an input through.
            let is_lent = inputs.iter().any(|input| {
                let lent = input.data().as_ptr_range();
                lent.contains(&data.as_ptr().cast_const())
            });
            let elements = Elements {
                data,
                bytes,
                _value: value,
                _session: session,
            };
            if is_lent {
                Bytes::copy_from_slice(elements.as_ref())
            } else {
                Bytes::from_owner(elements)
            }
        }
    };
    Tensor::new(dimensions, element_type, data).map_err(|error| error.to_string())
}

/// Each type of ours with the library's for it.
const TYPES: [(ElementType, TensorElementType); 15] = [
    (ElementType::F64, TensorElementType::Float64),
    (ElementType::F32, TensorElementType::Float32),
    (ElementType::F16, TensorElementType::Float16),
    (ElementType::Bf16, TensorElementType::Bfloat16),
    (ElementType::I64, TensorElementType::Int64),
    (ElementType::I32, TensorElementType::Int32),
    (ElementType::I16, TensorElementType::Int16),
    (ElementType::I8, TensorElementType::Int8),
    (ElementType::I4, TensorElementType::Int4),
    (ElementType::U64, TensorElementType::Uint64),
    (ElementType::U32, TensorElementType::Uint32),
    (ElementType::U16, TensorElementType::Uint16),
    (ElementType::U8, TensorElementType::Uint8),
    (ElementType::U4, TensorElementType::Uint4),
    (ElementType::Bool, TensorElementType::Bool),
];

fn to_library(element_type: ElementType) -> Result<TensorElementType, String> {
    TYPES
        .iter()
        .find(|(ours, _)| *ours == element_type)
        .map(|&(_, theirs)| theirs)
        .ok_or_else(|| format!("elements of {element_type} cannot be passed"))
}

fn from_library(element_type: TensorElementType) -> Option<ElementType> {
    TYPES
        .iter()
        .find(|(_, theirs)| *theirs == element_type)
        .map(|&(ours, _)| ours)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_element_type_has_one_of_the_library() {
        for element_type in ElementType::ALL {
            let theirs = to_library(element_type).unwrap();
            assert_eq!(from_library(theirs), Some(element_type));
        }
    }
}
