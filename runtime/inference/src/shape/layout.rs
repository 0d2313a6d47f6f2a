//! Owns the shapes of operators that move, select or repeat elements, and follows small integers
//! through them. Charges nothing.

use super::{Call, Reason, axis, broadcast_shapes, checked_product, size_of};
use crate::element::ElementType;
use crate::integers;
use crate::value::Value;

fn size(value: i64) -> Result<u64, Reason> {
    u64::try_from(value).map_err(|_| format!("a dimension is {value}"))
}

fn overflow() -> Reason {
    "a dimension overflows".into()
}

/// The same elements under other dimensions.
fn view(input: &Value, dimensions: Vec<u64>) -> Result<Value, Reason> {
    if checked_product(&dimensions)? != checked_product(&input.dimensions)? {
        return Err(format!(
            "{:?} cannot be viewed as {dimensions:?}",
            input.dimensions
        ));
    }
    Ok(Value::new(dimensions, input.element_type).with_integers(input.integers.clone()))
}

/// Moved elements: `from` names the index in the input for each index in the output.
fn moved(input: &Value, dimensions: Vec<u64>, from: impl Fn(&[u64]) -> Option<Vec<u64>>) -> Value {
    let integers = input.integers.as_ref().and_then(|values| {
        integers::fill(&dimensions, |at| {
            integers::get(values, &input.dimensions, &from(at)?)
        })
    });
    Value::new(dimensions, input.element_type).with_integers(integers)
}

pub(super) fn constant_of_shape(call: &Call<'_>) -> Result<Value, Reason> {
    let dimensions = call
        .known(0)?
        .iter()
        .map(|&s| size(s))
        .collect::<Result<Vec<_>, _>>()?;
    let fill = call
        .node
        .attributes
        .get("value")
        .and_then(|value| value.tensor.as_ref());
    let element_type = fill.map_or(ElementType::F32, |fill| fill.element_type);
    let value = fill.and_then(|fill| fill.integers.as_ref()?.first().copied());
    let integers = integers::fill(&dimensions, |_| value);
    Ok(Value::new(dimensions, element_type).with_integers(integers))
}

pub(super) fn shape(call: &Call<'_>) -> Result<Value, Reason> {
    let input = call.input(0)?;
    let count = i64::try_from(input.rank()).map_err(|_| overflow())?;
    let bound = |name: &str, default: i64| {
        let at = call.node.integer(name, default);
        let at = if at < 0 { at.saturating_add(count) } else { at };
        usize::try_from(at.clamp(0, count)).map_err(|_| overflow())
    };
    let (start, end) = (bound("start", 0)?, bound("end", count)?);
    let sizes = input.dimensions.get(start..end.max(start)).unwrap_or(&[]);
    let sizes = sizes
        .iter()
        .map(|&s| i64::try_from(s))
        .collect::<Result<Vec<_>, _>>();
    let sizes = sizes.map_err(|_| overflow())?;
    let length = u64::try_from(sizes.len()).map_err(|_| overflow())?;
    Ok(Value::new(vec![length], ElementType::I64).with_integers(Some(sizes)))
}

pub(super) fn reshape(call: &Call<'_>) -> Result<Value, Reason> {
    let (input, target) = (call.input(0)?, call.known(1)?);
    let keeps_zero = call.node.integer("allowzero", 0) != 0;
    let mut open = None;
    let mut dimensions = Vec::with_capacity(target.len());
    for (index, &wanted) in target.iter().enumerate() {
        dimensions.push(match wanted {
            -1 if open.replace(index).is_some() => {
                return Err("two dimensions are left open".into());
            }
            -1 => 1,
            0 if !keeps_zero => size_of(&input.dimensions, index)?,
            wanted => size(wanted)?,
        });
    }
    let known = checked_product(&dimensions)?;
    if let Some(slot) = open.and_then(|index| dimensions.get_mut(index)) {
        let all = checked_product(&input.dimensions)?;
        *slot = all
            .checked_div(known)
            .ok_or("an open dimension beside an empty one")?;
    }
    view(input, dimensions)
}

pub(super) fn flatten(call: &Call<'_>) -> Result<Value, Reason> {
    let input = call.input(0)?;
    let at = call.node.integer("axis", 1);
    let at = if usize::try_from(at) == Ok(input.rank()) {
        input.rank()
    } else {
        axis(at, input.rank())?
    };
    let (outer, inner) = input.dimensions.split_at_checked(at).ok_or_else(overflow)?;
    view(
        input,
        vec![checked_product(outer)?, checked_product(inner)?],
    )
}

