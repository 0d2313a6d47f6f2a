//! Owns a model's graph after its checks: nodes in order, constants without their data, declared
//! inputs and outputs, graphs within nodes. Knows neither the shapes of a call nor what anything costs.

use std::collections::{HashMap, HashSet};

use tract_onnx::pb;
use tract_onnx::pb::tensor_shape_proto::dimension::Value as Dimension;

use crate::constant::{self, Constant};
use crate::element::{self, ElementType};
use crate::limits::ModelLimits;
use crate::load::ModelError;
use crate::node::{self, Node};
use crate::tensor::RANK_MAX;

/// Operator sets whose operators mean what the rules of this crate say.
pub(crate) const OPSETS: std::ops::RangeInclusive<i64> = 7..=28;

/// One dimension as a model declares it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeclaredDimension {
    /// Exactly this many elements.
    Fixed(u32),
    /// Any number, the same wherever the name occurs in one call.
    Named(String),
    /// Any number.
    Any,
}

/// An input or output as the model declares it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// The name under which tensors are passed.
    pub name: String,
    /// The element type.
    pub element_type: ElementType,
    /// The dimensions; none when the model leaves even their number open.
    pub dimensions: Option<Vec<DeclaredDimension>>,
}

/// Nodes in order, and what they begin with: the whole of a model, or what a node like `Loop` repeats.
pub(crate) struct Body {
    /// Names of what is given to it; whatever else it reads comes from around it.
    pub(crate) inputs: Vec<String>,
    pub(crate) outputs: Vec<String>,
    pub(crate) constants: HashMap<String, Constant>,
    pub(crate) nodes: Vec<Node>,
    /// How many names it and the graphs within it read of the graphs around it; none of the outermost.
    pub(crate) names_of_others: u64,
    /// How many nodes it and the graphs within it have.
    pub(crate) all_nodes: u64,
}

pub(crate) struct Graph {
    pub(crate) inputs: Vec<Port>,
    pub(crate) outputs: Vec<Port>,
    pub(crate) body: Body,
    pub(crate) opset: i64,
    /// All nodes, those of graphs within nodes included.
    pub(crate) nodes: u64,
    /// What preparing them counts, which is more for some.
    pub(crate) prepared_nodes: u64,
    /// Elements of all constants, those of `Constant` nodes included.
    pub(crate) parameters: u64,
}

/// What is counted while a graph and the graphs within it are read.
pub(crate) struct Reading<'a> {
    pub(crate) opset: i64,
    pub(crate) limits: &'a ModelLimits,
    nodes: u64,
    prepared_nodes: u64,
    parameters: u64,
}

impl Reading<'_> {
    /// Adds a constant's elements to those of the model.
    pub(crate) fn constant(&mut self, constant: &Constant) -> Result<(), ModelError> {
        self.parameters =
            self.parameters
                .checked_add(constant.elements())
                .ok_or(ModelError::Malformed(
                    "its constants have too many elements to count",
                ))?;
        Ok(())
    }
}

impl Graph {
    /// Checks a parsed model and keeps what shapes and costs depend on.
    pub(crate) fn new(model: &pb::ModelProto, limits: &ModelLimits) -> Result<Self, ModelError> {
        let mut reading = Reading {
            opset: opset(model)?,
            limits,
            nodes: 0,
            prepared_nodes: 0,
            parameters: 0,
        };
        let graph = model
            .graph
            .as_ref()
            .ok_or(ModelError::Malformed("it has no graph"))?;
        let body = Body::read(graph, 0, &mut reading)?;
        let inputs = graph
            .input
            .iter()
            .filter(|input| !body.constants.contains_key(&input.name)) // old files list constants too
            .map(port)
            .collect::<Result<Vec<_>, _>>()?;
        let outputs = graph
            .output
            .iter()
            .map(port)
            .collect::<Result<Vec<_>, _>>()?;
        let checked = Self {
            inputs,
            outputs,
            body,
            opset: reading.opset,
            nodes: reading.nodes,
            prepared_nodes: reading.prepared_nodes,
            parameters: reading.parameters,
        };
        checked.check_ports(limits)?;
        checked.body.check_wiring(&mut Vec::new())?;
        Ok(checked)
    }

