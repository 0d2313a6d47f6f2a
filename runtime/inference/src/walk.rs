//! Owns the walk through a model's graph on given shapes: every node in turn, shapes and costs of all.
//! Runs nothing, and does not know which backend will compute.
//!
//! The cost is a function of the model's bytes and the shapes and types of the inputs alone. It is
//! taken from the graph as it stands in the file, before any backend rewrites it, so that it is the
//! same on every machine and with every backend. All sums are 64-bit integers; where one would
//! overflow, the call is refused. A graph within a node is walked once, however often it runs.

use std::collections::HashMap;

use crate::charge;
use crate::compute::ComputeError;
use crate::cost::Cost;
use crate::element::ElementType;
use crate::flow;
use crate::graph::{Body, Graph};
use crate::limits::ModelLimits;
use crate::node::Node;
use crate::shape::{self, Call, Reason};
use crate::table::Rule;
use crate::value::Value;

/// A cost with what is known of the outputs, in the model's order.
#[derive(Debug, Clone)]
pub(crate) struct Estimate {
    pub(crate) cost: Cost,
    pub(crate) outputs: Vec<Value>,
    /// Bytes of all values that the call computes, and of what is rearranged for them.
    pub(crate) working_bytes: u64,
}

/// Values by name, and those of the graph around.
pub(crate) struct Scope<'g, 'o> {
    values: HashMap<&'g str, Value>,
    around: Option<&'o Scope<'g, 'o>>,
}

impl<'g> Scope<'g, '_> {
    fn get(&self, name: &str) -> Option<&Value> {
        let found = self.values.get(name);
        found.or_else(|| self.around?.get(name))
    }

    fn set(&mut self, name: &'g str, value: Value) {
        if !name.is_empty() {
            self.values.insert(name, value);
        }
    }
}

/// What is told of each node of the outermost graph, with the graphs within it.
pub(crate) type Visitor<'v> = dyn FnMut(Visited<'_>) + 'v;

/// What a walk says of a node.
pub(crate) struct Visited<'a> {
    pub(crate) node: &'a Node,
    pub(crate) cost: Cost,
    pub(crate) multiply_accumulates: u64,
    pub(crate) outputs: &'a [Value],
}

/// What a walk has gathered.
pub(crate) struct Walk<'a, 'v> {
    limits: &'a ModelLimits,
    value_bytes: u64,
    /// Of the node that rearranges the most: it has given it back when the next one runs.
    rearranged_bytes_max: u64,
    followed: u64,
    visitor: Option<&'a mut Visitor<'v>>,
}

/// Walks the graph in its order with the inputs' shapes, in the model's order of inputs.
pub(crate) fn estimate(
    graph: &Graph,
    inputs: Vec<Value>,
    limits: &ModelLimits,
    visitor: Option<&mut Visitor<'_>>,
) -> Result<Estimate, ComputeError> {
    let mut walk = Walk {
        limits,
        value_bytes: 0,
        rearranged_bytes_max: 0,
        followed: 0,
        visitor,
    };
    let sizes = bytes_of(&inputs);
    let (mut cost, outputs) = walk.body(&graph.body, inputs, None, true)?;
    for (port, found) in graph.outputs.iter().zip(&outputs) {
        if found.element_type != port.element_type {
            return Err(ComputeError::OutputType {
                output: port.name.clone(),
            });
        }
    }
    cost.tensor_bytes = sizes
        .zip(bytes_of(&outputs))
        .and_then(|(given, returned)| given.checked_add(returned))
        .ok_or(ComputeError::Overflow)?;
    Ok(Estimate {
        cost,
        outputs,
        working_bytes: walk.value_bytes.saturating_add(walk.rearranged_bytes_max),
    })
}

/// Inputs of a call as values: nothing but their shape is known.
pub(crate) fn given(dimensions: &[u32], element_type: ElementType) -> Value {
    let sizes = dimensions.iter().map(|&size| u64::from(size));
    Value::new(sizes.collect(), element_type)
}

fn bytes_of(values: &[Value]) -> Option<u64> {
    values
        .iter()
        .try_fold(0_u64, |sum, value| sum.checked_add(value.bytes()?))
}

