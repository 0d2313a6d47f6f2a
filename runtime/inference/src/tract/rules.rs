//! Owns which operators' own rules make tract compute something else. Rewrites nothing.

use tract_onnx::prelude::*;
use tract_onnx::tract_core::internal::*;
use tract_onnx::tract_core::ops::Downsample;
use tract_onnx::tract_core::ops::array::{MultiBroadcastTo, Pad};
use tract_onnx::tract_core::ops::binary::TypedBinOp;
use tract_onnx::tract_core::ops::cnn::Conv;
use tract_onnx::tract_core::ops::einsum::EinSum;
use tract_onnx::tract_core::ops::element_wise::ElementWiseOp;
use tract_onnx::tract_core::ops::math::{Div, Mul, Pow, Rem, Square, Sub};
use tract_onnx::tract_core::ops::nn::{Reduce, Reducer};

/// Elements of a constant that is looked through, each time that an operator is asked; of a larger one nothing is known.
const LOOKED_THROUGH_MAX: usize = 1_024;

/// Whether an operator's own rules give a graph that computes something else, or none at all.
pub(super) fn are_wrong(model: &TypedModel, node: &TypedNode) -> TractResult<bool> {
    // It takes parts of a value before an operator that needs all of it, the sum of a Softmax for instance.
    if node.op_is::<Downsample>() {
        return Ok(true);
    }
    if let Some(conv) = node.op_as::<Conv>() {
        return Ok(is_taken_from_or_divided_by(model, node) || takes_padding(model, node, conv));
    }
    if let Some(product) = node.op_as::<EinSum>() {
        return Ok(takes_repeated_once(model, node, product)?
            || splits_what_is_spread(model, node, product)?);
    }
    if let Some(binary) = node.op_as::<TypedBinOp>() {
        // Of a remainder, they change the places of the operands where the first has fewer elements.
        return Ok(binary.0.is::<Rem>()
            || is_special_by_constant(model, node, binary)?
            || is_scaled_far(model, node, binary)?);
    }
    if let Some(reduce) = node.op_as::<Reduce>() {
        return sums_what_is_scaled(model, node, reduce);
    }
    // The square of a square root becomes what it is the root of, also where that is below 0.
    let elementwise = node.op_as::<ElementWiseOp>();
    Ok(elementwise.is_some_and(|operator| operator.0.is::<Square>()))
}

/// Whether a reader of a convolution takes it from something, or divides something by it: they make `c - (kx + b)` to
/// `kx + (c - b)`, and `c / (kx + b)` to `(c / k)x + c / b`.
fn is_taken_from_or_divided_by(model: &TypedModel, node: &TypedNode) -> bool {
    let mut readers = node.outputs.iter().flat_map(|output| &output.successors);
    readers.any(|reader| {
        let operator = model.node(reader.node).op_as::<TypedBinOp>();
        reader.slot == 1 && operator.is_some_and(|found| found.0.is::<Sub>() || found.0.is::<Div>())
    })
}

/// Whether a convolution would be given the padding before it that it must not have: of a quantised one that is its zero point,
/// not 0, and along an axis for which it has one weight tract takes padding for none.
fn takes_padding(model: &TypedModel, node: &TypedNode, conv: &Conv) -> bool {
    let is_padded = |input: &OutletId| model.node(input.node).op_is::<Pad>();
    let lengths = &conv.pool_spec.kernel_shape;
    node.inputs.first().is_some_and(is_padded) && (conv.q_params.is_some() || lengths.contains(&1))
}

