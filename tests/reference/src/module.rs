//! A module, validated and decoded. Has no state: that is the instance's.

use std::collections::BTreeMap;
use std::sync::Arc;

use wasmparser::{
    ConstExpr, Data, DataKind, Element, ElementItems, ElementKind, ExternalKind, FuncType,
    FuncValidatorAllocations, MemoryType, Operator, Parser, Payload, TableInit, TableType, TypeRef,
    ValType, ValidPayload, Validator, WasmFeatures,
};

use crate::body::{Body, decode};
use crate::error::Error;
use crate::operator::{Op, index, plain};
use crate::value::{FuncRef, Value};

/// What is handled. Everything else is refused by the validator, by name.
const FEATURES: WasmFeatures = WasmFeatures::MUTABLE_GLOBAL
    .union(WasmFeatures::SATURATING_FLOAT_TO_INT)
    .union(WasmFeatures::SIGN_EXTENSION)
    .union(WasmFeatures::REFERENCE_TYPES)
    .union(WasmFeatures::MULTI_VALUE)
    .union(WasmFeatures::BULK_MEMORY)
    .union(WasmFeatures::SIMD)
    .union(WasmFeatures::TAIL_CALL)
    .union(WasmFeatures::EXTENDED_CONST)
    .union(WasmFeatures::MULTI_MEMORY)
    .union(WasmFeatures::MEMORY64)
    .union(WasmFeatures::EXCEPTIONS)
    .union(WasmFeatures::FLOATS)
    .union(WasmFeatures::GC_TYPES);

/// A module that can be instantiated any number of times.
#[derive(Debug, Clone)]
pub struct Module(pub(crate) Arc<Contents>);

#[derive(Debug, Default)]
pub(crate) struct Contents {
    pub(crate) types: Vec<FuncType>,
    /// The imported functions, which come first in the index space.
    pub(crate) imports: Vec<Import>,
    /// The type of each function, imported ones first.
    pub(crate) functions: Vec<u32>,
    pub(crate) bodies: Vec<Body>,
    pub(crate) tables: Vec<Table>,
    pub(crate) memories: Vec<MemoryType>,
    pub(crate) globals: Vec<Global>,
    pub(crate) tags: Vec<Tag>,
    pub(crate) exports: BTreeMap<String, (ExternalKind, u32)>,
    pub(crate) start: Option<u32>,
    pub(crate) elements: Vec<Elements>,
    pub(crate) data: Vec<DataSegment>,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Import {
    pub(crate) module: String,
    pub(crate) name: String,
}

#[derive(Debug)]
pub(crate) struct Tag {
    pub(crate) ty: u32,
    /// What tells it from others: the first tag that is the same one, which for imports of one name is the
    /// first of these.
    pub(crate) identity: usize,
    imported: Option<Import>,
}

/// The operators of a constant expression, without its `end`.
pub(crate) type Constant = Vec<Op>;

#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) ty: TableType,
    /// What its elements begin with.
    pub(crate) element: Constant,
}

#[derive(Debug)]
pub(crate) struct Global {
    pub(crate) ty: ValType,
    pub(crate) value: GlobalValue,
}

#[derive(Debug)]
pub(crate) enum GlobalValue {
    Imported(Import),
    Computed(Constant),
}

#[derive(Debug)]
pub(crate) struct Elements {
    pub(crate) items: Vec<Constant>,
    pub(crate) kind: SegmentKind,
}

#[derive(Debug)]
pub(crate) struct DataSegment {
    pub(crate) bytes: Vec<u8>,
    pub(crate) kind: SegmentKind,
}

#[derive(Debug)]
pub(crate) enum SegmentKind {
    Passive,
    Declared,
    /// Written to this table or memory, from this place on, when the module is instantiated.
    Active {
        to: usize,
        from: Constant,
    },
}