pub(super) fn squeeze(call: &Call<'_>) -> Result<Value, Reason> {
    let input = call.input(0)?;
    let axes = call.attribute_or_input("axes", 1)?;
    let axes = axes
        .map(|axes| {
            axes.iter()
                .map(|&a| axis(a, input.rank()))
                .collect::<Result<Vec<_>, _>>()
        })
        .transpose()?;
    let mut dimensions = Vec::new();
    for (index, &size) in input.dimensions.iter().enumerate() {
        match &axes {
            Some(axes) if axes.contains(&index) && size != 1 => {
                return Err(format!("dimension {index} is {size} and cannot be dropped"));
            }
            Some(axes) if axes.contains(&index) => {}
            None if size == 1 => {}
            _ => dimensions.push(size),
        }
    }
    view(input, dimensions)
}

pub(super) fn unsqueeze(call: &Call<'_>) -> Result<Value, Reason> {
    let input = call.input(0)?;
    let axes = call
        .attribute_or_input("axes", 1)?
        .ok_or("it has no axes")?;
    let rank = input.rank().checked_add(axes.len()).ok_or_else(overflow)?;
    let added = axes
        .iter()
        .map(|&a| axis(a, rank))
        .collect::<Result<Vec<_>, _>>()?;
    if added
        .iter()
        .enumerate()
        .any(|(index, a)| added.iter().skip(index + 1).any(|b| a == b))
    {
        return Err("an axis is named twice".into());
    }
    let mut sizes = input.dimensions.iter().copied();
    let dimensions = (0..rank)
        .filter_map(|at| {
            if added.contains(&at) {
                Some(1)
            } else {
                sizes.next()
            }
        })
        .collect();
    view(input, dimensions)
}

pub(super) fn transpose(call: &Call<'_>) -> Result<Value, Reason> {
    let input = call.input(0)?;
    let order: Vec<usize> = match call.node.integers("perm") {
        Some(order) => order
            .iter()
            .map(|&a| axis(a, input.rank()))
            .collect::<Result<_, _>>()?,
        None => (0..input.rank()).rev().collect(),
    };
    if order.len() != input.rank() || (0..input.rank()).any(|at| !order.contains(&at)) {
        return Err("its order does not name each dimension once".into());
    }
    let dimensions = order
        .iter()
        .map(|&at| size_of(&input.dimensions, at))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(moved(input, dimensions, |at| {
        let mut from = vec![0; at.len()];
        for (&axis, &index) in order.iter().zip(at) {
            *from.get_mut(axis)? = index;
        }
        Some(from)
    }))
}

pub(super) fn concat(call: &Call<'_>) -> Result<Value, Reason> {
    let first = call.input(0)?;
    let along = axis(call.node.integer("axis", 0), first.rank())?;
    let mut parts = Vec::new();
    let mut total = 0_u64;
    for index in 0..call.inputs.len() {
        let part = call.input(index)?;
        let mut like_first = part.dimensions.clone();
        let length = size_of(&part.dimensions, along)?;
        if let Some(slot) = like_first.get_mut(along) {
            *slot = size_of(&first.dimensions, along)?;
        }
        if like_first != first.dimensions || part.element_type != first.element_type {
            return Err(format!(
                "{:?} does not fit {:?}",
                part.dimensions, first.dimensions
            ));
        }
        parts.push((total, part));
        total = total.checked_add(length).ok_or_else(overflow)?;
    }
    let mut dimensions = first.dimensions.clone();
    *dimensions.get_mut(along).ok_or_else(overflow)? = total;
    let is_known = parts.iter().all(|(_, part)| part.integers.is_some());
    let integers = is_known.then(|| {
        integers::fill(&dimensions, |at| {
            let position = *at.get(along)?;
            // An empty part starts where the next one does: the last start not past the position has it.
            let (start, part) = parts
                .iter()
                .rev()
                .find(|(start, part)| *start <= position && part.elements() != Some(0))?;
            let mut from = at.to_vec();
            *from.get_mut(along)? = position.checked_sub(*start)?;
            integers::get(part.integers.as_ref()?, &part.dimensions, &from)
        })
    });
    Ok(Value::new(dimensions, first.element_type).with_integers(integers.flatten()))
}

