//! Rewrites one core module: the meter's globals are imported after the module's own imports, and
//! every function body is charged. Knows nothing of components.

use std::convert::Infallible;

use wasm_encoder::reencode::{self, Reencode};
use wasm_encoder::{BlockType, EntityType, GlobalType, RawSection, SectionId, ValType};
use wasmparser::{
    DataKind, ElementItems, FuncValidatorAllocations, FunctionBody, Payload, TypeRef, ValidPayload,
    ValidatorResources,
};

use crate::MeterError;
use crate::admission::{self, Admission, bound};
use crate::function::{self, FunctionContext, MeterGlobals};
use crate::schedule::{Class, Tier};

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

const METER_GLOBALS_COUNT: u32 = 5;

/// Moves the indices of globals that come after the meter's.
pub(crate) struct Shift {
    imported_globals: u32,
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
    /// Parameters and results of each type; only functions can be types here.
    types: Vec<(u32, Vec<wasmparser::ValType>)>,
    /// The type of each function, imported ones first.
    functions: Vec<u32>,
    imported_functions: u32,
    imported_globals: u32,
    bodies_done: u32,
    /// Extra types, one for each list of several results: the blocks that wrap bodies.
    wrappers: Vec<Vec<wasmparser::ValType>>,
    sections: Sections<'a>,
    code: wasm_encoder::CodeSection,
    allocations: FuncValidatorAllocations,
    declared: Declared,
}

#[derive(Default)]
struct Sections<'a> {
    types: Option<wasmparser::TypeSectionReader<'a>>,
    imports: Option<wasmparser::ImportSectionReader<'a>>,
    functions: Option<wasmparser::FunctionSectionReader<'a>>,
    tables: Option<wasmparser::TableSectionReader<'a>>,
    memories: Option<wasmparser::MemorySectionReader<'a>>,
    globals: Option<wasmparser::GlobalSectionReader<'a>>,
    exports: Option<wasmparser::ExportSectionReader<'a>>,
    start: Option<u32>,
    elements: Option<wasmparser::ElementSectionReader<'a>>,
    data_count: Option<u32>,
    data: Option<wasmparser::DataSectionReader<'a>>,
    customs: Vec<wasmparser::CustomSectionReader<'a>>,
}

impl<'a> ModuleRewriter<'a> {
    /// A module of a program of this memory tier.
    pub(crate) fn new(tier: Tier) -> ModuleRewriter<'a> {
        ModuleRewriter {
            tier,
            types: Vec::new(),
            functions: Vec::new(),
            imported_functions: 0,
            imported_globals: 0,
            bodies_done: 0,
            wrappers: Vec::new(),
            sections: Sections::default(),
            code: wasm_encoder::CodeSection::new(),
            allocations: FuncValidatorAllocations::default(),
            declared: Declared::default(),
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
                    self.types
                        .push((index(ty.params().len())?, ty.results().to_vec()));
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
                    match import.ty {
                        TypeRef::Func(ty) => {
                            self.functions.push(ty);
                            self.imported_functions += 1;
                        }
                        TypeRef::Global(_) => self.imported_globals += 1,
                        TypeRef::Table(_) | TypeRef::Memory(_) => {}
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
                for table in tables.clone() {
                    let initial = table?.ty.initial;
                    self.declared.table_elements =
                        self.declared.table_elements.saturating_add(initial);
                    self.declared.charge(Class::TableElement, initial);
                }
                self.sections.tables = Some(tables);
            }
            Payload::MemorySection(memories) => {
                for memory in memories.clone() {
                    let initial = memory?.initial;
                    self.declared.memory_pages = self.declared.memory_pages.saturating_add(initial);
                    self.declared.charge(Class::MemoryPage, initial);
                }
                self.sections.memories = Some(memories);
            }
            Payload::GlobalSection(globals) => {
                bound(
                    "globals",
                    u64::from(globals.count()),
                    admission::GLOBALS_MAX,
                )?;
                self.declared
                    .charge(Class::GlobalDeclared, u64::from(globals.count()));
                self.sections.globals = Some(globals);
            }
            Payload::ExportSection(exports) => {
                for export in exports.clone() {
                    let name = export?.name;
                    if name.starts_with(METER_MODULE) {
                        return Err(MeterError::ReservedName { name: name.into() });
                    }
                }
                self.sections.exports = Some(exports);
            }
            Payload::StartSection { func, .. } => self.sections.start = Some(func),
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
                    if let DataKind::Active { .. } = segment.kind {
                        self.declared.charge(Class::MemoryBulk, 1);
                    }
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
        let function = self.imported_functions.saturating_add(self.bodies_done);
        self.bodies_done += 1;
        let ty = self
            .functions
            .get(position(function))
            .copied()
            .unwrap_or(u32::MAX);
        let Some((parameters, results)) = self.types.get(position(ty)).cloned() else {
            return Err(MeterError::Encoding("a body without a type".into()));
        };
        let mut shift = Shift {
            imported_globals: self.imported_globals,
        };
        let wrapper = self.wrapper(&results, &mut shift)?;
        let mut context = FunctionContext {
            tier: self.tier,
            globals: self.meter_globals(),
            imported_functions: self.imported_functions,
            parameters,
            results: index(results.len())?,
            wrapper,
            shift: &mut shift,
        };
        let rewritten =
            function::rewrite::<ValidatorResources>(body, &mut validator, &mut context, admission)?;
        self.code.raw(&rewritten);
        self.allocations = validator.into_allocations();
        Ok(())
    }

