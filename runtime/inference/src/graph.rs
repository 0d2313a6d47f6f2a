//! Owns a model's graph after its checks: nodes in order, constants without their data, declared
//! inputs and outputs. Knows neither the shapes of a call nor what anything costs.

use std::collections::{HashMap, HashSet};

use tract_onnx::pb;
use tract_onnx::pb::tensor_shape_proto::dimension::Value as Dimension;

use crate::constant::{self, Constant};
use crate::element::ElementType;
use crate::limits::ModelLimits;
use crate::load::ModelError;
use crate::table::{self, Operator};
use crate::tensor::RANK_MAX;

/// Operator sets whose operators mean what the rules of this crate say.
const OPSETS: std::ops::RangeInclusive<i64> = 9..=18;

/// One dimension as a model declares it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeclaredDimension {
    /// Exactly this many elements.
    Fixed(u32),
    /// Any number above 0, the same wherever the name occurs in one call.
    Named(String),
    /// Any number above 0.
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

pub(crate) struct Node {
    pub(crate) name: String,
    pub(crate) operator: &'static Operator,
    /// Names of values; an empty one is an optional input left out.
    pub(crate) inputs: Vec<String>,
    pub(crate) outputs: Vec<String>,
    pub(crate) attributes: HashMap<String, Attribute>,
}

pub(crate) struct Attribute {
    pub(crate) integer: i64,
    pub(crate) integers: Vec<i64>,
    pub(crate) text: Vec<u8>,
    pub(crate) tensor: Option<Constant>,
    floats: usize,
    is_float: bool,
}

impl Node {
    pub(crate) fn integer(&self, name: &str, default: i64) -> i64 {
        self.attributes
            .get(name)
            .map_or(default, |attribute| attribute.integer)
    }

    pub(crate) fn integers(&self, name: &str) -> Option<&[i64]> {
        self.attributes
            .get(name)
            .map(|attribute| attribute.integers.as_slice())
    }

    pub(crate) fn text(&self, name: &str) -> &[u8] {
        self.attributes
            .get(name)
            .map_or(b"", |attribute| attribute.text.as_slice())
    }

    /// The constant that a `Constant` node makes, in whichever attribute it lies.
    pub(crate) fn constant(&self) -> Option<Constant> {
        let (name, attribute) = self
            .attributes
            .iter()
            .find(|(name, _)| name.starts_with("value"))?;
        match name.as_str() {
            "value" => attribute.tensor.clone(),
            "value_int" => Some(Constant::of_integers(vec![], vec![attribute.integer])),
            "value_ints" => {
                let length = u64::try_from(attribute.integers.len()).ok()?;
                Some(Constant::of_integers(
                    vec![length],
                    attribute.integers.clone(),
                ))
            }
            "value_float" if attribute.is_float => Some(Constant::of_floats(vec![])),
            "value_floats" => Some(Constant::of_floats(vec![
                u64::try_from(attribute.floats).ok()?,
            ])),
            _ => None,
        }
    }
}

pub(crate) struct Graph {
    pub(crate) inputs: Vec<Port>,
    pub(crate) outputs: Vec<Port>,
    pub(crate) constants: HashMap<String, Constant>,
    pub(crate) nodes: Vec<Node>,
    /// Elements of all constants, those of `Constant` nodes included.
    pub(crate) parameters: u64,
}

impl Graph {
    /// Checks a parsed model and keeps what shapes and costs depend on.
    pub(crate) fn new(model: &pb::ModelProto, limits: &ModelLimits) -> Result<Self, ModelError> {
        check_opset(model)?;
        let graph = model
            .graph
            .as_ref()
            .ok_or(ModelError::Malformed("it has no graph"))?;
        if !graph.sparse_initializer.is_empty() {
            return Err(ModelError::UnsupportedFeature("sparse constants".into()));
        }
        let nodes = u64::try_from(graph.node.len()).unwrap_or(u64::MAX);
        if nodes > limits.nodes_max {
            return Err(ModelError::TooManyNodes {
                nodes,
                nodes_max: limits.nodes_max,
            });
        }
        let nodes = graph.node.iter().map(node).collect::<Result<Vec<_>, _>>()?;
        let mut constants = HashMap::new();
        for tensor in &graph.initializer {
            let constant = constant::read(tensor, &tensor.name)?;
            if tensor.name.is_empty() || constants.insert(tensor.name.clone(), constant).is_some() {
                return Err(invalid_value(
                    &tensor.name,
                    "a constant's name is empty or used twice",
                ));
            }
        }
        let inputs = graph
            .input
            .iter()
            .filter(|input| !constants.contains_key(&input.name)) // old files list constants too
            .map(port)
            .collect::<Result<Vec<_>, _>>()?;
        let outputs = graph
            .output
            .iter()
            .map(port)
            .collect::<Result<Vec<_>, _>>()?;
        let mut checked = Self {
            inputs,
            outputs,
            constants,
            nodes,
            parameters: 0,
        };
        checked.check_ports(limits)?;
        checked.check_wiring()?;
        checked.parameters = checked.count_parameters()?;
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
            let mut names = HashSet::new();
            for port in ports {
                if port.name.is_empty() || !names.insert(&port.name) {
                    return Err(invalid_value(&port.name, "its name is empty or used twice"));
                }
            }
        }
        Ok(())
    }

    /// Every value is defined once, and before it is used: ONNX demands this order, and a graph
    /// with a cycle cannot have it.
    fn check_wiring(&self) -> Result<(), ModelError> {
        let mut defined: HashSet<&str> = self.constants.keys().map(String::as_str).collect();
        defined.extend(self.inputs.iter().map(|input| input.name.as_str()));
        for node in &self.nodes {
            for input in node.inputs.iter().filter(|input| !input.is_empty()) {
                if !defined.contains(input.as_str()) {
                    return Err(invalid_node(
                        &node.name,
                        node.operator.name,
                        format!(
                            "input `{input}` is not defined before it is used, or the graph has a cycle"
                        ),
                    ));
                }
            }
            for output in node.outputs.iter().filter(|output| !output.is_empty()) {
                if !defined.insert(output) {
                    return Err(invalid_value(output, "it is defined twice"));
                }
            }
        }
        match self
            .outputs
            .iter()
            .find(|output| !defined.contains(output.name.as_str()))
        {
            Some(output) => Err(invalid_value(&output.name, "no node computes this output")),
            None => Ok(()),
        }
    }

    fn count_parameters(&self) -> Result<u64, ModelError> {
        let of_nodes = self
            .nodes
            .iter()
            .filter(|n| n.operator.name == "Constant")
            .map(|node| {
                node.constant().ok_or_else(|| {
                    invalid_node(
                        &node.name,
                        node.operator.name,
                        "its value is missing or of no allowed type",
                    )
                })
            });
        self.constants
            .values()
            .cloned()
            .map(Ok)
            .chain(of_nodes)
            .try_fold(0_u64, |sum, constant| {
                sum.checked_add(constant?.elements())
                    .ok_or(ModelError::Malformed(
                        "its constants have too many elements to count",
                    ))
            })
    }
}

