//! Rewrites one component: a prelude brings the meter as a core instance of its own, and every core
//! module is given its globals. Knows nothing of what happens inside core modules.
//!
//! The prelude stands first, so that every index space of the component shifts by a constant.

use std::convert::Infallible;

use wasm_encoder::reencode::{self, Reencode, ReencodeComponent, component_utils};
use wasm_encoder::{
    Alias, BlockType, CanonicalFunctionSection, Component, ComponentAliasSection,
    ComponentExportKind, ComponentExportSection, ComponentImportSection, ComponentSectionId,
    ComponentTypeRef, ComponentTypeSection, ConstExpr, EntityType, ExportKind, InstanceSection,
    ModuleArg, PrimitiveValType, RawSection, ValType,
};
use wasmparser::{CanonicalFunction, ComponentExternalKind, ComponentOuterAliasKind, Payload};

use crate::MeterError;
use crate::admission::{self, bound};
use crate::hooks::{self, HOOKS};
use crate::module::{METER_GLOBALS, METER_GLOBALS_COUNT, METER_MODULE, meter_global_type};

/// The import through which a metered component asks for its budgets, once, before any guest code
/// runs: `func(which: u32) -> s64`, 0 for units, 1 for stack units.
pub const BUDGET_IMPORT: &str = "meterbox-meter-budget";

/// The export through which the meter is read: `func(which: u32) -> s64`, an index into
/// [`METER_GLOBALS`](crate::METER_GLOBALS).
pub const READ_EXPORT: &str = "meterbox-meter-read";

/// The function that the meter's core instance exports, and that no guest module can: by this name
/// the instance is found in a core dump.
pub const READ_FUNCTION: &str = "meterbox:meter/read";

const SHIFT_TYPES: u32 = 1;
const SHIFT_FUNCTIONS: u32 = 3;
const SHIFT_CORE_MODULES: u32 = 1;
const SHIFT_CORE_INSTANCES: u32 = 2;
const SHIFT_CORE_FUNCTIONS: u32 = 2;
const SHIFT_CORE_GLOBALS: u32 = 5;
/// The core instance that is the meter.
const METER_INSTANCE: u32 = 1;

/// Refuses what the meter does not see through, and counts instances of each core module.
#[derive(Default)]
pub(crate) struct ComponentCheck {
    /// For each core instance that runs code: which of the component's core modules it is of.
    pub instantiated: Vec<u32>,
}

impl ComponentCheck {
    /// Takes one payload of a component, `nesting` components deep.
    pub(crate) fn payload(
        &mut self,
        payload: &Payload<'_>,
        nesting: usize,
    ) -> Result<(), MeterError> {
        let unsupported = |what: &str| Err(MeterError::Unsupported { what: what.into() });
        match payload {
            Payload::ModuleSection { .. } if nesting > 0 => {
                return unsupported("a nested component with core code");
            }
            Payload::InstanceSection(section) => {
                for instance in section.clone() {
                    if let wasmparser::Instance::Instantiate { module_index, .. } = instance? {
                        if nesting > 0 {
                            return unsupported("a nested component with core code");
                        }
                        self.instantiated.push(module_index);
                        let instances = u64::try_from(self.instantiated.len()).unwrap_or(u64::MAX);
                        bound("core instances", instances, admission::CORE_INSTANCES_MAX)?;
                    }
                }
            }
            Payload::ComponentImportSection(section) => {
                for import in section.clone() {
                    let import = import?;
                    if matches!(import.ty, wasmparser::ComponentTypeRef::Module(_)) {
                        return unsupported("an imported core module");
                    }
                    if matches!(import.ty, wasmparser::ComponentTypeRef::Component(_)) {
                        return unsupported("an imported component");
                    }
                    reserved(nesting, import.name.name)?;
                }
            }
            Payload::ComponentExportSection(section) => {
                for export in section.clone() {
                    let export = export?;
                    if matches!(
                        export.kind,
                        ComponentExternalKind::Module | ComponentExternalKind::Component
                    ) {
                        return unsupported("an exported core module or component");
                    }
                    reserved(nesting, export.name.name)?;
                }
            }
            Payload::ComponentAliasSection(section) => {
                for alias in section.clone() {
                    match alias? {
                        wasmparser::ComponentAlias::InstanceExport {
                            kind: ComponentExternalKind::Module | ComponentExternalKind::Component,
                            ..
                        }
                        | wasmparser::ComponentAlias::Outer {
                            kind: ComponentOuterAliasKind::CoreModule,
                            ..
                        } => {
                            return unsupported("an alias of a core module");
                        }
                        _ => {}
                    }
                }
            }
            Payload::ComponentCanonicalSection(section) => {
                for function in section.clone() {
                    match function? {
                        CanonicalFunction::Lift { .. }
                        | CanonicalFunction::Lower { .. }
                        | CanonicalFunction::ResourceNew { .. }
                        | CanonicalFunction::ResourceDrop { .. }
                        | CanonicalFunction::ResourceRep { .. } => {}
                        other => {
                            let what = format!("{other:?}");
                            let name = what.split([' ', '{', '(']).next().unwrap_or_default();
                            return unsupported(&format!("the canonical function {name}"));
                        }
                    }
                }
            }
            Payload::ComponentStartSection { .. } => {
                return unsupported("a component start function");
            }
            _ => {}
        }
        Ok(())
    }
}

