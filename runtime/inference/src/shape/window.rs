//! Owns the shapes of operators that slide a window over an image: convolutions and pools. Charges
//! nothing.

use super::{Call, Reason, Shapes, overflow, positive, size};
use crate::element::ElementType;
use crate::value::{Value, bit};

/// Size, stride, dilation and padding along one spatial dimension.
struct Window {
    kernel: u64,
    stride: u64,
    dilation: u64,
    before: u64,
    after: u64,
}

/// Whether padding is chosen to give `input ÷ stride`, rounded up.
fn pads_to_same(call: &Call<'_>) -> Result<bool, Reason> {
    match call.node.text("auto_pad") {
        b"" | b"NOTSET" | b"VALID" => Ok(false),
        b"SAME_UPPER" | b"SAME_LOWER" => Ok(true),
        _ => Err("its auto_pad is unknown".into()),
    }
}

/// One window a spatial dimension, from the attributes and the kernel's sizes.
fn windows(call: &Call<'_>, kernel: &[u64]) -> Result<Vec<Window>, Reason> {
    let rank = kernel.len();
    let list = |name: &str, length: usize, default: i64| -> Result<Vec<i64>, Reason> {
        match call.node.integers(name) {
            None | Some([]) => Ok(vec![default; length]),
            Some(values) if values.len() == length => Ok(values.to_vec()),
            Some(_) => Err(format!("attribute `{name}` does not have {length} entries")),
        }
    };
    let strides = list("strides", rank, 1)?;
    let dilations = list("dilations", rank, 1)?;
    let pads = match call.node.text("auto_pad") {
        b"VALID" => vec![0; rank.saturating_mul(2)],
        _ => list("pads", rank.saturating_mul(2), 0)?,
    };
    let (before, after) = pads.split_at_checked(rank).ok_or_else(overflow)?;
    if let Some(declared) = call.node.integers("kernel_shape")
        && !declared
            .iter()
            .copied()
            .eq(kernel.iter().filter_map(|&size| i64::try_from(size).ok()))
    {
        return Err("attribute `kernel_shape` differs from its kernel".into());
    }
    kernel
        .iter()
        .zip(strides.iter().zip(&dilations))
        .zip(before.iter().zip(after))
        .map(|((&kernel, (&stride, &dilation)), (&before, &after))| {
            if kernel == 0 {
                return Err("its kernel is empty".to_owned());
            }
            let padding =
                |size: i64| u64::try_from(size).map_err(|_| "its padding is negative".to_owned());
            Ok(Window {
                kernel,
                stride: positive(stride)?,
                dilation: positive(dilation)?,
                before: padding(before)?,
                after: padding(after)?,
            })
        })
        .collect()
}

/// Elements from the window's first to its last.
fn extent(window: &Window) -> Result<u64, Reason> {
    (window.kernel - 1)
        .checked_mul(window.dilation)
        .and_then(|span| span.checked_add(1))
        .ok_or_else(overflow)
}

/// Positions of the window along one dimension.
fn slide(size: u64, window: &Window, same: bool, round_up: bool) -> Result<u64, Reason> {
    if same {
        return Ok(size.div_ceil(window.stride));
    }
    let reach = size.checked_add(window.before).ok_or_else(overflow)?;
    let padded = reach.checked_add(window.after).ok_or_else(overflow)?;
    let room = padded
        .checked_sub(extent(window)?)
        .ok_or_else(|| format!("its window is larger than the {padded} elements it slides over"))?;
    if !round_up {
        return (room / window.stride).checked_add(1).ok_or_else(overflow);
    }
    let steps = room.div_ceil(window.stride);
    // A window that would begin in the padding at the end is left out.
    let begins = steps.checked_mul(window.stride).ok_or_else(overflow)?;
    Ok(if begins >= reach { steps } else { steps + 1 })
}

/// Positions along each dimension at which a window lies within the image, however it is padded, and no more
/// than there are.
pub(crate) fn positions_within(
    call: &Call<'_>,
    kernel: &[u64],
    output: &Value,
) -> Result<Vec<u64>, Reason> {
    let (_, _, spatial) = image(call.input(0)?)?;
    let all = output.dimensions.get(2..).unwrap_or(&[]);
    let windows = windows(call, kernel)?;
    let within = spatial.iter().zip(&windows).zip(all);
    within
        .map(|((&size, window), &all)| {
            let room = size.checked_sub(extent(window)?);
            let within = room.map_or(0, |room| (room / window.stride).saturating_add(1));
            Ok(within.min(all))
        })
        .collect()
}

/// Batch, channels, then spatial dimensions.
fn image(value: &Value) -> Result<(u64, u64, &[u64]), Reason> {
    match value.dimensions.as_slice() {
        [batch, channels, spatial @ ..] if !spatial.is_empty() => Ok((*batch, *channels, spatial)),
        other => Err(format!(
            "{other:?} has no batch, channels and spatial dimensions"
        )),
    }
}

