//! Writes programs that do what the meter has rules for: loops that are counted and loops that nearly
//! are, branches, tables of branches, calls of all kinds, exceptions, bulk operators, growth, and NaNs on
//! their way through locals. Runs nothing.

mod expression;
mod loops;
mod statement;

use arbitrary::{Result, Unstructured};
use wasm_encoder::{
    CodeSection, ConstExpr, DataCountSection, DataSection, ElementSection, Elements, ExportKind,
    ExportSection, Function, FunctionSection, GlobalSection, GlobalType, ImportSection,
    MemorySection, MemoryType, Module, RefType, TableSection, TableType, TagKind, TagSection,
    TagType, TypeSection, ValType,
};

use crate::host;

/// Types that values have.
const TYPES: [ValType; 5] = [
    ValType::I32,
    ValType::I64,
    ValType::F64,
    ValType::F32,
    ValType::V128,
];

/// The functions that are imported, in this order. What the last one calls back has its type.
const IMPORTS: [&str; 4] = [host::TWICE, host::MIX, host::NOTHING, host::CALL_BACK];
/// How many these are.
const IMPORTED: u32 = 4;

/// A function's parameters and results.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Signature {
    pub parameters: Vec<ValType>,
    pub results: Vec<ValType>,
}

/// What the functions of a program know of each other.
pub(crate) struct World {
    /// Types of functions, one for each function, imported ones first.
    pub functions: Vec<Signature>,
    /// Mutable globals.
    pub globals: Vec<ValType>,
    /// Whether the second memory is there; it has 64-bit indices.
    pub second_memory: bool,
    /// Types of what each tag carries; none in a program without exceptions.
    pub tags: Vec<Vec<ValType>>,
    /// How many elements the table has.
    pub table: u32,
}

impl World {
    /// The type of a tag, as an index of types.
    pub fn tag_type(&self, tag: usize) -> u32 {
        u32::try_from(self.functions.len() + tag).unwrap()
    }
}

fn types(u: &mut Unstructured<'_>, most: usize) -> Result<Vec<ValType>> {
    let count = u.int_in_range(0..=most)?;
    (0..count).map(|_| u.choose(&TYPES).copied()).collect()
}

/// What a program may need of an engine, beyond what all engines have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Features {
    /// Throwing and catching.
    pub exceptions: bool,
    /// A second memory, with 64-bit indices.
    pub second_memory: bool,
}

impl Features {
    /// All that the meter has rules for.
    pub const ALL: Features = Features {
        exceptions: true,
        second_memory: true,
    };
}

/// Writes a program from bytes that may come from anywhere.
///
/// # Errors
/// If the bytes do not suffice.
pub fn generate(u: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    generate_with(u, Features::ALL)
}

