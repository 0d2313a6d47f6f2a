//! Rewrites WebAssembly so that it counts its own work: bytes in, metered bytes out.
//!
//! The crate knows no engine and does no I/O. SPECIFICATION.md says what is charged, when, and how
//! much; this crate is how. The pass in three steps: validate, instrument, and say what the program
//! declares, which is charged before the program is instantiated.
//!
//! ```
//! let wasm = wat::parse_str("(module (func (export \"f\") (loop (br 0))))")?;
//! let metered = meterbox_meter::meter(&wasm)?;
//! assert_eq!(metered.kind, meterbox_meter::Kind::Module);
//! // An engine runs `metered.bytes`, giving it the mutable globals of `METER_GLOBALS`.
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod admission;
mod component;
mod customs;
mod error;
mod facts;
mod function;
mod hooks;
mod module;
mod nesting;
mod operator;
mod reading;
mod schedule;
mod signatures;
mod wrappers;

use std::collections::HashMap;

use wasmparser::{Encoding, Parser, Payload, Validator, WasmFeatures};

pub use admission::{Admission, Excess};
pub use component::{BUDGET_IMPORT, READ_EXPORT, READ_FUNCTION, meter_with_hooks};
pub use error::MeterError;
pub use facts::{FunctionFacts, ModuleFacts};
pub use hooks::{
    HOOKS, NODE_BYTES, NODES_BYTES, NODES_END, NODES_MAX, NODES_MEMORY, ProfileNode, nodes,
};
pub use module::{Declared, METER_GLOBALS, METER_MODULE};
pub use reading::{
    BUDGET_MAX, Exhausted, Reading, Spent, left_at_start, spent, spent_before_start,
};
pub use schedule::{
    Class, FRAME_UNITS, METER_VERSION, OPERATOR_STACK_UNITS, SCHEDULE_VERSION, SLOT_UNITS, Tier,
    schedule_digest, schedule_text,
};

use component::ComponentCheck;
use module::ModuleRewriter;

/// The WebAssembly that is accepted. Everything else is refused by the validator, by name.
pub const FEATURES: WasmFeatures = WasmFeatures::MUTABLE_GLOBAL
    .union(WasmFeatures::SATURATING_FLOAT_TO_INT)
    .union(WasmFeatures::SIGN_EXTENSION)
    .union(WasmFeatures::REFERENCE_TYPES)
    .union(WasmFeatures::MULTI_VALUE)
    .union(WasmFeatures::BULK_MEMORY)
    .union(WasmFeatures::BULK_MEMORY_OPT)
    .union(WasmFeatures::CALL_INDIRECT_OVERLONG)
    .union(WasmFeatures::SIMD)
    .union(WasmFeatures::TAIL_CALL)
    .union(WasmFeatures::EXTENDED_CONST)
    .union(WasmFeatures::FLOATS)
    .union(WasmFeatures::MULTI_MEMORY)
    .union(WasmFeatures::MEMORY64)
    .union(WasmFeatures::EXCEPTIONS)
    .union(WasmFeatures::GC_TYPES)
    .union(WasmFeatures::COMPONENT_MODEL);

/// The names of [`FEATURES`] as proposals, sorted: what a receipt lists. Exceptions are missing, which the
/// meter handles, and the sandbox does not yet.
pub const FEATURE_NAMES: &[&str] = &[
    "bulk-memory",
    "component-model",
    "extended-const",
    "memory64",
    "multi-memory",
    "multi-value",
    "mutable-global",
    "reference-types",
    "saturating-float-to-int",
    "sign-extension",
    "simd",
    "tail-call",
];

/// What kind of program was metered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A core module, which imports the meter's globals.
    Module,
    /// A component, which holds the meter.
    Component,
}

/// Who makes NaNs canonical.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Floats {
    /// The pass, wherever the bits of a NaN could be seen.
    #[default]
    Canonical,
    /// Nobody: NaNs are whatever the engine makes of them. For measurements only.
    AsTheEngine,
}

/// How a program is metered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Options {
    /// The most bytes that all memories together may come to, if that is limited.
    pub memory_bytes_max: Option<u64>,
    /// Who makes NaNs canonical.
    pub floats: Floats,
    /// Every function tells the meter when it begins and ends, for a profile. Units are the same.
    pub hooks: bool,
}

