//! Owns what can come of a case on a backend. Decides nothing.

use serde::{Deserialize, Serialize};

/// What came of a case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verdict {
    /// The outputs are those that ONNX defines.
    Right,
    /// The outputs are random by definition: their shapes and types are right, their elements not looked at.
    RightInShape,
    /// It was not computed, and an error says why.
    Refused {
        /// Who refused.
        by: Refuser,
        /// For the table: short, and the same for like cases.
        reason: String,
        /// The whole error.
        error: String,
    },
    /// Something else was computed, or the process did not live to say.
    Wrong {
        /// What differs.
        what: String,
    },
}

/// Who refused a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Refuser {
    /// The checks that hold for every backend.
    Rules,
    /// The backend's own list of what it would compute otherwise.
    List,
    /// The backend's library.
    Library,
}
