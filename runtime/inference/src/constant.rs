//! Owns a constant's shape, type and, when it is small and of integers, its values: what shapes can
//! depend on. The weights themselves stay with the backend.

use tract_onnx::pb;

use crate::element::ElementType;
use crate::graph::invalid_value;
use crate::load::ModelError;
use crate::tensor::RANK_MAX;

/// Most integers of one value that is followed through a graph: shapes have 8 entries, paddings 16,
/// and one-hot codes of shapes some hundred.
pub(crate) const INTEGERS_MAX: u64 = 1024;

#[derive(Debug, Clone)]
pub(crate) struct Constant {
    pub(crate) dimensions: Vec<u64>,
    pub(crate) element_type: ElementType,
    pub(crate) integers: Option<Vec<i64>>,
}

impl Constant {
    pub(crate) fn of_integers(dimensions: Vec<u64>, integers: Vec<i64>) -> Self {
        let small = u64::try_from(integers.len()).is_ok_and(|length| length <= INTEGERS_MAX);
        Self {
            dimensions,
            element_type: ElementType::I64,
            integers: small.then_some(integers),
        }
    }

    pub(crate) fn of_floats(dimensions: Vec<u64>) -> Self {
        Self {
            dimensions,
            element_type: ElementType::F32,
            integers: None,
        }
    }

    /// Cannot overflow: [`read`] has checked the product, and the other makers hold their elements.
    pub(crate) fn elements(&self) -> u64 {
        self.dimensions
            .iter()
            .fold(1, |product, &size| product.saturating_mul(size))
    }
}

/// Checks that the tensor carries exactly the data that its dimensions ask for, which backends rely
/// on without looking, and keeps its shape.
pub(crate) fn read(tensor: &pb::TensorProto, owner: &str) -> Result<Constant, ModelError> {
    let fault = |reason: &str| invalid_value(owner, reason);
    if tensor.data_location.unwrap_or(0) != 0 || !tensor.external_data.is_empty() {
        return Err(fault(
            "its data lies outside the model, which is not supported",
        ));
    }
    if tensor.segment.is_some() {
        return Err(fault(
            "its data is cut into segments, which is not supported",
        ));
    }
    let element_type = ElementType::from_onnx(tensor.data_type)
        .ok_or_else(|| fault("its element type is not supported"))?;
    if tensor.dims.len() > RANK_MAX {
        return Err(fault("it has too many dimensions"));
    }
    let dimensions = tensor
        .dims
        .iter()
        .map(|&size| u64::try_from(size).map_err(|_| fault("a dimension is negative")))
        .collect::<Result<Vec<_>, _>>()?;
    let elements = dimensions
        .iter()
        .try_fold(1_u64, |product, &size| product.checked_mul(size));
    let bytes = elements.and_then(|elements| element_type.bytes_of(elements));
    let (Some(elements), Some(bytes)) = (elements, bytes) else {
        return Err(fault("its dimensions overflow"));
    };
    let (expected, actual) = if tensor.raw_data.is_empty() {
        (elements, typed_length(tensor, element_type))
    } else {
        (bytes, tensor.raw_data.len())
    };
    if u64::try_from(actual).ok() != Some(expected) {
        return Err(fault(
            "its data does not have the length that its dimensions ask for",
        ));
    }
    let integers = (element_type.is_integer() && elements <= INTEGERS_MAX)
        .then(|| integers(tensor, element_type))
        .flatten();
    Ok(Constant {
        dimensions,
        element_type,
        integers,
    })
}

/// Elements in the field that ONNX assigns to the type; unsigned 32- and 64-bit data must be raw.
fn typed_length(tensor: &pb::TensorProto, element_type: ElementType) -> usize {
    match element_type {
        ElementType::F32 => tensor.float_data.len(),
        ElementType::F64 => tensor.double_data.len(),
        ElementType::I64 => tensor.int64_data.len(),
        ElementType::U64 | ElementType::U32 => 0,
        _ => tensor.int32_data.len(),
    }
}

fn integers(tensor: &pb::TensorProto, element_type: ElementType) -> Option<Vec<i64>> {
    if tensor.raw_data.is_empty() {
        let values: Vec<i64> = match element_type {
            ElementType::I64 => tensor.int64_data.clone(),
            _ => tensor
                .int32_data
                .iter()
                .map(|&value| i64::from(value))
                .collect(),
        };
        return values
            .iter()
            .all(|&value| element_type.holds(value))
            .then_some(values);
    }
    if element_type.size_bits() < 8 {
        return None; // packed elements are weights, and shapes do not depend on them
    }
    let size = usize::try_from(element_type.size_bits() / 8).ok()?;
    tensor
        .raw_data
        .chunks_exact(size)
        .map(|bytes| match element_type {
            ElementType::I64 => Some(i64::from_le_bytes(bytes.try_into().ok()?)),
            ElementType::U64 => i64::try_from(u64::from_le_bytes(bytes.try_into().ok()?)).ok(),
            ElementType::I32 => Some(i64::from(i32::from_le_bytes(bytes.try_into().ok()?))),
            ElementType::U32 => Some(i64::from(u32::from_le_bytes(bytes.try_into().ok()?))),
            ElementType::I16 => Some(i64::from(i16::from_le_bytes(bytes.try_into().ok()?))),
            ElementType::U16 => Some(i64::from(u16::from_le_bytes(bytes.try_into().ok()?))),
            ElementType::I8 => Some(i64::from(i8::from_le_bytes(bytes.try_into().ok()?))),
            ElementType::U8 => Some(i64::from(*bytes.first()?)),
            ElementType::Bool => Some(i64::from(*bytes.first()? != 0)),
            _ => None,
        })
        .collect()
}
