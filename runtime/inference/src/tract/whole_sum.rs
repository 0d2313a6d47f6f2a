//! Owns sums of whole numbers: tract adds them up in 32 bits, whatever their type.

use tract_onnx::prelude::tract_ndarray::{Array, Axis, Dimension, IxDyn};
use tract_onnx::prelude::*;
use tract_onnx::tract_core::internal::*;
use tract_onnx::tract_core::ops::nn::{Reduce, Reducer};

/// A sum along axes, each of which stays with one element. What is beyond the type begins anew at its other end, as in ONNX
/// Runtime.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct WholeSum {
    sum: Reduce,
}

/// The operator in place of tract's; none for others than sums of whole numbers of 32 bits and more.
pub(super) fn instead(model: &TypedModel, node: &TypedNode) -> TractResult<Option<WholeSum>> {
    let Some(reduce) = node.op_as::<Reduce>() else {
        return Ok(None);
    };
    let facts = model.node_input_facts(node.id)?;
    let element_type = facts.first().map(|fact| fact.datum_type);
    let is_whole = matches!(
        element_type,
        Some(DatumType::I32 | DatumType::I64 | DatumType::U32 | DatumType::U64)
    );
    Ok(
        (is_whole && reduce.reducer == Reducer::Sum).then(|| WholeSum {
            sum: reduce.clone(),
        }),
    )
}

impl Op for WholeSum {
    fn name(&self) -> StaticName {
        self.sum.name()
    }

    op_as_typed_op!();
}

impl EvalOp for WholeSum {
    op_out_of_plan!();

    fn eval(&self, _: &EvalContext<'_>, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let input = args_1!(inputs);
        let axes = &self.sum.axes;
        let sum = match input.datum_type() {
            DatumType::I32 => sum(&input, axes, i32::wrapping_add)?,
            DatumType::I64 => sum(&input, axes, i64::wrapping_add)?,
            DatumType::U32 => sum(&input, axes, u32::wrapping_add)?,
            DatumType::U64 => sum(&input, axes, u64::wrapping_add)?,
            other => bail!("a sum of {other:?}"),
        };
        Ok(tvec!(sum.into_tvalue()))
    }
}

fn sum<T: Datum + Copy + Default>(
    input: &Tensor,
    axes: &[usize],
    add: fn(T, T) -> T,
) -> TractResult<Tensor> {
    let mut sum: Array<T, IxDyn> = input.to_plain_array_view::<T>()?.into_owned();
    for &axis in axes {
        if axis >= sum.raw_dim().ndim() {
            bail!("a sum along an axis that is not there");
        }
        let folded = sum.fold_axis(Axis(axis), T::default(), |&one, &other| add(one, other));
        sum = folded.insert_axis(Axis(axis));
    }
    Ok(sum.into_tensor())
}

impl TypedOp for WholeSum {
    as_op!();

    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        self.sum.output_facts(inputs)
    }
}