pub(crate) fn invalid_value(value: &str, reason: &str) -> ModelError {
    ModelError::InvalidValue {
        value: value.to_owned(),
        reason: reason.to_owned(),
    }
}

fn invalid_node(node: &str, operator: &str, reason: impl Into<String>) -> ModelError {
    ModelError::InvalidNode {
        node: node.to_owned(),
        operator: operator.to_owned(),
        reason: reason.into(),
    }
}

fn check_opset(model: &pb::ModelProto) -> Result<(), ModelError> {
    if !model.functions.is_empty() || !model.training_info.is_empty() {
        return Err(ModelError::UnsupportedFeature(
            "functions or training information".into(),
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
    Ok(())
}

fn is_onnx_domain(domain: &str) -> bool {
    domain.is_empty() || domain == "ai.onnx"
}

fn node(node: &pb::NodeProto) -> Result<Node, ModelError> {
    let first_output = node.output.first().map_or("", String::as_str);
    let name = if node.name.is_empty() {
        first_output
    } else {
        &node.name
    };
    let refused = || ModelError::UnsupportedOperator {
        operator: if is_onnx_domain(&node.domain) {
            node.op_type.clone()
        } else {
            format!("{}.{}", node.domain, node.op_type)
        },
        node: name.to_owned(),
    };
    if !is_onnx_domain(&node.domain) {
        return Err(refused());
    }
    let operator = table::find(&node.op_type).ok_or_else(refused)?;
    if first_output.is_empty() {
        return Err(invalid_node(
            name,
            operator.name,
            "its first output has no name",
        ));
    }
    let mut attributes = HashMap::new();
    for attribute in &node.attribute {
        let fault = |reason: &str| {
            invalid_node(
                name,
                operator.name,
                format!("attribute `{}` {reason}", attribute.name),
            )
        };
        if attribute.g.is_some() || !attribute.graphs.is_empty() {
            return Err(fault("is a subgraph, which is not supported"));
        }
        if attribute.sparse_tensor.is_some()
            || !attribute.sparse_tensors.is_empty()
            || !attribute.tensors.is_empty()
            || !attribute.type_protos.is_empty()
            || !attribute.ref_attr_name.is_empty()
        {
            return Err(fault("is of a kind that is not supported"));
        }
        let tensor = attribute
            .t
            .as_ref()
            .map(|tensor| constant::read(tensor, name))
            .transpose()?;
        let kept = Attribute {
            integer: attribute.i,
            integers: attribute.ints.clone(),
            text: attribute.s.clone(),
            tensor,
            floats: attribute.floats.len(),
            is_float: attribute.r#type == 1,
        };
        if attributes.insert(attribute.name.clone(), kept).is_some() {
            return Err(fault("is given twice"));
        }
    }
    Ok(Node {
        name: name.to_owned(),
        operator,
        inputs: node.input.clone(),
        outputs: node.output.clone(),
        attributes,
    })
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
        .ok_or_else(|| fault("its element type is not supported"))?;
    let dimensions = declared.shape.as_ref().map(|shape| {
        if shape.dim.len() > RANK_MAX {
            return Err(fault("it has too many dimensions"));
        }
        shape
            .dim
            .iter()
            .map(|dimension| match &dimension.value {
                Some(Dimension::DimValue(0)) | None => Ok(DeclaredDimension::Any),
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
