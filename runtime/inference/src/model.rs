//! Owns a loaded model: what it is, what a call on it costs, and the call itself. Knows no jobs, no
//! limits on spending and no prices: whoever calls `compute` charges `cost` first.

use std::collections::HashMap;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use tract_onnx::prelude::Framework;

use crate::backend::{Backend, Plan, TensorShape, guarded};
use crate::cache::ShapeCache;
use crate::compute::ComputeError;
use crate::cost::{self, Cost, Estimate};
use crate::element::ElementType;
use crate::engine::{Engine, Source};
use crate::envelope;
use crate::graph::{DeclaredDimension, Graph, Port};
use crate::limits::ModelLimits;
use crate::load::ModelError;
use crate::refusal;
use crate::tensor::Tensor;

/// Operations that preparing one node is charged: parsing it, rewriting it and choosing its kernel
/// takes some tens of microseconds on one core, the time of so many multiply-accumulates.
pub const PREPARATION_OPERATIONS_PER_NODE: u64 = 500_000;

/// Operations that each byte of the file is charged: hashing, parsing and copying it.
pub const PREPARATION_OPERATIONS_PER_BYTE: u64 = 64;

/// Operations that each element of a constant is charged: packing it into the kernel's order.
pub const PREPARATION_OPERATIONS_PER_PARAMETER: u64 = 64;

/// Costs kept per model; each is some hundred bytes.
const ESTIMATES_MAX: usize = 64;

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

/// A checked ONNX model, ready to be asked for costs and to compute.
///
/// It can be shared between threads and jobs behind an `Arc`: calls do not change what it answers.
pub struct Model {
    digest: [u8; 32],
    size_bytes: u64,
    graph: Graph,
    limits: ModelLimits,
    backend: Box<dyn Backend>,
    estimates: ShapeCache<Arc<Estimate>>,
    plans: ShapeCache<Arc<dyn Plan>>,
}

impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Model")
            .field("size_bytes", &self.size_bytes)
            .field("nodes", &self.graph.nodes.len())
            .field("inputs", &self.graph.inputs)
            .field("outputs", &self.graph.outputs)
            .finish_non_exhaustive()
    }
}

impl Model {
    /// Reads and checks an ONNX model for the engine that is built in. Never panics, whatever the bytes.
    ///
    /// # Errors
    /// Those of [`Self::load_on`].
    pub fn load(bytes: &[u8], limits: &ModelLimits) -> Result<Self, ModelError> {
        Self::load_on(bytes, limits, &Engine::embedded())
    }