fn reserved(nesting: usize, name: &str) -> Result<(), MeterError> {
    if nesting == 0 && (name == BUDGET_IMPORT || name == READ_EXPORT) {
        return Err(MeterError::ReservedName { name: name.into() });
    }
    Ok(())
}

/// The component with `modules`, already rewritten, in place of its core modules in order.
pub(crate) fn rewrite(
    bytes: &[u8],
    modules: &[Vec<u8>],
    hooks: bool,
) -> Result<Vec<u8>, MeterError> {
    let mut component = Component::new();
    write_prelude(&mut component, hooks);
    let mut rewriter = Rewriter {
        nesting: 0,
        modules: modules.iter(),
    };
    let parser = wasmparser::Parser::new(0);
    component_utils::parse_component(&mut rewriter, &mut component, parser, bytes, bytes)
        .map_err(|error| MeterError::Encoding(error.to_string()))?;
    Ok(component.finish())
}

struct Rewriter<'m> {
    nesting: u32,
    modules: std::slice::Iter<'m, Vec<u8>>,
}

impl Rewriter<'_> {
    fn shift(&self, index: u32, by: u32) -> u32 {
        if self.nesting == 0 {
            index.saturating_add(by)
        } else {
            index
        }
    }
}

impl Reencode for Rewriter<'_> {
    type Error = Infallible;

    fn function_index(&mut self, func: u32) -> Result<u32, reencode::Error<Infallible>> {
        Ok(self.shift(func, SHIFT_CORE_FUNCTIONS))
    }

    fn global_index(&mut self, global: u32) -> Result<u32, reencode::Error<Infallible>> {
        Ok(self.shift(global, SHIFT_CORE_GLOBALS))
    }
}

impl ReencodeComponent for Rewriter<'_> {
    fn component_type_index(&mut self, ty: u32) -> u32 {
        self.shift(ty, SHIFT_TYPES)
    }

    fn component_func_index(&mut self, func: u32) -> u32 {
        self.shift(func, SHIFT_FUNCTIONS)
    }

    fn module_index(&mut self, module: u32) -> u32 {
        self.shift(module, SHIFT_CORE_MODULES)
    }

    fn instance_index(&mut self, instance: u32) -> u32 {
        self.shift(instance, SHIFT_CORE_INSTANCES)
    }

    fn outer_component_type_index(&mut self, count: u32, ty: u32) -> u32 {
        if count == self.nesting {
            ty.saturating_add(SHIFT_TYPES)
        } else {
            ty
        }
    }

    fn outer_type_index(
        &mut self,
        _count: u32,
        ty: u32,
    ) -> Result<u32, reencode::Error<Infallible>> {
        Ok(ty)
    }

    fn outer_component_index(&mut self, _count: u32, component: u32) -> u32 {
        component
    }

    fn push_depth(&mut self) {
        self.nesting += 1;
    }

    fn pop_depth(&mut self) {
        self.nesting -= 1;
    }

    fn parse_component_submodule(
        &mut self,
        component: &mut Component,
        _parser: wasmparser::Parser,
        _module: &[u8],
    ) -> Result<(), reencode::Error<Infallible>> {
        if let Some(data) = self.modules.next() {
            component.section(&RawSection {
                id: ComponentSectionId::CoreModule.into(),
                data,
            });
        }
        Ok(())
    }

    fn parse_instance(
        &mut self,
        instances: &mut InstanceSection,
        instance: wasmparser::Instance<'_>,
    ) -> Result<(), reencode::Error<Infallible>> {
        let wasmparser::Instance::Instantiate { module_index, args } = instance else {
            return component_utils::parse_instance(self, instances, instance);
        };
        let module = self.module_index(module_index);
        let args: Vec<_> = args
            .iter()
            .map(|arg| {
                (
                    arg.name,
                    ModuleArg::Instance(self.instance_index(arg.index)),
                )
            })
            .chain([(METER_MODULE, ModuleArg::Instance(METER_INSTANCE))])
            .collect();
        instances.instantiate(module, args);
        Ok(())
    }
}