pub(super) fn split(call: &Call<'_>) -> Result<Vec<Value>, Reason> {
    let input = call.input(0)?;
    let along = axis(call.node.integer("axis", 0), input.rank())?;
    let whole = size_of(&input.dimensions, along)?;
    let count = u64::try_from(call.node.outputs.len()).map_err(|_| overflow())?;
    let sizes = match call.attribute_or_input("split", 1)? {
        Some(sizes) => sizes
            .iter()
            .map(|&s| size(s))
            .collect::<Result<Vec<_>, _>>()?,
        None if whole.checked_rem(count) == Some(0) => vec![whole / count; call.node.outputs.len()],
        None => {
            return Err(format!(
                "{whole} elements do not split into {count} equal parts"
            ));
        }
    };
    let sum = sizes
        .iter()
        .try_fold(0_u64, |sum, &size| sum.checked_add(size));
    if sum != Some(whole) || sizes.len() != call.node.outputs.len() {
        return Err("its parts do not make up its input".into());
    }
    sizes
        .into_iter()
        .map(|part| {
            let mut dimensions = input.dimensions.clone();
            *dimensions.get_mut(along).ok_or_else(overflow)? = part;
            Ok(Value::new(dimensions, input.element_type))
        })
        .collect()
}

/// Where a slice starts, how far each step goes and how many it takes along one dimension.
#[derive(Clone, Copy)]
struct Cut {
    start: i64,
    step: i64,
    count: u64,
}

fn cut(size: u64, start: i64, end: i64, step: i64) -> Result<Cut, Reason> {
    let size = i64::try_from(size).map_err(|_| overflow())?;
    let from_start = |at: i64| if at < 0 { at.saturating_add(size) } else { at };
    let (start, end) = (from_start(start), from_start(end));
    let (start, span) = match step {
        0 => return Err("it has a step of 0".into()),
        1.. => {
            let (start, end) = (start.clamp(0, size), end.clamp(0, size));
            (start, end.saturating_sub(start))
        }
        _ => {
            let (start, end) = (
                start.clamp(-1, size.saturating_sub(1)),
                end.clamp(-1, size.saturating_sub(1)),
            );
            (start, start.saturating_sub(end))
        }
    };
    let count = u64::try_from(span.max(0))
        .map_err(|_| overflow())?
        .div_ceil(step.unsigned_abs());
    Ok(Cut { start, step, count })
}

pub(super) fn slice(call: &Call<'_>) -> Result<Value, Reason> {
    let input = call.input(0)?;
    let starts = call
        .attribute_or_input("starts", 1)?
        .ok_or("it has no starts")?;
    let ends = call
        .attribute_or_input("ends", 2)?
        .ok_or("it has no ends")?;
    let all: Vec<i64> = (0_i64..).take(starts.len()).collect();
    let axes = call.attribute_or_input("axes", 3)?.unwrap_or(&all);
    let ones = vec![1; starts.len()];
    let steps = call.attribute_or_input("steps", 4)?.unwrap_or(&ones);
    if [ends.len(), axes.len(), steps.len()]
        .iter()
        .any(|&length| length != starts.len())
    {
        return Err("its starts, ends, axes and steps differ in length".into());
    }
    let mut cuts = input
        .dimensions
        .iter()
        .map(|&size| Cut {
            start: 0,
            step: 1,
            count: size,
        })
        .collect::<Vec<_>>();
    for ((&start, &end), (&along, &step)) in starts.iter().zip(ends).zip(axes.iter().zip(steps)) {
        let along = axis(along, input.rank())?;
        *cuts.get_mut(along).ok_or_else(overflow)? =
            cut(size_of(&input.dimensions, along)?, start, end, step)?;
    }
    let dimensions = cuts.iter().map(|cut| cut.count).collect();
    Ok(moved(input, dimensions, |at| {
        cuts.iter()
            .zip(at)
            .map(|(cut, &index)| {
                let offset = i64::try_from(index).ok()?.checked_mul(cut.step)?;
                u64::try_from(cut.start.checked_add(offset)?).ok()
            })
            .collect()
    }))
}

pub(super) fn gather(call: &Call<'_>) -> Result<Value, Reason> {
    let (input, indices) = (call.input(0)?, call.input(1)?);
    let along = axis(call.node.integer("axis", 0), input.rank())?;
    let length = size_of(&input.dimensions, along)?;
    let (outer, inner) = input
        .dimensions
        .split_at_checked(along)
        .ok_or_else(overflow)?;
    let inner = inner.get(1..).unwrap_or(&[]);
    let dimensions = [outer, &indices.dimensions, inner].concat();
    let chosen = indices.integers.as_deref();
    Ok(moved(input, dimensions, |at| {
        let (outer, rest) = at.split_at_checked(along)?;
        let (which, inner) = rest.split_at_checked(indices.rank())?;
        let index = integers::get(chosen?, &indices.dimensions, which)?;
        let index = if index < 0 {
            index.checked_add(i64::try_from(length).ok()?)?
        } else {
            index
        };
        Some(
            [
                outer,
                &[u64::try_from(index).ok().filter(|&index| index < length)?],
                inner,
            ]
            .concat(),
        )
    }))
}

