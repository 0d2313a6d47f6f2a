//! Owns the cost of a call: what a model's operators charge for the shapes they are given.
//! Runs nothing, prices nothing, and does not know which backend will compute.
//!
//! The cost is a function of the model's bytes and the shapes and types of the inputs alone. It is
//! taken from the graph as it stands in the file, before any backend rewrites it, so that it is the
//! same on every machine and with every backend. All sums are 64-bit integers; where one would
//! overflow, the call is refused.

use std::collections::HashMap;

use crate::compute::ComputeError;
use crate::element::{ElementType, Precision};
use crate::graph::Graph;
use crate::limits::ModelLimits;
use crate::shape::{self, Call, Reason, checked_product, kernel_shape, size_of};
use crate::table::{Charge, Counted, GATE_OPERATIONS, NODE_OPERATIONS};
use crate::value::Value;

/// Operations by the width of what is computed with. One operation is one multiply-accumulate, or
/// as much of other work as the cost table says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Operations {
    /// On elements of 8 bytes: f64, i64, u64.
    pub f64: u64,
    /// On elements of 4 bytes: f32, i32, u32.
    pub f32: u64,
    /// On elements of 2 bytes: f16, i16, u16.
    pub f16: u64,
    /// On elements of 1 byte: i8, u8, bool.
    pub i8: u64,
    /// On elements of 4 bits. No operator of this table version counts here.
    pub i4: u64,
}

impl Operations {
    /// The sum over all precisions; none when it does not fit 64 bits.
    #[must_use]
    pub fn total(&self) -> Option<u64> {
        [self.f32, self.f16, self.i8, self.i4]
            .iter()
            .try_fold(self.f64, |sum, &operations| sum.checked_add(operations))
    }

    fn add(&mut self, precision: Precision, operations: u64) -> Option<()> {
        let slot = match precision {
            Precision::F64 => &mut self.f64,
            Precision::F32 => &mut self.f32,
            Precision::F16 => &mut self.f16,
            Precision::I8 => &mut self.i8,
            Precision::I4 => &mut self.i4,
        };
        *slot = slot.checked_add(operations)?;
        Some(())
    }
}

/// What one call is charged, before it runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cost {
    /// Work of the operators.
    pub operations: Operations,
    /// Bytes of the model's constants, counted once for each node that reads them.
    pub weight_bytes: u64,
    /// Bytes of the inputs and outputs of the call.
    pub tensor_bytes: u64,
}

impl Cost {
    /// The sum of two costs; none when a count does not fit 64 bits.
    #[must_use]
    pub fn checked_add(&self, other: &Cost) -> Option<Cost> {
        let (ours, theirs) = (&self.operations, &other.operations);
        Some(Cost {
            operations: Operations {
                f64: ours.f64.checked_add(theirs.f64)?,
                f32: ours.f32.checked_add(theirs.f32)?,
                f16: ours.f16.checked_add(theirs.f16)?,
                i8: ours.i8.checked_add(theirs.i8)?,
                i4: ours.i4.checked_add(theirs.i4)?,
            },
            weight_bytes: self.weight_bytes.checked_add(other.weight_bytes)?,
            tensor_bytes: self.tensor_bytes.checked_add(other.tensor_bytes)?,
        })
    }
}

/// A cost with the shapes that the outputs will have, in the model's order.
#[derive(Debug, Clone)]
pub(crate) struct Estimate {
    pub(crate) cost: Cost,
    pub(crate) outputs: Vec<(Vec<u64>, ElementType)>,
}

/// Walks the graph in its order with the inputs' shapes, in the model's order of inputs.
pub(crate) fn estimate(
    graph: &Graph,
    inputs: &[(Vec<u64>, ElementType)],
    limits: &ModelLimits,
) -> Result<Estimate, ComputeError> {
    let mut values: HashMap<&str, Value> = HashMap::new();
    for (name, constant) in &graph.constants {
        values.insert(name, Value::weight(constant));
    }
    for (port, (dimensions, element_type)) in graph.inputs.iter().zip(inputs) {
        values.insert(&port.name, Value::new(dimensions.clone(), *element_type));
    }
    let mut cost = Cost::default();
    let mut working_bytes = 0_u64;
    for node in &graph.nodes {
        let fault = |reason: Reason| ComputeError::Node {
            node: node.name.clone(),
            operator: node.operator.name.to_owned(),
            reason,
        };
        let inputs = node
            .inputs
            .iter()
            .map(|name| values.get(name.as_str()))
            .collect();
        let call = Call { node, inputs };
        let outputs = shape::infer(&call).map_err(fault)?;
        charge(&call, &outputs, &mut cost).map_err(fault)?;
        working_bytes = working(&call, &outputs)
            .and_then(|bytes| working_bytes.checked_add(bytes))
            .filter(|&bytes| bytes <= limits.working_bytes_max)
            .ok_or_else(|| ComputeError::TooLarge {
                node: node.name.clone(),
                working_bytes_max: limits.working_bytes_max,
            })?;
        for (name, value) in node
            .outputs
            .iter()
            .zip(outputs)
            .filter(|(name, _)| !name.is_empty())
        {
            values.insert(name, value);
        }
    }
    finish(graph, inputs, &values, cost)
}