/// Writes a program that needs no more than these features.
///
/// # Errors
/// If the bytes do not suffice.
pub fn generate_with(u: &mut Unstructured<'_>, features: Features) -> Result<Vec<u8>> {
    let world = world(u, features)?;
    let mut module = Module::new();
    let mut type_section = TypeSection::new();
    for function in &world.functions {
        let (parameters, results) = (function.parameters.clone(), function.results.clone());
        type_section.ty().function(parameters, results);
    }
    for tag in &world.tags {
        type_section.ty().function(tag.clone(), []);
    }
    module.section(&type_section);

    let mut imports = ImportSection::new();
    for (ty, name) in (0..).zip(IMPORTS) {
        imports.import(host::MODULE, name, wasm_encoder::EntityType::Function(ty));
    }
    module.section(&imports);
    let own = u32::try_from(world.functions.len()).unwrap() - IMPORTED;
    let mut functions = FunctionSection::new();
    (0..own).for_each(|at| {
        functions.function(IMPORTED + at);
    });
    module.section(&functions);

    let mut tables = TableSection::new();
    tables.table(TableType {
        element_type: RefType::FUNCREF,
        table64: false,
        minimum: u64::from(world.table),
        maximum: Some(u64::from(world.table) + 20),
        shared: false,
    });
    module.section(&tables);
    let mut memories = MemorySection::new();
    let memory = |memory64| MemoryType {
        minimum: 1,
        maximum: Some(4),
        memory64,
        shared: false,
        page_size_log2: None,
    };
    memories.memory(memory(false));
    if world.second_memory {
        memories.memory(memory(true));
    }
    module.section(&memories);
    let mut tags = TagSection::new();
    for tag in 0..world.tags.len() {
        tags.tag(TagType {
            kind: TagKind::Exception,
            func_type_idx: world.tag_type(tag),
        });
    }
    if features.exceptions {
        module.section(&tags);
    }
    let mut globals = GlobalSection::new();
    for ty in &world.globals {
        let value = match ty {
            ValType::I32 => ConstExpr::i32_const(3),
            ValType::I64 => ConstExpr::i64_const(-5),
            ValType::F32 => ConstExpr::f32_const(1.5f32.into()),
            ValType::F64 => ConstExpr::f64_const((-2.5f64).into()),
            _ => ConstExpr::v128_const(77),
        };
        let ty = GlobalType {
            val_type: *ty,
            mutable: true,
            shared: false,
        };
        globals.global(ty, &value);
    }
    module.section(&globals);

    let mut exports = ExportSection::new();
    let (imported, written) = world.functions.split_at(IMPORTS.len());
    let called_back = (0..own)
        .zip(written)
        .find(|(_, function)| imported.last() == Some(function));
    let back = called_back.map(|(at, _)| at);
    for at in 0..own {
        if back == Some(at) {
            exports.export(host::BACK, ExportKind::Func, IMPORTED + at);
        } else if at % 3 != 2 {
            // Some are called by others only: these may be small.
            exports.export(&format!("f{at}"), ExportKind::Func, IMPORTED + at);
        }
    }
    exports.export("memory", ExportKind::Memory, 0);
    if world.second_memory {
        exports.export("memory64", ExportKind::Memory, 1);
    }
    for global in 0..world.globals.len() {
        let index = u32::try_from(global).unwrap();
        exports.export(&format!("g{global}"), ExportKind::Global, index);
    }
    module.section(&exports);
    let mut elements = ElementSection::new();
    let referred: Vec<u32> = (0..world.table - 2)
        .map(|at| at % (own + IMPORTED))
        .collect();
    elements.active(
        None,
        &ConstExpr::i32_const(0),
        Elements::Functions(referred.into()),
    );
    let all: Vec<u32> = (0..own + IMPORTED).collect();
    elements.passive(Elements::Functions(all.into()));
    module.section(&elements);
    module.section(&DataCountSection { count: 1 });

    let mut code = CodeSection::new();
    for at in 0..own {
        code.function(&function(u, &world, IMPORTED + at)?);
    }
    module.section(&code);
    let mut data = DataSection::new();
    let bytes: Vec<u8> = (0..200u8).map(|at| at.wrapping_mul(37)).collect();
    data.passive(bytes);
    module.section(&data);
    Ok(module.finish())
}

fn world(u: &mut Unstructured<'_>, features: Features) -> Result<World> {
    let signature = |parameters: &[ValType], results: &[ValType]| Signature {
        parameters: parameters.to_vec(),
        results: results.to_vec(),
    };
    let mut functions = vec![
        signature(&[ValType::I32], &[ValType::I32]),
        signature(&[ValType::I64, ValType::I32], &[ValType::I64]),
        signature(&[], &[]),
        signature(&[ValType::I32], &[ValType::I32]),
    ];
    for _ in 0..u.int_in_range(2..=5)? {
        let own = Signature {
            parameters: types(u, 4)?,
            results: types(u, 2)?,
        };
        // Types that occur often, so that calls through the table meet them.
        functions.push(match u.int_in_range(0..=3)? {
            0 => functions[u.choose_index(functions.len())?].clone(),
            _ => own,
        });
    }
    let mut globals = TYPES.to_vec();
    globals.extend(types(u, 3)?);
    let second_memory = u.ratio(1, 4)? && features.second_memory;
    let mut tags = (0..2).map(|_| types(u, 2)).collect::<Result<Vec<_>>>()?;
    if !features.exceptions {
        tags.clear();
    }
    let table = u32::try_from(functions.len()).unwrap() + 3;
    Ok(World {
        functions,
        globals,
        second_memory,
        tags,
        table,
    })
}

/// A function on its way to be written.
pub(crate) struct Body<'w> {
    pub world: &'w World,
    pub signature: Signature,
    pub locals: Vec<ValType>,
    /// Locals that a loop around needs as they are.
    pub kept: Vec<u32>,
    pub code: Function,
    /// Types that a branch to each open label takes along, the function's own first.
    pub labels: Vec<Vec<ValType>>,
    /// No blocks and calls are to be written.
    pub straight: bool,
    /// How much more is to be written.
    pub fuel: u32,
}

fn function(u: &mut Unstructured<'_>, world: &World, index: u32) -> Result<Function> {
    let signature = world.functions[usize::try_from(index).unwrap()].clone();
    let mut locals = signature.parameters.clone();
    let mut declared = vec![ValType::I32, ValType::I32, ValType::I64, ValType::F64];
    declared.extend(types(u, 6)?);
    locals.extend(&declared);
    let mut body = Body {
        labels: vec![signature.results.clone()],
        fuel: u.int_in_range(4..=60)?,
        world,
        locals,
        kept: Vec::new(),
        straight: false,
        code: Function::new(declared.into_iter().map(|ty| (1, ty))),
        signature,
    };
    body.statements(u, 6)?;
    body.finish(u)?;
    Ok(body.code)
}