/// Whether a value is taken once where it is repeated, and nothing else repeats the product: along an index that is summed over,
/// or that no other input has.
fn takes_repeated_once(
    model: &TypedModel,
    node: &TypedNode,
    product: &EinSum,
) -> TractResult<bool> {
    let facts = model.node_input_facts(node.id)?;
    for (slot, (input, fact)) in node.inputs.iter().zip(&facts).enumerate() {
        let before = model.node(input.node);
        if !before.op_is::<MultiBroadcastTo>() {
            continue;
        }
        let once = model.node_input_facts(before.id)?;
        let once = once.first().context("nothing is repeated")?;
        if once.rank() != fact.rank() {
            return Ok(true);
        }
        for (axis, (from, to)) in once.shape.iter().zip(fact.shape.iter()).enumerate() {
            if from == to {
                continue;
            }
            let index = product.axes.axis((InOut::In(slot), axis))?;
            let is_summed = index.outputs.iter().all(|places| places.is_empty());
            let mut others = index.inputs.iter().zip(&facts).enumerate();
            let is_repeated = others.any(|(other, (places, fact))| {
                let mut sizes = places.iter().filter_map(|&place| fact.shape.get(place));
                other != slot && sizes.any(|size| size == to)
            });
            if is_summed || !is_repeated {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// Whether an axis that was put together from several would be split in an input that has one element along it.
fn splits_what_is_spread(
    model: &TypedModel,
    node: &TypedNode,
    product: &EinSum,
) -> TractResult<bool> {
    let facts = model.node_input_facts(node.id)?;
    for (slot, input) in node.inputs.iter().enumerate() {
        let Some(AxisOp::Reshape(at, _, _)) = model.node(input.node).op_as() else {
            continue;
        };
        let index = product.axes.axis((InOut::In(slot), *at))?;
        let mut places = index.inputs.iter().zip(&facts);
        if places.any(|(places, fact)| {
            let mut sizes = places.iter().filter_map(|&place| fact.shape.get(place));
            sizes.any(|size| size.is_one())
        }) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether it becomes an operator of one operand that is not right: of whole numbers, of another shape, or of a power of which the
/// exponent is near to a whole number, for which it is taken.
fn is_special_by_constant(
    model: &TypedModel,
    node: &TypedNode,
    operator: &TypedBinOp,
) -> TractResult<bool> {
    let facts = model.node_input_facts(node.id)?;
    let ([first, second], [output]) = (facts.as_slice(), node.outputs.as_slice()) else {
        return Ok(false);
    };
    let is_whole = !first.datum_type.is_float();
    if operator.0.is::<Mul>() {
        return Ok(is_whole && node.inputs.first() == node.inputs.get(1));
    }
    let is_spread = first.shape != output.fact.shape;
    if operator.0.is::<Div>() {
        return Ok(is_spread);
    }
    if !operator.0.is::<Pow>() {
        return Ok(false);
    }
    let Some(exponent) = &second.uniform else {
        return Ok(is_whole || is_spread);
    };
    let exponent: f64 = exponent.cast_to_scalar()?;
    let apart = (exponent - exponent.round()).abs();
    Ok(is_whole || is_spread || (apart > 0.0 && apart < 0.01))
}

/// Whether it multiplies by, or divides by, 0, or a constant so large or small that the product of two, or its inverse, is beyond what
/// the type holds.
fn is_scaled_far(model: &TypedModel, node: &TypedNode, operator: &TypedBinOp) -> TractResult<bool> {
    if !operator.0.is::<Mul>() && !operator.0.is::<Div>() {
        return Ok(false);
    }
    for fact in model.node_input_facts(node.id)? {
        let largest: f64 = match fact.datum_type {
            DatumType::F16 => 128.0,
            // 2 to the 60th: as a number of f32, too, which tract looks at.
            DatumType::F32 | DatumType::F64 => 1_152_921_504_606_846_976.0,
            _ => continue,
        };
        let constant = fact.uniform.as_ref().or(fact.konst.as_ref());
        let Some(constant) = constant else {
            continue;
        };
        if constant.volume() > LOOKED_THROUGH_MAX {
            return Ok(true);
        }
        let numbers = constant.cast_to::<f64>()?;
        let numbers = numbers.try_as_plain_ram()?.as_slice::<f64>()?;
        let is_near = |number: &f64| (largest.recip()..=largest).contains(&number.abs());
        if !numbers.iter().all(is_near) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether a sum is of what a constant scales, which would be scaled after it, beyond what the type holds; or is scaled by what
/// is nearly the inverse of its count, which would be taken for it.
fn sums_what_is_scaled(model: &TypedModel, node: &TypedNode, reduce: &Reduce) -> TractResult<bool> {
    if reduce.reducer != Reducer::Sum {
        return Ok(false);
    }
    let is_product = |node: &TypedNode| {
        let operator = node.op_as::<TypedBinOp>();
        operator.is_some_and(|operator| operator.0.is::<Mul>())
    };
    let mut before = node.inputs.iter();
    if before.any(|input| is_product(model.node(input.node))) {
        return Ok(true);
    }
    let facts = model.node_input_facts(node.id)?;
    let summed = facts.first().context("a sum of nothing")?;
    // The inverse is one of f32.
    if summed.datum_type == DatumType::F64 {
        return Ok(true);
    }
    let shape = &summed.shape;
    let counts = reduce.axes.iter().map(|&axis| shape.get(axis));
    let counts = counts.map(|size| size?.to_usize().ok());
    let count: Option<Vec<usize>> = counts.collect();
    let Some(count) = count else {
        return Ok(false);
    };
    let count: f64 = count.iter().map(|&size| size as f64).product();
    let mut readers = node.outputs.iter().flat_map(|output| &output.successors);
    let is_other = |reader: &InletId| -> TractResult<bool> {
        let reader = model.node(reader.node);
        if !is_product(reader) {
            return Ok(false);
        }
        for fact in model.node_input_facts(reader.id)? {
            if let Some(scale) = &fact.uniform {
                let times: f64 = scale.cast_to_scalar()?;
                // To what f32 holds of an inverse.
                return Ok((times * count - 1.0).abs() > f64::from(f32::EPSILON));
            }
        }
        Ok(false)
    };
    readers.try_fold(false, |found, reader| Ok(found || is_other(reader)?))
}
