//! Runs the directives of one script: modules pass through the meter, and share one count.

use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

use meterbox_meter::{METER_GLOBALS, METER_MODULE, MeterError, meter};
use wasmtime::{
    Config, Engine, Extern, Global, GlobalType, Instance, Linker, Memory, MemoryType, Module,
    Mutability, Ref, RefType, Store, Table, TableType, Val, ValType,
};
use wast::{QuoteWat, WastDirective, WastExecute, WastInvoke, Wat};

use crate::values;

static ENGINE: LazyLock<Engine> = LazyLock::new(|| {
    let mut config = Config::new();
    config.wasm_exceptions(true).wasm_tail_call(true);
    config.wasm_memory64(true).wasm_multi_memory(true);
    config.max_wasm_stack(32 << 20).async_stack_size(64 << 20);
    Engine::new(&config).unwrap()
});

/// What older versions of the suite refuse, and version 3.0 allows: several memories and tables, and
/// the longer encodings that came with them.
const SUPERSEDED: &[&str] = &[
    "multiple memories",
    "multiple tables",
    "zero byte expected",
    "zero flag expected",
    "integer representation too long",
];

/// What became of the directives.
#[derive(Default)]
pub struct Tally {
    pub passed: u64,
    pub skipped: u64,
    /// Directives about threads, components and the like.
    pub other_kinds: u64,
    /// What only older versions of the suite expect.
    pub superseded: u64,
    pub refused: BTreeMap<String, u64>,
    pub failures: Vec<String>,
    pub unread: Vec<String>,
}

impl Tally {
    pub fn add(&mut self, other: Tally) {
        self.passed += other.passed;
        self.skipped += other.skipped;
        self.other_kinds += other.other_kinds;
        self.superseded += other.superseded;
        self.failures.extend(other.failures);
        self.unread.extend(other.unread);
        for (reason, count) in other.refused {
            *self.refused.entry(reason).or_default() += count;
        }
    }
}

/// The module that a directive means is not there, because it was refused.
struct Missing;

enum Ran {
    Values(Vec<Val>),
    Ended(wasmtime::Error),
}

pub struct Script<'t> {
    file: String,
    tally: &'t mut Tally,
    store: Store<()>,
    linker: Linker<()>,
    stack_left: Global,
    left: Global,
    definitions: HashMap<String, Vec<u8>>,
    last_definition: Option<Vec<u8>>,
    instances: HashMap<String, Option<Instance>>,
    last: Option<Instance>,
    /// A module was registered that was refused: what imports from it cannot be linked.
    lacks: bool,
}

const STACK_UNITS: i32 = 1 << 20;
const UNITS: i64 = 1 << 40;

