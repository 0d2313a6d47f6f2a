//! Owns the shapes of operators that move, select or repeat elements, and follows small integers
//! through them. Charges nothing.

use super::{
    Call, Reason, Shapes, axis, broadcast, checked_product, overflow, positive, size, size_of,
    type_named,
};
use crate::element::ElementType;
use crate::integers;
use crate::tensor::RANK_MAX;
use crate::value::{Value, bit};

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

pub(crate) fn constant_of_shape(call: &Call<'_>) -> Result<Value, Reason> {
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

pub(crate) fn shape(call: &Call<'_>) -> Result<Value, Reason> {
    let input = call.input(0)?;
    let count = i64::try_from(input.rank()).map_err(|_| overflow())?;
    let bound = |name: &str, default: i64| {
        let at = call.node.integer(name, default);
        let at = if at < 0 { at.saturating_add(count) } else { at };
        usize::try_from(at.clamp(0, count)).map_err(|_| overflow())
    };
    let (start, end) = (bound("start", 0)?, bound("end", count)?);
    let end = end.max(start);
    let sizes = input.dimensions.get(start..end).unwrap_or(&[]);
    let sizes = sizes
        .iter()
        .map(|&s| i64::try_from(s))
        .collect::<Result<Vec<_>, _>>();
    let sizes = sizes.map_err(|_| overflow())?;
    let length = u64::try_from(sizes.len()).map_err(|_| overflow())?;
    // What is only bounded is not known.
    let exact = !(start..end).any(|dimension| input.is_bounded_at(dimension));
    Ok(Value::new(vec![length], ElementType::I64).with_integers(exact.then_some(sizes)))
}

pub(crate) fn count(call: &Call<'_>) -> Result<Value, Reason> {
    let input = call.input(0)?;
    let elements = input
        .elements()
        .filter(|_| !input.is_bounded())
        .and_then(|size| i64::try_from(size).ok());
    Ok(Value::new(vec![], ElementType::I64).with_integers(elements.map(|size| vec![size])))
}

pub(crate) fn constant(call: &Call<'_>) -> Result<Value, Reason> {
    let constant = call.node.constant();
    Ok(Value::weight(
        &constant.ok_or("its value is missing or of no supported type")?,
    ))
}

pub(crate) fn reshape(call: &Call<'_>) -> Result<Value, Reason> {
    let (input, target) = (call.input(0)?, call.known(1)?);
    let keeps_zero = call.node.is_set("allowzero");
    let mut open = None;
    let mut dimensions = Vec::with_capacity(target.len().min(RANK_MAX));
    let mut bounds = 0;
    if target.len() > RANK_MAX {
        return Err(format!("an output has more than {RANK_MAX} dimensions"));
    }
    for (index, &wanted) in target.iter().enumerate() {
        dimensions.push(match wanted {
            -1 if open.replace(index).is_some() => {
                return Err("two dimensions are left open".into());
            }
            -1 => 1,
            0 if !keeps_zero => {
                if input.is_bounded_at(index) {
                    bounds |= bit(index);
                }
                size_of(&input.dimensions, index)?
            }
            wanted => size(wanted)?,
        });
    }
    let known = checked_product(&dimensions)?;
    let all = checked_product(&input.dimensions)?;
    if let Some(index) = open
        && let Some(slot) = dimensions.get_mut(index)
    {
        *slot = all
            .checked_div(known)
            .ok_or("an open dimension beside an empty one")?;
        // Beside a dimension that turns out smaller, the open one stays as it is; but a bounded one
        // that is not kept ends in the open one.
        if bounds == 0 && input.is_bounded() {
            return Ok(Value::new(dimensions, input.element_type).bounded(bit(index)));
        }
    }
    if input.is_bounded() && bounds != input.bounds {
        return Err(
            "it asks for a fixed shape, and the size of its input is known only as an upper bound"
                .into(),
        );
    }
    Ok(view(input, dimensions)?.bounded(bounds))
}

pub(crate) fn flatten(call: &Call<'_>) -> Result<Value, Reason> {
    let input = call.input(0)?;
    let at = call.axis_or_end(1, input.rank())?;
    let (outer, inner) = input.dimensions.split_at_checked(at).ok_or_else(overflow)?;
    let bounds = (0..input.rank())
        .filter(|&dimension| input.is_bounded_at(dimension))
        .fold(0, |bounds, dimension| {
            bounds | bit(usize::from(dimension >= at))
        });
    let dimensions = vec![checked_product(outer)?, checked_product(inner)?];
    Ok(view(input, dimensions)?.bounded(bounds))
}

pub(crate) fn squeeze(call: &Call<'_>) -> Result<Value, Reason> {
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
    let mut bounds = 0;
    for (index, &size) in input.dimensions.iter().enumerate() {
        let bounded = input.is_bounded_at(index);
        match &axes {
            // Which dimensions vanish must be known, and that they can.
            None if bounded => return Err("a dimension that it may drop is only bounded".into()),
            Some(axes) if bounded && axes.contains(&index) => {
                return Err(format!(
                    "dimension {index} is only bounded and cannot be dropped"
                ));
            }
            Some(axes) if axes.contains(&index) && size != 1 => {
                return Err(format!("dimension {index} is {size} and cannot be dropped"));
            }
            Some(axes) if axes.contains(&index) => {}
            None if size == 1 => {}
            _ => {
                if bounded {
                    bounds |= bit(dimensions.len());
                }
                dimensions.push(size);
            }
        }
    }
    Ok(view(input, dimensions)?.bounded(bounds))
}

pub(crate) fn unsqueeze(call: &Call<'_>) -> Result<Value, Reason> {
    let input = call.input(0)?;
    let axes = call
        .attribute_or_input("axes", 1)?
        .ok_or("it has no axes")?;
    let rank = input.rank().checked_add(axes.len()).ok_or_else(overflow)?;
    if rank > RANK_MAX {
        return Err(format!("an output has more than {RANK_MAX} dimensions"));
    }
    let added = axes
        .iter()
        .map(|&a| axis(a, rank))
        .collect::<Result<Vec<_>, _>>()?;
    if (1..added.len()).any(|index| added[..index].contains(&added[index])) {
        return Err("an axis is named twice".into());
    }
    let mut sizes = input.dimensions.iter().copied().enumerate();
    let mut bounds = 0;
    let mut dimensions = Vec::with_capacity(rank);
    for at in 0..rank {
        if added.contains(&at) {
            dimensions.push(1);
        } else if let Some((from, size)) = sizes.next() {
            if input.is_bounded_at(from) {
                bounds |= bit(at);
            }
            dimensions.push(size);
        }
    }
    Ok(view(input, dimensions)?.bounded(bounds))
}

pub(crate) fn transpose(call: &Call<'_>) -> Result<Value, Reason> {
    let input = call.input(0)?;
    let order: Vec<usize> = match call.node.integers("perm") {
        Some(order) if order.len() != input.rank() => {
            return Err("its order does not name each dimension once".into());
        }
        Some(order) => order
            .iter()
            .map(|&a| axis(a, input.rank()))
            .collect::<Result<_, _>>()?,
        None => (0..input.rank()).rev().collect(),
    };
    if (0..input.rank()).any(|at| !order.contains(&at)) {
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
    })
    .bounded(renumbered(input, &order)))
}

