//! Owns what a model is, apart from what computes it: its ports, nodes and parameters, and what a call
//! on it costs. Computes nothing, and knows no backend.

use std::collections::{BTreeMap, HashMap};

use sha2::{Digest, Sha256};
use tract_onnx::pb;
use tract_onnx::prelude::Framework;

use crate::backend::TensorShape;
use crate::compute::ComputeError;
use crate::cost::Cost;
use crate::element::ElementType;
use crate::envelope;
use crate::graph::{Body, DeclaredDimension, Graph, Port};
use crate::limits::ModelLimits;
use crate::load::ModelError;
use crate::table::{
    PREPARATION_OPERATIONS_PER_BYTE, PREPARATION_OPERATIONS_PER_NODE,
    PREPARATION_OPERATIONS_PER_NODE_SQUARED, PREPARATION_OPERATIONS_PER_PARAMETER,
};
use crate::value::Value;
use crate::walk::{self, Estimate, Visited, Visitor};

/// The shape of one input, by the input's name; for asking for a cost without having the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InputShape<'a> {
    /// The input's name.
    pub name: &'a str,
    /// Elements along each dimension, outermost first.
    pub dimensions: &'a [u32],
    /// The type of every element.
    pub element_type: ElementType,
}

/// What is known of a tensor before anything runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// The type of every element.
    pub element_type: ElementType,
    /// Elements along each dimension, outermost first.
    pub dimensions: Vec<u64>,
    /// For each dimension, whether its size is only an upper bound, because the actual one depends on
    /// what tensors hold.
    pub is_bound: Vec<bool>,
}

/// What one node of a call is charged, with all that graphs within it are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// The node's name, or its first output's.
    pub node: String,
    /// Its operator.
    pub operator: &'static str,
    /// Its part of the cost; no tensor bytes, which are the whole call's.
    pub cost: Cost,
    /// Those of its operations that multiply and accumulate in a matrix product or convolution, without
    /// its bias: the count that is usually given for a network. Graphs within the node are left out.
    pub multiply_accumulates: u64,
    /// What it makes.
    pub outputs: Vec<Expected>,
}

/// What a call is charged, node by node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Breakdown {
    /// The whole call's.
    pub cost: Cost,
    /// In the order of the file. Their costs add up to the whole but for the tensor bytes.
    pub layers: Vec<Layer>,
    /// The model's outputs, in its order.
    pub outputs: Vec<Expected>,
    /// Bytes of all values that the call computes, and of what is rearranged for them: what
    /// [`ModelLimits::working_bytes_max`] bounds.
    pub working_bytes: u64,
}

/// An ONNX model that was read and checked, and that nothing computes.
pub struct Blueprint {
    digest: [u8; 32],
    size_bytes: u64,
    graph: Graph,
    limits: ModelLimits,
}

impl std::fmt::Debug for Blueprint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Blueprint")
            .field("size_bytes", &self.size_bytes)
            .field("nodes", &self.graph.nodes)
            .field("inputs", &self.graph.inputs)
            .field("outputs", &self.graph.outputs)
            .finish_non_exhaustive()
    }
}

impl Blueprint {
    /// Reads and checks an ONNX model. Never panics, whatever the bytes.
    ///
    /// # Errors
    /// When the bytes are no ONNX, exceed a limit, refer to data outside themselves, or contain a cycle
    /// or an operator outside the cost table.
    pub fn read(bytes: &[u8], limits: &ModelLimits) -> Result<Self, ModelError> {
        Ok(Self::parse(bytes, limits)?.0)
    }

    /// As [`Self::read`], with the parsed file, for a backend to read.
    pub(crate) fn parse(
        bytes: &[u8],
        limits: &ModelLimits,
    ) -> Result<(Self, pb::ModelProto), ModelError> {
        let size_bytes = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if size_bytes > limits.bytes_max {
            return Err(ModelError::TooLarge {
                bytes: size_bytes,
                bytes_max: limits.bytes_max,
            });
        }
        envelope::check(bytes, limits)?;
        let mut reader = bytes;
        let proto = tract_onnx::onnx()
            .proto_model_for_read(&mut reader)
            .map_err(|_| ModelError::Malformed("a field is not of the type that ONNX gives it"))?;
        let blueprint = Self {
            digest: Sha256::digest(bytes).into(),
            size_bytes,
            graph: Graph::new(&proto, limits)?,
            limits: limits.clone(),
        };
        Ok((blueprint, proto))
    }