/// Refuses an image of which more than the batch is only bounded; gives the output's bounds.
fn only_batch_is_bounded(input: &Value) -> Result<u32, Reason> {
    if input.bounds & !bit(0) != 0 {
        return Err("the sizes of its image are known only as upper bounds".into());
    }
    Ok(input.bounds)
}

fn groups(call: &Call<'_>) -> Result<u64, Reason> {
    positive(call.node.integer("group", 1))
}

/// A convolution of the first input with the kernel at input `kernel` and the bias at input `bias`.
fn convolve(call: &Call<'_>, kernel: usize, bias: usize) -> Result<Value, Reason> {
    let (input, kernel) = (call.input(0)?, call.input(kernel)?);
    let (batch, channels, spatial) = image(input)?;
    let (out_channels, per_group, kernel_sizes) = image(kernel)?;
    let groups = groups(call)?;
    if spatial.len() != kernel_sizes.len()
        || per_group.checked_mul(groups) != Some(channels)
        || out_channels % groups != 0
        || kernel.is_bounded()
    {
        return Err(format!(
            "a kernel of {:?} in {groups} groups does not fit an input of {:?}",
            kernel.dimensions, input.dimensions
        ));
    }
    bias_fits(call, bias, out_channels)?;
    let same = pads_to_same(call)?;
    let mut dimensions = vec![batch, out_channels];
    for (&size, window) in spatial.iter().zip(&windows(call, kernel_sizes)?) {
        dimensions.push(slide(size, window, same, false)?);
    }
    let bounds = only_batch_is_bounded(input)?;
    Ok(Value::new(dimensions, input.element_type).bounded(bounds))
}

fn bias_fits(call: &Call<'_>, index: usize, channels: u64) -> Result<(), Reason> {
    match call.optional(index) {
        Some(bias) if bias.dimensions != [channels] => Err(format!(
            "its bias of {:?} does not have {channels} elements",
            bias.dimensions
        )),
        _ => Ok(()),
    }
}

pub(crate) fn conv(call: &Call<'_>) -> Result<Value, Reason> {
    call.of_one_type(&[0, 1])?;
    convolve(call, 1, 2)
}

/// A convolution of quantised integers, whose products are added up in 32 bits.
pub(crate) fn conv_integer(call: &Call<'_>) -> Result<Value, Reason> {
    let mut output = convolve(call, 1, usize::MAX)?;
    output.element_type = ElementType::I32;
    Ok(output)
}

/// A convolution of quantised integers, quantised again.
pub(crate) fn qlinear_conv(call: &Call<'_>) -> Result<Value, Reason> {
    let mut output = convolve(call, 3, 8)?;
    output.element_type = call.input(7)?.element_type;
    Ok(output)
}

/// A convolution each of whose window elements is moved by an offset of its own.
pub(crate) fn deform_conv(call: &Call<'_>) -> Result<Value, Reason> {
    call.of_one_type(&[0, 1, 2])?;
    let output = convolve(call, 1, 3)?;
    let offsets = call.input(2)?;
    let (batch, _, positions) = image(&output)?;
    let (of_batch, _, of_positions) = image(offsets)?;
    if of_batch != batch || of_positions != positions {
        return Err("its offsets do not fit its output".into());
    }
    Ok(output)
}

pub(crate) fn conv_transpose(call: &Call<'_>) -> Result<Value, Reason> {
    let (input, kernel) = (call.input(0)?, call.input(1)?);
    let (batch, channels, spatial) = image(input)?;
    let (in_channels, per_group, kernel_sizes) = image(kernel)?;
    let groups = groups(call)?;
    if spatial.len() != kernel_sizes.len()
        || in_channels != channels
        || channels % groups != 0
        || input.element_type != kernel.element_type
    {
        return Err(format!(
            "a kernel of {:?} in {groups} groups does not fit an input of {:?}",
            kernel.dimensions, input.dimensions
        ));
    }
    let out_channels = per_group.checked_mul(groups).ok_or_else(overflow)?;
    bias_fits(call, 2, out_channels)?;
    let wanted = call.node.integers("output_shape").unwrap_or(&[]);
    let same = pads_to_same(call)?;
    let extra = call.node.integers("output_padding").unwrap_or(&[]);
    for (name, given) in [("output_shape", wanted), ("output_padding", extra)] {
        if !given.is_empty() && given.len() != spatial.len() {
            return Err(format!(
                "its {name} does not have {} entries",
                spatial.len()
            ));
        }
    }
    let mut dimensions = vec![batch, out_channels];
    for (index, (&length, window)) in spatial
        .iter()
        .zip(&windows(call, kernel_sizes)?)
        .enumerate()
    {
        if let Some(&wanted) = wanted.get(index) {
            dimensions.push(size(wanted)?);
            continue;
        }
        if same {
            dimensions.push(length.checked_mul(window.stride).ok_or_else(overflow)?);
            continue;
        }
        let extra = u64::try_from(extra.get(index).copied().unwrap_or(0))
            .map_err(|_| "its output_padding is negative")?;
        let full = length
            .checked_sub(1)
            .and_then(|steps| steps.checked_mul(window.stride))
            .and_then(|span| span.checked_add(extent(window).ok()?))
            .and_then(|span| span.checked_add(extra))
            .and_then(|span| span.checked_sub(window.before))
            .and_then(|span| span.checked_sub(window.after))
            .ok_or("its output is empty or overflows")?;
        dimensions.push(full);
    }
    Ok(Value::new(dimensions, input.element_type))
}