impl Module {
    /// Validates and decodes a module.
    ///
    /// # Errors
    /// What is no valid module, whatever features one allows, and what is not handled.
    pub fn parse(wasm: &[u8]) -> Result<Module, Error> {
        Validator::new_with_features(WasmFeatures::all())
            .validate_all(wasm)
            .map_err(|error| Error::Invalid(error.to_string()))?;
        let mut reading = Reading {
            validator: Validator::new_with_features(FEATURES),
            module: Contents::default(),
        };
        for payload in Parser::new(0).parse_all(wasm) {
            reading.payload(&payload.map_err(not_handled)?)?;
        }
        Ok(Module(Arc::new(reading.module)))
    }
}

impl Contents {
    /// Whether a function is exported, or the start function.
    fn is_called_from_outside(&self, function: usize) -> bool {
        let exported = |(kind, at): &(ExternalKind, u32)| {
            *kind == ExternalKind::Func && index(*at) == function
        };
        self.start.is_some_and(|start| index(start) == function)
            || self.exports.values().any(exported)
    }
}

/// What is valid with all features, and not with those that are handled.
fn not_handled(error: wasmparser::Error) -> Error {
    Error::Unsupported(error.to_string())
}

struct Reading {
    validator: Validator,
    module: Contents,
}

impl Reading {
    fn payload(&mut self, payload: &Payload<'_>) -> Result<(), Error> {
        if let ValidPayload::Func(function, body) =
            self.validator.payload(payload).map_err(not_handled)?
        {
            let ty = &self.module.types[index(function.ty)];
            let validator = function.into_validator(FuncValidatorAllocations::default());
            let number = self.module.imports.len() + self.module.bodies.len();
            let from_outside = self.module.is_called_from_outside(number);
            let body = decode(validator, &body, ty, &self.module.types, from_outside)?;
            self.module.bodies.push(body);
        }
        self.section(payload)
    }

    fn section(&mut self, payload: &Payload<'_>) -> Result<(), Error> {
        let module = &mut self.module;
        match payload {
            Payload::Version { encoding, .. } if *encoding != wasmparser::Encoding::Module => {
                return Err(Error::Unsupported("a component".to_owned()));
            }
            Payload::TypeSection(types) => {
                for ty in types.clone().into_iter_err_on_gc_types() {
                    module.types.push(ty.map_err(not_handled)?);
                }
            }
            Payload::ImportSection(imports) => {
                for import in imports.clone().into_imports() {
                    module.import(&import.map_err(not_handled)?)?;
                }
            }
            Payload::FunctionSection(functions) => {
                for ty in functions.clone() {
                    module.functions.push(ty.map_err(not_handled)?);
                }
            }
            Payload::TableSection(tables) => {
                for table in tables.clone() {
                    let table = table.map_err(not_handled)?;
                    module.tables.push(Table {
                        ty: table.ty,
                        element: match table.init {
                            TableInit::Expr(element) => constant(&element)?,
                            TableInit::RefNull => {
                                let null = Value::null(table.ty.element_type.heap_type());
                                let null = null.ok_or_else(|| {
                                    Error::Unsupported("a table of these elements".to_owned())
                                })?;
                                vec![Op::Const(null)]
                            }
                        },
                    });
                }
            }
            Payload::MemorySection(memories) => {
                for memory in memories.clone() {
                    module.memories.push(memory.map_err(not_handled)?);
                }
            }
            Payload::TagSection(tags) => {
                for tag in tags.clone() {
                    module.add_tag(tag.map_err(not_handled)?.func_type_idx, None);
                }
            }
            Payload::GlobalSection(globals) => {
                for global in globals.clone() {
                    let global = global.map_err(not_handled)?;
                    module.globals.push(Global {
                        ty: global.ty.content_type,
                        value: GlobalValue::Computed(constant(&global.init_expr)?),
                    });
                }
            }
            Payload::ExportSection(exports) => {
                for export in exports.clone() {
                    let export = export.map_err(not_handled)?;
                    let what = (export.kind, export.index);
                    module.exports.insert(export.name.to_owned(), what);
                }
            }
            Payload::StartSection { func, .. } => module.start = Some(*func),
            Payload::ElementSection(segments) => {
                for segment in segments.clone() {
                    module
                        .elements
                        .push(elements(&segment.map_err(not_handled)?)?);
                }
            }
            Payload::DataSection(segments) => {
                for segment in segments.clone() {
                    module.data.push(data(&segment.map_err(not_handled)?)?);
                }
            }
            _ => {}
        }
        Ok(())
    }
}

