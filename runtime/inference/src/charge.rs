//! Owns what one node charges on given shapes: its line of the cost table, in numbers. Runs nothing,
//! prices nothing, and does not know which backend will compute.

use crate::cost::Cost;
use crate::shape::{
    Call, Reason, attention, checked_product, product, recurrent, signal, size, size_of, window,
};
use crate::table::{
    BINDING_OPERATIONS, Charge, Counted, ELEMENT_OPERATIONS, FOURIER_OPERATIONS, FOURIER_TIMES,
    GATE_OPERATIONS, GROUP_OPERATIONS, LAYOUT_OPERATIONS, NODE_OPERATIONS, PRODUCT_OPERATIONS,
    ROW_OPERATIONS, SAMPLE_OPERATIONS, SCORE_OPERATIONS, STEP_OPERATIONS, VIEW_OPERATIONS,
};
use crate::value::Value;

fn overflow() -> Reason {
    "its cost overflows".into()
}

fn multiply(factors: &[u64]) -> Result<u64, Reason> {
    crate::value::product(factors).ok_or_else(overflow)
}

fn add(terms: &[u64]) -> Result<u64, Reason> {
    terms
        .iter()
        .try_fold(0_u64, |sum, &term| sum.checked_add(term))
        .ok_or_else(overflow)
}

/// Binary digits of a number: one more than the doublings that lead to it.
fn digits(number: u64) -> u64 {
    u64::from(u64::BITS - number.leading_zeros())
}

/// What a node charges: its operations with the fixed part, and the constants that it reads.
pub(crate) fn node(call: &Call<'_>, outputs: &[Value]) -> Result<Cost, Reason> {
    if call.node.operator.charge == Charge::Nothing {
        return Ok(Cost::default()); // it runs at no call: what reads it is charged for its bytes
    }
    let output = outputs.first().ok_or("it has no output")?;
    let operations = match call.node.operator.charge {
        Charge::If => {
            let sizes = outputs
                .iter()
                .map(|output| checked_product(&output.dimensions));
            let written = add(&sizes.collect::<Result<Vec<_>, _>>()?)?;
            let names = call.node.bodies().map(|body| body.names_of_others);
            let names = add(&names.collect::<Vec<_>>())?;
            let nodes = call.node.bodies().map(|body| body.all_nodes);
            let nodes = add(&nodes.collect::<Vec<_>>())?;
            add(&[
                multiply(&[ELEMENT_OPERATIONS, written])?,
                multiply(&[BINDING_OPERATIONS, names])?,
                multiply(&[NODE_OPERATIONS, nodes])?,
            ])?
        }
        Charge::Steps => multiply(&[ELEMENT_OPERATIONS, stacked(call, outputs)?])?,
        _ => operations(call, output)?.max(written(call, output)?),
    };
    let operator = call.node.operator;
    let nodes = add(&[call.node.ports_beyond(), operator.called_nodes()])?;
    counted(
        call,
        output,
        add(&[operations, multiply(&[NODE_OPERATIONS, nodes])?])?,
    )
}

/// What a node writes it pays for, though what it reads has no elements.
fn written(call: &Call<'_>, output: &Value) -> Result<u64, Reason> {
    let mut inputs = call.inputs.iter().flatten();
    if inputs.any(|input| input.elements() == Some(0)) {
        return multiply(&[ELEMENT_OPERATIONS, checked_product(&output.dimensions)?]);
    }
    Ok(0)
}

/// So many operations, in the class that the operator counts under, and the constants that are read.
fn counted(call: &Call<'_>, output: &Value, operations: u64) -> Result<Cost, Reason> {
    let by = match call.node.operator.counted {
        Counted::Input => call.input(0)?,
        Counted::Output => output,
    };
    let mut cost = Cost::default();
    cost.operations
        .add(by.element_type.precision(), operations)
        .ok_or_else(overflow)?;
    for weight in call.inputs.iter().flatten().filter(|input| input.is_weight) {
        let bytes = weight.bytes().ok_or_else(overflow)?;
        cost.weight_bytes = cost.weight_bytes.checked_add(bytes).ok_or_else(overflow)?;
    }
    Ok(cost)
}

