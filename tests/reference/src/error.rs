//! Why a program is not run at all. A program that runs and fails has an `Ending` instead.

/// A module was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It is no valid module, whatever features one allows.
    #[error("not a valid module: {0}")]
    Invalid(String),
    /// It is valid, and uses something that this interpreter does not know.
    #[error("not handled: {0}")]
    Unsupported(String),
}
