//! Owns a constant's shape, type and, when it is small and of integers, its values: what shapes can
//! depend on. The weights themselves stay with the backend.

use tract_onnx::pb;

use crate::element::ValueType;
use crate::graph::invalid_value;
use crate::load::ModelError;
use crate::tensor::RANK_MAX;

/// Most integers of one value that is followed through a graph: shapes have 8 entries, paddings 16,
/// and one-hot codes of shapes some hundred.
pub(crate) const INTEGERS_MAX: u64 = 1024;

#[derive(Debug, Clone)]
pub(crate) struct Constant {
    pub(crate) dimensions: Vec<u64>,
    pub(crate) value_type: ValueType,
    pub(crate) integers: Option<Vec<i64>>,
}

impl Constant {
    pub(crate) fn of_integers(dimensions: Vec<u64>, integers: Vec<i64>) -> Self {
        let small = u64::try_from(integers.len()).is_ok_and(|length| length <= INTEGERS_MAX);
        Self {
            dimensions,
            value_type: ValueType::I64,
            integers: small.then_some(integers),
        }
    }

    pub(crate) fn of_floats(dimensions: Vec<u64>) -> Self {
        Self {
            dimensions,
            value_type: ValueType::F32,
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
    let value_type = ValueType::from_onnx(tensor.data_type)
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
    let bytes = elements.and_then(|elements| elements.checked_mul(value_type.size_bytes()));
    let (Some(elements), Some(bytes)) = (elements, bytes) else {
        return Err(fault("its dimensions overflow"));
    };
    let (expected, actual) = if tensor.raw_data.is_empty() {
        (elements, typed_length(tensor, value_type))
    } else {
        (bytes, tensor.raw_data.len())
    };
    if u64::try_from(actual).ok() != Some(expected) {
        return Err(fault(
            "its data does not have the length that its dimensions ask for",
        ));
    }
    let integers = (value_type.is_integer() && elements <= INTEGERS_MAX)
        .then(|| integers(tensor, value_type))
        .flatten();
    Ok(Constant {
        dimensions,
        value_type,
        integers,
    })
}

/// Elements in the field that ONNX assigns to the type; unsigned 32- and 64-bit data must be raw.
fn typed_length(tensor: &pb::TensorProto, value_type: ValueType) -> usize {
    match value_type {
        ValueType::F32 => tensor.float_data.len(),
        ValueType::F64 => tensor.double_data.len(),
        ValueType::I64 => tensor.int64_data.len(),
        ValueType::U64 | ValueType::U32 => 0,
        _ => tensor.int32_data.len(),
    }
}

fn integers(tensor: &pb::TensorProto, value_type: ValueType) -> Option<Vec<i64>> {
    if tensor.raw_data.is_empty() {
        let values: Vec<i64> = match value_type {
            ValueType::I64 => tensor.int64_data.clone(),
            _ => tensor
                .int32_data
                .iter()
                .map(|&value| i64::from(value))
                .collect(),
        };
        return values
            .iter()
            .all(|&value| value_type.holds(value))
            .then_some(values);
    }
    let size = usize::try_from(value_type.size_bytes()).ok()?;
    tensor
        .raw_data
        .chunks_exact(size)
        .map(|bytes| match value_type {
            ValueType::I64 => Some(i64::from_le_bytes(bytes.try_into().ok()?)),
            ValueType::U64 => i64::try_from(u64::from_le_bytes(bytes.try_into().ok()?)).ok(),
            ValueType::I32 => Some(i64::from(i32::from_le_bytes(bytes.try_into().ok()?))),
            ValueType::U32 => Some(i64::from(u32::from_le_bytes(bytes.try_into().ok()?))),
            ValueType::I16 => Some(i64::from(i16::from_le_bytes(bytes.try_into().ok()?))),
            ValueType::U16 => Some(i64::from(u16::from_le_bytes(bytes.try_into().ok()?))),
            ValueType::I8 => Some(i64::from(i8::from_le_bytes(bytes.try_into().ok()?))),
            ValueType::U8 => Some(i64::from(*bytes.first()?)),
            ValueType::Bool => Some(i64::from(*bytes.first()? != 0)),
            _ => None,
        })
        .collect()
}
