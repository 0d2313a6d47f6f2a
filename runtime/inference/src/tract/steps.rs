//! Owns ONNX's Scan for tract. tract's own takes operators out of the steps, not always to the same end, and rewrites what is
//! left by rules that the rest of a graph is kept from; and where it is within another, it goes on from the step before.

use std::collections::HashMap;
use std::sync::Arc;

use tract_onnx::model::{OnnxOpRegister, ParsingContext};
use tract_onnx::ops::rec::scan;
use tract_onnx::pb;
use tract_onnx::prelude::*;
use tract_onnx::tract_core::internal::*;
use tract_onnx::tract_core::ops::scan::{OptScan, Scan};
use tract_onnx::tract_hir::infer::{InferenceFact, InferenceNode, InferenceOp};

use super::{rewrite, upper};

/// Reads Scan by this module from now on.
pub(super) fn register(operators: &mut OnnxOpRegister) {
    operators.insert("Scan", read);
}

fn read(
    context: &ParsingContext<'_>,
    node: &pb::NodeProto,
) -> TractResult<(Box<dyn InferenceOp>, Vec<String>)> {
    let (read, names) = scan::scan(context, node)?;
    Ok((Box::new(Read(read)), names))
}

/// tract's Scan, until all types and sizes are known.
#[derive(Debug, Clone)]
struct Read(Box<dyn InferenceOp>);

impl PartialEq for Read {
    fn eq(&self, _: &Self) -> bool {
        false
    }
}

impl Eq for Read {}

impl Op for Read {
    fn name(&self) -> StaticName {
        self.0.name()
    }

    not_a_typed_op!();
}

impl EvalOp for Read {
    not_out_of_plan!();

    fn state(&self, context: &EvalContext<'_>) -> TractResult<Option<Box<dyn OpState>>> {
        self.0.state(context)
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
        self.0.infer_facts(inputs, outputs, observed)
    }

    fn nboutputs(&self) -> TractResult<usize> {
        self.0.nboutputs()
    }

    fn to_typed(
        &self,
        source: &InferenceModel,
        node: &InferenceNode,
        target: &mut TypedModel,
        mapping: &HashMap<OutletId, OutletId>,
    ) -> TractResult<TVec<OutletId>> {
        // tract's is wired, and replaced before any of its rules is applied.
        let wired = self.0.to_typed(source, node, target, mapping)?;
        let id = wired.first().context("a Scan has no output")?.node;
        let node = target.node_mut(id);
        let scan = node.op_as::<Scan>();
        let mut scan = scan.context("a Scan became something else")?.clone();
        scan.reset_every_turn = true;
        node.op = Box::new(Steps(scan));
        Ok(wired)
    }
}

/// A Scan of known types and sizes, which nothing is taken out of.
#[derive(Debug, Clone)]
pub(super) struct Steps(pub(super) Scan);

impl PartialEq for Steps {
    fn eq(&self, _: &Self) -> bool {
        false
    }
}

impl Eq for Steps {}

impl Op for Steps {
    fn name(&self) -> StaticName {
        self.0.name()
    }

    op_as_typed_op!();
}

impl EvalOp for Steps {
    not_out_of_plan!();

    fn state(&self, context: &EvalContext<'_>) -> TractResult<Option<Box<dyn OpState>>> {
        self.0.state(context)
    }
}

impl TypedOp for Steps {
    as_op!();

    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        self.0.output_facts(inputs)
    }

    fn codegen(
        &self,
        model: &TypedModel,
        node: &TypedNode,
    ) -> TractResult<Option<TypedModelPatch>> {
        let mut scan = self.0.clone();
        scan.body = rewrite::optimise(scan.body)?;
        TypedModelPatch::replace_single_op(model, node, &node.inputs, prepared(&scan)?).map(Some)
    }
}

/// A Scan, whose body has tract's kernels, ready to run.
pub(super) fn prepared(scan: &Scan) -> TractResult<OptScan> {
    // Of its parts only the plan is another.
    let mut parts = (*scan.to_codegen_op(false)?).clone();
    parts.plan = upper::plan_of_steps(scan.body.clone())?;
    Ok(OptScan::new(Arc::new(parts)))
}
