//! Owns what kinds of worker there are. Knows not what their work is.

use std::fmt;

/// What a worker is for, and so which system calls it needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Runs code that somebody else wrote: it may map memory as executable, though never while it is
    /// writable.
    Runner,
    /// Only computes: no memory of its own making is ever executable.
    Compiler,
    /// Keeps models and computes with them; may do what a compiler may.
    Inference,
}

impl Role {
    /// As process listings show it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Runner => "runner",
            Self::Compiler => "compiler",
            Self::Inference => "inference",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