impl Options {
    /// The highest memory tier that a program can have: one that declares less has a lower one.
    #[must_use]
    pub fn tier_max(&self) -> Tier {
        Tier::of_pages(self.pages_max())
    }

    fn pages_max(&self) -> u64 {
        self.memory_bytes_max
            .map_or(u64::MAX, |bytes| bytes / 65_536)
    }
}

/// A program that counts its own work.
#[derive(Debug, Clone)]
pub struct Metered {
    /// The rewritten program.
    pub bytes: Vec<u8>,
    /// What kind of program it is.
    pub kind: Kind,
    /// Which weights its loads and stores have.
    pub tier: Tier,
    /// What its instances declare, all together.
    pub declared: Declared,
    /// What checking and compiling it takes.
    pub admission: Admission,
    /// What was found in its core modules, in order.
    pub modules: Vec<ModuleFacts>,
    /// Its functions tell when they begin and end: see [`Options::hooks`].
    pub hooks: bool,
}

enum Frame<'a> {
    Component,
    Module(Box<ModuleRewriter<'a>>),
}

/// Validates and rewrites a program.
///
/// # Errors
/// Refuses what is not valid WebAssembly, what uses a feature or name that it must not, and what is
/// larger than [`admission`] allows.
pub fn meter(bytes: &[u8]) -> Result<Metered, MeterError> {
    meter_with(bytes, &Options::default())
}

/// Validates and rewrites a program in the way that the options say.
///
/// # Errors
/// As [`meter`].
pub fn meter_with(bytes: &[u8], options: &Options) -> Result<Metered, MeterError> {
    if !bytes.starts_with(b"\0asm") {
        return Err(MeterError::NotWasm);
    }
    let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    admission::bound("bytes", size, admission::PROGRAM_BYTES_MAX)?;
    let mut admission = Admission {
        bytes: size,
        ..Admission::default()
    };
    let mut validator = Validator::new_with_features(FEATURES);
    let mut parser = Parser::new(0);
    parser.set_features(FEATURES);

    let tier = tier(bytes, options);
    let mut frames: Vec<Frame<'_>> = Vec::new();
    let mut check = ComponentCheck::default();
    let mut modules: Vec<(Vec<u8>, Declared, ModuleFacts)> = Vec::new();
    for payload in parser.parse_all(bytes) {
        let payload = payload.map_err(|error| truncated_or_invalid(error, size))?;
        if let Payload::ModuleSection {
            unchecked_range, ..
        }
        | Payload::ComponentSection {
            unchecked_range, ..
        } = &payload
        {
            // The parser gives what is there of a module or component that was cut short.
            if unchecked_range.end > bytes.len() {
                return Err(MeterError::Truncated { bytes: size });
            }
            let nested = u64::try_from(frames.len()).unwrap_or(u64::MAX);
            admission::bound(
                "components within components",
                nested,
                admission::NESTED_COMPONENTS_MAX,
            )?;
        }
        if let Payload::ComponentTypeSection(types) = &payload {
            nesting::check(bytes.get(types.range()).unwrap_or_default())?;
        }
        let valid = validator.payload(&payload)?;
        match payload {
            Payload::Version {
                encoding: Encoding::Component,
                ..
            } => frames.push(Frame::Component),
            Payload::Version {
                encoding: Encoding::Module,
                ..
            } => {
                let known = modules.iter().map(|(_, _, facts)| facts.functions.len());
                let first = module::index(known.sum())?;
                let rewriter = ModuleRewriter::new(tier, *options, first);
                frames.push(Frame::Module(Box::new(rewriter)));
            }
            Payload::End(_) => match frames.pop() {
                Some(Frame::Module(module)) => {
                    modules.push(module.finish(&mut admission)?);
                    let count = u64::try_from(modules.len()).unwrap_or(u64::MAX);
                    admission::bound("core modules", count, admission::CORE_MODULES_MAX)?;
                    if frames.is_empty() {
                        break;
                    }
                }
                Some(Frame::Component) if frames.is_empty() => {
                    return metered_component(
                        bytes,
                        &check,
                        modules,
                        admission,
                        tier,
                        options.hooks,
                    );
                }
                _ => {}
            },
            payload => match frames.last_mut() {
                Some(Frame::Module(module)) => module.payload(payload, valid, &mut admission)?,
                _ => check.payload(&payload, frames.len().saturating_sub(1))?,
            },
        }
    }
    let Some((bytes, declared, facts)) = modules.pop() else {
        return Err(MeterError::Truncated { bytes: size });
    };
    Ok(Metered {
        bytes,
        kind: Kind::Module,
        tier,
        declared,
        admission,
        modules: vec![facts],
        hooks: options.hooks,
    })
}