    fn check_ports(&self, limits: &ModelLimits) -> Result<(), ModelError> {
        for (side, ports, at_least) in [("inputs", &self.inputs, 0), ("outputs", &self.outputs, 1)]
        {
            let count = u64::try_from(ports.len()).unwrap_or(u64::MAX);
            if count < at_least || count > limits.ports_max {
                return Err(ModelError::PortCount {
                    side,
                    ports: count,
                    ports_max: limits.ports_max,
                });
            }
            let name_bytes_max = limits.name_bytes_max;
            if ports.iter().any(|port| port.name.len() > name_bytes_max) {
                return Err(ModelError::LongName {
                    side,
                    name_bytes_max,
                });
            }
            let mut names = HashSet::new();
            for port in ports {
                if port.name.is_empty() || !names.insert(&port.name) {
                    return Err(invalid_value(&port.name, "its name is empty or used twice"));
                }
            }
        }
        Ok(())
    }
}

impl Body {
    /// Reads a graph that lies `depth` graphs deep within others.
    pub(crate) fn read(
        graph: &pb::GraphProto,
        depth: u64,
        reading: &mut Reading<'_>,
    ) -> Result<Self, ModelError> {
        if depth > reading.limits.depth_max {
            return Err(ModelError::UnsupportedFeature(format!(
                "graphs within graphs, more than {} deep",
                reading.limits.depth_max
            )));
        }
        if !graph.sparse_initializer.is_empty() {
            return Err(ModelError::UnsupportedFeature("sparse constants".into()));
        }
        let nodes = u64::try_from(graph.node.len()).unwrap_or(u64::MAX);
        reading.nodes = reading.nodes.saturating_add(nodes);
        if reading.nodes > reading.limits.nodes_max {
            return Err(ModelError::TooManyNodes {
                nodes: reading.nodes,
                nodes_max: reading.limits.nodes_max,
            });
        }
        let mut constants = HashMap::new();
        for tensor in &graph.initializer {
            let constant = constant::read(tensor, &tensor.name)?;
            reading.constant(&constant)?;
            if tensor.name.is_empty() || constants.insert(tensor.name.clone(), constant).is_some() {
                return Err(invalid_value(
                    &tensor.name,
                    "a constant's name is empty or used twice",
                ));
            }
        }
        let nodes = graph
            .node
            .iter()
            .map(|node| node::read(node, depth, reading))
            .collect::<Result<Vec<_>, _>>()?;
        for node in &nodes {
            let (itself, port) = node.operator.prepared_nodes();
            let counted = itself.saturating_add(node.ports_beyond().saturating_mul(port));
            reading.prepared_nodes = reading.prepared_nodes.saturating_add(counted);
        }
        let inputs = graph.input.iter().map(|input| input.name.clone());
        let outputs = graph.output.iter().map(|output| output.name.clone());
        let within = nodes.iter().flat_map(Node::bodies);
        let all_nodes = within.fold(
            nodes.len().try_into().unwrap_or(u64::MAX),
            |sum: u64, body| sum.saturating_add(body.all_nodes),
        );
        let mut body = Self {
            inputs: inputs
                .filter(|name| !constants.contains_key(name))
                .collect(),
            outputs: outputs.collect(),
            constants,
            nodes,
            names_of_others: 0,
            all_nodes,
        };
        if depth > 0 {
            let names = body.read_of_others().len();
            body.names_of_others = u64::try_from(names).unwrap_or(u64::MAX);
        }
        Ok(body)
    }

    /// The names that it, and the graphs within it, read and do not define.
    fn read_of_others(&self) -> HashSet<&str> {
        let mut read: HashSet<&str> = self.outputs.iter().map(String::as_str).collect();
        let mut defined: HashSet<&str> = self.inputs.iter().map(String::as_str).collect();
        defined.extend(self.constants.keys().map(String::as_str));
        for node in &self.nodes {
            read.extend(node.inputs.iter().map(String::as_str));
            defined.extend(node.outputs.iter().map(String::as_str));
            read.extend(node.bodies().flat_map(Self::read_of_others));
        }
        read.retain(|name| !name.is_empty() && !defined.contains(name));
        read
    }