    /// SHA-256 of the model's bytes: the name under which it is billed and shared.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        self.digest
    }

    /// Bytes of the encoded model.
    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// Elements of all the model's constants.
    #[must_use]
    pub fn parameters(&self) -> u64 {
        self.graph.parameters
    }

    /// Nodes of the graph as it stands in the file, those of graphs within nodes included.
    #[must_use]
    pub fn nodes(&self) -> u64 {
        self.graph.nodes
    }

    /// The version of ONNX's operators that gives the nodes their meaning.
    #[must_use]
    pub fn opset(&self) -> i64 {
        self.graph.opset
    }

    /// How many nodes there are of each operator, by name, those of graphs within nodes included.
    #[must_use]
    pub fn operators(&self) -> BTreeMap<&'static str, u64> {
        let mut counts = BTreeMap::new();
        count(&self.graph.body, &mut counts);
        counts
    }

    /// The inputs that a call must give, in the model's order.
    #[must_use]
    pub fn inputs(&self) -> &[Port] {
        &self.graph.inputs
    }

    /// The outputs that a call returns, in this order.
    #[must_use]
    pub fn outputs(&self) -> &[Port] {
        &self.graph.outputs
    }

    /// Operations (of f32) that loading the model is charged, and each further combination of input
    /// shapes that a job computes with, since each is prepared anew: a fixed number by its bytes,
    /// nodes and parameters, whether or not a cache spares the work.
    ///
    /// Saturates instead of overflowing, which the limits keep out of reach.
    #[must_use]
    pub fn preparation_units(&self) -> u64 {
        let nodes = self.graph.prepared_nodes;
        let each = nodes
            .saturating_mul(PREPARATION_OPERATIONS_PER_NODE_SQUARED)
            .saturating_add(PREPARATION_OPERATIONS_PER_NODE);
        let of_nodes = nodes.saturating_mul(each);
        let of_bytes = self
            .size_bytes
            .saturating_mul(PREPARATION_OPERATIONS_PER_BYTE);
        let of_parameters = self
            .parameters()
            .saturating_mul(PREPARATION_OPERATIONS_PER_PARAMETER);
        of_nodes
            .saturating_add(of_bytes)
            .saturating_add(of_parameters)
    }

    /// What a call with inputs of these shapes costs. Runs nothing; the order of inputs is free.
    ///
    /// # Errors
    /// When an input is missing, unknown, given twice or does not fit the model's declaration, when a
    /// node cannot work on these shapes, or when the call would exceed a limit.
    pub fn cost(&self, inputs: &[InputShape<'_>]) -> Result<Cost, ComputeError> {
        Ok(self.estimate(&self.shapes(inputs)?, None)?.cost)
    }

    /// As [`Self::cost`], node by node.
    ///
    /// # Errors
    /// All those of [`Self::cost`].
    pub fn breakdown(&self, inputs: &[InputShape<'_>]) -> Result<Breakdown, ComputeError> {
        let mut layers = Vec::new();
        let mut visitor = |visited: Visited<'_>| {
            layers.push(Layer {
                node: visited.node.name.clone(),
                operator: visited.node.operator.name,
                cost: visited.cost,
                multiply_accumulates: visited.multiply_accumulates,
                outputs: visited.outputs.iter().map(expected).collect(),
            });
        };
        let estimate = self.estimate(&self.shapes(inputs)?, Some(&mut visitor))?;
        Ok(Breakdown {
            cost: estimate.cost,
            outputs: estimate.outputs.iter().map(expected).collect(),
            working_bytes: estimate.working_bytes,
            layers,
        })
    }

    /// The shapes of a call in the model's order, checked against what it declares.
    pub(crate) fn shapes(
        &self,
        inputs: &[InputShape<'_>],
    ) -> Result<Vec<TensorShape>, ComputeError> {
        let shapes = inputs.iter().map(|input| {
            let shape = TensorShape {
                dimensions: input.dimensions.to_vec(),
                element_type: input.element_type,
            };
            (input.name, shape)
        });
        let shapes = self.in_order(shapes)?;
        self.check_declared(&shapes)?;
        Ok(shapes)
    }

    /// The cost and the outputs of a call with shapes in the model's order.
    pub(crate) fn estimate(
        &self,
        shapes: &[TensorShape],
        visitor: Option<&mut Visitor<'_>>,
    ) -> Result<Estimate, ComputeError> {
        let inputs = shapes
            .iter()
            .map(|shape| walk::given(&shape.dimensions, shape.element_type));
        walk::estimate(&self.graph, inputs.collect(), &self.limits, visitor)
    }

    /// Sorts what was given for each input into the model's order.
    pub(crate) fn in_order<N: AsRef<str>, T>(
        &self,
        given: impl IntoIterator<Item = (N, T)>,
    ) -> Result<Vec<T>, ComputeError> {
        let mut slots: Vec<Option<T>> = self.graph.inputs.iter().map(|_| None).collect();
        for (name, item) in given {
            let name = name.as_ref();
            let slot = self
                .graph
                .inputs
                .iter()
                .position(|port| port.name == name)
                .and_then(|index| slots.get_mut(index))
                .ok_or_else(|| ComputeError::UnknownInput {
                    name: name.to_owned(),
                })?;
            if slot.replace(item).is_some() {
                return Err(ComputeError::DuplicateInput {
                    name: name.to_owned(),
                });
            }
        }
        slots
            .into_iter()
            .zip(&self.graph.inputs)
            .map(|(slot, port)| {
                slot.ok_or_else(|| ComputeError::MissingInput {
                    name: port.name.clone(),
                })
            })
            .collect()
    }

    /// Types and dimensions are those declared, and a named dimension has one size.
    pub(crate) fn check_declared(&self, shapes: &[TensorShape]) -> Result<(), ComputeError> {
        let mut named: HashMap<&str, u32> = HashMap::new();
        for (port, shape) in self.graph.inputs.iter().zip(shapes) {
            if shape.element_type != port.element_type {
                return Err(ComputeError::WrongType {
                    name: port.name.clone(),
                    expected: port.element_type,
                    actual: shape.element_type,
                });
            }
            let mut fits = true;
            if let Some(declared) = &port.dimensions {
                fits &= declared.len() == shape.dimensions.len();
                for (declared, &size) in declared.iter().zip(&shape.dimensions) {
                    fits &= match declared {
                        DeclaredDimension::Fixed(fixed) => *fixed == size,
                        DeclaredDimension::Named(name) => {
                            *named.entry(name).or_insert(size) == size
                        }
                        DeclaredDimension::Any => true,
                    };
                }
            }
            if !fits {
                return Err(ComputeError::WrongShape {
                    name: port.name.clone(),
                    expected: describe(port),
                    actual: shape.dimensions.clone(),
                });
            }
        }
        Ok(())
    }
}

fn count(body: &Body, counts: &mut BTreeMap<&'static str, u64>) {
    for node in &body.nodes {
        let slot = counts.entry(node.operator.name).or_insert(0);
        *slot = slot.saturating_add(1);
        for inner in node.bodies() {
            count(inner, counts);
        }
    }
}

fn expected(value: &Value) -> Expected {
    Expected {
        element_type: value.element_type,
        dimensions: value.dimensions.clone(),
        is_bound: (0..value.rank())
            .map(|dimension| value.is_bounded_at(dimension))
            .collect(),
    }
}

/// A declaration in words: `[N, 2048]`.
fn describe(port: &Port) -> String {
    let Some(dimensions) = &port.dimensions else {
        return "any dimensions".to_owned();
    };
    let sizes: Vec<String> = dimensions
        .iter()
        .map(|dimension| match dimension {
            DeclaredDimension::Fixed(size) => size.to_string(),
            DeclaredDimension::Named(name) => name.clone(),
            DeclaredDimension::Any => "any".to_owned(),
        })
        .collect();
    format!("[{}]", sizes.join(", "))
}
