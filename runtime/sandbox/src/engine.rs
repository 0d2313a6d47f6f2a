//! The engine, with everything that is not deterministic off, and compiled programs. Never runs one.

use std::collections::HashMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, OnceLock};

use meterbox_meter::{Declared, Kind, METER_MODULE, Metered};
use wasmtime::component::types::{ComponentFunc, ComponentItem};
use wasmtime::component::{Component, InstancePre, Type};
use wasmtime::{
    Config, Engine, ExternType, FuncType, InstanceAllocationStrategy, Linker, Module,
    PoolingAllocationConfig, Store, WasmBacktraceDetails,
};

use crate::component;
use crate::host::Host;
use crate::limits::{Limits, STACK_UNITS_MAX};
use crate::models::{ModelCache, Models};
use crate::nn;
use crate::outcome::{Fault, Refusal};
use crate::wasi_0_1;
use crate::worker::{Artefact, InferenceEngine};

/// The engine and its version, as receipts name them.
pub const ENGINE_NAME: &str = "wasmtime";
/// The version of the engine.
pub const ENGINE_VERSION: &str = "48.0.8";
/// How float results that WebAssembly leaves open are fixed: the meter's rewriting makes every NaN
/// the canonical one, on whatever engine.
pub const FLOAT_MODE: &str = "canonical-nan";

/// How hard the compiler tries. Never visible in a bill.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OptLevel {
    /// Compiles fast.
    None,
    /// Runs fast.
    Speed,
}

impl OptLevel {
    /// Its name, as receipts and command lines have it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            OptLevel::None => "none",
            OptLevel::Speed => "speed",
        }
    }

    /// The level of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<OptLevel> {
        [OptLevel::None, OptLevel::Speed]
            .into_iter()
            .find(|level| level.name() == name)
    }
}

/// Native stack of guest code: 64 bytes for each unit of the largest limit, which is more than any
/// one operator's values take. It is address space: only what is used becomes memory.
pub(crate) const NATIVE_STACK_BYTES: usize = (256 << 20) + UNCOUNTED_STACK_BYTES;

/// Native stack for the one frame at the top that takes no stack units, because it calls nothing.
const UNCOUNTED_STACK_BYTES: usize = 1 << 20;

/// Stack that a run's thread has for the host beside what guest code may use.
pub(crate) const HOST_STACK_BYTES: usize = 2 << 20;

const _: () = assert!((256_u32 << 20).ilog2() == STACK_UNITS_MAX.ilog2() + 6);

/// How many bytes of parsed models are kept for later jobs.
const MODEL_CACHE_BYTES: u64 = 1 << 30;

/// Compiles and runs programs in this process.
pub(crate) struct InProcess {
    pub(crate) engine: Engine,
    pub(crate) components: wasmtime::component::Linker<Host>,
    pub(crate) modules: Linker<Host>,
    /// The types of the functions that modules can import, by their module and name.
    module_types: HashMap<(String, String), FuncType>,
    pub(crate) cache: Arc<ModelCache>,
}

/// A metered program, compiled, and ready to be instantiated any number of times.
pub struct Program {
    pub(crate) code: Code,
    pub(crate) metered: Metered,
}

pub(crate) enum Code {
    /// A component, and which of its exports is run.
    Component(InstancePre<Host>, Entry),
    /// A WASI 0.1 command.
    Command(Module),
    /// What workers load.
    Artefact(Artefact),
}

/// What is called to run a component.
#[derive(Debug, Clone)]
pub(crate) enum Entry {
    /// `run` of world `job`.
    Job,
    /// `run` of this instance, which is a version of `wasi:cli/run`.
    Command(String),
}

impl Program {
    /// What the program's instances declare: charged before it runs.
    #[must_use]
    pub fn declared(&self) -> Declared {
        self.metered.declared
    }

    /// What checking and compiling the program is billed, in admission units.
    #[must_use]
    pub fn admission_units(&self) -> u64 {
        self.metered.admission.units()
    }

    /// Whether the program is a command, with standard input, output and error.
    #[must_use]
    pub fn is_command(&self) -> bool {
        match &self.code {
            Code::Command(_) | Code::Component(_, Entry::Command(_)) => true,
            Code::Component(_, Entry::Job) => false,
            Code::Artefact(artefact) => artefact.is_command,
        }
    }
}

