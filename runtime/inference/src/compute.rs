//! Owns why a call on a loaded model is refused or fails. Decides nothing.

use crate::element::ElementType;
use crate::shown::shown;

/// Why a call has no cost or no result. All but the last four are the caller's or the model's fault, are the
/// same on every machine, and are found before anything runs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ComputeError {
    /// The model has no such input.
    #[error("the model has no input `{}`", shown(name))]
    UnknownInput {
        /// The name given.
        name: String,
    },
    /// An input was given twice.
    #[error("input `{}` was given twice", shown(name))]
    DuplicateInput {
        /// Its name.
        name: String,
    },
    /// An input was not given.
    #[error("input `{}` is missing", shown(name))]
    MissingInput {
        /// Its name.
        name: String,
    },
    /// An input has another element type than the model declares.
    #[error(
        "input `{}` has elements of {actual}, the model takes {expected}",
        shown(name)
    )]
    WrongType {
        /// Its name.
        name: String,
        /// What the model declares.
        expected: ElementType,
        /// What was given.
        actual: ElementType,
    },
    /// An input's dimensions are not those that the model declares.
    #[error(
        "input `{}` has dimensions {actual:?}, the model takes {}",
        shown(name),
        shown(expected)
    )]
    WrongShape {
        /// Its name.
        name: String,
        /// What the model declares, `[N, 2048]` for instance.
        expected: String,
        /// What was given.
        actual: Vec<u32>,
    },
    /// A node cannot work on these shapes, or its shape depends on data.
    #[error("node `{}` ({operator}): {}", shown(node), shown(reason))]
    Node {
        /// The node's name, or its first output's.
        node: String,
        /// The operator's name.
        operator: String,
        /// The rule that is broken.
        reason: String,
    },
    /// The values of the call take too much memory.
    #[error(
        "with node `{}` the call holds more than {working_bytes_max} bytes",
        shown(node)
    )]
    TooLarge {
        /// The node that goes past the limit.
        node: String,
        /// The limit.
        working_bytes_max: u64,
    },
    /// An output is of another type than the model declares.
    #[error(
        "output `{}` is not of the element type that the model declares",
        shown(output)
    )]
    OutputType {
        /// Its name.
        output: String,
    },
    /// A count does not fit 64 bits.
    #[error("the cost of the call overflows")]
    Overflow,
    /// The backend computed an output of another shape or type than the cost was charged for.
    #[error(
        "output `{}` came back in another shape or type than it was charged for",
        shown(output)
    )]
    ShapeDisagreement {
        /// Its name.
        output: String,
    },
    /// The backend cannot compute the model on such shapes, which another one may. Its text is for the host's
    /// operator, not for the guest.
    #[error("the engine cannot run the model so: {0}")]
    Unable(String),
    /// The backend failed. Its text is for the host's operator, not for the guest.
    #[error("the backend failed: {0}")]
    Backend(String),
    /// The backend panicked; the host goes on. Its text is for the host's operator.
    #[error("the backend panicked: {0}")]
    Panicked(String),
}
