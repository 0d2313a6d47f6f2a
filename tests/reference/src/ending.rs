//! How a run ends. Whoever bills it reads the meter beside this.

use crate::value::Value;

/// What WebAssembly, or the host, ended a run for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Trap {
    /// The operator `unreachable`.
    #[error("unreachable")]
    Unreachable,
    /// An access beyond a memory's end, or beyond a data segment's.
    #[error("out of bounds memory access")]
    MemoryOutOfBounds,
    /// An access beyond a table's end, or beyond an element segment's.
    #[error("out of bounds table access")]
    TableOutOfBounds,
    /// A call through a table's empty element.
    #[error("uninitialized element")]
    IndirectCallToNull,
    /// A call through a table, of a function of another type.
    #[error("indirect call type mismatch")]
    BadSignature,
    /// A division or a conversion whose result has no place.
    #[error("integer overflow")]
    IntegerOverflow,
    /// A division by zero.
    #[error("integer divide by zero")]
    IntegerDivisionByZero,
    /// A conversion of a NaN to an integer.
    #[error("invalid conversion to integer")]
    BadConversionToInteger,
    /// `throw_ref` of null.
    #[error("null reference")]
    NullReference,
    /// An import that the host does not have, or an export that the module does not have.
    #[error("link: {0}")]
    Link(String),
    /// What the host says.
    #[error("host: {0}")]
    Host(String),
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// With results.
    Returned(Vec<Value>),
    /// With a trap of the program's or the host's.
    Trapped(Trap),
    /// With an exception that nobody caught.
    Exception,
    /// By a check of the meter (M7): the count was below zero.
    Exhausted,
    /// By a frame that did not fit (M10).
    StackExhausted,
}

/// Why control does not go on with the next operator.
#[derive(Debug)]
pub enum Stop {
    /// A trap of the program's or the host's.
    Trap(Trap),
    /// An exception, which the callers can catch.
    Exception(Exception),
    /// A check of the meter (M7).
    Exhausted,
    /// A frame that did not fit (M10).
    StackExhausted,
}

/// An exception on its way out.
#[derive(Debug, Clone)]
pub struct Exception {
    /// What tells its tag from others.
    pub(crate) tag: usize,
    pub(crate) values: Vec<Value>,
}

impl From<Trap> for Stop {
    fn from(trap: Trap) -> Stop {
        Stop::Trap(trap)
    }
}

impl From<Stop> for Ending {
    fn from(stop: Stop) -> Ending {
        match stop {
            Stop::Trap(trap) => Ending::Trapped(trap),
            Stop::Exception(_) => Ending::Exception,
            Stop::Exhausted => Ending::Exhausted,
            Stop::StackExhausted => Ending::StackExhausted,
        }
    }
}
