//! Runs generated modules on the engine, plain or metered, and says what each call took: time, and
//! units if it is metered. Knows nothing of what the modules do.
#![allow(
    clippy::unwrap_used,
    reason = "a module that a benchmark generates is valid, or the benchmark is wrong"
)]

use std::time::Instant;

use meterbox_meter::{METER_GLOBALS, Metered, Options, Tier, left_at_start, meter_with};
use wasmtime::{
    Config, Engine, Extern, Global, GlobalType, Instance, Module, Mutability, OptLevel, Store, Val,
    ValType,
};

/// The engine's own stack, as the sandbox has it.
const STACK_BYTES: usize = 256 << 20;
/// Room for the host's frames above it.
const HOST_STACK_BYTES: usize = 4 << 20;
/// As much stack by the meter's count as a job can have.
const STACK_UNITS: i32 = 4_194_304;
/// More than any benchmark uses.
const BUDGET: u64 = 1 << 60;

/// Does something on a thread whose stack is as large as a job's, and fresh.
pub fn on_large_stack<T: Send>(act: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        std::thread::Builder::new()
            .stack_size(STACK_BYTES + HOST_STACK_BYTES)
            .spawn_scoped(scope, act)
            .unwrap()
            .join()
            .unwrap()
    })
}

/// An engine for generated modules.
#[derive(Clone)]
pub struct Laboratory {
    engine: Engine,
}

/// What a call took.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cost {
    /// Nanoseconds of wall time.
    pub ns: f64,
    /// Units by the meter; 0 of a plain guest.
    pub units: f64,
}

impl Cost {
    /// Nanoseconds for each unit.
    #[must_use]
    pub fn ns_per_unit(self) -> f64 {
        self.ns / self.units
    }
}

/// A compiled module.
#[derive(Clone)]
pub struct Program {
    module: Module,
    metered: Option<Metered>,
}

impl Program {
    /// The memory tier by which it is metered, if it is.
    #[must_use]
    pub fn tier(&self) -> Option<Tier> {
        self.metered.as_ref().map(|metered| metered.tier)
    }
}

/// An instance of a program.
pub struct Guest {
    store: Store<()>,
    instance: Instance,
    left: Option<Global>,
    /// Units charged for its declarations.
    pub declared: f64,
}

impl Laboratory {
    /// An engine that optimises as the sandbox does; with one thread for compiling, if it is
    /// compiling that is measured.
    #[must_use]
    pub fn new(compiles_in_parallel: bool) -> Laboratory {
        let mut config = Config::new();
        config
            .cranelift_opt_level(OptLevel::Speed)
            .max_wasm_stack(STACK_BYTES)
            .async_stack_size(STACK_BYTES + HOST_STACK_BYTES)
            .parallel_compilation(compiles_in_parallel)
            .wasm_exceptions(true);
        Laboratory {
            engine: Engine::new(&config).unwrap(),
        }
    }

    /// Compiles a module as it is.
    #[must_use]
    pub fn plain(&self, wasm: &[u8]) -> Program {
        Program {
            module: Module::new(&self.engine, wasm).unwrap_or_else(|error| panic!("{error:?}")),
            metered: None,
        }
    }

    /// Compiles a module with the meter, or says why it is refused.
    pub fn metered(&self, wasm: &[u8]) -> Result<Program, String> {
        let metered = meter_with(wasm, &Options::default()).map_err(|error| error.to_string())?;
        Ok(Program {
            module: Module::new(&self.engine, &metered.bytes)
                .map_err(|error| format!("{error:?}"))?,
            metered: Some(metered),
        })
    }

    /// Makes an instance.
    #[must_use]
    pub fn start(&self, program: &Program) -> Guest {
        let mut store = Store::new(&self.engine, ());
        let (mut left, mut declared) = (None, 0.0);
        let mut imports: Vec<Extern> = Vec::new();
        if let Some(metered) = &program.metered {
            declared = float(metered.declared.units);
            for import in program.module.imports() {
                let global = meter_global(&mut store, metered, import.name());
                if import.name() == METER_GLOBALS[0].0 {
                    left = Some(global);
                }
                imports.push(global.into());
            }
        }
        let instance = Instance::new(&mut store, &program.module, &imports).unwrap();
        Guest {
            store,
            instance,
            left,
            declared,
        }
    }
}

fn meter_global(store: &mut Store<()>, metered: &Metered, name: &str) -> Global {
    let is_i32 = METER_GLOBALS.contains(&(name, true));
    let (ty, value) = match (name, is_i32) {
        ("left", _) => (
            ValType::I64,
            Val::I64(left_at_start(metered, BUDGET).unwrap()),
        ),
        ("stack-left", _) => (ValType::I32, Val::I32(STACK_UNITS)),
        (_, true) => (ValType::I32, Val::I32(0)),
        (_, false) => (ValType::I64, Val::I64(0)),
    };
    Global::new(store, GlobalType::new(ty, Mutability::Var), value).unwrap()
}

impl Guest {
    fn left(&mut self) -> u64 {
        match self.left.map(|left| left.get(&mut self.store)) {
            Some(Val::I64(left)) => u64::try_from(left).unwrap(),
            _ => 0,
        }
    }

    /// Calls an export, which takes a number of laps and gives an i64, and says what it took; or
    /// nothing, if it trapped.
    pub fn call(&mut self, export: &str, laps: u32) -> Option<Cost> {
        let laps = i32::try_from(laps).unwrap();
        let function = self
            .instance
            .get_typed_func::<i32, i64>(&mut self.store, export)
            .unwrap();
        let before = self.left();
        let began = Instant::now();
        let result = function.call(&mut self.store, laps);
        let ns = began.elapsed().as_secs_f64() * 1e9;
        result.ok()?;
        let units = float(before - self.left());
        Some(Cost { ns, units })
    }

    /// Calls the export `setup`, if there is one.
    pub fn set_up(&mut self) {
        let setup = self
            .instance
            .get_typed_func::<(), ()>(&mut self.store, "setup");
        if let Ok(setup) = setup {
            setup.call(&mut self.store, ()).unwrap();
        }
    }
}

/// A count as a float; exact below 2^53.
#[must_use]
pub fn float(count: u64) -> f64 {
    let half = |bits: u64| f64::from(u32::try_from(bits & 0xffff_ffff).unwrap_or(0));
    half(count >> 32) * 4_294_967_296.0 + half(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metered_call_says_its_units() {
        let wasm = wat::parse_str(
            r#"(module (func (export "f") (param i32) (result i64)
                (loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
                (i64.const 0)))"#,
        )
        .unwrap();
        let laboratory = Laboratory::new(true);
        let mut guest = laboratory.start(&laboratory.metered(&wasm).unwrap());
        let (one, ten) = (guest.call("f", 1).unwrap(), guest.call("f", 10).unwrap());
        assert!(ten.units > one.units && ten.ns > 0.0);
        let mut plain = laboratory.start(&laboratory.plain(&wasm));
        assert_eq!(plain.call("f", 10).unwrap().units, 0.0);
        assert_eq!(float((1 << 40) + 3), 1_099_511_627_779.0);
    }
}
