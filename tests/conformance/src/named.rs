//! Gives each import of WASI a function of the program's own that does nothing but call it, and that is named
//! after it: a profile, which counts what a program's own functions do, then says which host functions were
//! called, and how often. What the program does stays the same.

use std::convert::Infallible;

use anyhow::{Result, anyhow, bail, ensure};
use wasm_encoder::reencode::{self, Reencode};
use wasm_encoder::{CodeSection, Function, FunctionSection, Module, NameMap, NameSection};
use wasmparser::{CompositeInnerType, FuncType, Parser, Payload, TypeRef};

/// What opens a module, and a component.
const HEADER_BYTES: usize = 8;

/// The sections of a component that hold a module, and another component.
const CORE_MODULE: u8 = 1;
const COMPONENT: u8 = 4;

/// The module or component, with a function named `interface#function` for each import of WASI.
pub fn with_named_calls(program: &[u8]) -> Result<Vec<u8>> {
    if Parser::is_component(program) {
        in_component(program)
    } else {
        in_module(program)
    }
}

/// Copies a component, section by section; only modules within it change.
fn in_component(component: &[u8]) -> Result<Vec<u8>> {
    let (header, mut rest) = component
        .split_at_checked(HEADER_BYTES)
        .ok_or_else(|| anyhow!("the component is cut off"))?;
    let mut made = header.to_vec();
    while let Some((kind, after)) = rest.split_first() {
        let mut size = wasmparser::BinaryReader::new(after, 0);
        let length = usize::try_from(size.read_var_u32()?)?;
        let (content, next) = after[size.original_position()..]
            .split_at_checked(length)
            .ok_or_else(|| anyhow!("a section is cut off"))?;
        let content = match *kind {
            CORE_MODULE => in_module(content)?,
            COMPONENT => in_component(content)?,
            _ => content.to_vec(),
        };
        made.push(*kind);
        wasm_encoder::Encode::encode(content.as_slice(), &mut made);
        rest = next;
    }
    Ok(made)
}

fn in_module(module: &[u8]) -> Result<Vec<u8>> {
    let mut naming = Naming::of(module)?;
    if naming.calls.is_empty() {
        return Ok(module.to_vec());
    }
    let mut made = Module::new();
    naming
        .parse_core_module(&mut made, Parser::new(0), module)
        .map_err(|error| anyhow!("the module cannot be written anew: {error}"))?;
    let mut names = NameMap::new();
    for (at, call) in (naming.first..).zip(&naming.calls) {
        names.append(at, &call.name);
    }
    let mut section = NameSection::new();
    section.functions(&names);
    made.section(&section);
    Ok(made.finish())
}

/// An import of WASI.
struct Call {
    import: u32,
    name: String,
    type_index: u32,
    parameters: u32,
}

/// The imports of WASI, and the index of the first function that stands for one: they come after all others.
struct Naming {
    calls: Vec<Call>,
    first: u32,
}

impl Naming {
    fn of(module: &[u8]) -> Result<Self> {
        let mut types: Vec<Option<FuncType>> = Vec::new();
        let (mut functions, mut calls, mut has_code) = (0, Vec::new(), false);
        for payload in Parser::new(0).parse_all(module) {
            match payload? {
                Payload::TypeSection(section) => {
                    for group in section {
                        types.extend(group?.into_types().map(|ty| match ty.composite_type.inner {
                            CompositeInnerType::Func(ty) => Some(ty),
                            _ => None,
                        }));
                    }
                }
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        let import = import?;
                        let TypeRef::Func(type_index) = import.ty else {
                            continue;
                        };
                        if let Some(interface) = wasi(import.module) {
                            let ty = types.get(usize::try_from(type_index)?);
                            let Some(Some(ty)) = ty else {
                                bail!("an import has no type");
                            };
                            calls.push(Call {
                                import: functions,
                                name: format!("{interface}#{}", import.name),
                                type_index,
                                parameters: u32::try_from(ty.params().len())?,
                            });
                        }
                        functions += 1;
                    }
                }
                Payload::FunctionSection(section) => functions += section.count(),
                Payload::CodeSectionStart { .. } => has_code = true,
                _ => {}
            }
        }
        ensure!(
            has_code || calls.is_empty(),
            "a module imports {}, and has no function of its own",
            calls[0].name
        );
        Ok(Self {
            calls,
            first: functions,
        })
    }
}

/// The interface of WASI that an import's module names, without its version.
fn wasi(module: &str) -> Option<&str> {
    let is_wasi = module.starts_with("wasi:") || module == "wasi_snapshot_preview1";
    is_wasi.then(|| module.split('@').next().unwrap_or(module))
}

impl Reencode for Naming {
    type Error = Infallible;

