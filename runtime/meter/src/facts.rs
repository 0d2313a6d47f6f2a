//! What the meter found in a program on its way through: for people who want to know why it costs what it
//! costs. Never decides anything.

/// A core module of a program.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ModuleFacts {
    /// What it imports, as `module` and `name`, in order.
    pub imports: Vec<(String, String)>,
    /// What it exports, in order.
    pub exports: Vec<String>,
    /// Its own functions, in order.
    pub functions: Vec<FunctionFacts>,
    /// How many memories and tables it declares.
    pub memories: u32,
    /// How many tables it declares.
    pub tables: u32,
}

/// A function of a core module.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FunctionFacts {
    /// Its index in the module.
    pub index: u32,
    /// Its name, if the module has names.
    pub name: Option<String>,
    /// Operators of its body, `end` included.
    pub operators: u64,
    /// Loops that control can reach.
    pub loops: u64,
    /// How many of them are counted: charged ahead, for all laps at once.
    pub counted_loops: u64,
    /// It is small: no sync point, and no frame.
    pub small: bool,
    /// Stack units that a call takes.
    pub frame_units: u32,
}
