//! Owns the shapes of operators that fold dimensions into one number.

use super::{Call, Reason, axis};
use crate::integers;
use crate::value::{Value, bit};

pub(crate) fn reduce(call: &Call<'_>) -> Result<Value, Reason> {
    let input = call.input(0)?;
    let axes = call.attribute_or_input("axes", 1)?.unwrap_or(&[]);
    if axes.is_empty() && call.node.is_set("noop_with_empty_axes") {
        return Ok(Value::new(input.dimensions.clone(), input.element_type).bounded(input.bounds));
    }
    let mut is_named = vec![axes.is_empty(); input.rank()];
    for &named in axes {
        if let Some(slot) = is_named.get_mut(axis(named, input.rank())?) {
            *slot = true;
        }
    }
    let is_reduced = |index: usize| is_named.get(index).copied().unwrap_or(false);
    let keeps = call.node.integer("keepdims", 1) != 0;
    let (dimensions, bounds) = drop_axes(input, is_reduced, keeps);
    let whole = is_named.iter().all(|&named| named);
    let integers = input
        .integers
        .as_ref()
        // Engines add floats in orders of their own, and round.
        .filter(|_| whole && !input.is_bounded() && input.element_type.is_integer())
        .and_then(|values| fold(call.node.operator.name, values))
        .map(|all| vec![all]);
    Ok(Value::new(dimensions, input.element_type)
        .bounded(bounds)
        .with_integers(integers))
}

/// All numbers folded into one; none for an operator that is not followed.
fn fold(operator: &str, values: &[i64]) -> Option<i64> {
    let mut values = values.iter().copied();
    match operator {
        "ReduceProd" => values.try_fold(1_i64, i64::checked_mul),
        "ReduceSum" => values.try_fold(0_i64, i64::checked_add),
        "ReduceMax" => values.max(),
        "ReduceMin" => values.min(),
        _ => None,
    }
}

pub(super) fn drop_axes(
    input: &Value,
    is_reduced: impl Fn(usize) -> bool,
    keep: bool,
) -> (Vec<u64>, u32) {
    let mut dimensions = Vec::with_capacity(input.rank());
    let mut bounds = 0;
    for (index, &size) in input.dimensions.iter().enumerate() {
        if !is_reduced(index) {
            if input.is_bounded_at(index) {
                bounds |= bit(dimensions.len());
            }
            dimensions.push(size);
        } else if keep {
            dimensions.push(1);
        }
    }
    (dimensions, bounds)
}

/// Sums or products of all elements up to each one along an axis.
pub(crate) fn cumulative(call: &Call<'_>) -> Result<Value, Reason> {
    let input = call.input(0)?;
    let along = call.input(1)?;
    if along.elements() != Some(1) {
        return Err("its axis must be one number".into());
    }
    let integers = match (input.rank(), call.node.operator.name) {
        (1, "CumSum") if !call.node.is_set("exclusive") && !call.node.is_set("reverse") => {
            input.integers.as_ref().and_then(|values| {
                let mut sum = 0_i64;
                integers::fill(&input.dimensions, |at| {
                    sum = sum.checked_add(integers::get(values, &input.dimensions, at)?)?;
                    Some(sum)
                })
            })
        }
        _ => None,
    };
    Ok(Value::new(input.dimensions.clone(), input.element_type)
        .bounded(input.bounds)
        .with_integers(integers))
}
