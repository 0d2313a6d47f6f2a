//! The types of a module: those of its own, of functions that take the meter's count along, and of
//! blocks that the rewriting adds. Knows nothing of what functions do.

use std::collections::HashMap;

use wasm_encoder::reencode::{Reencode, RoundtripReencoder};
use wasm_encoder::{BlockType, TypeSection, ValType};

use crate::MeterError;
use crate::module::{encoding, index, position};

type Types = Vec<wasmparser::ValType>;

/// A module's types, and the type of each of its functions and tags.
#[derive(Default)]
pub(crate) struct Signatures {
    /// Parameters and results; only functions can be types here.
    own: Vec<(Types, Types)>,
    /// Types of blocks, which come after the module's own and the threaded ones.
    blocks: Vec<(Types, Types)>,
    block_index: HashMap<(Types, Types), usize>,
    /// The type of each tag.
    pub(crate) tags: Vec<u32>,
}

impl Signatures {
    /// Adds the module's next type.
    pub(crate) fn push(&mut self, parameters: Types, results: Types) {
        self.own.push((parameters, results));
    }

    /// Parameters and results of a type.
    pub(crate) fn of(&self, ty: u32) -> Result<(Types, Types), MeterError> {
        let ty = self.own.get(position(ty)).cloned();
        ty.ok_or_else(|| MeterError::Encoding("a type that is not there".into()))
    }

    /// How many parameters a type has.
    pub(crate) fn parameters_of(&self, ty: u32) -> usize {
        self.own
            .get(position(ty))
            .map_or(0, |(parameters, _)| parameters.len())
    }

    /// The values that a tag carries.
    pub(crate) fn of_tag(&self, tag: u32) -> Result<Types, MeterError> {
        let ty = self.tags.get(position(tag)).copied();
        let ty = ty.ok_or_else(|| MeterError::Encoding("a tag that is not there".into()))?;
        Ok(self.of(ty)?.0)
    }

    /// Parameters and results of a block.
    pub(crate) fn of_block(
        &self,
        block: wasmparser::BlockType,
    ) -> Result<(Types, Types), MeterError> {
        match block {
            wasmparser::BlockType::Empty => Ok((Vec::new(), Vec::new())),
            wasmparser::BlockType::Type(ty) => Ok((Vec::new(), vec![ty])),
            wasmparser::BlockType::FuncType(ty) => self.of(ty),
        }
    }

    /// The type of a function of this type that takes the meter's count along: two more parameters,
    /// the units and the stack units left, and one more result, the units left. Both are i64: parameters that a
    /// processor has no register for are written and read in memory, and reading more bytes than were written
    /// right before makes it wait, which engines do with an i32.
    pub(crate) fn threaded(&self, ty: u32) -> u32 {
        ty.saturating_add(u32::try_from(self.own.len()).unwrap_or(u32::MAX))
    }

    /// The type of a block with these parameters and results.
    pub(crate) fn block(
        &mut self,
        parameters: &[wasmparser::ValType],
        results: &[wasmparser::ValType],
    ) -> Result<BlockType, MeterError> {
        match (parameters, results) {
            ([], []) => return Ok(BlockType::Empty),
            ([], [one]) => {
                let ty = RoundtripReencoder.val_type(*one).map_err(encoding)?;
                return Ok(BlockType::Result(ty));
            }
            _ => {}
        }
        let key = (parameters.to_vec(), results.to_vec());
        let at = match self.block_index.get(&key) {
            Some(at) => *at,
            None => {
                let at = self.blocks.len();
                self.block_index.insert(key.clone(), at);
                self.blocks.push(key);
                at
            }
        };
        Ok(BlockType::FunctionType(index(2 * self.own.len() + at)?))
    }

    /// Writes the threaded types and those of blocks, after the module's own.
    pub(crate) fn encode(&self, types: &mut TypeSection) -> Result<(), MeterError> {
        for (parameters, results) in &self.own {
            let mut parameters = encoded(parameters)?;
            parameters.extend([ValType::I64, ValType::I64]);
            let mut results = encoded(results)?;
            results.push(ValType::I64);
            types.ty().function(parameters, results);
        }
        for (parameters, results) in &self.blocks {
            types.ty().function(encoded(parameters)?, encoded(results)?);
        }
        Ok(())
    }
}

fn encoded(types: &[wasmparser::ValType]) -> Result<Vec<ValType>, MeterError> {
    let types = types.iter().map(|ty| RoundtripReencoder.val_type(*ty));
    types.collect::<Result<Vec<_>, _>>().map_err(encoding)
}
