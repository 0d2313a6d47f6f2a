//! Owns the shapes of operators that pick, place or find elements by index.

use super::{Call, Reason, Shapes, axis, checked_product, overflow, positive, size, size_of};
use crate::element::ElementType;
use crate::integers;
use crate::value::{Value, bit};

fn of_indices(call: &Call<'_>, index: usize) -> Result<(), Reason> {
    match call.input(index)?.element_type {
        ElementType::I32 | ElementType::I64 => Ok(()),
        other => Err(format!("its indices are of {other}")),
    }
}

pub(crate) fn gather(call: &Call<'_>) -> Result<Value, Reason> {
    let (input, indices) = (call.input(0)?, call.input(1)?);
    of_indices(call, 1)?;
    let along = call.axis(0, input.rank())?;
    let length = size_of(&input.dimensions, along)?;
    let (outer, inner) = input
        .dimensions
        .split_at_checked(along)
        .ok_or_else(overflow)?;
    let inner = inner.get(1..).unwrap_or(&[]);
    let dimensions = [outer, &indices.dimensions, inner].concat();
    let mut bounds = 0;
    for dimension in (0..input.rank()).filter(|&at| at != along && input.is_bounded_at(at)) {
        let moved = if dimension < along {
            dimension
        } else {
            dimension + indices.rank() - 1
        };
        bounds |= bit(moved);
    }
    for dimension in (0..indices.rank()).filter(|&at| indices.is_bounded_at(at)) {
        bounds |= bit(along + dimension);
    }
    let known = input.integers.as_deref().zip(indices.integers.as_deref());
    let integers = known.and_then(|(values, chosen)| {
        integers::fill(&dimensions, |at| {
            let (outer, rest) = at.split_at_checked(along)?;
            let (which, inner) = rest.split_at_checked(indices.rank())?;
            let index = integers::get(chosen, &indices.dimensions, which)?;
            let index = if index < 0 {
                index.checked_add(i64::try_from(length).ok()?)?
            } else {
                index
            };
            let index = u64::try_from(index).ok().filter(|&index| index < length)?;
            integers::get(
                values,
                &input.dimensions,
                &[outer, &[index], inner].concat(),
            )
        })
    });
    Ok(Value::new(dimensions, input.element_type)
        .bounded(bounds)
        .with_integers(integers))
}

pub(crate) fn gather_elements(call: &Call<'_>) -> Result<Value, Reason> {
    let (input, indices) = (call.input(0)?, call.input(1)?);
    of_indices(call, 1)?;
    call.axis(0, input.rank())?;
    if input.rank() != indices.rank() {
        return Err("its inputs differ in their number of dimensions".into());
    }
    Ok(Value::new(indices.dimensions.clone(), input.element_type).bounded(indices.bounds))
}

/// The last dimension of the indices addresses; what it does not reach stays whole.
pub(crate) fn gather_nd(call: &Call<'_>) -> Result<Value, Reason> {
    let (input, indices) = (call.input(0)?, call.input(1)?);
    of_indices(call, 1)?;
    let batch = usize::try_from(call.node.integer("batch_dims", 0))
        .map_err(|_| "its batch_dims is negative")?;
    let (&depth, outer) = indices
        .dimensions
        .split_last()
        .ok_or("its indices have no dimensions")?;
    let depth = usize::try_from(depth).map_err(|_| overflow())?;
    let kept = batch
        .checked_add(depth)
        .filter(|&kept| kept <= input.rank() && batch < indices.rank() && depth > 0)
        .ok_or("its indices address more dimensions than there are")?;
    if indices.is_bounded_at(outer.len()) {
        return Err("the depth of its indices is known only as an upper bound".into());
    }
    let rest = input.dimensions.get(kept..).unwrap_or(&[]);
    let mut bounds = indices.bounds;
    for dimension in (kept..input.rank()).filter(|&at| input.is_bounded_at(at)) {
        bounds |= bit(outer.len() + dimension - kept);
    }
    Ok(Value::new([outer, rest].concat(), input.element_type).bounded(bounds))
}