/// The bounds of an output whose dimension `n` is dimension `from[n]` of the input.
fn renumbered(input: &Value, from: &[usize]) -> u32 {
    let bounded = from.iter().enumerate();
    bounded
        .filter(|(_, from)| input.is_bounded_at(**from))
        .fold(0, |bounds, (to, _)| bounds | bit(to))
}

pub(crate) fn concat(call: &Call<'_>) -> Result<Value, Reason> {
    let first = call.input(0)?;
    let along = call.axis(0, first.rank())?;
    let mut starts = Vec::new();
    let mut parts = Vec::new();
    let mut total = 0_u64;
    let mut bounds = 0;
    for index in 0..call.inputs.len() {
        let part = call.input(index)?;
        let fits = part.rank() == first.rank()
            && part.element_type == first.element_type
            && (0..first.rank())
                .all(|at| at == along || part.dimensions.get(at) == first.dimensions.get(at));
        if !fits {
            return Err(format!(
                "{:?} does not fit {:?}",
                part.dimensions, first.dimensions
            ));
        }
        bounds |= part.bounds;
        let length = size_of(&part.dimensions, along)?;
        // An empty part has no elements to be found.
        if length > 0 {
            starts.push(total);
            parts.push(part);
        }
        total = total.checked_add(length).ok_or_else(overflow)?;
    }
    let mut dimensions = first.dimensions.clone();
    *dimensions.get_mut(along).ok_or_else(overflow)? = total;
    let is_known = parts.iter().all(|part| part.integers.is_some());
    let integers = is_known.then(|| {
        integers::fill(&dimensions, |at| {
            let position = *at.get(along)?;
            let which = starts
                .partition_point(|&start| start <= position)
                .checked_sub(1)?;
            let (start, part) = (*starts.get(which)?, parts.get(which)?);
            let mut from = at.to_vec();
            *from.get_mut(along)? = position.checked_sub(start)?;
            integers::get(part.integers.as_ref()?, &part.dimensions, &from)
        })
    });
    Ok(Value::new(dimensions, first.element_type)
        .bounded(bounds)
        .with_integers(integers.flatten()))
}

