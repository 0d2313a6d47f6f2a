//! Owns the shapes of operators that sample images: resizing, regions, grids.

use super::{Call, Reason, axis, overflow, positive, size, size_of};
use crate::integers;
use crate::value::Value;

fn picture(value: &Value) -> Result<(u64, u64, u64, u64), Reason> {
    match *value.dimensions.as_slice() {
        [batch, channels, height, width] => Ok((batch, channels, height, width)),
        _ => Err("its input must have batch, channels, height and width".into()),
    }
}

/// Every dimension × its factor, rounded down.
fn scale(input: &Value, axes: &[usize], factors: &[f32]) -> Result<Value, Reason> {
    if factors.len() != axes.len() {
        return Err("its scales do not name each dimension".into());
    }
    let mut dimensions = input.dimensions.clone();
    for (&along, &factor) in axes.iter().zip(factors) {
        let slot = dimensions.get_mut(along).ok_or_else(overflow)?;
        *slot = integers::scaled(*slot, factor)
            .ok_or_else(|| format!("dimension {along} × {factor} is not a size"))?;
    }
    Ok(Value::new(dimensions, input.element_type))
}

/// Floats of an input, which must be known before anything runs.
fn known_floats<'a>(call: &Call<'a>, index: usize) -> Result<&'a [f32], Reason> {
    call.input(index)?
        .floats
        .as_deref()
        .ok_or_else(|| format!("its output's shape depends on data (input {index})"))
}

pub(crate) fn upsample(call: &Call<'_>) -> Result<Value, Reason> {
    let input = call.input(0)?;
    let axes: Vec<usize> = (0..input.rank()).collect();
    if call.node.opset >= 9 {
        return scale(input, &axes, known_floats(call, 1)?);
    }
    let scales = call.node.attributes.get("scales");
    scale(input, &axes, &scales.ok_or("it has no scales")?.floats)
}

pub(crate) fn resize(call: &Call<'_>) -> Result<Value, Reason> {
    let input = call.input(0)?;
    let axes: Vec<usize> = match call.node.integers("axes") {
        Some(axes) if axes.len() > input.rank() => return Err("it has too many axes".into()),
        Some(axes) => axes
            .iter()
            .map(|&a| axis(a, input.rank()))
            .collect::<Result<_, _>>()?,
        None => (0..input.rank()).collect(),
    };
    let scales = if call.node.opset < 11 { 1 } else { 2 };
    // An empty list stands for one that is left out, as older files write it.
    let given = |index: usize| {
        call.optional(index)
            .filter(|value| value.elements() != Some(0))
    };
    match (given(scales), given(3)) {
        (Some(_), None) => scale(input, &axes, known_floats(call, scales)?),
        (None, Some(_)) => resize_to(call, input, &axes, call.known(3)?),
        _ => Err("it needs either scales or sizes".into()),
    }
}

fn resize_to(
    call: &Call<'_>,
    input: &Value,
    axes: &[usize],
    wanted: &[i64],
) -> Result<Value, Reason> {
    if wanted.len() != axes.len() {
        return Err("its sizes do not name each dimension".into());
    }
    let larger = match call.node.text("keep_aspect_ratio_policy") {
        b"" | b"stretch" => None,
        b"not_larger" => Some(false),
        b"not_smaller" => Some(true),
        _ => return Err("its keep_aspect_ratio_policy is unknown".into()),
    };
    let mut pairs = Vec::with_capacity(axes.len());
    for (&along, &wanted) in axes.iter().zip(wanted) {
        pairs.push((along, size_of(&input.dimensions, along)?, size(wanted)?));
    }
    // One factor for all of them: the least or the greatest of wanted ÷ is, as a fraction.
    let factor = larger
        .map(|larger| {
            let order = |a: &(usize, u64, u64), b: &(usize, u64, u64)| {
                (u128::from(a.2) * u128::from(b.1)).cmp(&(u128::from(b.2) * u128::from(a.1)))
            };
            let chosen = if larger {
                pairs.iter().max_by(|a, b| order(a, b))
            } else {
                pairs.iter().min_by(|a, b| order(a, b))
            };
            chosen.map(|&(_, is, wanted)| (wanted, is))
        })
        .map(|chosen| chosen.ok_or("it has no sizes"))
        .transpose()?;
    let mut dimensions = input.dimensions.clone();
    for (along, is, wanted) in pairs {
        let sized = match factor {
            None => wanted,
            // To the nearest, halves up.
            Some((to, from)) => is
                .checked_mul(to)
                .and_then(|product| product.checked_mul(2))
                .and_then(|product| product.checked_add(from))
                .and_then(|sum| sum.checked_div(from.checked_mul(2)?))
                .ok_or_else(overflow)?,
        };
        *dimensions.get_mut(along).ok_or_else(overflow)? = sized;
    }
    Ok(Value::new(dimensions, input.element_type))
}

