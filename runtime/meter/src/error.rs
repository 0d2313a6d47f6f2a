//! Why a program is not metered.

use crate::admission::Excess;

/// Why a program was refused. Each names the rule, and what in the program breaks it.
#[derive(Debug, thiserror::Error)]
pub enum MeterError {
    /// The bytes do not begin like WebAssembly.
    #[error("it is not WebAssembly: it does not begin with the bytes `\\0asm`")]
    NotWasm,
    /// The bytes begin like WebAssembly, but are not a valid module or component.
    #[error(
        "it is not valid WebAssembly, or needs a feature that is refused: {message} (at offset {offset:#x})"
    )]
    Invalid {
        /// The validator's words.
        message: String,
        /// Where, in bytes from the program's start.
        offset: u64,
    },
    /// The bytes end in the middle of a section.
    #[error("it is truncated: it ends after {bytes} bytes, in the middle of a section")]
    Truncated {
        /// How many bytes there were.
        bytes: u64,
    },
    /// An operator that the meter has no weight for.
    #[error("the operator {operator} of the proposal {proposal} is not supported")]
    Operator {
        /// The operator's name.
        operator: String,
        /// The WebAssembly proposal it comes from.
        proposal: String,
    },
    /// A construct that the meter does not handle.
    #[error("{what} is not supported")]
    Unsupported {
        /// The construct, as a noun.
        what: String,
    },
    /// A name that belongs to the meter.
    #[error("the name `{name}` belongs to the meter")]
    ReservedName {
        /// The name that was used.
        name: String,
    },
    /// More of something than a program may have.
    #[error(transparent)]
    Excess(#[from] Excess),
    /// The rewritten program could not be encoded. A fault of the meter.
    #[error("the meter could not encode the program: {0}")]
    Encoding(String),
}

impl From<wasmparser::BinaryReaderError> for MeterError {
    fn from(error: wasmparser::BinaryReaderError) -> MeterError {
        MeterError::Invalid {
            message: error.message().to_string(),
            offset: u64::try_from(error.offset()).unwrap_or(u64::MAX),
        }
    }
}
