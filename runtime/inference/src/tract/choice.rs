//! Owns ONNX's If for tract. tract's own takes what is known of one branch's values, a constant for instance, for what is
//! known of the If's, and prepares the branch that is taken anew at each call, without its optimised kernels. Knows no other
//! operator.

use std::sync::Arc;

use tract_onnx::model::{OnnxOpRegister, ParsingContext};
use tract_onnx::ops::logic;
use tract_onnx::pb;
use tract_onnx::prelude::*;
use tract_onnx::tract_core::internal::*;
use tract_onnx::tract_core::ops::logic::IfThenElse;
use tract_onnx::tract_hir::infer::InferenceOp;

use super::read::Read;
use super::{plan, upper};

/// Reads If by this module from now on.
pub(super) fn register(operators: &mut OnnxOpRegister) {
    operators.insert("If", read);
}

fn read(
    context: &ParsingContext<'_>,
    node: &pb::NodeProto,
) -> TractResult<(Box<dyn InferenceOp>, Vec<String>)> {
    let (read, names) = logic::_if(context, node)?;
    let read = Read {
        operator: read,
        replace,
    };
    Ok((Box::new(read), names))
}

fn replace(operator: &dyn TypedOp) -> Option<Box<dyn TypedOp>> {
    let branches = operator.downcast_ref::<IfThenElse>()?;
    Some(Box::new(Choice(branches.clone())))
}

/// An If of known types and sizes.
#[derive(Debug, Clone)]
pub(super) struct Choice(pub(super) IfThenElse);

impl PartialEq for Choice {
    fn eq(&self, _: &Self) -> bool {
        false
    }
}

impl Eq for Choice {}

impl Op for Choice {
    fn name(&self) -> StaticName {
        self.0.name()
    }

    op_as_typed_op!();
}

impl EvalOp for Choice {
    fn eval_out_of_plan(&self, inputs: TVec<TValue>) -> TractResult<Option<TVec<TValue>>> {
        self.0.eval_out_of_plan(inputs)
    }
}

impl TypedOp for Choice {
    as_op!();

    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let facts = self.0.output_facts(inputs)?;
        Ok(facts.iter().map(TypedFact::without_value).collect())
    }

    /// A branch whose test is known takes the If's place.
    fn declutter(
        &self,
        model: &TypedModel,
        node: &TypedNode,
    ) -> TractResult<Option<TypedModelPatch>> {
        self.0.declutter(model, node)
    }

    fn codegen(
        &self,
        model: &TypedModel,
        node: &TypedNode,
    ) -> TractResult<Option<TypedModelPatch>> {
        let prepared = Prepared {
            then: Branch::new(&self.0.then_body, &self.0.then_input_mapping)?,
            otherwise: Branch::new(&self.0.else_body, &self.0.else_input_mapping)?,
            outputs: node
                .outputs
                .iter()
                .map(|output| output.fact.without_value())
                .collect(),
        };
        TypedModelPatch::replace_single_op(model, node, &node.inputs, prepared).map(Some)
    }
}

/// An If that is ready to run.
#[derive(Debug, Clone)]
struct Prepared {
    then: Branch,
    otherwise: Branch,
    outputs: TVec<TypedFact>,
}

#[derive(Debug, Clone)]
struct Branch {
    plan: Arc<TypedRunnableModel>,
    /// Which of the If's inputs it takes.
    inputs: Vec<usize>,
}

impl Branch {
    fn new(body: &TypedModel, inputs: &[usize]) -> TractResult<Self> {
        Ok(Self {
            plan: plan(body.clone())?,
            inputs: inputs.to_vec(),
        })
    }
}

impl PartialEq for Prepared {
    fn eq(&self, _: &Self) -> bool {
        false
    }
}

impl Eq for Prepared {}

impl Op for Prepared {
    fn name(&self) -> StaticName {
        "IfThenElse".into()
    }

    op_as_typed_op!();
}

impl EvalOp for Prepared {
    op_out_of_plan!();

    fn eval(&self, _: &EvalContext<'_>, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let test = inputs.first().context("an If has no test")?;
        let branch = if test.cast_to_scalar::<bool>()? {
            &self.then
        } else {
            &self.otherwise
        };
        let taken = branch.inputs.iter().map(|&index| {
            let value = inputs.get(index);
            value
                .context("a branch takes more than it is given")
                .cloned()
        });
        upper::run(&branch.plan, taken.collect::<TractResult<_>>()?)
    }
}

impl TypedOp for Prepared {
    as_op!();

    fn output_facts(&self, _: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        Ok(self.outputs.clone())
    }
}
