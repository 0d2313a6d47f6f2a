//! Rewrites one core module: the meter's globals are imported after the module's own imports, and
//! every function body is charged. Knows nothing of components.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::convert::Infallible;

use wasm_encoder::reencode::{self, Reencode};
use wasm_encoder::{EntityType, GlobalType, ValType};
use wasmparser::{
    ElementItems, FuncValidatorAllocations, FunctionBody, Payload, TypeRef, ValidPayload,
    ValidatorResources,
};

use crate::admission::{self, Admission, bound};
use crate::customs;
use crate::facts::{FunctionFacts, ModuleFacts};
use crate::function::{self, FunctionContext, MeterGlobals};
use crate::hooks::{self, HOOKS, Hooks};
use crate::schedule::{Class, Tier};
use crate::signatures::Signatures;
use crate::wrappers;
use crate::{MeterError, Options};

/// The module name under which the meter's globals are imported.
pub const METER_MODULE: &str = "meterbox:meter";

/// The meter's globals in the order in which they are imported: name, and whether it is an i32
/// (else i64). All are mutable.
pub const METER_GLOBALS: [(&str, bool); 5] = [
    ("left", false),
    ("stack-left", true),
    ("pages-grown", false),
    ("grown-low", false),
    ("grown-high", false),
];

pub(crate) const METER_GLOBALS_COUNT: u32 = 5;

/// Moves the indices of globals that come after the meter's, and makes references to imported
/// functions into references to functions that take the meter's count along.
#[derive(Default)]
pub(crate) struct Shift {
    imported_globals: u32,
    imported_functions: u32,
    /// How many functions are imported after the module's own imports.
    hooks: u32,
    /// How many functions the module itself has, imported ones included.
    functions: u32,
    /// Imported functions that are referred to, in the order of the functions that stand for them.
    imports: Vec<u32>,
    /// Where each of them is in that order.
    place: HashMap<u32, u32>,
    /// Functions that something refers to: which they were, by what stands for them.
    referred: BTreeMap<u32, u32>,
}

impl Reencode for Shift {
    type Error = Infallible;

    fn global_index(&mut self, global: u32) -> Result<u32, reencode::Error<Infallible>> {
        Ok(if global < self.imported_globals {
            global
        } else {
            global.saturating_add(METER_GLOBALS_COUNT)
        })
    }

    /// The function that a reference to this one refers to.
    fn function_index(&mut self, function: u32) -> Result<u32, reencode::Error<Infallible>> {
        let stands = if function < self.imported_functions {
            let next = u32::try_from(self.imports.len()).unwrap_or(u32::MAX);
            let place = *self.place.entry(function).or_insert(next);
            if place == next {
                self.imports.push(function);
            }
            self.first_added().saturating_add(place)
        } else {
            self.own(function)
        };
        self.referred.insert(stands, function);
        Ok(stands)
    }
}

impl Shift {
    /// Where a function of the module's own is, imported ones included.
    pub(crate) fn own(&self, function: u32) -> u32 {
        if function < self.imported_functions {
            function
        } else {
            function.saturating_add(self.hooks)
        }
    }

    /// The index of the first function that is added.
    fn first_added(&self) -> u32 {
        self.functions.saturating_add(self.hooks)
    }
}

/// What a module declares: charged before it is instantiated.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Declared {
    /// Units for creating one instance, with its memories, tables and segments.
    pub units: u64,
    /// Pages of 64 KiB that its memories begin with.
    pub memory_pages: u64,
    /// Elements that its tables begin with.
    pub table_elements: u64,
}

impl Declared {
    /// Charges bytes as a bulk operator of this length does.
    fn charge_bytes(&mut self, bytes: u64, tier: Tier) {
        let weight = u64::from(Class::MemoryBulk64Bytes.weight(tier));
        self.units = self.units.saturating_add(bytes.saturating_mul(weight) / 64);
    }

    /// Charges for something whose weight is the same in every tier.
    fn charge(&mut self, class: Class, times: u64) {
        let weight = u64::from(class.weight(Tier::Small));
        self.units = self.units.saturating_add(times.saturating_mul(weight));
    }
}