/// Elements of the outputs that a `Loop` or `Scan` makes of what its steps give: each is copied once.
fn stacked(call: &Call<'_>, outputs: &[Value]) -> Result<u64, Reason> {
    let carried = if call.node.operator.name == "Loop" {
        call.inputs.len().saturating_sub(2)
    } else {
        let scanned = call.node.integer("num_scan_inputs", 0);
        let scanned = usize::try_from(scanned).map_err(|_| overflow())?;
        call.inputs.len().saturating_sub(scanned)
    };
    let sizes = outputs.iter().skip(carried);
    let sizes = sizes.map(|output| checked_product(&output.dimensions));
    add(&sizes.collect::<Result<Vec<_>, _>>()?)
}

/// Those of a node's operations that are multiply-accumulates of matrix products and convolutions:
/// the plain count that papers give for a network, without biases and activations.
pub(crate) fn multiply_accumulates(call: &Call<'_>, outputs: &[Value]) -> Result<u64, Reason> {
    let elements = outputs
        .first()
        .map(|output| checked_product(&output.dimensions));
    let elements = elements.transpose()?.unwrap_or(0);
    match call.node.operator.charge {
        Charge::MatMul { .. } => {
            let inner = call.input(0)?.dimensions.last().copied();
            multiply(&[elements, inner.unwrap_or(0)])
        }
        Charge::Gemm => {
            let inner = usize::from(!call.node.is_set("transA"));
            multiply(&[elements, size_of(&call.input(0)?.dimensions, inner)?])
        }
        Charge::Conv { kernel, .. } => multiply(&[elements, taps(call, kernel)?]),
        Charge::DeformConv | Charge::CausalConv { .. } => multiply(&[elements, taps(call, 1)?]),
        Charge::ConvTranspose => {
            let inputs = checked_product(&call.input(0)?.dimensions)?;
            multiply(&[inputs, taps(call, 1)?])
        }
        Charge::Einsum => multiply(&product::contraction(call)?.indices),
        _ => Ok(0),
    }
}