impl Walk<'_, '_> {
    /// The cost of a graph's nodes and what is known of its outputs, from what it is given.
    pub(crate) fn body<'g>(
        &mut self,
        body: &'g Body,
        inputs: Vec<Value>,
        around: Option<&Scope<'g, '_>>,
        is_outermost: bool,
    ) -> Result<(Cost, Vec<Value>), ComputeError> {
        let mut scope = Scope {
            values: HashMap::with_capacity(body.constants.len() + body.nodes.len()),
            around,
        };
        for (name, constant) in &body.constants {
            scope.set(name, Value::weight(constant));
        }
        for (name, value) in body.inputs.iter().zip(inputs) {
            scope.set(name, value);
        }
        let mut cost = Cost::default();
        for node in &body.nodes {
            let (charged, outputs) = self.node(node, &scope, is_outermost)?;
            cost = cost.checked_add(&charged).ok_or(ComputeError::Overflow)?;
            for (name, value) in node.outputs.iter().zip(outputs) {
                scope.set(name, value);
            }
        }
        let outputs = body.outputs.iter().map(|name| scope.get(name).cloned());
        let outputs = outputs.collect::<Option<Vec<_>>>();
        Ok((cost, outputs.ok_or(ComputeError::Overflow)?))
    }

    fn node<'g>(
        &mut self,
        node: &'g Node,
        scope: &Scope<'g, '_>,
        is_outermost: bool,
    ) -> Result<(Cost, Vec<Value>), ComputeError> {
        let fault = |reason: Reason| fault(node, reason);
        let inputs = node.inputs.iter().map(|name| scope.get(name)).collect();
        let call = Call { node, inputs };
        let (within, outputs) = match node.operator.rule {
            Rule::Flow(which) => flow::run(self, which, &call, scope)?,
            _ => (Cost::default(), shape::infer(&call).map_err(fault)?),
        };
        let cost = charge::node(&call, &outputs)
            .and_then(|own| {
                own.checked_add(&within)
                    .ok_or_else(|| "its cost overflows".into())
            })
            .map_err(fault)?;
        self.hold(&call, &outputs)?;
        self.follow(node, &outputs)?;
        if let Some(visitor) = self.visitor.as_mut().filter(|_| is_outermost) {
            visitor(Visited {
                node,
                cost,
                multiply_accumulates: charge::multiply_accumulates(&call, &outputs)
                    .map_err(fault)?,
                outputs: &outputs,
            });
        }
        Ok((cost, outputs))
    }

    /// Adds what the call holds in memory for this node.
    fn hold(&mut self, call: &Call<'_>, outputs: &[Value]) -> Result<(), ComputeError> {
        let too_large = || ComputeError::TooLarge {
            node: call.node.name.clone(),
            working_bytes_max: self.limits.working_bytes_max,
        };
        let held = bytes_of(outputs).and_then(|bytes| self.value_bytes.checked_add(bytes));
        let rearranged = match outputs.first() {
            Some(output) => charge::rearranged_bytes(call, output),
            None => Some(0),
        };
        let (Some(held), Some(rearranged)) = (held, rearranged) else {
            return Err(too_large());
        };
        let most = self.rearranged_bytes_max.max(rearranged);
        let working = held.checked_add(most);
        if working.is_none_or(|bytes| bytes > self.limits.working_bytes_max) {
            return Err(too_large());
        }
        self.value_bytes = held;
        self.rearranged_bytes_max = most;
        Ok(())
    }

    /// Adds the numbers that were followed through this node: each takes time.
    fn follow(&mut self, node: &Node, outputs: &[Value]) -> Result<(), ComputeError> {
        let known = outputs
            .iter()
            .filter_map(|output| output.integers.as_ref())
            .fold(0_usize, |sum, values| sum.saturating_add(values.len()));
        self.followed = u64::try_from(known)
            .unwrap_or(u64::MAX)
            .saturating_add(self.followed);
        if self.followed > self.limits.followed_max {
            return Err(fault(
                node,
                format!(
                    "with it, the call follows more than {} numbers through the graph",
                    self.limits.followed_max
                ),
            ));
        }
        Ok(())
    }
}

pub(crate) fn fault(node: &Node, reason: Reason) -> ComputeError {
    ComputeError::Node {
        node: node.name.clone(),
        operator: node.operator.name.to_owned(),
        reason,
    }
}
