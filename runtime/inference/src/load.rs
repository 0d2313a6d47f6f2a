//! Owns why a model is refused when it is loaded. Decides nothing.

use crate::engine::EngineKind;
use crate::shown::shown;

/// Why a model cannot be loaded. The model is at fault, not the host.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ModelError {
    /// More bytes than allowed.
    #[error("the model has {bytes} bytes, at most {bytes_max} are allowed")]
    TooLarge {
        /// Bytes given.
        bytes: u64,
        /// The limit.
        bytes_max: u64,
    },
    /// More encoded fields than allowed.
    #[error("the model has more than {fields_max} encoded fields")]
    TooManyFields {
        /// The limit.
        fields_max: u64,
    },
    /// More declarations than allowed.
    #[error(
        "the model declares more than {declaration_bytes_max} bytes of names, types and shapes"
    )]
    TooManyDeclarations {
        /// The limit.
        declaration_bytes_max: u64,
    },
    /// More nodes than allowed.
    #[error("the model has {nodes} nodes, at most {nodes_max} are allowed")]
    TooManyNodes {
        /// Nodes in the graph.
        nodes: u64,
        /// The limit.
        nodes_max: u64,
    },
    /// More inputs or outputs than allowed, or no output.
    #[error(
        "the model has {ports} {side}, it must have at least 1 output and at most {ports_max} of each"
    )]
    PortCount {
        /// `inputs` or `outputs`.
        side: &'static str,
        /// How many there are.
        ports: u64,
        /// The limit.
        ports_max: u64,
    },
    /// An input or output with a longer name than allowed.
    #[error("one of the model's {side} has a name of more than {name_bytes_max} bytes")]
    LongName {
        /// `inputs` or `outputs`.
        side: &'static str,
        /// The limit.
        name_bytes_max: usize,
    },
    /// Not an ONNX file, or one that ends early.
    #[error("the model is not valid ONNX: {0}")]
    Malformed(&'static str),
    /// The model uses a part of ONNX that is not supported.
    #[error("the model uses {}, which is not supported", shown(.0))]
    UnsupportedFeature(String),
    /// An operator that has no place in the cost table.
    #[error(
        "operator {} of node `{}` is not supported: {}",
        shown(operator),
        shown(node),
        shown(reason)
    )]
    UnsupportedOperator {
        /// The operator's name, with its domain when that is not ONNX's own.
        operator: String,
        /// The node's name, or its first output's.
        node: String,
        /// Why it is not.
        reason: String,
    },
    /// A node that breaks a rule of its operator or of the graph.
    #[error("node `{}` ({}): {}", shown(node), shown(operator), shown(reason))]
    InvalidNode {
        /// The node's name, or its first output's.
        node: String,
        /// The operator's name.
        operator: String,
        /// The rule that is broken.
        reason: String,
    },
    /// A constant or a declared input or output that breaks a rule.
    #[error("value `{}`: {}", shown(value), shown(reason))]
    InvalidValue {
        /// Its name.
        value: String,
        /// The rule that is broken.
        reason: String,
    },
    /// The engine would compute an operator otherwise than ONNX defines it.
    #[error(
        "operator {} of node `{}` is refused by {engine}: {reason}",
        shown(operator),
        shown(node)
    )]
    RefusedByEngine {
        /// The engine.
        engine: EngineKind,
        /// The operator's name.
        operator: String,
        /// The node's first output.
        node: String,
        /// What it would do otherwise.
        reason: &'static str,
    },
    /// The backend cannot run the model, although it obeys the rules.
    #[error("the backend refuses the model: {0}")]
    Backend(String),
}