impl Contents {
    pub(crate) fn function_type(&self, function: u32) -> &FuncType {
        &self.types[index(self.functions[index(function)])]
    }

    fn add_tag(&mut self, ty: u32, imported: Option<Import>) {
        let same = |tag: &Tag| imported.is_some() && tag.imported == imported;
        let identity = self.tags.iter().position(same).unwrap_or(self.tags.len());
        self.tags.push(Tag {
            ty,
            identity,
            imported,
        });
    }

    fn import(&mut self, import: &wasmparser::Import<'_>) -> Result<(), Error> {
        let name = Import {
            module: import.module.to_owned(),
            name: import.name.to_owned(),
        };
        let what = match import.ty {
            TypeRef::Func(ty) => {
                self.imports.push(name);
                self.functions.push(ty);
                return Ok(());
            }
            TypeRef::Global(ty) => {
                self.globals.push(Global {
                    ty: ty.content_type,
                    value: GlobalValue::Imported(name),
                });
                return Ok(());
            }
            TypeRef::Tag(ty) => {
                self.add_tag(ty.func_type_idx, Some(name));
                return Ok(());
            }
            TypeRef::Memory(_) => "memory",
            TypeRef::Table(_) => "table",
            TypeRef::FuncExact(_) => "function of an exact type",
        };
        Err(Error::Unsupported(format!("an imported {what}")))
    }
}

fn constant(expression: &ConstExpr<'_>) -> Result<Constant, Error> {
    let mut operators = Vec::new();
    for operator in expression.get_operators_reader() {
        match operator.map_err(not_handled)? {
            Operator::End => {}
            operator => operators.push(
                plain(&operator)
                    .ok_or_else(|| Error::Unsupported(format!("the operator {operator:?}")))?,
            ),
        }
    }
    Ok(operators)
}

fn elements(segment: &Element<'_>) -> Result<Elements, Error> {
    let items = match &segment.items {
        ElementItems::Functions(functions) => functions
            .clone()
            .into_iter()
            .map(|function| {
                let function = Value::Func(Some(FuncRef(function.map_err(not_handled)?)));
                Ok(vec![Op::Const(function)])
            })
            .collect::<Result<_, _>>()?,
        ElementItems::Expressions(_, expressions) => expressions
            .clone()
            .into_iter()
            .map(|expression| constant(&expression.map_err(not_handled)?))
            .collect::<Result<_, _>>()?,
    };
    let kind = match &segment.kind {
        ElementKind::Passive => SegmentKind::Passive,
        ElementKind::Declared => SegmentKind::Declared,
        ElementKind::Active {
            table_index,
            offset_expr,
        } => SegmentKind::Active {
            to: index(table_index.unwrap_or(0)),
            from: constant(offset_expr)?,
        },
    };
    Ok(Elements { items, kind })
}

fn data(segment: &Data<'_>) -> Result<DataSegment, Error> {
    let kind = match &segment.kind {
        DataKind::Passive => SegmentKind::Passive,
        DataKind::Active {
            memory_index,
            offset_expr,
        } => SegmentKind::Active {
            to: index(*memory_index),
            from: constant(offset_expr)?,
        },
    };
    Ok(DataSegment {
        bytes: segment.data.to_vec(),
        kind,
    })
}