/// The operations of one node, its fixed charge apart.
fn operations(call: &Call<'_>, output: &Value) -> Result<u64, Reason> {
    let outputs = checked_product(&output.dimensions)?;
    let elements = |index: usize| checked_product(&call.input(index)?.dimensions);
    match call.node.operator.charge {
        Charge::Nothing | Charge::If | Charge::Steps => Ok(0),
        Charge::View => multiply(&[VIEW_OPERATIONS, outputs]),
        Charge::PerOutput(units) => multiply(&[units, outputs]),
        Charge::PerOutputAndRow(units) => {
            let length = normalised(call, output)?;
            let rows = multiply(&[ROW_OPERATIONS, rows(outputs, length)])?;
            add(&[multiply(&[units, outputs])?, rows])
        }
        Charge::PerOutputAndChannel(units) => {
            let channels = multiply(output.dimensions.get(..2).unwrap_or(&[]))?;
            add(&[
                multiply(&[units, outputs])?,
                multiply(&[ROW_OPERATIONS, channels])?,
            ])
        }
        Charge::PerInput(units) => multiply(&[units, elements(0)?]),
        Charge::Reduced(units) => add(&[
            multiply(&[units, elements(0)?])?,
            multiply(&[ROW_OPERATIONS, outputs])?,
        ]),
        Charge::PerOutputAndInput(units, index) => {
            multiply(&[units, add(&[outputs, elements(index)?])?])
        }
        Charge::PerTuple => {
            let placed = match call.optional(2) {
                Some(updates) => checked_product(&updates.dimensions)?,
                None => 0,
            };
            let tuples = call.input(1)?.dimensions.split_last();
            let tuples = multiply(tuples.map_or(&[][..], |(_, before)| before))?;
            add(&[
                multiply(&[ELEMENT_OPERATIONS, add(&[outputs, placed])?])?,
                multiply(&[ROW_OPERATIONS, tuples])?,
            ])
        }
        Charge::PerOperand(units) => {
            let operands = u64::try_from(call.inputs.len()).map_err(|_| overflow())?;
            multiply(&[units, outputs, operands])
        }
        Charge::PerWindow(units) => {
            let kernel = window::kernel_shape(call)?;
            let window = multiply(&[units, checked_product(&kernel)?])?;
            let each = add(&[ELEMENT_OPERATIONS, window])?;
            add(&[multiply(&[outputs, each])?, padded(call, &kernel, output)?])
        }
        Charge::Sorted(units) => {
            let input = call.input(0)?;
            let length = if call.node.attributes.contains_key("axis") || is_along_last(call) {
                size_of(&input.dimensions, call.axis(-1, input.rank())?)?
            } else {
                elements(0)?
            };
            let rows = multiply(&[ROW_OPERATIONS, rows(elements(0)?, length)])?;
            add(&[multiply(&[units, elements(0)?, digits(length)])?, rows])
        }
        // Every output element is a sum over the inner dimension, the last of the left operand.
        Charge::MatMul { right, after } => {
            let left = call.input(0)?;
            let inner = left.dimensions.last().copied();
            let inner = inner.ok_or("its input is a scalar")?;
            let batch = multiply(product::batch(left, call.input(right)?, output))?;
            add(&[
                multiply(&[outputs, add(&[inner, after])?])?,
                read(call)?,
                multiply(&[PRODUCT_OPERATIONS, batch])?,
            ])
        }
        Charge::Gemm => {
            let inner = usize::from(!call.node.is_set("transA"));
            let inner = size_of(&call.input(0)?.dimensions, inner)?;
            let each = add(&[inner, ELEMENT_OPERATIONS])?;
            add(&[multiply(&[outputs, each])?, read(call)?, PRODUCT_OPERATIONS])
        }
        Charge::Einsum => einsum(call, outputs),
        // Kernel: output channels, input channels of one group, window. Padding is counted as read.
        Charge::Conv { kernel, after } => {
            let each = add(&[taps(call, kernel)?, after])?;
            let sizes = call.input(kernel)?.dimensions.get(2..).unwrap_or(&[]);
            add(&[
                multiply(&[outputs, each])?,
                groups(call)?,
                read(call)?,
                padded(call, sizes, output)?,
            ])
        }
        Charge::DeformConv => {
            let each = add(&[taps(call, 1)?, ELEMENT_OPERATIONS])?;
            let samples = multiply(&[deformed(call, output)?, SAMPLE_OPERATIONS])?;
            add(&[
                multiply(&[outputs, each])?,
                samples,
                groups(call)?,
                read(call)?,
            ])
        }
        // Kernel: input channels, output channels of one group, window. Each input position makes an element
        // of a window for each of them, in which the channels of its group are summed.
        Charge::ConvTranspose => {
            let input = &call.input(0)?.dimensions;
            let kernel = taps(call, 1)?;
            let products = multiply(&[elements(0)?, kernel])?;
            let positions = multiply(input.get(2..).unwrap_or(&[]))?;
            let count = group_count(call)?;
            let summed = multiply(&[size_of(input, 0)?, count, positions, kernel])?;
            let moved = add(&[summed, outputs])?;
            add(&[
                products,
                multiply(&[ELEMENT_OPERATIONS, moved])?,
                groups(call)?,
                read(call)?,
            ])
        }
        Charge::Recurrent(gates) => recurrent(call, gates),
        Charge::Attention => {
            let of = attention::heads(call)?;
            let heads = multiply(&[of.batch, of.query_heads])?;
            let scores = multiply(&[heads, of.queries, of.keys])?;
            let each = add(&[of.key_size, of.value_size, SCORE_OPERATIONS])?;
            add(&[
                multiply(&[scores, each])?,
                multiply(&[heads, PRODUCT_OPERATIONS])?,
                read(call)?,
            ])
        }
        Charge::LinearAttention => {
            let of = recurrent::linear_heads(call)?;
            let heads = add(&[multiply(&[4, of.heads])?, of.query_heads])?;
            let products = multiply(&[of.batch, of.steps, heads, of.key, of.value])?;
            add(&[
                products,
                multiply(&[of.steps, STEP_OPERATIONS])?,
                read(call)?,
            ])
        }
        Charge::CausalConv { after } => {
            let each = add(&[taps(call, 1)?, after])?;
            add(&[multiply(&[outputs, each])?, read(call)?])
        }
        Charge::Determinant => {
            let side = call.input(0)?.dimensions.last().copied();
            let side = side.ok_or("its input is a scalar")?;
            add(&[
                multiply(&[elements(0)?, side])?,
                multiply(&[ROW_OPERATIONS, outputs])?,
            ])
        }
        Charge::Dft => {
            let found = signal::transform(call)?;
            let input = &call.input(0)?.dimensions;
            let others = input.split_last().map_or(&[][..], |(_, others)| others);
            let signals = others
                .iter()
                .enumerate()
                .filter(|(dimension, _)| *dimension != found.axis);
            let signals: Vec<u64> = signals.map(|(_, &size)| size).collect();
            let each = add(&[fourier(found.length)?, ROW_OPERATIONS])?;
            multiply(&[multiply(&signals)?, each])
        }
        Charge::Stft => {
            let (frames, length) = signal::frames(call)?;
            let batch = size_of(&call.input(0)?.dimensions, 0)?;
            let each = add(&[fourier(length)?, length, ROW_OPERATIONS])?;
            multiply(&[batch, frames, each])
        }
        Charge::NonMaxSuppression { sorted } => {
            let boxes = size_of(&call.input(0)?.dimensions, 1)?;
            let rows = size_of(&output.dimensions, 0)?;
            let sorting = multiply(&[sorted, elements(1)?, digits(boxes)])?;
            let comparing = multiply(&[rows, boxes, SAMPLE_OPERATIONS])?;
            add(&[sorting, comparing])
        }
        Charge::Resize { nearest, pixel } => {
            let each = resize(call, output, nearest, pixel)?;
            add(&[
                multiply(&[outputs, each])?,
                multiply(&[ELEMENT_OPERATIONS, elements(0)?])?,
            ])
        }
        Charge::GridSample { place, pixel } => {
            let spatial = call.input(0)?.rank().saturating_sub(2);
            let pixels = match call.node.text("mode") {
                b"nearest" => 1,
                b"bicubic" | b"cubic" => power(4, spatial)?,
                _ => power(2, spatial)?,
            };
            let each = add(&[place, multiply(&[pixel, pixels])?])?;
            add(&[
                multiply(&[outputs, each])?,
                multiply(&[ELEMENT_OPERATIONS, elements(0)?])?,
            ])
        }
        Charge::RoiAlign => {
            let points = call.node.integer("sampling_ratio", 0);
            if points <= 0 {
                return Err("without a sampling_ratio, how much it samples depends on data".into());
            }
            let points = size(points)?;
            multiply(&[outputs, points, points, SAMPLE_OPERATIONS])
        }
        Charge::MaxRoiPool(units) => {
            let (input, output) = (&call.input(0)?.dimensions, &output.dimensions);
            let side = |dimension| add(&[size_of(input, dimension)?, size_of(output, dimension)?]);
            multiply(&[
                units,
                size_of(output, 0)?,
                size_of(output, 1)?,
                side(2)?,
                side(3)?,
            ])
        }
        Charge::Lrn { each, around } => {
            let channels = size(call.node.integer("size", 0))?;
            multiply(&[outputs, add(&[each, multiply(&[around, channels])?])?])
        }
    }
}

