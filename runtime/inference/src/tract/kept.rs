//! Owns operators that tract's rules leave as they are until they become kernels.

use tract_onnx::prelude::*;
use tract_onnx::tract_core::internal::*;
use tract_onnx::tract_core::ops::cnn::Conv;

/// Such an operator.
#[derive(Debug, Clone)]
pub(super) struct Kept(Box<dyn TypedOp>);

/// The operator as it is to be kept; none where tract's rules are right.
pub(super) fn keep(model: &TypedModel, node: &TypedNode) -> TractResult<Option<Kept>> {
    Ok(is_padded_to_more(model, node)?.then(|| Kept(node.op.clone())))
}

/// Whether it is a convolution that makes several of one along an axis, by padding alone: tract takes the axis away.
fn is_padded_to_more(model: &TypedModel, node: &TypedNode) -> TractResult<bool> {
    let Some(conv) = node.op_as::<Conv>() else {
        return Ok(false);
    };
    let inputs = model.node_input_facts(node.id)?;
    let (Some(input), Some(output)) = (inputs.first(), node.outputs.first()) else {
        return Ok(false);
    };
    let shape = conv.pool_spec.data_format.shape(&input.shape)?;
    let mut axes = conv.pool_spec.kernel_shape.iter().zip(shape.hw_axes());
    Ok(axes.any(|(&length, axis)| {
        let sizes = [&input.shape, &output.fact.shape].map(|shape| shape.get(axis));
        length == 1 && sizes[0].is_some_and(TDim::is_one) && sizes[0] != sizes[1]
    }))
}

impl PartialEq for Kept {
    fn eq(&self, _: &Self) -> bool {
        false
    }
}

impl Eq for Kept {}

impl Op for Kept {
    fn name(&self) -> StaticName {
        self.0.name()
    }

    op_as_typed_op!();
}

impl EvalOp for Kept {
    fn eval(&self, context: &EvalContext<'_>, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        self.0.eval(context, inputs)
    }

    fn eval_out_of_plan(&self, inputs: TVec<TValue>) -> TractResult<Option<TVec<TValue>>> {
        self.0.eval_out_of_plan(inputs)
    }
}

impl TypedOp for Kept {
    as_op!();

    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        self.0.output_facts(inputs)
    }

    fn codegen(
        &self,
        model: &TypedModel,
        node: &TypedNode,
    ) -> TractResult<Option<TypedModelPatch>> {
        self.0.codegen(model, node)
    }
}