fn pooled(call: &Call<'_>) -> Result<Value, Reason> {
    let input = call.input(0)?;
    let (batch, channels, spatial) = image(input)?;
    let kernel = kernel_shape(call)?;
    if kernel.len() != spatial.len() {
        return Err("its kernel_shape does not fit its input".into());
    }
    let (same, round_up) = (pads_to_same(call)?, call.node.is_set("ceil_mode"));
    let mut dimensions = vec![batch, channels];
    for (&size, window) in spatial.iter().zip(&windows(call, &kernel)?) {
        dimensions.push(slide(size, window, same, round_up)?);
    }
    let bounds = only_batch_is_bounded(input)?;
    Ok(Value::new(dimensions, input.element_type).bounded(bounds))
}

pub(crate) fn pool(call: &Call<'_>) -> Result<Value, Reason> {
    pooled(call)
}

/// A pool that can tell where each maximum was, too.
pub(crate) fn max_pool(call: &Call<'_>) -> Shapes {
    let values = pooled(call)?;
    let places = Value::new(values.dimensions.clone(), ElementType::I64);
    Ok(vec![values, places])
}

/// Sizes of a pool's window.
pub(crate) fn kernel_shape(call: &Call<'_>) -> Result<Vec<u64>, Reason> {
    let declared = call
        .node
        .integers("kernel_shape")
        .ok_or("it has no kernel_shape")?;
    declared.iter().map(|&size| positive(size)).collect()
}

pub(crate) fn global_pool(call: &Call<'_>) -> Result<Value, Reason> {
    let input = call.input(0)?;
    let (batch, channels, spatial) = image(input)?;
    let mut dimensions = vec![batch, channels];
    dimensions.extend(spatial.iter().map(|_| 1));
    Ok(Value::new(dimensions, input.element_type).bounded(input.bounds & (bit(0) | bit(1))))
}

/// What a pool left, put back to where each maximum was.
pub(crate) fn max_unpool(call: &Call<'_>) -> Result<Value, Reason> {
    let (input, places) = (call.input(0)?, call.input(1)?);
    let (batch, channels, spatial) = image(input)?;
    if places.dimensions != input.dimensions {
        return Err("its indices do not fit its input".into());
    }
    if call.optional(2).is_some() {
        let wanted = call.known(2)?.iter().map(|&s| size(s));
        let dimensions = wanted.collect::<Result<Vec<_>, _>>()?;
        if dimensions.len() != input.rank() {
            return Err("its output_shape does not fit its input".into());
        }
        return Ok(Value::new(dimensions, input.element_type));
    }
    let kernel = kernel_shape(call)?;
    if kernel.len() != spatial.len() {
        return Err("its kernel_shape does not fit its input".into());
    }
    let mut dimensions = vec![batch, channels];
    for (&length, window) in spatial.iter().zip(&windows(call, &kernel)?) {
        let full = length
            .checked_sub(1)
            .and_then(|steps| steps.checked_mul(window.stride))
            .and_then(|span| span.checked_add(window.kernel))
            .and_then(|span| span.checked_sub(window.before))
            .and_then(|span| span.checked_sub(window.after))
            .ok_or("its output is empty or overflows")?;
        dimensions.push(full);
    }
    Ok(Value::new(dimensions, input.element_type))
}

/// Columns of blocks put together to an image: each block position has a column.
pub(crate) fn col_to_im(call: &Call<'_>) -> Result<Value, Reason> {
    let input = call.input(0)?;
    let sizes = |index: usize| -> Result<Vec<u64>, Reason> {
        call.known(index)?.iter().map(|&s| positive(s)).collect()
    };
    let (image, block) = (sizes(1)?, sizes(2)?);
    let [batch, rows, columns] = *input.dimensions.as_slice() else {
        return Err("its input must be batch × block elements × blocks".into());
    };
    if image.len() != block.len() {
        return Err("its image and its block differ in their dimensions".into());
    }
    let area = super::checked_product(&block)?;
    let mut positions = Vec::new();
    for (&size, window) in image.iter().zip(&windows(call, &block)?) {
        positions.push(slide(size, window, false, false)?);
    }
    if rows % area != 0 || super::checked_product(&positions)? != columns {
        return Err("its blocks do not make up its image".into());
    }
    let mut dimensions = vec![batch, rows / area];
    dimensions.extend(image);
    Ok(Value::new(dimensions, input.element_type))
}