    fn function_index(&mut self, index: u32) -> Result<u32, reencode::Error<Infallible>> {
        let found = (self.first..)
            .zip(&self.calls)
            .find(|(_, call)| call.import == index);
        Ok(found.map_or(index, |(at, _)| at))
    }

    fn parse_function_section(
        &mut self,
        functions: &mut FunctionSection,
        section: wasmparser::FunctionSectionReader<'_>,
    ) -> Result<(), reencode::Error<Infallible>> {
        reencode::utils::parse_function_section(self, functions, section)?;
        for call in &self.calls {
            functions.function(call.type_index);
        }
        Ok(())
    }

    fn parse_code_section(
        &mut self,
        code: &mut CodeSection,
        section: wasmparser::CodeSectionReader<'_>,
    ) -> Result<(), reencode::Error<Infallible>> {
        reencode::utils::parse_code_section(self, code, section)?;
        for call in &self.calls {
            let mut function = Function::new([]);
            let mut body = function.instructions();
            for parameter in 0..call.parameters {
                body.local_get(parameter);
            }
            body.call(call.import).end();
            code.function(&function);
        }
        Ok(())
    }

    /// Names of functions, and what else would tell of places that are others now.
    fn parse_custom_section(
        &mut self,
        _module: &mut Module,
        _section: wasmparser::CustomSectionReader<'_>,
    ) -> Result<(), reencode::Error<Infallible>> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Functions of a module that are named, and the text of it.
    fn made(text: &str) -> Vec<u8> {
        with_named_calls(&wat::parse_str(text).unwrap()).unwrap()
    }

    #[test]
    fn every_way_to_an_import_leads_through_the_function_that_is_named_after_it() {
        let text = r#"(module
            (import "elsewhere" "first" (func $first))
            (import "wasi:io/poll@0.2.6" "[method]pollable.ready" (func $ready (param i32) (result i32)))
            (table funcref (elem $ready))
            (func $own (param i32) (result i32) local.get 0 call $ready)
            (export "ready" (func $ready)) (export "own" (func $own)))"#;
        let expected = r#"(module
            (import "elsewhere" "first" (func $first))
            (import "wasi:io/poll@0.2.6" "[method]pollable.ready" (func $ready (param i32) (result i32)))
            (table funcref (elem $named))
            (func $own (param i32) (result i32) local.get 0 call $named)
            (func $named (param i32) (result i32) local.get 0 call $ready)
            (export "ready" (func $named)) (export "own" (func $own)))"#;
        let module = made(text);
        let mut names = Vec::new();
        for payload in Parser::new(0).parse_all(&module) {
            if let Payload::CustomSection(section) = payload.unwrap()
                && let wasmparser::KnownCustom::Name(subsections) = section.as_known()
            {
                for subsection in subsections {
                    if let wasmparser::Name::Function(map) = subsection.unwrap() {
                        names.extend(map.into_iter().map(Result::unwrap));
                    }
                }
            }
        }
        let names: Vec<_> = names.iter().map(|name| (name.index, name.name)).collect();
        assert_eq!(names, [(3, "wasi:io/poll#[method]pollable.ready")]);
        assert_eq!(
            without_names(&module),
            without_names(&wat::parse_str(expected).unwrap())
        );
    }

    /// The module without its custom sections.
    fn without_names(module: &[u8]) -> Vec<u8> {
        let mut made = Module::new();
        struct Plain;
        impl Reencode for Plain {
            type Error = Infallible;
            fn parse_custom_section(
                &mut self,
                _module: &mut Module,
                _section: wasmparser::CustomSectionReader<'_>,
            ) -> Result<(), reencode::Error<Infallible>> {
                Ok(())
            }
        }
        Plain
            .parse_core_module(&mut made, Parser::new(0), module)
            .unwrap();
        made.finish()
    }

    #[test]
    fn a_module_that_imports_nothing_of_wasi_stays_as_it_is() {
        let text = r#"(module (import "wasi" "now" (func)) (func $named (export "f")))"#;
        assert_eq!(made(text), wat::parse_str(text).unwrap());
    }

    #[test]
    fn modules_within_components_are_changed_wherever_they_are() {
        let text = r#"(component
            (import "wasi:random/insecure-seed@0.2.0" (instance))
            (core module (import "wasi:random/random@0.2.0" "get-random-u64" (func (result i64))) (func))
            (component (core module (import "wasi:clocks/wall-clock@0.2.0" "now" (func (param i32))) (func))))"#;
        let component = made(text);
        let text = String::from_utf8_lossy(&component);
        for name in [
            "wasi:random/random#get-random-u64",
            "wasi:clocks/wall-clock#now",
        ] {
            assert!(text.contains(name), "{name}");
        }
        wasmparser::Validator::new()
            .validate_all(&component)
            .unwrap();
    }
}