/// One core module on its way through the meter, a payload at a time.
pub(crate) struct ModuleRewriter<'a> {
    tier: Tier,
    options: Options,
    /// What its first own function is called in a profile.
    first_id: u32,
    signatures: Signatures,
    shift: Shift,
    /// The type of each function, imported ones first.
    functions: Vec<u32>,
    bodies_done: u32,
    /// Functions that are called from outside: exported ones, and the start function.
    outside: BTreeSet<u32>,
    /// Which memories and tables have 64-bit indices, imported ones first.
    wide_memories: Vec<bool>,
    wide_tables: Vec<bool>,
    sections: Sections<'a>,
    code: wasm_encoder::CodeSection,
    hints: wasm_encoder::BranchHints,
    has_hints: bool,
    allocations: FuncValidatorAllocations,
    declared: Declared,
    facts: ModuleFacts,
}

#[derive(Default)]
struct Sections<'a> {
    types: Option<wasmparser::TypeSectionReader<'a>>,
    imports: Option<wasmparser::ImportSectionReader<'a>>,
    functions: Option<wasmparser::FunctionSectionReader<'a>>,
    tables: Option<wasmparser::TableSectionReader<'a>>,
    memories: Option<wasmparser::MemorySectionReader<'a>>,
    tags: Option<wasmparser::TagSectionReader<'a>>,
    globals: Option<wasmparser::GlobalSectionReader<'a>>,
    exports: Option<wasmparser::ExportSectionReader<'a>>,
    start: Option<u32>,
    elements: Option<wasmparser::ElementSectionReader<'a>>,
    data_count: Option<u32>,
    data: Option<wasmparser::DataSectionReader<'a>>,
    customs: Vec<wasmparser::CustomSectionReader<'a>>,
}