    /// Reads and checks an ONNX model for an engine. Never panics, whatever the bytes.
    ///
    /// # Errors
    /// When the bytes are no ONNX, exceed a limit, refer to data outside themselves, contain an
    /// operator outside the cost table, a subgraph or a cycle, one that the engine would compute
    /// otherwise than ONNX defines it, or when the engine cannot read them.
    pub fn load_on(
        bytes: &[u8],
        limits: &ModelLimits,
        engine: &Engine,
    ) -> Result<Self, ModelError> {
        let size_bytes = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if size_bytes > limits.bytes_max {
            return Err(ModelError::TooLarge {
                bytes: size_bytes,
                bytes_max: limits.bytes_max,
            });
        }
        envelope::check(bytes, limits)?;
        let mut reader = bytes;
        let mut proto = tract_onnx::onnx()
            .proto_model_for_read(&mut reader)
            .map_err(|_| ModelError::Malformed("a field is not of the type that ONNX gives it"))?;
        let graph = Graph::new(&proto, limits)?;
        let names: Vec<String> = graph
            .inputs
            .iter()
            .map(|input| input.name.clone())
            .collect();
        // Files repeat the names of nodes, which tract refuses in some builds and not in others. Without
        // one it takes the name of the first output, which occurs once.
        for node in proto.graph.iter_mut().flat_map(|graph| &mut graph.node) {
            node.name.clear();
        }
        refusal::check(&proto, engine.facts().kind, engine.opened().refusals())?;
        let outputs: Vec<String> = graph.outputs.iter().map(|port| port.name.clone()).collect();
        let source = Source {
            model: &proto,
            inputs: &names,
            outputs: &outputs,
        };
        let backend = guarded(|| engine.opened().load(&source))
            .map_err(|error| ModelError::Backend(error.to_string()))?;
        Ok(Self {
            digest: Sha256::digest(bytes).into(),
            size_bytes,
            graph,
            limits: limits.clone(),
            backend,
            estimates: ShapeCache::new(ESTIMATES_MAX),
            plans: ShapeCache::new(limits.plans_max),
        })
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

    /// Nodes of the graph as it stands in the file.
    #[must_use]
    pub fn nodes(&self) -> u64 {
        u64::try_from(self.graph.nodes.len()).unwrap_or(u64::MAX)
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
        let of_nodes = self.nodes().saturating_mul(PREPARATION_OPERATIONS_PER_NODE);
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
        let shapes = inputs.iter().map(|input| {
            let shape = TensorShape {
                dimensions: input.dimensions.to_vec(),
                element_type: input.element_type,
            };
            (input.name, shape)
        });
        let shapes = self.in_order(shapes)?;
        self.check_declared(&shapes)?;
        Ok(self.estimate(&shapes)?.cost)
    }

    /// Computes the outputs, by name and in the model's order. The caller has charged [`Self::cost`].
    ///
    /// # Errors
    /// All those of [`Self::cost`], before anything runs, and the backend's own failures. A panic of
    /// the backend is one of them.
    pub fn compute(
        &self,
        inputs: Vec<(String, Tensor)>,
    ) -> Result<Vec<(String, Tensor)>, ComputeError> {
        let named = inputs.iter().map(|(name, tensor)| {
            let shape = TensorShape {
                dimensions: tensor.dimensions().to_vec(),
                element_type: tensor.element_type(),
            };
            (name.as_str(), shape)
        });
        let shapes = self.in_order(named)?;
        self.check_declared(&shapes)?;
        let estimate = self.estimate(&shapes)?;
        let tensors = self.in_order(inputs)?;
        let plan = self
            .plans
            .get_or_make(&shapes, || guarded(|| self.backend.prepare(&shapes)))?;
        let outputs = guarded(|| plan.run(tensors))?;
        self.check_outputs(&estimate, &outputs)?;
        Ok(self
            .graph
            .outputs
            .iter()
            .map(|port| port.name.clone())
            .zip(outputs)
            .collect())
    }

    /// Sorts what was given for each input into the model's order.
    fn in_order<N: AsRef<str>, T>(
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

    /// Types and dimensions are those declared, no dimension is 0, and a named dimension has one size.
    fn check_declared(&self, shapes: &[TensorShape]) -> Result<(), ComputeError> {
        let mut named: HashMap<&str, u32> = HashMap::new();
        for (port, shape) in self.graph.inputs.iter().zip(shapes) {
            if shape.element_type != port.element_type {
                return Err(ComputeError::WrongType {
                    name: port.name.clone(),
                    expected: port.element_type,
                    actual: shape.element_type,
                });
            }
            let mut fits = shape.dimensions.iter().all(|&size| size > 0);
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

    fn estimate(&self, shapes: &[TensorShape]) -> Result<Arc<Estimate>, ComputeError> {
        self.estimates.get_or_make(shapes, || {
            let inputs: Vec<_> = shapes
                .iter()
                .map(|shape| {
                    let sizes = shape.dimensions.iter().map(|&size| u64::from(size));
                    (sizes.collect(), shape.element_type)
                })
                .collect();
            cost::estimate(&self.graph, &inputs, &self.limits).map(Arc::new)
        })
    }

    /// What was computed must be what was charged for.
    fn check_outputs(&self, estimate: &Estimate, outputs: &[Tensor]) -> Result<(), ComputeError> {
        for (index, port) in self.graph.outputs.iter().enumerate() {
            let agrees = outputs.len() == self.graph.outputs.len()
                && estimate
                    .outputs
                    .get(index)
                    .zip(outputs.get(index))
                    .is_some_and(|((dimensions, element_type), tensor)| {
                        *element_type == tensor.element_type()
                            && dimensions
                                .iter()
                                .copied()
                                .eq(tensor.dimensions().iter().map(|&size| u64::from(size)))
                    });
            if !agrees {
                return Err(ComputeError::ShapeDisagreement {
                    output: port.name.clone(),
                });
            }
        }
        Ok(())
    }
}

/// A declaration in words: `[N, 2048]`.
fn describe(port: &Port) -> String {
    let Some(dimensions) = &port.dimensions else {
        return "any dimensions above 0".to_owned();
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