/// `TopK` works along its last dimension when no axis is named; `Unique` then on all elements.
fn is_along_last(call: &Call<'_>) -> bool {
    call.node.operator.name == "TopK"
}

/// Elements of a kernel that each output element, or each input element, is multiplied with.
fn taps(call: &Call<'_>, kernel: usize) -> Result<u64, Reason> {
    let kernel = &call.input(kernel)?.dimensions;
    checked_product(kernel.get(1..).unwrap_or(&[]))
}

/// Elements that a deformable convolution samples: each channel at each window element and position.
fn deformed(call: &Call<'_>, output: &Value) -> Result<u64, Reason> {
    let (input, kernel) = (&call.input(0)?.dimensions, &call.input(1)?.dimensions);
    let window = multiply(kernel.get(2..).unwrap_or(&[]))?;
    let positions = multiply(output.dimensions.get(2..).unwrap_or(&[]))?;
    multiply(&[size_of(input, 0)?, size_of(input, 1)?, window, positions])
}

fn fourier(length: u64) -> Result<u64, Reason> {
    let times = match length.is_power_of_two() {
        true => 1,
        false => FOURIER_TIMES,
    };
    multiply(&[times, FOURIER_OPERATIONS, length, digits(length)])
}

fn power(base: u64, exponent: usize) -> Result<u64, Reason> {
    u32::try_from(exponent)
        .ok()
        .and_then(|exponent| base.checked_pow(exponent))
        .ok_or_else(overflow)
}

