//! Owns how tract rewrites a graph until it is made of its kernels: that this ends, that it leaves out the rules that change
//! what a graph computes, and that graphs within nodes are rewritten so, too.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tract_onnx::prelude::*;
use tract_onnx::tract_core::internal::*;
use tract_onnx::tract_core::ops::dummy::Dummy;
use tract_onnx::tract_core::ops::gru_seq::GruSeq;
use tract_onnx::tract_core::ops::scan::Scan;
use tract_onnx::tract_core::optim::{Optimizer, OptimizerSession, TypedPass};

use super::choice::Choice;
use super::steps::{self, Steps};
use super::{kept, rules, whole_sum};

/// Steps that a graph may be rewritten in: tract has rules that undo each other, and would go on for ever.
const STEPS: usize = 1_000;
const STEPS_PER_NODE: usize = 100;

/// What tract calls the pass that asks each operator for its own rules.
const RULES_OF_OPERATORS: &str = "declutter";

/// The graph, and those within its nodes, each changed by a function, as tract's rules may have them.
pub(crate) fn guard(
    model: TypedModel,
    change: fn(TypedModel) -> TractResult<TypedModel>,
) -> TractResult<TypedModel> {
    let mut model = change(model)?;
    for id in 0..model.nodes().len() {
        let kept = kept::keep(&model, model.node(id))?;
        let whole = whole_sum::instead(&model, model.node(id))?;
        let node = model.node_mut(id);
        if let Some(kept) = kept {
            node.op = Box::new(kept);
        } else if let Some(whole) = whole {
            node.op = Box::new(whole);
        } else if let Some(Steps(scan)) = node.op_as_mut() {
            scan.body = guard(std::mem::take(&mut scan.body), change)?;
        } else if let Some(Choice(branches)) = node.op_as_mut() {
            branches.then_body = guard(std::mem::take(&mut branches.then_body), change)?;
            branches.else_body = guard(std::mem::take(&mut branches.else_body), change)?;
        } else if let Some(recurrence) = node.op_as_mut::<Scan>() {
            recurrence.reset_every_turn = true;
        } else if let Some(recurrence) = node.op_as_mut::<GruSeq>() {
            recurrence.reset_every_turn = true;
        }
    }
    Ok(model)
}

/// The graph with tract's kernels.
pub(super) fn optimise(model: TypedModel) -> TractResult<TypedModel> {
    let mut model = declutter(model)?;
    for id in 0..model.nodes().len() {
        let node = model.node_mut(id);
        if let Some(recurrence) = node.op_as_mut::<Scan>() {
            recurrence.body = optimise(std::mem::take(&mut recurrence.body))?;
            node.op = Box::new(steps::prepared(recurrence)?);
        }
    }
    run(Optimizer::codegen(), &mut model)?;
    Ok(model)
}

/// The graph in its plainest form.
pub(crate) fn declutter(mut model: TypedModel) -> TractResult<TypedModel> {
    run(Optimizer::declutter(), &mut model)?;
    Ok(model)
}

fn run(mut optimizer: Optimizer, model: &mut TypedModel) -> TractResult<()> {
    let steps = STEPS.saturating_add(STEPS_PER_NODE.saturating_mul(nodes(model)));
    let left = Arc::new(AtomicUsize::new(steps));
    for pass in &mut optimizer.passes {
        let inner = match format!("{pass:?}") == RULES_OF_OPERATORS {
            true => Box::new(Rules::default()),
            false => pass.clone(),
        };
        *pass = Box::new(Counted {
            inner,
            left: Arc::clone(&left),
        });
    }
    optimizer.session().optimize(model)
}

/// Nodes, those of repeated graphs too.
fn nodes(model: &TypedModel) -> usize {
    let within = model.nodes().iter().map(|node| {
        let body = node.op_as::<Scan>().map(|scan| nodes(&scan.body));
        body.unwrap_or(0)
    });
    within.fold(model.nodes().len(), usize::saturating_add)
}

/// A pass of tract's that shares a number of steps with others.
#[derive(Clone)]
struct Counted {
    inner: Box<dyn TypedPass>,
    left: Arc<AtomicUsize>,
}

/// What tract's messages call it.
impl fmt::Debug for Counted {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(formatter)
    }
}

impl TypedPass for Counted {
    fn reset(&mut self) -> TractResult<()> {
        self.inner.reset()
    }

    fn next(
        &mut self,
        session: &mut OptimizerSession<'_>,
        model: &TypedModel,
    ) -> TractResult<Option<TypedModelPatch>> {
        let patch = self.inner.next(session, model)?;
        if patch.is_some() {
            let left = self.left.load(Ordering::Relaxed).checked_sub(1);
            let left = left.context("tract does not come to an end with rewriting the model")?;
            self.left.store(left, Ordering::Relaxed);
        }
        Ok(patch)
    }

    fn run_direct(&mut self, model: &mut TypedModel) -> TractResult<bool> {
        self.inner.run_direct(model)
    }
}

/// tract's pass of each operator's own rules, without those that are wrong.
#[derive(Clone, Default)]
struct Rules {
    /// The node that is next.
    at: usize,
}

impl fmt::Debug for Rules {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(RULES_OF_OPERATORS)
    }
}

impl TypedPass for Rules {
    fn reset(&mut self) -> TractResult<()> {
        self.at = 0;
        Ok(())
    }

    fn next(
        &mut self,
        session: &mut OptimizerSession<'_>,
        model: &TypedModel,
    ) -> TractResult<Option<TypedModelPatch>> {
        for node in model.nodes().iter().skip(self.at) {
            if node.op_is::<Dummy>() || rules::are_wrong(model, node)? {
                continue;
            }
            let patch = node.op.declutter_with_session(session, model, node);
            if let Some(patch) = patch.with_context(|| format!("declutter {node}"))? {
                // The same node may have another rule, unless this one is to be applied once.
                let next = usize::from(patch.dont_apply_twice.is_some());
                self.at = node.id.saturating_add(next);
                return Ok(Some(patch));
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A pass that finds something to change for ever.
    #[derive(Debug, Clone)]
    struct Endless;

    impl TypedPass for Endless {
        fn reset(&mut self) -> TractResult<()> {
            Ok(())
        }

        fn next(
            &mut self,
            _: &mut OptimizerSession<'_>,
            _: &TypedModel,
        ) -> TractResult<Option<TypedModelPatch>> {
            Ok(Some(TypedModelPatch::default()))
        }
    }

    #[test]
    fn rewriting_ends() {
        let mut optimizer = Optimizer::declutter();
        optimizer.passes = vec![Box::new(Endless)];
        let error = run(optimizer, &mut TypedModel::default()).unwrap_err();
        assert!(format!("{error:#}").contains("does not come to an end"));
    }
}
