//! Owns a constant's shape, type and, when it is small, its values: what shapes can depend on. The
//! weights themselves stay with the backend.

use tract_onnx::pb;

use crate::element::{self, ElementType};
use crate::graph::invalid_value;
use crate::load::ModelError;
use crate::tensor::RANK_MAX;

/// Most numbers of one value that is followed through a graph: shapes have 8 entries, paddings 16,
/// and one-hot codes of shapes some hundred.
pub(crate) const INTEGERS_MAX: u64 = 1024;

#[derive(Debug, Clone)]
pub(crate) struct Constant {
    pub(crate) dimensions: Vec<u64>,
    pub(crate) element_type: ElementType,
    pub(crate) integers: Option<Vec<i64>>,
    pub(crate) floats: Option<Vec<f32>>,
}

impl Constant {
    pub(crate) fn of_integers(dimensions: Vec<u64>, integers: Vec<i64>) -> Self {
        Self {
            dimensions,
            element_type: ElementType::I64,
            integers: is_small(integers.len()).then_some(integers),
            floats: None,
        }
    }

    pub(crate) fn of_floats(dimensions: Vec<u64>, floats: &[f32]) -> Self {
        Self {
            dimensions,
            element_type: ElementType::F32,
            integers: is_small(floats.len()).then(|| whole(floats)).flatten(),
            floats: is_small(floats.len()).then(|| floats.to_vec()),
        }
    }

    /// Cannot overflow: [`read`] has checked the product, and the other makers hold their elements.
    pub(crate) fn elements(&self) -> u64 {
        self.dimensions
            .iter()
            .fold(1, |product, &size| product.saturating_mul(size))
    }
}

fn is_small(length: usize) -> bool {
    u64::try_from(length).is_ok_and(|length| length <= INTEGERS_MAX)
}

/// The floats as integers; none where one is not a whole number that f32 holds exactly.
fn whole(floats: &[f32]) -> Option<Vec<i64>> {
    floats.iter().map(|&value| whole_number(value)).collect()
}

/// By its bits, so that no rounding of a conversion can come between: sign, exponent, fraction.
fn whole_number(value: f32) -> Option<i64> {
    let bits = value.to_bits();
    let (negative, exponent) = (bits >> 31 == 1, (bits >> 23) & 0xff);
    let fraction = i64::from(bits & 0x7f_ffff);
    if exponent == 0 && fraction == 0 {
        return Some(0);
    }
    // The value is (2^23 + fraction) × 2^(exponent − 150); below 2^24 for exponents up to 150.
    let shift = 150_u32.checked_sub(exponent).filter(|&shift| shift <= 23)?;
    let magnitude = (1_i64 << 23) + fraction;
    if magnitude.trailing_zeros() < shift {
        return None;
    }
    let size = magnitude >> shift;
    Some(if negative { -size } else { size })
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
        .ok_or_else(|| fault(&element::unsupported(tensor.data_type)))?;
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
        // Where two elements share a byte, they share an entry, too.
        let shared = element_type.size_bits() < 8;
        let entries = if shared { bytes } else { elements };
        (entries, typed_length(tensor, element_type))
    } else {
        (bytes, tensor.raw_data.len())
    };
    if u64::try_from(actual).ok() != Some(expected) {
        return Err(fault(
            "its data does not have the length that its dimensions ask for",
        ));
    }
    let is_truth = element_type != ElementType::Bool
        || (tensor.raw_data.iter().all(|&byte| byte <= 1)
            && tensor
                .int32_data
                .iter()
                .all(|&entry| entry == 0 || entry == 1));
    if !is_truth {
        return Err(fault("a truth is neither 0 nor 1"));
    }
    let small = elements <= INTEGERS_MAX;
    let floats = (element_type == ElementType::F32 && small)
        .then(|| floats(tensor))
        .flatten();
    let integers = match &floats {
        Some(floats) => whole(floats),
        None if element_type.is_integer() && small => integers(tensor, element_type),
        None => None,
    };
    Ok(Constant {
        dimensions,
        element_type,
        integers,
        floats,
    })
}

/// Entries in the field that ONNX assigns to the type.
fn typed_length(tensor: &pb::TensorProto, element_type: ElementType) -> usize {
    match element_type {
        ElementType::F32 => tensor.float_data.len(),
        ElementType::F64 => tensor.double_data.len(),
        ElementType::I64 => tensor.int64_data.len(),
        ElementType::U64 | ElementType::U32 => tensor.uint64_data.len(),
        _ => tensor.int32_data.len(),
    }
}

fn floats(tensor: &pb::TensorProto) -> Option<Vec<f32>> {
    if tensor.raw_data.is_empty() {
        return Some(tensor.float_data.clone());
    }
    tensor
        .raw_data
        .chunks_exact(4)
        .map(|bytes| Some(f32::from_le_bytes(bytes.try_into().ok()?)))
        .collect()
}

fn integers(tensor: &pb::TensorProto, element_type: ElementType) -> Option<Vec<i64>> {
    if element_type.size_bits() < 8 {
        return None; // packed elements are weights, and shapes do not depend on them
    }
    if tensor.raw_data.is_empty() {
        let values: Vec<i64> = match element_type {
            ElementType::I64 => tensor.int64_data.clone(),
            ElementType::U64 | ElementType::U32 => tensor
                .uint64_data
                .iter()
                .map(|&value| i64::try_from(value).ok())
                .collect::<Option<_>>()?,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_followed_where_they_are_whole() {
        for (value, expected) in [
            (0.0, Some(0)),
            (-0.0, Some(0)),
            (1.0, Some(1)),
            (-3.0, Some(-3)),
            (640.0, Some(640)),
            (16_777_215.0, Some(16_777_215)),
            (33_554_432.0, None), // from 2^24 on, f32 has gaps
            (0.5, None),
            (1.5, None),
            (1e-40, None),
            (f32::NAN, None),
            (f32::INFINITY, None),
        ] {
            assert_eq!(whole_number(value), expected, "{value}");
        }
    }
}