/// The first input, with elements placed into it at indices that an input of the same shape as the
/// updates names.
pub(crate) fn scatter_elements(call: &Call<'_>) -> Result<Value, Reason> {
    let (input, indices, updates) = (call.input(0)?, call.input(1)?, call.input(2)?);
    of_indices(call, 1)?;
    call.of_one_type(&[0, 2])?;
    call.axis(0, input.rank())?;
    if indices.dimensions != updates.dimensions || indices.rank() != input.rank() {
        return Err("its indices, updates and data do not fit each other".into());
    }
    Ok(Value::new(input.dimensions.clone(), input.element_type).bounded(input.bounds))
}

/// The first input, with slices of it replaced.
pub(crate) fn scatter_nd(call: &Call<'_>) -> Result<Value, Reason> {
    let (input, indices, updates) = (call.input(0)?, call.input(1)?, call.input(2)?);
    of_indices(call, 1)?;
    call.of_one_type(&[0, 2])?;
    let (&depth, outer) = indices
        .dimensions
        .split_last()
        .ok_or("its indices have no dimensions")?;
    let rest = usize::try_from(depth)
        .ok()
        .and_then(|depth| input.dimensions.get(depth..))
        .ok_or("its indices address more dimensions than there are")?;
    let bounded = indices.is_bounded() || updates.is_bounded();
    if !bounded && updates.dimensions != [outer, rest].concat() {
        return Err("its updates do not fit its indices".into());
    }
    Ok(Value::new(input.dimensions.clone(), input.element_type).bounded(input.bounds))
}

/// A cache with an update written into it along one axis.
pub(crate) fn tensor_scatter(call: &Call<'_>) -> Result<Value, Reason> {
    let (input, update) = (call.input(0)?, call.input(1)?);
    call.of_one_type(&[0, 1])?;
    let along = call.axis(-2, input.rank())?;
    let fits = update.rank() == input.rank()
        && input
            .dimensions
            .iter()
            .zip(&update.dimensions)
            .enumerate()
            .all(|(at, (whole, part))| part == whole || (at == along && part < whole));
    if !fits || along == 0 {
        return Err("its update does not fit its cache".into());
    }
    Ok(Value::new(input.dimensions.clone(), input.element_type))
}

/// One more dimension, as long as there are codes.
pub(crate) fn one_hot(call: &Call<'_>) -> Result<Value, Reason> {
    let (indices, values) = (call.input(0)?, call.input(2)?);
    let depth = positive(call.known_one(1)?)?;
    let rank = indices.rank().checked_add(1).ok_or_else(overflow)?;
    let along = call.axis(-1, rank)?;
    let mut dimensions = indices.dimensions.clone();
    dimensions.insert(along, depth);
    Ok(Value::new(dimensions, values.element_type))
}

/// At most all slices along the axis, or all elements.
pub(crate) fn compress(call: &Call<'_>) -> Result<Value, Reason> {
    let (input, condition) = (call.input(0)?, call.input(1)?);
    if condition.rank() != 1 || condition.element_type != ElementType::Bool {
        return Err("its condition must be a list of truth".into());
    }
    let conditions = size_of(&condition.dimensions, 0)?;
    let kept = condition
        .integers
        .as_ref()
        .map(|values| values.iter().filter(|&&value| value != 0).count());
    let kept = kept
        .map(u64::try_from)
        .transpose()
        .map_err(|_| overflow())?;
    let (dimensions, along) = if call.node.attributes.contains_key("axis") {
        let along = call.axis(0, input.rank())?;
        (input.dimensions.clone(), along)
    } else {
        (vec![checked_product(&input.dimensions)?], 0)
    };
    compressed(dimensions, along, conditions, kept)
        .map(|(dimensions, bounds)| Value::new(dimensions, input.element_type).bounded(bounds))
}

fn compressed(
    mut dimensions: Vec<u64>,
    along: usize,
    conditions: u64,
    kept: Option<u64>,
) -> Result<(Vec<u64>, u32), Reason> {
    let slot = dimensions.get_mut(along).ok_or_else(overflow)?;
    if conditions > *slot {
        return Err("it has more conditions than there is to choose from".into());
    }
    *slot = kept.unwrap_or(conditions);
    let bounds = if kept.is_some() { 0 } else { bit(along) };
    Ok((dimensions, bounds))
}