/// Where instances get their memories and tables from. Never visible in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Allocation {
    /// Each from the system: for programs and limits of any size.
    OnDemand,
    /// From a pool that was reserved before: quicker, for programs and limits that
    /// [`fits_pool`](Program::fits_pool).
    Pooled,
}

/// Memories, and tables, of all instances of a program in the pool.
const POOL_MEMORIES: u32 = 16;
/// Bytes of one memory in the pool: all that 32 bits can name.
const POOL_MEMORY_BYTES: usize = 4 << 30;
/// Elements of one table in the pool: no limit is refused that a table there can hold.
const POOL_TABLE_ELEMENTS: usize = 1 << 20;

impl Program {
    /// Whether a run under these limits finds in a pool what it would find without.
    pub(crate) fn fits_pool(&self, limits: &Limits) -> bool {
        let fits = |bound: u64, of: usize| usize::try_from(bound).is_ok_and(|bound| bound <= of);
        let required = match &self.code {
            Code::Component(pre, _) => pre.component().resources_required(),
            Code::Command(module) => Some(module.resources_required()),
            Code::Artefact(_) => None,
        };
        fits(limits.memory_bytes, POOL_MEMORY_BYTES)
            && fits(limits.table_elements, POOL_TABLE_ELEMENTS)
            && required.is_some_and(|required| {
                required.num_memories <= POOL_MEMORIES && required.num_tables <= POOL_MEMORIES
            })
    }
}

impl InProcess {
    pub(crate) fn new(opt_level: OptLevel, allocation: Allocation) -> Result<InProcess, Fault> {
        let host =
            |error: wasmtime::Error| Fault::Host(format!("the engine does not start: {error:#}"));
        let mut config = config(opt_level);
        if allocation == Allocation::Pooled {
            config.allocation_strategy(pool());
        }
        let engine = Engine::new(&config).map_err(host)?;
        let components = component::linker(&engine).map_err(host)?;
        let mut modules = Linker::new(&engine);
        wasi_0_1::link(&mut modules).map_err(host)?;
        nn::witx::link(&mut modules).map_err(host)?;
        let cache = Arc::new(ModelCache::new(MODEL_CACHE_BYTES));
        let models: Arc<dyn Models> = Arc::<ModelCache>::clone(&cache);
        Ok(InProcess {
            module_types: function_types(&engine, &modules, &models),
            engine,
            components,
            modules,
            cache,
        })
    }

    /// What computes with models in this process.
    pub(crate) fn inference_engine(&self) -> InferenceEngine {
        static ENGINE: OnceLock<InferenceEngine> = OnceLock::new();
        ENGINE.get_or_init(InferenceEngine::embedded).clone()
    }

    /// Compiles a metered program, and checks that everything it imports is there.
    pub(crate) fn compile(&self, mut metered: Metered) -> Result<Program, Refusal> {
        let bytes = std::mem::take(&mut metered.bytes);
        let code = match metered.kind {
            Kind::Component => self.linked_component(
                &Component::from_binary(&self.engine, &bytes).map_err(engine_error)?,
            )?,
            Kind::Module => self
                .linked_module(Module::from_binary(&self.engine, &bytes).map_err(engine_error)?)?,
        };
        Ok(Program { code, metered })
    }

    /// Compiles a metered program to what [`load`](InProcess::load) takes. Nothing of it is mapped.
    pub(crate) fn compile_artefact(&self, kind: Kind, bytes: &[u8]) -> Result<Vec<u8>, Refusal> {
        match kind {
            Kind::Component => self.engine.precompile_component(bytes),
            Kind::Module => self.engine.precompile_module(bytes),
        }
        .map_err(engine_error)
    }

    /// A program from what compiling it has left in a file, and checks that everything it imports is
    /// there.
    ///
    /// # Safety
    /// The file is what [`compile_artefact`](InProcess::compile_artefact) made, and nobody changes it.
    pub(crate) unsafe fn load(&self, metered: Metered, artefact: File) -> Result<Program, Refusal> {
        let code = match metered.kind {
            Kind::Component => {
                let bytes = whole(&artefact).map_err(|error| engine_error(error.into()))?;
                // SAFETY: as this function's own.
                let component = unsafe { Component::deserialize(&self.engine, &bytes) };
                self.linked_component(&component.map_err(engine_error)?)?
            }
            Kind::Module => {
                // SAFETY: as this function's own.
                let module = unsafe { Module::deserialize_open_file(&self.engine, artefact) };
                self.linked_module(module.map_err(engine_error)?)?
            }
        };
        Ok(Program { code, metered })
    }

