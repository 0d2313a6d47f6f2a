//! Bounds how deep the types of a component are nested. Follows them without recursion, since a few bytes
//! a level would take the stack of whoever reads them otherwise; checks nothing else.

use wasmparser::{
    BinaryReader, ComponentAlias, ComponentImport, ComponentType, CoreType, InstanceTypeDeclaration,
};

use crate::MeterError;
use crate::admission::{self, bound};

const COMPONENT: u8 = 0x41;
const INSTANCE: u8 = 0x42;
/// Declarations within a component or instance type.
const CORE_TYPE: u8 = 0x00;
const TYPE: u8 = 0x01;
const ALIAS: u8 = 0x02;
const IMPORT: u8 = 0x03;

/// Refuses a section of component types that are nested too deep. What cannot be read is left to the
/// validator.
pub(crate) fn check(section: &[u8]) -> Result<(), MeterError> {
    let mut reader = BinaryReader::new(section, 0);
    match follow(&mut reader) {
        Ok(depth) => Ok(bound(
            "types within types",
            depth,
            admission::NESTED_TYPES_MAX,
        )?),
        Err(_) => Ok(()),
    }
}

/// How deep types are nested, or that it is deeper than the bound.
fn follow(reader: &mut BinaryReader<'_>) -> wasmparser::Result<u64> {
    // Of each type that is open, how many declarations are left; first of the section, how many types.
    let mut open = vec![reader.read_var_u32()?];
    let mut deepest = 0;
    while let Some(left) = open.last_mut() {
        let Some(rest) = left.checked_sub(1) else {
            open.pop();
            continue;
        };
        *left = rest;
        if open.len() > 1 && !is_type(reader)? {
            continue;
        }
        match reader.clone().read_u8()? {
            COMPONENT | INSTANCE => {
                reader.read_u8()?;
                open.push(reader.read_var_u32()?);
                deepest = deepest.max(crate::module::count(open.len() - 1));
                if deepest > admission::NESTED_TYPES_MAX {
                    break;
                }
            }
            _ => reader.read::<ComponentType<'_>>().map(|_| ())?,
        }
    }
    Ok(deepest)
}

/// Whether the next declaration is of a type, which then begins here; passes any other.
fn is_type(reader: &mut BinaryReader<'_>) -> wasmparser::Result<bool> {
    let mut next = reader.clone();
    match next.read_u8()? {
        TYPE => {
            *reader = next;
            return Ok(true);
        }
        CORE_TYPE => next.read::<CoreType<'_>>().map(|_| ())?,
        ALIAS => next.read::<ComponentAlias<'_>>().map(|_| ())?,
        IMPORT => next.read::<ComponentImport<'_>>().map(|_| ())?,
        _ => {
            next = reader.clone();
            next.read::<InstanceTypeDeclaration<'_>>()?;
        }
    }
    *reader = next;
    Ok(false)
}