impl<'t> Script<'t> {
    pub fn new(file: &str, tally: &'t mut Tally) -> Script<'t> {
        let mut store = Store::new(&ENGINE, ());
        let mut linker = Linker::new(&ENGINE);
        linker.allow_shadowing(true);
        spectest(&mut store, &mut linker);
        let mut globals = Vec::new();
        for (name, is_i32) in METER_GLOBALS {
            let (ty, value) = match (name, is_i32) {
                ("left", _) => (ValType::I64, Val::I64(UNITS)),
                ("stack-left", _) => (ValType::I32, Val::I32(STACK_UNITS)),
                (_, true) => (ValType::I32, Val::I32(0)),
                (_, false) => (ValType::I64, Val::I64(0)),
            };
            let ty = GlobalType::new(ty, Mutability::Var);
            let global = Global::new(&mut store, ty, value).unwrap();
            linker.define(&store, METER_MODULE, name, global).unwrap();
            globals.push(global);
        }
        Script {
            file: file.to_owned(),
            tally,
            store,
            linker,
            stack_left: globals[1],
            left: globals[0],
            definitions: HashMap::new(),
            last_definition: None,
            instances: HashMap::new(),
            last: None,
            lacks: false,
        }
    }

    fn fail(&mut self, line: &str, why: impl std::fmt::Display) {
        self.tally
            .failures
            .push(format!("{}: {line}: {why}", self.file));
    }

    pub fn directive(&mut self, directive: WastDirective<'_>) {
        // Each begins with a full budget: what a trap left behind is of no interest here.
        let stack_left = self.stack_left;
        stack_left.set(&mut self.store, STACK_UNITS.into()).unwrap();
        let left = self.left;
        left.set(&mut self.store, UNITS.into()).unwrap();
        let line = format!("at byte {}", directive.span().offset());
        match directive {
            WastDirective::Module(mut module) => {
                let name = module.name().map(|id| id.name().to_owned());
                let instance = self.define(&line, &mut module).and_then(|bytes| {
                    self.last_definition = Some(bytes.clone());
                    self.instantiate(&line, &bytes)
                });
                self.keep(name, instance);
            }
            WastDirective::ModuleDefinition(mut module) => {
                let name = module.name().map(|id| id.name().to_owned());
                self.last_definition = self.define(&line, &mut module);
                if let (Some(name), Some(bytes)) = (name, &self.last_definition) {
                    self.definitions.insert(name, bytes.clone());
                }
            }
            WastDirective::ModuleInstance {
                instance, module, ..
            } => {
                let bytes = match module {
                    Some(id) => self.definitions.get(id.name()).cloned(),
                    None => self.last_definition.clone(),
                };
                let new = bytes.and_then(|bytes| self.instantiate(&line, &bytes));
                self.keep(instance.map(|id| id.name().to_owned()), new);
            }
            WastDirective::Register { name, module, .. } => {
                let instance = match module {
                    Some(id) => self.instances.get(id.name()).copied().flatten(),
                    None => self.last,
                };
                match instance {
                    Some(instance) => {
                        let linked = self.linker.instance(&mut self.store, name, instance);
                        linked.unwrap();
                    }
                    None => self.lacks = true,
                }
            }
            WastDirective::Invoke(invoke) => match self.invoke(&invoke) {
                Ok(Ran::Values(_)) => self.tally.passed += 1,
                Ok(Ran::Ended(error)) => self.fail(&line, format!("{error:#}")),
                Err(Missing) => self.tally.skipped += 1,
            },
            WastDirective::AssertReturn { exec, results, .. } => {
                let negates =
                    matches!(&exec, WastExecute::Invoke(call) if call.name.contains("neg"));
                match self.execute(exec) {
                    Ok(Ran::Values(values)) => {
                        match values::all_match(&mut self.store, &values, &results, negates) {
                            true => self.tally.passed += 1,
                            false => self.fail(&line, format!("{values:?}, expected {results:?}")),
                        }
                    }
                    Ok(Ran::Ended(error)) => self.fail(&line, format!("{error:#}")),
                    Err(Missing) => self.tally.skipped += 1,
                }
            }
            WastDirective::AssertTrap { exec, message, .. } => {
                let ran = self.execute(exec);
                self.ends(&line, ran, message);
            }
            WastDirective::AssertException { exec, .. } => {
                let ran = self.execute(exec);
                self.ends(&line, ran, "exception");
            }
            WastDirective::AssertExhaustion { call, .. } => {
                let ran = self.invoke(&call);
                let exhausted = self.stack_left.get(&mut self.store).unwrap_i32() < 0;
                match ran {
                    Ok(Ran::Ended(_)) if exhausted => self.tally.passed += 1,
                    Ok(_) => self.fail(&line, "the stack was not exhausted"),
                    Err(Missing) => self.tally.skipped += 1,
                }
            }
            WastDirective::AssertInvalid {
                mut module,
                message,
                ..
            }
            | WastDirective::AssertMalformed {
                mut module,
                message,
                ..
            } => match module.encode().ok().map(|bytes| meter(&bytes)) {
                None | Some(Err(_)) => self.tally.passed += 1,
                Some(Ok(_)) if SUPERSEDED.contains(&message) => self.tally.superseded += 1,
                Some(Ok(_)) => self.fail(&line, format!("accepted, expected {message}")),
            },
            WastDirective::AssertUnlinkable { module, .. } => {
                let mut module = QuoteWat::Wat(module);
                let Some(bytes) = self.define(&line, &mut module) else {
                    self.tally.skipped += 1;
                    return;
                };
                match self.try_instantiate(&bytes) {
                    Err(_) => self.tally.passed += 1,
                    Ok(_) => self.fail(&line, "linked"),
                }
            }
            _ => self.tally.other_kinds += 1,
        }
    }

    fn ends(&mut self, line: &str, ran: Result<Ran, Missing>, message: &str) {
        match ran {
            Ok(Ran::Ended(error)) => {
                let said = format!("{error:?}");
                let is_thrown = said.contains("thrown");
                // Names of traps differ between the suite and engines in a few words only.
                let first = message.split(' ').next().unwrap_or_default();
                let names = said.contains(first) || message.starts_with("uninitialized");
                match names || message == "exception" && is_thrown {
                    true => self.tally.passed += 1,
                    false => self.fail(line, format!("expected {message}, got {said}")),
                }
            }
            Ok(Ran::Values(values)) => {
                self.fail(line, format!("expected {message}, got {values:?}"));
            }
            Err(Missing) => self.tally.skipped += 1,
        }
    }

    fn keep(&mut self, name: Option<String>, instance: Option<Instance>) {
        if let Some(name) = name {
            self.instances.insert(name, instance);
        }
        self.last = instance;
    }

    /// The module's bytes after the meter, or nothing if the meter refused them.
    fn define(&mut self, line: &str, module: &mut QuoteWat<'_>) -> Option<Vec<u8>> {
        let bytes = match module.encode() {
            Ok(bytes) => bytes,
            Err(error) => {
                *self
                    .tally
                    .refused
                    .entry(format!("text: {error}").chars().take(40).collect())
                    .or_default() += 1;
                return None;
            }
        };
        match meter(&bytes) {
            Ok(metered) => Some(metered.bytes),
            Err(MeterError::Encoding(why)) => {
                self.fail(line, format!("not written: {why}"));
                None
            }
            Err(error) => {
                let why: String = error.to_string().chars().take(60).collect();
                *self.tally.refused.entry(why).or_default() += 1;
                None
            }
        }
    }

    fn try_instantiate(&mut self, bytes: &[u8]) -> wasmtime::Result<Instance> {
        let module = Module::new(&ENGINE, bytes)?;
        self.linker.instantiate(&mut self.store, &module)
    }

    fn instantiate(&mut self, line: &str, bytes: &[u8]) -> Option<Instance> {
        match self.try_instantiate(bytes) {
            Ok(instance) => {
                self.tally.passed += 1;
                Some(instance)
            }
            Err(error) => {
                let said = format!("{error:#}");
                if self.lacks && said.contains("unknown import") {
                    self.tally.skipped += 1;
                } else {
                    self.fail(line, said);
                }
                None
            }
        }
    }

    fn execute(&mut self, execute: WastExecute<'_>) -> Result<Ran, Missing> {
        match execute {
            WastExecute::Invoke(invoke) => self.invoke(&invoke),
            WastExecute::Wat(module) => self.run_module(module),
            WastExecute::Get { module, global, .. } => {
                let instance = self.instance(module.map(|id| id.name()))?;
                let global = instance.get_global(&mut self.store, global).unwrap();
                Ok(Ran::Values(vec![global.get(&mut self.store)]))
            }
        }
    }

    fn run_module(&mut self, module: Wat<'_>) -> Result<Ran, Missing> {
        let mut module = QuoteWat::Wat(module);
        let bytes = self
            .define("a module that ends", &mut module)
            .ok_or(Missing)?;
        Ok(match self.try_instantiate(&bytes) {
            Ok(_) => Ran::Values(Vec::new()),
            Err(error) => Ran::Ended(error),
        })
    }

    fn instance(&mut self, name: Option<&str>) -> Result<Instance, Missing> {
        match name {
            Some(name) => self.instances.get(name).copied().flatten().ok_or(Missing),
            None => self.last.ok_or(Missing),
        }
    }

    fn invoke(&mut self, invoke: &WastInvoke<'_>) -> Result<Ran, Missing> {
        let instance = self.instance(invoke.module.map(|id| id.name()))?;
        let Some(Extern::Func(function)) = instance.get_export(&mut self.store, invoke.name) else {
            panic!("{}: no function `{}`", self.file, invoke.name);
        };
        let arguments: Vec<Val> = invoke
            .args
            .iter()
            .map(|argument| values::argument(&mut self.store, argument))
            .collect();
        let mut results = vec![Val::I32(0); function.ty(&self.store).results().len()];
        Ok(
            match function.call(&mut self.store, &arguments, &mut results) {
                Ok(()) => Ran::Values(results),
                Err(error) => Ran::Ended(error),
            },
        )
    }
}

/// What scripts import from `spectest`.
fn spectest(store: &mut Store<()>, linker: &mut Linker<()>) {
    let function = |linker: &mut Linker<()>, name: &str, parameters: Vec<ValType>| {
        let ty = wasmtime::FuncType::new(&ENGINE, parameters, []);
        linker
            .func_new("spectest", name, ty, |_, _, _| Ok(()))
            .unwrap();
    };
    function(linker, "print", vec![]);
    function(linker, "print_i32", vec![ValType::I32]);
    function(linker, "print_i64", vec![ValType::I64]);
    function(linker, "print_f32", vec![ValType::F32]);
    function(linker, "print_f64", vec![ValType::F64]);
    function(linker, "print_i32_f32", vec![ValType::I32, ValType::F32]);
    function(linker, "print_f64_f64", vec![ValType::F64, ValType::F64]);
    for (name, ty, value) in [
        ("global_i32", ValType::I32, Val::I32(666)),
        ("global_i64", ValType::I64, Val::I64(666)),
        ("global_f32", ValType::F32, Val::F32(666.6f32.to_bits())),
        ("global_f64", ValType::F64, Val::F64(666.6f64.to_bits())),
    ] {
        let ty = GlobalType::new(ty, Mutability::Const);
        let global = Global::new(&mut *store, ty, value).unwrap();
        linker.define(&*store, "spectest", name, global).unwrap();
    }
    let table = TableType::new(RefType::FUNCREF, 10, Some(20));
    let table = Table::new(&mut *store, table, Ref::Func(None)).unwrap();
    linker.define(&*store, "spectest", "table", table).unwrap();
    let table = TableType::new64(RefType::FUNCREF, 10, Some(20));
    let table = Table::new(&mut *store, table, Ref::Func(None)).unwrap();
    linker
        .define(&*store, "spectest", "table64", table)
        .unwrap();
    let memory = Memory::new(&mut *store, MemoryType::new(1, Some(2))).unwrap();
    linker
        .define(&*store, "spectest", "memory", memory)
        .unwrap();
}
