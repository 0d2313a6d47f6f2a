//! Owns that the upper halves of vector registers are zero when an operator begins. tract's kernels of AVX leave them as
//! they are, and whatever is compiled for SSE alone, mathematical libraries and conversions of f16 among it, then takes
//! ten to forty times as long.

use std::sync::Arc;

use tract_onnx::prelude::*;
use tract_onnx::tract_core::internal::*;
use tract_onnx::tract_core::ops::konst::Const;
use tract_onnx::tract_core::ops::source::TypedSource;
use tract_onnx::tract_core::plan::eval;

/// Runs a plan, and leaves clean registers.
pub(super) fn run(
    plan: &Arc<TypedRunnableModel>,
    inputs: TVec<TValue>,
) -> TractResult<TVec<TValue>> {
    let outputs = plan
        .spawn()?
        .run_plan_with_eval(inputs, |context, state, node, inputs| {
            clear();
            eval(context, state, node, inputs)
        });
    clear();
    outputs
}

/// The plan of a repeated graph, whose operators begin so, too: tract runs it by itself.
pub(super) fn plan_of_steps(mut body: TypedModel) -> TractResult<Arc<TypedRunnableModel>> {
    for id in 0..body.nodes().len() {
        let node = body.node_mut(id);
        if !node.op_is::<Const>() && !node.op_is::<TypedSource>() {
            node.op = Box::new(Clean(node.op.clone()));
        }
    }
    body.into_runnable()
}

/// An operator that begins with clean registers.
#[derive(Debug, Clone)]
struct Clean(Box<dyn TypedOp>);

impl PartialEq for Clean {
    fn eq(&self, _: &Self) -> bool {
        false
    }
}

impl Eq for Clean {}

impl Op for Clean {
    fn name(&self) -> StaticName {
        self.0.name()
    }

    fn mints_runtime_symbols(&self) -> bool {
        self.0.mints_runtime_symbols()
    }

    fn required_bound_symbols(&self, inputs: &[&TypedFact]) -> TVec<Symbol> {
        self.0.required_bound_symbols(inputs)
    }

    op_as_typed_op!();
}

impl EvalOp for Clean {
    fn eval(&self, context: &EvalContext<'_>, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        clear();
        self.0.eval(context, inputs)
    }

    fn forwards_input(&self) -> Option<usize> {
        self.0.forwards_input()
    }

    fn eval_out_of_plan(&self, inputs: TVec<TValue>) -> TractResult<Option<TVec<TValue>>> {
        self.0.eval_out_of_plan(inputs)
    }

    fn state(&self, context: &EvalContext<'_>) -> TractResult<Option<Box<dyn OpState>>> {
        let state = self.0.state(context)?;
        Ok(state.map(|state| Box::new(CleanState(state)) as Box<dyn OpState>))
    }

    fn drop_session(&self, session: SessionId, node: usize) {
        self.0.drop_session(session, node);
    }
}

impl TypedOp for Clean {
    as_op!();

    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        self.0.output_facts(inputs)
    }
}

/// What such an operator keeps from one step to the next.
#[derive(Debug, Clone)]
struct CleanState(Box<dyn OpState>);

impl OpState for CleanState {
    fn init_tensor_fact(&self) -> Option<(String, TypedFact)> {
        self.0.init_tensor_fact()
    }

    fn has_init_tensor_fact(&self) -> bool {
        self.0.has_init_tensor_fact()
    }

    fn resolve_symbols(&mut self, turn: &mut TurnState) -> TractResult<()> {
        self.0.resolve_symbols(turn)
    }

    fn eval(
        &mut self,
        context: &EvalContext<'_>,
        operator: &dyn Op,
        inputs: TVec<TValue>,
    ) -> TractResult<TVec<TValue>> {
        let Clean(operator) = operator
            .downcast_ref()
            .context("a state was given another operator")?;
        clear();
        self.0.eval(context, operator.as_op(), inputs)
    }

    fn reset_lanes(&mut self, lanes: &[LaneId]) -> TractResult<()> {
        self.0.reset_lanes(lanes)
    }
}

#[cfg(target_arch = "x86_64")]
fn clear() {
    if std::arch::is_x86_feature_detected!("avx") {
        // SAFETY: the processor has AVX.
        unsafe { zero() };
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx")]
fn zero() {
    std::arch::x86_64::_mm256_zeroupper();
}

/// Registers of other processors have no halves.
#[cfg(not(target_arch = "x86_64"))]
fn clear() {}
