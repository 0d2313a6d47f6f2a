//! Custom sections: which stay, and the names of functions. Never looks at code.

use std::convert::Infallible;

use wasm_encoder::reencode::{self, Reencode};
use wasm_encoder::{RawSection, SectionId};

use crate::MeterError;
use crate::facts::ModuleFacts;
use crate::module::{Shift, position};

/// Gives functions the names that a name section has for them; what is malformed is left out.
pub(crate) fn take_names(custom: &wasmparser::CustomSectionReader<'_>, facts: &mut ModuleFacts) {
    let wasmparser::KnownCustom::Name(names) = custom.as_known() else {
        return;
    };
    let first = facts.functions.first().map_or(0, |function| function.index);
    for subsection in names.into_iter().map_while(Result::ok) {
        if let wasmparser::Name::Function(functions) = subsection {
            for name in functions.into_iter().map_while(Result::ok) {
                let at = name.index.checked_sub(first).map(position);
                if let Some(function) = at.and_then(|at| facts.functions.get_mut(at)) {
                    function.name = Some(name.name.to_owned());
                }
            }
        }
    }
}

/// Keeps a custom section, unless it describes code offsets, which are no longer true. Hints on branches
/// are the meter's own.
pub(crate) fn write(
    module: &mut wasm_encoder::Module,
    custom: &wasmparser::CustomSectionReader<'_>,
    shift: &mut Shift,
) -> Result<(), MeterError> {
    let name = custom.name();
    if name.starts_with(".debug_")
        || name.starts_with("metadata.code.")
        || name == "sourceMappingURL"
        || name == "external_debug_info"
    {
        return Ok(());
    }
    if let wasmparser::KnownCustom::Name(names) = custom.as_known() {
        // Names only help people: a malformed section is left out rather than refused.
        if let Ok(names) = names_without_locals(names, shift) {
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

/// The names that still hold: locals and labels have moved.
fn names_without_locals(
    section: wasmparser::NameSectionReader<'_>,
    shift: &mut Shift,
) -> Result<wasm_encoder::NameSection, reencode::Error<Infallible>> {
    let mut names = wasm_encoder::NameSection::new();
    for subsection in section {
        match subsection? {
            wasmparser::Name::Local(_) | wasmparser::Name::Label(_) => {}
            wasmparser::Name::Function(functions) => {
                let mut kept = wasm_encoder::NameMap::new();
                for name in functions {
                    let name = name?;
                    kept.append(shift.own(name.index), name.name);
                }
                names.functions(&kept);
            }
            other => shift.parse_custom_name_subsection(&mut names, other)?,
        }
    }
    Ok(names)
}