/// The indices of what is not 0: one row a dimension, at most one column an element.
pub(crate) fn non_zero(call: &Call<'_>) -> Result<Value, Reason> {
    let input = call.input(0)?;
    // Of a scalar, some take the rank for 0 and others for 1.
    if input.rank() == 0 {
        return Err("its input is a scalar".into());
    }
    let rank = u64::try_from(input.rank()).map_err(|_| overflow())?;
    let all = checked_product(&input.dimensions)?;
    let known = input.integers.as_ref().filter(|_| !input.is_bounded());
    let found = known.map(|values| values.iter().filter(|&&value| value != 0).count());
    let found = found
        .map(u64::try_from)
        .transpose()
        .map_err(|_| overflow())?;
    let bounds = if found.is_some() { 0 } else { bit(1) };
    Ok(Value::new(vec![rank, found.unwrap_or(all)], ElementType::I64).bounded(bounds))
}

/// At most as many rows as boxes may be chosen: for each batch entry and class, at most so many.
pub(crate) fn non_max_suppression(call: &Call<'_>) -> Result<Value, Reason> {
    let (boxes, scores) = (call.input(0)?, call.input(1)?);
    let [batch, count, 4] = *boxes.dimensions.as_slice() else {
        return Err("its boxes must be batch × boxes × 4".into());
    };
    let [of_batch, classes, of_count] = *scores.dimensions.as_slice() else {
        return Err("its scores must be batch × classes × boxes".into());
    };
    if of_batch != batch || of_count != count {
        return Err("its boxes and its scores do not fit each other".into());
    }
    // Without a number none is chosen; one that depends on data can be as large as there are boxes.
    let most = match call.optional(2) {
        None => 0,
        Some(value) => match value.integers.as_deref() {
            Some([most]) => size(*most)?.min(count),
            Some(_) => return Err("input 2 must be one number".into()),
            None => count,
        },
    };
    let rows = checked_product(&[batch, classes, most])?;
    Ok(Value::new(vec![rows, 3], ElementType::I64).bounded(bit(0)))
}

/// At most as many as there are.
pub(crate) fn unique(call: &Call<'_>) -> Shapes {
    let input = call.input(0)?;
    let (dimensions, along) = if call.node.attributes.contains_key("axis") {
        let along = call.axis(0, input.rank())?;
        (input.dimensions.clone(), along)
    } else {
        (vec![checked_product(&input.dimensions)?], 0)
    };
    let most = size_of(&dimensions, along)?;
    let list = || Value::new(vec![most], ElementType::I64);
    Ok(vec![
        Value::new(dimensions, input.element_type).bounded(bit(along)),
        list().bounded(bit(0)),
        list(), // for each element, where it went
        list().bounded(bit(0)),
    ])
}

/// The largest along an axis, and where they were: `k` of them, or at most all when `k` depends on data.
pub(crate) fn top_k(call: &Call<'_>) -> Shapes {
    let input = call.input(0)?;
    let along = call.axis(-1, input.rank())?;
    let length = size_of(&input.dimensions, along)?;
    let wanted = if call.node.opset < 10 {
        Some(call.node.integer("k", -1))
    } else {
        match call.input(1)?.integers.as_deref() {
            None => None,
            Some([wanted]) => Some(*wanted),
            Some(_) => return Err("input 1 must be one number".into()),
        }
    };
    let (count, bounds) = match wanted.map(size).transpose()? {
        Some(count) if count > length => {
            return Err(format!("it wants {count} of {length} elements"));
        }
        Some(count) => (count, 0),
        None => (length, bit(along)),
    };
    let mut dimensions = input.dimensions.clone();
    *dimensions.get_mut(along).ok_or_else(overflow)? = count;
    let values = Value::new(dimensions.clone(), input.element_type).bounded(bounds);
    Ok(vec![
        values,
        Value::new(dimensions, ElementType::I64).bounded(bounds),
    ])
}

/// The index of the largest or smallest along an axis.
pub(crate) fn arg_reduce(call: &Call<'_>) -> Result<Value, Reason> {
    let input = call.input(0)?;
    let reduced = axis(call.node.integer("axis", 0), input.rank())?;
    let (dimensions, bounds) = super::reduce::drop_axes(
        input,
        |index| index == reduced,
        call.node.integer("keepdims", 1) != 0,
    );
    Ok(Value::new(dimensions, ElementType::I64).bounded(bounds))
}