/// Type, import, meter module, its instance, its globals, and the export that reads it.
fn write_prelude(component: &mut Component, hooks: bool) {
    let mut types = ComponentTypeSection::new();
    types
        .function()
        .params([("which", PrimitiveValType::U32)])
        .result(Some(PrimitiveValType::S64.into()));
    component.section(&types);

    let mut imports = ComponentImportSection::new();
    imports.import(BUDGET_IMPORT, ComponentTypeRef::Func(0));
    component.section(&imports);

    let mut lower = CanonicalFunctionSection::new();
    lower.lower(0, []);
    component.section(&lower);

    component.section(&wasm_encoder::ModuleSection(&meter_module(hooks)));

    let mut instances = InstanceSection::new();
    instances.export_items([("budget", ExportKind::Func, 0)]);
    instances.instantiate(0, [("host", ModuleArg::Instance(0))]);
    component.section(&instances);

    let mut aliases = ComponentAliasSection::new();
    for (name, _) in METER_GLOBALS {
        aliases.alias(Alias::CoreInstanceExport {
            instance: METER_INSTANCE,
            kind: ExportKind::Global,
            name,
        });
    }
    aliases.alias(Alias::CoreInstanceExport {
        instance: METER_INSTANCE,
        kind: ExportKind::Func,
        name: READ_FUNCTION,
    });
    component.section(&aliases);

    let mut lift = CanonicalFunctionSection::new();
    lift.lift(1, 0, []);
    component.section(&lift);

    let mut exports = ComponentExportSection::new();
    exports.export(READ_EXPORT, ComponentExportKind::Func, 1, None);
    component.section(&exports);
}

/// The core module that owns the meter's globals and listens to a program with hooks, for an engine
/// that runs a core module: it imports `host` `budget`, as [`BUDGET_IMPORT`] is, and exports what a
/// core module with hooks imports of the meter.
#[must_use]
pub fn meter_with_hooks() -> Vec<u8> {
    meter_module(true).finish()
}

/// The core module that owns the meter's globals. Its start function fetches the budgets.
fn meter_module(hooks: bool) -> wasm_encoder::Module {
    let mut module = wasm_encoder::Module::new();
    let mut types = wasm_encoder::TypeSection::new();
    types.ty().function([ValType::I32], [ValType::I64]);
    types.ty().function([], []);
    if hooks {
        hooks::encode_types(&mut types);
    }
    module.section(&types);

    let mut imports = wasm_encoder::ImportSection::new();
    imports.import("host", "budget", EntityType::Function(0));
    module.section(&imports);

    let mut functions = wasm_encoder::FunctionSection::new();
    functions.function(1);
    functions.function(0);
    if hooks {
        (2..).zip(HOOKS).for_each(|(ty, _)| {
            functions.function(ty);
        });
    }
    module.section(&functions);
    if hooks {
        module.section(&hooks::memory());
    }

    let mut globals = wasm_encoder::GlobalSection::new();
    let mut exports = wasm_encoder::ExportSection::new();
    for (index, (name, is_i32)) in (0u32..).zip(METER_GLOBALS) {
        let zero = if is_i32 {
            ConstExpr::i32_const(0)
        } else {
            ConstExpr::i64_const(0)
        };
        globals.global(meter_global_type(is_i32), &zero);
        exports.export(name, ExportKind::Global, index);
    }
    exports.export(READ_FUNCTION, ExportKind::Func, 2);
    if hooks {
        hooks::declare(&mut globals, &mut exports, METER_GLOBALS_COUNT, 3);
    }
    module.section(&globals);
    module.section(&exports);
    module.section(&wasm_encoder::StartSection { function_index: 1 });

    let mut code = wasm_encoder::CodeSection::new();
    let mut start = wasm_encoder::Function::new([]);
    start
        .instructions()
        .i32_const(0)
        .call(0)
        .global_set(0)
        .i32_const(1)
        .call(0)
        .i32_wrap_i64()
        .global_set(1);
    if hooks {
        hooks::begin(&mut start, 0, METER_GLOBALS_COUNT);
    }
    start.instructions().end();
    code.function(&start);
    let mut read = wasm_encoder::Function::new([]);
    for (index, (_, is_i32)) in (0u32..).zip(METER_GLOBALS) {
        let which = i32::try_from(index).unwrap_or(i32::MAX);
        let mut ops = read.instructions();
        ops.local_get(0)
            .i32_const(which)
            .i32_eq()
            .if_(BlockType::Empty)
            .global_get(index);
        if is_i32 {
            ops.i64_extend_i32_s();
        }
        ops.return_().end();
    }
    read.instructions().i64_const(0).end();
    code.function(&read);
    if hooks {
        for body in hooks::bodies(METER_GLOBALS_COUNT) {
            code.function(&body);
        }
    }
    module.section(&code);
    module
}
