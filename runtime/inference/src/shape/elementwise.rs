//! Owns the shapes of operators that work on each element by itself, broadcast or not.

use super::{Call, Reason, Shapes, broadcast, type_named};
use crate::element::ElementType;
use crate::integers;
use crate::value::Value;

fn alike(input: &Value, element_type: ElementType) -> Value {
    Value::new(input.dimensions.clone(), element_type).bounded(input.bounds)
}

/// The shape and type of the first input.
pub(crate) fn same(call: &Call<'_>) -> Result<Value, Reason> {
    let input = call.input(0)?;
    follow(call, input, input.element_type)
}

fn follow(call: &Call<'_>, input: &Value, element_type: ElementType) -> Result<Value, Reason> {
    let operator = call.node.operator.name;
    let integers = input.integers.as_ref().and_then(|values| {
        let each = values.iter();
        each.map(|&value| integers::apply_to_one(operator, value))
            .collect()
    });
    let mut output = alike(input, element_type).with_integers(integers);
    if operator == "Identity" {
        output.floats.clone_from(&input.floats);
    }
    Ok(output)
}

/// The shape of the first input, and truth.
pub(crate) fn test(call: &Call<'_>) -> Result<Value, Reason> {
    Ok(alike(call.input(0)?, ElementType::Bool))
}

pub(crate) fn cast(call: &Call<'_>) -> Result<Value, Reason> {
    let input = call.input(0)?;
    let element_type = i32::try_from(call.node.integer("to", 0))
        .ok()
        .and_then(ElementType::from_onnx)
        .ok_or("it converts to an element type that is not supported")?;
    // To truth, every number but 0 becomes 1, which would have to be followed by itself.
    if element_type == ElementType::Bool {
        let integers = input.integers.as_ref().map(|values| {
            let each = values.iter();
            each.map(|&value| i64::from(value != 0)).collect()
        });
        return Ok(alike(input, element_type).with_integers(integers));
    }
    follow(call, input, element_type)
}

pub(crate) fn cast_like(call: &Call<'_>) -> Result<Value, Reason> {
    follow(call, call.input(0)?, call.input(1)?.element_type)
}

/// The same bits under another type of the same width.
pub(crate) fn bit_cast(call: &Call<'_>) -> Result<Value, Reason> {
    let input = call.input(0)?;
    let element_type = type_named(call, "to", input.element_type)?;
    if element_type.size_bits() != input.element_type.size_bits() {
        return Err("it converts to a type of another width".into());
    }
    Ok(alike(input, element_type))
}

/// All inputs broadcast to one shape, of the first one's type.
pub(crate) fn joined(call: &Call<'_>) -> Result<Value, Reason> {
    join(call, call.input(0)?.element_type)
}

/// All inputs broadcast to one shape, of truth.
pub(crate) fn compared(call: &Call<'_>) -> Result<Value, Reason> {
    join(call, ElementType::Bool)
}

fn join(call: &Call<'_>, element_type: ElementType) -> Result<Value, Reason> {
    let operator = call.node.operator.name;
    let first = call.input(0)?;
    let mut all = alike(first, first.element_type);
    all.integers.clone_from(&first.integers);
    for index in 1..call.inputs.len() {
        let next = call.input(index)?;
        // ONNX lets only Pow mix types; backends would each promote in their own way.
        if next.element_type != first.element_type && operator != "Pow" {
            return Err("its inputs differ in their element type".into());
        }
        let mut joined = broadcast(&all, next)?;
        let is_float = first.element_type.is_float();
        joined.integers =
            all.integers
                .as_ref()
                .zip(next.integers.as_ref())
                .and_then(|(left, right)| {
                    integers::fill(&joined.dimensions, |at| {
                        let l = integers::get_broadcast(left, &all.dimensions, at)?;
                        let r = integers::get_broadcast(right, &next.dimensions, at)?;
                        integers::apply(operator, l, r, is_float)
                    })
                });
        all = joined;
    }
    let integers = all.integers.take();
    all.element_type = element_type;
    Ok(all.with_integers(integers))
}

/// The first input's shape, to which the second must broadcast.
pub(crate) fn onto_first(call: &Call<'_>) -> Result<Value, Reason> {
    let (first, second) = (call.input(0)?, call.input(1)?);
    call.of_one_type(&[0, 1])?;
    let joined = broadcast(first, second)?;
    if joined.dimensions != first.dimensions {
        return Err(format!(
            "{:?} does not broadcast to {:?}",
            second.dimensions, first.dimensions
        ));
    }
    Ok(joined.bounded(first.bounds))
}

/// Two inputs of the same shape.
pub(crate) fn pairwise(call: &Call<'_>) -> Result<Value, Reason> {
    let (first, second) = (call.input(0)?, call.input(1)?);
    call.of_one_type(&[0, 1])?;
    if first.dimensions != second.dimensions {
        return Err(format!(
            "{:?} and {:?} are not the same",
            first.dimensions, second.dimensions
        ));
    }
    Ok(alike(first, first.element_type).bounded(first.bounds & second.bounds))
}

pub(crate) fn select(call: &Call<'_>) -> Result<Value, Reason> {
    let (test, yes, no) = (call.input(0)?, call.input(1)?, call.input(2)?);
    if test.element_type != ElementType::Bool || yes.element_type != no.element_type {
        return Err("it needs a condition and two inputs of one type".into());
    }
    let mut joined = broadcast(&broadcast(yes, no)?, test)?;
    let known = (
        test.integers.as_ref(),
        yes.integers.as_ref(),
        no.integers.as_ref(),
    );
    let integers = match known {
        (Some(tests), Some(yeses), Some(nos)) => integers::fill(&joined.dimensions, |at| {
            let test = integers::get_broadcast(tests, &test.dimensions, at)?;
            let (values, from) = if test == 0 { (nos, no) } else { (yeses, yes) };
            integers::get_broadcast(values, &from.dimensions, at)
        }),
        _ => None,
    };
    joined.element_type = yes.element_type;
    Ok(joined.with_integers(integers))
}

/// Not in training, the input itself, and which elements were kept: all.
pub(crate) fn dropout(call: &Call<'_>) -> Shapes {
    let input = call.input(0)?;
    let trains = match call.optional(2) {
        Some(mode) => mode.integers.as_deref() != Some(&[0]),
        None => false,
    };
    if trains {
        return Err("in training mode it draws random numbers, which no two runs share".into());
    }
    // What was kept was told in the input's type before truth was.
    let kept = if call.node.opset < 10 {
        input.element_type
    } else {
        ElementType::Bool
    };
    Ok(vec![alike(input, input.element_type), alike(input, kept)])
}