/// A picture sampled at the places of a grid.
pub(crate) fn grid_sample(call: &Call<'_>) -> Result<Value, Reason> {
    let (input, grid) = (call.input(0)?, call.input(1)?);
    let ([batch, channels, spatial @ ..], [of_batch, positions @ .., coordinates]) =
        (input.dimensions.as_slice(), grid.dimensions.as_slice())
    else {
        return Err("its inputs have too few dimensions".into());
    };
    let rank = u64::try_from(spatial.len()).map_err(|_| overflow())?;
    if of_batch != batch || *coordinates != rank || positions.len() != spatial.len() {
        return Err("its grid does not fit its input".into());
    }
    let dimensions = [&[*batch, *channels], positions].concat();
    Ok(Value::new(dimensions, input.element_type))
}

pub(crate) fn affine_grid(call: &Call<'_>) -> Result<Value, Reason> {
    let theta = call.input(0)?;
    let wanted = call.known(1)?;
    let sizes = wanted
        .iter()
        .map(|&s| positive(s))
        .collect::<Result<Vec<_>, _>>()?;
    let [batch, _channels, spatial @ ..] = sizes.as_slice() else {
        return Err("its size must have batch, channels and spatial dimensions".into());
    };
    let rank = u64::try_from(spatial.len()).map_err(|_| overflow())?;
    if !(2..=3).contains(&rank) || theta.dimensions != [*batch, rank, rank + 1] {
        return Err("its theta does not fit its size".into());
    }
    let mut dimensions = vec![*batch];
    dimensions.extend(spatial);
    dimensions.push(rank);
    Ok(Value::new(dimensions, theta.element_type))
}

pub(crate) fn roi_align(call: &Call<'_>) -> Result<Value, Reason> {
    let (input, regions) = (call.input(0)?, call.input(1)?);
    let (_, channels, _, _) = picture(input)?;
    let [count, 4] = *regions.dimensions.as_slice() else {
        return Err("its regions must have 4 coordinates each".into());
    };
    if call.input(2)?.dimensions != [count] {
        return Err("its batch indices do not fit its regions".into());
    }
    let height = positive(call.node.integer("output_height", 1))?;
    let width = positive(call.node.integer("output_width", 1))?;
    Ok(Value::new(
        vec![count, channels, height, width],
        input.element_type,
    ))
}

pub(crate) fn max_roi_pool(call: &Call<'_>) -> Result<Value, Reason> {
    let (input, regions) = (call.input(0)?, call.input(1)?);
    let (_, channels, _, _) = picture(input)?;
    let [count, 5] = *regions.dimensions.as_slice() else {
        return Err("its regions must have 5 numbers each".into());
    };
    let Some([height, width]) = call.node.integers("pooled_shape") else {
        return Err("its pooled_shape must have height and width".into());
    };
    Ok(Value::new(
        vec![count, channels, positive(*height)?, positive(*width)?],
        input.element_type,
    ))
}