impl<'a> ModuleRewriter<'a> {
    /// A module of a program of this memory tier, in which so many functions come before its own.
    pub(crate) fn new(tier: Tier, options: Options, first_id: u32) -> ModuleRewriter<'a> {
        let hooks = if options.hooks {
            index_of_all(&HOOKS)
        } else {
            0
        };
        ModuleRewriter {
            tier,
            options,
            signatures: Signatures::default(),
            shift: Shift {
                hooks,
                ..Shift::default()
            },
            first_id,
            functions: Vec::new(),
            bodies_done: 0,
            outside: BTreeSet::new(),
            wide_memories: Vec::new(),
            wide_tables: Vec::new(),
            sections: Sections::default(),
            code: wasm_encoder::CodeSection::new(),
            hints: wasm_encoder::BranchHints::new(),
            has_hints: false,
            allocations: FuncValidatorAllocations::default(),
            declared: Declared::default(),
            facts: ModuleFacts::default(),
        }
    }

    /// Takes the next payload of this module, which the validator has seen.
    pub(crate) fn payload(
        &mut self,
        payload: Payload<'a>,
        valid: ValidPayload<'a>,
        admission: &mut Admission,
    ) -> Result<(), MeterError> {
        match payload {
            Payload::TypeSection(types) => {
                bound("types", u64::from(types.count()), admission::TYPES_MAX)?;
                for ty in types.clone().into_iter_err_on_gc_types() {
                    let ty = ty?;
                    bound(
                        "parameters of one function",
                        count(ty.params().len()),
                        admission::FUNCTION_PARAMETERS_MAX,
                    )?;
                    bound(
                        "results of one function",
                        count(ty.results().len()),
                        admission::FUNCTION_PARAMETERS_MAX,
                    )?;
                    admission.trampoline(count(ty.params().len() + ty.results().len()));
                    self.signatures
                        .push(ty.params().to_vec(), ty.results().to_vec());
                }
                self.sections.types = Some(types);
            }
            Payload::ImportSection(imports) => {
                for import in imports.clone().into_imports() {
                    let import = import?;
                    if import.module == METER_MODULE {
                        return Err(MeterError::ReservedName {
                            name: METER_MODULE.into(),
                        });
                    }
                    let name = (import.module.to_owned(), import.name.to_owned());
                    self.facts.imports.push(name);
                    match import.ty {
                        TypeRef::Func(ty) => {
                            self.functions.push(ty);
                            self.shift.imported_functions += 1;
                        }
                        TypeRef::Global(_) => self.shift.imported_globals += 1,
                        TypeRef::Table(table) => self.wide_tables.push(table.table64),
                        TypeRef::Memory(memory) => self.wide_memories.push(memory.memory64),
                        TypeRef::Tag(tag) => self.signatures.tags.push(tag.func_type_idx),
                        other => {
                            return Err(MeterError::Unsupported {
                                what: format!("an import of the kind {other:?}"),
                            });
                        }
                    }
                }
                self.sections.imports = Some(imports);
            }
            Payload::FunctionSection(functions) => {
                bound(
                    "functions",
                    u64::from(functions.count()),
                    admission::FUNCTIONS_MAX,
                )?;
                for ty in functions.clone() {
                    self.functions.push(ty?);
                }
                self.sections.functions = Some(functions);
            }
            Payload::TableSection(tables) => {
                bound("tables", u64::from(tables.count()), admission::TABLES_MAX)?;
                self.facts.tables = tables.count();
                for table in tables.clone() {
                    let table = table?.ty;
                    let initial = table.initial;
                    no_exception(table.element_type.into(), "a table of exceptions")?;
                    self.wide_tables.push(table.table64);
                    self.declared.table_elements =
                        self.declared.table_elements.saturating_add(initial);
                    self.declared.charge(Class::TableBulk, 1);
                    self.declared.charge(Class::TableElement, initial);
                }
                self.sections.tables = Some(tables);
            }
            Payload::MemorySection(memories) => {
                self.facts.memories = memories.count();
                for memory in memories.clone() {
                    let memory = memory?;
                    let initial = memory.initial;
                    self.wide_memories.push(memory.memory64);
                    self.declared.memory_pages = self.declared.memory_pages.saturating_add(initial);
                    self.declared.charge(Class::MemoryPage, initial);
                }
                self.sections.memories = Some(memories);
            }
            Payload::TagSection(tags) => {
                bound("tags", u64::from(tags.count()), admission::TAGS_MAX)?;
                for tag in tags.clone() {
                    let tag = tag?;
                    self.signatures.tags.push(tag.func_type_idx);
                    let carried = self.signatures.of(tag.func_type_idx)?.0;
                    carried
                        .into_iter()
                        .try_for_each(|ty| no_exception(ty, "an exception that carries one"))?;
                }
                self.sections.tags = Some(tags);
            }
            Payload::GlobalSection(globals) => {
                bound(
                    "globals",
                    u64::from(globals.count()),
                    admission::GLOBALS_MAX,
                )?;
                self.declared
                    .charge(Class::GlobalDeclared, u64::from(globals.count()));
                for global in globals.clone() {
                    no_exception(global?.ty.content_type, "a global that holds an exception")?;
                }
                self.sections.globals = Some(globals);
            }
            Payload::ExportSection(exports) => {
                for export in exports.clone() {
                    let export = export?;
                    if export.name.starts_with(METER_MODULE) {
                        return Err(MeterError::ReservedName {
                            name: export.name.into(),
                        });
                    }
                    self.facts.exports.push(export.name.to_owned());
                    if export.kind == wasmparser::ExternalKind::Func {
                        self.outside.insert(export.index);
                    }
                }
                self.sections.exports = Some(exports);
            }
            Payload::StartSection { func, .. } => {
                self.outside.insert(func);
                self.sections.start = Some(func);
            }
            Payload::ElementSection(elements) => {
                bound(
                    "element segments",
                    u64::from(elements.count()),
                    admission::ELEMENT_SEGMENTS_MAX,
                )?;
                for element in elements.clone() {
                    let items = match element?.items {
                        ElementItems::Functions(items) => items.count(),
                        ElementItems::Expressions(_, items) => items.count(),
                    };
                    self.declared.charge(Class::TableBulk, 1);
                    self.declared.charge(Class::TableElement, u64::from(items));
                }
                self.sections.elements = Some(elements);
            }
            Payload::DataCountSection { count, .. } => self.sections.data_count = Some(count),
            Payload::DataSection(data) => {
                bound(
                    "data segments",
                    u64::from(data.count()),
                    admission::DATA_SEGMENTS_MAX,
                )?;
                for segment in data.clone() {
                    let segment = segment?;
                    self.declared.charge(Class::MemoryBulk, 1);
                    self.declared
                        .charge_bytes(count(segment.data.len()), self.tier);
                }
                self.sections.data = Some(data);
            }
            Payload::CodeSectionStart { .. } | Payload::Version { .. } => {}
            Payload::CodeSectionEntry(body) => self.body(&body, valid, admission)?,
            Payload::CustomSection(custom) => self.sections.customs.push(custom),
            other => {
                return Err(MeterError::Unsupported {
                    what: format!("a section of the kind {other:?}"),
                });
            }
        }
        Ok(())
    }

    fn body(
        &mut self,
        body: &FunctionBody<'a>,
        valid: ValidPayload<'a>,
        admission: &mut Admission,
    ) -> Result<(), MeterError> {
        let ValidPayload::Func(to_validate, _) = valid else {
            return Err(MeterError::Encoding(
                "a body that the validator did not see".into(),
            ));
        };
        let mut validator = to_validate.into_validator(std::mem::take(&mut self.allocations));
        let function = self
            .shift
            .imported_functions
            .saturating_add(self.bodies_done);
        let id = self.first_id.saturating_add(self.bodies_done);
        self.bodies_done += 1;
        self.shift.functions = index(self.functions.len())?;
        let Some(ty) = self.functions.get(position(function)).copied() else {
            return Err(MeterError::Encoding("a body without a type".into()));
        };
        let mut context = FunctionContext {
            tier: self.tier,
            floats: self.options.floats,
            globals: self.meter_globals(),
            hooks: self.hooks(),
            imported_functions: self.shift.imported_functions,
            ty,
            id,
            from_outside: self.outside.contains(&function),
            signatures: &mut self.signatures,
            shift: &mut self.shift,
            wide_memories: &self.wide_memories,
            wide_tables: &self.wide_tables,
        };
        let rewritten =
            function::rewrite::<ValidatorResources>(body, &mut validator, &mut context, admission)?;
        self.code.raw(&rewritten.code);
        self.facts.functions.push(FunctionFacts {
            index: function,
            ..rewritten.found
        });
        if !rewritten.hints.is_empty() {
            let at = self.shift.own(function);
            self.hints.function_hints(at, rewritten.hints);
            self.has_hints = true;
        }
        self.allocations = validator.into_allocations();
        Ok(())
    }

    /// The meter's globals stand right after the imported ones.
    fn meter_globals(&self) -> MeterGlobals {
        let first = self.shift.imported_globals;
        MeterGlobals {
            left: first,
            stack_left: first + 1,
            pages_grown: first + 2,
            grown_low: first + 3,
            grown_high: first + 4,
        }
    }

    /// The functions that are told of calls stand right after the imported ones.
    fn hooks(&self) -> Option<Hooks> {
        let first = self.shift.imported_functions;
        self.options.hooks.then_some(Hooks {
            enter: first,
            leave: first + 1,
            caught: first + 2,
        })
    }

    /// The rewritten module, what it declares, and what was found in it.
    pub(crate) fn finish(
        mut self,
        admission: &mut Admission,
    ) -> Result<(Vec<u8>, Declared, ModuleFacts), MeterError> {
        self.declared.charge(Class::Instance, 1);
        let mut facts = std::mem::take(&mut self.facts);
        self.sections
            .customs
            .iter()
            .for_each(|custom| customs::take_names(custom, &mut facts));
        let sections = std::mem::take(&mut self.sections);
        let globals = self.meter_globals();
        let mut shift = std::mem::take(&mut self.shift);
        shift.functions = index(self.functions.len())?;

        // Sections that refer to functions come first, so that all functions that stand for imported
        // ones are known.
        let mut tables = wasm_encoder::TableSection::new();
        if let Some(section) = sections.tables {
            let done = shift.parse_table_section(&mut tables, section);
            done.map_err(encoding)?;
        }
        let mut own_globals = wasm_encoder::GlobalSection::new();
        if let Some(section) = sections.globals {
            let done = shift.parse_global_section(&mut own_globals, section);
            done.map_err(encoding)?;
        }
        let mut elements = wasm_encoder::ElementSection::new();
        if let Some(section) = sections.elements {
            let done = shift.parse_element_section(&mut elements, section);
            done.map_err(encoding)?;
        }
        // A function that only an export declared, which is of another function now.
        if !shift.referred.is_empty() {
            let referred: Vec<u32> = shift.referred.keys().copied().collect();
            elements.declared(wasm_encoder::Elements::Functions(referred.into()));
        }
        for function in self.outside.iter().chain(shift.referred.values()) {
            let (parameters, results) = self.signatures.of(self.type_of(*function)?)?;
            admission.trampoline(count(parameters.len() + results.len()));
        }
        // Types of functions that are added, and their bodies.
        let mut added = Vec::new();
        for import in &shift.imports {
            let ty = self.type_of(*import)?;
            let parameters = self.signatures.parameters_of(ty);
            let wrapper = wrappers::for_import(globals, parameters, *import);
            added.push((self.signatures.threaded(ty), wrapper));
        }
        let mut outside = Outside {
            module: &self,
            globals,
            first: shift.first_added(),
            hooks: shift.hooks,
            added,
            known: HashMap::new(),
        };
        let mut exports = wasm_encoder::ExportSection::new();
        for export in sections.exports.into_iter().flatten() {
            let export = export?;
            let kind = shift.export_kind(export.kind).map_err(encoding)?;
            let at = match export.kind {
                wasmparser::ExternalKind::Func | wasmparser::ExternalKind::FuncExact => {
                    outside.function(export.index, shift.imported_functions)?
                }
                wasmparser::ExternalKind::Global => {
                    shift.global_index(export.index).map_err(encoding)?
                }
                _ => export.index,
            };
            exports.export(export.name, kind, at);
        }
        let start = match sections.start {
            Some(start) => Some(outside.function(start, shift.imported_functions)?),
            None => None,
        };
        let added = outside.added;

        let mut module = wasm_encoder::Module::new();
        let mut types = wasm_encoder::TypeSection::new();
        if let Some(section) = sections.types {
            let done = shift.parse_type_section(&mut types, section);
            done.map_err(encoding)?;
        }
        self.signatures.encode(&mut types)?;
        let first_hook_type = types.len();
        if self.options.hooks {
            hooks::encode_types(&mut types);
        }
        module.section(&types);

        let mut imports = wasm_encoder::ImportSection::new();
        if let Some(section) = sections.imports {
            let done = shift.parse_import_section(&mut imports, section);
            done.map_err(encoding)?;
        }
        for (name, is_i32) in METER_GLOBALS {
            let ty = EntityType::Global(meter_global_type(is_i32));
            imports.import(METER_MODULE, name, ty);
        }
        if self.options.hooks {
            for (ty, name) in (first_hook_type..).zip(HOOKS) {
                imports.import(METER_MODULE, name, EntityType::Function(ty));
            }
        }
        module.section(&imports);

        let mut functions = wasm_encoder::FunctionSection::new();
        for ty in &self.functions[position(shift.imported_functions)..] {
            functions.function(self.signatures.threaded(*ty));
        }
        let mut code = self.code;
        for (ty, body) in &added {
            functions.function(*ty);
            code.function(body);
        }
        if !functions.is_empty() {
            module.section(&functions);
        }
        if !tables.is_empty() {
            module.section(&tables);
        }
        if let Some(section) = sections.memories {
            let mut memories = wasm_encoder::MemorySection::new();
            let done = shift.parse_memory_section(&mut memories, section);
            done.map_err(encoding)?;
            module.section(&memories);
        }
        if let Some(section) = sections.tags {
            let mut tags = wasm_encoder::TagSection::new();
            let done = shift.parse_tag_section(&mut tags, section);
            done.map_err(encoding)?;
            module.section(&tags);
        }
        if !own_globals.is_empty() {
            module.section(&own_globals);
        }
        if !exports.is_empty() {
            module.section(&exports);
        }
        if let Some(function_index) = start {
            module.section(&wasm_encoder::StartSection { function_index });
        }
        if !elements.is_empty() {
            module.section(&elements);
        }
        if let Some(count) = sections.data_count {
            module.section(&wasm_encoder::DataCountSection { count });
        }
        if !code.is_empty() {
            if self.has_hints {
                module.section(&self.hints);
            }
            module.section(&code);
        }
        if let Some(section) = sections.data {
            let mut data = wasm_encoder::DataSection::new();
            let done = shift.parse_data_section(&mut data, section);
            done.map_err(encoding)?;
            module.section(&data);
        }
        for custom in sections.customs {
            customs::write(&mut module, &custom, &mut shift)?;
        }
        Ok((module.finish(), self.declared, facts))
    }

    fn type_of(&self, function: u32) -> Result<u32, MeterError> {
        let ty = self.functions.get(position(function)).copied();
        ty.ok_or_else(|| MeterError::Encoding("a function that is not there".into()))
    }
}

