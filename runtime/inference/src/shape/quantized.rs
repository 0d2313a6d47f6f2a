//! Owns the shapes of operators between floats and quantised integers.

use super::{Call, Reason, Shapes, type_named};
use crate::element::ElementType;
use crate::value::Value;

/// The first input as integers, of the zero point's type or the one that is named.
pub(crate) fn quantize(call: &Call<'_>) -> Result<Value, Reason> {
    let input = call.input(0)?;
    let default = call
        .optional(2)
        .map_or(ElementType::U8, |zero| zero.element_type);
    let element_type = type_named(call, "output_dtype", default)?;
    if !element_type.is_integer() {
        return Err(format!("it quantises to {element_type}"));
    }
    Ok(Value::new(input.dimensions.clone(), element_type).bounded(input.bounds))
}

/// The first input as floats, of the scale's type or the one that is named.
pub(crate) fn dequantize(call: &Call<'_>) -> Result<Value, Reason> {
    let (input, scale) = (call.input(0)?, call.input(1)?);
    let element_type = type_named(call, "output_dtype", scale.element_type)?;
    Ok(Value::new(input.dimensions.clone(), element_type).bounded(input.bounds))
}

/// Integers, and the scale and zero point that were found for them.
pub(crate) fn dynamic(call: &Call<'_>) -> Shapes {
    let input = call.input(0)?;
    Ok(vec![
        Value::new(input.dimensions.clone(), ElementType::U8),
        Value::new(vec![], ElementType::F32),
        Value::new(vec![], ElementType::U8),
    ])
}