pub(super) fn expand(call: &Call<'_>) -> Result<Value, Reason> {
    let input = call.input(0)?;
    let target = call
        .known(1)?
        .iter()
        .map(|&s| size(s))
        .collect::<Result<Vec<_>, _>>()?;
    let dimensions = broadcast_shapes(&input.dimensions, &target)?;
    let integers = input.integers.as_ref().and_then(|values| {
        integers::fill(&dimensions, |at| {
            integers::get_broadcast(values, &input.dimensions, at)
        })
    });
    Ok(Value::new(dimensions, input.element_type).with_integers(integers))
}

pub(super) fn tile(call: &Call<'_>) -> Result<Value, Reason> {
    let (input, repeats) = (call.input(0)?, call.known(1)?);
    if repeats.len() != input.rank() {
        return Err("its repeats do not name each dimension".into());
    }
    let dimensions = input
        .dimensions
        .iter()
        .zip(repeats)
        .map(|(&length, &times)| length.checked_mul(size(times)?).ok_or_else(overflow))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(moved(input, dimensions, |at| {
        at.iter()
            .zip(&input.dimensions)
            .map(|(&index, &length)| index.checked_rem(length))
            .collect()
    }))
}

pub(super) fn pad(call: &Call<'_>) -> Result<Value, Reason> {
    let input = call.input(0)?;
    let pads = call
        .attribute_or_input("pads", 1)?
        .ok_or("it has no pads")?;
    if call.optional(3).is_some() {
        return Err("axes as an input are not supported".into());
    }
    let (before, after) = pads
        .split_at_checked(input.rank())
        .filter(|(before, after)| before.len() == after.len())
        .ok_or("its pads do not name each dimension twice")?;
    let dimensions = input
        .dimensions
        .iter()
        .zip(before.iter().zip(after))
        .map(|(&length, (&before, &after))| {
            let padded = length
                .checked_add(size(before)?)
                .and_then(|sum| sum.checked_add(size(after).ok()?));
            padded.ok_or_else(|| "a padding is negative or overflows".to_owned())
        })
        .collect::<Result<Vec<_>, _>>()?;
    Ok(Value::new(dimensions, input.element_type))
}

pub(super) fn range(call: &Call<'_>) -> Result<Value, Reason> {
    let single = |index: usize| match call.known(index)? {
        [value] => Ok(*value),
        _ => Err(format!("input {index} must be one number")),
    };
    let (start, limit, step) = (single(0)?, single(1)?, single(2)?);
    let span = if step < 0 {
        start.checked_sub(limit)
    } else {
        limit.checked_sub(start)
    };
    let span = u64::try_from(span.ok_or_else(overflow)?.max(0)).map_err(|_| overflow())?;
    if step == 0 {
        return Err("it has a step of 0".into());
    }
    let dimensions = vec![span.div_ceil(step.unsigned_abs())];
    let integers = integers::fill(&dimensions, |at| {
        start.checked_add(i64::try_from(*at.first()?).ok()?.checked_mul(step)?)
    });
    Ok(Value::new(dimensions, call.input(0)?.element_type).with_integers(integers))
}

/// Blocks of pixels become channels, or channels become blocks of pixels.
pub(super) fn space(call: &Call<'_>) -> Result<Value, Reason> {
    let input = call.input(0)?;
    let [batch, channels, height, width] = *input.dimensions.as_slice() else {
        return Err("its input must have batch, channels, height and width".into());
    };
    let block = size(call.node.integer("blocksize", 0))?;
    let area = block
        .checked_mul(block)
        .filter(|&area| area > 0)
        .ok_or("its blocksize is not valid")?;
    let fits = |size: u64, by: u64| {
        size.checked_div(by)
            .filter(|part| part.checked_mul(by) == Some(size))
            .ok_or("its blocks do not fit")
    };
    let grown = |size: u64, by: u64| size.checked_mul(by).ok_or_else(overflow);
    let dimensions = if call.node.operator.form == crate::table::Form::DepthToSpace {
        vec![
            batch,
            fits(channels, area)?,
            grown(height, block)?,
            grown(width, block)?,
        ]
    } else {
        vec![
            batch,
            grown(channels, area)?,
            fits(height, block)?,
            fits(width, block)?,
        ]
    };
    Ok(Value::new(dimensions, input.element_type))
}