/// What each output element comes to. Pixels are read in each dimension that changes, 2 or 4 of them; of an image
/// that is made smaller without aliasing, as many more as it has pixels for one of the output.
fn resize(call: &Call<'_>, output: &Value, nearest: u64, pixel: u64) -> Result<u64, Reason> {
    let pixels: u64 = match call.node.text("mode") {
        b"" | b"nearest" => return Ok(nearest),
        b"cubic" => 4,
        _ => 2,
    };
    let smooth = call.node.is_set("antialias");
    let mut each = pixel;
    for (&before, &after) in call.input(0)?.dimensions.iter().zip(&output.dimensions) {
        if before != after {
            let shrunk = if smooth {
                before.checked_div(after).unwrap_or(1).saturating_add(1)
            } else {
                1
            };
            each = multiply(&[each, pixels, shrunk])?;
        }
    }
    Ok(each)
}

/// Per step, batch entry and direction: each gate multiplies the input and the previous state.
fn recurrent(call: &Call<'_>, gates: u64) -> Result<u64, Reason> {
    let input = &call.input(0)?.dimensions;
    let recurrence = &call.input(2)?.dimensions;
    let features = size_of(input, 2)?;
    let (steps, batch) = match call.node.is_set("layout") {
        true => (size_of(input, 1)?, size_of(input, 0)?),
        false => (size_of(input, 0)?, size_of(input, 1)?),
    };
    let (directions, hidden) = (size_of(recurrence, 0)?, size_of(recurrence, 2)?);
    let gate_elements = multiply(&[steps, batch, directions, gates, hidden])?;
    let each = add(&[features, hidden, GATE_OPERATIONS])?;
    add(&[
        multiply(&[gate_elements, each])?,
        multiply(&[steps, directions, STEP_OPERATIONS])?,
        read(call)?,
    ])
}

/// Elements that what multiplies reads of the call, to lay them out in its kernel's order, which may be wider than they
/// are; constants are laid out beforehand.
fn read(call: &Call<'_>) -> Result<u64, Reason> {
    let inputs = call.inputs.iter().flatten();
    laid_out(inputs.filter(|input| !input.is_weight || is_narrow(call, input)))
}

/// Whether it is one row or column of a product, which may be laid out at each call though it is a constant.
fn is_narrow(call: &Call<'_>, input: &Value) -> bool {
    let is_product = matches!(
        call.node.operator.charge,
        Charge::MatMul { .. } | Charge::Gemm
    );
    let sizes = input.dimensions.iter().rev().take(2);
    is_product
        && input.rank() > 0
        && (input.rank() == 1 || sizes.into_iter().any(|&size| size == 1))
}

fn laid_out<'v>(values: impl Iterator<Item = &'v &'v Value>) -> Result<u64, Reason> {
    let sizes = values.map(|value| checked_product(&value.dimensions));
    let all = add(&sizes.collect::<Result<Vec<_>, _>>()?)?;
    multiply(&[LAYOUT_OPERATIONS, all])
}

/// Window elements at the positions where the window reaches into padding.
fn padded(call: &Call<'_>, kernel: &[u64], output: &Value) -> Result<u64, Reason> {
    let positions = multiply(output.dimensions.get(2..).unwrap_or(&[]))?;
    let within = multiply(&window::positions_within(call, kernel, output)?)?;
    let padded = positions.saturating_sub(within);
    multiply(&[ELEMENT_OPERATIONS, padded, checked_product(kernel)?])
}