pub(crate) fn split(call: &Call<'_>) -> Shapes {
    let input = call.input(0)?;
    let along = call.axis(0, input.rank())?;
    let whole = size_of(&input.dimensions, along)?;
    let outputs = call.node.outputs.len();
    let count = u64::try_from(outputs).map_err(|_| overflow())?;
    let sizes = match call.attribute_or_input("split", 1)? {
        Some(sizes) => sizes
            .iter()
            .map(|&s| size(s))
            .collect::<Result<Vec<_>, _>>()?,
        // All parts but the last are the same.
        None if call.node.opset >= 18 => {
            let parts = positive(call.node.integer("num_outputs", 0))?;
            let each = whole.div_ceil(parts);
            let last = each
                .checked_mul(parts - 1)
                .and_then(|rest| whole.checked_sub(rest));
            let (true, Some(last)) = (parts == count, last) else {
                return Err(format!("{whole} elements do not split into {parts} parts"));
            };
            let mut sizes = vec![each; outputs];
            if let Some(slot) = sizes.last_mut() {
                *slot = last;
            }
            sizes
        }
        None if whole.checked_rem(count) == Some(0) => vec![whole / count; outputs],
        None => {
            return Err(format!(
                "{whole} elements do not split into {count} equal parts"
            ));
        }
    };
    let sum = sizes
        .iter()
        .try_fold(0_u64, |sum, &size| sum.checked_add(size));
    if sum != Some(whole) || sizes.len() != outputs {
        return Err("its parts do not make up its input".into());
    }
    let mut start = 0_u64;
    sizes
        .into_iter()
        .map(|part| {
            let mut dimensions = input.dimensions.clone();
            *dimensions.get_mut(along).ok_or_else(overflow)? = part;
            let from = start;
            start = start.saturating_add(part);
            Ok(moved(input, dimensions, |at| {
                let mut at = at.to_vec();
                let slot = at.get_mut(along)?;
                *slot = slot.checked_add(from)?;
                Some(at)
            }))
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
    if end == i64::from(i32::MAX) && size > end {
        return Err("its end means the end of its input, which lies further away".into());
    }
    let from_start = |at: i64| if at < 0 { at.saturating_add(size) } else { at };
    let (start, end) = (from_start(start), from_start(end));
    let (start, span) = match step {
        0 => return Err("it has a step of 0".into()),
        1.. => {
            let (start, end) = (start.clamp(0, size), end.clamp(0, size));
            (start, end.saturating_sub(start))
        }
        // Engines take these for the end, whichever way the step goes.
        _ if matches!(end, i64::MAX) || end == i64::from(i32::MAX) => {
            return Err("it goes backwards, and to an end that means forwards".into());
        }
        _ => {
            let last = size.saturating_sub(1);
            let (start, end) = (start.clamp(0, last.max(0)).min(last), end.clamp(-1, last));
            (start, start.saturating_sub(end))
        }
    };
    let count = u64::try_from(span.max(0))
        .map_err(|_| overflow())?
        .div_ceil(step.unsigned_abs());
    Ok(Cut { start, step, count })
}

pub(crate) fn slice(call: &Call<'_>) -> Result<Value, Reason> {
    let input = call.input(0)?;
    let starts = call
        .attribute_or_input("starts", 1)?
        .ok_or("it has no starts")?;
    let ends = call
        .attribute_or_input("ends", 2)?
        .ok_or("it has no ends")?;
    if starts.len() > RANK_MAX {
        return Err(format!("it cuts more than {RANK_MAX} dimensions"));
    }
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
        let length = size_of(&input.dimensions, along)?;
        let mut cut = cut(length, start, end, step)?;
        if input.is_bounded_at(along) {
            // From the end, a smaller size moves the start: then anything up to all of it may remain.
            if start < 0 || step < 0 {
                cut.count = length.div_ceil(step.unsigned_abs());
            }
        }
        *cuts.get_mut(along).ok_or_else(overflow)? = cut;
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
    })
    .bounded(input.bounds))
}

pub(crate) fn expand(call: &Call<'_>) -> Result<Value, Reason> {
    let input = call.input(0)?;
    let target = call
        .known(1)?
        .iter()
        .map(|&s| size(s))
        .collect::<Result<Vec<_>, _>>()?;
    let joined = broadcast(input, &Value::new(target, input.element_type))?;
    let integers = input.integers.as_ref().and_then(|values| {
        integers::fill(&joined.dimensions, |at| {
            integers::get_broadcast(values, &input.dimensions, at)
        })
    });
    Ok(joined.with_integers(integers))
}

