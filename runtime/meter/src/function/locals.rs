//! Where locals are in a rewritten body: the guest's, the two that come as parameters, and those that
//! the meter's code needs. Knows nothing of what they are used for.

use wasm_encoder::reencode::{Reencode, RoundtripReencoder};
use wasm_encoder::{Encode, ValType};

use super::body::Body;
use super::floats::{Kind, Which};
use crate::MeterError;
use crate::module::encoding;

/// What a local of the meter's own is for. None is in use where another one of the same purpose is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// The length of a bulk operator.
    Length(Width),
    /// What `memory.grow` answered.
    Answer(Width),
    /// The index of the table's element that is called.
    Element(Width),
    /// The laps of a counted loop.
    Laps,
    Distance,
    Stride,
    /// Where the variable of a counted loop is after its laps.
    End(Width),
    /// Where the function stands in a profile.
    Node,
    /// A float that is made canonical.
    F32,
    F64,
    V128,
    /// What a `select` chooses from, and by.
    Operand(Which, Kind),
    Condition,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Width {
    I32,
    I64,
}

impl Width {
    pub(super) fn of(wide: bool) -> Width {
        if wide { Width::I64 } else { Width::I32 }
    }
}

impl Purpose {
    fn ty(self) -> ValType {
        match self {
            Purpose::Length(width)
            | Purpose::Answer(width)
            | Purpose::Element(width)
            | Purpose::End(width) => match width {
                Width::I32 => ValType::I32,
                Width::I64 => ValType::I64,
            },
            Purpose::Node | Purpose::Condition => ValType::I32,
            Purpose::Laps | Purpose::Distance | Purpose::Stride => ValType::I64,
            Purpose::F32 | Purpose::Operand(_, Kind::F32) => ValType::F32,
            Purpose::F64 | Purpose::Operand(_, Kind::F64) => ValType::F64,
            Purpose::V128 | Purpose::Operand(..) => ValType::V128,
        }
    }
}

pub(super) struct Locals {
    /// Types of the guest's locals that are no parameters.
    declared: Vec<wasmparser::ValType>,
    parameters: u32,
    guest: u32,
    own: Vec<Purpose>,
}

impl Locals {
    pub(super) fn new(body: &Body<'_>) -> Locals {
        Locals {
            declared: body.locals[body.parameters..].to_vec(),
            parameters: u32::try_from(body.parameters).unwrap_or(u32::MAX),
            guest: u32::try_from(body.locals.len()).unwrap_or(u32::MAX),
            own: Vec::new(),
        }
    }

    /// The units left.
    pub(super) fn left(&self) -> u32 {
        self.parameters
    }

    /// The stack units left.
    pub(super) fn stack(&self) -> u32 {
        self.parameters + 1
    }

    /// Where a local of the guest's is.
    pub(super) fn guest(&self, local: u32) -> u32 {
        match local < self.parameters {
            true => local,
            false => local + 2,
        }
    }

    /// The local for this purpose.
    pub(super) fn own(&mut self, purpose: Purpose) -> u32 {
        let known = self.own.iter().position(|own| *own == purpose);
        let at = known.unwrap_or_else(|| {
            self.own.push(purpose);
            self.own.len() - 1
        });
        self.guest + 2 + u32::try_from(at).unwrap_or(0)
    }

    /// Writes the declarations of all locals that are no parameters.
    pub(super) fn encode(&self, out: &mut Vec<u8>) -> Result<(), MeterError> {
        let mut types = Vec::new();
        for ty in &self.declared {
            types.push(RoundtripReencoder.val_type(*ty).map_err(encoding)?);
        }
        types.extend(self.own.iter().map(|purpose| purpose.ty()));
        let groups: Vec<(u32, ValType)> = types
            .chunk_by(|a, b| a == b)
            .map(|group| (u32::try_from(group.len()).unwrap_or(0), group[0]))
            .collect();
        groups.len().encode(out);
        for (count, ty) in groups {
            count.encode(out);
            ty.encode(out);
        }
        Ok(())
    }
}
