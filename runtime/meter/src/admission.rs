//! How large a program may be, and what checking and compiling it costs. Never rewrites anything.
//!
//! The bounds lie far below the validator's own, because compilers take time that is not linear in
//! the size of one function.

use crate::schedule::{Class, Tier};

/// More of something than a program may have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("it has {count} {what}, and may have at most {max}")]
pub struct Excess {
    /// What there is too much of.
    pub what: &'static str,
    /// How many there are.
    pub count: u64,
    /// How many there may be.
    pub max: u64,
}

/// A program's bytes: room for a whole language runtime.
pub const PROGRAM_BYTES_MAX: u64 = 64 << 20;
/// One function's bytes: the largest in real interpreters have a few hundred KiB.
pub const FUNCTION_BYTES_MAX: u64 = 1 << 20;
/// One function's parameters and locals: register allocation slows down with them.
pub const FUNCTION_LOCALS_MAX: u64 = 4_096;
/// One function's parameters, and its results.
pub const FUNCTION_PARAMETERS_MAX: u64 = 256;
/// One function's nested blocks.
pub const FUNCTION_NESTING_MAX: u64 = 1_024;
/// One function's `br_table` entries, all together: what engines take.
pub const FUNCTION_BRANCH_TABLE_ENTRIES_MAX: u64 = 65_520;
/// One function's `br`s and `br_if`s: a compiler takes time that grows with the square of those to one label.
pub const FUNCTION_BRANCHES_MAX: u64 = 20_000;
/// One function's carried locals: for each block, loop and `if` the different locals that are set
/// within it. A compiler brings their values together where control flow meets, which
/// takes time for each pair, so that a small program could keep it busy for minutes.
pub const FUNCTION_CARRIED_LOCALS_MAX: u64 = 100_000;
/// A module's functions.
pub const FUNCTIONS_MAX: u64 = 200_000;
/// A module's types.
pub const TYPES_MAX: u64 = 20_000;
/// A module's globals.
pub const GLOBALS_MAX: u64 = 10_000;
/// A module's tables.
pub const TABLES_MAX: u64 = 100;
/// A module's exception tags.
pub const TAGS_MAX: u64 = 10_000;
/// A module's data segments.
pub const DATA_SEGMENTS_MAX: u64 = 100_000;
/// A module's element segments.
pub const ELEMENT_SEGMENTS_MAX: u64 = 10_000;
/// Components within components: reading them takes stack of our own.
pub const NESTED_COMPONENTS_MAX: u64 = 100;
/// Component and instance types within each other: validating them does, too.
pub const NESTED_TYPES_MAX: u64 = 100;
/// A component's core modules.
pub const CORE_MODULES_MAX: u64 = 100;
/// A component's core instances, each of which may be large.
pub const CORE_INSTANCES_MAX: u64 = 500;

/// Refuses a count over its bound.
pub(crate) fn bound(what: &'static str, count: u64, max: u64) -> Result<(), Excess> {
    if count > max {
        Err(Excess { what, count, max })
    } else {
        Ok(())
    }
}

/// What a program holds, as far as it makes checking and compiling dear.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Admission {
    /// Bytes of the program.
    pub bytes: u64,
    /// Operators in all function bodies.
    pub operators: u64,
    /// Function bodies, blocks, loops and `if`s.
    pub blocks: u64,
    /// Parameters and locals of all functions with a body.
    pub locals: u64,
    /// Carried locals of all functions: for each block, loop and `if` the different locals that are
    /// set within it.
    pub carried_locals: u64,
    /// Entries of all `br_table`s, `br`s and `br_if`s.
    pub branch_targets: u64,
    /// Function types of core modules, functions that are exported or start a module, and functions that
    /// something refers to: for each a compiler writes code that goes between them and the host.
    pub trampolines: u64,
    /// Parameters and results of those.
    pub trampoline_values: u64,
}

impl Admission {
    /// Adds what goes between the host and functions of a type with so many parameters and results.
    pub(crate) fn trampoline(&mut self, values: u64) {
        self.trampolines = self.trampolines.saturating_add(1);
        self.trampoline_values = self.trampoline_values.saturating_add(values);
    }

    /// The price of checking and compiling this, in admission units; saturating.
    #[must_use]
    pub fn units(&self) -> u64 {
        [
            (self.bytes, Class::AdmitByte),
            (self.operators, Class::AdmitOperator),
            (self.blocks, Class::AdmitBlock),
            (self.locals, Class::AdmitLocal),
            (self.carried_locals, Class::AdmitCarriedLocal),
            (self.branch_targets, Class::AdmitBranchTarget),
            (self.trampolines, Class::AdmitTrampoline),
            (self.trampoline_values, Class::AdmitTrampolineValue),
        ]
        .into_iter()
        .fold(0, |sum, (count, class)| {
            sum.saturating_add(count.saturating_mul(u64::from(class.weight(Tier::Small))))
        })
    }
}
