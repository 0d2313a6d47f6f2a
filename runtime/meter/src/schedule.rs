//! What each class of operator costs. Never looks at a program.
//!
//! One unit is about what the cheapest operator takes. These weights are provisional: estimates,
//! not yet calibrated by measurement, which is why the schedule has the version 0.

use sha2::{Digest, Sha256};

/// The version of the rules by which a program is charged.
pub const METER_VERSION: u32 = 0;

/// The version of the table of weights below.
pub const SCHEDULE_VERSION: u32 = 0;

macro_rules! classes {
    ($($(#[doc = $doc:literal])+ $class:ident = $name:literal, $weight:literal;)+) => {
        /// A class of operators, or of declarations, that cost the same.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Class { $($(#[doc = $doc])+ $class,)+ }

        impl Class {
            /// Every class, in the order of the table.
            pub const ALL: &[Class] = &[$(Class::$class,)+];

            /// The name that the specification uses.
            pub const fn name(self) -> &'static str {
                match self { $(Class::$class => $name,)+ }
            }

            /// The weight in units.
            pub const fn weight(self) -> u32 {
                match self { $(Class::$class => $weight,)+ }
            }
        }
    };
}

classes! {
    /// `block`, `loop`, `else`, `end`, `nop`: structure that leaves no machine code.
    Structure = "structure", 0;
    /// Constants, locals, `drop`, integer and float arithmetic, comparisons, conversions.
    Simple = "simple", 1;
    /// Integer division and remainder, float division and square root.
    Divide = "divide", 12;
    /// `global.get`, `global.set`.
    Global = "global", 1;
    /// Scalar loads.
    Load = "load", 2;
    /// Scalar stores.
    Store = "store", 2;
    /// `if`, `br`, `br_if`, `return`, `select`, `unreachable`.
    Branch = "branch", 1;
    /// `br_table`.
    BranchTable = "branch_table", 6;
    /// `call`, `return_call`.
    Call = "call", 8;
    /// `call_indirect`, `return_call_indirect`.
    CallIndirect = "call_indirect", 14;
    /// `ref.null`, `ref.is_null`, `ref.func`.
    Reference = "reference", 2;
    /// `table.get`, `table.set`, `table.size`.
    TableAccess = "table_access", 4;
    /// `memory.size`.
    MemorySize = "memory_size", 2;
    /// `memory.grow`, before its pages.
    MemoryGrow = "memory_grow", 600;
    /// Each page that `memory.grow` asks for, and each that a module declares.
    MemoryPage = "memory_page", 1200;
    /// `memory.fill`, `memory.copy`, `memory.init`, `data.drop`, before their bytes.
    MemoryBulk = "memory_bulk", 20;
    /// Each 64 bytes that a bulk memory operator moves, and each 64 bytes of a data segment.
    MemoryBulk64Bytes = "memory_bulk_64_bytes", 6;
    /// `table.fill`, `table.copy`, `table.init`, `table.grow`, `elem.drop`, before their elements.
    TableBulk = "table_bulk", 30;
    /// Each element that a bulk table operator moves, and each that a table or segment declares.
    TableElement = "table_element", 4;
    /// Arithmetic on vectors.
    Vector = "vector", 2;
    /// Loads and stores of vectors.
    VectorMemory = "vector_memory", 3;
    /// Each core instance that is created.
    Instance = "instance", 2000;
    /// Each global that a module declares.
    GlobalDeclared = "global_declared", 4;
    /// Checking and compiling: each byte of the program.
    AdmitByte = "admit_byte", 2;
    /// Checking and compiling: each operator.
    AdmitOperator = "admit_operator", 30;
    /// Checking and compiling: each block, loop, `if` and function body.
    AdmitBlock = "admit_block", 90;
    /// Checking and compiling: each parameter and local.
    AdmitLocal = "admit_local", 8;
    /// Checking and compiling: each different local that a block, loop or `if` sets.
    AdmitCarriedLocal = "admit_carried_local", 300;
    /// Checking and compiling: each entry of a `br_table`.
    AdmitBranchTableEntry = "admit_branch_table_entry", 20;
}

/// Stack units of a frame beside its slots.
pub const FRAME_UNITS: u32 = 64;

/// Stack units of each parameter, result, local, and value on a function's operand stack at its
/// highest.
pub const SLOT_UNITS: u32 = 16;

/// Stack units of each operator of a function's body. A compiler may keep any value that an operator
/// computes across a call, be there a local for it or not, so that a frame is bounded by its operators
/// only.
pub const OPERATOR_STACK_UNITS: u32 = 1;

/// The schedule as text, one `name weight` a line: what the digest is taken over.
#[must_use]
pub fn schedule_text() -> String {
    let mut text = format!("meterbox cost schedule {SCHEDULE_VERSION}\n");
    for class in Class::ALL {
        text.push_str(&format!("{} {}\n", class.name(), class.weight()));
    }
    text.push_str(&format!(
        "frame_units {FRAME_UNITS}\nslot_units {SLOT_UNITS}\noperator_stack_units {OPERATOR_STACK_UNITS}\n"
    ));
    text
}

/// The sha256 of [`schedule_text`].
#[must_use]
pub fn schedule_digest() -> [u8; 32] {
    Sha256::digest(schedule_text().as_bytes()).into()
}
