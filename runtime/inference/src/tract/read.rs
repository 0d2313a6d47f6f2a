//! Owns operators of ONNX that tract reads, and that become operators of ours once their types and sizes are known. Knows none
//! of them.

use std::collections::HashMap;

use tract_onnx::prelude::*;
use tract_onnx::tract_core::internal::*;
use tract_onnx::tract_hir::infer::{InferenceFact, InferenceNode, InferenceOp};

/// Ours in place of tract's; none if it is not the one that was expected.
pub(super) type Replace = fn(&dyn TypedOp) -> Option<Box<dyn TypedOp>>;

/// tract's operator, until all types and sizes are known.
#[derive(Debug, Clone)]
pub(super) struct Read {
    pub(super) operator: Box<dyn InferenceOp>,
    pub(super) replace: Replace,
}

impl PartialEq for Read {
    fn eq(&self, _: &Self) -> bool {
        false
    }
}

impl Eq for Read {}

impl Op for Read {
    fn name(&self) -> StaticName {
        self.operator.name()
    }

    not_a_typed_op!();
}

impl EvalOp for Read {
    fn eval_out_of_plan(&self, inputs: TVec<TValue>) -> TractResult<Option<TVec<TValue>>> {
        self.operator.eval_out_of_plan(inputs)
    }

    fn state(&self, context: &EvalContext<'_>) -> TractResult<Option<Box<dyn OpState>>> {
        self.operator.state(context)
    }
}

impl InferenceOp for Read {
    as_op!();

    fn infer_facts(
        &mut self,
        inputs: TVec<&InferenceFact>,
        outputs: TVec<&InferenceFact>,
        observed: TVec<&InferenceFact>,
    ) -> TractResult<(
        TVec<InferenceFact>,
        TVec<InferenceFact>,
        TVec<InferenceFact>,
    )> {
        self.operator.infer_facts(inputs, outputs, observed)
    }

    fn nboutputs(&self) -> TractResult<usize> {
        self.operator.nboutputs()
    }

    fn to_typed(
        &self,
        source: &InferenceModel,
        node: &InferenceNode,
        target: &mut TypedModel,
        mapping: &HashMap<OutletId, OutletId>,
    ) -> TractResult<TVec<OutletId>> {
        // tract's is wired, and replaced before any rule is applied and anybody sees what it says of its outputs.
        let wired = self.operator.to_typed(source, node, target, mapping)?;
        let id = wired.first().context("an operator has no output")?.node;
        let ours = (self.replace)(&*target.node(id).op);
        let ours = ours.with_context(|| format!("{} became another", self.operator.name()))?;
        let facts = ours.output_facts(&target.node_input_facts(id)?)?;
        let wired_node = target.node_mut(id);
        for (output, fact) in wired_node.outputs.iter_mut().zip(facts) {
            output.fact = fact;
        }
        wired_node.op = ours;
        // tract calls each If the same, and wires no second of one name.
        if wired_node.name != node.name {
            target.rename_node(id, &node.name)?;
        }
        Ok(wired)
    }
}