/// Adds the tensors that cross the boundary.
fn finish(
    graph: &Graph,
    inputs: &[(Vec<u64>, ElementType)],
    values: &HashMap<&str, Value>,
    mut cost: Cost,
) -> Result<Estimate, ComputeError> {
    let mut outputs = Vec::with_capacity(graph.outputs.len());
    for port in &graph.outputs {
        let found = values
            .get(port.name.as_str())
            .ok_or(ComputeError::Overflow)?;
        if found.element_type != port.element_type {
            return Err(ComputeError::OutputType {
                output: port.name.clone(),
            });
        }
        outputs.push((found.dimensions.clone(), found.element_type));
    }
    cost.tensor_bytes = inputs
        .iter()
        .chain(&outputs)
        .try_fold(0_u64, |sum, (dimensions, element_type)| {
            let elements = crate::value::product(dimensions)?;
            sum.checked_add(element_type.bytes_of(elements)?)
        })
        .ok_or(ComputeError::Overflow)?;
    Ok(Estimate { cost, outputs })
}

/// Adds what one node charges.
fn charge(call: &Call<'_>, outputs: &[Value], cost: &mut Cost) -> Result<(), Reason> {
    let overflow = || Reason::from("its cost overflows");
    if call.node.operator.name == "Constant" {
        return Ok(()); // it runs at no call: what reads it is charged for its bytes
    }
    let output = outputs.first().ok_or("it has no output")?;
    let counted = match call.node.operator.counted {
        Counted::Input => call.input(0)?,
        Counted::Output => output,
    };
    let operations = operations(call, output)?
        .checked_add(NODE_OPERATIONS)
        .ok_or_else(overflow)?;
    cost.operations
        .add(counted.element_type.precision(), operations)
        .ok_or_else(overflow)?;
    for weight in call.inputs.iter().flatten().filter(|input| input.is_weight) {
        let bytes = weight.bytes().ok_or_else(overflow)?;
        cost.weight_bytes = cost.weight_bytes.checked_add(bytes).ok_or_else(overflow)?;
    }
    Ok(())
}

/// The operations of one node, its fixed charge apart.
fn operations(call: &Call<'_>, output: &Value) -> Result<u64, Reason> {
    let outputs = checked_product(&output.dimensions)?;
    match call.node.operator.charge {
        Charge::Free => Ok(0),
        Charge::PerOutput(units) => multiply(&[units, outputs]),
        Charge::PerInput(units) => multiply(&[units, checked_product(&call.input(0)?.dimensions)?]),
        Charge::PerWindow(units) => {
            multiply(&[units, outputs, checked_product(&kernel_shape(call)?)?])
        }
        // Every output element is a sum over the inner dimension, the last of the left operand.
        Charge::MatMul => {
            let left = call.input(0)?;
            let inner = left
                .dimensions
                .last()
                .copied()
                .ok_or("its input is a scalar")?;
            multiply(&[outputs, inner])
        }
        Charge::Gemm => {
            let inner = if call.node.integer("transA", 0) == 0 {
                1
            } else {
                0
            };
            let inner = size_of(&call.input(0)?.dimensions, inner)?;
            with_bias(call, outputs, multiply(&[outputs, inner])?)
        }
        // Kernel: output channels, input channels of one group, window. Padding is counted as read.
        Charge::Conv => {
            let kernel = &call.input(1)?.dimensions;
            let window = checked_product(kernel.get(1..).unwrap_or(&[]))?;
            with_bias(call, outputs, multiply(&[outputs, window])?)
        }
        // Kernel: input channels, output channels of one group, window; each input element is
        // multiplied with its channel's part of it.
        Charge::ConvTranspose => {
            let kernel = &call.input(1)?.dimensions;
            let window = checked_product(kernel.get(1..).unwrap_or(&[]))?;
            let inputs = checked_product(&call.input(0)?.dimensions)?;
            with_bias(call, outputs, multiply(&[inputs, window])?)
        }
        Charge::Recurrent(gates) => recurrent(call, gates),
    }
}

/// Per step, batch entry and direction: each gate multiplies the input and the previous state.
fn recurrent(call: &Call<'_>, gates: u64) -> Result<u64, Reason> {
    let input = &call.input(0)?.dimensions;
    let recurrence = &call.input(2)?.dimensions;
    let (steps, batch, features) = (size_of(input, 0)?, size_of(input, 1)?, size_of(input, 2)?);
    let (directions, hidden) = (size_of(recurrence, 0)?, size_of(recurrence, 2)?);
    let gate_elements = multiply(&[steps, batch, directions, gates, hidden])?;
    let each = features
        .checked_add(hidden)
        .and_then(|products| products.checked_add(GATE_OPERATIONS))
        .ok_or("its cost overflows")?;
    multiply(&[gate_elements, each])
}

fn with_bias(call: &Call<'_>, outputs: u64, products: u64) -> Result<u64, Reason> {
    let bias = if call.optional(2).is_some() {
        outputs
    } else {
        0
    };
    products
        .checked_add(bias)
        .ok_or_else(|| "its cost overflows".into())
}

fn multiply(factors: &[u64]) -> Result<u64, Reason> {
    crate::value::product(factors).ok_or_else(|| "its cost overflows".into())
}

/// Bytes that a node can make a backend hold: its outputs, and for a convolution the input
/// rearranged so that each output position has its window in one row.
fn working(call: &Call<'_>, outputs: &[Value]) -> Option<u64> {
    let held = outputs
        .iter()
        .try_fold(0_u64, |sum, output| sum.checked_add(output.bytes()?))?;
    if call.node.operator.charge != Charge::Conv {
        return Some(held);
    }
    let kernel = call.optional(1)?;
    let groups = u64::try_from(call.node.integer("group", 1)).ok()?;
    let positions = crate::value::product(outputs.first()?.dimensions.get(2..)?)?;
    let window = crate::value::product(kernel.dimensions.get(1..)?)?;
    let row = window
        .checked_mul(groups)?
        .checked_mul(kernel.element_type.bytes_of(1)?)?;
    held.checked_add(positions.checked_mul(row)?)
}