    /// The meter's globals stand right after the imported ones.
    fn meter_globals(&self) -> MeterGlobals {
        let first = self.imported_globals;
        MeterGlobals {
            left: first,
            stack_left: first + 1,
            pages_grown: first + 2,
            grown_low: first + 3,
            grown_high: first + 4,
        }
    }

    fn wrapper(
        &mut self,
        results: &[wasmparser::ValType],
        shift: &mut Shift,
    ) -> Result<BlockType, MeterError> {
        Ok(match results {
            [] => BlockType::Empty,
            [one] => BlockType::Result(shift.val_type(*one).map_err(encoding)?),
            several => {
                let at = match self.wrappers.iter().position(|wrapper| wrapper == several) {
                    Some(at) => at,
                    None => {
                        self.wrappers.push(several.to_vec());
                        self.wrappers.len() - 1
                    }
                };
                BlockType::FunctionType(index(self.types.len() + at)?)
            }
        })
    }

    /// The rewritten module, and what it declares.
    pub(crate) fn finish(mut self) -> Result<(Vec<u8>, Declared), MeterError> {
        self.declared.charge(Class::Instance, 1);
        let mut shift = Shift {
            imported_globals: self.imported_globals,
        };
        let mut module = wasm_encoder::Module::new();

        let mut types = wasm_encoder::TypeSection::new();
        if let Some(section) = self.sections.types {
            shift
                .parse_type_section(&mut types, section)
                .map_err(encoding)?;
        }
        for results in &self.wrappers {
            let results = results
                .iter()
                .map(|ty| shift.val_type(*ty))
                .collect::<Result<Vec<_>, _>>();
            types.ty().function([], results.map_err(encoding)?);
        }
        module.section(&types);

        let mut imports = wasm_encoder::ImportSection::new();
        if let Some(section) = self.sections.imports {
            shift
                .parse_import_section(&mut imports, section)
                .map_err(encoding)?;
        }
        for (name, is_i32) in METER_GLOBALS {
            imports.import(
                METER_MODULE,
                name,
                EntityType::Global(meter_global_type(is_i32)),
            );
        }
        module.section(&imports);

        if let Some(section) = self.sections.functions {
            let mut functions = wasm_encoder::FunctionSection::new();
            shift
                .parse_function_section(&mut functions, section)
                .map_err(encoding)?;
            module.section(&functions);
        }
        if let Some(section) = self.sections.tables {
            let mut tables = wasm_encoder::TableSection::new();
            shift
                .parse_table_section(&mut tables, section)
                .map_err(encoding)?;
            module.section(&tables);
        }
        if let Some(section) = self.sections.memories {
            let mut memories = wasm_encoder::MemorySection::new();
            shift
                .parse_memory_section(&mut memories, section)
                .map_err(encoding)?;
            module.section(&memories);
        }
        if let Some(section) = self.sections.globals {
            let mut globals = wasm_encoder::GlobalSection::new();
            shift
                .parse_global_section(&mut globals, section)
                .map_err(encoding)?;
            module.section(&globals);
        }
        if let Some(section) = self.sections.exports {
            let mut exports = wasm_encoder::ExportSection::new();
            shift
                .parse_export_section(&mut exports, section)
                .map_err(encoding)?;
            module.section(&exports);
        }
        if let Some(function_index) = self.sections.start {
            module.section(&wasm_encoder::StartSection { function_index });
        }
        if let Some(section) = self.sections.elements {
            let mut elements = wasm_encoder::ElementSection::new();
            shift
                .parse_element_section(&mut elements, section)
                .map_err(encoding)?;
            module.section(&elements);
        }
        if let Some(count) = self.sections.data_count {
            module.section(&wasm_encoder::DataCountSection { count });
        }
        if self.bodies_done > 0 {
            module.section(&self.code);
        }
        if let Some(section) = self.sections.data {
            let mut data = wasm_encoder::DataSection::new();
            shift
                .parse_data_section(&mut data, section)
                .map_err(encoding)?;
            module.section(&data);
        }
        for custom in self.sections.customs {
            write_custom(&mut module, &custom, &mut shift)?;
        }
        Ok((module.finish(), self.declared))
    }
}

/// The type of one of the meter's globals.
pub(crate) fn meter_global_type(is_i32: bool) -> GlobalType {
    GlobalType {
        val_type: if is_i32 { ValType::I32 } else { ValType::I64 },
        mutable: true,
        shared: false,
    }
}

/// Keeps a custom section, unless it describes code offsets, which are no longer true.
fn write_custom(
    module: &mut wasm_encoder::Module,
    custom: &wasmparser::CustomSectionReader<'_>,
    shift: &mut Shift,
) -> Result<(), MeterError> {
    let name = custom.name();
    if name.starts_with(".debug_") || name == "sourceMappingURL" || name == "external_debug_info" {
        return Ok(());
    }
    if let wasmparser::KnownCustom::Name(names) = custom.as_known() {
        // Names only help people: a malformed section is left out rather than refused.
        if let Ok(names) = shift.custom_name_section(names) {
            module.section(&names);
        }
        return Ok(());
    }
    let mut data = Vec::new();
    wasm_encoder::Encode::encode(name, &mut data);
    data.extend_from_slice(custom.data());
    module.section(&RawSection {
        id: SectionId::Custom.into(),
        data: &data,
    });
    Ok(())
}

fn index(n: usize) -> Result<u32, MeterError> {
    u32::try_from(n).map_err(|_| MeterError::Encoding("an index past 2^32".into()))
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