/// Elements of a row along the axis that is normalised: the last one when none is named, and the second one
/// before version 13 of ONNX's operators, which let it be the one after the last, too.
fn normalised(call: &Call<'_>, output: &Value) -> Result<u64, Reason> {
    let default = if call.node.opset < 13 { 1 } else { -1 };
    match output.rank() {
        0 => Ok(1),
        rank => match call.axis_or_end(default, rank)? {
            axis if axis == rank => Ok(1),
            axis => size_of(&output.dimensions, axis),
        },
    }
}

/// Products of two matrices are as many as the indices that both have, and the result, have combinations.
fn einsum(call: &Call<'_>, outputs: u64) -> Result<u64, Reason> {
    let found = product::contraction(call)?;
    let all = multiply(&found.indices)?;
    let operands = u64::try_from(call.inputs.len()).map_err(|_| overflow())?;
    // Engines put the indices of each input into another order first, constants among them.
    let read = multiply(&[2, laid_out(call.inputs.iter().flatten())?])?;
    let moved = add(&[multiply(&[ELEMENT_OPERATIONS, outputs])?, read])?;
    let Some(products) = operands.checked_sub(1).filter(|&products| products > 0) else {
        return add(&[multiply(&[ROW_OPERATIONS, all])?, moved]);
    };
    let batch = multiply(&found.batch)?;
    let each = add(&[all, multiply(&[PRODUCT_OPERATIONS, batch])?])?;
    add(&[multiply(&[each, products])?, moved])
}

fn group_count(call: &Call<'_>) -> Result<u64, Reason> {
    size(call.node.integer("group", 1))
}

fn groups(call: &Call<'_>) -> Result<u64, Reason> {
    let images = size_of(&call.input(0)?.dimensions, 0)?;
    multiply(&[GROUP_OPERATIONS, images, group_count(call)?])
}

/// Rows of so many elements each, in all of them.
fn rows(elements: u64, each: u64) -> u64 {
    elements.checked_div(each).unwrap_or(0)
}

/// Bytes that a node can make a backend hold while it runs, besides its outputs.
pub(crate) fn rearranged_bytes(call: &Call<'_>, output: &Value) -> Option<u64> {
    let input = call.optional(0);
    match call.node.operator.charge {
        // The input of one batch entry, so that each output position has its window in one row.
        Charge::Conv { kernel, .. } => windows_of(call, call.optional(kernel)?, output),
        Charge::DeformConv => windows_of(call, call.optional(1)?, output),
        // What each input position adds to the output, before it is added.
        Charge::ConvTranspose => windows_of(call, call.optional(1)?, input?),
        // The scores of every query and key.
        Charge::Attention => {
            let of = attention::heads(call).ok()?;
            let scores = crate::value::product(&[of.batch, of.query_heads, of.queries, of.keys])?;
            input?.element_type.bytes_of(scores)
        }
        // What more than two operands are multiplied through can be as large as all indices.
        Charge::Einsum if call.inputs.len() > 2 => {
            let all = crate::value::product(&product::contraction(call).ok()?.indices)?;
            output.element_type.bytes_of(all)
        }
        // Every gate of every step.
        Charge::Recurrent(gates) => {
            let input = input?;
            let hidden = call.optional(2)?.dimensions.get(2).copied()?;
            let steps = crate::value::product(input.dimensions.get(..2)?)?;
            let elements = crate::value::product(&[steps, gates, hidden])?;
            input.element_type.bytes_of(elements)
        }
        _ => Some(0),
    }
}

fn windows_of(call: &Call<'_>, kernel: &Value, image: &Value) -> Option<u64> {
    let groups = u64::try_from(call.node.integer("group", 1)).ok()?;
    let positions = crate::value::product(image.dimensions.get(2..)?)?;
    let window = crate::value::product(kernel.dimensions.get(1..)?)?;
    let elements = crate::value::product(&[window, groups, positions])?;
    kernel.element_type.bytes_of(elements)
}