    fn linked_component(&self, component: &Component) -> Result<Code, Refusal> {
        self.check_component_imports(component)?;
        let entry = component_entry(&self.engine, component)?;
        let pre = self
            .components
            .instantiate_pre(component)
            .map_err(engine_error)?;
        Ok(Code::Component(pre, entry))
    }

    fn linked_module(&self, module: Module) -> Result<Code, Refusal> {
        self.check_module_imports(&module)?;
        match module.get_export("_start") {
            Some(ExternType::Func(ty)) if ty.params().len() + ty.results().len() == 0 => {}
            _ => return Err(Refusal::NothingToRun),
        }
        Ok(Code::Command(module))
    }

    /// Names the first import that the linker does not have, which is plainer than what linking says.
    fn check_component_imports(&self, component: &Component) -> Result<(), Refusal> {
        let mut known = self.components.clone();
        for (name, _) in component.component_type().imports(&self.engine) {
            let offered = name == meterbox_meter::BUDGET_IMPORT
                || crate::host_calls::INTERFACES
                    .iter()
                    .any(|interface| is_version_of(name, interface));
            if !offered {
                return Err(Refusal::UnknownImport {
                    name: name.to_string(),
                });
            }
        }
        // What is left can only be a function that an interface does not have, or a type.
        known.allow_shadowing(true);
        known
            .instantiate_pre(component)
            .map(|_| ())
            .map_err(|error| Refusal::UnknownImport {
                name: format!("{error:#}"),
            })
    }

    fn check_module_imports(&self, module: &Module) -> Result<(), Refusal> {
        for import in module.imports() {
            let name = || format!("{}.{}", import.module(), import.name());
            if import.module() == METER_MODULE {
                continue;
            }
            let priced = crate::host_calls::weight(import.module(), import.name()).is_some()
                && crate::host_calls::MODULES.contains(&import.module());
            let (true, ExternType::Func(ty)) = (priced, import.ty()) else {
                return Err(Refusal::UnknownImport { name: name() });
            };
            let key = (import.module().to_string(), import.name().to_string());
            let offered = self.module_types.get(&key);
            if !offered.is_some_and(|offered| FuncType::eq(offered, &ty)) {
                return Err(Refusal::Engine(format!(
                    "the import `{}` has another type than it is given",
                    name()
                )));
            }
        }
        Ok(())
    }
}

/// All of a file, wherever others who have it open stand.
fn whole(file: &File) -> std::io::Result<Vec<u8>> {
    let length = usize::try_from(file.metadata()?.len())
        .map_err(|_| std::io::Error::from(std::io::ErrorKind::FileTooLarge))?;
    let mut bytes = vec![0; length];
    file.read_exact_at(&mut bytes, 0)?;
    Ok(bytes)
}

fn engine_error(error: wasmtime::Error) -> Refusal {
    Refusal::Engine(format!("{error:#}"))
}

/// The types of what a linker for modules has: it tells them only beside a run's state.
fn function_types(
    engine: &Engine,
    linker: &Linker<Host>,
    models: &Arc<dyn Models>,
) -> HashMap<(String, String), FuncType> {
    let mut store = Store::new(engine, Host::nowhere(Arc::clone(models)));
    let linked: Vec<_> = linker
        .iter(&mut store)
        .map(|(module, name, item)| ((module.to_string(), name.to_string()), item))
        .collect();
    linked
        .into_iter()
        .filter_map(|(name, item)| Some((name, item.into_func()?.ty(&store))))
        .collect()
}

/// Whether `name` is this interface at a version that the offered one is compatible with.
fn is_version_of(name: &str, interface: &crate::host_calls::Interface) -> bool {
    let (base, version) = name.split_once('@').unwrap_or((name, ""));
    if base != interface.name {
        return false;
    }
    match interface.version {
        Some(offered) if base.starts_with("wasi:nn/") => version == offered,
        Some(offered) => {
            let track = |version: &str| {
                version
                    .split('.')
                    .take(2)
                    .map(str::to_string)
                    .collect::<Vec<_>>()
            };
            track(version) == track(offered)
        }
        None => version.is_empty(),
    }
}

