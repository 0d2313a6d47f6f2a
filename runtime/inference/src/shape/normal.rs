//! Owns the shapes of operators that normalise, and of losses.

use super::{Call, Reason, Shapes, positive, size_of, type_named};
use crate::element::ElementType;
use crate::value::{Value, bit};

/// The first input normalised by a mean and a variance that are given.
pub(crate) fn batch(call: &Call<'_>) -> Result<Value, Reason> {
    let input = call.input(0)?;
    if call.node.is_set("training_mode") {
        return Err(
            "in training mode it changes its own statistics, which is not supported".into(),
        );
    }
    let channels = input.dimensions.get(1).copied().unwrap_or(1);
    for index in 1..5 {
        if call.input(index)?.dimensions != [channels] {
            return Err(format!(
                "its input {index} does not have {channels} elements"
            ));
        }
    }
    Ok(Value::new(input.dimensions.clone(), input.element_type))
}

/// The first input normalised over the dimensions from an axis on, with mean and deviation.
pub(crate) fn layer(call: &Call<'_>) -> Shapes {
    let input = call.input(0)?;
    let from = call.axis(-1, input.rank())?;
    let mut folded = input.dimensions.clone();
    for slot in folded.iter_mut().skip(from) {
        *slot = 1;
    }
    let stash = type_named(call, "stash_type", ElementType::F32)?;
    let statistic = || Value::new(folded.clone(), stash);
    let normal = Value::new(input.dimensions.clone(), input.element_type);
    Ok(vec![normal, statistic(), statistic()])
}

/// Channels in groups, each normalised.
pub(crate) fn group(call: &Call<'_>) -> Result<Value, Reason> {
    let input = call.input(0)?;
    let channels = size_of(&input.dimensions, 1)?;
    let groups = positive(call.node.integer("num_groups", 0))?;
    if channels % groups != 0 || input.is_bounded_at(1) {
        return Err(format!("{channels} channels do not make {groups} groups"));
    }
    Ok(Value::new(input.dimensions.clone(), input.element_type).bounded(input.bounds & bit(0)))
}

/// One number for each label, or their sum or mean; with the logarithms of soft-max when asked for.
pub(crate) fn loss(call: &Call<'_>) -> Shapes {
    let (scores, labels) = (call.input(0)?, call.input(1)?);
    let [batch, _classes, spatial @ ..] = scores.dimensions.as_slice() else {
        return Err("its input must have batch and classes".into());
    };
    let each = [&[*batch], spatial].concat();
    if labels.dimensions != each {
        return Err("its labels do not fit its scores".into());
    }
    let loss = match call.node.text("reduction") {
        b"none" => each,
        b"" | b"mean" | b"sum" => vec![],
        _ => return Err("its reduction is unknown".into()),
    };
    let loss = Value::new(loss, scores.element_type);
    if call.node.operator.name == "NegativeLogLikelihoodLoss" {
        return Ok(vec![loss]);
    }
    let logarithms = Value::new(scores.dimensions.clone(), scores.element_type);
    Ok(vec![loss, logarithms])
}

/// A rotary embedding leaves its input's shape.
pub(crate) fn rotary(call: &Call<'_>) -> Result<Value, Reason> {
    let input = call.input(0)?;
    let fits = match input.rank() {
        4 => true,
        3 => call.node.is_set("num_heads"),
        _ => false,
    };
    if !fits {
        return Err("its input must have 4 dimensions, or 3 and its number of heads".into());
    }
    Ok(Value::new(input.dimensions.clone(), input.element_type))
}