/// The memory tier of a program: by what the memories of all its core instances can hold at the most,
/// together. What is not valid is found later.
fn tier(bytes: &[u8], options: &Options) -> Tier {
    // Of each core module: pages, and how often it is instantiated.
    let mut pages: Vec<u64> = Vec::new();
    let mut instances: HashMap<usize, u64> = HashMap::new();
    let mut is_component = false;
    for payload in Parser::new(0).parse_all(bytes).map_while(Result::ok) {
        match payload {
            Payload::Version { encoding, .. } => match encoding {
                Encoding::Component => is_component = true,
                Encoding::Module => pages.push(0),
            },
            Payload::MemorySection(memories) => {
                for memory in memories.into_iter().map_while(Result::ok) {
                    let addressable = if memory.memory64 { 1 << 48 } else { 1 << 16 };
                    let most = memory.maximum.unwrap_or(addressable);
                    if let Some(pages) = pages.last_mut() {
                        *pages = pages.saturating_add(most);
                    }
                }
            }
            Payload::InstanceSection(section) => {
                for instance in section.into_iter().map_while(Result::ok) {
                    if let wasmparser::Instance::Instantiate { module_index, .. } = instance {
                        *instances.entry(module::position(module_index)).or_default() += 1;
                    }
                }
            }
            _ => {}
        }
    }
    let all = (0..).zip(pages).fold(0u64, |all, (module, pages)| {
        let times = match is_component {
            true => instances.get(&module).copied().unwrap_or(0),
            false => 1,
        };
        all.saturating_add(pages.saturating_mul(times))
    });
    Tier::of_pages(all.min(options.pages_max()))
}

/// Whether a program is a command, with standard input, output and error: a core module, or a
/// component that exports `wasi:cli/run`. A look at its outermost sections only, which checks nothing.
#[must_use]
pub fn is_command(bytes: &[u8]) -> bool {
    let mut nesting = 0u32;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload {
            Ok(Payload::Version { encoding, .. }) => {
                if nesting == 0 && encoding == Encoding::Module {
                    return true;
                }
                nesting += 1;
            }
            Ok(Payload::End(_)) => nesting -= 1,
            Ok(Payload::ComponentExportSection(exports)) if nesting == 1 => {
                let is_run = |export: wasmparser::ComponentExport<'_>| {
                    export.name.name.starts_with("wasi:cli/run@")
                };
                if exports.into_iter().flatten().any(is_run) {
                    return true;
                }
            }
            Ok(_) => {}
            Err(_) => return false,
        }
    }
    false
}

fn metered_component(
    bytes: &[u8],
    check: &ComponentCheck,
    modules: Vec<(Vec<u8>, Declared, ModuleFacts)>,
    admission: Admission,
    tier: Tier,
    hooks: bool,
) -> Result<Metered, MeterError> {
    let mut declared = Declared::default();
    for module in &check.instantiated {
        let of = modules
            .get(module::position(*module))
            .map(|(_, declared, _)| *declared)
            .unwrap_or_default();
        declared.units = declared.units.saturating_add(of.units);
        declared.memory_pages = declared.memory_pages.saturating_add(of.memory_pages);
        declared.table_elements = declared.table_elements.saturating_add(of.table_elements);
    }
    let mut rewritten = Vec::new();
    let mut facts = Vec::new();
    for (bytes, _, found) in modules {
        rewritten.push(bytes);
        facts.push(found);
    }
    let bytes = component::rewrite(bytes, &rewritten, hooks)?;
    Ok(Metered {
        bytes,
        kind: Kind::Component,
        tier,
        declared,
        admission,
        modules: facts,
        hooks,
    })
}

fn truncated_or_invalid(error: wasmparser::BinaryReaderError, bytes: u64) -> MeterError {
    if error.message().contains("unexpected end") {
        MeterError::Truncated { bytes }
    } else {
        error.into()
    }
}
