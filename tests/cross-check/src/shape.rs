//! What a program exports, with types: all that can be asked of it and seen of it.

use std::fmt;

use anyhow::{Result, anyhow};
use meterbox_differential::compare::{self, is_callable};
use meterbox_differential::engine::{PAGES_MAX, TABLE_ELEMENTS_MAX};
use meterbox_differential::host;
use wasm_encoder::Module;
use wasm_encoder::reencode::{self, Reencode};
use wasmparser::{ExternalKind, GlobalType, MemoryType, Parser, Payload, ValType};

/// The exports of a module, each kind in the order of the exports.
#[derive(Debug, Clone, Default)]
pub struct Shape {
    pub functions: Vec<Function>,
    pub globals: Vec<Global>,
    pub memories: Vec<Memory>,
}

/// An exported function.
#[derive(Debug, Clone)]
pub struct Function {
    pub name: String,
    pub parameters: Vec<ValType>,
    pub results: Vec<ValType>,
}

/// An exported global.
#[derive(Debug, Clone)]
pub struct Global {
    pub name: String,
    pub ty: ValType,
    pub mutable: bool,
}

/// An exported memory.
#[derive(Debug, Clone)]
pub struct Memory {
    pub export: compare::Memory,
    pub is_64: bool,
}

impl Shape {
    /// The exports of a module.
    ///
    /// # Errors
    /// If it is not valid.
    pub fn of(wasm: &[u8]) -> Result<Self> {
        let mut validator = wasmparser::Validator::new_with_features(meterbox_meter::FEATURES);
        let types = validator.validate_all(wasm)?;
        let types = types.as_ref();
        let mut shape = Self::default();
        for payload in Parser::new(0).parse_all(wasm) {
            let Payload::ExportSection(section) = payload? else {
                continue;
            };
            for export in section {
                let export = export?;
                let name = export.name.to_owned();
                match export.kind {
                    ExternalKind::Func => {
                        let ty = types[types.core_function_at(export.index)].unwrap_func();
                        let parameters = ty.params().to_vec();
                        if is_callable(&parameters) {
                            shape.functions.push(Function {
                                name,
                                parameters,
                                results: ty.results().to_vec(),
                            });
                        }
                    }
                    ExternalKind::Global => {
                        let ty: GlobalType = types.global_at(export.index);
                        shape.globals.push(Global {
                            name,
                            ty: ty.content_type,
                            mutable: ty.mutable,
                        });
                    }
                    ExternalKind::Memory => {
                        let ty: MemoryType = types.memory_at(export.index);
                        let index = usize::try_from(export.index)?;
                        shape.memories.push(Memory {
                            export: compare::Memory { name, index },
                            is_64: ty.memory64,
                        });
                    }
                    _ => {}
                }
            }
        }
        Ok(shape)
    }

    /// Whether [`host::CALL_BACK`] finds the function that it calls.
    pub fn is_called_back(&self) -> bool {
        self.functions.iter().any(|function| {
            function.name == host::BACK
                && function.parameters == [ValType::I32]
                && function.results == [ValType::I32]
        })
    }

    /// Which of the functions has this name.
    pub fn position(&self, name: &str) -> usize {
        let mut functions = self.functions.iter();
        functions
            .position(|function| function.name == name)
            .expect("calls are made of functions that are exported")
    }

    /// Names of the globals.
    pub fn global_names(&self) -> Vec<String> {
        self.globals
            .iter()
            .map(|global| global.name.clone())
            .collect()
    }

    /// The memories, as the differential tests name them.
    pub fn memories(&self) -> Vec<compare::Memory> {
        let memories = self.memories.iter();
        memories.map(|memory| memory.export.clone()).collect()
    }
}

/// The program with a maximum for each of its memories and tables, which not every engine can be given
/// from outside.
///
/// # Errors
/// If it cannot be read.
pub fn bounded(wasm: &[u8]) -> Result<Vec<u8>> {
    let mut module = Module::new();
    Bounding
        .parse_core_module(&mut module, Parser::new(0), wasm)
        .map_err(|error| match error {
            reencode::Error::UserError(too_large) => anyhow!("{too_large}"),
            error => anyhow!("it cannot be copied: {error}"),
        })?;
    Ok(module.finish())
}

/// Copies a module, but for maximums.
struct Bounding;

/// A memory or table begins with more than the maximum.
#[derive(Debug)]
struct TooLarge;

impl fmt::Display for TooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it begins with more memory or a larger table than it is given here")
    }
}

fn maximum(
    minimum: u64,
    declared: Option<u64>,
    given: u64,
) -> Result<u64, reencode::Error<TooLarge>> {
    match minimum > given {
        true => Err(reencode::Error::UserError(TooLarge)),
        false => Ok(declared.unwrap_or(u64::MAX).min(given)),
    }
}

impl Reencode for Bounding {
    type Error = TooLarge;

    fn memory_type(
        &mut self,
        ty: MemoryType,
    ) -> Result<wasm_encoder::MemoryType, reencode::Error<TooLarge>> {
        let mut ty = reencode::utils::memory_type(self, ty);
        ty.maximum = Some(maximum(ty.minimum, ty.maximum, PAGES_MAX)?);
        Ok(ty)
    }

    fn table_type(
        &mut self,
        ty: wasmparser::TableType,
    ) -> Result<wasm_encoder::TableType, reencode::Error<TooLarge>> {
        let mut ty = reencode::utils::table_type(self, ty)?;
        ty.maximum = Some(maximum(ty.minimum, ty.maximum, TABLE_ELEMENTS_MAX)?);
        Ok(ty)
    }
}
