//! Owns the shapes of operators on signals: Fourier transforms, windows, mel weights.

use super::{Call, Reason, axis, overflow, positive, size, size_of, type_named};
use crate::element::ElementType;
use crate::value::Value;

/// Where a transform lies and how long it is.
pub(crate) struct Transform {
    pub(crate) axis: usize,
    pub(crate) length: u64,
}

pub(crate) fn transform(call: &Call<'_>) -> Result<Transform, Reason> {
    let input = call.input(0)?;
    let axis = if call.node.opset < 20 {
        call.axis(1, input.rank())?
    } else if call.optional(2).is_some() {
        axis(call.known_one(2)?, input.rank())?
    } else {
        axis(-2, input.rank())?
    };
    if axis + 1 == input.rank() {
        return Err("its axis holds the parts of complex numbers".into());
    }
    let length = match call.optional(1) {
        Some(_) => positive(call.known_one(1)?)?,
        // Half a spectrum stands for twice as many numbers, but for its two ends.
        None if call.node.is_set("inverse") && call.node.is_set("onesided") => {
            let half = size_of(&input.dimensions, axis)?;
            let whole = half.checked_sub(1).and_then(|rest| rest.checked_mul(2));
            whole.ok_or_else(overflow)?
        }
        None => size_of(&input.dimensions, axis)?,
    };
    Ok(Transform { axis, length })
}

/// Complex numbers, as pairs in the last dimension; for real signals, half of them say all.
pub(crate) fn dft(call: &Call<'_>) -> Result<Value, Reason> {
    let input = call.input(0)?;
    let found = transform(call)?;
    let parts = input.dimensions.last().copied();
    if !matches!(parts, Some(1 | 2)) {
        return Err("its last dimension must be 1 or 2, for the parts of a number".into());
    }
    let (one_sided, inverse) = (call.node.is_set("onesided"), call.node.is_set("inverse"));
    let mut dimensions = input.dimensions.clone();
    *dimensions.get_mut(found.axis).ok_or_else(overflow)? = if one_sided && !inverse {
        found.length / 2 + 1
    } else {
        found.length
    };
    // The inverse of half a spectrum is real.
    *dimensions.last_mut().ok_or_else(overflow)? = if one_sided && inverse { 1 } else { 2 };
    Ok(Value::new(dimensions, input.element_type))
}

/// Frames of a short-time transform, and how long each is.
pub(crate) fn frames(call: &Call<'_>) -> Result<(u64, u64), Reason> {
    let signal = call.input(0)?;
    let step = positive(call.known_one(1)?)?;
    let window = call
        .optional(2)
        .map(|window| size_of(&window.dimensions, 0));
    let window = window.transpose()?;
    let length = match (call.optional(3), window) {
        (Some(_), _) => positive(call.known_one(3)?)?,
        (None, Some(length)) => length,
        (None, None) => return Err("it has neither a window nor a length of its frames".into()),
    };
    if window.is_some_and(|window| window != length) {
        return Err("its window is not as long as its frames".into());
    }
    let samples = size_of(&signal.dimensions, 1)?;
    let room = samples
        .checked_sub(length)
        .ok_or("its signal is shorter than a frame")?;
    let frames = (room / step).checked_add(1).ok_or_else(overflow)?;
    Ok((frames, length))
}

pub(crate) fn stft(call: &Call<'_>) -> Result<Value, Reason> {
    let signal = call.input(0)?;
    if signal.rank() != 3 && signal.rank() != 2 {
        return Err("its signal must have batch, samples and parts".into());
    }
    let (frames, length) = frames(call)?;
    let numbers = if call.node.integer("onesided", 1) != 0 {
        length / 2 + 1
    } else {
        length
    };
    let batch = size_of(&signal.dimensions, 0)?;
    Ok(Value::new(
        vec![batch, frames, numbers, 2],
        signal.element_type,
    ))
}

pub(crate) fn window(call: &Call<'_>) -> Result<Value, Reason> {
    let length = size(call.known_one(0)?)?;
    let element_type = type_named(call, "output_datatype", ElementType::F32)?;
    Ok(Value::new(vec![length], element_type))
}

pub(crate) fn mel_weights(call: &Call<'_>) -> Result<Value, Reason> {
    let (bins, length) = (positive(call.known_one(0)?)?, positive(call.known_one(1)?)?);
    let element_type = type_named(call, "output_datatype", ElementType::F32)?;
    Ok(Value::new(vec![length / 2 + 1, bins], element_type))
}