/// Functions that are called from outside, on their way to functions of the original type.
struct Outside<'m, 'a> {
    module: &'m ModuleRewriter<'a>,
    globals: MeterGlobals,
    /// The index of the first function that is added.
    first: u32,
    /// By how much the module's own functions have moved.
    hooks: u32,
    added: Vec<(u32, wasm_encoder::Function)>,
    known: HashMap<u32, u32>,
}

impl Outside<'_, '_> {
    /// The function that is called from outside for this one: an imported one is itself.
    fn function(&mut self, function: u32, imported: u32) -> Result<u32, MeterError> {
        if function < imported {
            return Ok(function);
        }
        if let Some(known) = self.known.get(&function) {
            return Ok(*known);
        }
        let ty = self.module.type_of(function)?;
        let parameters = self.module.signatures.parameters_of(ty);
        let at = self.first.saturating_add(index(self.added.len())?);
        let own = function.saturating_add(self.hooks);
        let wrapper = wrappers::for_export(self.globals, parameters, own);
        self.added.push((ty, wrapper));
        self.known.insert(function, at);
        Ok(at)
    }
}

/// Refuses what could hold exceptions without bound: nothing counts the memory that they take. As
/// locals and operands they are bounded by the stack.
fn no_exception(ty: wasmparser::ValType, what: &str) -> Result<(), MeterError> {
    let is_exception = match ty {
        wasmparser::ValType::Ref(ty) => {
            use wasmparser::{
                AbstractHeapType::{Exn, NoExn},
                HeapType,
            };
            matches!(
                ty.heap_type(),
                HeapType::Abstract {
                    ty: Exn | NoExn,
                    ..
                }
            )
        }
        _ => false,
    };
    if is_exception {
        return Err(MeterError::Unsupported { what: what.into() });
    }
    Ok(())
}

/// The type of one of the meter's globals.
pub(crate) fn meter_global_type(is_i32: bool) -> GlobalType {
    GlobalType {
        val_type: if is_i32 { ValType::I32 } else { ValType::I64 },
        mutable: true,
        shared: false,
    }
}

pub(crate) fn index(n: usize) -> Result<u32, MeterError> {
    u32::try_from(n).map_err(|_| MeterError::Encoding("an index past 2^32".into()))
}

/// How many there are of what an array holds.
fn index_of_all<T, const N: usize>(_: &[T; N]) -> u32 {
    u32::try_from(N).unwrap_or(u32::MAX)
}

/// An index of WebAssembly as a place in a list; one that does not fit is past every list's end.
pub(crate) fn position(index: u32) -> usize {
    usize::try_from(index).unwrap_or(usize::MAX)
}

/// A length as a count.
pub(crate) fn count(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

/// A failure to write down what was rewritten.
pub(crate) fn encoding<E: std::fmt::Display>(error: E) -> MeterError {
    MeterError::Encoding(error.to_string())
}
