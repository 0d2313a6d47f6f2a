//! What each class of operator costs. Never looks at a program.
//!
//! One unit is about what the cheapest operator takes. The weights come from measurement and from a
//! search for programs that pay too little: `docs/fair-prices.md`.

use sha2::{Digest, Sha256};

/// The version of the rules by which a program is charged.
pub const METER_VERSION: u32 = 1;

/// The version of the table of weights below.
pub const SCHEDULE_VERSION: u32 = 1;

/// How much memory a program can have at the most: what its loads and stores are likely to miss.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Tier {
    /// At most [`SMALL_PAGES_MAX`](Tier::SMALL_PAGES_MAX): what one core's own cache holds.
    Small,
    /// At most [`MEDIUM_PAGES_MAX`](Tier::MEDIUM_PAGES_MAX): what a cache shared by cores holds.
    Medium,
    /// More.
    Large,
}

impl Tier {
    /// Every tier, in the order of the table's columns.
    pub const ALL: [Tier; 3] = [Tier::Small, Tier::Medium, Tier::Large];
    /// The most pages of 64 KiB that a program of the small tier can have.
    pub const SMALL_PAGES_MAX: u64 = 16;
    /// The most pages of 64 KiB that a program of the medium tier can have.
    pub const MEDIUM_PAGES_MAX: u64 = 512;

    /// The tier of a program that can have so many pages.
    #[must_use]
    pub const fn of_pages(pages: u64) -> Tier {
        if pages <= Tier::SMALL_PAGES_MAX {
            Tier::Small
        } else if pages <= Tier::MEDIUM_PAGES_MAX {
            Tier::Medium
        } else {
            Tier::Large
        }
    }

    /// The name that the specification uses.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Tier::Small => "small",
            Tier::Medium => "medium",
            Tier::Large => "large",
        }
    }
}

macro_rules! classes {
    ($($(#[doc = $doc:literal])+ $class:ident = $name:literal, $small:literal $(/ $medium:literal / $large:literal)?;)+) => {
        /// A class of operators, or of declarations, that cost the same.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Class { $($(#[doc = $doc])+ $class,)+ }

        impl Class {
            /// Every class, in the order of the table.
            pub const ALL: &[Class] = &[$(Class::$class,)+];

            /// The name that the specification uses.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Class::$class => $name,)+ }
            }

            /// The weights in units in the three tiers; one, if they are the same.
            const fn weights(self) -> (u32, Option<(u32, u32)>) {
                match self { $(Class::$class => ($small, classes!(@others $($medium $large)?)),)+ }
            }
        }
    };
    (@others) => { None };
    (@others $medium:literal $large:literal) => { Some(($medium, $large)) };
}

impl Class {
    /// The weight in units, in a program of this memory tier.
    #[must_use]
    pub const fn weight(self, tier: Tier) -> u32 {
        match (self.weights(), tier) {
            ((_, Some((medium, _))), Tier::Medium) => medium,
            ((_, Some((_, large))), Tier::Large) => large,
            ((small, _), _) => small,
        }
    }

    /// Whether the weight depends on the tier.
    #[must_use]
    pub const fn has_tiers(self) -> bool {
        self.weights().1.is_some()
    }
}

classes! {
    /// `block`, `else`, `end`, `nop`: structure that leaves no machine code.
    Structure = "structure", 0;
    /// Constants, locals, `drop`, integer arithmetic and comparisons.
    Simple = "simple", 1;
    /// Integer multiplication, `clz`, `ctz`, `popcnt`.
    Multiply = "multiply", 4;
    /// Float arithmetic and comparisons.
    Float = "float", 4;
    /// Conversions between integers and floats, between floats, and of vectors to integers.
    Convert = "convert", 18;
    /// Integer division and remainder, float division and square root.
    Divide = "divide", 32;
    /// `global.get`, `global.set`.
    Global = "global", 2;
    /// Scalar loads.
    Load = "load", 8 / 12 / 20;
    /// Scalar stores.
    Store = "store", 10 / 16 / 20;
    /// `loop`, `if`, `br`, `br_if`, `return`, `select`, `unreachable`.
    Branch = "branch", 3;
    /// `br_table`.
    BranchTable = "branch_table", 28;
    /// `call`, `return_call`.
    Call = "call", 24;
    /// `call_indirect`, `return_call_indirect`.
    CallIndirect = "call_indirect", 56;
    /// `ref.null`, `ref.is_null`.
    Reference = "reference", 4;
    /// `ref.func`.
    ReferenceFunction = "reference_function", 400;
    /// `table.get`, `table.set`, `table.size`.
    TableAccess = "table_access", 14;
    /// `memory.size`.
    MemorySize = "memory_size", 2;
    /// `memory.grow`, before its pages.
    MemoryGrow = "memory_grow", 600;
    /// Each page that `memory.grow` asks for, and each that a module declares.
    MemoryPage = "memory_page", 180000;
    /// `memory.fill`, before its bytes.
    MemoryFill = "memory_fill", 600;
    /// `memory.copy`, `memory.init`, `data.drop`, before their bytes.
    MemoryBulk = "memory_bulk", 30;
    /// Each 64 bytes that a bulk memory operator moves, and each 64 bytes of a data segment.
    MemoryBulk64Bytes = "memory_bulk_64_bytes", 8 / 12 / 24;
    /// `table.fill`, `table.copy`, `table.init`, `table.grow`, `elem.drop`, before their elements.
    TableBulk = "table_bulk", 120;
    /// Each element that a bulk table operator moves, and each that a table or segment declares.
    TableElement = "table_element", 30;
    /// Arithmetic on vectors.
    Vector = "vector", 8;
    /// Loads and stores of vectors.
    VectorMemory = "vector_memory", 10 / 20 / 32;
    /// `throw`, `throw_ref`: unwinding, and the exception's own object.
    Throw = "throw", 3000;
    /// Each core instance that is created.
    Instance = "instance", 30000;
    /// Each global that a module declares.
    GlobalDeclared = "global_declared", 20;
    /// Checking and compiling: each byte of the program.
    AdmitByte = "admit_byte", 1;
    /// Checking and compiling: each operator.
    AdmitOperator = "admit_operator", 120;
    /// Checking and compiling: each block, loop, `if` and function body.
    AdmitBlock = "admit_block", 1500;
    /// Checking and compiling: each parameter and local.
    AdmitLocal = "admit_local", 8;
    /// Checking and compiling: each different local that a block, loop or `if` sets.
    AdmitCarriedLocal = "admit_carried_local", 300;
    /// Checking and compiling: each `br`, `br_if` and entry of a `br_table`.
    AdmitBranchTarget = "admit_branch_target", 250;
    /// Checking and compiling: each type, and each function that is called from outside or referred to.
    AdmitTrampoline = "admit_trampoline", 10000;
    /// Checking and compiling: each parameter and result of those.
    AdmitTrampolineValue = "admit_trampoline_value", 1000;
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
        text.push_str(class.name());
        if class.has_tiers() {
            for tier in Tier::ALL {
                text.push_str(&format!(" {} {}", tier.name(), class.weight(tier)));
            }
        } else {
            text.push_str(&format!(" {}", class.weight(Tier::Small)));
        }
        text.push('\n');
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