pub(crate) fn tile(call: &Call<'_>) -> Result<Value, Reason> {
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

pub(crate) fn pad(call: &Call<'_>) -> Result<Value, Reason> {
    let input = call.input(0)?;
    let pads = call
        .attribute_or_input("pads", 1)?
        .ok_or("it has no pads")?;
    let axes: Vec<usize> = match call.optional(3) {
        Some(_) => call
            .known(3)?
            .iter()
            .take(RANK_MAX + 1)
            .map(|&a| axis(a, input.rank()))
            .collect::<Result<_, _>>()?,
        None => (0..input.rank()).collect(),
    };
    let (before, after) = pads
        .split_at_checked(axes.len())
        .filter(|(before, after)| before.len() == after.len())
        .ok_or("its pads do not name each of its dimensions twice")?;
    let mut dimensions = input.dimensions.clone();
    for (&along, (&before, &after)) in axes.iter().zip(before.iter().zip(after)) {
        let slot = dimensions.get_mut(along).ok_or_else(overflow)?;
        // A negative padding cuts off.
        *slot = slot
            .checked_add_signed(before)
            .and_then(|size| size.checked_add_signed(after))
            .ok_or("a padding cuts off more than there is, or overflows")?;
    }
    Ok(Value::new(dimensions, input.element_type))
}

pub(crate) fn range(call: &Call<'_>) -> Result<Value, Reason> {
    let (start, limit, step) = (call.known_one(0)?, call.known_one(1)?, call.known_one(2)?);
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
pub(crate) fn space(call: &Call<'_>) -> Result<Value, Reason> {
    let input = call.input(0)?;
    let [batch, channels, height, width] = *input.dimensions.as_slice() else {
        return Err("its input must have batch, channels, height and width".into());
    };
    let block = positive(call.node.integer("blocksize", 0))?;
    let area = block.checked_mul(block).ok_or_else(overflow)?;
    let fits = |size: u64, by: u64| {
        size.checked_div(by)
            .filter(|part| part.checked_mul(by) == Some(size))
            .ok_or("its blocks do not fit")
    };
    let grown = |size: u64, by: u64| size.checked_mul(by).ok_or_else(overflow);
    let dimensions = if call.node.operator.name == "DepthToSpace" {
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

/// A matrix of zeros with ones on a diagonal.
pub(crate) fn eye_like(call: &Call<'_>) -> Result<Value, Reason> {
    let input = call.input(0)?;
    if input.rank() != 2 {
        return Err("its input must be a matrix".into());
    }
    let element_type = type_named(call, "dtype", input.element_type)?;
    Ok(Value::new(input.dimensions.clone(), element_type))
}

/// One triangle of each matrix.
pub(crate) fn triangle(call: &Call<'_>) -> Result<Value, Reason> {
    let input = call.input(0)?;
    if input.rank() < 2 {
        return Err("its input must be made of matrices".into());
    }
    Ok(Value::new(input.dimensions.clone(), input.element_type))
}

/// Cut or padded at its middle to the sizes that are asked for.
pub(crate) fn center_crop_pad(call: &Call<'_>) -> Result<Value, Reason> {
    let (input, wanted) = (call.input(0)?, call.known(1)?);
    let all: Vec<i64> = (0_i64..).take(input.rank()).collect();
    let axes = call.node.integers("axes").unwrap_or(&all);
    if axes.len() != wanted.len() {
        return Err("its axes and its shape differ in length".into());
    }
    let mut dimensions = input.dimensions.clone();
    for (&along, &wanted) in axes.iter().zip(wanted) {
        let along = axis(along, input.rank())?;
        *dimensions.get_mut(along).ok_or_else(overflow)? = size(wanted)?;
    }
    Ok(Value::new(dimensions, input.element_type))
}

/// Each sequence turned round along its time.
pub(crate) fn reverse_sequence(call: &Call<'_>) -> Result<Value, Reason> {
    let (input, lengths) = (call.input(0)?, call.input(1)?);
    let batch = axis(call.node.integer("batch_axis", 1), input.rank())?;
    let time = axis(call.node.integer("time_axis", 0), input.rank())?;
    if batch == time || lengths.dimensions != [size_of(&input.dimensions, batch)?] {
        return Err("its lengths do not fit its batch".into());
    }
    Ok(Value::new(input.dimensions.clone(), input.element_type))
}
