//! Owns the shapes of operators that slide a window or step through a sequence. Charges nothing.

use super::{Call, Reason, size_of};
use crate::value::Value;

/// Size, stride, dilation and padding along one spatial dimension.
struct Window {
    kernel: u64,
    stride: u64,
    dilation: u64,
    padding: u64,
}

fn positive(value: i64) -> Result<u64, Reason> {
    u64::try_from(value)
        .ok()
        .filter(|&v| v > 0)
        .ok_or_else(|| format!("{value} is not above 0"))
}

fn overflow() -> Reason {
    "a dimension overflows".into()
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
    let pads = list("pads", rank.saturating_mul(2), 0)?;
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
            let padding = u64::try_from(before)
                .ok()
                .zip(u64::try_from(after).ok())
                .and_then(|(before, after)| before.checked_add(after))
                .ok_or("its padding is negative or overflows")?;
            if kernel == 0 {
                return Err("its kernel is empty".to_owned());
            }
            Ok(Window {
                kernel,
                stride: positive(stride)?,
                dilation: positive(dilation)?,
                padding,
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
    let padded = size.checked_add(window.padding).ok_or_else(overflow)?;
    let room = padded
        .checked_sub(extent(window)?)
        .ok_or_else(|| format!("its window is larger than the {padded} elements it slides over"))?;
    let steps = if round_up {
        room.div_ceil(window.stride)
    } else {
        room / window.stride
    };
    steps.checked_add(1).ok_or_else(overflow)
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

fn groups(call: &Call<'_>) -> Result<u64, Reason> {
    positive(call.node.integer("group", 1))
}

pub(super) fn conv(call: &Call<'_>) -> Result<Value, Reason> {
    let (input, kernel) = (call.input(0)?, call.input(1)?);
    let (batch, channels, spatial) = image(input)?;
    let (out_channels, per_group, kernel_sizes) = image(kernel)?;
    let groups = groups(call)?;
    if spatial.len() != kernel_sizes.len()
        || per_group.checked_mul(groups) != Some(channels)
        || out_channels % groups != 0
        || input.element_type != kernel.element_type
    {
        return Err(format!(
            "a kernel of {:?} in {groups} groups does not fit an input of {:?}",
            kernel.dimensions, input.dimensions
        ));
    }
    bias_fits(call, out_channels)?;
    let same = pads_to_same(call)?;
    let mut dimensions = vec![batch, out_channels];
    for (&size, window) in spatial.iter().zip(&windows(call, kernel_sizes)?) {
        dimensions.push(slide(size, window, same, false)?);
    }
    Ok(Value::new(dimensions, input.element_type))
}

fn bias_fits(call: &Call<'_>, channels: u64) -> Result<(), Reason> {
    match call.optional(2) {
        Some(bias) if bias.dimensions != [channels] => Err(format!(
            "its bias of {:?} does not have {channels} elements",
            bias.dimensions
        )),
        _ => Ok(()),
    }
}

pub(super) fn conv_transpose(call: &Call<'_>) -> Result<Value, Reason> {
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
    if call.node.integers("output_shape").is_some() || pads_to_same(call)? {
        return Err("attributes `output_shape` and `auto_pad` are not supported".into());
    }
    let out_channels = per_group.checked_mul(groups).ok_or_else(overflow)?;
    bias_fits(call, out_channels)?;
    let extra = call.node.integers("output_padding").unwrap_or(&[]);
    let mut dimensions = vec![batch, out_channels];
    for (index, (&size, window)) in spatial
        .iter()
        .zip(&windows(call, kernel_sizes)?)
        .enumerate()
    {
        let extra = u64::try_from(extra.get(index).copied().unwrap_or(0))
            .map_err(|_| "its output_padding is negative")?;
        let full = size
            .checked_sub(1)
            .and_then(|steps| steps.checked_mul(window.stride))
            .and_then(|span| span.checked_add(extent(window).ok()?))
            .and_then(|span| span.checked_add(extra))
            .and_then(|span| span.checked_sub(window.padding))
            .ok_or("its output is empty or overflows")?;
        dimensions.push(full);
    }
    Ok(Value::new(dimensions, input.element_type))
}

pub(super) fn pool(call: &Call<'_>) -> Result<Value, Reason> {
    let input = call.input(0)?;
    let (batch, channels, spatial) = image(input)?;
    let kernel = kernel_shape(call)?;
    if kernel.len() != spatial.len() {
        return Err("its kernel_shape does not fit its input".into());
    }
    let (same, round_up) = (pads_to_same(call)?, call.node.integer("ceil_mode", 0) != 0);
    let mut dimensions = vec![batch, channels];
    for (&size, window) in spatial.iter().zip(&windows(call, &kernel)?) {
        dimensions.push(slide(size, window, same, round_up)?);
    }
    Ok(Value::new(dimensions, input.element_type))
}

/// Sizes of a pool's window.
pub(crate) fn kernel_shape(call: &Call<'_>) -> Result<Vec<u64>, Reason> {
    let declared = call
        .node
        .integers("kernel_shape")
        .ok_or("it has no kernel_shape")?;
    declared.iter().map(|&size| positive(size)).collect()
}

pub(super) fn global_pool(input: &Value) -> Result<Value, Reason> {
    let (batch, channels, spatial) = image(input)?;
    let mut dimensions = vec![batch, channels];
    dimensions.extend(spatial.iter().map(|_| 1));
    Ok(Value::new(dimensions, input.element_type))
}

/// Directions, hidden size and gates × hidden size of a recurrent node, checked against its weights.
pub(super) fn recurrent(call: &Call<'_>) -> Result<Vec<Value>, Reason> {
    let (input, weights, recurrence) = (call.input(0)?, call.input(1)?, call.input(2)?);
    let [steps, batch, features] = *input.dimensions.as_slice() else {
        return Err("its input must have steps, batch and features".into());
    };
    let crate::table::Charge::Recurrent(gates) = call.node.operator.charge else {
        return Err("it is no recurrent operator".into());
    };
    let [directions, gate_rows, weight_features] = *weights.dimensions.as_slice() else {
        return Err("its weights must have three dimensions".into());
    };
    let hidden = size_of(&recurrence.dimensions, 2)?;
    let expected: u64 = match call.node.text("direction") {
        b"" | b"forward" | b"reverse" => 1,
        b"bidirectional" => 2,
        _ => return Err("its direction is unknown".into()),
    };
    let declared = call.node.integer("hidden_size", 0);
    if directions != expected
        || weight_features != features
        || hidden.checked_mul(gates) != Some(gate_rows)
        || recurrence.dimensions != [directions, gate_rows, hidden]
        || (declared != 0 && u64::try_from(declared) != Ok(hidden))
    {
        return Err("its weights do not fit its input and direction".into());
    }
    if call.optional(4).is_some() || call.node.integer("layout", 0) != 0 {
        return Err("lengths of its sequences and a layout other than 0 are not supported".into());
    }
    let last = Value::new(vec![directions, batch, hidden], input.element_type);
    let all = Value::new(vec![steps, directions, batch, hidden], input.element_type);
    let mut outputs = vec![all, last.clone()];
    if call.node.operator.name == "LSTM" {
        outputs.push(last);
    }
    Ok(outputs)
}
