//! Owns ONNX's Scan for tract. tract's own takes operators out of the steps, not always to the same end, and rewrites what is
//! left by rules that the rest of a graph is kept from; and where it is within another, it goes on from the step before.

use std::sync::Arc;

use tract_onnx::model::{OnnxOpRegister, ParsingContext};
use tract_onnx::ops::rec::scan;
use tract_onnx::pb;
use tract_onnx::prelude::*;
use tract_onnx::tract_core::internal::*;
use tract_onnx::tract_core::ops::scan::{OptScan, Scan};
use tract_onnx::tract_hir::infer::InferenceOp;

use super::read::Read;
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
    let read = Read {
        operator: read,
        replace,
    };
    Ok((Box::new(read), names))
}

fn replace(operator: &dyn TypedOp) -> Option<Box<dyn TypedOp>> {
    let mut scan = operator.downcast_ref::<Scan>()?.clone();
    scan.reset_every_turn = true;
    Some(Box::new(Steps(scan)))
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