fn component_entry(engine: &Engine, component: &Component) -> Result<Entry, Refusal> {
    for (name, item) in component.component_type().exports(engine) {
        match item.ty {
            ComponentItem::ComponentFunc(ty) if name == "run" => {
                return has_result(&ty, true)
                    .then_some(Entry::Job)
                    .ok_or(Refusal::NothingToRun);
            }
            ComponentItem::ComponentInstance(instance) if name.starts_with("wasi:cli/run@0.2.") => {
                return match instance.get_export(engine, "run").map(|run| run.ty) {
                    Some(ComponentItem::ComponentFunc(ty)) if has_result(&ty, false) => {
                        Ok(Entry::Command(name.to_string()))
                    }
                    _ => Err(Refusal::NothingToRun),
                };
            }
            _ => {}
        }
    }
    Err(Refusal::NothingToRun)
}

/// Whether a function takes nothing and gives a `result<_, string>`, or else a `result`.
fn has_result(ty: &ComponentFunc, with_text: bool) -> bool {
    let mut results = ty.results();
    let (Some(Type::Result(result)), None, 0) = (results.next(), results.next(), ty.params().len())
    else {
        return false;
    };
    match (result.ok(), result.err()) {
        (None, Some(Type::String)) => with_text,
        (None, None) => !with_text,
        _ => false,
    }
}

/// A pool for one job at a time.
fn pool() -> InstanceAllocationStrategy {
    let instances =
        u32::try_from(meterbox_meter::admission::CORE_INSTANCES_MAX).unwrap_or(u32::MAX);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(2)
        .max_component_instance_size(16 << 20)
        // A component's own, and the meter's.
        .max_core_instances_per_component(instances.saturating_add(2))
        .total_core_instances(instances.saturating_add(2))
        .max_core_instance_size(16 << 20)
        .total_memories(POOL_MEMORIES)
        .max_memories_per_component(POOL_MEMORIES)
        .max_memories_per_module(POOL_MEMORIES)
        .max_memory_size(POOL_MEMORY_BYTES)
        .total_tables(POOL_MEMORIES)
        .max_tables_per_component(POOL_MEMORIES)
        .max_tables_per_module(POOL_MEMORIES)
        .table_elements(POOL_TABLE_ELEMENTS)
        .total_gc_heaps(1);
    InstanceAllocationStrategy::Pooling(pool)
}

fn config(opt_level: OptLevel) -> Config {
    let mut config = Config::new();
    config
        .cranelift_opt_level(match opt_level {
            OptLevel::None => wasmtime::OptLevel::None,
            OptLevel::Speed => wasmtime::OptLevel::Speed,
        })
        // The meter is read from the dump of a component that trapped.
        .coredump_on_trap(true)
        .max_wasm_stack(NATIVE_STACK_BYTES)
        // Nothing here is asynchronous, but the engine compares the two.
        .async_stack_size(NATIVE_STACK_BYTES + HOST_STACK_BYTES)
        // By itself, the engine would ask the environment.
        .wasm_backtrace_details(WasmBacktraceDetails::Disable)
        .wasm_relaxed_simd(false)
        .wasm_gc(false)
        .wasm_function_references(false)
        // The meter handles them, but the engine keeps them in a heap that nothing here counts yet.
        .wasm_exceptions(false)
        .wasm_memory64(true)
        .wasm_multi_memory(true)
        // What the meter adds is hardly ever taken, and says so.
        .wasm_branch_hinting(true)
        .wasm_custom_page_sizes(false)
        .wasm_wide_arithmetic(false)
        .wasm_component_model(true);
    config
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engine_has_the_version_that_receipts_name() {
        let lock = include_str!("../../../Cargo.lock");
        let pinned = format!("name = \"{ENGINE_NAME}\"\nversion = \"{ENGINE_VERSION}\"\n");
        assert!(lock.contains(&pinned));
    }

    #[test]
    fn versions_are_compatible_within_a_minor_one() {
        let check = |name: &str, expected: bool| {
            let found = crate::host_calls::INTERFACES
                .iter()
                .any(|interface| is_version_of(name, interface));
            assert_eq!(found, expected, "{name}");
        };
        check("wasi:io/poll@0.2.0", true);
        check("wasi:io/poll@0.2.99", true);
        check("wasi:io/poll@0.3.0", false);
        check("wasi:io/poll", false);
        check("meterbox:job/log@0.1.7", true);
        check("meterbox:job/log@0.2.0", false);
        check("wasi:nn/graph@0.2.0-rc-2024-10-28", true);
        check("wasi:nn/graph@0.2.0", false);
    }
}