    /// Every value is defined once, and before it is used: ONNX demands this order, and a graph
    /// with a cycle cannot have it. `around` are the names that the graphs around this one define.
    fn check_wiring<'a>(&'a self, around: &mut Vec<HashSet<&'a str>>) -> Result<(), ModelError> {
        around.push(HashSet::new());
        for name in self.constants.keys().chain(&self.inputs) {
            define(around, name)?;
        }
        for node in &self.nodes {
            for input in node.inputs.iter().filter(|input| !input.is_empty()) {
                if !is_defined(around, input) {
                    return Err(node.invalid(format!(
                        "input `{input}` is not defined before it is used, or the graph has a cycle"
                    )));
                }
            }
            for inner in node.bodies() {
                inner.check_wiring(around)?;
            }
            for output in node.outputs.iter().filter(|output| !output.is_empty()) {
                define(around, output)?;
            }
        }
        for output in &self.outputs {
            if !is_defined(around, output) {
                return Err(invalid_value(output, "no node computes this output"));
            }
        }
        around.pop();
        Ok(())
    }
}

fn is_defined(around: &[HashSet<&str>], name: &str) -> bool {
    around.iter().any(|names| names.contains(name))
}

/// A name means one value, in the graphs around it, too: backends look for it in different orders.
fn define<'a>(around: &mut [HashSet<&'a str>], name: &'a str) -> Result<(), ModelError> {
    if is_defined(around, name) {
        return Err(invalid_value(name, "it is defined twice"));
    }
    if let Some(names) = around.last_mut() {
        names.insert(name);
    }
    Ok(())
}

pub(crate) fn invalid_value(value: &str, reason: &str) -> ModelError {
    ModelError::InvalidValue {
        value: value.to_owned(),
        reason: reason.to_owned(),
    }
}

/// The version of ONNX's own operators that the model names.
fn opset(model: &pb::ModelProto) -> Result<i64, ModelError> {
    if let Some(function) = model.functions.first() {
        return Err(ModelError::UnsupportedFeature(format!(
            "a function of its own, `{}`",
            function.name.as_deref().unwrap_or_default()
        )));
    }
    if !model.training_info.is_empty() {
        return Err(ModelError::UnsupportedFeature(
            "training information".into(),
        ));
    }
    let version = model
        .opset_import
        .iter()
        .find(|import| is_onnx_domain(&import.domain))
        .ok_or(ModelError::Malformed(
            "it names no version of ONNX's operators",
        ))?
        .version;
    if !OPSETS.contains(&version) {
        return Err(ModelError::UnsupportedFeature(format!(
            "version {version} of ONNX's operators (versions {} to {} are)",
            OPSETS.start(),
            OPSETS.end()
        )));
    }
    Ok(version)
}

pub(crate) fn is_onnx_domain(domain: &str) -> bool {
    domain.is_empty() || domain == "ai.onnx"
}

fn port(value: &pb::ValueInfoProto) -> Result<Port, ModelError> {
    let fault = |reason: &str| invalid_value(&value.name, reason);
    let Some(pb::type_proto::Value::TensorType(declared)) = value
        .r#type
        .as_ref()
        .and_then(|declared| declared.value.as_ref())
    else {
        return Err(fault("it is not declared as a tensor"));
    };
    let element_type = ElementType::from_onnx(declared.elem_type)
        .ok_or_else(|| fault(&element::unsupported(declared.elem_type)))?;
    let dimensions = declared.shape.as_ref().map(|shape| {
        if shape.dim.len() > RANK_MAX {
            return Err(fault("it has too many dimensions"));
        }
        shape
            .dim
            .iter()
            .map(|dimension| match &dimension.value {
                // Some exporters write an open dimension as 0 or −1.
                Some(Dimension::DimValue(0 | -1)) | None => Ok(DeclaredDimension::Any),
                Some(Dimension::DimValue(size)) => u32::try_from(*size)
                    .map(DeclaredDimension::Fixed)
                    .map_err(|_| fault("a dimension is negative or too large")),
                Some(Dimension::DimParam(name)) if name.is_empty() || name == "?" => {
                    Ok(DeclaredDimension::Any)
                }
                Some(Dimension::DimParam(name)) => Ok(DeclaredDimension::Named(name.clone())),
            })
            .collect()
    });
    Ok(Port {
        name: value.name.clone(),
        element_type,
        dimensions: dimensions.transpose()?,
    })
}
